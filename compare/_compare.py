"""compare: one program in JAX, the same in PyTorch, and what they have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convgrad._arrays import is_inexact

from ._format import difference_text, short
from ._precision import ALIGN, reduced
from ._torch import require_torch
from ._values import Entry, compare_values, is_array, to_host

MISSING = object()


@dataclass(frozen=True)
class Comparison:
    """What `compare` found: an entry for every output, every gradient, or the errors.

    Args:
      entries: the single findings, in order.
      reduced: what JAX's float32 products were reduced to, in words; '' on a CPU.

    Example:
      >>> from compare import Comparison, Entry
      >>> found = Comparison((Entry("output", 1, 2, 1.0, False, "values differ by up to 1"),))
      >>> found.agree, found.largest_difference
      (False, 1.0)
      >>> print(found)
      JAX and PyTorch disagree; largest difference 1.0e+00
        output: JAX 1, PyTorch 2: values differ by up to 1
    """

    entries: tuple[Entry, ...]
    reduced: str = ""

    @property
    def agree(self) -> bool:
        """Whether every entry agrees."""
        return all(entry.agree for entry in self.entries)

    @property
    def largest_difference(self) -> float | None:
        """The largest difference of any entry; None where there was no number to compare."""
        known = [entry.difference for entry in self.entries if entry.difference is not None]
        return max(known, default=None)

    def __bool__(self) -> bool:
        return self.agree

    def __str__(self) -> str:
        verdict = "agree" if self.agree else "disagree"
        largest = self.largest_difference
        head = f"JAX and PyTorch {verdict}"
        lines = [
            head if largest is None else f"{head}; largest difference {difference_text(largest)}"
        ]
        for entry in self.entries:
            text = f"  {entry.name}: JAX {short(entry.jax)}, PyTorch {short(entry.torch)}"
            lines.append(text if entry.agree else f"{text}: {entry.reason}")
        if self.reduced:
            lines.append(f"  JAX's float32 products were in {self.reduced}; align with {ALIGN}")
        return "\n".join(lines)


def compare(
    jax_fn: Callable[..., Any],
    torch_fn: Callable[..., Any],
    *args: Any,
    grads: bool = True,
    jit: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> Comparison:
    r"""Call one function in JAX and one in PyTorch with the same arguments, and compare.

    .. math:: |a - b| \le \mathrm{atol} + \mathrm{rtol}\,|b|

    for every output a of JAX's and b of PyTorch's, after their shapes and dtypes, and for the
    gradients of every floating input: the vector-Jacobian products with the same random vectors.

    Args:
      jax_fn: takes jax.Arrays where args has arrays.
      torch_fn: takes torch.Tensors there. Both return an array, a number, or a tuple, list or
        dict of them.
      *args: arrays of NumPy, JAX or PyTorch become what each side takes, also inside of lists,
        tuples and dicts; all else is passed on as it is (and static for jit). Without x64, both
        sides get 64-bit floats as 32-bit ones, as JAX does.
      grads: whether to compare gradients. A complex input's gradient is PyTorch's on both sides:
        the conjugate of what jax.grad returns.
      jit: whether to compile jax_fn; outputs that are no arrays or numbers need jit=False.
      rtol, atol: tolerances; None takes those of each value's dtype, a few units of its last
        place (see TOLERANCE in _values.py for the numbers and the reason).
      seed: for the random vectors that gradients are taken with.
      kwargs: arguments to pass by name, treated as args are.

    Returns:
      A `Comparison`: true if all agrees, readable when printed. If both sides raise, they agree,
      and the entry has both errors; if one does, they disagree.

    Raises:
      ImportError: where torch is not installed.

    On an accelerator, JAX may multiply float32 in fewer bits; the comparison says so. Run this
    inside of ``jax.default_matmul_precision("highest")`` to see what remains.

    Example:
      >>> import numpy as np, jax.numpy as jnp, torch
      >>> from compare import compare
      >>> print(compare(jnp.tanh, torch.tanh, np.float32([0.0])))
      JAX and PyTorch agree; largest difference 0
        output: JAX [0], PyTorch [0]
        gradient[0]: JAX [0.12573], PyTorch [0.12573]
      >>> bool(compare(jnp.std, torch.std, np.float32([1.0, 3.0])))
      False

    Reference: torch.testing.assert_close, whose rule for closeness this is.
    """
    torch = require_torch()
    paths, tree = jax.tree_util.tree_flatten_with_path((args, dict(kwargs or {})))
    leaves = [leaf for _, leaf in paths]
    names = {i: jax.tree_util.keystr(path[1:]) for i, (path, _) in enumerate(paths)}
    arrays = {i: _canonical(leaf) for i, leaf in enumerate(leaves) if is_array(leaf)}
    inexact = [i for i, array in arrays.items() if is_inexact(array.dtype)]

    def call(function: Callable[..., Any], replaced: Mapping[int, Any]) -> Any:
        filled = [replaced.get(i, leaf) for i, leaf in enumerate(leaves)]
        positional, named = jax.tree.unflatten(tree, filled)
        return function(*positional, **named)

    def run_jax(given: Mapping[int, jax.Array]) -> Any:
        return call(jax_fn, given)

    on_jax = {i: jnp.asarray(array) for i, array in arrays.items()}
    on_torch = {i: _tensor(torch, array) for i, array in arrays.items()}
    for i in inexact if grads else ():
        on_torch[i].requires_grad_()

    compiled = jax.jit(run_jax) if jit else run_jax
    ours = _attempt(lambda: compiled(on_jax))
    theirs = _attempt(lambda: call(torch_fn, on_torch))
    if isinstance(ours, _Raised) or isinstance(theirs, _Raised):
        return Comparison((_errors("error", ours, theirs),), reduced())

    left, right = _named(ours), _named(theirs)
    entries = compare_named(left, right, rtol, atol)
    floating = [name for name, value in left.items() if _differentiable(value)]
    # Outputs of different shapes or dtypes have no vectors in common to take gradients with.
    alike = all(entry.difference is not None for entry in entries if entry.name in floating)
    if not (grads and inexact and floating and alike):
        return Comparison(tuple(entries), reduced())

    rng = np.random.default_rng(seed)
    vectors = {name: _vector(rng, to_host(left[name])) for name in floating}

    def pull(
        given: Mapping[int, jax.Array], vectors: Mapping[str, jax.Array]
    ) -> dict[int, jax.Array]:
        rest = {i: array for i, array in given.items() if i not in inexact}

        def outputs(moved: Mapping[int, jax.Array]) -> dict[str, jax.Array]:
            out = _named(run_jax({**rest, **moved}))
            return {name: jnp.asarray(out[name]) for name in floating}

        return jax.vjp(outputs, {i: given[i] for i in inexact})[1](vectors)[0]

    def pull_torch() -> dict[int, Any]:
        tracked = [n for n in floating if getattr(right[n], "requires_grad", False)]
        inputs = [on_torch[i] for i in inexact]
        if not tracked:
            return {i: torch.zeros_like(on_torch[i]) for i in inexact}
        found = torch.autograd.grad(
            [right[name] for name in tracked],
            inputs,
            # The conjugate here and below: PyTorch's convention for complex numbers.
            [_tensor(torch, np.conj(vectors[name])) for name in tracked],
            allow_unused=True,
        )
        pairs = zip(inexact, inputs, found, strict=True)
        return {i: torch.zeros_like(x) if g is None else g for i, x, g in pairs}

    derive = jax.jit(pull) if jit else pull
    ours = _attempt(lambda: derive(on_jax, {k: jnp.asarray(v) for k, v in vectors.items()}))
    theirs = _attempt(pull_torch)
    if isinstance(ours, _Raised) or isinstance(theirs, _Raised):
        return Comparison((*entries, _errors("gradient error", ours, theirs)), reduced())
    gradients = [
        compare_values(f"gradient{names[i]}", jnp.conj(ours[i]), theirs[i], rtol=rtol, atol=atol)
        for i in inexact
    ]
    return Comparison((*entries, *gradients), reduced())


@dataclass(frozen=True)
class _Raised:
    """What a side raised instead of a result."""

    text: str


def _attempt(program: Callable[[], Any]) -> Any:
    try:
        return program()
    except Exception as error:
        return _Raised(f"{type(error).__name__}: {error}")


def _errors(name: str, ours: object, theirs: object) -> Entry:
    left, right = (side.text if isinstance(side, _Raised) else None for side in (ours, theirs))
    if left and right:
        return Entry(name, left, right)
    return Entry(name, left, right, None, False, f"only {'JAX' if left else 'PyTorch'} raises")


def _canonical(array: Any) -> np.ndarray:
    """Bring an array to NumPy, in the dtype that JAX holds it in (integers in their own)."""
    array = to_host(array)
    if array.dtype.kind in "fc":
        return array.astype(jax.dtypes.canonicalize_dtype(array.dtype))
    return array


def _tensor(torch: ModuleType, array: np.ndarray) -> Any:
    """Copy a NumPy array to a torch.Tensor."""
    if array.dtype.name == "bfloat16":
        return torch.tensor(array.astype(np.float32)).to(torch.bfloat16)
    return torch.tensor(array)


def _differentiable(value: object) -> bool:
    return is_array(value) and is_inexact(to_host(value).dtype)


def _vector(rng: np.random.Generator, like: np.ndarray) -> np.ndarray:
    """Draw a vector of an output's shape and dtype."""
    vector = rng.standard_normal(like.shape)
    if like.dtype.kind == "c":
        vector = vector + 1j * rng.standard_normal(like.shape)
    return np.asarray(vector).astype(like.dtype)


