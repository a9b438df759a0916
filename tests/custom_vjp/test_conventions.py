"""custom_vjp.functional beside live PyTorch, at the rows' points and at random ones.

The rows are those of `python -m compare semantics`.
"""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import custom_vjp
from compare._convention import Convention, arguments, in_torch, run_convention
from compare.conventions import ROWS
from custom_vjp import functional
from tests.support.agree import to_torch

OURS = [row for row in ROWS if row.ours and row.derive]
SMOOTH = [row for row in OURS if row.name != "floor_divide"]


@pytest.mark.parametrize("row", [row for row in ROWS if row.ours or row.same], ids=str)
def test_at_its_point_in_float64(row: Convention) -> None:
    found = run_convention(row, "float64")
    assert found.differs is not row.same
    for finding in found.findings:
        assert finding.agree, finding


def points(row: Convention) -> list[np.ndarray]:
    """The row's point and four random ones, stacked: (5, *shape) for every argument."""
    rng = np.random.default_rng(0)
    scales = (1.0, 1.0, 3.0, 0.1)
    return [
        np.stack([a, *(scale * rng.normal(size=a.shape) for scale in scales)])
        for a in arguments(row, "float64")
    ]


def second(row: Convention, point: Any) -> Any:
    """PyTorch's second derivatives, all of them: one block for every pair of arguments."""
    tensors = tuple(to_torch(a) for a in point)
    blocks = torch.autograd.functional.hessian(lambda *xs: row.torch(*xs).sum(), tensors)
    return [[np.asarray(block) for block in blocks_of_one] for blocks_of_one in blocks]


def where_finite(mine: Any, right: Any, tolerance: float, what: str) -> None:
    """Compare second derivatives; PyTorch's are nan where its first are cut off: 0 / 0."""
    known = np.isfinite(right)
    scale = max(1.0, np.abs(right[known]).max(initial=0.0))
    np.testing.assert_allclose(
        np.asarray(mine)[known], right[known], rtol=0, atol=tolerance * scale, err_msg=what
    )


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
@pytest.mark.parametrize("row", SMOOTH, ids=str)
def test_reverse_forward_and_second_derivatives_under_jit_and_vmap(row: Convention) -> None:
    stacked = points(row)
    count = len(stacked)
    numbers = tuple(range(count))

    def total(*xs: jax.Array) -> jax.Array:
        return row.ours(*xs).sum()

    def everything(*xs: jax.Array) -> Any:
        return (
            row.ours(*xs),
            jax.grad(total, numbers)(*xs),
            jax.jacfwd(total, numbers)(*xs),
            jax.hessian(total, numbers)(*xs),
        )

    values, gradients, forward, hessians = jax.jit(jax.vmap(everything))(*stacked)
    tolerance = max(row.float64, 1e-10)
    for i in range(len(stacked[0])):
        point = [a[i] for a in stacked]
        right = list(in_torch(row.torch, point).values())
        for mine, r in zip([values[i], *(g[i] for g in gradients)], right, strict=True):
            np.testing.assert_allclose(mine, r, rtol=tolerance, atol=tolerance, err_msg=str(i))
        if not all(np.isfinite(g).all() for g in right[1:]):
            continue  # on the way forward, 0 times what is not finite at another element is nan
        for back, ahead in zip(gradients, forward, strict=True):
            np.testing.assert_allclose(ahead[i], back[i], rtol=1e-12, atol=1e-12)
        for j, blocks in enumerate(second(row, point)):
            for k, block in enumerate(blocks):
                # digamma's derivative in PyTorch is good to 2e-9 only, hence row.float64
                where_finite(hessians[j][k][i], block, tolerance, f"block {j}, {k} at {point}")


def test_second_derivatives_where_a_norm_is_0() -> None:
    """PyTorch's are nan for most of these; here they are 0."""
    for function in (
        functional.norm,
        functional.std,
        lambda x: functional.norm(x, 3),
        lambda x: functional.norm(x, 0.5),
        lambda x: functional.normalize(x, dim=0).sum(),
        lambda x: functional.atan2(x[0], x[1]),
    ):
        np.testing.assert_array_equal(
            jax.jit(jax.hessian(function))(jnp.zeros(2)), np.zeros((2, 2))
        )


# Where second derivatives at a row's own point are not PyTorch's; docs/pages/differences.md tells.
OTHER_SECONDS = (
    *("norm", "vector_norm", "dist", "normalize", "cosine_similarity"),
    *("pow", "float_power", "xlogy", "xlog1py", "atan2", "hypot", "copysign"),
    *("logaddexp", "logaddexp2", "lgamma", "digamma", "logit", "var"),
)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
def test_second_derivatives_at_the_points_differ_where_the_site_says() -> None:
    differ = set()
    for row in SMOOTH:
        point = arguments(row, "float64")
        if any(np.iscomplexobj(a) for a in point):
            continue
        numbers = tuple(range(len(point)))
        total = lambda *xs, row=row: row.ours(*xs).sum()  # noqa: E731
        mine = jax.jit(jax.hessian(total, numbers))(*point)
        right = second(row, point)
        same = all(
            np.allclose(mine[i][j], right[i][j], rtol=1e-6, atol=1e-9, equal_nan=True)
            for i in numbers
            for j in numbers
        )
        if not same:
            differ.add(re.split(r"[ ,(]", row.name)[0])
    assert differ == set(OTHER_SECONDS)
    told = (Path(__file__).parents[2] / "docs" / "pages" / "differences.md").read_text()
    told = told[told.index("- Second derivatives in") :].split("`clamp`")[0]
    assert set(re.findall(r"`([a-z0-9_]+)`", told)) == differ


def test_all_are_exported_where_users_look() -> None:
    for name in functional.__all__:
        assert callable(getattr(functional, name)), name
        assert getattr(functional, name).__doc__
        if name != "max":
            assert getattr(custom_vjp, name) is getattr(functional, name)
    assert custom_vjp.max is not functional.max
    with pytest.raises(TypeError):
        custom_vjp.max(jnp.ones(2), 0)


def test_each_name_is_in_a_row() -> None:
    """No function of the module goes without a row that runs it."""
    functions = [row.ours for row in ROWS if row.ours]
    called = {name for f in functions if hasattr(f, "__code__") for name in f.__code__.co_names}
    for name in functional.__all__:
        if name != "complex_grad":  # its rows hold what it makes
            assert name in called or getattr(functional, name) in functions, name
