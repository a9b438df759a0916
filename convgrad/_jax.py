"""Every use of what JAX does not promise to keep, in one file.

Each function says what it leans on. Where JAX has moved it, `lost` says so once, as a warning, and
the caller goes without: convolutions are then lowered as if this package were not imported, graphs
show JAX's own names, and only what cannot be without it raises an ImportError, where it is used.
The other packages import nothing of `jax._src`, `jax.interpreters`, `jax.extend`,
`jax.experimental` or `jax.core` themselves.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import json
import mmap
import os
import platform
import types
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike, DTypeLike

if TYPE_CHECKING:
    # What types are said in, here and in the other packages: nothing of it is there at run time.
    from jax.core import ShapedArray
    from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Primitive, Var
    from jax.interpreters.ad import Zero
    from jax.interpreters.mlir import LoweringRuleContext

    from ._arrays import Array

    Atom = Var | Literal
    Program = Jaxpr | ClosedJaxpr
    Aval = ShapedArray | jax.ShapeDtypeStruct
    Shaped = ShapedArray | jax.ShapeDtypeStruct | Array  # what has a shape and a dtype
    Tangent = jax.Array | Zero

# What a loss concerns, and what follows from it.
CONVOLUTIONS = "convolutions"
OPERATIONS = "operations"
PROGRAMS = "programs"
GRAPHS = "graphs"
MAPS = "maps"
LIBRARY = "library"
DERIVATIVES = "derivatives"
WAYS = "ways"
_CONSEQUENCES = {
    CONVOLUTIONS: "convolutions take JAX's own lowering, which is slower on CPU. Results are the "
    "same",
    OPERATIONS: "grad.while_loop, and what differentiates a custom_vjp.Function, raise an "
    "ImportError where they need it",
    PROGRAMS: "grad takes the results of such an operation to depend on all that goes into it, and "
    "grad.graph shows it by JAX's name",
    GRAPHS: "grad.graph shows what a call was traced into, by JAX's names",
    LIBRARY: "dense convolutions on CPU take other methods, which are slower. Results are the same",
    DERIVATIVES: "on CPU, networks that nobody differentiates are computed as those in training, "
    "which is slower. Results are the same",
    MAPS: "a custom_vjp.Function may be refused under jax.shard_map",
    WAYS: "another way is taken. Results are the same",
}
_losses: dict[str, dict[str, str]] = {}


def lost(what: str, error: Exception, concerns: str = CONVOLUTIONS) -> None:
    """Note that JAX has moved something, and warn the first time."""
    noted = _losses.setdefault(concerns, {})
    if what not in noted:
        noted[what] = f"{type(error).__name__}: {error}"
        warnings.warn(
            f"jax {jax.__version__} has moved {what} ({noted[what]}): {_CONSEQUENCES[concerns]}",
            RuntimeWarning,
            stacklevel=3,
        )


def losses(concerning: str = CONVOLUTIONS) -> list[str]:
    """Return what was found to have moved of what something needs."""
    return list(_losses.get(concerning, ()))


# The mark: a text that equations carry from where they are traced to where they are lowered.

MARK = "convgrad"
# What it says of a convolution: to be lowered by this package, and whether its input is an argument
# of the program, or a derivative was taken of it; or to be left to JAX.
ON, GIVEN, DERIVED, OFF = "on", "given", "derived", "off"


def marked(value: str | None) -> AbstractContextManager[object]:
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


def mark_of_equation(equation: JaxprEqn) -> str | None:
    """Return the mark of an equation of a jaxpr: ON, GIVEN, DERIVED, OFF, or None.

    Leans on `JaxprEqn.ctx.xla_metadata`.
    """
    try:
        return _mark(equation.ctx)
    except AttributeError as error:
        lost("the mark of an equation", error)
        return None


def mark_of_lowering(ctx: LoweringRuleContext) -> str | None:
    """Return the mark of the equation that a rule lowers: ON, GIVEN, DERIVED, OFF, or None.

    Leans on `LoweringRuleContext.jaxpr_eqn_ctx.xla_metadata`.
    """
    try:
        return _mark(ctx.jaxpr_eqn_ctx)
    except AttributeError as error:
        lost("the mark in a lowering rule", error)
        return None


def current_mark() -> str | None:
    """Return the mark that equations get which are traced now.

    Leans on `jax._src.xla_metadata_lib.current_xla_metadata`.
    """
    try:
        from jax._src import xla_metadata_lib

        return (xla_metadata_lib.current_xla_metadata() or {}).get(MARK)
    except (ImportError, AttributeError) as error:
        lost("the mark in force", error, DERIVATIVES)
        return None


def mark_derivatives() -> None:
    """Mark convolutions as DERIVED that a derivative is taken of, and its own ones.

    What JAX computes stays what it is: its rule is called, inside of another mark. Leans on the
    table `jax.interpreters.ad.primitive_jvps`.
    """
    try:
        from jax.interpreters import ad

        rule = ad.primitive_jvps[lax.conv_general_dilated_p]

        def marking(*args: Any, **params: Any) -> Any:
            with marked(DERIVED) if current_mark() in (ON, GIVEN) else nullcontext():
                return rule(*args, **params)

        ad.primitive_jvps[lax.conv_general_dilated_p] = marking
        current_mark()
    except (ImportError, AttributeError, KeyError, TypeError) as error:
        lost("the table of derivatives", error, DERIVATIVES)


# Lowering rules.

CONVOLUTION, DOT = lax.conv_general_dilated_p, lax.dot_general_p


def lowering_rule(primitive: Primitive, platform: str) -> Any:
    """Return the rule that JAX registered for a primitive on a platform, None where it moved.

    Leans on the tables of `jax._src.interpreters.mlir`.
    """
    try:
        from jax._src.interpreters import mlir

        entry = mlir._platform_specific_lowerings[platform].get(primitive)
        if entry is None:
            entry = mlir._lowerings[primitive]
        return getattr(entry, "rule", entry)
    except (ImportError, AttributeError, KeyError) as error:
        lost("the table of lowering rules", error)
        return None


def register_lowering(primitive: Primitive, rule: Callable[..., Any], platform: str) -> bool:
    """Register a lowering rule of a primitive; say whether that was possible.

    Leans on `jax.interpreters.mlir.register_lowering`.
    """
    try:
        from jax.interpreters import mlir

        mlir.register_lowering(primitive, rule, platform=platform)
    except (ImportError, AttributeError, TypeError) as error:
        lost("the registration of lowering rules", error)
        return False
    return True


def lower_fun() -> Callable[..., Any] | None:
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


def devices_of_lowering(ctx: LoweringRuleContext) -> int | None:
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


def devices_of_equation(equation: JaxprEqn, devices: int) -> int | None:
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


def for_export(ctx: LoweringRuleContext) -> bool:
    """Whether an equation is lowered by `jax.export`, for other machines.

    Leans on `LoweringRuleContext.module_context.lowering_parameters.for_export`.
    """
    try:
        return bool(ctx.module_context.lowering_parameters.for_export)
    except AttributeError as error:
        lost("the purpose of a lowering", error)
        return True


@functools.cache
def _one_device() -> Primitive | None:
    """Make the operation without operands that says whether a program is for one device.

    Leans on `jax.extend.core.Primitive`, on `jax.core.ShapedArray`, and on
    `jax.interpreters.mlir.register_lowering` and `lower_fun`. None where one of them has moved.
    """
    try:
        from jax.core import ShapedArray
        from jax.extend.core import Primitive
        from jax.interpreters import mlir

        primitive = Primitive("one_device")
        primitive.def_impl(lambda: np.True_)
        primitive.def_abstract_eval(lambda: ShapedArray((), np.dtype("bool")))

        def lower(ctx: LoweringRuleContext) -> Any:
            one = devices_of_lowering(ctx) == 1
            return mlir.lower_fun(lambda: jnp.bool_(one), multiple_results=False)(ctx)

        mlir.register_lowering(primitive, lower)
    except (ImportError, AttributeError, TypeError) as error:
        lost("what tells a program for one device", error, WAYS)
        return None
    return primitive


def on_one_cpu(
    formula: Callable[..., Any], otherwise: Callable[..., Any], *operands: jax.Array
) -> Any:
    """Compute one formula on CPU in programs for one device, and another everywhere else.

    Both are traced; the choice is made while lowering, as by `lax.platform_dependent`, and XLA
    drops the other. Inside of shard_map a device has a program of its own.
    """
    primitive = _one_device()

    def on_cpu(*operands: jax.Array) -> Any:
        if primitive is None:
            return formula(*operands)
        return lax.cond(primitive.bind(), formula, otherwise, *operands)

    return lax.platform_dependent(*operands, cpu=on_cpu, default=otherwise)


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
    precision: lax.PrecisionLike
    preferred: DTypeLike | None


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


@dataclasses.dataclass(frozen=True)
class Product:
    """The parameters of the primitive of `lax.dot_general`, by our names."""

    contracting: tuple[Sequence[int], Sequence[int]]
    batch: tuple[Sequence[int], Sequence[int]]
    sharded: bool


def product(params: dict[str, Any]) -> Product | None:
    """Return the parameters of a product, None where JAX has renamed one of them."""
    try:
        contracting, batch = params["dimension_numbers"]
        return Product(contracting, batch, params["out_sharding"] is not None)
    except (KeyError, TypeError, ValueError) as error:
        lost("the parameters of a product", error, LIBRARY)
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


def varying_with(value: jax.Array, *others: jax.Array) -> jax.Array:
    """Have a value vary over the axes of `jax.shard_map` that others vary over: a loop asks for it.

    The result of a call of a library varies over none. Leans on what `varying` does.
    """
    wanted = frozenset[str]().union(*(varying(jax.typeof(a)) for a in others))
    missing = tuple(sorted(wanted - varying(jax.typeof(value))))
    varied: jax.Array = lax.pcast(value, missing, to="varying") if missing else value
    return varied


# The names under which XLA's CPU runtime calls oneDNN.
ONEDNN = "__onednn$convolution"
ONEDNN_PRODUCT = "__onednn$matmul"


# oneDNN's instruction sets, as its environment's variable names them, from the least on.
_ISAS = (
    "sse41", "avx", "avx2", "avx2_vnni", "avx2_vnni_2", "avx512_core", "avx512_core_vnni",
    "avx512_core_bf16", "avx512_core_fp16", "avx10_1_512", "avx512_core_amx", "avx10_1_512_amx",
)  # fmt: skip


def _isa(least: str, *flags: str) -> bool:
    """Whether the processor has all these features, and oneDNN may use its kernels for them.

    `least` is the instruction set that oneDNN's environment must allow. Features are as Linux names
    them.
    """
    for variable in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        most = os.environ.get(variable, "").lower()
        if most in _ISAS and _ISAS.index(most) < _ISAS.index(least):
            return False
    try:
        return set(flags) <= set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return False


@functools.cache
def has_avx512() -> bool:
    """Whether oneDNN has its kernels for AVX-512."""
    return _isa("avx512_core", "avx512f", "avx512bw", "avx512dq", "avx512vl")


@functools.cache
def has_amx() -> bool:
    """Whether oneDNN has its kernels for products of bfloat16 on tiles."""
    return _isa("avx512_core_amx", "amx_tile", "amx_bf16", "avx512_bf16")


def has_onednn() -> bool:
    """Whether XLA's CPU runtime executes calls of oneDNN's convolutions and products.

    Read off jaxlib's library: the calls' names, and a word of oneDNN's own, which a build without
    it does not hold; and off Linux' description of the processor, which needs AVX2. Leans on the
    calls' names, on where jaxlib keeps its library, and on four arguments of `jax.ffi.ffi_call`.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False  # builds that nobody has asked
    if not _isa("avx2", "avx2"):
        return False
    try:
        needed = {
            "custom_call_api_version",
            "legacy_backend_config",
            "input_layouts",
            "output_layouts",
        }
        if missing := needed - inspect.signature(jax.ffi.ffi_call).parameters.keys():
            raise AttributeError(f"jax.ffi.ffi_call has no {', '.join(sorted(missing))}")
        found = util.find_spec("jaxlib")
        folder = Path(found.origin if found is not None and found.origin else "").parent
        for path in folder.glob("libjax_common*"):
            with path.open("rb") as file:
                text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                words = (ONEDNN.encode(), ONEDNN_PRODUCT.encode(), b"ONEDNN_VERBOSE")
                if all(text.find(word) >= 0 for word in words):
                    return True
        raise FileNotFoundError(f"no library of jaxlib's has {ONEDNN} and {ONEDNN_PRODUCT}")
    except (AttributeError, OSError, ValueError) as error:
        lost("the calls of oneDNN", error, LIBRARY)
        return False


