"""If JAX moves what grad and custom_vjp lean on: one warning, and right results or a clear error.

A lost name is imitated in a process of its own: a module without it, in the place where this
package looks for it. JAX's own modules hold what they import, and go on. What is lost of an
equation or a type is imitated by hiding it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import custom_vjp
import grad
from convgrad import _dependence, _jax
from convgrad._dependence import dependence
from grad.graphs import _calls

ROOT = Path(__file__).parents[2]
X = np.array([1.0, 2.0])

PROGRAM = """
import importlib, json, sys, types, warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def lose(place, *names):
    if not names:
        sys.modules[place] = None
        return
    module = importlib.import_module(place)
    proxy = types.ModuleType(place)
    vars(proxy).update({name: v for name, v in vars(module).items() if name not in names})
    sys.modules[place] = proxy


import flax.nnx  # which asks for some of these names itself

lose(*LOST)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import conv, custom_vjp, grad

    class Double(custom_vjp.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return 2 * x

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return 2 * gradient + 0 * x

    def tell(function):
        try:
            return str(function())
        except ImportError as error:
            return f"ImportError: {error}"

    def doubled(x):
        return grad.while_loop(lambda y: jnp.sum(y) < 10, lambda y: y * twos, x)

    def scanned(x, y):
        carry = lax.scan(lambda c, a: (c * a, c), x[0], x)[0]
        return jnp.mean(jnp.floor(x)) + lax.stop_gradient(y).sum() + jax.nn.relu(carry)

    x = jnp.array([0.5, 1.5])
    scale, twos = jnp.float32(3), jnp.array([2.0, 2.0])
    told = {
        "backward": tell(lambda: grad.backward(scanned, (x, x))),
        "graph": tell(lambda: grad.graph(scanned, x, x)),
        "closing": tell(lambda: grad.vjp(lambda x: jax.jit(lambda y: y * scale)(x), x, x)),
        "forward": tell(lambda: Double.apply(x)),
        "relu": tell(lambda: jax.grad(lambda x: custom_vjp.relu(x).sum())(x)),
        "loop": tell(lambda: doubled(x)),
        "loop's gradient": tell(lambda: jax.grad(lambda x: doubled(x * scale).sum())(x)),
        "mapped loop": tell(lambda: jax.jit(jax.vmap(doubled))(jnp.stack([x, x]))),
        "function": tell(lambda: jax.grad(lambda x: Double.apply(x).sum())(x)),
        "pushed function": tell(lambda: jax.jvp(Double.apply, (x,), (x,))),
        "function of a number": tell(lambda: jax.grad(Double.apply)(2.0)),
    }
json.dump([told, [f"{c.category.__name__}: {c.message}" for c in caught]], sys.stdout)
"""

# What needs an operation of this package.
OPERATIONS = (
    "loop",
    "loop's gradient",
    "mapped loop",
    "function",
    "pushed function",
    "function of a number",
)

NEEDED = [(module.__name__, name) for name, module in _jax._NEEDED.items()]

# What can be done in another way.
REPLACED = [
    ("jax.core", "Tracer"),
    ("jax.core", "eval_context"),
    ("jax.core", "eval_jaxpr"),
    ("jax.extend.core", "jaxpr_as_fun"),
    ("jax.extend.core", "Literal"),
    ("jax.interpreters.partial_eval", "dce_jaxpr"),
]

MODULES = sorted({place for place, _ in (*NEEDED, *REPLACED)})


def run(*lost: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("*LOST", ", ".join(map(repr, lost)))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def some(losses: list[Any]) -> list[Any]:
    """Every third loss; the others, a process each, are left to the long tests."""
    return [
        loss if i % 3 == 0 else pytest.param(*loss, marks=pytest.mark.long)
        for i, loss in enumerate(losses)
    ]


@pytest.fixture(scope="module")
def untouched() -> Any:
    told, warned = run("jax.core", "nothing")
    assert warned == []
    assert not any("ImportError" in result for result in told.values())
    return told


@pytest.mark.parametrize(("place", "name"), some(NEEDED))
def test_an_operation_says_what_it_misses(place: str, name: str, untouched: Any) -> None:
    told, (warned,) = run(place, name)
    for what, result in told.items():
        if what in OPERATIONS:
            assert result.startswith(f"ImportError: jax {jax.__version__} has moved what"), what
            assert f"module '{place}' has no attribute '{name}'" in result
        else:
            assert result == untouched[what], what
    assert warned.startswith("RuntimeWarning: jax ")
    assert f"'{place}' has no attribute '{name}'" in warned
    assert "grad.while_loop" in warned


@pytest.mark.parametrize(("place", "name"), some(REPLACED))
def test_another_way_is_taken(place: str, name: str, untouched: Any) -> None:
    told, (warned,) = run(place, name)
    assert told == untouched
    assert f"'{place}' has no attribute '{name}'" in warned
    assert warned.endswith("another way is taken. Results are the same")


@pytest.mark.long
@pytest.mark.parametrize("place", MODULES)
def test_a_module_that_is_gone_is_as_one_without_names(place: str, untouched: Any) -> None:
    told, warned = run(place)
    assert len(warned) == len(set(warned)) > 0
    assert all(f"module '{place}' has no attribute" in message for message in warned)
    for what, result in told.items():
        assert result == untouched[what] or (
            what in OPERATIONS and result.startswith("ImportError: jax ")
        ), what


# What equations say. Their hiding is imitated in this process.


class Hiding:
    """An object without one of its attributes."""

    def __init__(self, thing: Any, *names: str) -> None:
        self.__dict__.update(thing=thing, names=names)

    def __getattr__(self, name: str) -> Any:
        if name in self.names:
            raise AttributeError(f"no {name}")
        return getattr(self.thing, name)


class Renamed:
    """An equation one of whose parameters has another name."""

    def __init__(self, equation: Any, name: str) -> None:
        self.thing = equation
        self.params = {key: v for key, v in equation.params.items() if key != name}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.thing, name)


@pytest.fixture(autouse=True)
def _nothing_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No loss is known before a test or after it, nor what was read before."""
    monkeypatch.setattr(_jax, "_losses", {})
    monkeypatch.setattr(_dependence, "_cache", type(_dependence._cache)())
    monkeypatch.setattr(_dependence, "_custom", type(_dependence._custom)())


def warned(function: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return what a function returns, and the warnings."""
    with pytest.warns(RuntimeWarning) as record:
        results = function()
    return *results, record


def check_once(record: Any, *texts: str) -> None:
    (warning,) = record
    for text in (f"jax {jax.__version__} has moved ", *texts):
        assert text in str(warning.message)


def window(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


# By operation and parameter: a function of an array, and the name that its node is left with.
PARAMETERS: dict[tuple[str, str], tuple[Any, str]] = {
    ("scan", "jaxpr"): (lambda x: lax.scan(lambda c, a: (c + a, a), x[0], x)[0], "scan[function]"),
    ("scan", "length"): (lambda x: lax.scan(lambda c, a: (c + a, a), x[0], x)[0], "scan["),
    ("scan", "num_carry"): (lambda x: lax.scan(lambda c, a: (c + a, a), x[0], x)[0], "scan["),
    ("while", "body_jaxpr"): (
        lambda x: lax.while_loop(lambda y: jnp.all(y < 9), lambda y: y * 2, x),
        "while[function]",
    ),
    ("while", "cond_nconsts"): (
        lambda x: lax.while_loop(lambda y: jnp.all(y < 9), lambda y: y * 2, x),
        "while[",
    ),
    ("cond", "branches"): (
        lambda x: lax.cond(True, lambda x: x * 2, lambda x: x, x),
        "CondBackward0",
    ),
    ("jit", "jaxpr"): (lambda x: jax.jit(lambda x: x * 2)(x), "jit[function]"),
    ("while_loop", "body"): (
        lambda x: grad.while_loop(lambda y: jnp.all(y < 9), lambda y: y * 2, x),
        "while_loop[function]",
    ),
    ("reduce_max", "axes"): (lambda x: x.max(), "ReduceMaxBackward0"),
    ("squeeze", "dimensions"): (
        lambda x: lax.squeeze(lax.slice(x, (0,), (1,)), (0,)),
        "SqueezeBackward1",
    ),
    ("dot_general", "dimension_numbers"): (lambda x: x @ x, "DotGeneralBackward0"),
    ("reduce_window_max", "window_dimensions"): (
        lambda x: window(jnp.broadcast_to(x, (1, 1, 2, 2))),
        "ReduceWindowMaxBackward0",
    ),
}


@pytest.mark.parametrize(("operation", "name"), PARAMETERS)
def test_a_parameter_that_is_renamed(
    operation: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, node = PARAMETERS[operation, name]
    closed, whole = jax.make_jaxpr(function)(X), grad.graph(function, X)
    expected = grad.jvp(function, X, X)[1]
    read = _jax.parameter

    def renamed(equation: Any, *names: str) -> Any:
        if equation.primitive.name != operation:
            return read(equation, *names)
        # What newer versions of JAX have in the place of a scan's num_carry.
        hidden = name if name in equation.params else "ft_in"
        return read(Renamed(equation, hidden), *names)

    monkeypatch.setattr(_jax, "parameter", renamed)
    monkeypatch.setattr(_dependence, "_cache", type(_dependence._cache)())
    without, depends, tangent, record = warned(
        lambda: (grad.graph(function, X), dependence(closed), grad.jvp(function, X, X)[1])
    )
    check_once(record, f"of {operation} (KeyError", "grad.graph shows it by JAX's name")
    assert node in str(without)
    assert len(without.leaves) == len(whole.leaves)
    assert depends == (frozenset({0}),)
    np.testing.assert_array_equal(tangent, expected)


def test_equations_without_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    read, inside = _jax.parameter, _jax.inner_jaxprs
    monkeypatch.setattr(_jax, "parameter", lambda e, *names: read(Hiding(e, "params"), *names))
    monkeypatch.setattr(_jax, "inner_jaxprs", lambda e: inside(Hiding(e, "params")))

    def function(x: Any) -> Any:
        return lax.scan(lambda c, a: (c + a, a), x[0], jax.jit(lambda x: x * 2)(x))[0].max()

    gradient, graph, record = warned(lambda: (grad.backward(function, X), grad.graph(function, X)))
    assert "scan[function]" in str(graph)
    check_once(record, "the parameters of equations (AttributeError")
    np.testing.assert_array_equal(gradient, [3.0, 2.0])


def test_equations_without_operations() -> None:
    (equation,) = jax.make_jaxpr(jnp.sin)(1.0).jaxpr.eqns
    assert _jax.name_of(equation) == "sin"
    hiding = Hiding(equation, "primitive")
    *names, record = warned(lambda: (_jax.name_of(hiding), _jax.name_of(hiding)))
    assert names == ["unknown"] * 2
    check_once(record, "the names of operations (AttributeError")


@pytest.mark.parametrize("name", ["source_info", "name_stack", "traceback", "raw_frames"])
def test_equations_that_come_from_nowhere(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = _calls.frames

    def hidden(equation: Any) -> Any:
        source = equation.source_info
        traceback = Hiding(source.traceback, name)
        source = type("", (), {"name_stack": source.name_stack, "traceback": traceback})()
        hiding = Hiding(equation, name)
        hiding.__dict__.update({} if name == "source_info" else {"source_info": Hiding(source)})
        if name in ("name_stack", "traceback"):
            delattr(type(source), name)
        return read(hiding)

    assert "SoftmaxBackward0" in str(grad.graph(jax.nn.softmax, X))
    monkeypatch.setattr(_calls, "frames", hidden)
    with pytest.warns(RuntimeWarning) as record:
        assert "DivBackward0" in str(grad.graph(jax.nn.softmax, X))
    check_once(record, "where equations come from", "what a call was traced into")


@pytest.mark.parametrize("field", ["func_name", "func_filename"])
def test_programs_without_a_name(field: str, monkeypatch: pytest.MonkeyPatch) -> None:

    def function(x: Any) -> Any:
        return jax.nn.relu(jax.checkpoint(lambda x: jnp.sin(x))(x))

    assert "ReluBackward0" in str(grad.graph(function, X))
    read = _jax._debug_info

    def hidden(jaxpr: Any, name: str) -> Any:
        return read(type("", (), {"debug_info": Hiding(jaxpr.debug_info, field)}), name)

    monkeypatch.setattr(_jax, "_debug_info", hidden)
    with pytest.warns(RuntimeWarning) as record:
        grad.graph(function, X)
    check_once(record, f"what programs are called ({field})")


def test_numbers_without_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "MeanBackward0" in str(grad.graph(jnp.mean, X))
    read = _jax.literal_value
    monkeypatch.setattr(_jax, "literal_value", lambda literal: read(Hiding(literal, "val")))
    with pytest.warns(RuntimeWarning) as record:
        assert "DivBackward0" in str(grad.graph(jnp.mean, X))
    check_once(record, "the numbers in programs")


def test_a_scan_that_divides_its_inputs_in_another_way() -> None:
    (scan,) = jax.make_jaxpr(lambda c, x: lax.scan(lambda c, a: (c + a, a), c, x))(1.0, X).eqns
    assert _jax.scan_counts(scan) == (0, 1)
    parts = SimpleNamespace(unpack=lambda: ((1, 2), (3,), (4,)))
    newer = SimpleNamespace(primitive=scan.primitive, params={"ft_in": parts})
    assert _jax.scan_counts(newer) == (2, 1)
    newer.params["ft_in"] = object()
    with pytest.warns(RuntimeWarning) as record, pytest.raises(_jax.Moved):
        _jax.scan_counts(newer)
    check_once(record, "how a scan's inputs divide", "to depend on all that goes into it")


def test_programs_without_effects() -> None:
    closed = jax.make_jaxpr(jnp.sin)(1.0)
    assert not _jax.uses_axis(closed, "i")
    with pytest.warns(RuntimeWarning) as record:
        assert _jax.uses_axis(Hiding(closed, "effects"), "i")
    check_once(record, "the effects of programs")


# What types say.


class Triple(custom_vjp.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return 3 * x

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return 3 * gradient


def triple(x: Any) -> Any:
    return jax.grad(lambda x: Triple.apply(x).sum())(x)


@pytest.mark.parametrize("method", ["to_tangent_aval", "strip_weak_type"])
def test_types_without_a_type_of_tangents(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = _jax._of_type
    monkeypatch.setattr(_jax, "_of_type", lambda aval, name: read(Hiding(aval, method), name))
    with (
        pytest.warns(RuntimeWarning) as record,
        pytest.raises(ImportError, match=rf"has moved the types of tangents \(no {method}\)"),
    ):
        triple(X)
    np.testing.assert_array_equal(Triple.apply(X), 3 * X)
    check_once(record, "the types of tangents", "custom_vjp.Function, raise an ImportError")


def test_types_that_say_nothing_of_shard_map(monkeypatch: pytest.MonkeyPatch) -> None:
    aval, read = jax.typeof(jnp.ones(2)), _jax.varying
    hiding = Hiding(aval, "manual_axis_type", "vma")
    *axes, record = warned(lambda: (read(hiding), read(hiding)))
    assert axes == [frozenset()] * 2
    check_once(record, "the axes that an array varies over", "under jax.shard_map")
    assert read(Hiding(aval, "vma")) == frozenset()


@pytest.mark.parametrize("name", ["size", "name", "spmd_name", "explicit_mesh_axis"])
def test_a_mapped_axis_that_says_less(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, x = _jax.batching.fancy_primitive_batchers, jnp.arange(4.0).reshape(2, 2)
    loop = grad.loops._primitive.while_loop_p
    whole = rules[loop]
    monkeypatch.setitem(rules, loop, lambda axis, *a, **p: whole(Hiding(axis, name), *a, **p))
    with (
        pytest.warns(RuntimeWarning) as record,
        pytest.raises(ImportError, match=f"has moved what grad.while_loop needs .*no {name}"),
    ):
        jax.vmap(lambda x: grad.while_loop(lambda y: y.sum() < 9, lambda y: y + 1, x))(x)
    check_once(record, "what is told of a mapped axis")


def test_losses_are_told_apart() -> None:
    with pytest.warns(RuntimeWarning, match="convolutions take JAX's own lowering"):
        _jax.lost("one", KeyError("a"))
    with pytest.warns(RuntimeWarning, match="grad.graph shows"):
        _jax.lost("another", KeyError("b"), _jax.GRAPHS)
    assert _jax.losses() == ["one"]
    assert _jax.losses(_jax.GRAPHS) == ["another"]
    assert _jax.losses(_jax.WAYS) == []


UNPROMISED = (
    "jax._src",
    "jax.interpreters",
    "jax.extend",
    "jax.experimental",
    "jax.core",
    ".source_info",
    "eqn.params",
    ".primitive",
    ".debug_info",
    ".effects",
    "to_tangent_aval",
    "manual_axis_type",
    "xla_metadata",
)
IMPORTED = re.compile(r"from jax import .*\b(_src|core|experimental|extend|interpreters)\b")


@pytest.mark.parametrize("package", ["compare", "conv", "convgrad", "custom_vjp", "grad"])
def test_what_jax_does_not_promise_stands_in_one_file(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        if path == ROOT / "convgrad" / "_jax.py":
            continue
        text = path.read_text(encoding="utf-8")
        assert [name for name in UNPROMISED if name in text] == [], path
        assert IMPORTED.search(text) is None, path
