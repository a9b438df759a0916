"""Functions of single elements, and of pairs of them."""

import jax
import jax.numpy as jnp
import torch
import torch.nn.functional as nn
from jax.scipy import special

from custom_vjp import functional as F

from .._convention import Convention

INF, NAN = float("inf"), float("nan")
# JAX took over PyTorch's values at some poles and kinks: seen to differ in 0.10.2, not in 0.12.0.
ADOPTED = jax.__version_info__ >= (0, 12)

ROWS = (
    Convention("abs at 0", jnp.abs, torch.abs, F.abs, ([-2, 0, 3],)),
    Convention("abs at nan", jnp.abs, torch.abs, F.abs, ([NAN],)),
    Convention(
        "abs of complex numbers",
        lambda z: jax.grad(lambda z: jnp.abs(z).sum())(z),
        lambda z: torch.autograd.grad(torch.abs(z.requires_grad_()).sum(), z)[0],
        F.complex_grad(lambda z: F.abs(z).sum()),
        ([3 + 4j, 0],),
        "the gradient itself",
        derive=False,
    ),
    Convention(
        "mean absolute difference where both are equal",
        lambda a, b: jnp.abs(a - b).mean(),
        nn.l1_loss,
        F.l1_loss,
        ([1, 2], [1, 0]),
    ),
    Convention("sign of nan", jnp.sign, torch.sign, F.sign, ([-2, NAN],)),
    Convention("relu at nan", jax.nn.relu, torch.relu, F.relu, ([-1, 0, 2, NAN],)),
    Convention("leaky_relu at 0", jax.nn.leaky_relu, nn.leaky_relu, F.leaky_relu, ([-2, 0, 3],)),
    Convention("hardtanh at -1 and 1", jax.nn.hard_tanh, nn.hardtanh, F.hardtanh, ([-1, 0.5, 1],)),
    Convention(
        "clamp(x, -1, 1) at -1 and 1",
        lambda x: jnp.clip(x, -1, 1),
        lambda x: torch.clamp(x, -1, 1),
        lambda x: F.clamp(x, -1, 1),
        ([-2, -1, 0, 1],),
        "PyTorch 2.14: 0 at both bounds",
    ),
    Convention(
        "clamp(x, min) with an array of bounds",
        lambda x, a: jnp.clip(x, a),
        torch.clamp,
        F.clamp,
        ([0, 1, 2], [1, 1, 1]),
        "PyTorch 2.14: 0 for x at the bound",
    ),
    Convention(
        "clamp(x, min, max) with arrays of bounds",
        jnp.clip,
        torch.clamp,
        F.clamp,
        ([0, 1, 3, 5, 1, 0], [1, 1, 1, 1, 1, 4], [3, 3, 3, 3, 1, 2]),
        "PyTorch 2.14: 0 for x at a bound",
    ),
    Convention(
        "copysign at 0", jnp.copysign, torch.copysign, F.copysign, ([0, 1, INF], [-1, -1, -1])
    ),
    Convention(
        "maximum with nan", jnp.maximum, torch.maximum, F.maximum, ([NAN, 1, 2], [1, NAN, 2])
    ),
    Convention(
        "minimum with nan", jnp.minimum, torch.minimum, F.minimum, ([NAN, 1, 2], [1, NAN, 2])
    ),
    Convention("fmax of equal ones", jnp.fmax, torch.fmax, F.fmax, ([0, 1, 2], [1, 1, 1])),
    Convention("fmin of equal ones", jnp.fmin, torch.fmin, F.fmin, ([0, 1, 2], [1, 1, 1])),
    Convention(
        "floor_divide",
        jnp.floor_divide,
        torch.floor_divide,
        F.floor_divide,
        ([7, -7], [2, 2]),
        "PyTorch has no derivative of it, and says so",
    ),
    Convention(
        "heaviside",
        jnp.heaviside,
        torch.heaviside,
        None,
        ([-1, 0, NAN], [0.5, 0.5, 0.5]),
        "PyTorch has no derivative of it, and says so",
    ),
    Convention("angle of real numbers", jnp.angle, torch.angle, F.angle, ([-2, 0, -0.0, 2],)),
    Convention("atan2(0, 0)", jnp.arctan2, torch.atan2, F.atan2, ([0, 1], [0, 1])),
    Convention("hypot(0, 0)", jnp.hypot, torch.hypot, F.hypot, ([0, 3], [0, 4]), same=ADOPTED),
    Convention(
        "hypot with an infinity",
        jnp.hypot,
        torch.hypot,
        F.hypot,
        ([1, INF], [INF, 1]),
        same=ADOPTED,
    ),
    Convention("pow(0, 0)", jnp.power, torch.pow, F.pow, ([0, 2], [0, 2])),
    Convention("pow of 0 to negative exponents", jnp.power, torch.pow, F.pow, ([0, 0], [-1, -0.5])),
    Convention(
        "float_power(0, 0)",
        lambda x, p: jnp.float_power(x, p).astype(x.dtype),
        lambda x, p: torch.float_power(x, p).to(x.dtype),
        lambda x, p: F.float_power(x, p).astype(x.dtype),
        ([0, 2], [0, 2]),
    ),
    Convention("xlogy(0, 0)", special.xlogy, torch.xlogy, F.xlogy, ([0, 2], [0, 2])),
    Convention("xlogy(0, -1)", special.xlogy, torch.xlogy, F.xlogy, ([0], [-1])),
    Convention(
        "xlog1py(0, -1)", special.xlog1py, torch.special.xlog1py, F.xlog1py, ([0, 2], [-1, 2])
    ),
    Convention(
        "logaddexp with an infinity",
        jnp.logaddexp,
        torch.logaddexp,
        F.logaddexp,
        ([1, INF, 1], [INF, 1, 2]),
    ),
    Convention(
        "logaddexp2 with an infinity",
        jnp.logaddexp2,
        torch.logaddexp2,
        F.logaddexp2,
        ([1, INF, 1], [INF, 1, 2]),
    ),
    Convention(
        "lgamma at 0", special.gammaln, torch.lgamma, F.lgamma, ([0, 0.5, 3],), same=ADOPTED
    ),
    Convention(
        "digamma at 0",
        special.digamma,
        torch.digamma,
        F.digamma,
        ([0, 0.5, 3],),
        same=ADOPTED,
        float64=1e-8,  # PyTorch's trigamma, the derivative, has an error of 2e-9
    ),
    Convention(
        "logit outside of [0, 1]", special.logit, torch.logit, F.logit, ([-0.5, 0, 0.25, 1.5],)
    ),
    Convention(
        "gelu, by default",
        jax.nn.gelu,
        nn.gelu,
        F.gelu,
        ([1, -2],),
        "jax.nn.gelu takes the approximation with tanh",
    ),
    Convention(
        "remainder of an infinity",
        jnp.remainder,
        torch.remainder,
        None,
        ([INF], [2]),
    ),
    Convention(
        "gradient of |z|^2 at 3+4j",
        lambda z: jax.grad(lambda z: (jnp.abs(z) ** 2).sum())(z),
        lambda z: torch.autograd.grad((torch.abs(z.requires_grad_()) ** 2).sum(), z)[0],
        F.complex_grad(lambda z: (jnp.abs(z) ** 2).sum()),
        ([3 + 4j],),
        "the gradient itself; jax.grad's is the conjugate of PyTorch's",
        derive=False,
    ),
    Convention(
        "derivative of z^2 at 1+1j",
        jax.grad(lambda z: (z**2).sum(), holomorphic=True),
        lambda z: torch.autograd.grad((z.requires_grad_() ** 2).sum(), z, torch.tensor(1 + 0j))[0],
        F.complex_grad(lambda z: (z**2).sum(), holomorphic=True),
        ([1 + 1j],),
        "the gradient itself; jax.grad's is the conjugate of PyTorch's",
        derive=False,
    ),
)
