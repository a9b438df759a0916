"""flax.nnx modules with the arguments, attributes and state_dict names of torch.nn's."""
