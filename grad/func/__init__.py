"""`torch.func` on JAX: transformations of functions with PyTorch's arguments and results."""

from ._call import functional_call as functional_call
from ._call import stack_module_state as stack_module_state
from ._gradients import grad as grad
from ._gradients import grad_and_value as grad_and_value
from ._gradients import jvp as jvp
from ._gradients import vjp as vjp
from ._jacobians import hessian as hessian
from ._jacobians import jacfwd as jacfwd
from ._jacobians import jacrev as jacrev
from ._vmap import vmap as vmap

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