def _named(value: Any, name: str = "output", shapes: bool = False) -> dict[str, Any]:
    """Name the leaves of an output by where they stand in it; a list counts as a tuple.

    With shapes, a tuple of integers is a shape, and a leaf.
    """
    if shapes and isinstance(value, tuple) and all(type(size) is int for size in value):
        return {name: tuple(value)}
    if isinstance(value, Mapping):
        parts = [(f"{name}[{key!r}]", part) for key, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{name}[{i}]", part) for i, part in enumerate(value)]
    else:
        return {name: value}
    return {k: leaf for inner, part in parts for k, leaf in _named(part, inner, shapes).items()}


def compare_named(
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    rtol: float | None = None,
    atol: float | None = None,
    stated: Mapping[str, Any] | None = None,
) -> list[Entry]:
    """Compare two dicts name by name; a name that one side lacks is a disagreement."""
    found = []
    for name in dict.fromkeys([*left, *right]):
        a, b = left.get(name, MISSING), right.get(name, MISSING)
        if a is MISSING or b is MISSING:
            lacks = "JAX" if a is MISSING else "PyTorch"
            ours, theirs = (None if side is MISSING else to_host(side) for side in (a, b))
            found.append(Entry(name, ours, theirs, None, False, f"{lacks} has no {name}"))
        else:
            told = (stated or {}).get(name)
            found.append(compare_values(name, a, b, rtol=rtol, atol=atol, stated=told))
    return found


def assert_agree(
    jax: Any, torch: Any, *, rtol: float | None = None, atol: float | None = None
) -> Comparison:
    """Compare what JAX computed with what PyTorch did, and raise where they disagree.

    Args:
      jax: a dict from names to values, or a value of its own; a value is an array, a number, a
        text, a shape, None, or a tuple, list or dict of them.
      torch: the same of PyTorch; a name that only one side has is a disagreement.
      rtol, atol: tolerances, as in `compare`; None takes those of each value's dtype.

    Returns:
      The `Comparison`, in which all agrees: printed, it has a line for each value, large arrays
      by their shapes.

    Raises:
      AssertionError: where a shape, a dtype or a value differs; the message is the comparison.
      ValueError: where neither side has a value.

    Example:
      >>> import numpy as np, jax.numpy as jnp, torch
      >>> from compare import assert_agree
      >>> x = np.float32([0, 1, 2])
      >>> y, z = jnp.abs(x), torch.tensor(x).abs()
      >>> print(assert_agree(jax={"y": y, "shape": y.shape}, torch={"y": z, "shape": z.shape}))
      JAX and PyTorch agree; largest difference 0
        y: JAX [0, 1, 2], PyTorch [0, 1, 2]
        shape: JAX (3,), PyTorch (3,)
      >>> assert_agree(y, z + 1)
      Traceback (most recent call last):
      AssertionError: JAX and PyTorch disagree; largest difference 1.0e+00
        output: JAX [0, 1, 2], PyTorch [1, 2, 3]: values differ by up to 1 (rtol=2e-06, atol=1e-05)

    Reference: torch.testing.assert_close, which does this for two tensors.
    """
    left, right = _told(jax), _told(torch)
    if not left and not right:
        raise ValueError(f"jax={jax!r} and torch={torch!r} have no value; at least one must have")
    found = Comparison(tuple(compare_named(left, right, rtol, atol)))
    if not found:
        raise AssertionError(str(found))
    return found


def _told(value: Any) -> dict[str, Any]:
    """Name the values of a side: a dict's by its keys, one without a name `output`."""
    parts = value.items() if isinstance(value, Mapping) else [("output", value)]
    return {
        name: leaf
        for key, part in parts
        for name, leaf in _named(part, str(key), shapes=True).items()
    }
