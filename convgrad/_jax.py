"""Every use of what JAX does not promise to keep, in one file.

Each function says what it leans on. Where JAX has moved it, `lost` says so once, as a warning, and
the caller takes JAX's own way: convolutions are then lowered as if this package were not imported.
The other packages import nothing of `jax._src`, `jax.interpreters`, `jax.extend` or
`jax.experimental` themselves.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
from jax import lax

_losses: dict[str, str] = {}


def lost(what: str, error: Exception) -> None:
    """Note that JAX has moved something, and warn the first time."""
    if what not in _losses:
        _losses[what] = f"{type(error).__name__}: {error}"
        warnings.warn(
            f"jax {jax.__version__} has moved {what} ({_losses[what]}): convolutions take JAX's "
            "own lowering, which is slower on CPU. Results are the same",
            RuntimeWarning,
            stacklevel=3,
        )


def losses() -> list[str]:
    """Return what was found to have moved."""
    return list(_losses)


# The mark: a text that equations carry from where they are traced to where they are lowered.

MARK = "convgrad"


def marked(value: str | None) -> AbstractContextManager[Any]:
    """Mark the equations that are traced inside.

    Leans on `jax.experimental.xla_metadata.set_xla_metadata`: it is part of the trace context, so
    that the mark survives jit, grad and vmap, and jit's caches keep programs with and without it
    apart.
    """
    try:
        from jax.experimental.xla_metadata import set_xla_metadata

        return set_xla_metadata(**{MARK: value})
    except (ImportError, TypeError) as error:
        lost("the marking of equations", error)
        return nullcontext()


def _mark(context: Any) -> str | None:
    return (context.xla_metadata or {}).get(MARK)


def mark_of_equation(equation: Any) -> str | None:
    """Return the mark of an equation of a jaxpr: "on", "off", or None.

    Leans on `JaxprEqn.ctx.xla_metadata`.
    """
    try:
        return _mark(equation.ctx)
    except AttributeError as error:
        lost("the mark of an equation", error)
        return None


def mark_of_lowering(ctx: Any) -> str | None:
    """Return the mark of the equation that a rule lowers: "on", "off", or None.

    Leans on `LoweringRuleContext.jaxpr_eqn_ctx.xla_metadata`.
    """
    try:
        return _mark(ctx.jaxpr_eqn_ctx)
    except AttributeError as error:
        lost("the mark in a lowering rule", error)
        return None


# Lowering rules.


def convolution_rule(platform: str) -> Any:
    """Return the rule that JAX registered for convolutions on a platform, None where it moved.

    Leans on the tables of `jax._src.interpreters.mlir`.
    """
    try:
        from jax._src.interpreters import mlir

        primitive = lax.conv_general_dilated_p
        entry = mlir._platform_specific_lowerings[platform].get(primitive)
        if entry is None:
            entry = mlir._lowerings[primitive]
        return getattr(entry, "rule", entry)
    except (ImportError, AttributeError, KeyError) as error:
        lost("the table of lowering rules", error)
        return None


def register_convolution(rule: Callable[..., Any], platform: str) -> bool:
    """Register a lowering rule of `lax.conv_general_dilated_p`; say whether that was possible.

    Leans on `jax.interpreters.mlir.register_lowering`.
    """
    try:
        from jax.interpreters import mlir

        mlir.register_lowering(lax.conv_general_dilated_p, rule, platform=platform)
    except (ImportError, AttributeError, TypeError) as error:
        lost("the registration of lowering rules", error)
        return False
    return True


def lower_fun() -> Any:
    """Return what lowers a Python function in the place of an equation, None where it moved.

    Leans on `jax.interpreters.mlir.lower_fun`.
    """
    try:
        from jax.interpreters import mlir

        return mlir.lower_fun
    except (ImportError, AttributeError) as error:
        lost("the lowering of functions", error)
        return None


def check_contexts() -> None:
    """Note at once what a lowering rule would miss later, so that `conv.routes` knows of it.

    Leans on the fields of `jax.interpreters.mlir`'s LoweringRuleContext and ModuleContext.
    """
    try:
        from jax.interpreters import mlir

        for context, names in (
            (
                mlir.LoweringRuleContext,
                {"jaxpr_eqn_ctx", "module_context", "avals_in", "avals_out"},
            ),
            (mlir.ModuleContext, {"axis_context", "lowering_parameters"}),
        ):
            there = {field.name for field in dataclasses.fields(context)}
            if missing := sorted(names - there):
                raise AttributeError(f"{context.__name__} has no {', '.join(missing)}")
    except (ImportError, AttributeError, TypeError) as error:
        lost("what lowering rules are told", error)


def devices_of_lowering(ctx: Any) -> int | None:
    """Return over how many devices the compiler may spread an equation; None where JAX moved it.

    Under shard_map the axes that are mapped count for nothing: shapes are one device's there.
    Leans on `LoweringRuleContext.module_context.axis_context`.
    """
    try:
        axes = ctx.module_context.axis_context
        if hasattr(axes, "num_devices"):
            return int(axes.num_devices)
        mapped = [axes.mesh.shape[name] for name in axes.manual_axes]
        spread: int = axes.mesh.size
        for size in mapped:
            spread //= size
        return spread
    except (AttributeError, KeyError) as error:
        lost("the devices of a lowering", error)
        return None


def devices_of_equation(equation: Any, devices: int) -> int | None:
    """Return over how many of a program's devices an equation of a jaxpr is spread.

    Leans on `JaxprEqn.ctx.cur_abstract_mesh`: the axes that shard_map maps count for nothing.
    """
    try:
        mesh = equation.ctx.cur_abstract_mesh
        manual = 1
        for name in mesh.manual_axes:
            manual *= mesh.shape[name]
        return max(devices, mesh.size if mesh.shape else 1) // manual
    except (AttributeError, KeyError) as error:
        lost("the mesh of an equation", error)
        return None


def for_export(ctx: Any) -> bool:
    """Whether an equation is lowered by `jax.export`, for other machines.

    Leans on `LoweringRuleContext.module_context.lowering_parameters.for_export`.
    """
    try:
        return bool(ctx.module_context.lowering_parameters.for_export)
    except AttributeError as error:
        lost("the purpose of a lowering", error)
        return True


# Convolutions as equations.


@dataclasses.dataclass(frozen=True)
class Convolution:
    """The parameters of a convolution, by this package's names.

    Attributes:
      numbers: which dimensions of the operands and the result are which.
      stride, padding, dilation: of the window.
      spread: the distance of the input's elements, which have zeros between them.
      groups, batch_groups: of channels and of images.
      precision, preferred: as lax takes them (`preferred_element_type`).
    """

    numbers: lax.ConvDimensionNumbers
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    spread: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    batch_groups: int
    precision: Any
    preferred: Any


_NAMES = {
    "numbers": "dimension_numbers",
    "stride": "window_strides",
    "padding": "padding",
    "spread": "lhs_dilation",
    "dilation": "rhs_dilation",
    "groups": "feature_group_count",
    "batch_groups": "batch_group_count",
    "precision": "precision",
    "preferred": "preferred_element_type",
}


def convolution(params: dict[str, Any]) -> Convolution | None:
    """Read the parameters of the primitive; None where JAX has renamed one.

    Leans on the parameters' names of `lax.conv_general_dilated_p`.
    """
    try:
        return Convolution(**{ours: params[name] for ours, name in _NAMES.items()})
    except KeyError as error:
        lost("the parameters of a convolution", error)
        return None


def bind_convolution(
    lhs: jax.Array, rhs: jax.Array, params: dict[str, Any], **changes: Any
) -> jax.Array:
    """Convolve with the primitive's own parameters, some of them changed.

    Leans on `lax.conv_general_dilated_p`.
    """
    renamed = {_NAMES[ours]: value for ours, value in changes.items()}
    result: jax.Array = lax.conv_general_dilated_p.bind(lhs, rhs, **{**params, **renamed})
    return result


def is_convolution(equation: Any) -> bool:
    """Whether an equation of a jaxpr is a convolution."""
    return bool(equation.primitive is lax.conv_general_dilated_p)


def equations(jaxpr: Any) -> Iterator[Any]:
    """Yield the equations of a jaxpr, and of those inside of it, in order.

    Leans on `JaxprEqn.params`: what has equations, or holds a `jaxpr` that has, is a program.
    """
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    yield from equations(inner)
