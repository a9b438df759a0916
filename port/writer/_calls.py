"""How operations that are functions of a library are written: conv.conv2d(x, w, stride=2)."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

import conv
from custom_vjp import functional as kinks
from port import functional as F

from ._text import Text, call

LIBRARIES = {
    "conv": conv,
    "F": F,
    "jnp": jnp,
    "jnp.fft": jnp.fft,
    "jax.nn": jax.nn,
    "K": kinks,
    "lax": jax.lax,
}
# Arguments that may be one integer for all dimensions.
SIZES = ("stride", "padding", "dilation", "kernel_size", "output_padding", "output_size")

NORM = "input weight bias running_mean running_var training momentum eps -"
CONV = "input weight bias stride padding dilation groups"
TRANSPOSED = "input weight bias stride padding output_padding groups dilation"
RECTIFIERS = "relu relu6 silu mish sigmoid log_sigmoid tanh hardsigmoid hardswish selu"
ELEMENTWISE = (
    "exp expm1 log log1p log2 sqrt sin cos tan ceil floor trunc square isnan isinf isfinite "
    "logical_not conj"
)
# Operation: the function, and its parameters in the order of the operation's arguments. "-" is
# left out.
CALLS: Mapping[str, tuple[str, str]] = {
    **{f"aten.conv{n}d.default": (f"conv.conv{n}d", CONV) for n in (1, 2, 3)},
    **{f"aten.conv{n}d.padding": (f"conv.conv{n}d", CONV) for n in (1, 2, 3)},
    "aten.conv_transpose1d.default": ("conv.conv_transpose1d", TRANSPOSED),
    "aten.conv_transpose2d.input": ("conv.conv_transpose2d", TRANSPOSED),
    "aten.conv_transpose3d.input": ("conv.conv_transpose3d", TRANSPOSED),
    **{
        f"aten.max_pool{n}d.default": (
            f"conv.max_pool{n}d",
            "input kernel_size stride padding dilation ceil_mode",
        )
        for n in (1, 2, 3)
    },
    **{
        f"aten.avg_pool{n}d.default": (
            f"conv.avg_pool{n}d",
            "input kernel_size stride padding ceil_mode count_include_pad divisor_override",
        )
        for n in (1, 2, 3)
    },
    **{
        f"aten.adaptive_avg_pool{n}d.default": (f"conv.adaptive_avg_pool{n}d", "input output_size")
        for n in (1, 2, 3)
    },
    "aten.pad.default": ("conv.pad", "input pad mode value"),
    "aten.constant_pad_nd.default": ("conv.pad", "input pad value"),
    "aten.im2col.default": ("conv.unfold", "input kernel_size dilation padding stride"),
    "aten.col2im.default": ("conv.fold", "input output_size kernel_size dilation padding stride"),
    "aten.batch_norm.default": ("F.batch_norm", NORM),
    "aten.instance_norm.default": ("F.instance_norm", NORM.replace("training", "use_input_stats")),
    "aten.layer_norm.default": ("F.layer_norm", "input normalized_shape weight bias eps -"),
    "aten.group_norm.default": ("F.group_norm", "input num_groups weight bias eps -"),
    "aten.rms_norm.default": ("F.rms_norm", "input normalized_shape weight eps"),
    "aten.linear.default": ("F.linear", "input weight bias"),
    "aten.bilinear.default": ("F.bilinear", "input1 input2 weight bias"),
    "aten.one_hot.default": ("F.one_hot", "tensor num_classes"),
    "aten.scaled_dot_product_attention.default": (
        "F.scaled_dot_product_attention",
        "query key value attn_mask dropout_p is_causal",
    ),
    **{
        f"aten.{name}.default": (f"F.{name.replace('log_s', 'logs')}", "input")
        for name in RECTIFIERS.split()
    },
    "aten.leaky_relu.default": ("F.leaky_relu", "input negative_slope"),
    "aten.prelu.default": ("F.prelu", "input weight"),
    "aten.elu.default": ("F.elu", "input alpha"),
    "aten.celu.default": ("F.celu", "input alpha"),
    "aten.threshold.default": ("F.threshold", "input threshold value"),
    "aten.gelu.default": ("F.gelu", "input"),
    "aten.softplus.default": ("F.softplus", "input beta threshold"),
    "aten.hardtanh.default": ("F.hardtanh", "input min_val max_val"),
    "aten.hardshrink.default": ("F.hardshrink", "input lambd"),
    "aten.softshrink.default": ("F.softshrink", "input lambd"),
    "aten.glu.default": ("F.glu", "input dim"),
    "aten.softmax.int": ("F.softmax", "input dim dtype"),
    "aten.log_softmax.int": ("F.log_softmax", "input dim dtype"),
    "aten.dropout.default": ("F.dropout", "input p -"),
    "aten.alpha_dropout.default": ("F.alpha_dropout", "input p training"),
    "aten.feature_alpha_dropout.default": ("F.feature_alpha_dropout", "input p training"),
    "aten.pixel_shuffle.default": ("F.pixel_shuffle", "input upscale_factor"),
    "aten.pixel_unshuffle.default": ("F.pixel_unshuffle", "input downscale_factor"),
    "aten.channel_shuffle.default": ("F.channel_shuffle", "input groups"),
    "aten.abs.default": ("K.abs", "input"),
    "aten.clamp.default": ("K.clamp", "input min max"),
    "aten.clamp.Tensor": ("K.clamp", "input min max"),
    "aten.clamp_min.default": ("K.clamp", "input min"),
    "aten.clamp_max.default": ("K.clamp", "input max"),
    "aten.maximum.default": ("K.maximum", "input other"),
    "aten.minimum.default": ("K.minimum", "input other"),
    "aten.amax.default": ("K.amax", "input dim keepdim"),
    "aten.amin.default": ("K.amin", "input dim keepdim"),
    "aten.max.dim": ("K.max", "input dim keepdim"),
    "aten.min.dim": ("K.min", "input dim keepdim"),
    "aten.linalg_vector_norm.default": ("K.vector_norm", "input ord dim keepdim"),
    "aten.dist.default": ("K.dist", "input other p"),
    "aten.pdist.default": ("F.pdist", "input p"),
    "aten.pairwise_distance.default": ("F.pairwise_distance", "x1 x2 p eps keepdim"),
    "aten.cosine_similarity.default": ("F.cosine_similarity", "x1 x2 dim eps"),
    "aten.var.correction": ("K.var", "input dim"),
    "aten.std.correction": ("K.std", "input dim"),
    "aten.cumsum.default": ("jnp.cumsum", "a axis"),
    "aten.cumprod.default": ("jnp.cumprod", "a axis"),
    "aten.tril.default": ("jnp.tril", "m k"),
    "aten.triu.default": ("jnp.triu", "m k"),
    "aten.flip.default": ("jnp.flip", "m axis"),
    **{f"aten.{name}.default": (f"jnp.{name}", "x") for name in ELEMENTWISE.split()},
    "aten.rsqrt.default": ("lax.rsqrt", "x"),
    "aten.detach.default": ("lax.stop_gradient", "x"),
    "aten.real.default": ("jnp.real", "val"),
    "aten.imag.default": ("jnp.imag", "val"),
    "aten.vdot.default": ("jnp.vdot", "a b"),
    "aten.complex.default": ("lax.complex", "x y"),
    **{
        f"aten.fft_{name}.default": (f"jnp.fft.{name}", "a n axis norm")
        for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    },
    **{
        f"aten.fft_{name}{n}.default": (f"jnp.fft.{name}{n}", "a s axes norm")
        for name in ("fft", "ifft", "rfft", "irfft")
        for n in ("2", "n")
    },
    "aten.fft_fftshift.default": ("jnp.fft.fftshift", "x axes"),
    "aten.fft_ifftshift.default": ("jnp.fft.ifftshift", "x axes"),
    "aten.cross_entropy_loss.default": (
        "F.cross_entropy",
        "input target weight reduction ignore_index label_smoothing",
    ),
    **{
        f"aten.{name}.default": ("F.nll_loss", "input target weight reduction ignore_index")
        for name in ("nll_loss", "nll_loss_nd", "nll_loss2d")
    },
    **{
        f"aten.{name}.default": (f"F.{name}", "input target reduction")
        for name in ("mse_loss", "l1_loss", "soft_margin_loss", "kl_div")
    },
    "aten.smooth_l1_loss.default": ("F.smooth_l1_loss", "input target reduction beta"),
    "aten.huber_loss.default": ("F.huber_loss", "input target reduction delta"),
    "aten.binary_cross_entropy.default": (
        "F.binary_cross_entropy",
        "input target weight reduction",
    ),
    "aten.binary_cross_entropy_with_logits.default": (
        "F.binary_cross_entropy_with_logits",
        "input target weight pos_weight reduction",
    ),
}


def has_call(operation: str) -> bool:
    """Whether an operation is a function of a library."""
    return operation in CALLS


def parameter_names(operation: str) -> list[str]:
    """Return what the function's parameters are called, in the order of the arguments."""
    return CALLS[operation][1].split() if operation in CALLS else []