def onednn_convolution(
    config: dict[str, Any],
    x: jax.Array,
    w: jax.Array,
    shape: tuple[int, ...],
    order: tuple[int, ...],
) -> jax.Array:
    """Call oneDNN's convolution: `config` says which axes are what, and the window.

    `order` is that of the axes of x and of the result in memory, the innermost last. Leans on the
    call and on how it is configured, a text in JSON.
    """
    text = {"outer_dimension_partitions": [], "onednn_conv_config": config}
    result: jax.Array = jax.ffi.ffi_call(
        ONEDNN,
        jax.ShapeDtypeStruct(shape, x.dtype),
        input_layouts=[order, None],
        output_layouts=order,
        custom_call_api_version=1,
        legacy_backend_config=json.dumps(text),
    )(x, w)
    return result


def onednn_product(
    a: jax.Array, b: jax.Array, axes: tuple[int, int], dtype: DTypeLike
) -> jax.Array:
    """Multiply two matrices by oneDNN, over one axis of each: what is left of a comes first.

    Sums are in float32, and rounded to `dtype` once. Leans on the call and on how it is configured,
    as above.
    """
    how = {"transpose_a": axes[0] == 0, "transpose_b": axes[1] == 1}
    text = {"outer_dimension_partitions": [], "onednn_matmul_config": how}
    result: jax.Array = jax.ffi.ffi_call(
        ONEDNN_PRODUCT,
        jax.ShapeDtypeStruct((a.shape[1 - axes[0]], b.shape[1 - axes[1]]), dtype),
        custom_call_api_version=1,
        legacy_backend_config=json.dumps(text),
    )(a, b)
    return result


