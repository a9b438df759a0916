"""Row 24: why convolution. A ConvNet and a fully connected net on images, and on shuffled ones."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F

import conv

from .. import _figures
from .._row import Row, RowResult
from .._torch import require_images

Results = dict[str, Any]

SEEDS = (0, 1, 2)  # of a seed: the split into training and test, the shuffle, weights and batches
TRAIN, BATCH, EPOCHS, RATE = 300, 50, 12, 0.01
NETS, DATA = ("ConvNet", "fully connected"), ("images", "shuffled pixels")

# Weights (a row an output) and biases, three layers each: 5162 and 5127 numbers.
CONVNET = ((24, 1, 3, 3), (24,), (16, 24, 3, 3), (16,), (10, 16 * 3 * 3), (10,))
CONNECTED = ((43, 64), (43,), (43, 43), (43,), (10, 43), (10,))


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Load 1797 digits that people wrote, (1797, 1, 8, 8) from 0 to 1, and which they are."""
    found = require_images().load_digits()
    return found.images[:, None] / 16, found.target


def experiments(seeds: Sequence[int] = SEEDS) -> tuple[np.ndarray, ...]:
    """Draw what an experiment depends on, with a leading axis of the seeds.

    The order of the images, the first 300 of which train; the shuffle; the batches; both nets'
    weights, with variance 2 / inputs, and biases, 0.
    """
    images, labels = digits()
    drawn = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        epochs = [rng.permutation(TRAIN).reshape(-1, BATCH) for _ in range(EPOCHS)]
        weights = [
            rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
            if len(shape) > 1
            else np.zeros(shape)
            for shape in (*CONVNET, *CONNECTED)
        ]
        order, shuffle = rng.permutation(len(images)), rng.permutation(64)
        drawn.append((order, shuffle, np.concatenate(epochs), *weights))
    return images, labels, *map(np.stack, zip(*drawn, strict=True))


def summary(first: Any, losses: Any, right: Any, tested: int) -> Results:
    """Sum up losses, (net, data, seed, step), and how many images are right, (net, data, seed).

    A net is ahead where its lead, seed by seed, is on average larger than its spread over the
    seeds. Trained in float64, shown in float32: training amplifies what two libraries round
    differently, from 1e-16 to some 1e-10, which float32 does not show.
    """
    losses = np.asarray(losses, np.float32)
    accuracy = np.asarray(100 * right / tested, np.float32)
    lead = accuracy[0] - accuracy[1]  # (data, seed)
    results: Results = dict(first)
    for i, net in enumerate(NETS):
        for j, data in enumerate(DATA):
            results[f"{net}, {data}: test accuracy in %"] = accuracy[i, j].mean()
    for j, data in enumerate(DATA):
        mean, spread = lead[j].mean(), lead[j].std(ddof=1)
        results[f"the ConvNet's lead on {data}, and its spread"] = np.stack([mean, spread])
        results[f"the ConvNet is ahead on {data}"] = bool(mean > spread)
    return results | {
        "first losses": losses[..., 0].mean(2),  # (net, data)
        "last losses": losses[..., -1].mean(2),
        "losses": losses,
        "test accuracies": accuracy,
    }


# The JAX side


def convnet_jax(p: Any, x: Any) -> Any:
    """Convolve twice with kernels of 3 x 3, take the largest of each 2 x 2, and decide."""
    x = jax.nn.relu(conv.conv2d(x, p[0], p[1], padding=1))
    x = jax.nn.relu(conv.conv2d(x, p[2], p[3]))
    x = conv.max_pool2d(x, 2)
    return x.reshape(len(x), -1) @ p[4].T + p[5]


def connected_jax(p: Any, x: Any) -> Any:
    """Connect every pixel with every unit, and again, and decide."""
    x = x.reshape(len(x), -1)
    x = jax.nn.relu(x @ p[0].T + p[1])
    x = jax.nn.relu(x @ p[2].T + p[3])
    return x @ p[4].T + p[5]


