"""One call of apply: its arguments, and what running forward on them gave."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import jax
from jax.tree_util import PyTreeDef
from jax.typing import ArrayLike

from convgrad._arrays import Array, is_array, is_inexact
from convgrad._jax import constant, is_traced

from ._context import FunctionCtx, attributes
from ._tangents import flatten, shape_of
from ._words import torch_words

if TYPE_CHECKING:
    from ._function import Function

# Where a value on ctx came from: an input leaf, an output array, neither ("extra"), or no array.
Source = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Call:
    """The arguments of one apply, with the traced arrays taken out.

    Attributes:
      function: the subclass of Function.
      leaves: all leaves of the arguments; what stands at a traced position is meaningless.
      tree: their structure.
      traced: positions of the traced arrays among the leaves.
      argument: for each leaf the argument that it belongs to.
      names: of the arguments, for messages.
      keywords: names under which the last arguments are passed to forward.
    """

    function: type[Function]
    leaves: list[Any]
    tree: PyTreeDef
    traced: tuple[int, ...]
    argument: tuple[int, ...]
    names: tuple[str, ...]
    keywords: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def two_parts(self) -> bool:
        return has_setup_context(self.function)

    def fill(self, arrays: Iterable[Any]) -> list[Any]:
        """Return all leaves with the traced ones back in place."""
        leaves = list(self.leaves)
        for i, array in zip(self.traced, arrays, strict=True):
            leaves[i] = array
        return leaves

    def inputs(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        return self.tree.unflatten(leaves)

    def per_argument(self, flags: Sequence[bool]) -> tuple[bool, ...]:
        """From one flag a traced array to one flag an argument."""
        marked = {self.argument[i] for i, flag in zip(self.traced, flags, strict=True) if flag}
        return tuple(i in marked for i in range(len(self.names)))


def defines(function: type[Function], *methods: str) -> bool:
    """Whether a subclass of Function has one of these methods of its own."""
    return any(not getattr(getattr(function, m), "is_default", False) for m in methods)


def has_setup_context(function: type[Function]) -> bool:
    """Whether forward and setup_context stand apart, and forward takes no ctx."""
    return defines(function, "setup_context")


def describe(
    function: type[Function], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Call, list[jax.Array]]:
    """Take the arguments of apply apart; return them and the traced arrays among them."""
    inputs, keywords = _bind(function, tuple(args), kwargs)
    leaves, tree = flatten(inputs)
    leaves = [jax_array(leaf) if is_array(leaf) else leaf for leaf in leaves]
    traced = tuple(i for i, leaf in enumerate(leaves) if is_traced(leaf))
    argument = tuple(i for i, child in enumerate(tree.children()) for _ in range(child.num_leaves))
    names = _names(function, len(inputs), keywords)
    call = Call(function, leaves, tree, traced, argument, names, keywords)
    return call, [leaves[i] for i in traced]


def _bind(
    function: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """As PyTorch: defaults are filled in where there is a setup_context to see them."""
    if not has_setup_context(function):
        return args + tuple(kwargs.values()), tuple(kwargs)
    try:
        bound = inspect.signature(function.forward).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{function.__name__}.apply: {error}") from None
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"{function.__name__}.forward has parameters that are passed by keyword only "
            f"({', '.join(bound.kwargs)}), which setup_context could not see: remove the *"
        )
    return bound.args, ()


def jax_array(value: ArrayLike) -> jax.Array:
    """Make a JAX array of NumPy's and of numbers: a constant, no tracer, under jit either.

    JAX hands rules what its user handed it: `jax.grad(f)(2.0)` a number, and NumPy's as they are.
    """
    return value if isinstance(value, jax.Array) else constant(value)


def _names(function: type[Function], count: int, keywords: tuple[str, ...]) -> tuple[str, ...]:
    try:
        parameters = list(inspect.signature(function.forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = names if has_setup_context(function) else names[1:]
    positional = [
        names[i] if i < len(names) else f"argument {i}" for i in range(count - len(keywords))
    ]
    return (*positional, *keywords)


@dataclasses.dataclass(frozen=True)
class Record:
    """What forward and setup_context left, without the arrays.

    Attributes:
      output_tree: structure of what forward returned.
      outputs: its leaves; None at each place of an array.
      is_output: which leaves are arrays.
      differentiable: for each output array whether it can have a gradient.
      kept_tree: structure of (attributes of ctx, saved tensors, those saved for jvp).
      kept: for each leaf of that its source, or None for what is no array.
      constants: those leaves that are no (traced) arrays; None at the other places.
      paths: names of the leaves, for messages.
      materialize: what set_materialize_grads said.
      asked: whether forward looked at needs_input_grad.
      guard: source of a flag that is True where what is constant here held for the values, if
        forward was called back with them.
    """

    output_tree: PyTreeDef
    outputs: tuple[Any, ...]
    is_output: tuple[bool, ...]
    differentiable: tuple[bool, ...]
    kept_tree: PyTreeDef
    kept: tuple[Source | None, ...]
    constants: tuple[Any, ...]
    paths: tuple[str, ...]
    materialize: bool
    asked: bool
    guard: Source | None = None

    def output(self, arrays: Sequence[Array]) -> Any:
        """Put the output arrays back into what forward returned."""
        values = iter(arrays)
        return self.output_tree.unflatten(
            [
                next(values) if a else leaf
                for leaf, a in zip(self.outputs, self.is_output, strict=True)
            ]
        )

    @property
    def sources(self) -> list[Source]:
        """Return the distinct sources of what is kept."""
        return list(dict.fromkeys(s for s in (*self.kept, self.guard) if s is not None))

    def context(self, call: Call, needs: tuple[bool, ...], found: dict[Source, Any]) -> FunctionCtx:
        """Make the ctx of backward or jvp."""
        leaves = [
            constant if source is None else found[source]
            for constant, source in zip(self.constants, self.kept, strict=True)
        ]
        user, saved, saved_forward = self.kept_tree.unflatten(leaves)
        ctx = FunctionCtx(call.name, needs)
        vars(ctx).update(user)
        ctx._state.saved = saved
        ctx._state.saved_forward = saved_forward
        ctx._state.materialize = self.materialize
        return ctx


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Output arrays, arrays on ctx that are neither inputs nor outputs, and the rest."""

    outputs: Sequence[Array]
    extras: Sequence[Array]
    record: Record


