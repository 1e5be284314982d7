"""Motions of polyanions held fixed in molecular dynamics: rotation, translation, vibration."""
