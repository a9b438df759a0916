"""Every public function of `conv` under every transformation of JAX, beside PyTorch."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax

import conv
from tests.support.agree import assert_same, draw, to_torch
from tests.support.operations import OPERATIONS, Operation

every = pytest.mark.parametrize("operation", OPERATIONS, ids=str)


def arrays_of(operation: Operation, dtype: str = "float64") -> list[np.ndarray]:
    return [draw(i, shape, dtype) for i, shape in enumerate(operation.shapes)]


def tensors_of(arrays: list[np.ndarray]) -> list[torch.Tensor]:
    return [to_torch(a) for a in arrays]


def first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def cubes(value: Any) -> Any:
    """A scalar that is linear in nothing, so that its Hessian shows every second derivative."""
    return (first(value) ** 3).sum()


def assert_all_same(ours: Any, theirs: Any, what: str) -> None:
    ours, theirs = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(ours) == len(theirs) > 0
    for mine, right in zip(ours, theirs, strict=True):
        assert_same(mine, right, what)


def test_the_table_holds_every_function() -> None:
    listed = {operation.name.partition("-")[0] for operation in OPERATIONS}
    shapes_only = {"conv_output_shape", "conv_transpose_output_shape", "same_padding"}
    others = {
        name for name in conv.__all__ if name[0].isupper() or name in ("accelerate", "routes")
    }
    assert listed == set(conv.__all__) - shapes_only - others


@every
def test_jit(operation: Operation) -> None:
    arrays = arrays_of(operation)
    assert_all_same(
        jax.jit(operation.ours)(*arrays), operation.theirs(*tensors_of(arrays)), "value"
    )


@every
def test_vmap_over_each_operand_and_axis(operation: Operation) -> None:
    """Each operand alone, at each of its axes; all of them, at the first axes and at the last."""
    shapes = operation.shapes
    choices = [
        tuple(axis if i == which else None for i in range(len(shapes)))
        for which, shape in enumerate(shapes)
        for axis in range(len(shape) + 1)
    ]
    choices += [(0,) * len(shapes), tuple(len(shape) for shape in shapes)]
    arrays = [draw(i, (3, *shape)) for i, shape in enumerate(shapes)]

    def all_at_once(*arrays: jax.Array) -> list[Any]:
        results = []
        for axes in choices:
            moved = [
                a[0] if axis is None else jnp.moveaxis(a, 0, axis)
                for a, axis in zip(arrays, axes, strict=True)
            ]
            results.append(jax.vmap(operation.ours, axes)(*moved))
        return results

    tensors = tensors_of(arrays)
    for axes, ours in zip(choices, jax.jit(all_at_once)(*arrays), strict=True):
        parts = [
            operation.theirs(
                *(t[0 if axis is None else i] for t, axis in zip(tensors, axes, strict=True))
            )
            for i in range(3)
        ]
        parts = [p if isinstance(p, tuple) else (p,) for p in parts]
        right = [torch.stack(column) for column in zip(*parts, strict=True)]
        assert_all_same(ours, right, f"vmap over {axes}")


@every
def test_jacobians(operation: Operation) -> None:
    arrays = arrays_of(operation)
    right = torch.autograd.functional.jacobian(
        lambda *tensors: first(operation.theirs(*tensors)), tuple(tensors_of(arrays))
    )
    operands = tuple(range(len(arrays)))
    for of in (jax.jacfwd, jax.jacrev):
        ours = jax.jit(of(lambda *a: first(operation.ours(*a)), operands))(*arrays)
        assert_all_same(ours, right, of.__name__)


@every
def test_hessian(operation: Operation) -> None:
    arrays = arrays_of(operation)
    right = torch.autograd.functional.hessian(
        lambda *tensors: cubes(operation.theirs(*tensors)), tuple(tensors_of(arrays))
    )
    operands = tuple(range(len(arrays)))
    ours = jax.jit(jax.hessian(lambda *a: cubes(operation.ours(*a)), operands))(*arrays)
    assert_all_same(ours, right, "hessian")


@every
def test_checkpoint(operation: Operation) -> None:
    arrays = arrays_of(operation)
    tensors = [t.requires_grad_() for t in tensors_of(arrays)]
    right = torch.autograd.grad(cubes(operation.theirs(*tensors)), tensors)
    remade = jax.checkpoint(lambda *a: cubes(operation.ours(*a)))
    gradients = jax.jit(jax.grad(remade, tuple(range(len(arrays)))))(*arrays)
    assert_all_same(gradients, right, "gradient")


@every
def test_scan(operation: Operation) -> None:
    """One step a row of the first operand; values, and the gradient through the loop."""
    start, *rest = [draw(i, shape) for i, shape in enumerate(operation.shapes)]
    rows = np.stack([start, -start, 2 * start])

    def loop(rows: jax.Array, *rest: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(total: jax.Array, row: jax.Array) -> tuple[jax.Array, jax.Array]:
            value = first(operation.ours(row, *rest))
            return total + (value**2).sum(), value

        return lax.scan(step, jnp.zeros(()), rows)

    tensors = [t.requires_grad_() for t in tensors_of([rows, *rest])]
    values = torch.stack([first(operation.theirs(row, *tensors[1:])) for row in tensors[0]])
    right = torch.autograd.grad((values**2).sum(), tensors)
    of = tuple(range(len(tensors)))
    run = jax.jit(jax.value_and_grad(loop, of, has_aux=True))
    (_, ours), gradients = run(rows, *rest)
    assert_same(ours, values, "values in a scan")
    assert_all_same(gradients, right, "gradient through a scan")


@every
def test_fori_loop(operation: Operation) -> None:
    start, *rest = arrays_of(operation)

    def loop(*arrays: jax.Array) -> jax.Array:
        def body(i: jax.Array, total: jax.Array) -> jax.Array:
            return total + first(operation.ours(arrays[0] * (i + 1.0), *arrays[1:]))

        shape = jax.eval_shape(lambda *a: first(operation.ours(*a)), *arrays)
        return lax.fori_loop(0, 3, body, jnp.zeros(shape.shape, shape.dtype))

    tensor, *others = tensors_of([start, *rest])
    right = sum(first(operation.theirs(tensor * (i + 1.0), *others)) for i in range(3))
    assert_same(jax.jit(loop)(start, *rest), right, "sum in a fori_loop")


@every
def test_export_with_a_symbolic_batch(operation: Operation) -> None:
    """One program for three platforms and any batch: written out, read back, called with two."""
    (batch,) = jax.export.symbolic_shape("batch")
    sizes = [
        tuple(batch if i == axis else n for i, n in enumerate(shape))
        for shape, axis in zip(operation.shapes, operation.batched, strict=True)
    ]
    wanted = [jax.ShapeDtypeStruct(size, jnp.float32) for size in sizes]
    exported = jax.export.export(jax.jit(operation.ours), platforms=["cpu", "cuda", "tpu"])(*wanted)
    assert exported.platforms == ("cpu", "cuda", "tpu")
    again = jax.export.deserialize(exported.serialize())
    for n in (2, 5):
        arrays = [
            draw(i, tuple(n if a == axis else m for a, m in enumerate(shape)), "float32")
            for i, (shape, axis) in enumerate(zip(operation.shapes, operation.batched, strict=True))
        ]
        assert_all_same(again.call(*arrays), operation.theirs(*tensors_of(arrays)), f"batch {n}")


@pytest.fixture(scope="module")
def on_two_devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Results of all operations from a process of its own, which has two virtual devices."""
    path = tmp_path_factory.mktemp("sharded") / "results.npz"
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    root = Path(conv.__file__).parents[1]
    command = [sys.executable, "-m", "tests.support.sharded", str(path)]
    subprocess.run(command, check=True, cwd=root, env=environment)
    with np.load(path) as results:
        yield results


