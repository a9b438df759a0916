"""``torch.func`` on JAX: transformations of functions with PyTorch's arguments and results."""

from grad._func_call import functional_call as functional_call
from grad._func_call import stack_module_state as stack_module_state
from grad._func_gradients import grad as grad
from grad._func_gradients import grad_and_value as grad_and_value
from grad._func_gradients import jvp as jvp
from grad._func_gradients import vjp as vjp
from grad._func_jacobians import hessian as hessian
from grad._func_jacobians import jacfwd as jacfwd
from grad._func_jacobians import jacrev as jacrev
from grad._func_vmap import vmap as vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "stack_module_state",
    "vjp",
    "vmap",
]
