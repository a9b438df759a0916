"""Every public function of `conv` in one small call, written once for both sides.

`call(side, *arrays)` gets the functions of one side by PyTorch's names. What PyTorch has not
is written here with its conv1d, so that the other side is PyTorch throughout.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch

import conv


@dataclass(frozen=True)
class Operation:
    """A call: its arrays' shapes, and at which of their axes the batch stands."""

    name: str
    call: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    batched: tuple[int | None, ...]

    def __str__(self) -> str:
        return self.name

    def ours(self, *arrays: Any) -> Any:
        return self.call(OURS, *arrays)

    def theirs(self, *tensors: Any) -> Any:
        return self.call(THEIRS, *tensors)


def _torch_conv_matrix(weight: torch.Tensor, length: int, **arguments: Any) -> torch.Tensor:
    """Convolve every unit vector: (out, places, channels, length)."""
    channels = weight.shape[1] * arguments.get("groups", 1)
    units = torch.eye(channels * length, dtype=weight.dtype).reshape(-1, channels, length)
    columns = torch.nn.functional.conv1d(units, weight, **arguments)
    return columns.reshape(channels, length, *columns.shape[1:]).permute(2, 3, 0, 1)


OURS = SimpleNamespace(
    **{name: getattr(conv, name) for name in conv.__all__},
    constant=jnp.broadcast_to,
    numbers=lambda value, shape, like: jnp.full(shape, value, like.dtype),
)
THEIRS = SimpleNamespace(
    **{n: getattr(torch.nn.functional, n) for n in conv.__all__ if hasattr(torch.nn.functional, n)},
    **{n: getattr(torch.nn.grad, n) for n in conv.__all__ if hasattr(torch.nn.grad, n)},
    conv_matrix=_torch_conv_matrix,
    scalar_products=torch.nn.functional.conv1d,
    constant=lambda values, shape: torch.from_numpy(np.broadcast_to(values, shape).copy()),
    numbers=lambda value, shape, like: torch.full(shape, value, dtype=like.dtype),
)

SPACE = {1: (5,), 2: (4, 3), 3: (3, 2, 3)}
KERNEL = {1: (3,), 2: (2, 3), 3: (2, 1, 2)}


def _operation(
    name: str,
    shapes: Sequence[tuple[int, ...]],
    call: Callable[..., Any],
    batched: Sequence[int | None] = (0,),
) -> Operation:
    return Operation(name, call, tuple(shapes), tuple(batched) + (None,) * (len(shapes) - 1))


def _of_convolutions(dims: int) -> list[Operation]:
    x, w = (2, 2, *SPACE[dims]), (2, 1, *KERNEL[dims])
    plain = {"stride": 2, "padding": 1, "groups": 2}
    back = {"stride": 2, "output_padding": 1, "groups": 2}
    y = conv.conv_output_shape(x, w, **plain)

    def forward(side: Any, *arrays: Any) -> Any:
        return getattr(side, f"conv{dims}d")(*arrays, **plain)

    def transposed(side: Any, *arrays: Any) -> Any:
        return getattr(side, f"conv_transpose{dims}d")(*arrays, **back)

    def of_input(side: Any, weight: Any, grad: Any) -> Any:
        size = (grad.shape[0], *x[1:])
        return getattr(side, f"conv{dims}d_input")(size, weight, grad, **plain)

    def of_weight(side: Any, input: Any, grad: Any) -> Any:
        return getattr(side, f"conv{dims}d_weight")(input, w, grad, **plain)

    return [
        _operation(f"conv{dims}d", [x, w, (2,)], forward),
        _operation(f"conv_transpose{dims}d", [y, w, (2,)], transposed),
        Operation(f"conv{dims}d_input", of_input, (w, y), (None, 0)),
        Operation(f"conv{dims}d_weight", of_weight, (x, y), (0, 0)),
    ]


def _of_pools(dims: int) -> list[Operation]:
    x = (2, 1, *SPACE[dims])
    window = {"kernel_size": 2, "stride": 1, "padding": 1, "ceil_mode": True}

    def pool(name: str, *args: Any, **kwargs: Any) -> Operation:
        def call(side: Any, input: Any) -> Any:
            return getattr(side, f"{name}{dims}d")(input, *args, **kwargs)

        return _operation(f"{name}{dims}d" + "-indices" * ("return_indices" in kwargs), [x], call)

    if dims == 3:  # its windows must fit into the input
        counted = {"kernel_size": 2, "stride": 1, "padding": 1, "count_include_pad": False}
    else:
        counted = {**window, "count_include_pad": False}
    return [
        pool("max_pool", **window),
        pool("max_pool", **window, return_indices=True),
        pool("avg_pool", **counted),
        pool("adaptive_max_pool", 2),
        pool("adaptive_max_pool", 2, return_indices=True),
        pool("adaptive_avg_pool", 2),
    ]


def _of_places(dims: int) -> list[Operation]:
    """Unpooling to places, and pooling of places, that every image has alike."""
    x, space = (2, 1, *(2, 3, 2)[:dims]), [2 * n for n in (2, 3, 2)[:dims]]
    places = np.random.default_rng(dims).permutation(math.prod(space))[: math.prod(x[2:])]

    def unpool(side: Any, input: Any) -> Any:
        indices = side.constant(places.reshape(x[2:]), input.shape)
        return getattr(side, f"max_unpool{dims}d")(input, indices, 2)

    def norm(side: Any, input: Any) -> Any:
        # Of even powers, so that no root is one of a negative number.
        return getattr(side, f"lp_pool{dims}d")(input, 2, 2, stride=1)

    def fractional(side: Any, input: Any) -> Any:
        samples = side.numbers(0.3, (*input.shape[:2], dims), input)
        return getattr(side, f"fractional_max_pool{dims}d")(input, 2, 2, _random_samples=samples)

    found = [_operation(f"max_unpool{dims}d", [x], unpool)]
    found += [_operation(f"lp_pool{dims}d", [(2, 1, *SPACE[dims])], norm)]
    if dims > 1:
        shape = (2, 1, *(5, 6, 5)[:dims])
        found += [_operation(f"fractional_max_pool{dims}d", [shape], fractional)]
    return found


def _others() -> list[Operation]:
    columns = {"kernel_size": 2, "padding": 1, "stride": 2}
    modes = [
        _operation(
            f"pad-{mode}",
            [(2, 1, 3, 4)],
            lambda side, x, m=mode: side.pad(x, (2, -1, 1, 1), mode=m),
        )
        for mode in ("constant", "reflect", "replicate", "circular")
    ]
    return [
        *modes,
        _operation("unfold", [(2, 2, 4, 3)], lambda side, x: side.unfold(x, **columns)),
        _operation("fold", [(2, 8, 6)], lambda side, x: side.fold(x, (4, 3), **columns)),
        _operation(
            "conv_matrix",
            [(2, 2, 3)],
            lambda side, w: side.conv_matrix(w, 5, stride=2, padding=1, groups=2),
            (None,),
        ),
        _operation(
            "scalar_products",
            [(2, 5), (2, 1, 3), (2,)],
            lambda side, *a: side.scalar_products(*a, padding=1, groups=2),
            (None,),
        ),
    ]


OPERATIONS = [
    operation
    for group in (
        *(_of_convolutions(n) for n in (1, 2, 3)),
        *(_of_pools(n) for n in (1, 2, 3)),
        *(_of_places(n) for n in (1, 2, 3)),
        _others(),
    )
    for operation in group
]
