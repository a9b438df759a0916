"""Every public function in one call of ordinary size: what is compiled for other platforms.

`calls()` lists them; `not_programs()` names what computes nothing on a device, and why.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

import conv
import custom_vjp
import custom_vjp.functional
import grad
import port.functional

Array = jax.ShapeDtypeStruct
PACKAGES: dict[str, ModuleType] = {
    "conv": conv,
    "grad": grad,
    "custom_vjp": custom_vjp,
    "custom_vjp.functional": custom_vjp.functional,
    "port.functional": port.functional,
}


@dataclass(frozen=True)
class Call:
    """A function and what it is called with: arrays by their types, and all else as it is.

    Attributes:
      calls_back: whether it calls back to Python, which JAX lowers for platforms that are there,
        and `jax.export` does not write down.
      differentiable: False where it has no derivative, in PyTorch neither.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    calls_back: bool = False
    differentiable: bool = True

    @property
    def arrays(self) -> list[Array]:
        """The types of the arrays, in order."""
        found = [*self.args, *self.kwargs.values()]
        return [a for a in jax.tree.leaves(found) if isinstance(a, Array)]

    @property
    def floats(self) -> list[int]:
        """Which of the arrays a gradient can be taken of."""
        kinds = enumerate(jnp.issubdtype(a.dtype, jnp.inexact) for a in self.arrays)
        return [i for i, is_float in kinds if is_float]

    def forward(self, *arrays: Any) -> list[Any]:
        """Call the function; return the arrays of its result."""
        left = iter(arrays)

        def fill(value: Any) -> Any:
            return jax.tree.map(lambda a: next(left) if isinstance(a, Array) else a, value)

        args = [fill(a) for a in self.args]
        kwargs = {name: fill(a) for name, a in self.kwargs.items()}
        found = jax.tree.leaves(self.function(*args, **kwargs))
        return [leaf for leaf in found if isinstance(leaf, jax.Array)]

    def gradient(self) -> tuple[Callable[..., Any], list[Array]] | None:
        """Return the function's transposed derivative and the types of its arguments.

        None where no float goes in, or none comes out.
        """
        if not self.differentiable:
            return None
        results = jax.eval_shape(self.forward, *self.arrays)
        kept = [i for i, r in enumerate(results) if jnp.issubdtype(r.dtype, jnp.inexact)]
        if not self.floats or not kept:
            return None
        count, floats = len(self.arrays), self.floats

        def pulled(*given: Any) -> Any:
            arrays, cotangents = list(given[:count]), list(given[count:])

            def of_floats(*some: Any) -> list[Any]:
                for i, value in zip(floats, some, strict=True):
                    arrays[i] = value
                found = self.forward(*arrays)
                return [found[i] for i in kept]

            return jax.vjp(of_floats, *(arrays[i] for i in floats))[1](cotangents)

        types = [Array(results[i].shape, results[i].dtype) for i in kept]
        return pulled, [*self.arrays, *types]


def F(*shape: int) -> Array:
    """A float32 array."""
    return Array(shape, jnp.float32)


def N(*shape: int) -> Array:
    """An int32 array."""
    return Array(shape, jnp.int32)


KEY = jax.eval_shape(lambda: jax.random.key(0))
LINE, IMAGE, VOLUME = F(8, 32, 256), F(8, 32, 32, 32), F(2, 16, 16, 16, 16)
VECTORS, SCORES = F(64, 128), F(64, 10)
SPACES = {1: (8, 32, 256), 2: (8, 32, 32, 32), 3: (2, 32, 16, 16, 16)}


