"""Timing convolutions: this package, raw lax, flax.nnx, equinox and PyTorch, turn by turn."""
