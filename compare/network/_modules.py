"""JAX's side: a flax.nnx module whose state has PyTorch's names, or a function."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from convgrad._arrays import is_inexact
from port import load_state_dict, state_dict
from port import modules as layers
from port._tree import PASSING, members

from ._arrays import from_torch, is_tensor, pull, widest
from ._sides import Call, CannotRunError, Result

SINGLE = 2e-5  # relative tolerance for a function that computes in float32
NARROW = {"float64": "float32", "complex128": "complex64"}
NEAR = 1e-6  # of the largest value: a layout that comes so near is the right one


class ModuleSide:
    """A copy of an nnx module in float64, called layer by layer; or a function, called as it is.

    PyTorch's tensors have their channels first. A layer that takes them last, as flax's do, gets
    them so, and its output is brought back: whichever way gives the output's shape, and of two
    ways the one that comes nearer.
    """

    def __init__(self, module: Any, train: bool) -> None:
        self.lists_layers = isinstance(module, nnx.Pytree)
        self.drops: dict[str, Any] = {}
        if self.lists_layers:
            module = _copied(module)
            if train:
                dropping = _moded(nnx.clone(module), train=True, quiet=False)
                self.drops = members(dropping)
            _moded(module, train, quiet=True)
        self.nodes = members(module) if self.lists_layers else {"": module}
        self.channels_last = False
        self.rtol = 0.0

    def has(self, call: Call) -> bool:
        """Whether there is a layer, or a function, at the path of a call."""
        node = self.nodes.get(call.path)
        return node is not None and callable(node)

    def names(self) -> set[str] | None:
        """Return the names in the module's state."""
        return set(state_dict(self.nodes[""])) if self.lists_layers else None

    def run(self, call: Call) -> Result:
        """Compute a layer, with the channels first or last."""
        node = self.nodes[call.path]
        first = _of_flax(node) or (self.channels_last and not _of_this_house(node))
        found: list[tuple[float, Result]] = []
        trouble: Exception | None = None
        for last in (first, not first):
            if last and not _has_channels(call):
                continue
            try:
                result = self._run(node, call, last)
            except Exception as error:
                trouble = trouble or error
                continue
            found.append((_distance(result.outputs, call), result))
            if found[-1][0] <= NEAR:
                self.channels_last = last if _has_channels(call) else self.channels_last
                break
        if not found:
            assert trouble is not None
            raise CannotRunError(f"{type(trouble).__name__}: {trouble}") from trouble
        return min(found, key=lambda pair: pair[0])[1]

    def _run(self, node: Any, call: Call, last: bool) -> Result:
        if not isinstance(node, nnx.Pytree):
            return self._run_function(node, call, last)
        leaves, rebuild = _leaves(call)
        if call.index:  # what a call before this one left
            node = nnx.clone(node)
            load_state_dict(node, {k: from_torch(b) for k, b in call.buffers.items()}, strict=False)
        graph, params, rest = nnx.split(node, _floating, ...)  # type: ignore[misc]

        def compute(params: Any, leaves: list[jax.Array]) -> Any:
            module = nnx.merge(graph, params, rest, copy=True)
            outputs = _outputs(_called(module, rebuild, leaves, last), last)
            return outputs, nnx.state(module)

        outputs, after, gradients, pulled = pull(compute, params, leaves, call.cotangents)
        held = set(dict(call.module.named_parameters()))
        new = _named(nnx.merge(graph, after, copy=True))
        return Result(
            [np.asarray(x) for x in outputs],
            _host(pulled),
            {}
            if gradients is None
            else {
                name: value
                for name, value in _named(nnx.merge(graph, gradients, rest, copy=True)).items()
                if name in held
            },
            {name: value for name, value in new.items() if name not in held},
            {name: value for name, value in _named(node).items() if name in held},
        )

    def _run_function(self, function: Callable[..., Any], call: Call, last: bool) -> Result:
        """Call a function; one that holds arrays in float32 may refuse others."""
        leaves, rebuild = _leaves(call)

        def compute(_: object, leaves: list[jax.Array]) -> tuple[list[jax.Array], None]:
            return _outputs(_called(function, rebuild, leaves, last), last), None

        try:
            outputs, _, _, pulled = pull(compute, {}, leaves, call.cotangents)
        except Exception:
            if self.lists_layers:  # a function within a module has nothing of its own
                raise
            narrow = [x.astype(NARROW.get(x.dtype.name, x.dtype)) for x in leaves]
            outputs, _, _, pulled = pull(compute, {}, narrow, call.cotangents)
            self.rtol = SINGLE
        return Result([np.asarray(x) for x in outputs], _host(pulled))

    def dropped(self, call: Call) -> np.ndarray | None:
        """Return what a dropout layer that drops gives."""
        node = self.drops.get(call.path)
        if node is None:
            return None
        leaves, rebuild = _leaves(call)
        try:
            outputs = _outputs(_called(node, rebuild, leaves, False), False)
        except Exception:
            return None
        return np.asarray(outputs[0]) if len(outputs) == 1 else None


