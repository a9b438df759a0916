"""Programs of an unknown batch size, exported once and run with several: jax.export's symbols."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch.nn import functional as F

import port.functional as P
from tests.support.agree import assert_same, draw, to_torch

C = draw(9, (4,), "float32")
V = np.abs(C) + 1
TABLE = draw(8, (6, 4), "float32")
W = draw(7, (5, 6), "float32")
# Name, the input's shape without the batch, ours, PyTorch's.
CALLS: list[tuple[str, tuple[int, ...], Callable[..., Any], Callable[..., Any]]] = [
    ("batch_norm", (4, 3, 6), partial(P.batch_norm, running_mean=C, running_var=V),
     lambda x: F.batch_norm(x, to_torch(C), to_torch(V))),
    ("batch_norm in training", (4, 3, 6),
     lambda x: P.batch_norm(x, C, V, C, C, training=True)[0],
     lambda x: F.batch_norm(x, None, None, to_torch(C), to_torch(C), True)),
    ("batch_norm of vectors", (4,), lambda x: P.batch_norm(x, C, V, training=True)[0],
     lambda x: F.batch_norm(x, None, None, training=True)),
    ("instance_norm", (4, 3, 6), P.instance_norm, F.instance_norm),
    ("group_norm", (4, 3, 6), partial(P.group_norm, num_groups=2),
     partial(F.group_norm, num_groups=2)),
    ("layer_norm", (4, 6), partial(P.layer_norm, normalized_shape=(6,)),
     partial(F.layer_norm, normalized_shape=(6,))),
    ("rms_norm", (4, 6), partial(P.rms_norm, normalized_shape=(6,)),
     partial(F.rms_norm, normalized_shape=(6,))),
    ("local_response_norm", (4, 3, 3), partial(P.local_response_norm, size=3),
     partial(F.local_response_norm, size=3)),
    ("normalize", (4, 3), P.normalize, F.normalize),
    ("linear", (4, 6), partial(P.linear, weight=W), partial(F.linear, weight=to_torch(W))),
    ("prelu", (4, 3), partial(P.prelu, weight=C), partial(F.prelu, weight=to_torch(C))),
    ("softmax", (4, 3), partial(P.softmax, dim=-1), partial(F.softmax, dim=-1)),
    ("log_softmax", (4, 3), partial(P.log_softmax, dim=1), partial(F.log_softmax, dim=1)),
    ("glu", (4, 3), partial(P.glu, dim=1), partial(F.glu, dim=1)),
    ("pixel_shuffle", (4, 3, 3), partial(P.pixel_shuffle, upscale_factor=2),
     partial(F.pixel_shuffle, upscale_factor=2)),
    ("pixel_unshuffle", (1, 4, 6), partial(P.pixel_unshuffle, downscale_factor=2),
     partial(F.pixel_unshuffle, downscale_factor=2)),
    ("channel_shuffle", (4, 3), partial(P.channel_shuffle, groups=2),
     partial(F.channel_shuffle, groups=2)),
    ("attention", (2, 5, 6), lambda x: P.scaled_dot_product_attention(x, x, x, is_causal=True),
     lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True)),
    *((name, (4, 3), getattr(P, name), getattr(F, name)) for name in (
        "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
        "logsigmoid", "mish", "relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softplus",
        "softshrink", "softsign", "tanh", "tanhshrink")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shape", "ours", "theirs"), CALLS, ids=[c[0] for c in CALLS])
def test_an_unknown_batch_size(
    name: str, shape: tuple[int, ...], ours: Callable[..., Any], theirs: Callable[..., Any]
) -> None:
    (batch,) = jax.export.symbolic_shape("b")
    given = jax.ShapeDtypeStruct((batch, *shape), jnp.float32)
    exported = jax.export.export(jax.jit(ours), platforms=["cpu", "cuda", "tpu"])(given)
    for n in (2, 5):
        x = draw(n, (n, *shape), "float32")
        assert_same(exported.call(x), theirs(to_torch(x)), name)


def test_indices_and_dropout_of_an_unknown_batch_size() -> None:
    (batch,) = jax.export.symbolic_shape("b")
    numbers = jax.ShapeDtypeStruct((batch, 3), jnp.int64)
    looked_up = jax.export.export(jax.jit(partial(P.embedding, weight=TABLE)))(numbers)
    chosen = jax.export.export(jax.jit(partial(P.one_hot, num_classes=6)))(numbers)
    for n in (1, 4):
        i = np.random.default_rng(n).integers(0, 6, (n, 3))
        assert_same(looked_up.call(i), F.embedding(to_torch(i), to_torch(TABLE)))
        assert_same(chosen.call(i), F.one_hot(to_torch(i), 6))
    given = jax.ShapeDtypeStruct((batch, 100), jnp.float32)
    key = jax.random.key(0)
    dropped = jax.export.export(jax.jit(lambda x: P.dropout(x, 0.5, rng=key)))(given)
    found = np.asarray(dropped.call(np.ones((7, 100), np.float32)))
    assert set(np.unique(found)) == {0.0, 2.0}
