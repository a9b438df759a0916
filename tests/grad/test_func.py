"""grad.func beside torch.func: the same programs, their results, and what they refuse."""

import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from tests.support.func import JAX, TORCH, Library, assert_same_tree

Program = Callable[[Library], Any]

# PyTorch's own use, where it first goes forward.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def network(m: Any, x: Any, w: Any) -> Any:
    return m.tanh(w @ m.sin(x)) * x.sum()


def vjp(L: Library, func: Any, *args: Any, has_aux: bool = False) -> Any:
    """Everything that vjp returns, with the gradients in the place of the function."""
    output, pull, *aux = L.F.vjp(func, *args, has_aux=has_aux)
    return output, pull(jax.tree.map(lambda out: out * 2 + 1, output)), aux


PROGRAMS: dict[str, Program] = {
    "grad": lambda L: L.F.grad(lambda x: (x**3).sum())(L.x),
    "grad of two": lambda L: L.F.grad(lambda x, w: network(L.m, x, w).sum(), (0, 1))(L.x, L.w),
    "grad in another order": lambda L: L.F.grad(lambda x, y: (x * y).sum() * 2, (1, 0))(L.x, L.y),
    "grad of the last": lambda L: L.F.grad(lambda x, y: (x * y * y).sum(), argnums=-1)(L.x, L.y),
    "grad of a tuple of one": lambda L: L.F.grad(lambda x: x.sum(), argnums=(0,))(L.x),
    "grad of a dict": lambda L: L.F.grad(lambda d: (d["a"] ** 2).sum())({"a": L.x, "b": L.y}),
    "grad with aux": lambda L: L.F.grad(lambda x: (x.sum(), {"x": x}), has_aux=True)(L.x),
    "grad with keywords": lambda L: L.F.grad(lambda x, *, k: (x * k).sum())(L.x, k=L.y),
    "grad beside what is no array": lambda L: L.F.grad(lambda x, s: (x**s).sum())(L.x, 3),
    "grad of a constant": lambda L: L.F.grad(lambda x: L.m.ones(()))(L.x),
    "grad of a comparison": lambda L: L.F.grad(lambda x: x.sum() > 0)(L.x),
    "grad of complex": lambda L: L.F.grad(lambda z: (z * z).sum().real)(L.z),
    "grad of abs of complex": lambda L: L.F.grad(lambda z: (L.m.abs(z) ** 2).sum())(L.z),
    "grad of float32": lambda L: L.F.grad(lambda x: (x**2).sum())(L.cast(L.x, "float32")),
    "value": lambda L: L.F.grad_and_value(lambda x: (x**3).sum())(L.x),
    "value with aux": lambda L: L.F.grad_and_value(lambda x: (x.sum(), [x]), has_aux=True)(L.x),
    "second": lambda L: L.F.grad(lambda x: L.F.grad(lambda x: L.m.sin(x))(x) ** 2)(L.x[0]),
    "vjp": lambda L: vjp(L, lambda x: network(L.m, x, L.w), L.x),
    "vjp of two": lambda L: vjp(L, lambda x, w: network(L.m, x, w), L.x, L.w),
    "vjp of trees": lambda L: vjp(
        L, lambda d: {"p": d["a"] * 2, "q": [d["b"][0] ** 2]}, {"a": L.x, "b": (L.y,)}
    ),
    "vjp of complex": lambda L: vjp(L, lambda z: z * z * (1 + 2j), L.z),
    "vjp from real to complex": lambda L: vjp(L, lambda x: x * (1 + 2j), L.x),
    "vjp with aux": lambda L: vjp(L, lambda x: (x**2, x + 1), L.x, has_aux=True),
    "vjp of nothing": lambda L: vjp(L, lambda: L.x),
    "vjp that is cast": lambda L: L.F.vjp(lambda x: x * 2, L.x)[1](L.cast(L.y, "float32")),
    "jvp": lambda L: L.F.jvp(lambda x: network(L.m, x, L.w), (L.x,), (L.y,)),
    "jvp of two": lambda L: L.F.jvp(lambda x, y: (x * y, [x]), (L.x, L.y), (L.y, L.x)),
    "jvp with aux": lambda L: L.F.jvp(lambda x: (x**2, x), (L.x,), (L.y,), has_aux=True),
    "jvp of complex": lambda L: L.F.jvp(lambda z: z * z.conj(), (L.z,), (L.z + 1,)),
    "jvp of a constant": lambda L: L.F.jvp(lambda x: L.ones, (L.x,), (L.y,)),
    "jvp of a comparison": lambda L: L.F.jvp(lambda x: x > 0, (L.x,), (L.y,)),
    "strict jvp of floor": lambda L: L.F.jvp(lambda x: L.m.floor(x), (L.x,), (L.y,), strict=True),
    "hvp": lambda L: L.F.jvp(L.F.grad(lambda x: (L.m.sin(x) * x).sum()), (L.x,), (L.y,)),
    "jacrev": lambda L: L.F.jacrev(lambda x: network(L.m, x, L.w))(L.x),
    "jacrev of trees": lambda L: L.F.jacrev(lambda x, w: (w @ x, {"s": x.sum()}), (0, 1))(L.x, L.w),
    "jacrev of a dict": lambda L: L.F.jacrev(lambda d: d["a"] * d["b"])({"a": L.x, "b": L.y}),
    "jacrev with aux": lambda L: L.F.jacrev(lambda x: (x**2, x), has_aux=True)(L.x),
    "jacrev of a tuple of one": lambda L: L.F.jacrev(lambda x: x**2, argnums=(0,))(L.x),
    "jacrev of a constant": lambda L: L.F.jacrev(lambda x: L.ones)(L.x),
    "jacrev to another dtype": lambda L: L.F.jacrev(lambda x: L.cast(x, "float32"))(L.x),
    "jacrev of nothing": lambda L: L.F.jacrev(lambda x: x)(L.x[:0]),
    **{
        f"jacrev in chunks of {size}": lambda L, size=size: L.F.jacrev(
            lambda w: (w**2, w.sum(0)), chunk_size=size
        )(L.w)
        for size in (1, 2, 4, 100)
    },
    "jacfwd": lambda L: L.F.jacfwd(lambda x: network(L.m, x, L.w))(L.x),
    "jacfwd of trees": lambda L: L.F.jacfwd(lambda x, w: (w @ x, {"s": x.sum()}), (0, 1))(L.x, L.w),
    "jacfwd of all": lambda L: L.F.jacfwd(lambda x, y: x * y, argnums=None)(L.x, L.y),
    "jacfwd with aux": lambda L: L.F.jacfwd(lambda x: (x**2, x), has_aux=True)(L.x),
    "jacfwd of a comparison": lambda L: L.F.jacfwd(lambda x: x > 0)(L.x),
    "jacfwd of a constant": lambda L: L.F.jacfwd(lambda x: L.ones)(L.x),
    "jacfwd to another dtype": lambda L: L.F.jacfwd(lambda x: L.cast(x, "float32"))(L.x),
    "jacfwd of nothing": lambda L: L.F.jacfwd(lambda x: x)(L.x[:0]),
    "hessian": lambda L: L.F.hessian(lambda x: (L.m.sin(x) * x.sum()).sum())(L.x),
    "hessian of two": lambda L: L.F.hessian(lambda x, w: (w @ x**2).sum(), (0, 1))(L.x, L.w),
    "hessian of a vector": lambda L: L.F.hessian(lambda x: x**3)(L.x),
    "third": lambda L: L.F.jacrev(L.F.hessian(lambda x: (L.m.sin(x) * x.sum()).sum()))(L.x),
    "per example": lambda L: L.F.vmap(L.F.grad(lambda x, w: (w @ x).sum() ** 2), (0, None))(
        L.m.stack([L.x, L.y]), L.w
    ),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_results(program: Program, wrap: Any) -> None:
    assert_same_tree(wrap(lambda: program(JAX))(), program(TORCH))


REFUSED: dict[str, Program] = {
    "a vector": lambda L: L.F.grad(lambda x: x)(L.x),
    "one element": lambda L: L.F.grad(lambda x: x[:1])(L.x),
    "a number": lambda L: L.F.grad(lambda x: 1.0)(L.x),
    "a tuple": lambda L: L.F.grad(lambda x: (x.sum(),))(L.x),
    "a complex scalar": lambda L: L.F.grad(lambda z: z.sum())(L.z),
    "grad at a number": lambda L: L.F.grad(lambda x: x)(1.0),
    "grad at a string in a tree": lambda L: L.F.grad(lambda d: d["a"].sum())({"a": L.x, "b": "s"}),
    "grad at None": lambda L: L.F.grad(lambda x: L.x.sum())(None),
    "grad of integers": lambda L: L.F.grad(lambda x: x.sum())(L.integers),
    "argnums too large": lambda L: L.F.grad(lambda x: x.sum(), argnums=1)(L.x),
    "argnums too small": lambda L: L.F.grad(lambda x: x.sum(), argnums=-2)(L.x),
    "argnums twice": lambda L: L.F.grad(lambda x: x.sum(), argnums=(0, 0))(L.x),
    "no argnums": lambda L: L.F.grad(lambda x: x.sum(), argnums=())(L.x),
    "a list of argnums": lambda L: L.F.grad(lambda x: x.sum(), argnums=[0])(L.x),
    "argnums by name": lambda L: L.F.grad(lambda x: x.sum(), argnums="x")(L.x),
    "no arguments": lambda L: L.F.grad(lambda x: x.sum())(),
    "no aux": lambda L: L.F.grad(lambda x: x.sum(), has_aux=True)(L.x),
    "two aux": lambda L: L.F.grad(lambda x: (x.sum(), x, x), has_aux=True)(L.x),
    "vjp at a number": lambda L: L.F.vjp(lambda x: x, 1.0),
    "vjp at integers": lambda L: L.F.vjp(lambda x: x, L.integers),
    "vjp of a number": lambda L: L.F.vjp(lambda x: 3.0, L.x),
    "vjp of a comparison": lambda L: L.F.vjp(lambda x: x > 0, L.x),
    "vjp without aux": lambda L: L.F.vjp(lambda x: (x,), L.x, has_aux=True),
    "cotangents in a tuple": lambda L: L.F.vjp(lambda x: x, L.x)[1]((L.x,)),
    "cotangents of another shape": lambda L: L.F.vjp(lambda x: x, L.x)[1](L.x[0]),
    "cotangents that would broadcast": lambda L: L.F.vjp(lambda x: x.sum(), L.x)[1](L.x),
    "jvp without a tuple": lambda L: L.F.jvp(lambda x: x, L.x, L.x),
    "jvp with too many": lambda L: L.F.jvp(lambda x: x, (L.x,), (L.x, L.x)),
    "jvp with none": lambda L: L.F.jvp(lambda: L.x, (), ()),
    "jvp at a number": lambda L: L.F.jvp(lambda x: x, (1.0,), (1.0,)),
    "jvp of a number beside": lambda L: L.F.jvp(lambda x: (x, 3), (L.x,), (L.x,)),
    "jvp without aux": lambda L: L.F.jvp(lambda x: x, (L.x,), (L.x,), has_aux=True),
    "strict jvp of a constant": lambda L: L.F.jvp(lambda x: L.ones, (L.x,), (L.x,), strict=True),
    "jacrev of complex": lambda L: L.F.jacrev(lambda z: z)(L.z),
    "jacrev beside complex": lambda L: L.F.jacrev(lambda x, z: x)(L.x, L.z),
    "jacrev to complex": lambda L: L.F.jacrev(lambda x: x * 1j)(L.x),
    "jacrev in no chunks": lambda L: L.F.jacrev(lambda x: x, chunk_size=0),
    "jacrev in negative chunks": lambda L: L.F.jacrev(lambda x: x, chunk_size=-1),
    "jacrev of a number": lambda L: L.F.jacrev(lambda x: 3.0)(L.x),
    "jacrev of a comparison": lambda L: L.F.jacrev(lambda x: x > 0)(L.x),
    "jacrev of integers": lambda L: L.F.jacrev(lambda x: x)(L.integers),
    "jacrev of no argument": lambda L: L.F.jacrev(lambda x: x, argnums=None)(L.x),
    "jacrev with keywords": lambda L: L.F.jacrev(lambda x, k: x)(L.x, k=1),
    "jacfwd of complex": lambda L: L.F.jacfwd(lambda z: z)(L.z),
    "jacfwd to complex": lambda L: L.F.jacfwd(lambda x: x * 1j)(L.x),
    "jacfwd of a number": lambda L: L.F.jacfwd(lambda x: 3.0)(L.x),
    "jacfwd with another kind of chance": lambda L: L.F.jacfwd(lambda x: x, randomness="no")(L.x),
    "jacfwd of another argument": lambda L: L.F.jacfwd(lambda x: x, argnums=2)(L.x),
    "hessian of complex": lambda L: L.F.hessian(lambda x: (x * 1j).sum())(L.x),
}
WORDS = re.compile(r"[^\[\(:,0-9]{12,}")  # a stretch without what the two print differently


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
    """PyTorch's words are about the inside of PyTorch here, or it has none."""
    F, x = JAX.F, JAX.x
    with pytest.raises(ValueError, match=r"jvp\(f, primals.*Expected primal to be floating point"):
        F.jvp(lambda x: x, (JAX.integers,), (JAX.integers,))
    with pytest.raises(ValueError, match="jacfwd: Expected primal to be floating point or compl"):
        F.jacfwd(lambda x: x)(JAX.integers)
    with pytest.raises(RuntimeError, match=r"Tensor is of size \(3,\) while the given .* \(\)"):
        F.jvp(lambda x: x, (x,), (x[0],))
    with pytest.raises(RuntimeError, match=r"non-empty output \(got output = None\)"):
        F.vjp(lambda x: None, x)
    with pytest.raises(RuntimeError, match="argnum must be int, got: <class 'bool'>"):
        F.grad(lambda x: x.sum(), argnums=True)(x)
    for has_aux in (F.grad, F.jacfwd):
        with pytest.raises(RuntimeError, match="unsupported type <class 'str'> in aux"):
            has_aux(lambda x: (x.sum(), "s"), has_aux=True)(x)
    with pytest.raises(TypeError, match="jacrev: chunk_size must be an int or None, got chunk_s"):
        F.jacrev(lambda x: x, chunk_size=1.5)
    for name in ("grad", "grad_and_value", "vjp", "jacrev", "jacfwd", "vmap"):
        inside = "grad_and_value" if name == "grad" else name
        with pytest.raises(TypeError, match=rf"^{inside}: func must be a function, got int: 3"):
            getattr(F, name)(3)
    with pytest.raises(TypeError, match=r"^jvp: func must be a function"):
        F.jvp(3, (x,), (x,))


def test_numpy_none_in_trees_and_names() -> None:
    F, x = JAX.F, np.array([1.0, 2.0])

    def named(d: Any) -> Any:
        """Says what it does."""
        return (d["a"] ** 2).sum()

    gradient = F.grad(named)({"a": x, "b": None})
    np.testing.assert_array_equal(gradient["a"], 2 * x)
    assert gradient["b"] is None
    assert F.grad(named).__doc__ == F.jacrev(named).__doc__ == named.__doc__
    output, pull = F.vjp(named, {"a": x, "b": None})
    np.testing.assert_array_equal(pull(np.ones(()))[0]["a"], 2 * x)
    np.testing.assert_array_equal(pull(np.float64(2))[0]["a"], 4 * x)  # any number of times
    np.testing.assert_array_equal(F.jacfwd(named)({"a": x, "b": None})["a"], 2 * x)
    assert output == 5


def test_chunks_bound_the_memory() -> None:
    """Each row goes back through 1000 numbers for each element of the output."""

    def memory(size: int | None) -> int:
        func = lambda x: (jax.numpy.sin(x[:, None] * jax.numpy.arange(1000.0))).sum(1)  # noqa: E731
        compiled = jax.jit(JAX.F.jacrev(func, chunk_size=size)).lower(np.ones(64)).compile()
        return int(compiled.memory_analysis().temp_size_in_bytes)

    assert memory(4) < memory(None) / 4