def written_out(x: jax.Array) -> jax.Array:
    """Have an array written out with its axes in order, before what follows reads it.

    A transpose that comes before is then carried out once, not again for each element that is read.
    Leans on `jax.experimental.layout.with_layout_constraint`.
    """
    try:
        from jax.experimental.layout import Layout, with_layout_constraint

        return with_layout_constraint(x, Layout(tuple(range(x.ndim))))
    except (ImportError, TypeError) as error:
        lost("the order of axes in memory", error, WAYS)
        return x


def is_convolution(equation: JaxprEqn) -> bool:
    """Whether an equation of a jaxpr is a convolution."""
    return bool(equation.primitive is lax.conv_general_dilated_p)


def parts_of_convolution(equation: JaxprEqn) -> tuple[ShapedArray, ShapedArray, dict[str, Any]]:
    """Return the types of a convolution's operands, and the primitive's parameters."""
    lhs, rhs = map(array_type, equation.invars)
    return lhs, rhs, equation.params


# The modules of JAX that the rest of this file asks for names.


def _module(place: str) -> types.ModuleType:
    """Return a module of JAX's; where it has moved an empty one, of which every name is lost."""
    try:
        return importlib.import_module(place)
    except ImportError:
        return types.ModuleType(place)


core = _module("jax.extend.core")
public_core = _module("jax.core")
ad = _module("jax.interpreters.ad")
batching = _module("jax.interpreters.batching")
mlir = _module("jax.interpreters.mlir")
partial_eval = _module("jax.interpreters.partial_eval")