@cache
def _defaults(function: str) -> dict[str, Any]:
    space, name = function.rsplit(".", 1)
    signature = inspect.signature(_function(space, name))
    return {p.name: p.default for p in signature.parameters.values()}


def _function(space: str, name: str) -> Callable[..., Any]:
    return getattr(LIBRARIES[space], name)


def with_defaults(operation: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an operation's arguments with the ones left out, where they have a default."""
    if operation not in CALLS:
        return args
    function, spec = CALLS[operation]
    defaults = _defaults(function)
    rest = spec.split()[len(args) :]
    return (*args, *(defaults.get(name) for name in rest if name != "-"))


def library_call(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Text:
    """Return an operation's call, without what is a default."""
    function, spec = CALLS[operation]
    given = {
        name: value for name, value in zip(spec.split(), args, strict=False) if name != "-"
    } | dict(kwargs)
    positional, keywords = [], {}
    contiguous = True
    for name, default in _defaults(function).items():
        if name not in given:
            contiguous = False
            continue
        value = given[name]
        if not isinstance(value, Text) and _same(value, default):
            contiguous = False
        elif contiguous and (default is inspect.Parameter.empty or _is_array(value)):
            positional.append(value)
        else:
            contiguous = False
            keywords[name] = value
    return call(function, *positional, **keywords)


def _is_array(value: object) -> bool:
    return isinstance(value, Text) and ("[" in value or value.isidentifier() or ".get(" in value)


def _same(value: object, default: object) -> bool:
    """Whether a value is what the function takes without it."""
    return value == default or (value in ((), None) and default is None)