def train_jax(net: Any, p: Any, x: Any, y: Any, batches: Any) -> tuple[Any, Any]:
    """Train with Adam, all steps in one scan; return losses, and how many test images are right."""

    def loss(p: Any, x: Any, y: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(net(p, x)), y[:, None], axis=1).mean()

    def step(state: Any, given: Any) -> tuple[Any, Any]:
        p, m, v = state
        t, batch = given
        value, g = jax.value_and_grad(loss)(p, x[batch], y[batch])
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, v, g)
        p = jax.tree.map(
            lambda p, m, v: p - RATE * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8),
            *(p, m, v),
        )
        return (p, m, v), value

    zeros = jax.tree.map(jnp.zeros_like, p)
    (p, _, _), losses = jax.lax.scan(
        step, (p, zeros, zeros), (jnp.arange(1.0, len(batches) + 1), batches)
    )
    right = net(p, x[TRAIN:]).argmax(1) == y[TRAIN:]
    return losses, right.sum()


def properties_jax(first: Any, second: Any) -> Results:
    """Read off Jacobians what an output sees: of one layer and one kernel, and of two layers."""

    def layer(x: Any) -> Any:
        return conv.conv2d(x, first[:1], padding=1).ravel()

    def two(x: Any) -> Any:
        return conv.conv2d(conv.conv2d(x, first, padding=1), second)[0, 3, 3]

    x = jnp.zeros((1, 8, 8))
    matrix = jax.jit(jax.jacobian(layer))(x).reshape(64, 64)
    return {
        "sparse: pixels that an output sees, of 64": int((matrix != 0).sum(1).max()),
        "stationary: different weights, of 64 x 64": len(np.unique(matrix[matrix != 0])),
        "composed: pixels that an output of layer 2 sees": int(
            (jax.jit(jax.grad(two))(x) != 0).sum()
        ),
    }


def why_jax(images: Any, labels: Any, orders: Any, shuffles: Any, batches: Any, *p: Any) -> Results:
    """Train both nets on the images and on the shuffled pixels, once a seed."""
    results = []
    with jax.enable_x64(True):
        for net, weights in ((convnet_jax, p[:6]), (connected_jax, p[6:])):
            program = jax.jit(lambda *given, net=net: train_jax(net, *given))
            for shuffled in (False, True):
                for s, (order, shuffle) in enumerate(zip(orders, shuffles, strict=True)):
                    x = images[order].reshape(-1, 64)
                    x = (x[:, shuffle] if shuffled else x).reshape(-1, 1, 8, 8)
                    start = [w[s] for w in weights]
                    results.append(program(start, x, labels[order], batches[s]))
        first = properties_jax(p[0][0], p[2][0])
    first["parameters"] = tuple(sum(w[0].size for w in net) for net in (p[:6], p[6:]))
    losses, right = (np.stack(part) for part in zip(*results, strict=True))
    shape = (2, 2, len(orders))
    return summary(first, losses.reshape(*shape, -1), right.reshape(shape), len(labels) - TRAIN)


# The PyTorch side


def convnet_torch(p: Any, x: Any) -> Any:
    """Convolve twice with kernels of 3 x 3, take the largest of each 2 x 2, and decide."""
    x = F.relu(F.conv2d(x, p[0], p[1], padding=1))
    x = F.relu(F.conv2d(x, p[2], p[3]))
    x = F.max_pool2d(x, 2)
    return F.linear(x.flatten(1), p[4], p[5])


def connected_torch(p: Any, x: Any) -> Any:
    """Connect every pixel with every unit, and again, and decide."""
    x = F.relu(F.linear(x.flatten(1), p[0], p[1]))
    x = F.relu(F.linear(x, p[2], p[3]))
    return F.linear(x, p[4], p[5])