def _part(module: types.ModuleType, name: str, what: str, concerns: str = WAYS) -> Any:
    """Return what a module calls by a name; None where it has moved, which is then noted."""
    try:
        return getattr(module, name)
    except AttributeError as error:
        lost(what, error, concerns)
        return None


# Values while they are traced.


def is_traced(value: object) -> bool:
    """Whether a value is one that JAX traces, of which shape and dtype are known and no more.

    Leans on `jax.core.Tracer`.
    """
    tracer = _part(public_core, "Tracer", "the class of traced values")
    if tracer is None:
        return any(kind.__name__ == "Tracer" for kind in type(value).__mro__)
    return isinstance(value, tracer)


def is_argument(value: Any) -> bool:
    """Whether a value is an argument of a whole program; or known: a call alone is a program.

    Leans on `jax.interpreters.partial_eval.DynamicJaxprTracer`, on its `parent`, the equation that
    it comes from, and on `Tracer._trace.parent_trace`, what is traced around.
    """
    if not is_traced(value):
        return True
    staged = _part(partial_eval, "DynamicJaxprTracer", "the class of values in programs")
    if staged is None or not isinstance(value, staged):
        return False
    try:
        computed, around = value.parent, value._trace.parent_trace
    except AttributeError as error:
        lost("where a value comes from", error, WAYS)
        return False
    return computed is None and not hasattr(around, "parent_trace")


def constant(value: ArrayLike) -> jax.Array:
    """Return a JAX array of a value that is known: no tracer, also where JAX traces all around.

    Leans on `jax.core.eval_context`; what is made under `jax.ensure_compile_time_eval` is a tracer
    inside of a rule that reverse mode calls.
    """
    evaluating = _part(public_core, "eval_context", "evaluation amid tracing")
    with evaluating() if evaluating is not None else jax.ensure_compile_time_eval():
        return jnp.asarray(value)


def varying(aval: ShapedArray) -> frozenset[str]:
    """Return the mesh axes that a type varies over; JAX has moved the attribute before.

    Leans on `ShapedArray.manual_axis_type.varying`, and on `ShapedArray.vma` of before.
    """
    manual = getattr(aval, "manual_axis_type", None)
    axes = getattr(manual, "varying", None) or getattr(aval, "vma", None)
    if axes is None and not hasattr(manual, "varying") and not hasattr(aval, "vma"):
        error = AttributeError(f"{type(aval).__name__} has no manual_axis_type.varying")
        lost("the axes that an array varies over", error, MAPS)
    return frozenset(axes or ())


