"""gradients_of beside retain_grad, hook beside register_hook, in live PyTorch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import custom_vjp
import grad
from tests.support.agree import assert_same, draw, to_torch

X, W, Z = draw(0, (4, 3)), draw(1, (5, 3)), draw(2, (3,), "complex128")
Keep = Callable[[Any, str], Any]


def program(m: Any, keep: Keep, x: Any, w: Any) -> Any:
    """Values that depend on one another, one that is not used, and one used twice."""
    h = keep(m.sin(x @ w.T), "hidden")
    keep(m.exp(h), "unused")
    s = keep(h.sum(0), "sum")
    return ((h * s) ** 2).sum() + m.cos(s).sum()


def in_torch(func: Callable[..., Any], *args: Any, gradient: Any = None) -> tuple[Any, Any, Any]:
    """The output, the values, and their .grad after backward."""
    kept: dict[str, Any] = {}

    def keep(x: Any, name: str) -> Any:
        x.retain_grad()
        kept.setdefault(name, []).append(x)
        return x

    output = func(torch, keep, *(to_torch(a, requires_grad=True) for a in args))
    output.backward(gradient)
    return output, kept, {name: [x.grad for x in found] for name, found in kept.items()}


def compare(found: grad.Tapped, expected: tuple[Any, Any, Any]) -> None:
    output, values, gradients = expected
    assert_same(found.output, output.detach())
    assert found.values.keys() == found.gradients.keys() == values.keys()
    for ours, theirs in ((found.values, values), (found.gradients, gradients)):
        for name, right in theirs.items():
            mine = ours[name] if isinstance(ours[name], tuple) else (ours[name],)
            for one, other in zip(mine, right, strict=True):
                if other is None:
                    assert one is None
                else:
                    assert_same(one, other.detach().resolve_conj(), name, scale=10)


def ours(func: Callable[..., Any], *args: Any, **options: Any) -> grad.Tapped:
    return grad.gradients_of(lambda *xs: func(jnp, grad.tap, *xs), **options)(*args)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_gradients_and_values(wrap: Any) -> None:
    expected = in_torch(program, X, W)
    found = wrap(lambda x, w: ours(program, x, w))(X, W)
    compare(grad.Tapped(*found), expected)
    assert found.gradients["unused"] is None
    one = ours(program, X, W, names="sum")
    assert list(one.gradients) == ["sum"]
    assert_same(one.gradients["sum"], expected[2]["sum"][0], scale=10)
    two = ours(program, X, W, names=["sum", "hidden"])
    assert list(two.values) == ["hidden", "sum"]  # in the order of the program


def test_inside_of_transformations() -> None:
    """The same function, with its parts under jit, checkpoint, vmap and a custom rule around."""

    def wrapped(m: Any, keep: Keep, x: Any, w: Any) -> Any:
        if m is torch:
            rows = keep(torch.tanh(x * 2), "rows")
            return (keep(rows**2, "squares") @ w.T).sum()
        rows = jax.vmap(jax.jit(lambda r: keep(jnp.tanh(r * 2), "rows")))(x)
        squares = jax.checkpoint(lambda r: keep(r**2, "squares"))(rows)
        return jax.jit(lambda s, w: (s @ w.T).sum())(squares, w)

    compare(ours(wrapped, X, W), in_torch(wrapped, X, W))
    # Whose traces jit has kept from a call without gradients_of.
    inner = jax.jit(lambda x: grad.tap(jnp.sin(x), "h"))
    inner(X)
    found = grad.gradients_of(lambda x: (inner(x) ** 2).sum())(X)
    np.testing.assert_allclose(found.gradients["h"], 2 * np.sin(X), rtol=1e-14)


def test_one_name_in_several_places_and_in_loops() -> None:
    """Unrolled a tuple, in scan one array; PyTorch's .grad of each step."""

    def unrolled(m: Any, keep: Keep, x: Any, w: Any) -> Any:
        h = x[0]
        for row in x:
            h = keep(m.tanh(h + row * w[0]), "h")
        return (h**2).sum()

    def scanned(m: Any, keep: Keep, x: Any, w: Any) -> Any:
        def step(h: Any, row: Any) -> Any:
            h = keep(m.tanh(h + row * w[0]), "h")
            return h, h[0]

        return (jax.lax.scan(step, x[0], x)[0] ** 2).sum()

    expected = in_torch(unrolled, X, W)
    compare(ours(unrolled, X, W), expected)
    found = ours(scanned, X, W)
    for ours_, theirs in ((found.values, expected[1]), (found.gradients, expected[2])):
        assert_same(ours_["h"], torch.stack([h.detach() for h in theirs["h"]]), scale=10)
    back = grad.gradients_of(
        lambda x: jax.lax.scan(
            lambda c, r: (grad.tap(c * r, "c"), None), jnp.ones(3), x, reverse=True
        )[0].sum()
    )(X)
    np.testing.assert_allclose(back.values["c"][0], np.prod(X, 0), rtol=1e-12)
    np.testing.assert_array_equal(back.gradients["c"][0], np.ones(3))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_branches(sign: float, wrap: Any) -> None:
    def func(x: Any) -> Any:
        return jax.lax.cond(
            x[0, 0] > 0,
            lambda: grad.tap(x**2, "up").sum(),
            lambda: (3 * grad.tap(jnp.sin(x), "down")).sum(),
        )

    x = sign * np.abs(X)
    found = wrap(lambda x: grad.gradients_of(func)(x))(x)
    taken, other = ("up", "down") if sign > 0 else ("down", "up")
    np.testing.assert_allclose(found.values[taken], x**2 if sign > 0 else np.sin(x), rtol=1e-14)
    np.testing.assert_array_equal(found.gradients[taken], np.full_like(x, 1 if sign > 0 else 3))
    np.testing.assert_array_equal(found.values[other], np.zeros_like(x))
    np.testing.assert_array_equal(found.gradients[other], np.zeros_like(x))


