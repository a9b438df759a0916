"""The table of operations beside PyTorch, many functions at a time: values, dtypes, gradients.

Each group is one network with many outputs, converted as any other; so what the reader makes of
slices, writes in place and promotion is tested as well as the table.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import port
from tests.support.agree import assert_same, draw, is_inexact, to_torch

Group = Callable[..., dict[str, Any]]


class Network(torch.nn.Module):
    """A function as a network."""

    def __init__(self, function: Group) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Tensor) -> dict[str, Any]:
        return self.function(*args)


def _arithmetic(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    half, single = x.to(torch.float16), x.float()
    return {
        "add alpha": torch.add(x, y, alpha=3),
        "sub alpha": torch.sub(x, y, alpha=0.5),
        "rsub": 1 - x,
        "rsub alpha": torch.rsub(x, y, alpha=2),
        "div": x / y.exp(),
        "div floor": torch.div(x, 0.7, rounding_mode="floor"),
        "div trunc": torch.div(x, 0.7, rounding_mode="trunc"),
        "integer div": i / 3,
        "integer div floor": torch.div(i, 3, rounding_mode="floor"),
        "integer div trunc": torch.div(i, 3, rounding_mode="trunc"),
        "integer floor": i // 2,
        "remainder": i % 3,
        "fmod": torch.fmod(i, 3),
        "float remainder": torch.remainder(x, 0.7),
        "pow": x.abs() ** 1.5,
        "square": x**2,
        "pow tensor": x.abs() ** y,
        "pow scalar": 2.0**x,
        "integer and float": i + 0.5,
        "integer and float tensor": i + x,
        "bool and integer": b + i,
        "bool and bool": b + b,
        "bool times": b * x,
        "half and number": half * 2.5,
        "half and single": half + single,
        "single and 0-dim": single * torch.tensor(2.0, dtype=torch.float64),
        "integer and 0-dim": i * torch.tensor(2.5),
        "comparison": x > y,
        "comparison number": i >= 1,
        "and": b & (x > 0),
        "not": ~b,
        "logical": torch.logical_and(b, i),
        "neg": -x,
        "abs": x.abs(),
        "reciprocal": 1 / x,
        "sqrt": x.abs().sqrt(),
        "rsqrt": x.abs().rsqrt(),
        "exp": torch.exp(x) + torch.expm1(x) + torch.exp2(x),
        "log": torch.log(x.abs()) + torch.log1p(x.abs()) + torch.log2(x.abs()),
        "trigonometry": torch.sin(x) + torch.cos(y) + torch.tan(x) + torch.atan2(x, y),
        "hyperbolic": torch.sinh(x) + torch.cosh(y) + torch.tanh(x) + torch.asinh(x),
        "erf": torch.erf(x) + torch.erfc(y),
        "rounding": torch.floor(x) + torch.ceil(x) + torch.trunc(y) + torch.round(3 * x),
        "sign": torch.sign(x),
        "clamp": x.clamp(-0.5, 0.5),
        "clamp tensor": torch.clamp(x, min=y),
        "clamp min": x.clamp_min(0.2),
        "clamp max": x.clamp(max=0.2),
        "maximum": torch.maximum(x, y),
        "minimum": torch.minimum(x, y),
        "addcmul": torch.addcmul(x, x, y, value=0.5),
        "addcdiv": torch.addcdiv(x, x, y.exp(), value=0.5),
        "lerp": torch.lerp(x, y, 0.3),
        "isnan": torch.isnan(x / 0),
        "to integer": x.to(torch.int32),
        "to bool": i.bool(),
        "type_as": i.type_as(x),
    }


def _reductions(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    values, indices = x.max(1)
    least, where = x.min(-1, keepdim=True)
    top, at = x.topk(2, -1)
    ordered, order = torch.sort(x, 0, descending=True)
    return {
        "sum": x.sum(),
        "sum dims": x.sum((0, -1)),
        "sum keep": x.sum(1, keepdim=True),
        "sum integers": i.to(torch.int32).sum(0),
        "sum bools": b.sum(),
        "sum to": i.sum(0, dtype=torch.float64),
        "mean": x.mean(),
        "mean dims": x.mean((0, 2), keepdim=True),
        "mean none": x.mean(()),
        "prod": x.prod(1),
        "var": x.var(1),
        "var biased": x.var((0, 1), unbiased=False, keepdim=True),
        "std": x.std(-1, correction=0),
        "var_mean": torch.var_mean(x, 1)[0],
        "amax": x.amax((0, 1)),
        "amin": x.amin(1, keepdim=True),
        "max all": x.max(),
        "max": values,
        "max at": indices,
        "min": least,
        "min at": where,
        "argmax": x.argmax(1),
        "argmax all": x.argmax(),
        "argmin keep": x.argmin(-1, keepdim=True),
        "any": b.any(),
        "all": b.all(1),
        "any keep": (x > 0.5).any(-1, keepdim=True),
        "logsumexp": x.logsumexp((0, 1)),
        "norm": x.norm(dim=1),
        "norm 1": torch.linalg.vector_norm(x, 1, (0, 1), keepdim=True),
        "cumsum": x.cumsum(1),
        "cumsum integers": i.to(torch.int32).cumsum(0),
        "cumprod": x.cumprod(-1),
        "top": top,
        "top at": at,
        "ordered": ordered,
        "order": order,
        "argsort": torch.argsort(x, -1),
        "softmax": x.softmax(1),
        "softmax to": x.float().softmax(0, dtype=torch.float64),
        "log_softmax": x.log_softmax(-1),
        "y": y * 1,
    }


def _shapes(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    first, second = x.chunk(2, -1)
    return {
        "view": x.view(6, -1),
        "flatten": x.flatten(),
        "flatten two": x.flatten(0, 1),
        "flatten last": x.flatten(-2),
        "unflatten": x.unflatten(-1, (2, -1)),
        "permute": x.permute(2, 0, -2),
        "transpose": x.transpose(-1, 0),
        "t": y[0].t(),
        "T": x.mT,
        "unsqueeze": x.unsqueeze(-1),
        "unsqueeze first": x.unsqueeze(0),
        "squeeze": x[:, :1].squeeze(),
        "squeeze dim": x[:, :1].squeeze(1),
        "squeeze nothing": x.squeeze(1),
        "expand": x[:, :1].expand(-1, 3, 4),
        "expand ahead": x.expand(5, -1, -1, -1),
        "expand_as": x[0].expand_as(y),
        "repeat": x.repeat(2, 1, 1, 2),
        "repeat_interleave": x.repeat_interleave(2, 1),
        "slice": x[:, 1:],
        "slice from behind": x[..., -3:-1],
        "slice beyond": x[:, :100],
        "slice empty": x[:, 2:1],
        "slice step": x[..., ::2],
        "select": x[1],
        "select from behind": x[:, -1],
        "narrow": x.narrow(1, 1, 2),
        "chunk": first - second,
        "chunk uneven": x.chunk(2, 1)[1],
        "split": x.split(2, 1)[1],
        "split sizes": x.split([1, 3], -1)[1],
        "tensor_split": x.tensor_split(3, -1)[0],
        "unbind": x.unbind(1)[2],
        "cat": torch.cat([x, y], 1),
        "cat promotes": torch.cat([i, x], -1),
        "cat empty": torch.cat([torch.zeros(0, dtype=x.dtype), x.flatten()]),
        "stack": torch.stack([x, y], -1),
        "flip": x.flip(0, -1),
        "roll": x.roll((1, -2), (0, 2)),
        "roll all": x.roll(3),
        "unfold": x.unfold(-1, 2, 1),
        "diagonal": x.diagonal(0, 1, 2),
        "tril": x.tril(-1),
        "triu": b.triu(1),
        "meshgrid": torch.meshgrid(x[0, 0], y[0, :, 0], indexing="ij")[1],
        "as_strided": torch.as_strided(x.contiguous(), (2, 2), (4, 1), 1),
        "movedim": x.movedim(0, -1),
        "einsum": torch.einsum("bij, bkj -> bik", x, y),
        "matmul": x @ y.mT,
        "matmul vector": x @ y[0, 0],
        "bmm": torch.bmm(x, y.mT),
        "addmm": torch.addmm(x[0, :, :3], x[0], y[1].t(), beta=0.5, alpha=2),
        "size": x.size(1),
        "y": y * 1,
    }


def _indices(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    rows = torch.tensor([1, 0, 1])
    at = (i % 3).abs()
    return {
        "index": x[rows],
        "index from behind": x[:, torch.tensor([-1, 0])],
        "index two": x[rows, torch.tensor([0, 2, 1])],
        "index apart": x[rows, :, torch.tensor([0, 2, 1])],
        "index last": x[..., torch.tensor([[0, 3], [1, 1]])],
        "gather": x.gather(1, at),
        "scatter": x.scatter(1, at[:, :1], y[:, :1]),
        "scatter value": x.scatter(1, at[:, :1], 2.5),
        "scatter_add": x.scatter_add(1, at, y),
        "index_select": x.index_select(-1, torch.tensor([3, 0, 0])),
        "index_add": x.index_add(1, torch.tensor([0, 0]), y[:, :2]),
        "index_put": x.index_put((rows[:2],), y),
        "index_put adds": x.index_put((torch.tensor([1, 1]),), y, accumulate=True),
        "masked_fill": x.masked_fill(b, -2.0),
        "masked_fill tensor": x.masked_fill(b, torch.tensor(3.0, dtype=torch.float64)),
        "where": torch.where(b, x, y),
        "where number": torch.where(b, x, 0.0),
        "take_along_dim": torch.take_along_dim(x, at, 1),
        "one_hot": F.one_hot(at, 5),
        "embedding": F.embedding(at[0], y[0, :3]),
        "y": y * 1,
    }


def _creation(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    return {
        "arange": torch.arange(5),
        "arange floats": torch.arange(0.0, 2.0, 0.5),
        "arange to": torch.arange(2, 9, 3, dtype=torch.float64),
        "linspace": torch.linspace(-1, 1, 5, dtype=torch.float64),
        "full": torch.full((2, 3), 1.5),
        "full integers": torch.full((2,), 3),
        "zeros": torch.zeros(2, 1, dtype=torch.int32),
        "ones_like": torch.ones_like(i),
        "full_like": torch.full_like(x, 2),
        "new_zeros": x.new_zeros(2, 3),
        "new_full": i.new_full((2,), 7),
        "eye": torch.eye(3),
        "eye wide": torch.eye(2, 3, dtype=torch.float64),
        "constant": torch.tensor([1.0, 2.0]) * x[0, 0, :2],
        "x": x * 1,
        "y": y * 1,
    }


def _in_place(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    part = x * 1
    part[:, 0] = y[:, 1]
    part[0, 1:, ::2] = 2.0
    part[-1].mul_(2)
    chained = (x + 1).mul_(y).relu_()
    seen = y * 1
    view = seen.view(2, -1)
    turned = seen.transpose(0, 1)
    before = turned[0] * 1
    view[:, 2:5].copy_(x.view(2, -1)[:, :3])
    turned[1].zero_()
    filled = (x * 1).masked_fill_(b, 0.0).clamp_(-1, 1)
    counts = i * 1
    counts += 0.6 > 0.5
    counts[counts > 2] = 0
    flat = x * 1
    flat.flatten()[3:6] += 1
    square = x[:, :, :3] * 1
    square.diagonal(0, 1, 2).fill_(7)
    return {
        "part": part,
        "chained": chained,
        "view": view,
        "seen": seen,
        "turned": turned,
        "before": before,
        "filled": filled,
        "counts": counts,
        "flat": flat,
        "square": square,
        "detached": x.detach() * x + y.sum(),
    }


def _activations(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    names = "relu relu6 elu selu celu gelu silu mish sigmoid logsigmoid softplus softsign tanh"
    more = "hardtanh hardsigmoid hardswish hardshrink softshrink tanhshrink leaky_relu"
    return {
        **{name: getattr(F, name)(3 * x) for name in (names + " " + more).split()},
        "gelu tanh": F.gelu(x, approximate="tanh"),
        "elu alpha": F.elu(x, 0.5),
        "threshold": F.threshold(x, 0.1, -3.0),
        "prelu": F.prelu(x, y[0, 0, :3].abs()),
        "glu": F.glu(x, -1),
        "leaky": F.leaky_relu(x, 0.2),
        "softmin": F.softmin(x, 1),
        "normalize": F.normalize(x, dim=1),
        "at rest": F.dropout(x, 0.5, training=False),
    }


def _layers(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    image = torch.einsum("bij,bkl->bikjl", x, y)[..., :4]  # (2, 3, 3, 4, 4)
    image = image.flatten(0, 1)  # (6, 3, 4, 4)
    kernel = y[0, :, :3].reshape(1, 3, 3, 1).expand(2, 3, 3, 3)
    signal = x
    rows = F.conv_transpose1d(signal, y[0].reshape(3, 2, 2), stride=2, output_padding=1)
    pooled, places = F.max_pool2d(image, 2, return_indices=True)
    volume = image.reshape(2, 3, 3, 4, 4)
    maxima, positions = F.max_pool3d(volume, (1, 2, 2), return_indices=True)
    tops, tops_at = F.max_pool1d(signal, 2, return_indices=True)
    same, same_at = F.max_pool2d(image, 2, 1, padding=1, return_indices=True)
    u = torch.full((6, 3, 2), 0.3, dtype=torch.float64)
    u3 = torch.full((2, 3, 3), 0.6, dtype=torch.float64)
    fractional, fractional_at = F.fractional_max_pool2d(
        image, (2, 1), output_ratio=(0.75, 0.75), return_indices=True, _random_samples=u
    )
    return {
        "conv1d": F.conv1d(signal, y[:, :, :3], padding="same"),
        "conv2d": F.conv2d(image, kernel, stride=(2, 1), padding=1, dilation=1),
        "conv2d groups": F.conv2d(image, kernel[:1, :1].expand(3, 1, 3, 3), groups=3),
        "conv_transpose1d": rows,
        "conv_transpose2d": F.conv_transpose2d(image, kernel.transpose(0, 1), stride=2),
        "max_pool": F.max_pool2d(image, 3, 2, 1),
        "max_pool ceil": F.max_pool2d(image, 3, 2, ceil_mode=True),
        "max_pool values": pooled,
        "max_pool places": places,
        "max_pool1d": F.max_pool1d(signal, 2),
        "max_unpool1d": F.max_unpool1d(tops, tops_at, 2),
        "max_unpool2d": F.max_unpool2d(pooled, places, 2),
        "max_unpool2d to less": F.max_unpool2d(same, same_at, 2, 1, padding=1),
        "max_unpool3d": F.max_unpool3d(maxima, positions, (1, 2, 2)),
        "fractional": fractional,
        "fractional at": fractional_at,
        "fractional 3d": F.fractional_max_pool3d(volume, (1, 2, 1), 2, _random_samples=u3),
        "lp_pool1d": F.lp_pool1d(signal, 2, 2),
        "lp_pool2d": F.lp_pool2d(image.abs(), 1.5, 2, stride=1),
        "lp_pool largest": F.lp_pool2d(image, float("inf"), 2),
        "avg_pool": F.avg_pool2d(image, 2, stride=1),
        "avg_pool edges": F.avg_pool2d(image, 3, 2, 1, count_include_pad=False),
        "avg_pool1d": F.avg_pool1d(signal, 2),
        "adaptive": F.adaptive_avg_pool2d(image, (3, None)),
        "adaptive max": F.adaptive_max_pool2d(image, 2),
        "pad": F.pad(image, (1, 2, 0, -1), value=0.5),
        "pad reflect": F.pad(image, (1, 1, 2, 0), mode="reflect"),
        "pad replicate": F.pad(image, (1, 1, 0, 2), mode="replicate"),
        "pad circular": F.pad(image, (1, 1, 1, 1), mode="circular"),
        "unfold": F.unfold(image, 2, padding=1),
        "fold": F.fold(F.unfold(image, 2), (4, 4), 2),
        "nearest": F.interpolate(image, scale_factor=2),
        "nearest size": F.interpolate(image, (3, 7), mode="nearest-exact"),
        "bilinear": F.interpolate(image, scale_factor=1.5, mode="bilinear"),
        "corners": F.interpolate(image, (7, 3), mode="bilinear", align_corners=True),
        "bicubic": F.interpolate(image, (7, 3), mode="bicubic"),
        "antialias": F.interpolate(image, (3, 2), mode="bilinear", antialias=True),
        "linear": F.interpolate(signal, 7, mode="linear"),
        "grid_sample": F.grid_sample(image[:2], x[..., :2].unsqueeze(1), align_corners=False),
        "affine_grid": F.affine_grid(x[:, :2, :3], [2, 1, 3, 4], align_corners=True),
        "pixel_shuffle": F.pixel_shuffle(image.reshape(6, 12, 2, 2), 2),
        "pixel_unshuffle": F.pixel_unshuffle(image, 2),
        "layer_norm": F.layer_norm(x, (3, 4), y[0], y[1], 1e-3),
        "group_norm": F.group_norm(image.reshape(6, 12, 4), 3),
        "instance_norm": F.instance_norm(image),
        "batch_norm": F.batch_norm(image, *y.detach()[0, :, :2].abs().T, eps=1e-3),
        "local_response_norm": F.local_response_norm(image, 2),
        "linear layer": F.linear(x, y[0], y[0, :, 0]),
        "attention": F.scaled_dot_product_attention(x, y, y),
        "attention masked": F.scaled_dot_product_attention(x, y, y, b[:, :, :3], scale=0.3),
        "attention causal": F.scaled_dot_product_attention(x, y, x, is_causal=True),
    }


def _losses(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    classes, rows = (i % 3).abs()[:, 0], x.flatten(0, 1)
    p, q, half = x.sigmoid(), y.softmax(-1), b.to(x.dtype)
    numbers, factors = classes[0], y[0, :, 0].detach().exp()
    return {
        "cross_entropy": F.cross_entropy(x, classes, factors, label_smoothing=0.1),
        "cross_entropy ignored": F.cross_entropy(x, classes, ignore_index=1, reduction="sum"),
        "cross_entropy of probabilities": F.cross_entropy(rows, q.flatten(0, 1)),
        "nll_loss": F.nll_loss(x[0].t().log_softmax(1), numbers, factors),
        "nll_loss of many": F.nll_loss(x.log_softmax(1), classes, reduction="none"),
        "mse_loss": F.mse_loss(x, y),
        "l1_loss": F.l1_loss(x, y, reduction="sum"),
        "smooth_l1_loss": F.smooth_l1_loss(x, y, beta=0.3),
        "smooth_l1_loss plain": F.smooth_l1_loss(x, y, reduction="none"),
        "huber_loss": F.huber_loss(x, y, delta=0.3),
        "soft_margin_loss": F.soft_margin_loss(x, y.detach().sign()),
        "binary_cross_entropy": F.binary_cross_entropy(p, half, y.detach().abs()),
        "binary plain": F.binary_cross_entropy(p, half, reduction="none"),
        "with logits": F.binary_cross_entropy_with_logits(
            x, half, y.detach().abs(), reduction="sum"
        ),
        "with pos_weight": F.binary_cross_entropy_with_logits(
            x, half, pos_weight=y[0].detach().abs()
        ),
        "kl_div": F.kl_div(x.log_softmax(-1), q, reduction="batchmean"),
        "kl_div of logarithms": F.kl_div(
            x.log_softmax(-1), q.log(), reduction="sum", log_target=True
        ),
        "cosine_similarity": F.cosine_similarity(x, y, dim=2),
        "pairwise_distance": F.pairwise_distance(rows, y.flatten(0, 1), keepdim=True),
        # Not in the table: decomposed by torch.
        "margin_ranking_loss": F.margin_ranking_loss(x, y, half * 2 - 1, 0.1),
        "hinge_embedding_loss": F.hinge_embedding_loss(x, half * 2 - 1),
        "poisson_nll_loss": F.poisson_nll_loss(x, y.detach().abs()),
        "triplet_margin_loss": F.triplet_margin_loss(rows, y.flatten(0, 1), rows.sin()),
    }


def _fourier(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    z = torch.complex(x, y)
    return {
        "rfft": torch.fft.rfft(x).abs(),
        "irfft": torch.fft.irfft(torch.fft.rfft(x, norm="ortho") * z[..., :3], n=4, dim=-1),
        "fft": torch.view_as_real(torch.fft.fft(x, dim=1)),
        "ifft": torch.fft.ifft(z, n=6).imag,
        "rfft2": torch.fft.irfft2(torch.fft.rfft2(x) * 2, s=(3, 4)),
        "fftn": torch.fft.fftn(z, dim=(0, 2), norm="forward").real,
        "fftn all": torch.fft.ifftn(z.conj()).real,
        "fftshift": torch.fft.fftshift(x) + torch.fft.ifftshift(y, dim=1),
        "view_as_complex": (torch.view_as_complex(x.unflatten(-1, (2, 2))) ** 2).real,
    }


def _distances(x: Tensor, y: Tensor, i: Tensor, b: Tensor) -> dict[str, Any]:
    many = torch.cat([x.reshape(12, 2), y.reshape(12, 2), 2 * x.reshape(12, 2)])
    exact = "donot_use_mm_for_euclid_dist"
    return {
        "cdist": torch.cdist(x, y),
        "cdist 1": torch.cdist(x, y, 1.0),
        "cdist largest": torch.cdist(x, y, float("inf")),
        "cdist of itself": torch.cdist(x, x, 3),
        "cdist of many": torch.cdist(many, many[:30] + 0.1),
        "cdist of many, exact": torch.cdist(many, many, compute_mode=exact),
        "cdist by a product": torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist"),
        "pdist": F.pdist(many[:5]),
        "pdist 1": F.pdist(many[:5], 1),
        "pairwise": F.pairwise_distance(x, y),
        "pairwise 1": F.pairwise_distance(x, y[0], p=1, eps=0.0, keepdim=True),
        "cosine": F.cosine_similarity(x, y),
        "cosine last": F.cosine_similarity(x, y, -1, 1e-3),
        "dist": torch.dist(x, y),
        "dist 3": torch.dist(x, y, 3),
    }


GROUPS = (
    _arithmetic,
    _reductions,
    _shapes,
    _indices,
    _creation,
    _in_place,
    _activations,
    _layers,
    _losses,
    _fourier,
    _distances,
)


def operands() -> tuple[np.ndarray, ...]:
    """Two arrays of numbers, one of integers and one of truth values."""
    return (
        draw(1, (2, 3, 4)),
        draw(2, (2, 3, 4)),
        draw(3, (2, 3, 4), "int64"),
        draw(4, (2, 3, 4)) > 0,
    )


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__.strip("_"))
def test_operations(group: Group) -> None:
    arrays = operands()
    tensors = [to_torch(a, is_inexact(a)) for a in arrays]
    program = port.convert(Network(group), tuple(tensors))
    expected = group(*tensors)
    weights = {
        name: draw(5, tuple(value.shape))
        for name, value in expected.items()
        if isinstance(value, Tensor) and value.requires_grad
    }

    def run(x: Any, y: Any) -> Any:
        output, _ = program({}, {}, x, y, *map(jnp.asarray, arrays[2:]))
        total = sum((output[name].astype("float64") * w).sum() for name, w in weights.items())
        return total, output

    pulled, output = jax.jit(jax.grad(run, (0, 1), has_aux=True))(*map(jnp.asarray, arrays[:2]))
    assert output.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, Tensor):
            assert_same(output[name], value, name)
        else:
            assert int(output[name]) == value, name
    total = sum((expected[name].double() * to_torch(w)).sum() for name, w in weights.items())
    right = torch.autograd.grad(total, tensors[:2], allow_unused=True)
    for mine, theirs, tensor in zip(pulled, right, tensors, strict=False):
        # Some of the functions add up to gradients of thousands, in another order.
        assert_same(mine, torch.zeros_like(tensor) if theirs is None else theirs, "gradient")
