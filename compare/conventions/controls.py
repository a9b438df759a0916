"""Points that look as if they might differ, and do not."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import torch
import torch.nn.functional as nn
from jax import lax
from jax.scipy.special import logsumexp

from custom_vjp import functional as F

from .._convention import Convention
from .windows import pooled

Side = Callable[..., Any]
INF = float("inf")


def _same(
    name: str, in_jax: Side, in_torch: Side, *point: Any, ours: Side | None = None
) -> Convention:
    return Convention(name, in_jax, in_torch, ours, point, same=True)


ROWS = (
    _same("maximum of equal ones", jnp.maximum, torch.maximum, [1, 2], [1, 1], ours=F.maximum),
    _same("relu at 0", jax.nn.relu, torch.relu, [-1, 0, 1], ours=F.relu),
    _same("relu6 at 0 and 6", jax.nn.relu6, nn.relu6, [0, 3, 6]),
    _same("elu at 0", jax.nn.elu, nn.elu, [-1, 0, 1]),
    _same("selu at 0", jax.nn.selu, torch.selu, [-1, 0, 1]),
    _same("hardsigmoid at -3 and 3", jax.nn.hard_sigmoid, nn.hardsigmoid, [-3, 3, 4]),
    _same("hardswish at -3, 0 and 3", jax.nn.hard_swish, nn.hardswish, [-3, 0, 3]),
    _same("softplus at 0", jax.nn.softplus, nn.softplus, [0, 1], ours=F.softplus),
    _same("sign at 0", jnp.sign, torch.sign, [-1, 0, 1], ours=F.sign),
    _same("sqrt at 0", jnp.sqrt, torch.sqrt, [0, 1]),
    _same("max of all, equal ones", jnp.max, torch.max, [2, 2, 1], ours=F.max),
    _same(
        "amax of equal ones",
        lambda x: jnp.max(x, 0),
        lambda x: torch.amax(x, 0),
        [2, 2, 1],
        ours=lambda x: F.amax(x, 0),
    ),
    _same(
        "amin of equal ones",
        lambda x: jnp.min(x, 0),
        lambda x: torch.amin(x, 0),
        [2, 1, 1],
        ours=lambda x: F.amin(x, 0),
    ),
    _same("prod with zeros", jnp.prod, torch.prod, [0, 2, 0]),
    _same(
        "sort of equal ones",
        lambda x: jnp.sort(x) * jnp.arange(3),
        lambda x: torch.sort(x, stable=True).values * torch.arange(3),
        [2, 1, 1],
    ),
    _same(
        "topk of equal ones",
        lambda x: lax.top_k(x, 1)[0],
        lambda x: torch.topk(x, 1).values,
        [1, 1, 0],
    ),
    _same(
        "max_pool1d of equal ones",
        lambda x: pooled(x, 2),
        lambda x: nn.max_pool1d(x[None], 2)[0],
        [1, 1],
    ),
    _same(
        "nan behind a where",
        lambda x: jnp.where(x > 0, jnp.sqrt(x), 0),
        lambda x: torch.where(x > 0, torch.sqrt(x), 0),
        [-1, 4],
    ),
    _same("logsumexp of -inf", logsumexp, lambda x: torch.logsumexp(x, 0), [-INF, -INF]),
    _same(
        "var, with n given",
        lambda x: jnp.var(x, ddof=1),
        torch.var,
        [1, 3, 5],
        ours=F.var,
    ),
)
