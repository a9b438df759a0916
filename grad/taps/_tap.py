"""`tap` and `gradients_of`: gradients with respect to values inside of a program, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from convgrad._arrays import Array, conj, is_array, is_inexact

from .._backward import read_gradient, seed_of, untracked
from .._trace import Inputs, trace
from .._trees import OUTPUTS, flatten
from ._program import Site, evaluate, sites, unreachable

if TYPE_CHECKING:
    from convgrad._jax import ClosedJaxpr


class Tapped(NamedTuple):
    """What `gradients_of` returns.

    Attributes:
      output: what the function returned.
      values: `{name: value}` of the named intermediate values.
      gradients: `{name: gradient}`, None where the output does not depend on the value.
    """

    output: Any
    values: dict[str, Any]
    gradients: dict[str, Any]


def tap(x: Array, name: str) -> jax.Array:
    """Name an intermediate value, for `gradients_of` to find it.

    `tap(x, name) = x`. Without `gradients_of` around it, it costs nothing and changes nothing.

    Args:
      x: an array, any shape and dtype.
      name: what to call it, a string; the same name may stand in several places.

    Returns:
      The same array.

    Raises:
      TypeError: `x` is no array, or `name` is no string.

    It is `jax.ad_checkpoint.checkpoint_name`: policies of `jax.checkpoint` find the name too,
    and `gradients_of` finds what other code has named with that.

    Departs from PyTorch: a value is named where it is computed, in the function, where PyTorch
    keeps the tensor and calls `retain_grad` or `register_hook` on it.

    Example:
      >>> import jax.numpy as jnp
      >>> from grad import gradients_of, tap
      >>> def loss(x):
      ...     h = tap(jnp.sin(x), "hidden")
      ...     return jnp.sum(h**2)
      >>> found = gradients_of(loss, "hidden")(jnp.array([0.0, 1.5707964]))
      >>> print(found.output, found.values["hidden"], found.gradients["hidden"])
      1.0 [0. 1.] [0. 2.]

    Reference: `torch.Tensor.retain_grad`; `torch.Tensor.register_hook`.
    """
    if not is_array(x):
        raise TypeError(f"tap: x must be an array, got {type(x)}: tap each array of a tree")
    if not isinstance(name, str):
        raise TypeError(f"tap: name must be a string, got name={name!r}")
    tapped: jax.Array = checkpoint_name(jnp.asarray(x), name)
    return tapped


def gradients_of(
    func: Callable[..., Any], names: str | Sequence[str] | None = None, *, gradient: Any = None
) -> Callable[..., Tapped]:
    """Return the function that computes gradients with respect to the values that `func` names.

    `gradients[name] = d output / d value`: what `value.grad` is after `output.backward()` if
    `value.retain_grad()` was called before. It is the gradient that arrives at the value: of all
    that is computed from it, with everything before it held fixed.

    Args:
      func: a function that calls `tap`, and returns an array or a pytree of arrays. It is
        traced.
      names: which of the names; None for all that are found.
      gradient: the gradient of the output, as for `backward`; it may be left out where the
        output is real with a single element.

    Returns:
      A function of the arguments of `func` to `Tapped(output, values, gradients)`. The
      latter two are dicts with, for each name, an array; a tuple of arrays, in the order of the
      program, where the name stands in several places. Inside of a `scan` values and gradients
      are stacked, one entry for each step, and in a branch that was not taken they are zeros. A
      gradient is None where the output does not depend on the value, or the value is an integer.

    Raises:
      TypeError: `func` cannot be called; `names` are no strings; the output is no array.
      ValueError: there is no such name, or only where it cannot be reached: in a `while` loop,
        or in a function with a derivative of its own.
      RuntimeError: the output depends on none of the values; it is not scalar and `gradient` is
        missing; `gradient` has another shape or structure.

    `jit`, `checkpoint`, `vmap`, `scan` and `cond` inside of `func` are looked into.
    What is returned can be differentiated again, and works under all of them.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from grad import gradients_of, tap

      The map of a convolutional layer by which a network decides (Grad-CAM):

      >>> def network(x):
      ...     maps = tap(jax.nn.relu(jnp.stack([x, 1 - x])), "maps")  # two channels
      ...     return (maps.mean((1, 2)) * jnp.array([3.0, -1.0])).sum()  # the score of a class
      >>> found = gradients_of(network)(jnp.array([[0.0, 1.0], [0.5, 0.0]]))
      >>> weights = found.gradients["maps"].mean((1, 2))
      >>> print(jax.nn.relu(jnp.tensordot(weights, found.values["maps"], 1)))
      [[0.   0.75]
       [0.25 0.  ]]

      The gradient that arrives at each step of a recurrence:

      >>> def last(h):
      ...     step = lambda h, _: (tap(0.5 * h, "h"), None)
      ...     return jax.lax.scan(step, h, length=3)[0]
      >>> print(gradients_of(last, ["h"])(jnp.float32(1.0)).gradients["h"])
      [0.25 0.5  1.  ]

    Reference: `torch.Tensor.retain_grad`; flax's `perturb`.
    """
    if not callable(func):
        raise TypeError(f"gradients_of: func must be a function, got {type(func).__name__}")
    wanted = _read_names(names)

    @functools.wraps(func)
    def tapped(*args: Any, **kwargs: Any) -> Tapped:
        structures: list[jax.tree_util.PyTreeDef] = []

        def flat() -> list[Array]:
            leaves, structure = flatten(OUTPUTS, func(*args, **kwargs), "gradients_of")
            structures[:] = [structure]
            return leaves

        closed = jax.make_jaxpr(flat)()
        found = sites(closed, wanted)
        _require_names(wanted, found, closed)
        places = [i for i, site in enumerate(found) if is_inexact(site.dtype)]
        # Minus zero is what can be added to anything, zeros of both signs included.
        nudges = [-jnp.zeros(found[i].shape, found[i].dtype) for i in places]

        def run(*nudges: jax.Array) -> tuple[list[Any], list[Any]]:
            full = dict(zip(places, nudges, strict=True))
            return evaluate(closed, [full.get(i) for i in range(len(found))], wanted)

        def outputs(*nudges: jax.Array) -> Any:
            return jax.tree.unflatten(structures[0], run(*nudges)[0])

        traced = trace(outputs, Inputs.splatted(nudges), "gradients_of")
        pairs = zip(read_gradient(gradient, traced), traced.avals, strict=True)
        seeds = [
            seed_of(i, seed, out, bool(traced.connected[i])) for i, (seed, out) in enumerate(pairs)
        ]
        for i, sources in enumerate(traced.connected):
            if not sources:
                raise RuntimeError(f"gradients_of: {untracked(i, traced.avals[i].dtype)}")
        leaves, pull, values = jax.vjp(run, *nudges, has_aux=True)
        given = [conj(jnp.asarray(s).astype(o.dtype)) for s, o in zip(seeds, leaves, strict=True)]
        used = frozenset().union(*traced.connected)
        pulled = dict(zip(places, pull(given), strict=True))
        slopes = [
            conj(pulled[i]) if i in places and places.index(i) in used else None
            for i in range(len(found))
        ]
        return Tapped(
            jax.tree.unflatten(structures[0], leaves), _named(found, values), _named(found, slopes)
        )

    return tapped


def _read_names(names: object) -> frozenset[str] | None:
    if names is None:
        return None
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, list | tuple | set | frozenset) or not all(
        isinstance(name, str) for name in listed
    ):
        raise TypeError(f"gradients_of: names must be a string or a list of them, got {names!r}")
    return frozenset(listed)


def _require_names(
    wanted: frozenset[str] | None, found: Sequence[Site], closed: ClosedJaxpr
) -> None:
    names = {site.name for site in found}
    missing = sorted((wanted or frozenset()) - names)
    hidden = unreachable(closed)
    if missing or not found:
        what = f"the names {missing}" if missing else "a name that can be reached"
        where = "".join(
            f" {name!r} stands inside of {place}, into which gradients_of does not look."
            for name, place in sorted(hidden.items())
            if wanted is None or name in missing
        )
        there = sorted({site.name for site in sites(closed, None)})
        raise ValueError(
            f"gradients_of: func must have {what}, given by tap(x, name): it has {there}.{where}"
        )


def _named(found: Sequence[Site], values: Sequence[Any]) -> dict[str, Any]:
    """Return a dict of values, with a tuple for a name that stands in several places."""
    groups: dict[str, list[Any]] = {}
    for site, value in zip(found, values, strict=True):
        groups.setdefault(site.name, []).append(value)
    return {name: group[0] if len(group) == 1 else tuple(group) for name, group in groups.items()}
