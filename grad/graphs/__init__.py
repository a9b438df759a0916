"""grad.graph: what was recorded, as PyTorch's graph of functions: read, named, placed and drawn."""
