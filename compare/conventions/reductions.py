"""Functions of many elements: maxima, medians, moments, norms."""

import jax.numpy as jnp
import torch
import torch.nn.functional as nn
from jax import lax

from custom_vjp import functional as F

from .._convention import Convention

INF, NAN = float("inf"), float("nan")


def _norm(p: float, where: str, point: list[int]) -> Convention:
    return Convention(
        f"vector_norm, ord={p:g}, {where}",
        lambda x: jnp.linalg.norm(x, p),
        lambda x: torch.linalg.vector_norm(x, p),
        lambda x: F.vector_norm(x, p),
        (point,),
    )


ROWS = (
    Convention(
        "max over a dimension of equal ones",
        lambda x: jnp.max(x, 0),
        lambda x: torch.max(x, 0).values,
        lambda x: F.max(x, 0).values,
        ([2, 2, 1],),
    ),
    Convention(
        "min over a dimension of equal ones",
        lambda x: jnp.min(x, 0),
        lambda x: torch.min(x, 0).values,
        lambda x: F.min(x, 0).values,
        ([2, 1, 1],),
    ),
    Convention(
        "max over a dimension with nan",
        lambda x: jnp.max(x, 0),
        lambda x: torch.max(x, 0).values,
        lambda x: F.max(x, 0).values,
        ([1, NAN, NAN],),
    ),
    Convention("max of all with nan", jnp.max, torch.max, F.max, ([1, NAN, NAN],)),
    Convention("min of all with nan", jnp.min, torch.min, F.min, ([1, NAN, 2],)),
    Convention("median of equal ones", jnp.median, torch.median, F.median, ([1, 2, 2, 2, 3],)),
    Convention(
        "median of an even number",
        jnp.median,
        torch.median,
        F.median,
        ([4, 1, 3, 2],),
        "PyTorch takes the lower one of the two in the middle",
    ),
    Convention(
        "median over a dimension, of an even number",
        lambda x: jnp.median(x, 0),
        lambda x: torch.median(x, 0).values,
        lambda x: F.median(x, 0).values,
        ([4, 1, 3, 2],),
    ),
    Convention("median with nan", jnp.median, torch.median, F.median, ([1, NAN, 3],)),
    Convention(
        "nanmedian of an even number", jnp.nanmedian, torch.nanmedian, F.nanmedian, ([1, NAN, 2],)
    ),
    Convention(
        "nanmedian over a dimension",
        lambda x: jnp.nanmedian(x, 0),
        lambda x: torch.nanmedian(x, 0).values,
        lambda x: F.nanmedian(x, 0).values,
        ([4, NAN, 1, 3, 2],),
    ),
    Convention(
        "cummax of equal ones",
        lambda x: lax.cummax(x),
        lambda x: torch.cummax(x, 0).values,
        lambda x: F.cummax(x, 0).values,
        ([1, 2, 2],),
    ),
    Convention(
        "cummin of equal ones",
        lambda x: lax.cummin(x),
        lambda x: torch.cummin(x, 0).values,
        lambda x: F.cummin(x, 0).values,
        ([2, 1, 1],),
    ),
    Convention(
        "cummax with nan",
        lambda x: lax.cummax(x),
        lambda x: torch.cummax(x, 0).values,
        lambda x: F.cummax(x, 0).values,
        ([1, NAN, 3, NAN],),
    ),
    Convention("std of equal ones", jnp.std, torch.std, F.std, ([2, 2, 2],)),
    Convention(
        "std of equal ones, correction=0",
        jnp.std,
        lambda x: torch.std(x, correction=0),
        lambda x: F.std(x, correction=0),
        ([2, 2, 2],),
    ),
    Convention("std, by default", jnp.std, torch.std, F.std, ([1, 3],), "n - 1, not n"),
    Convention("var, by default", jnp.var, torch.var, F.var, ([1, 3],), "n - 1, not n"),
    Convention("var of one element", jnp.var, torch.var, F.var, ([3],)),
    Convention("norm of zeros", jnp.linalg.norm, torch.norm, F.norm, ([0, 0],)),
    Convention(
        "norm squared of zeros",
        lambda x: jnp.linalg.norm(x) ** 2,
        lambda x: torch.norm(x) ** 2,
        lambda x: F.norm(x) ** 2,
        ([0, 0],),
    ),
    *(_norm(p, "of zeros", [0, 0]) for p in (1, 3, 1.5, 0.5, -1, INF, -INF)),
    *(_norm(p, "with a 0", [0, 1, -2]) for p in (1, 0.5, -1, -INF)),
    Convention(
        "normalize zeros",
        lambda x: x / jnp.linalg.norm(x),
        lambda x: nn.normalize(x, dim=0),
        lambda x: F.normalize(x, dim=0),
        ([0, 0],),
    ),
    Convention(
        "cosine_similarity with zeros",
        lambda a, b: jnp.vdot(a, b) / (jnp.linalg.norm(a) * jnp.linalg.norm(b)),
        lambda a, b: nn.cosine_similarity(a, b, 0),
        lambda a, b: F.cosine_similarity(a, b, 0),
        ([0, 0], [3, 4]),
    ),
    Convention(
        "dist of equal ones",
        lambda a, b: jnp.linalg.norm(a - b),
        torch.dist,
        F.dist,
        ([1, 2], [1, 2]),
    ),
    Convention("prod with infinities", jnp.prod, torch.prod, None, ([INF, INF, 1],)),
    Convention(
        "logcumsumexp with infinities",
        lambda x: lax.cumlogsumexp(x),
        lambda x: torch.logcumsumexp(x, 0),
        None,
        ([1, INF, 2],),
    ),
    Convention(
        "quantile with nan",
        lambda x: jnp.quantile(x, 0.5),
        lambda x: torch.quantile(x, 0.5),
        None,
        ([1, NAN, 2],),
    ),
)
