"""Random calls, a quarter of them spoilt: PyTorch and we accept with equal results, or refuse."""

import gc
import re
from collections import Counter
from typing import Any

import jax
import pytest
from hypothesis import HealthCheck, event, given, settings

from tests.support.agree import assert_as_good
from tests.support.calls import NAMES, OURS, Array, Call
from tests.support.exclusions import exclusion
from tests.support.outcomes import our_outcome, their_outcome
from tests.support.strategies import calls

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def compare(call: Call) -> str:
    """Assert that both sides agree on a call, and say what they did."""
    if (entry := exclusion(call)) is not None:
        if entry.refused:
            assert our_outcome(call, None) is None, f"we accept {call}, though {entry.reason}"
        return "excluded"
    theirs = their_outcome(call)
    ours = our_outcome(call, theirs)
    if theirs is None:
        assert ours is None, f"PyTorch refuses what we accept: {call}"
        return "refused"
    assert ours is not None, f"PyTorch accepts what we refuse: {call}"
    assert len(ours.results) == len(theirs.results)

    def exact() -> Any:
        return their_outcome(call, wide=True)

    for i, (mine, right) in enumerate(zip(ours.results, theirs.results, strict=True)):
        assert_as_good(mine, right, f"result {i} of {call}", lambda i=i: exact().results[i])
    if theirs.gradients is None or ours.gradients is None:
        return "accepted, without gradient"
    assert sorted(ours.gradients) == sorted(theirs.gradients)
    for name, gradient in ours.gradients.items():
        what = f"gradient of {name} in {call}"
        right = theirs.gradients[name]
        assert_as_good(gradient, right, what, lambda n=name: exact().gradients[n])
    return "accepted"


def sweep(function: str, examples: int, fixed: bool) -> None:
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=fixed,
        print_blob=not fixed,
        suppress_health_check=list(HealthCheck),
    )
    @given(call=calls(function))
    def both_agree_or_both_refuse(call: Call) -> None:
        if sum(outcomes.values()) % 500 == 499:
            jax.clear_caches()
            gc.collect()
        outcome = compare(call)
        outcomes[outcome] += 1
        event(outcome)

    gc.disable()  # tracing makes many small objects: a quarter of the time went to looking at them
    try:
        both_agree_or_both_refuse()
    finally:
        gc.enable()
    total = sum(outcomes.values())
    print(f"{function}: " + ", ".join(f"{n / total:.0%} {o}" for o, n in outcomes.items()))
    assert total >= examples
    # A quarter of the calls is spoilt, mostly for good; others are by chance.
    assert outcomes["accepted"] >= 0.25 * total
    assert outcomes["refused"] >= 0.05 * total
    # The functions of torch.nn.grad check no shapes: whatever spoils a shape is excluded there.
    few = 0.25 if function.endswith(("_input", "_weight")) else 0.1
    assert outcomes["excluded"] <= few * total
    assert outcomes["accepted, without gradient"] <= 0.2 * total


@pytest.mark.parametrize(
    "error",
    [
        TypeError("mul got incompatible shapes for broadcasting: (2,), (3,)."),
        ValueError("avg_pool1d: kernel_size must be positive, got kernel_size=0"),
        AttributeError("unfold: an array has no such attribute"),
    ],
    ids=["by lax", "by another function", "of another class"],
)
def test_an_error_by_accident_is_no_refusal(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setitem(OURS, "unfold", broken)
    call = Call("unfold", {"input": Array((1, 2, 2)), "kernel_size": 3})
    assert their_outcome(call) is None
    with pytest.raises(type(error), match=re.escape(str(error))):
        our_outcome(call, None)


@pytest.mark.parametrize("function", NAMES)
def test_random_calls(function: str) -> None:
    """Three hundred of the gradients': most of their spoilt calls are excluded, few refused."""
    sweep(function, 300 if function.endswith(("_input", "_weight")) else 60, fixed=True)


@pytest.mark.long
@pytest.mark.parametrize("function", NAMES)
def test_many_random_calls(function: str) -> None:
    sweep(function, 5000, fixed=False)
