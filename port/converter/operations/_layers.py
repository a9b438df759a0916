"""Norms, linear layers, attention and embeddings: PyTorch's operations over `functional`."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from port import functional as F

Array = jax.Array
Optional = Array | None


def _batch_norm(
    input: Array,
    weight: Optional,
    bias: Optional,
    running_mean: Optional,
    running_var: Optional,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,  # noqa: ARG001
) -> Any:
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def _instance_norm(
    input: Array,
    weight: Optional,
    bias: Optional,
    running_mean: Optional,
    running_var: Optional,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,  # noqa: ARG001
) -> Any:
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


# The native operations give, too, what their gradients are computed from: None, as JAX has its own.


def _norm_at_rest(
    input: Array, weight: Optional, bias: Optional, mean: Array, var: Array, _: float, eps: float
) -> tuple[Array, None, None]:
    return F.batch_norm(input, mean, var, weight, bias, eps=eps), None, None


def _norm_functional(
    input: Array,
    weight: Optional,
    bias: Optional,
    running_mean: Array,
    running_var: Array,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Array, None, None, Optional, Optional]:
    y, mean, var = F.batch_norm_update(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    return y, None, None, mean, var


def _norm_without_stats(
    input: Array, weight: Optional, bias: Optional, training: bool, momentum: float, eps: float
) -> tuple[Array, None, None]:
    return F.batch_norm(input, None, None, weight, bias, training, momentum, eps), None, None


def _layer_norm(
    input: Array,
    normalized_shape: tuple[int, ...],
    weight: Optional = None,
    bias: Optional = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,  # noqa: ARG001
) -> Array:
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def _native_layer_norm(*arguments: Any) -> tuple[Array, None, None]:
    return _layer_norm(*arguments), None, None


def _group_norm(
    input: Array,
    num_groups: int,
    weight: Optional = None,
    bias: Optional = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,  # noqa: ARG001
) -> Array:
    return F.group_norm(input, num_groups, weight, bias, eps)


def _native_group_norm(
    input: Array,
    weight: Optional,
    bias: Optional,
    n: int,
    c: int,
    area: int,
    group: int,
    eps: float,
) -> tuple[Array, None, None]:
    del n, c, area
    return F.group_norm(input, group, weight, bias, eps), None, None


def _embedding(
    weight: Array,
    indices: Array,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,  # noqa: ARG001
) -> Array:
    padding = None if padding_idx == -1 else padding_idx
    return F.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq)


def _addmm(input: Array, a: Array, b: Array, *, beta: float = 1, alpha: float = 1) -> Array:
    product = jnp.matmul(a, b)
    product = product if alpha == 1 else alpha * product
    return product + (input if beta == 1 else beta * input)


def _attention_for_cpu(
    query: Array,
    key: Array,
    value: Array,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Optional = None,
    scale: float | None = None,
    rng: Array | None = None,
) -> tuple[Array, None]:
    return _attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, rng=rng
    ), None


def _attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Optional = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    rng: Array | None = None,
) -> Array:
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa, rng=rng
    )


def _einsum(equation: str, operands: tuple[Array, ...], *, path: object = None) -> Array:
    del path
    return jnp.einsum(equation.replace(" ", ""), *operands)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.batch_norm.default": _batch_norm,
    "aten._native_batch_norm_legit_no_training.default": _norm_at_rest,
    "aten._native_batch_norm_legit_functional.default": _norm_functional,
    "aten._native_batch_norm_legit.no_stats": _norm_without_stats,
    "aten.instance_norm.default": _instance_norm,
    "aten.layer_norm.default": _layer_norm,
    "aten.native_layer_norm.default": _native_layer_norm,
    "aten.group_norm.default": _group_norm,
    "aten.native_group_norm.default": _native_group_norm,
    "aten.rms_norm.default": F.rms_norm,
    "aten.linear.default": F.linear,
    "aten.bilinear.default": F.bilinear,
    "aten.matmul.default": jnp.matmul,
    "aten.mm.default": jnp.matmul,
    "aten.bmm.default": jnp.matmul,
    "aten.mv.default": jnp.matmul,
    "aten.dot.default": jnp.dot,
    "aten.vdot.default": jnp.vdot,
    "aten.outer.default": jnp.outer,
    "aten.addmm.default": _addmm,
    "aten.baddbmm.default": _addmm,
    "aten.einsum.default": _einsum,
    "aten.embedding.default": _embedding,
    "aten.one_hot.default": F.one_hot,
    "aten.scaled_dot_product_attention.default": _attention,
    "aten._scaled_dot_product_flash_attention_for_cpu.default": _attention_for_cpu,
}