def _convolutions() -> Iterator[Call]:
    for dims, shape in SPACES.items():
        x, k = F(*shape), (3,) * dims
        plain = {"stride": 2, "padding": 1, "groups": 4}
        y = conv.conv_output_shape(shape, (64, 8, *k), **plain)
        for groups, c, o in ((1, 32, 64), (4, 8, 64), (32, 1, 32)):
            name, arguments = f"conv{dims}d", {"padding": 1, "groups": groups}
            call = getattr(conv, name)
            yield Call(f"conv.{name}, {groups} groups", call, (x, F(o, c, *k), F(o)), arguments)
            name, back = f"conv_transpose{dims}d", {"stride": 2, "padding": 1, "groups": groups}
            weight = F(32, o // groups, *(4,) * dims)
            call = getattr(conv, name)
            yield Call(f"conv.{name}, {groups} groups", call, (x, weight, F(o)), back)
        name = f"conv{dims}d_input"
        yield Call(f"conv.{name}", getattr(conv, name), (shape, F(64, 8, *k), F(*y)), plain)
        name = f"conv{dims}d_weight"
        yield Call(f"conv.{name}", getattr(conv, name), (x, (64, 8, *k), F(*y)), plain)
        for name, window in (
            (f"max_pool{dims}d", {"kernel_size": 3, "stride": 2, "padding": 1}),
            (f"avg_pool{dims}d", {"kernel_size": 3, "stride": 2, "padding": 1}),
            (f"adaptive_max_pool{dims}d", {"output_size": 5}),
            (f"adaptive_avg_pool{dims}d", {"output_size": 5}),
        ):
            yield Call(f"conv.{name}", getattr(conv, name), (x,), window)
        name, power = f"lp_pool{dims}d", (x, 1.5, 3)
        yield Call(f"conv.{name}", getattr(conv, name), power, {"stride": 2})
        if dims > 1:
            name, drawn = f"fractional_max_pool{dims}d", {"output_size": 5, "key": KEY}
            yield Call(f"conv.{name}", getattr(conv, name), (x, 2), drawn)
        name, pooled = f"max_unpool{dims}d", tuple(n // 2 for n in shape[2:])
        small = (*shape[:2], *pooled)
        yield Call(f"conv.{name}", getattr(conv, name), (F(*small), N(*small), 2))
    for mode in ("constant", "reflect", "replicate", "circular"):
        yield Call(f"conv.pad, {mode}", conv.pad, (IMAGE, (1, 2, 2, 1)), {"mode": mode})
    yield Call("conv.unfold", conv.unfold, (IMAGE, 3), {"padding": 1})
    yield Call("conv.fold", conv.fold, (F(8, 288, 1024), (32, 32), 3), {"padding": 1})
    yield Call("conv.conv_matrix", conv.conv_matrix, (F(8, 4, 3), 64))
    yield Call("conv.scalar_products", conv.scalar_products, (F(4, 64), F(8, 4, 3)))


def _of_grad() -> Iterator[Call]:
    vector = F(16)

    def cubes(x: jax.Array) -> jax.Array:
        return x**3

    def total(x: jax.Array) -> jax.Array:
        return (x**3).sum()

    for name in ("vjp", "jvp"):
        call = getattr(grad, name)
        yield Call(f"grad.{name}", lambda x, v, call=call: call(cubes, x, v), (vector, vector))
    for name in ("vhp", "hvp"):
        call = getattr(grad, name)
        yield Call(f"grad.{name}", lambda x, v, call=call: call(total, x, v), (vector, vector))
    yield Call("grad.jacobian", lambda x: grad.jacobian(cubes, x), (vector,))
    yield Call("grad.hessian", lambda x: grad.hessian(total, x), (vector,))
    yield Call("grad.backward", lambda x: grad.backward(total, x), (vector,))
    yield Call("grad.hessian_diagonal", lambda x: grad.hessian_diagonal(total, x), (vector,))
    tapped = grad.gradients_of(lambda x: (grad.tap(x**2, "squares") * x).sum())
    yield Call("grad.gradients_of", lambda x: list(tapped(x).gradients.values()), (vector,))
    yield Call("grad.tap", lambda x: grad.tap(x, "x") * x, (vector,))
    yield Call("grad.hook", lambda x: grad.hook(x, jnp.tanh) * x, (vector,))
    halve = lambda x, a: jnp.cos(a * x) / 2  # noqa: E731
    yield Call("grad.fixed_point", lambda a: grad.fixed_point(halve, a, a), (vector,))
    yield Call("grad.detach", lambda x: grad.detach(x) * x, (vector,))
    yield Call("grad.no_grad", lambda x: grad.no_grad(cubes)(x) * x, (vector,))
    yield Call("grad.mean_of_squares", grad.mean_of_squares, (vector,))
    yield Call("grad.double_until", grad.double_until, (vector,))
    yield Call("grad.dot", grad.dot, (vector, vector))
    small = lambda x: (x**2).sum() < 100.0  # noqa: E731
    for most in (None, 20):
        loop = lambda x, most=most: grad.while_loop(small, lambda x: 2 * x, x, max_steps=most)  # noqa: E731
        # It says so where it ends at max_steps, or is too long to be differentiated.
        yield Call(f"grad.while_loop, max_steps={most}", loop, (vector,), calls_back=True)


# By name: what differs from one array of 64 vectors.
_PAIRS = (
    *("maximum", "minimum", "fmax", "fmin", "copysign", "floor_divide", "atan2", "hypot", "pow"),
    *("float_power", "xlogy", "xlog1py", "logaddexp", "logaddexp2", "dist", "cosine_similarity"),
    "l1_loss",
)
_DERIVATIVES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    **{name: ((VECTORS, VECTORS), {}) for name in _PAIRS},
    "clamp": ((VECTORS, -1.0, 1.0), {}),
    "cummax": ((VECTORS, 1), {}),
    "cummin": ((VECTORS, 1), {}),
    "max": ((VECTORS, 1), {}),
    "min": ((VECTORS, 1), {}),
    "median": ((VECTORS, 1), {}),
    "nanmedian": ((VECTORS, 1), {}),
}


def _of_custom_vjp() -> Iterator[Call]:
    functional = custom_vjp.functional
    yield Call("custom_vjp.add", custom_vjp.add, (VECTORS, VECTORS))
    yield Call("custom_vjp.split", custom_vjp.split, (VECTORS,))
    yield Call("custom_vjp.max", custom_vjp.max, (F(128),))

    class Cube(custom_vjp.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    class Once(Cube):
        @staticmethod
        @custom_vjp.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    yield Call("custom_vjp.Function", Cube.apply, (VECTORS,))
    yield Call("custom_vjp.once_differentiable", Once.apply, (VECTORS,))
    gradient = functional.complex_grad(lambda z: (jnp.abs(z) ** 2).sum())
    yield Call("custom_vjp.functional.complex_grad", gradient, (Array((64,), jnp.complex64),))
    for name in functional.__all__:
        if name != "complex_grad":
            args, kwargs = _DERIVATIVES.get(name, ((VECTORS,), {}))
            call = getattr(functional, name)
            some = name != "floor_divide"
            yield Call(f"custom_vjp.functional.{name}", call, args, kwargs, differentiable=some)


_C = (F(32), F(32))
_NORM = (IMAGE, *_C, *_C)
_PORTED: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "affine_grid": ((F(8, 2, 3), (8, 32, 16, 16)), {"align_corners": False}),
    "batch_norm": (_NORM, {"training": True}),
    "batch_norm_update": (_NORM, {"training": True}),
    "bilinear": ((F(64, 32), F(64, 16), F(8, 32, 16), F(8)), {}),
    "binary_cross_entropy": ((VECTORS, VECTORS), {}),
    "binary_cross_entropy_with_logits": ((VECTORS, VECTORS), {}),
    "cdist": ((VECTORS, VECTORS), {}),
    "channel_shuffle": ((IMAGE, 4), {}),
    "cosine_embedding_loss": ((VECTORS, VECTORS, N(64)), {}),
    "cosine_similarity": ((VECTORS, VECTORS), {}),
    "cross_entropy": ((SCORES, N(64)), {"label_smoothing": 0.1}),
    "ctc_loss": ((F(50, 8, 20), N(8, 10), N(8), N(8)), {}),
    "embedding": ((N(8, 16), F(100, 32)), {}),
    "embedding_renorm": ((N(8, 16), F(100, 32), 1.0), {}),
    "gaussian_nll_loss": ((VECTORS, VECTORS, VECTORS), {}),
    "grid_sample": ((IMAGE, F(8, 16, 16, 2)), {"align_corners": False}),
    "group_norm": ((IMAGE, 4, *_C), {}),
    "hinge_embedding_loss": ((VECTORS, N(64, 128)), {}),
    "huber_loss": ((VECTORS, VECTORS), {}),
    "instance_norm": (_NORM, {}),
    "instance_norm_update": (_NORM, {}),
    "interpolate": ((IMAGE,), {"scale_factor": 2, "mode": "bicubic", "align_corners": False}),
    "kl_div": ((VECTORS, VECTORS), {"reduction": "batchmean"}),
    "l1_loss": ((VECTORS, VECTORS), {}),
    "layer_norm": ((VECTORS, (128,), F(128), F(128)), {}),
    "linear": ((VECTORS, F(32, 128), F(32)), {}),
    "local_response_norm": ((IMAGE, 5), {}),
    "margin_ranking_loss": ((VECTORS, VECTORS, VECTORS), {}),
    "mse_loss": ((VECTORS, VECTORS), {}),
    "multi_margin_loss": ((SCORES, N(64)), {}),
    "multilabel_margin_loss": ((SCORES, N(64, 10)), {}),
    "multilabel_soft_margin_loss": ((SCORES, SCORES), {}),
    "nll_loss": ((SCORES, N(64)), {}),
    "one_hot": ((N(64), 10), {}),
    "pairwise_distance": ((VECTORS, VECTORS), {}),
    "pixel_shuffle": ((IMAGE, 2), {}),
    "pixel_unshuffle": ((IMAGE, 2), {}),
    "poisson_nll_loss": ((VECTORS, VECTORS), {}),
    "prelu": ((IMAGE, F(32)), {}),
    "rms_norm": ((VECTORS, (128,), F(128)), {}),
    "scaled_dot_product_attention": ((F(2, 4, 64, 32),) * 3, {"is_causal": True}),
    "smooth_l1_loss": ((VECTORS, VECTORS), {}),
    "soft_margin_loss": ((VECTORS, VECTORS), {}),
    "threshold": ((VECTORS, 0.1, 0.0), {}),
    "triplet_margin_loss": ((VECTORS, VECTORS, VECTORS), {}),
    "triplet_margin_with_distance_loss": ((VECTORS, VECTORS, VECTORS), {}),
    "upsample": ((IMAGE,), {"scale_factor": 2}),
    "upsample_bilinear": ((IMAGE,), {"scale_factor": 2}),
    "upsample_nearest": ((IMAGE,), {"scale_factor": 2}),
    "dropout": ((IMAGE,), {"rng": KEY}),
    "dropout1d": ((LINE,), {"rng": KEY}),
    "dropout2d": ((IMAGE,), {"rng": KEY}),
    "dropout3d": ((VOLUME,), {"rng": KEY}),
    "alpha_dropout": ((IMAGE,), {"training": True, "rng": KEY}),
    "feature_alpha_dropout": ((IMAGE,), {"training": True, "rng": KEY}),
    "rrelu": ((IMAGE,), {"training": True, "rng": KEY}),
    "gumbel_softmax": ((SCORES,), {"hard": True, "rng": KEY}),
    **{name: ((SCORES,), {"dim": 1}) for name in ("softmax", "softmin", "log_softmax")},
}


def _of_port() -> Iterator[Call]:
    for name in port.functional.__all__:
        args, kwargs = _PORTED.get(name, ((VECTORS,), {}))
        yield Call(f"port.functional.{name}", getattr(port.functional, name), args, kwargs)


def calls() -> list[Call]:
    """List a call, or some, of every public function that computes something."""
    return [*_convolutions(), *_of_grad(), *_of_custom_vjp(), *_of_port()]


_CLASSES = ("AccumulateGrad", "FixedPointInfo", "GradcheckError", "Graph", "Node", "Tapped")


def not_programs() -> dict[str, str]:
    """Return what is public and not a function of arrays, with the reason."""
    modules = [f"conv.{name}" for name in conv.__all__ if name[0].isupper()]
    return {
        **dict.fromkeys(modules, "a layer of these functions"),
        "conv.Explanation": "what routes returns",
        "conv.accelerate": "decides how others are compiled",
        "conv.routes": "reads a program",
        "conv.conv_output_shape": "sizes, in Python",
        "conv.conv_transpose_output_shape": "sizes, in Python",
        "conv.same_padding": "sizes, in Python",
        **{f"grad.{name}": "a class" for name in _CLASSES},
        "grad.gradcheck": "compares values, in Python",
        "grad.gradgradcheck": "compares values, in Python",
        "grad.graph": "reads a program",
        "custom_vjp.functional": "a module",
    }


def missing() -> list[str]:
    """Name what is public and in neither list."""
    listed = {call.name.split(",")[0] for call in calls()} | not_programs().keys()
    same = {f"custom_vjp.{name}" for name in custom_vjp.functional.__all__} - {"custom_vjp.max"}
    public = {f"{package}.{n}" for package, module in PACKAGES.items() for n in module.__all__}
    return sorted(public - listed - same)
