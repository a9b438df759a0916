"""Functions written for torch.autograd.Function, from one source with PyTorch and with JAX."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from tests.support import function_generated as generated
from tests.support import function_notes as notes
from tests.support import function_numpy as with_numpy
from tests.support.agree import assert_same, draw, is_inexact, to_torch
from tests.support.function_library import JAX, TORCH, Library


@dataclasses.dataclass(frozen=True)
class Case:
    """A function, its arguments, and what is asked of it."""

    make: Callable[[Library], Any]
    args: tuple[Any, ...]
    second: bool = True
    forward_mode: bool = True
    constants: bool = False  # its second derivative takes something for a constant, and warns

    def told(self) -> Any:
        """Expect the warning, or none."""
        if self.constants:
            return pytest.warns(UserWarning, match="a second derivative takes saved_tensors")
        return contextlib.nullcontext()

    @property
    def name(self) -> str:
        return self.make.__name__

    @property
    def tracked(self) -> list[int]:
        return [i for i, arg in enumerate(self.args) if is_inexact(arg)]


X, Y = draw(0, (3, 5)), draw(1, (3, 5))
SORTED = np.argsort(X, axis=1)
BACK = np.argsort(SORTED, axis=1)

CASES = [
    Case(notes.my_add, (X, draw(1, (5,)))),
    Case(notes.my_split, (X,)),
    Case(notes.my_max, (X,), constants=True),
    Case(notes.exp, (X,)),
    Case(notes.linear, (X, draw(1, (4, 5)), draw(2, (4,)))),
    Case(notes.linear, (X, draw(1, (4, 5)), None)),
    Case(notes.mul_constant, (X, 2.5)),
    Case(notes.my_cube, (X,)),
    Case(notes.cube_of_intermediate, (X,), constants=True),
    Case(notes.legendre, (X,)),
    Case(notes.relu, (X,)),
    Case(notes.sinh, (X,)),
    Case(notes.reverse_gradient, (X, 0.25)),
    Case(notes.straight_through, (3 * X,)),
    Case(notes.clip_gradient, (X, 0.5), forward_mode=False),
    # NumPy. Forward mode has a jvp to take, except where the gradient asks for values.
    Case(with_numpy.numpy_mul, (draw(0, (5,)), Y)),
    Case(with_numpy.numpy_cube, (X,)),
    Case(with_numpy.numpy_cube_not_composable, (X,), second=False, forward_mode=False),
    Case(with_numpy.numpy_exp, (X,)),
    Case(with_numpy.numpy_take, (X, SORTED, BACK, 1)),
    Case(with_numpy.numpy_sort, (X, 1)),
    Case(generated.mul_gen_vmap, (draw(0, (5,)), Y)),
    Case(generated.cube_gen_vmap, (X,)),
    Case(generated.take_gen_vmap, (X, SORTED, BACK, 1)),
    Case(generated.sort_gen_vmap, (X, -1)),
    Case(generated.select, (X, 2)),
    Case(generated.forward_has_default_args, (X,)),
    Case(generated.scale_grad_gen_vmap, (X,)),
    Case(generated.zero_gradients_gen_vmap, (X, Y)),
]
NUMPY = [case.make for case in CASES if case.make.__module__ == with_numpy.__name__]
IDS = [f"{i}-{case.name}" for i, case in enumerate(CASES)]


def weighted(outputs: Any, library: Any, to_array: Callable[[Any], Any]) -> Any:
    """A scalar in which every floating output has weights of its own."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    terms = []
    for i, out in enumerate(outputs):
        if library.is_tensor(out) if library is torch else True:
            dtype = str(out.dtype).removeprefix("torch.")
            if dtype.startswith("float"):
                terms.append((out * to_array(draw(10 + i, tuple(out.shape)))).sum())
    return sum(terms)


def in_torch(case: Case, *arrays: Any) -> tuple[Any, Any, Any]:
    """Outputs, gradients, and gradients of half the squared gradients."""
    function = case.make(TORCH).apply
    tensors = [to_torch(a, is_inexact(a)) for a in arrays]
    tracked = [tensors[i] for i in case.tracked]
    outputs = function(*tensors)
    loss = weighted(outputs, torch, torch.from_numpy)
    first = torch.autograd.grad(loss, tracked, create_graph=case.second, materialize_grads=True)
    second = None
    if case.second:
        energy = sum((g**2).sum() / 2 for g in first)
        second = [torch.zeros_like(t) for t in tracked]
        if energy.requires_grad:
            second = torch.autograd.grad(energy, tracked, materialize_grads=True)
    return outputs, first, second


def in_jax(case: Case) -> Callable[..., tuple[Any, Any, Any]]:
    """The same as a function of the arrays."""
    function = case.make(JAX).apply
    argnums = tuple(case.tracked)

    def loss(*arrays: Any) -> tuple[Any, Any]:
        outputs = function(*arrays)
        return weighted(outputs, jnp, jnp.asarray), outputs

    def energy(*arrays: Any) -> tuple[Any, Any]:
        first, outputs = jax.grad(loss, argnums, has_aux=True)(*arrays)
        return sum((g**2).sum() / 2 for g in first), (outputs, first)

    def program(*arrays: Any) -> tuple[Any, Any, Any]:
        if not case.second:
            first, outputs = jax.grad(loss, argnums, has_aux=True)(*arrays)
            return outputs, first, None
        second, (outputs, first) = jax.grad(energy, argnums, has_aux=True)(*arrays)
        return outputs, first, second

    return program


