"""Sweeps of which a part is enough in every run, and the rest is for `make test-long`."""

from collections.abc import Iterable
from typing import Any

import pytest


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