@every
def test_shard_map(operation: Operation, on_two_devices: Any) -> None:
    pieces = [to_torch(draw(i, (2, *shape))) for i, shape in enumerate(operation.shapes)]
    right = torch.stack([first(operation.theirs(*piece)) for piece in zip(*pieces, strict=True)])
    assert_same(jnp.asarray(on_two_devices[operation.name]), right, "on two devices")
    if len(pieces) > 1:
        *mapped, last = pieces
        rows = zip(*mapped, strict=True)
        right = torch.stack([first(operation.theirs(*row, last[0])) for row in rows])
        ours = jnp.asarray(on_two_devices[f"{operation.name}-shared"])
        assert_same(ours, right, "on two devices, with one operand the same on both")


COMPILED: list[str] = []


def _count(event: str, duration: float, **kwargs: Any) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(event)


jax.monitoring.register_event_duration_secs_listener(_count)


def compilations(function: Callable[..., Any], *arrays: Any) -> int:
    before = len(COMPILED)
    jax.block_until_ready(function(*arrays))
    return len(COMPILED) - before


@every
def test_a_second_call_does_not_compile(operation: Operation) -> None:
    """Plain calls, without jit: the first compiles, the second with other numbers does not."""
    jax.clear_caches()
    once, twice = (
        [jnp.asarray(draw(seed + i, shape)) for i, shape in enumerate(operation.shapes)]
        for seed in (0, 10)
    )
    assert compilations(operation.ours, *once) > 0
    assert compilations(operation.ours, *twice) == 0


def test_another_shape_compiles_again() -> None:
    """What the count above rests on."""
    operation = OPERATIONS[0]
    x, *rest = [jnp.asarray(a) for a in arrays_of(operation)]
    compilations(operation.ours, x, *rest)
    longer = jnp.concatenate([x, x, x], axis=-1)
    assert compilations(operation.ours, longer, *rest) > 0
    assert compilations(operation.ours, longer, *rest) == 0
