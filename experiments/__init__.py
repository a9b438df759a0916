"""Experiments that take more than one device: data-parallel training, and what it exchanges."""
