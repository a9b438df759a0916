"""Sweeps of which a part is enough in every run, and the rest is for `make test-long`."""

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

# Files with many cases of a kind: `make test` runs about one in so many of each function's, drawn
# by their names, and `make test-long` all.
THINNED = {
    "conv/test_convolution.py": 2,
    "conv/test_matrix.py": 2,
    "conv/test_opinfo.py": 3,
    "conv/test_pad.py": 2,
    "conv/test_pool_modules.py": 3,
    "conv/test_pooling.py": 3,
    "conv/test_power_pools.py": 3,
    "conv/test_transforms.py": 3,
    "conv/test_transposed.py": 2,
    "conv/test_unfold.py": 2,
    "conv/test_unpool.py": 3,
    "custom_vjp/test_conventions_arguments.py": 2,
    "custom_vjp/test_conventions_dtypes.py": 2,
    "custom_vjp/test_function_back_twice.py": 2,
    "custom_vjp/test_function_points.py": 2,
    "custom_vjp/test_gradcheck.py": 3,
    "grad/test_fixed_point.py": 2,
    "grad/test_gradcheck_adjoint.py": 2,
    "grad/test_gradcheck_conv.py": 2,
    "grad/test_gradcheck_table.py": 3,
    "grad/test_gradcheck_windows.py": 4,
    "grad/test_paths.py": 2,
    "grad/test_while_loop_transforms.py": 2,
    "port/functional/test_activations.py": 3,
    "port/functional/test_cdist.py": 3,
    "port/functional/test_grid.py": 3,
    "port/functional/test_interpolate.py": 2,
    "port/functional/test_linear.py": 2,
    "port/functional/test_loss_edges.py": 2,
    "port/functional/test_losses.py": 3,
    "port/functional/test_norms.py": 3,
    "port/functional/test_samples.py": 3,
    "port/test_modules_attention.py": 2,
    "port/writer/test_written.py": 2,
}
TESTS = Path(__file__).parents[1]


def thin(items: Iterable[pytest.Item]) -> None:
    """Mark what `make test` leaves out of the files above as part of the long run only."""
    functions: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        file = Path(os.path.relpath(item.path, TESTS)).as_posix()
        parametrised = getattr(item, "callspec", None) is not None
        if file in THINNED and parametrised and not item.get_closest_marker("long"):
            name = getattr(item, "originalname", item.name)
            functions.setdefault((file, name), []).append(item)
    for (file, _), cases in functions.items():
        drawn = [case for case in cases if zlib.crc32(case.name.encode()) % THINNED[file] == 0]
        for case in cases:
            if case not in (drawn or cases[:1]):
                case.add_marker(pytest.mark.long)


def long(cases: Iterable[Any]) -> list[Any]:
    """Mark cases, single values or tuples of them, as part of the long run only."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long)
        for case in cases
    ]


def some(cases: Iterable[Any], every: int, first: int = 0) -> list[Any]:
    """Return all cases, and mark those but one in `every` as part of the long run only."""
    marked = []
    for place, case in enumerate(cases):
        marked += [case] if place % every == first else long([case])
    return marked
