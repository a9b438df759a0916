"""Functions of PyTorch whose derivative, or value, JAX defines otherwise, as PyTorch has them.

PyTorch's names, arguments and defaults; at kinks, ties and poles its values and derivatives. They
are `jax.custom_jvp` definitions and plain compositions: forward and reverse mode, any order, jit
and vmap. `python -m compare semantics` shows each beside JAX's own and PyTorch's.

    from custom_vjp import functional as F

    jax.grad(lambda x: F.clamp(x, -1, 1).sum())(x)
"""

from ._complex import complex_grad
from ._cumulative import cummax, cummin
from ._extremes import amax, amin, max, median, min, nanmedian
from ._kinks import abs, clamp, hardtanh, l1_loss, leaky_relu, relu, sign
from ._moments import std, var
from ._norms import cosine_similarity, dist, norm, normalize, vector_norm
from ._pairs import copysign, floor_divide, fmax, fmin, maximum, minimum
from ._plane import angle, atan2, hypot
from ._powers import float_power, logaddexp, logaddexp2, pow, xlog1py, xlogy
from ._special import digamma, gelu, lgamma, logit, softplus

__all__ = [
    "abs",
    "amax",
    "amin",
    "angle",
    "atan2",
    "clamp",
    "complex_grad",
    "copysign",
    "cosine_similarity",
    "cummax",
    "cummin",
    "digamma",
    "dist",
    "float_power",
    "floor_divide",
    "fmax",
    "fmin",
    "gelu",
    "hardtanh",
    "hypot",
    "l1_loss",
    "leaky_relu",
    "lgamma",
    "logaddexp",
    "logaddexp2",
    "logit",
    "max",
    "maximum",
    "median",
    "min",
    "minimum",
    "nanmedian",
    "norm",
    "normalize",
    "pow",
    "relu",
    "sign",
    "softplus",
    "std",
    "var",
    "vector_norm",
    "xlog1py",
    "xlogy",
]
