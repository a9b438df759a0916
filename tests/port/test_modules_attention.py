"""MultiheadAttention and the encoder layer beside PyTorch's: projections, masks, weights."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import torch
from flax import nnx

import port
from tests.support.agree import assert_same, draw, to_torch
from tests.support.modules import Case, assert_modules_agree, random_state

N, L, S, E, H = 3, 4, 5, 8, 2
Q, K = draw(0, (L, N, E)), draw(1, (S, N, E))
PADDING = np.arange(S) >= np.array([[5], [3], [4]])
SEEN = np.triu(np.ones((L, S), bool), 2)

# Arguments, and inputs of the call: query, key, value, key_padding_mask, need_weights, attn_mask,
# average_attn_weights, is_causal.
CALLS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "plain": ({}, (Q, K, K)),
    "self-attention": ({"bias": False}, (Q, Q, Q)),
    "batch first": ({"batch_first": True}, (Q, Q[:, ::-1], Q[:, ::-1])),
    "no batch": ({}, (Q[:, 0], K[:, 0], K[:, 0])),
    "other sizes": ({"kdim": 3, "vdim": 7}, (Q, draw(2, (S, N, 3)), draw(3, (S, N, 7)))),
    "one other size": ({"vdim": 7, "bias": False}, (Q, K, draw(3, (S, N, 7)))),
    "padding": ({}, (Q, K, K, PADDING)),
    "padding as numbers": ({}, (Q, K, K, draw(4, (N, S)))),
    "mask": ({}, (Q, K, K, None, True, SEEN)),
    "mask as numbers, no weights": ({}, (Q, K, K, None, False, draw(5, (L, S)))),
    "mask of each head": ({}, (Q, K, K, None, True, draw(6, (N * H, L, S)) > 1, False)),
    "both masks": ({}, (Q, K, K, PADDING, False, SEEN)),
    "both masks, no batch": ({}, (Q[:, 0], K[:, 0], K[:, 0], PADDING[1], True, SEEN)),
    "weights of each head": ({}, (Q, K, K, None, True, None, False)),
    "more keys": ({"add_bias_kv": True, "add_zero_attn": True}, (Q, K, K, PADDING, True, SEEN)),
    "one more key": ({"add_zero_attn": True}, (Q, K, K, None, False, SEEN)),
    "causal hint": ({}, (Q, Q, Q, None, False, np.triu(np.ones((L, L), bool), 1), True, True)),
    "causal, weights": ({}, (Q, Q, Q, None, True, np.triu(np.ones((L, L), bool), 1), True, True)),
}


def sides(arguments: dict[str, Any]) -> tuple[Any, torch.nn.MultiheadAttention]:
    theirs = torch.nn.MultiheadAttention(E, H, **arguments).double()
    theirs.load_state_dict(random_state(theirs))
    ours = port.MultiheadAttention(E, H, **arguments, dtype=jnp.float64, rngs=nnx.Rngs(0))
    assert list(port.state_dict(ours)) == list(theirs.state_dict())
    assert port.load_state_dict(ours, theirs.state_dict()) == ([], [])
    return ours, theirs


@pytest.mark.parametrize("call", CALLS)
def test_attention(call: str) -> None:
    arguments, given = CALLS[call]
    ours, theirs = sides(arguments)
    inputs, rest = given[:3], given[3:]
    shared = inputs[0] is inputs[1]
    tensors = [to_torch(x, requires_grad=True) for x in inputs[: 1 if shared else 3]]
    y, weights = theirs(*(tensors * 3 if shared else tensors), *map(to_torch, rest))
    cotangents = [draw(9, tuple(x.shape)) for x in (y, weights) if x is not None]
    outputs = [x for x in (y, weights) if x is not None]
    right = torch.autograd.grad(
        outputs, [*tensors, *theirs.parameters()], [to_torch(c) for c in cotangents]
    )

    @jax.jit
    def program(state: Any, inputs: Any) -> Any:
        def call(state: Any, inputs: Any) -> Any:
            layer = nnx.clone(ours)
            port.load_state_dict(layer, state)
            found = layer(*(inputs * 3 if shared else inputs), *rest)
            return [x for x in found if x is not None]

        outputs, pull = jax.vjp(call, state, inputs)
        return outputs, pull([jnp.asarray(c) for c in cotangents])

    found, (of_state, of_inputs) = program(
        port.state_dict(ours), [jnp.asarray(x) for x in inputs[: len(tensors)]]
    )
    for mine, expected in zip(found, outputs, strict=True):
        assert_same(mine, expected)
    names = [name for name, _ in theirs.named_parameters()]
    for mine, expected in zip(
        [*of_inputs, *(of_state[name] for name in names)], right, strict=True
    ):
        assert_same(mine, expected)


def test_a_query_that_sees_no_key() -> None:
    """nan where weights are asked for, 0 (and the output's bias) where not, as in PyTorch."""
    ours, theirs = sides({})
    hidden = np.ones((L, S), bool)
    for need_weights in (True, False):
        arguments = (None, need_weights, hidden)
        right = theirs(*map(to_torch, (Q, K, K, *arguments)))[0]
        assert_same(ours(Q, K, K, *arguments)[0], right)
        assert torch.isnan(right).all() == need_weights


def test_masks_of_two_kinds_are_a_warning() -> None:
    ours, theirs = sides({})
    masks = (PADDING, True, draw(5, (L, S)))
    with pytest.warns(UserWarning, match="mismatched"):
        right = theirs(*map(to_torch, (Q, K, K, *masks)))[0]
    with pytest.warns(UserWarning, match="should be of one dtype"):
        assert_same(ours(Q, K, K, *masks)[0], right)


@pytest.mark.parametrize(
    ("arguments", "call", "words"),
    [
        ({}, (Q[0, 0], K, K), "must all have two dimensions or three"),
        ({}, (Q, K[:, 0], K[:, 0]), "must all have two dimensions or three"),
        ({}, (Q[..., :7], K, K), "must have the sizes embed_dim=8"),
        ({}, (Q, K, K[:4]), "equally many vectors"),
        ({}, (Q, K[:, :2], K[:, :2]), "all one batch"),
        ({}, (Q, K, K, PADDING.T), r"key_padding_mask must have the shape \(3, 5\)"),
        ({}, (Q, K, K, None, True, SEEN.T), r"attn_mask must have the shape \(4, 5\) or \(6, 4"),
        ({}, (Q, K, K, None, True, None, True, True), "attn_mask must be given with is_causal"),
    ],
)
def test_refused_when_called(arguments: Any, call: Any, words: str) -> None:
    ours, theirs = sides(arguments)
    with pytest.raises((AssertionError, RuntimeError)):
        theirs(*map(to_torch, call))
    with pytest.raises(ValueError, match=f"^MultiheadAttention: .*{words}"):
        ours(*call)


def test_masks_of_other_dtypes_are_refused() -> None:
    ours, theirs = sides({})
    for mask in (SEEN.astype("int64"), draw(5, (L, S), "float32")):
        with pytest.raises((AssertionError, RuntimeError)):
            theirs(*map(to_torch, (Q, K, K, None, True, mask)))
        with pytest.raises(TypeError, match="attn_mask must be of bools or have query's dtype"):
            ours(Q, K, K, None, True, mask)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 1), "embed_dim must be a positive multiple of num_heads"),
        ((8, 3), "embed_dim must be a positive multiple of num_heads"),
        ((8, 2, 1.5), "p must be between 0 and 1"),
    ],
)
def test_refused_when_made(arguments: Any, words: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        torch.nn.MultiheadAttention(*arguments)(*[torch.ones(3, 8)] * 3)
    with pytest.raises(ValueError, match=words):
        port.MultiheadAttention(*arguments, rngs=nnx.Rngs(0))


def test_initial_values() -> None:
    """Bounds, shapes of distributions, and zeros, on both sides."""
    torch.manual_seed(0)
    for kdim, names in ((None, ["in_proj_weight"]), (96, ["q_proj_weight", "k_proj_weight"])):
        given: Any = {"kdim": kdim, "add_bias_kv": True}
        theirs = torch.nn.MultiheadAttention(128, 2, **given)
        ours = port.MultiheadAttention(128, 2, **given, rngs=nnx.Rngs(0))
        for name in names:
            shape = getattr(theirs, name).shape
            bound = math.sqrt(6 / sum(shape))
            for values in (getattr(theirs, name).detach().numpy(), getattr(ours, name)[...]):
                flat = np.ravel(values)
                fit = scipy.stats.kstest(flat, scipy.stats.uniform(-bound, 2 * bound).cdf)
                assert fit.pvalue > 1e-3
                assert np.abs(flat).max() <= bound
        for part in (theirs.bias_k.detach().numpy(), ours.bias_k[...], ours.bias_v[...]):
            flat = np.ravel(part) * math.sqrt(128)
            assert scipy.stats.kstest(flat, scipy.stats.norm.cdf).pvalue > 1e-3
        assert not ours.in_proj_bias[...].any()
        assert not ours.out_proj.bias[...].any()


def test_dropout_of_weights() -> None:
    layer = port.MultiheadAttention(8, 2, 0.4, rngs=nnx.Rngs(0))
    x = draw(0, (50, 2, 8), "float32")
    for need_weights in (True, False):
        first, second = (layer(x, x, x, need_weights=need_weights)[0] for _ in range(2))
        assert (first != second).any()
        key = jax.random.key(3)
        same = [layer(x, x, x, need_weights=need_weights, rngs=key)[0] for _ in range(2)]
        np.testing.assert_array_equal(*same)
    weights = layer(x, x, x, average_attn_weights=False)[1]
    assert abs(float((weights == 0).mean()) - 0.4) < 4 * math.sqrt(0.24 / weights.size)
    layer.eval()
    assert (layer(x, x, x)[1] > 0).all()


def test_two_bytes() -> None:
    theirs = torch.nn.MultiheadAttention(8, 2, dtype=torch.bfloat16)
    ours = port.MultiheadAttention(8, 2, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    port.load_state_dict(ours, theirs.state_dict())
    x = draw(0, (4, 3, 8)).astype(jnp.bfloat16)
    # Each of five products is rounded, in PyTorch in other places too.
    assert_same(ours(x, x, x)[0], theirs(*[to_torch(x)] * 3)[0], scale=3)


ENCODER = (E, H, 16, 0.0)


def test_encoder_layers() -> None:
    assert_modules_agree(
        [
            Case("TransformerEncoderLayer", ENCODER, ((L, N, E),)),
            Case("TransformerEncoderLayer", ENCODER, ((L, E),), {"activation": "gelu"}),
            Case(
                "TransformerEncoderLayer",
                ENCODER,
                ((N, L, E), np.triu(np.ones((L, L), bool), 1), PADDING[:, :L]),
                {"norm_first": True, "batch_first": True, "bias": False, "layer_norm_eps": 0.1},
            ),
        ]
    )


def test_an_unknown_activation() -> None:
    with pytest.raises(RuntimeError):
        torch.nn.TransformerEncoderLayer(8, 2, activation="tanh")
    with pytest.raises(ValueError, match="activation must be 'relu', 'gelu' or a function"):
        port.TransformerEncoderLayer(8, 2, activation="tanh", rngs=nnx.Rngs(0))
