"""Recurrent layers: PyTorch's lstm, gru and rnn, as scans over time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from port import functional as F

Array = jax.Array
State = tuple[Array, ...]
# From the state, and what the input and the hidden state give to the gates, to the next state.
Step = Callable[[State, Array, Array], State]


def _lstm_step(state: State, x: Array, h: Array) -> State:
    i, f, g, o = jnp.split(x + h, 4, -1)
    cell = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(cell), cell


def _gru_step(state: State, x: Array, h: Array) -> State:
    """The reset gate acts on what the hidden state gives, its bias included."""
    (hidden,) = state
    (xr, xz, xn), (hr, hz, hn) = (jnp.split(part, 3, -1) for part in (x, h))
    r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
    n = jnp.tanh(xn + r * hn)
    return ((1 - z) * n + z * hidden,)


def _plain_step(activation: Callable[[Array], Array]) -> Step:
    return lambda _, x, h: (activation(x + h),)


def _layer(
    step: Step, x: Array, state: State, weights: Sequence[Array], has_biases: bool, reverse: bool
) -> tuple[Array, State]:
    """Go through time once.

    The weights are of the input, of the hidden state, their biases, and of an LSTM's projection.
    """
    biases = weights[2:4] if has_biases else (None, None)
    projections = weights[4:] if has_biases else weights[2:]
    gates = F.linear(x, weights[0], biases[0])  # of all steps at once

    def body(now: State, given: Array) -> tuple[State, Array]:
        hidden, *rest = step(now, given, F.linear(now[0], weights[1], biases[1]))
        for projection in projections:
            hidden = F.linear(hidden, projection)
        return (hidden, *rest), hidden

    last, outputs = jax.lax.scan(body, state, gates, reverse=reverse)
    return outputs, last


def _recurrent(step: Step, several: bool) -> Callable[..., tuple[Array, ...]]:
    """Return the layers of a network, over (T, N, C) or with batch_first (N, T, C)."""

    def run(
        x: Array,
        state: Any,
        params: Sequence[Array],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
        *,
        rng: Array | None = None,
    ) -> tuple[Array, ...]:
        states: State = tuple(state) if several else (state,)
        directions = 1 + bidirectional
        each = len(params) // (directions * num_layers)
        x = jnp.swapaxes(x, 0, 1) if batch_first else x
        ends: list[State] = []
        for layer in range(num_layers):
            if layer and train and dropout:
                key = None if rng is None else jax.random.fold_in(rng, layer)
                x = F.dropout(x, dropout, rng=key)
            outputs = []
            for direction in range(directions):
                k = directions * layer + direction
                weights = params[each * k : each * (k + 1)]
                first = tuple(s[k] for s in states)
                output, last = _layer(step, x, first, weights, has_biases, bool(direction))
                outputs.append(output)
                ends.append(last)
            x = jnp.concatenate(outputs, -1)
        x = jnp.swapaxes(x, 0, 1) if batch_first else x
        return x, *(jnp.stack(parts) for parts in zip(*ends, strict=True))

    return run


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "aten.lstm.input": _recurrent(_lstm_step, several=True),
    "aten.gru.input": _recurrent(_gru_step, several=False),
    "aten.rnn_tanh.input": _recurrent(_plain_step(jnp.tanh), several=False),
    "aten.rnn_relu.input": _recurrent(_plain_step(F.relu), several=False),
}
