"""grad.func.vmap beside torch.func.vmap: dimensions, chunks, refusals; and random numbers."""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.func import JAX, TORCH, Library, assert_same_tree

Program = Callable[[Library], Any]

# PyTorch's own use, where it first goes forward.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def double(x: Any) -> Any:
    return x * 2


PROGRAMS: dict[str, Program] = {
    "rows": lambda L: L.F.vmap(double)(L.w),
    "columns to columns": lambda L: L.F.vmap(double, in_dims=1, out_dims=1)(L.w),
    "the last": lambda L: L.F.vmap(double, in_dims=-1)(L.w),
    "to the last": lambda L: L.F.vmap(double, out_dims=-1)(L.w),
    "in a tuple of one": lambda L: L.F.vmap(double, out_dims=(1,))(L.w),
    "beside a whole array": lambda L: L.F.vmap(lambda x, y: x * y, (0, None))(L.w, L.y),
    "beside a number": lambda L: L.F.vmap(lambda x, y: x * y, (0, None))(L.w, 3.0),
    "beside a string": lambda L: L.F.vmap(lambda x, s: x * len(s), (0, None))(L.w, "abc"),
    "beside None": lambda L: L.F.vmap(lambda x, s: x, (0, None))(L.w, None),
    "different dimensions": lambda L: L.F.vmap(lambda x, y: x.sum() * y, (1, 0))(L.w, L.y),
    "a constant": lambda L: L.F.vmap(lambda x: L.ones)(L.w),
    "a constant that is not mapped": lambda L: L.F.vmap(lambda x: L.ones, out_dims=None)(L.w),
    "two outputs": lambda L: L.F.vmap(lambda x: (x, x.sum()), out_dims=(1, 0))(L.w),
    "a number beside": lambda L: L.F.vmap(lambda x: (x, 3), out_dims=(1, None))(L.w),
    "None beside": lambda L: L.F.vmap(lambda x: (x, None), out_dims=(0, None))(L.w),
    "only None": lambda L: L.F.vmap(lambda x: None, out_dims=None)(L.w),
    "a tuple of one": lambda L: L.F.vmap(lambda x: (x,), out_dims=1)(L.w),
    "trees": lambda L: L.F.vmap(lambda d: d["a"] + d["b"], ({"a": 0, "b": None},))(
        {"a": L.w, "b": L.x}
    ),
    "a list inside": lambda L: L.F.vmap(lambda xs: xs[0] * xs[1].sum(), ([0, None],))([L.w, L.w]),
    "trees to trees": lambda L: L.F.vmap(lambda x: {"a": x, "b": [x]}, out_dims={"a": 0, "b": [1]})(
        L.w
    ),
    "keywords": lambda L: L.F.vmap(lambda x, *, k: x * k)(L.w, k=L.w),
    "no examples": lambda L: L.F.vmap(double)(L.w[:0]),
    "of vmap": lambda L: L.F.vmap(L.F.vmap(double), in_dims=1)(L.w),
    **{
        f"in chunks of {size}": lambda L, size=size: L.F.vmap(
            lambda x, y: (L.m.sin(x) * y, x.sum()), (1, None), (1, 0), chunk_size=size
        )(L.w, 2.0)
        for size in (1, 2, 3, 7)
    },
    "gradients in chunks": lambda L: L.F.vmap(L.F.grad(lambda x: (x**3).sum()), chunk_size=1)(L.w),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_results(program: Program, wrap: Any) -> None:
    found: list[Any] = []

    def arrays() -> Any:
        found[:] = [program(JAX)]
        return [leaf for leaf in jax.tree.leaves(found[0]) if isinstance(leaf, jax.Array)]

    values = iter(wrap(arrays)())
    whole = jax.tree.map(lambda x: next(values) if isinstance(x, jax.Array) else x, found[0])
    assert_same_tree(whole, program(TORCH))


REFUSED: dict[str, Program] = {
    "in_dims None": lambda L: L.F.vmap(double, in_dims=None)(L.w),
    "in_dims a string": lambda L: L.F.vmap(double, in_dims="a")(L.w),
    "in_dims a list": lambda L: L.F.vmap(double, in_dims=[0])(L.w),
    "too many in_dims": lambda L: L.F.vmap(double, in_dims=(0, 0))(L.w),
    "in_dims of another tree": lambda L: L.F.vmap(lambda d: d["a"], ({"b": 0},))({"a": L.w}),
    "in_dim too large": lambda L: L.F.vmap(double, in_dims=2)(L.w),
    "in_dim too small": lambda L: L.F.vmap(double, in_dims=-3)(L.w),
    "in_dim a fraction": lambda L: L.F.vmap(double, in_dims=(1.5,))(L.w),
    "a number": lambda L: L.F.vmap(double)(1.0),
    "None": lambda L: L.F.vmap(lambda x, y: x)(L.w, None),
    "a scalar": lambda L: L.F.vmap(double)(L.w[0, 0]),
    "no inputs": lambda L: L.F.vmap(double)(),
    "nothing mapped": lambda L: L.F.vmap(double, in_dims=(None,))(L.w),
    "several sizes": lambda L: L.F.vmap(lambda x, y: x)(L.w, L.x),
    "a number out": lambda L: L.F.vmap(lambda x: 3.0)(L.w),
    "None out": lambda L: L.F.vmap(lambda x: None)(L.w),
    "too few out_dims": lambda L: L.F.vmap(lambda x: (x, x), out_dims=(0,))(L.w),
    "too many out_dims": lambda L: L.F.vmap(double, out_dims=(0, 1))(L.w),
    "out_dims of another tree": lambda L: L.F.vmap(lambda x: {"a": x, "b": x}, out_dims={"a": 0})(
        L.w
    ),
    "out_dims a string": lambda L: L.F.vmap(double, out_dims="a")(L.w),
    "out_dims a fraction": lambda L: L.F.vmap(double, out_dims=1.5)(L.w),
    "a fraction inside": lambda L: L.F.vmap(lambda x: (x, x), out_dims=(0, 1.5))(L.w),
    "out_dim too large": lambda L: L.F.vmap(double, out_dims=5)(L.w),
    "no chunks": lambda L: L.F.vmap(double, chunk_size=0),
    "negative chunks": lambda L: L.F.vmap(double, chunk_size=-1),
    "another kind of chance": lambda L: L.F.vmap(double, randomness="some")(L.w),
}
WORDS = re.compile(r"[^\[\(<:,0-9]{12,}")  # a stretch without what the two print differently


@pytest.mark.parametrize("program", REFUSED.values(), ids=REFUSED)
def test_refusals(program: Program) -> None:
    """The class of PyTorch's error, and the first stretch of its words."""
    with pytest.raises(Exception, match=r".") as theirs:  # whatever it is
        program(TORCH)
    expected = str(theirs.value)
    found = WORDS.search(expected)
    assert found, expected
    with pytest.raises(type(theirs.value), match=re.escape(found[0].strip()[:40])):
        program(JAX)


def test_further_refusals() -> None:
    w = JAX.w
    with pytest.raises(ValueError, match="out_axes"):  # JAX's words; ValueError in PyTorch
        JAX.F.vmap(double, out_dims=None)(w)
    with pytest.raises(TypeError, match="vmap: chunk_size must be an int or None, got chunk_size="):
        JAX.F.vmap(double, chunk_size=1.5)
    with pytest.raises(jax.errors.ConcretizationTypeError):
        JAX.F.vmap(lambda x: x if x[0] > 0 else 2 * x)(w)
    with pytest.raises(ValueError, match="expected `in_dims` to be int or a"):
        JAX.F.vmap(double, in_dims=True)(w)


def noisy(x: Any, key: Any) -> Any:
    return x + jax.random.normal(key, x.shape)


def test_a_key_that_is_mapped_may_draw() -> None:
    """One each, as `randomness` leaves them alone."""
    keys = jax.random.split(jax.random.key(0), 2)
    old = jax.random.split(jax.random.PRNGKey(0), 2)
    expected = np.stack([noisy(x, key) for x, key in zip(JAX.w, keys, strict=True)])
    for kind in ("error", "different", "same"):
        for given in (keys, old):
            found = JAX.F.vmap(noisy, randomness=kind)(JAX.w, given)
            np.testing.assert_allclose(found, expected, rtol=1e-12)


DRAWS: dict[str, Callable[[Any, Any], Any]] = {
    "plain": noisy,
    "jit": jax.jit(noisy),
    "a split key": lambda x, key: noisy(x, jax.random.split(key)[1]),
    "scan": lambda x, key: jax.lax.scan(
        lambda k, _: (jax.random.split(k)[0], noisy(x, k)), key, length=2
    )[1].sum(0),
    "cond": lambda x, key: jax.lax.cond(x[0] > 0, lambda: noisy(x, key), lambda: x + noisy(x, key)),
    "gamma": lambda x, key: x + jax.random.gamma(key, 2.0, x.shape),
    "checkpoint": jax.checkpoint(noisy),
    "custom_jvp": lambda x, key: jax.nn.softplus(noisy(x, key)),
    "gradient": lambda x, key: jax.grad(lambda x: (noisy(x, key) ** 2).sum())(x),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_a_key_that_is_not_mapped(draw: Any, wrap: Any) -> None:
    """PyTorch's three: an error, the same numbers, other numbers for each."""
    row = JAX.w[0]
    xs, key = jnp.stack([row, row, row]), jax.random.key(3)

    def run(kind: str) -> Any:
        return wrap(JAX.F.vmap(draw, (0, None), randomness=kind))(xs, key)

    with pytest.raises(RuntimeError, match="vmap: called random operation while in randomness err"):
        run("error")
    same, different = run("same"), run("different")
    np.testing.assert_allclose(same, np.stack([draw(row, key)] * 3), rtol=1e-12)
    assert len({tuple(found) for found in different.tolist()}) == 3
    own = [jax.random.fold_in(key, i) for i in range(3)]
    np.testing.assert_allclose(different, np.stack([draw(row, k) for k in own]), rtol=1e-12)
    chunks = JAX.F.vmap(draw, (0, None), randomness="different", chunk_size=2)(xs, key)
    np.testing.assert_allclose(chunks, different, rtol=1e-12)


def test_keys_that_cannot_be_told_apart() -> None:
    key, old = jax.random.key(0), jax.random.PRNGKey(0)
    with pytest.raises(RuntimeError, match="vmap: called random operation while in randomness err"):
        JAX.F.vmap(lambda x: noisy(x, key))(JAX.w)
    with pytest.raises(RuntimeError, match="vmap: randomness='different' needs keys that can be t"):
        JAX.F.vmap(lambda x: noisy(x, key), randomness="different")(JAX.w)
    with pytest.raises(RuntimeError, match="vmap: randomness='different' needs keys that can be t"):
        JAX.F.vmap(noisy, (0, None), randomness="different")(JAX.w, old)
    np.testing.assert_allclose(
        JAX.F.vmap(lambda x: noisy(x, key), randomness="same")(JAX.w),
        noisy(JAX.w, jax.random.key(0)) * 0 + np.stack([noisy(x, key) for x in JAX.w]),
        rtol=1e-12,
    )
    keys = jax.random.split(key, (2, 2))
    found = JAX.F.vmap(
        lambda x, ks: noisy(noisy(x, ks[0, 1]), ks[1, 0]), (0, None), randomness="different"
    )(JAX.w, keys)
    assert np.unique(np.round(found - JAX.w, 9)).size == found.size