def over_arrays(case: Case, program: Callable[..., Any]) -> tuple[Callable[..., Any], list[Any]]:
    """Leave only the arrays as arguments, as JAX's transformations take them."""
    places = [i for i, arg in enumerate(case.args) if isinstance(arg, np.ndarray)]

    def function(*arrays: Any) -> Any:
        args = list(case.args)
        for i, array in zip(places, arrays, strict=True):
            args[i] = array
        return program(*args)

    return function, [jnp.asarray(case.args[i]) for i in places]


def assert_all_same(ours: Any, theirs: Any) -> None:
    for what, mine, right in zip(("value", "gradient", "second"), ours, theirs, strict=True):
        if right is None:
            assert mine is None
            continue
        mine = mine if isinstance(mine, tuple | list) else (mine,)
        right = right if isinstance(right, tuple | list) else (right,)
        for i, (m, r) in enumerate(zip(mine, right, strict=True)):
            r = torch.from_numpy(r) if isinstance(r, np.ndarray) else r
            assert_same(m, r.detach(), f"{what} {i}")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_value_gradient_and_second_gradient(case: Case) -> None:
    function, arrays = over_arrays(case, in_jax(case))
    with case.told():
        found = jax.jit(function)(*arrays)
    assert_all_same(found, in_torch(case, *case.args))


@pytest.mark.parametrize("make", [notes.my_max, notes.sinh, *NUMPY], ids=lambda make: make.__name__)
def test_the_same_where_nothing_is_traced(make: Any) -> None:
    """NumPy sees values then, and there is no callback, except in the second derivative."""
    (case,) = (case for case in CASES if case.make is make)
    function, arrays = over_arrays(case, in_jax(case))
    with case.told():
        found = function(*arrays)
    assert_all_same(found, in_torch(case, *case.args))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_vmap(case: Case) -> None:
    """Two rows: every array mapped, each over another axis; compared with PyTorch row by row."""
    function, arrays = over_arrays(case, in_jax(case))
    scale = [np.asarray([1.0, -0.5]) if is_inexact(a) else np.asarray([1, 1]) for a in arrays]
    rows = [
        np.stack([np.asarray(a) * s for s in scales]).astype(a.dtype)
        for a, scales in zip(arrays, scale, strict=True)
    ]
    axes = [i % 2 for i in range(len(rows))]
    with case.told():
        mapped = jax.vmap(function, tuple(axes))(
            *(np.moveaxis(r, 0, axis) for r, axis in zip(rows, axes, strict=True))
        )
    for row in range(2):
        args = list(case.args)
        places = [i for i, arg in enumerate(args) if isinstance(arg, np.ndarray)]
        for place, values in zip(places, rows, strict=True):
            args[place] = values[row]
        assert_all_same(jax.tree.map(lambda a, row=row: a[row], mapped), in_torch(case, *args))


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.forward_mode],
    ids=[i for i, c in zip(IDS, CASES, strict=True) if c.forward_mode],
)
def test_forward_mode_is_the_transpose_of_backward(case: Case) -> None:
    """By its jvp, or derived: <weights, J t> is <J^T weights, t>, with PyTorch's backward."""
    function, arrays = over_arrays(case, case.make(JAX).apply)
    floats = [i for i, a in enumerate(arrays) if is_inexact(a)]
    tangents = [draw(20 + i, arrays[i].shape) for i in floats]

    def moving(*changed: Any) -> Any:
        values = list(arrays)
        for i, value in zip(floats, changed, strict=True):
            values[i] = value
        return weighted(function(*values), jnp, jnp.asarray)

    _, tangent = jax.jit(lambda p, t: jax.jvp(moving, p, t))([arrays[i] for i in floats], tangents)
    _, gradients, _ = in_torch(case, *case.args)
    right = sum(
        (g.detach() * torch.from_numpy(t)).sum() for g, t in zip(gradients, tangents, strict=True)
    )
    if case.name == "cube_gen_vmap":
        # Its backward adds 6 dinput whatever the gradients are: no tangent comes of that.
        right = right - (18 * torch.from_numpy(X**2) * torch.from_numpy(tangents[0])).sum()
    assert_same(tangent, right, "tangent")


def test_the_lecture_prints_the_gradients_of_split(capsys: pytest.CaptureFixture[str]) -> None:
    split = notes.my_split(JAX).apply
    gradient = jax.grad(lambda x: (split(x)[0] + split(x)[1]).mean() / 2)(jnp.arange(4.0))
    printed = capsys.readouterr().out
    assert "grad_x1: [0.125 0.125 0.125 0.125]" in printed
    np.testing.assert_array_equal(gradient, np.full(4, 0.25))
