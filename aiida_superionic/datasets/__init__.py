"""Configurations and their labels: reading, checking, selecting, dividing and joining them."""

from aiida_superionic.datasets.dataset import SUBSETS, Dataset
from aiida_superionic.datasets.frame import DatasetError, Frame

__all__ = ["SUBSETS", "Dataset", "DatasetError", "Frame"]
