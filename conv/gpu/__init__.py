"""Convolutions that XLA lowers badly on NVIDIA GPUs: a lowering rule for a few of them."""
