"""Row 23: figures 1 to 5, drawn from what the rows compute, and read back from the drawings."""

from typing import Any
from xml.etree import ElementTree

import jax
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

import conv
import grad

from .. import _figures
from .._row import Row
from .autograd import flow, square
from .convolution import kernels_and_signal, signal_jax, signal_torch, stereo_and_kernels, times

Results = dict[str, Any]

AT = 4  # figure 4 shows this window
CAPTIONS = (
    "Figure 1. A convolution as a matrix: each kernel, stacked and shifted, makes one layer; "
    "white is zero.",
    "Figure 2. Its result: one vector a kernel.",
    "Figure 3. A signal is a function on Ω; a monophonic one has one channel, a stereophonic one "
    "two.",
    "Figure 4. Layer-by-layer scalar product: a kernel as thick as the signal, on one window, "
    "makes one sample.",
    "Figure 5. The flow chart of a = mean(3 (x - 2)²): y goes twice into the first product.",
)


def inputs() -> tuple[np.ndarray, ...]:
    """Take the inputs of rows 1, 3, 4 and 10."""
    return (*kernels_and_signal(), *times(), *stereo_and_kernels(), *square())


def draw(
    kernels: Any, x: Any, omega: Any, stereo: Any, thick: Any, square: Any
) -> tuple[list[Figure], str]:
    """Compute what the figures show, and draw it: four figures, and the flow chart as SVG."""
    layers = jax.jit(conv.conv_matrix, static_argnums=1)(kernels, x.size)
    vectors = jax.jit(conv.conv1d)(x[None], kernels[:, None])
    signals = signal_jax(omega)
    products = jax.jit(conv.scalar_products)(stereo, thick)
    drawn = [
        _figures.draw_layers(np.asarray(layers), kernels.shape[1]),
        _figures.draw_vectors(np.asarray(vectors)),
        _figures.draw_signals(
            *map(np.asarray, (signals["mono samples"], signals["stereo samples"]))
        ),
        _figures.draw_products(stereo, thick[0], np.asarray(products[0]), AT),
    ]
    return drawn, grad.graph(grad.mean_of_squares, square).to_svg()


def figures_jax(kernels: Any, x: Any, omega: Any, stereo: Any, thick: Any, square: Any) -> Results:
    """Draw, and read the data back from the drawings."""
    (layers, vectors, signals, products), chart = draw(kernels, x, omega, stereo, thick, square)
    signal, kernel, samples = _figures.images(products)
    boxes = ElementTree.fromstring(chart).findall(".//{*}g[{*}text]")
    return {
        "figure 1, layers": np.stack(_figures.images(layers)),
        "figure 2, vectors": np.concatenate(_figures.images(vectors)),
        "figure 3, signals": np.stack(_figures.samples(signals)),
        "figure 4, signal": signal,
        "figure 4, kernel": kernel[:, AT : AT + thick.shape[2]],
        "figure 4, products": samples[0, ~np.isnan(samples[0])],
        "figure 5, boxes": " -> ".join(str(box.findtext("{*}text")) for box in boxes),
    }


def figures_torch(
    kernels: Any, x: Any, omega: Any, stereo: Any, thick: Any, square: Any
) -> Results:
    """Compute what the figures must show."""
    kernels, x, stereo, thick = map(torch.tensor, (kernels, x, stereo, thick))
    (m, k), n = kernels.shape, x.numel()
    layers = torch.zeros(m, n - k + 1, n)
    for i in range(n - k + 1):
        layers[:, i, i : i + k] = kernels
    signals = signal_torch(omega)
    y = torch.tensor(square, requires_grad=True) - 2
    return {
        "figure 1, layers": layers,
        "figure 2, vectors": F.conv1d(x[None], kernels[:, None]),
        "figure 3, signals": torch.cat([signals["mono samples"], signals["stereo samples"]]),
        "figure 4, signal": stereo,
        "figure 4, kernel": thick[0],
        "figure 4, products": F.conv1d(stereo, thick)[0],
        "figure 5, boxes": flow((y * y * 3).mean().grad_fn).replace(" (2 edges in)", ""),
    }


def drawings() -> list[tuple[str, str]]:
    """Draw figures 1 to 5: a caption and an SVG element for each."""
    drawn, chart = draw(*inputs())
    labels = [caption.partition(":")[0] for caption in CAPTIONS]
    svgs = [_figures.to_svg(figure, label) for figure, label in zip(drawn, labels, strict=False)]
    svgs.append(_figures.accessible(chart, labels[-1]))
    return [
        (caption, _figures.own_ids(svg, f"figure-{number}"))
        for number, (caption, svg) in enumerate(zip(CAPTIONS, svgs, strict=True), 1)
    ]


ROWS = (
    Row(
        23,
        "Figures 1 to 5, drawn from live values; compared is what was read back from the drawings",
        inputs,
        figures_jax,
        figures_torch,
        (
            "figure 1, layers",
            "figure 2, vectors",
            "figure 3, signals",
            "figure 4, products",
            "figure 5, boxes",
        ),
        {"figure 5, boxes": "x -> Sub -> Mul -> Mul -> Mean"},
    ),
)