def test_complex_and_not_scalar() -> None:
    def func(m: Any, keep: Keep, z: Any) -> Any:
        return keep(z * z, "square") * (1 + 2j)

    gradient = draw(3, (3,), "complex128")
    expected = in_torch(func, Z, gradient=to_torch(gradient))
    compare(ours(func, Z, gradient=gradient), expected)
    whole = in_torch(lambda m, keep, z: (func(m, keep, z).abs() ** 2).sum(), Z)
    compare(ours(lambda m, keep, z: (m.abs(func(m, keep, z)) ** 2).sum(), Z), whole)


def test_derivatives_of_gradients_and_vmap() -> None:
    """The gradient with respect to x of the squared gradient of a value, as a penalty has it."""
    x = to_torch(X, requires_grad=True)
    h = torch.sin(x)
    loss = (h**3).sum() * h[0, 0]
    (slope,) = torch.autograd.grad(loss, h, create_graph=True)
    (right,) = torch.autograd.grad((slope**2).sum(), x)

    def tapped(x: Any) -> Any:
        h = grad.tap(jnp.sin(x), "h")
        return (h**3).sum() * h[0, 0]

    def penalty(x: Any) -> Any:
        return (grad.gradients_of(tapped, "h")(x).gradients["h"] ** 2).sum()

    assert_same(jax.jit(jax.grad(penalty))(X), right, scale=10)
    batched = jax.vmap(lambda x: grad.gradients_of(lambda x: (grad.tap(x * 2, "y") ** 2).sum())(x))
    np.testing.assert_allclose(batched(X).gradients["y"], 4 * X, rtol=1e-14)


def test_zeros_keep_their_sign_and_taps_change_nothing() -> None:
    x = np.array([0.0, -0.0, np.inf, 2.0])
    found = grad.gradients_of(lambda x: (1 / grad.tap(x, "x")).sum())(x)
    np.testing.assert_array_equal(np.signbit(found.values["x"]), np.signbit(x))
    assert grad.tap(jnp.asarray(x), "x").dtype == "float64"
    assert np.isnan(found.output)  # of both infinities
    np.testing.assert_array_equal(jax.grad(lambda x: (grad.tap(x, "x") ** 2).sum())(x), 2 * x)


def test_integers_and_names_of_other_code() -> None:
    """checkpoint_name is the same mark; an integer has a value, and no gradient."""

    def func(x: Any) -> Any:
        index = grad.tap(jnp.argmax(x), "index")
        return jax.ad_checkpoint.checkpoint_name(x * 2, "double")[index]

    found = grad.gradients_of(func)(X[0])
    assert found.values["index"] == np.argmax(X[0])
    assert found.gradients["index"] is None
    np.testing.assert_array_equal(found.gradients["double"], np.eye(3)[np.argmax(X[0])])


def test_what_gradients_of_refuses() -> None:
    func = lambda x: (grad.tap(x, "a") ** 2).sum()  # noqa: E731
    with pytest.raises(ValueError, match=r"func must have the names \['b'\].*: it has \['a'\]"):
        grad.gradients_of(func, ["a", "b"])(X)
    with pytest.raises(ValueError, match=r"gradients_of: func must have a name that can be reach"):
        grad.gradients_of(lambda x: x.sum())(X)
    with pytest.raises(TypeError, match="gradients_of: func must be a function, got int"):
        grad.gradients_of(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="gradients_of: names must be a string or a list of them"):
        grad.gradients_of(func, 3)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="can be implicitly created only for scalar outputs: ou"):
        grad.gradients_of(lambda x: grad.tap(x, "a"))(X)
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        grad.gradients_of(lambda x: grad.tap(x, "a"), gradient=jnp.ones(2))(X)
    with pytest.raises(RuntimeError, match="gradients_of: element 0 of tensors does not require g"):
        grad.gradients_of(lambda x: grad.detach(grad.tap(x, "a")).sum())(X)

    def looped(x: Any) -> Any:
        return jax.lax.fori_loop(0, jnp.argmax(x), lambda _, x: grad.tap(x * 2, "a"), x).sum()

    with pytest.raises(ValueError, match="'a' stands inside of while, into which gradients_of doe"):
        grad.gradients_of(looped, "a")(X[0])
    with pytest.raises(TypeError, match="tap: x must be an array, got <class 'dict'>: tap each"):
        grad.tap({"a": X}, "a")
    with pytest.raises(TypeError, match="tap: name must be a string, got name=3"):
        grad.tap(X, 3)  # type: ignore[arg-type]