def train_torch(net: Any, p: Any, x: Any, y: Any, batches: Any) -> tuple[Any, Any]:
    """Train with Adam, step by step; return losses, and how many test images are right."""
    optimizer = torch.optim.Adam(p, lr=RATE)
    losses = []
    for batch in batches:
        loss = F.cross_entropy(net(p, x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    with torch.no_grad():
        right = net(p, x[TRAIN:]).argmax(1) == y[TRAIN:]
    return torch.stack(losses), right.sum()


def properties_torch(first: Any, second: Any) -> Results:
    """Read off Jacobians what an output sees: of one layer and one kernel, and of two layers."""

    def layer(x: Any) -> Any:
        return F.conv2d(x, first[:1], padding=1).flatten()

    def two(x: Any) -> Any:
        return F.conv2d(F.conv2d(x, first, padding=1), second)[0, 3, 3]

    x = torch.zeros(1, 8, 8, dtype=torch.float64)
    matrix = torch.autograd.functional.jacobian(layer, x).reshape(64, 64)
    sees = torch.autograd.functional.jacobian(two, x)
    return {
        "sparse: pixels that an output sees, of 64": int((matrix != 0).sum(1).max()),
        "stationary: different weights, of 64 x 64": len(matrix[matrix != 0].unique()),
        "composed: pixels that an output of layer 2 sees": int((sees != 0).sum()),
    }


def why_torch(
    images: Any, labels: Any, orders: Any, shuffles: Any, batches: Any, *p: Any
) -> Results:
    """Train both nets on the images and on the shuffled pixels, once a seed."""
    images, labels, batches = map(torch.tensor, (images, labels, batches))
    p = tuple(map(torch.tensor, p))
    results = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the nets are too small to share out
    for net, weights in ((convnet_torch, p[:6]), (connected_torch, p[6:])):
        for shuffled in (False, True):
            for s, (order, shuffle) in enumerate(zip(orders, shuffles, strict=True)):
                x = images[order].reshape(-1, 64)
                x = (x[:, shuffle] if shuffled else x).reshape(-1, 1, 8, 8)
                start = [w[s].clone().requires_grad_() for w in weights]
                results.append(train_torch(net, start, x, labels[order], batches[s]))
    torch.set_num_threads(threads)
    first = properties_torch(p[0][0], p[2][0])
    first["parameters"] = tuple(sum(w[0].numel() for w in net) for net in (p[:6], p[6:]))
    losses, right = (np.stack(part) for part in zip(*results, strict=True))
    shape = (2, 2, len(orders))
    return summary(first, losses.reshape(*shape, -1), right.reshape(shape), len(labels) - TRAIN)


def drawings(results: Sequence[RowResult]) -> list[tuple[str, str]]:
    """Draw figure 6 from what row 24 found, if it was run: a caption and an SVG element."""
    values = {
        entry.name: entry.jax
        for result in results
        if result.row.number == 24
        for entry in result.comparison.entries
    }
    if "test accuracies" not in values:
        return []
    images, _, orders, shuffles, *_ = experiments(SEEDS[:1])
    image = images[orders[0, 0], 0]
    shown = np.stack([image, image.ravel()[shuffles[0]].reshape(8, 8)])
    drawn = _figures.draw_accuracies(shown, values["test accuracies"], DATA, NETS)
    svg = _figures.to_svg(drawn, CAPTION.partition(":")[0])
    return [(CAPTION, _figures.own_ids(svg, "figure-6"))]


CAPTION = (
    "Figure 6. A ConvNet and a fully connected net with as many parameters, on images and on the "
    f"same with their pixels shuffled, after training on {TRAIN}: a grey line for each seed, their "
    "mean in red. The ConvNet leads where neighbours are neighbours."
)

PROPERTIES = (
    "sparse: pixels that an output sees, of 64",
    "stationary: different weights, of 64 x 64",
    "composed: pixels that an output of layer 2 sees",
)

ROWS = (
    Row(
        24,
        "Why convolution: sparse, stationary, composed. A ConvNet leads over a fully connected net "
        "of its size on images, and not once their pixels are shuffled",
        experiments,
        why_jax,
        why_torch,
        (
            *PROPERTIES,
            "parameters",
            *(f"{net}, {data}: test accuracy in %" for net in NETS for data in DATA),
            *(f"the ConvNet's lead on {data}, and its spread" for data in DATA),
            *(f"the ConvNet is ahead on {data}" for data in DATA),
            "last losses",
        ),
        {
            "the ConvNet is ahead on images": True,
            "the ConvNet is ahead on shuffled pixels": False,
        },
        lambda: (convnet_jax, connected_jax, train_jax, properties_jax, summary),
        lambda: (convnet_torch, connected_torch, train_torch, properties_torch, summary),
    ),
)