# Programs: jaxprs, as `jax.make_jaxpr` returns them. That a jaxpr has `eqns`, `invars` and
# `outvars`, and a variable an `aval`, is in JAX's documentation; all else is read here.


class Moved(Exception):
    """Raised, after it was noted, where an equation does not say what it is asked."""


def open_jaxpr(jaxpr: Program) -> Jaxpr:
    """Return the jaxpr inside a closed one; the two are one class in newer versions of JAX.

    Leans on `ClosedJaxpr.jaxpr`.
    """
    found: Any = getattr(jaxpr, "jaxpr", jaxpr)
    return found


def inner_jaxprs(equation: JaxprEqn) -> list[Program]:
    """Return the programs that an equation holds, closed or not.

    Leans on `JaxprEqn.params`: what has equations, or holds a `jaxpr` that has, is a program.
    """
    try:
        values = equation.params.values()
    except AttributeError as error:
        lost("the parameters of equations", error, PROGRAMS)
        return []
    return [
        part
        for value in values
        for part in (value if isinstance(value, tuple | list) else (value,))
        if hasattr(open_jaxpr(part), "eqns")
    ]


def equations(jaxpr: Program) -> Iterator[JaxprEqn]:
    """Yield the equations of a jaxpr, and of those inside of it, in order."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in inner_jaxprs(equation):
            yield from equations(open_jaxpr(inner))


def array_type(atom: Atom) -> ShapedArray:
    """Return the shape and dtype of what an equation takes or gives, which is an array."""
    aval: Any = atom.aval
    return aval


def is_literal(atom: Atom) -> TypeGuard[Literal]:
    """Whether what an equation takes is a number that is written into the program.

    Leans on `jax.extend.core.Literal`.
    """
    literal = _part(core, "Literal", "the class of numbers in programs")
    return hasattr(atom, "val") if literal is None else isinstance(atom, literal)


def literal_value(literal: Literal) -> ArrayLike:
    """Return the number itself.

    Leans on `Literal.val`.
    """
    try:
        return literal.val
    except AttributeError as error:
        lost("the numbers in programs", error, GRAPHS)
        raise Moved from error


def reach(jaxpr: Program, flags: Sequence[bool]) -> tuple[bool, ...]:
    """Return which outputs may depend on a flagged input, through values of any dtype."""
    jaxpr = open_jaxpr(jaxpr)
    reached = {var for var, flag in zip(jaxpr.invars, flags, strict=True) if flag}
    for equation in jaxpr.eqns:
        if any(not is_literal(atom) and atom in reached for atom in equation.invars):
            reached.update(equation.outvars)
    return tuple(not is_literal(atom) and atom in reached for atom in jaxpr.outvars)


def without_dead_code(jaxpr: Program) -> tuple[Jaxpr, list[bool]]:
    """Return a jaxpr without what its outputs do not need, and which of the inputs they need.

    Leans on `jax.interpreters.partial_eval.dce_jaxpr`; without it everything counts as needed.
    """
    jaxpr = open_jaxpr(jaxpr)
    eliminate = _part(partial_eval, "dce_jaxpr", "the elimination of dead code")
    if eliminate is None:
        return jaxpr, [True] * len(jaxpr.invars)
    pruned, used = eliminate(jaxpr, [True] * len(jaxpr.outvars))
    return pruned, used


def as_function(closed: ClosedJaxpr) -> Callable[..., list[Any]]:
    """Return the function that evaluates a closed jaxpr.

    Leans on `jax.extend.core.jaxpr_as_fun`, and where it is lost on `jax.core.eval_jaxpr`.
    """
    make = _part(core, "jaxpr_as_fun", "the calling of programs")
    if make is not None:
        function: Callable[..., list[Any]] = make(closed)
        return function
    return lambda *args: evaluate(closed, closed.consts, args)


def evaluate(
    closed: ClosedJaxpr, consts: Sequence[ArrayLike], args: Sequence[ArrayLike]
) -> list[Any]:
    """Evaluate a closed jaxpr with other constants in the place of its own.

    Leans on `jax.core.eval_jaxpr`, and where it is lost on `jax.extend.core.jaxpr_as_fun` and
    `ClosedJaxpr.replace`.
    """
    evaluated = _part(public_core, "eval_jaxpr", "the evaluation of programs")
    if evaluated is not None:
        return list(evaluated(open_jaxpr(closed), consts, *args))
    make = _part(core, "jaxpr_as_fun", "the calling of programs")
    if make is None:
        raise ImportError(f"jax {jax.__version__} has moved all that evaluates programs")
    return list(make(closed.replace(consts=list(consts)))(*args))


def rebind(equation: JaxprEqn, args: Sequence[ArrayLike]) -> list[Any]:
    """Evaluate one equation on other operands, or record it where JAX traces.

    Leans on `Primitive.bind` and `get_bind_params`, which has returned functions beside, too.
    """
    primitive = equation.primitive
    found = primitive.get_bind_params(equation.params)
    functions, params = found if isinstance(found, tuple) else ((), found)
    results = primitive.bind(*functions, *args, **params)
    return list(results) if primitive.multiple_results else [results]


def uses_axis(closed: ClosedJaxpr, name: Hashable) -> bool:
    """Whether a jaxpr has a collective operation over the named axis of a `vmap`.

    Leans on `ClosedJaxpr.effects`, of which those of collectives have the axis as their `name`.
    """
    try:
        effects = closed.effects
    except AttributeError as error:
        lost("the effects of programs", error, WAYS)
        return True
    return any(getattr(effect, "name", None) == name for effect in effects)


def function_name(jaxpr: Program | None) -> str | None:
    """Return the name of the function that was traced, where it is known.

    Leans on `Jaxpr.debug_info.func_name`.
    """
    return _debug_info(jaxpr, "func_name")


def function_file(jaxpr: Program | None) -> str | None:
    """Return the file that it was written in, where it is known.

    Leans on `Jaxpr.debug_info.func_filename`.
    """
    return _debug_info(jaxpr, "func_filename")


def _debug_info(jaxpr: Program | None, field: str) -> str | None:
    try:
        info = None if jaxpr is None else jaxpr.debug_info
        return None if info is None else getattr(info, field)
    except AttributeError as error:
        lost(f"what programs are called ({field})", error, GRAPHS)
        return None


# Equations: their operations' names, and what they say by the names of JAX's parameters.


def name_of(equation: JaxprEqn) -> str:
    """Return JAX's name of an equation's operation.

    Leans on `JaxprEqn.primitive.name`.
    """
    try:
        return str(equation.primitive.name)
    except AttributeError as error:
        lost("the names of operations", error, PROGRAMS)
        return "unknown"


def parameter(equation: JaxprEqn, *names: str) -> Any:
    """Return a parameter of an equation, by the first of these names that it has.

    Leans on `JaxprEqn.params`.
    """
    try:
        found = equation.params
    except AttributeError as error:
        lost("the parameters of equations", error, PROGRAMS)
        raise Moved from error
    for name in names:
        if name in found:
            return found[name]
    missing = KeyError(names[0])
    lost(f"the parameter {names[0]} of {name_of(equation)}", missing, PROGRAMS)
    raise Moved from missing


def program(equation: JaxprEqn) -> Program:
    """Return the jaxpr that an equation calls, or repeats: of jit, scan, while and the like.

    Leans on the parameters' names of these, and on that of `grad.while_loop`'s body.
    """
    if name_of(equation) == "while_loop":
        return parameter(equation, "body").run
    return parameter(equation, "jaxpr", "call_jaxpr", "body_jaxpr", "fun_jaxpr")


def branches(equation: JaxprEqn) -> Sequence[Program]:
    """Return the jaxprs that a cond chooses from; that for True comes last.

    Leans on its parameter `branches`.
    """
    found: Sequence[Program] = parameter(equation, "branches")
    return found


def scan_counts(equation: JaxprEqn) -> tuple[int, int]:
    """Return how many inputs of a scan are constants and how many are carried.

    Leans on its parameters `num_consts` and `num_carry`, or `ft_in` in newer versions of JAX.
    """
    found = parameter(equation, "num_carry", "ft_in")
    if isinstance(found, int):
        return parameter(equation, "num_consts"), found
    try:
        consts, carry, _ = found.unpack()
        return len(list(consts)), len(list(carry))
    except (AttributeError, TypeError, ValueError) as error:
        lost("how a scan's inputs divide", error, PROGRAMS)
        raise Moved from error


def scan_length(equation: JaxprEqn) -> int:
    """Return how many trips a scan makes.

    Leans on its parameter `length`.
    """
    return int(parameter(equation, "length"))


def while_counts(equation: JaxprEqn) -> tuple[int, int]:
    """Return how many inputs of a while are the condition's constants and how many the body's.

    Leans on its parameters `cond_nconsts` and `body_nconsts`.
    """
    return parameter(equation, "cond_nconsts"), parameter(equation, "body_nconsts")


def called(equation: JaxprEqn) -> str:
    """Return the name of the function that a jit calls.

    Leans on its parameter `name`.
    """
    return str(parameter(equation, "name"))


def reduced_axes(equation: JaxprEqn) -> Sequence[int]:
    """Return the dimensions that a reduction is over.

    Leans on its parameter `axes`.
    """
    axes: Sequence[int] = parameter(equation, "axes")
    return axes


def dropped_dimensions(equation: JaxprEqn) -> Sequence[int]:
    """Return the dimensions that a squeeze drops.

    Leans on its parameter `dimensions`.
    """
    dimensions: Sequence[int] = parameter(equation, "dimensions")
    return dimensions


def contraction(equation: JaxprEqn) -> tuple[Sequence[int], Sequence[int]]:
    """Return a product's contracted dimensions, and those of the batch, of the first operand.

    Leans on the parameter `dimension_numbers` of dot_general.
    """
    (contracted, _), (batch, _) = parameter(equation, "dimension_numbers")
    return contracted, batch


def window_rank(equation: JaxprEqn) -> int:
    """Return how many dimensions the window of a reduction has.

    Leans on its parameter `window_dimensions`.
    """
    return len(parameter(equation, "window_dimensions"))


def frames(equation: JaxprEqn) -> Sequence[tuple[types.CodeType, int]]:
    """Return the frames of Python that an equation comes from, outermost first: (code, place).

    An equation of a derivative has those of what it is the derivative of; they are not its own.
    Leans on `JaxprEqn.source_info`, its `name_stack` and `traceback`, and jaxlib's `raw_frames`.
    """
    try:
        source = equation.source_info
        stack, traceback = str(source.name_stack), source.traceback
        if "jvp(" in stack or "transpose(" in stack or traceback is None:
            return []
        codes, places = traceback.raw_frames()
    except (AttributeError, TypeError, ValueError) as error:
        lost("where equations come from", error, GRAPHS)
        return []
    return list(zip(codes, places, strict=True))[::-1]


# Operations of this package: what grad.while_loop and custom_vjp.Function are made of.

_NEEDED = {
    "Primitive": core,
    "unmapped_aval": core,
    "Zero": ad,
    "add_tangents": ad,
    "instantiate_zeros": ad,
    "is_undefined_primal": ad,
    "primitive_jvps": ad,
    "primitive_transposes": ad,
    "zeros_like_aval": ad,
    "fancy_primitive_batchers": batching,
    "lower_fun": mlir,
    "register_lowering": mlir,
}


class Axis(NamedTuple):
    """What a batching rule is told of the axis that is mapped.

    Attributes:
      size: how many examples there are.
      name: what `vmap` was told to call it, or an object of JAX's own.
      spmd_name: the mesh axis that `vmap` was told to spread it over.
      mesh_axis: the mesh axis that it is spread over by its type.
    """

    size: int
    name: Any
    spmd_name: Any
    mesh_axis: Any

    @property
    def given_name(self) -> Hashable:
        """The name that `vmap` was told, None where it was told none."""
        private = not isinstance(self.name, str | int | tuple) or self.name == ()
        return None if private else self.name


class Unavailable:
    """What stands for an operation that cannot be made."""

    def __init__(self, user: str, error: Exception) -> None:
        self.user, self.error = user, error

    def bind(self, *_: object, **__: object) -> NoReturn:
        """Say why it cannot be."""
        raise ImportError(
            f"jax {jax.__version__} has moved what {self.user} needs "
            f"({type(self.error).__name__}: {self.error})"
        ) from self.error


Rule = Callable[..., Any]


def new_operation(
    name: str, user: str, *, evaluate: Rule, lower: Rule, outputs: Rule
) -> Primitive | Unavailable:
    """Make an operation with several results; its `bind` runs it, or records it where JAX traces.

    Where JAX has moved what it takes, or what its rules take, `bind` raises an ImportError.
    Leans on `jax.extend.core.Primitive`, and on `jax.interpreters.mlir.register_lowering` and
    `lower_fun`.

    Args:
      name: what programs show.
      user: what it is for, which the error names.
      evaluate: from arrays to arrays.
      lower: the same function, to be compiled.
      outputs: from types to the types of the results, and the jaxprs inside, for their effects.
    """

    def types_and_effects(*args: Any, **params: Any) -> tuple[list[Any], set[Any]]:
        avals, programs = outputs(*args, **params)
        return avals, set().union(*(inside.effects for inside in programs))

    try:
        for part, module in _NEEDED.items():
            getattr(module, part)
        primitive = core.Primitive(name)
        primitive.multiple_results = True
        primitive.def_impl(evaluate)
        primitive.def_effectful_abstract_eval(types_and_effects)
        mlir.register_lowering(primitive, mlir.lower_fun(lower, multiple_results=True))
    except (AttributeError, TypeError) as error:
        lost("what operations are made of", error, OPERATIONS)
        return Unavailable(user, error)
    return primitive


def define_rules(
    operation: Primitive | Unavailable,
    user: str,
    *,
    jvp: Rule,
    batch: Rule,
    transpose: Rule | None = None,
) -> None:
    """Say how an operation is differentiated and mapped.

    Leans on `jax.interpreters.ad.primitive_jvps` and `primitive_transposes`, on
    `jax.interpreters.batching.fancy_primitive_batchers`, and on the attributes of what such a rule
    is told of the axis.

    Args:
      operation: what `new_operation` returned.
      user: as there.
      jvp: (primals, tangents, parameters) -> results and their tangents.
      batch: (axis, arrays, their batch dimensions, parameters) -> results and their dimensions.
      transpose: (cotangents, operands, parameters) -> cotangents of the operands.
    """
    if isinstance(operation, Unavailable):
        return

    def mapped(axis: Any, args: Sequence[Any], dims: Sequence[int | None], **params: Any) -> Any:
        try:
            read = Axis(axis.size, axis.name, axis.spmd_name, axis.explicit_mesh_axis)
        except AttributeError as error:
            lost("what is told of a mapped axis", error, OPERATIONS)
            Unavailable(user, error).bind()
        return batch(read, args, dims, **params)

    ad.primitive_jvps[operation] = jvp
    batching.fancy_primitive_batchers[operation] = mapped
    if transpose is not None:
        ad.primitive_transposes[operation] = transpose


# What their rules are written with. There are no rules where one of these is lost.


def stacked(length: int, aval: ShapedArray, mesh_axis: Any = None) -> ShapedArray:
    """Return a type with a leading dimension more, sharded as it is, and over a mesh axis.

    Leans on `jax.extend.core.unmapped_aval`.
    """
    return core.unmapped_aval(length, 0, aval, mesh_axis)


def is_mapped_as(value: object, example: Any) -> bool:
    """Whether a value of a function under `vmap` is mapped, as `example` is, which is mapped.

    Leans on `Tracer._trace`; without it everything counts as mapped.
    """
    try:
        return getattr(value, "_trace", None) is example._trace
    except AttributeError as error:
        lost("the trace of a value", error, WAYS)
        return True


def tangent_aval(aval: ShapedArray) -> ShapedArray:
    """Return the type that a tangent has of a value of this type.

    Leans on `ShapedArray.to_tangent_aval`.
    """
    return _of_type(aval, "to_tangent_aval")


def strict_tangent_aval(value: ArrayLike) -> ShapedArray:
    """Return the type that a tangent of this value has, strict also where the value's is weak.

    Leans on `ShapedArray.strip_weak_type`.
    """
    return _of_type(tangent_aval(jax.typeof(value)), "strip_weak_type")


def _of_type(aval: ShapedArray, method: str) -> Any:
    try:
        found = getattr(aval, method)
    except AttributeError as error:
        lost("the types of tangents", error, OPERATIONS)
        raise ImportError(
            f"jax {jax.__version__} has moved the types of tangents ({error})"
        ) from error
    return found()


def zeros(aval: ShapedArray) -> jax.Array:
    """Return zeros of a type.

    Leans on `jax.interpreters.ad.zeros_like_aval`.
    """
    return ad.zeros_like_aval(aval)


def zero_tangent(value: ArrayLike) -> Zero:
    """Return the tangent of a value that is zero by construction.

    Leans on `jax.interpreters.ad.Zero`.
    """
    return ad.Zero(tangent_aval(jax.typeof(value)))


def is_zero(tangent: Tangent) -> bool:
    """Whether a tangent is zero by construction.

    Leans on `jax.interpreters.ad.Zero`.
    """
    return type(tangent) is ad.Zero


def instantiated(tangent: Tangent) -> jax.Array:
    """Return a tangent as an array, also where it is zero by construction.

    Leans on `jax.interpreters.ad.instantiate_zeros`.
    """
    return ad.instantiate_zeros(tangent)


def sum_of_tangents(a: Tangent, b: Tangent) -> Tangent:
    """Add two tangents, of which either may be zero by construction.

    Leans on `jax.interpreters.ad.add_tangents`.
    """
    return ad.add_tangents(a, b)


def is_asked_for(operand: object) -> bool:
    """Whether a transpose rule is to return a cotangent for this operand: its value is not known.

    Leans on `jax.interpreters.ad.is_undefined_primal`.
    """
    return bool(ad.is_undefined_primal(operand))
