"""custom_vjp.functional: what comes out of each dtype, and which ones both refuse."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as nn

from custom_vjp import functional as F
from tests.support.agree import assert_agree, assert_same, draw, to_torch


def in_torch(name: str) -> Callable:
    homes = (torch, nn, torch.special, torch.linalg)
    return next(getattr(home, name) for home in homes if hasattr(home, name))


def twice(function: Callable) -> Callable:
    return lambda x: function(x, x)


DTYPES = ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "complex64"]
BY_DTYPE: list[tuple[str, Callable, Callable]] = [
    *((name, getattr(F, name), in_torch(name))
      for name in ("abs", "sign", "relu", "leaky_relu", "softplus", "gelu", "angle", "lgamma",
                   "digamma", "logit", "max", "min", "amax", "amin", "median", "nanmedian", "std",
                   "var", "norm", "vector_norm")),
    *((name, twice(getattr(F, name)), twice(in_torch(name)))
      for name in ("maximum", "minimum", "fmax", "fmin", "copysign", "pow", "float_power", "xlogy",
                   "xlog1py", "logaddexp2", "hypot", "atan2", "dist")),
    ("hardtanh", lambda x: F.hardtanh(x, 0), lambda x: nn.hardtanh(x, 0)),
    ("clamp", lambda x: F.clamp(x, 0, 1), lambda x: torch.clamp(x, 0, 1)),
    ("clamp-floats", lambda x: F.clamp(x, 0.5, 1.5), lambda x: torch.clamp(x, 0.5, 1.5)),
    ("pow-2", lambda x: F.pow(x, 2), lambda x: torch.pow(x, 2)),
    ("pow-2.0", lambda x: F.pow(x, 2.0), lambda x: torch.pow(x, 2.0)),
    ("floor_divide", lambda x: F.floor_divide(x, x), lambda x: torch.floor_divide(x, x)),
    ("cummax", lambda x: F.cummax(x, 0).values, lambda x: torch.cummax(x, 0).values),
    ("normalize", lambda x: F.normalize(x, dim=0), lambda x: nn.normalize(x, dim=0)),
    ("cosine", lambda x: F.cosine_similarity(x, x, 0), lambda x: nn.cosine_similarity(x, x, 0)),
    ("l1_loss", lambda x: F.l1_loss(x, x), lambda x: nn.l1_loss(x, x)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ours", "theirs"), BY_DTYPE, ids=[c[0] for c in BY_DTYPE])
def test_dtypes(name: str, ours: Callable, theirs: Callable) -> None:
    for dtype in DTYPES:
        x = np.array([1, 2, 4]).astype(jnp.dtype(dtype))
        try:
            right = theirs(to_torch(x))
        except (RuntimeError, TypeError, NotImplementedError):
            with pytest.raises(TypeError, match=r"must|bool"):
                jax.eval_shape(ours, x)
        else:
            assert_same(ours(jnp.asarray(x)), right, f"{name} of {dtype}", scale=3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_two_bytes(dtype: str) -> None:
    x = draw(0, (3, 4), dtype)
    for ours, theirs in (
        (F.normalize, nn.normalize),
        (F.std, torch.std),
        (lambda x: F.norm(x, 3), lambda x: torch.norm(x, 3)),
        (lambda x: F.max(x, 1).values, lambda x: torch.max(x, 1).values),
        (lambda x: F.clamp(x, -0.5, 0.5), lambda x: torch.clamp(x, -0.5, 0.5)),
    ):
        assert_agree(ours, theirs, x, scale=4)  # a few roundings to two bytes, at other places
