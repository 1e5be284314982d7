"""Data plugins: points, potentials, trajectories and campaigns on the graph."""