def run(
    call: Call,
    needs: tuple[bool, ...],
    arrays: Sequence[ArrayLike],
    forward: Callable[..., Any],
    by_value: bool,
) -> Outcome:
    """Run forward, and setup_context if there is one.

    `by_value` says that the arrays hold values of which nothing else is known, so that every array
    on ctx depends on them. Otherwise what JAX does not trace is a constant.
    """
    leaves = call.fill(map(jax_array, arrays))
    inputs = call.inputs(leaves)
    ctx = FunctionCtx(call.name, needs)
    if call.two_parts:
        with torch_words(f"{call.name}.forward"):
            output = forward(*inputs)
        output = output if by_value else jax.tree.map(_output_array, output)
        before = output
        with torch_words(f"{call.name}.setup_context"):
            call.function.setup_context(ctx, inputs, output)
    else:
        given = len(inputs) - len(call.keywords)
        named = dict(zip(call.keywords, inputs[given:], strict=True))
        with torch_words(f"{call.name}.forward"):
            before = forward(ctx, *inputs[:given], **named)
        output = before if by_value else jax.tree.map(_output_array, before)
    return _outcome(ctx, leaves, before, output, by_value)


def _output_array(leaf: Any) -> Any:
    return jax_array(leaf) if is_array(leaf) else leaf


def _outcome(
    ctx: FunctionCtx, inputs: list[Any], before: Any, output: Any, by_value: bool
) -> Outcome:
    leaves, output_tree = jax.tree.flatten(output)
    is_output = tuple(map(is_array, leaves))
    outputs = [leaf for leaf in leaves if is_array(leaf)]
    originals = [leaf for leaf in jax.tree.leaves(before) if is_array(leaf)]

    known: dict[int, Source] = {}
    for kind, group in (("input", inputs), ("output", originals), ("output", outputs)):
        for i, leaf in enumerate(group):
            if is_array(leaf):
                known.setdefault(id(leaf), (kind, i))

    marked = {known.get(id(leaf)) for leaf in ctx._state.non_differentiable if leaf is not None}
    differentiable = tuple(
        is_inexact(shape_of(leaf).dtype) and ("output", i) not in marked
        for i, leaf in enumerate(outputs)
    )

    extras: list[Array] = []
    kept: list[Source | None] = []
    state = ctx._state
    paths, kept_tree = jax.tree.flatten_with_path(
        (attributes(ctx), state.saved, state.saved_forward)
    )
    for _, leaf in paths:
        source = known.get(id(leaf)) if is_array(leaf) else None
        dynamic = is_array(leaf) if by_value else is_traced(leaf)
        if source is None and dynamic:
            source = known[id(leaf)] = ("extra", len(extras))
            extras.append(leaf)
        kept.append(source)
    record = Record(
        output_tree,
        tuple(None if a else leaf for leaf, a in zip(leaves, is_output, strict=True)),
        is_output,
        differentiable,
        kept_tree,
        tuple(kept),
        tuple(None if s else leaf for (_, leaf), s in zip(paths, kept, strict=True)),
        tuple(_path_name(path) for path, _ in paths),
        state.materialize,
        state.asked,
    )
    return Outcome(outputs, extras, record)


def _path_name(path: Sequence[Any]) -> str:
    """Write a path into (attributes, saved, saved for jvp) as the user would."""
    if path[0].idx:
        return f"saved_tensors[{path[1].idx}]"
    return f"ctx.{path[1].key}" + jax.tree_util.keystr(tuple(path[2:]))
