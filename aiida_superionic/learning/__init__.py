"""Learning potentials from labelled frames."""