def _copied(module: nnx.Pytree) -> nnx.Pytree:
    """Copy a module in float64."""
    copy = nnx.clone(module)
    for _, node in nnx.iter_graph(copy):
        if isinstance(node, nnx.Variable) and not isinstance(node, nnx.RngState):
            value = node.get_value()
            if isinstance(value, jax.Array | np.ndarray) and is_inexact(value.dtype):
                node.set_value(widest(value))
    return copy


def _moded(module: nnx.Pytree, train: bool, quiet: bool) -> nnx.Pytree:
    """Set the mode; in a quiet one nothing is drawn, though norms are in training."""
    if hasattr(module, "set_attributes"):
        module.set_attributes(
            deterministic=not train, use_running_average=not train, raise_if_not_found=False
        )
    for _, node in nnx.iter_graph(module):
        # A network's own `training` is its `deterministic` turned round; it draws nothing itself.
        draws = hasattr(node, "deterministic") and not isinstance(node, layers.Module)
        if quiet and draws and isinstance(node, nnx.Pytree):
            node.deterministic = True  # type: ignore[attr-defined]
    return module


def _floating(_: object, value: object) -> bool:
    """Whether a variable is one that gradients are taken of."""
    if not isinstance(value, nnx.Variable) or isinstance(value, PASSING):
        return False
    held = value.get_value()
    return hasattr(held, "dtype") and is_inexact(held.dtype)


def _named(module: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in state_dict(module).items()}


def _of_flax(node: object) -> bool:
    return type(node).__module__.startswith("flax.nnx.nn.") and not isinstance(node, nnx.Sequential)


def _of_this_house(node: object) -> bool:
    return type(node).__module__.partition(".")[0] in ("conv", "port")


def _leaves(call: Call) -> tuple[list[jax.Array], Callable[[list[jax.Array]], Any]]:
    """Return the tensors of a call as arrays, and what puts others in their places."""
    from torch.utils import _pytree

    flat, spec = _pytree.tree_flatten(call.given)
    places = [i for i, leaf in enumerate(flat) if is_tensor(leaf)]

    def rebuild(leaves: list[jax.Array]) -> Any:
        full = list(flat)
        for i, leaf in zip(places, leaves, strict=True):
            full[i] = leaf
        return _pytree.tree_unflatten(full, spec)

    return [jnp.asarray(from_torch(flat[i])) for i in places], rebuild


def _has_channels(call: Call) -> bool:
    from torch.utils import _pytree

    tensors = [x for x in _pytree.tree_leaves(call.given) if is_tensor(x)]
    return any(x.ndim > 2 and x.is_floating_point() for x in [*tensors, *call.outputs])


def _called(
    node: Any, rebuild: Callable[[list[jax.Array]], Any], leaves: list[jax.Array], last: bool
) -> Any:
    if last:
        leaves = [
            jnp.moveaxis(x, 1, -1) if x.ndim > 2 and is_inexact(x.dtype) else x for x in leaves
        ]
    args, kwargs = rebuild(leaves)
    return node(*args, **kwargs)


def _outputs(found: Any, last: bool) -> list[jax.Array]:
    from torch.utils import _pytree  # JAX sorts a dict's keys, PyTorch keeps their order

    leaves = [leaf for leaf in _pytree.tree_leaves(found) if hasattr(leaf, "dtype")]
    outputs = [jnp.asarray(leaf) for leaf in leaves]
    if last:
        outputs = [jnp.moveaxis(x, -1, 1) if x.ndim > 2 else x for x in outputs]
    return outputs


def _host(arrays: list[jax.Array] | None) -> list[np.ndarray | None]:
    return [] if arrays is None else [np.asarray(x) for x in arrays]


def _distance(outputs: list[np.ndarray], call: Call) -> float:
    """Return how far outputs are from PyTorch's, relative to these; infinite for other shapes."""
    total, largest = 0.0, 1e-300
    if len(outputs) != len(call.outputs):
        return np.inf
    for ours, tensor in zip(outputs, call.outputs, strict=True):
        theirs = from_torch(tensor)
        if ours.shape != theirs.shape:
            return np.inf
        if theirs.size and theirs.dtype.kind in "fc":
            with np.errstate(invalid="ignore"):
                apart = np.abs(ours.astype(theirs.dtype) - theirs)
            finite = np.isfinite(theirs)
            total = max(total, float(np.nanmax(apart[finite], initial=0.0)))
            largest = max(largest, float(np.abs(theirs[finite]).max(initial=0.0)))
    return total / largest
