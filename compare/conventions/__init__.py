"""Where JAX and PyTorch define a function or its derivative otherwise; a topic a file."""
