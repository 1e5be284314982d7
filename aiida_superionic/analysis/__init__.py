"""Observables of a trajectory: arrays in, small frozen results out. Nothing here imports AiiDA."""
