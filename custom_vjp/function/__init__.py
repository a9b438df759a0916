"""custom_vjp.Function: torch.autograd.Function as an operation of JAX; `_engine.py` has the map."""