# hook


HOOKS: dict[str, Callable[[Any, Any], Any]] = {
    "scale": lambda m, g: g * 3,
    "clamp": lambda m, g: m.clip(g, -1, 1),
    "norm": lambda m, g: g / (g * g).sum() ** 0.5,
    "nothing": lambda m, g: None,
    "zeros": lambda m, g: m.zeros_like(g),
}
hooks = pytest.mark.parametrize("change", HOOKS.values(), ids=HOOKS)


def hooked(m: Any, hook: Any, x: Any) -> Any:
    h = hook(m.sin(x))
    return (h**3).sum() * h[0, 0]


@hooks
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["", "jit"])
def test_hooks(change: Any, wrap: Any) -> None:
    """Value, gradient, and the gradient of its square: the hook is differentiated too."""

    def register(h: Any) -> Any:
        h.register_hook(lambda g: change(torch, g))
        return h

    x = to_torch(X, requires_grad=True)
    value = hooked(torch, register, x)
    (first,) = torch.autograd.grad(value, x, create_graph=True)
    second = torch.zeros_like(x)
    if first.requires_grad:
        (second,) = torch.autograd.grad((first**2).sum(), x, materialize_grads=True)

    def func(x: Any) -> Any:
        return hooked(jnp, lambda h: grad.hook(h, lambda g: change(jnp, g)), x)

    assert_same(wrap(func)(X), value.detach())
    assert_same(wrap(jax.grad(func))(X), first.detach(), scale=10)
    found = wrap(jax.grad(lambda x: (jax.grad(func)(x) ** 2).sum()))(X)
    assert_same(found, second, scale=100)
    plain = jax.jvp(lambda x: hooked(jnp, lambda h: h, x), (X,), (X,))[1]
    np.testing.assert_allclose(jax.jvp(func, (X,), (X,))[1], plain, rtol=1e-12)  # passes by
    rows = jax.vmap(jax.grad(lambda x: func(x[None])))(X)
    for row, mine in zip(X, rows, strict=True):
        t = to_torch(row[None], requires_grad=True)
        hooked(torch, register, t).backward()
        assert_same(mine, t.grad[0], scale=10)


def test_hooks_in_loops_complex_and_printing() -> None:
    """In scan at each step; the complex gradient is PyTorch's; outside of jit there are values."""
    x = to_torch(X[0], requires_grad=True)
    h = x
    for _ in range(3):
        h = h * 2
        h.register_hook(lambda g: g.clamp(-3, 3))
    h.sum().backward()

    def step(h: Any, _: Any) -> Any:
        return grad.hook(h * 2, lambda g: custom_vjp.clamp(g, -3, 3)), None

    found = jax.grad(lambda x: jax.lax.scan(step, x, length=3)[0].sum())(X[0])
    assert_same(found, x.grad)
    seen: list[Any] = []
    z = to_torch(Z, requires_grad=True)
    w = z * 1
    w.register_hook(lambda g: seen.append(g.clone()))
    (w.abs() ** 2).sum().backward()
    grad.backward(
        lambda z: (jnp.abs(grad.hook(z * 1, lambda g: seen.append(np.asarray(g)))) ** 2).sum(), Z
    )
    assert_same(seen[1], seen[0].resolve_conj())


def test_what_hook_refuses() -> None:
    def wrong(g: Any) -> Any:
        return g[:1]

    x = torch.ones(3, requires_grad=True)
    y = x * 1
    y.register_hook(wrong)
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        y.sum().backward()
    with pytest.raises(RuntimeError, match=r"hook_fn 'wrong' has changed the size of value: from"):
        jax.grad(lambda x: grad.hook(x, wrong).sum())(np.ones(3))
    with pytest.raises(RuntimeError, match="has changed the type of value: from float64 to float3"):
        jax.grad(lambda x: grad.hook(x, lambda g: g.astype("float32")).sum())(np.ones(3))
    with pytest.raises(TypeError, match="must return an array or None, got <class 'str'>"):
        jax.grad(lambda x: grad.hook(x, lambda g: "g").sum())(np.ones(3))
    with pytest.raises(TypeError, match="hook: x must be an array, got <class 'float'>"):
        grad.hook(3.0, wrong)
    with pytest.raises(TypeError, match="hook: hook_fn must be a function, got int"):
        grad.hook(np.ones(3), 3)  # type: ignore[arg-type]
    assert grad.hook(np.arange(3), wrong).dtype == "int64"
