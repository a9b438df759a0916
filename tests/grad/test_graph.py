"""The graph, walked side by side with PyTorch's ``grad_fn``."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from jax import lax

import conv
import custom_vjp
import grad
from grad import graph

X = np.array([[0.3, 1.2], [2.5, 0.7]])
Y = np.array([[1.5, -0.5], [0.25, 2.0]])


def walk_together(ours, theirs, leaves):
    """Compare two graphs node by node, and the leaves by the variable they hold."""
    if theirs is None:
        assert ours is None
        return
    assert ours is not None
    name = type(theirs).__name__
    assert ours.name == name
    if name == "AccumulateGrad":
        which = next(i for i, (_, t) in enumerate(leaves) if t is theirs.variable)
        assert ours.variable is leaves[which][0]
    assert len(ours.next_functions) == len(theirs.next_functions)
    for (a, i), (b, j) in zip(ours.next_functions, theirs.next_functions, strict=True):
        assert i == j
        walk_together(a, b, leaves)


def check(ours, theirs, *values):
    arrays = [jnp.asarray(v) for v in values]
    tensors = [torch.tensor(v, requires_grad=True) for v in values]
    theirs_fn = theirs(*tensors).grad_fn
    walk_together(graph(ours, *arrays).grad_fn, theirs_fn, list(zip(arrays, tensors, strict=True)))


def both(func):
    return func, func


@pytest.mark.parametrize(
    ("ours", "theirs", "values"),
    [
        (*both(lambda x: x - 2), [X]),
        (*both(lambda x: ((x - 2) * (x - 2) * 3).mean()), [X]),
        (*both(lambda x: 3 * x + 1), [X]),
        (*both(lambda x: 2 - x), [X]),
        (*both(lambda x: 1 + x * 2), [X]),
        (*both(lambda x: -x / 3), [X]),
        (*both(lambda x, y: x * y + x / y - y), [X, Y]),
        (*both(lambda x: x + x[0]), [X]),
        (*both(lambda x: x[0, 1] * 2), [X]),
        (*both(lambda x: x[0:1]), [X]),
        (*both(lambda x: x[-1]), [X]),
        (*both(lambda x: x**2), [X]),
        (*both(lambda x: x**0.5), [X]),
        (*both(lambda x: 2.0**x), [X]),
        (*both(lambda x, y: x**y), [X, Y]),
        (*both(lambda x, y: x @ y), [X, Y]),
        (*both(lambda x, y: x @ y[0]), [X, Y]),
        (*both(lambda x, y: x @ y), [X[0], Y[0]]),
        (*both(lambda x: x.T), [X]),
        (*both(lambda x: x.reshape(4)), [X]),
        (*both(lambda x: x[None]), [X]),
        (*both(lambda x: x.sum()), [X]),
        (*both(lambda x: x.sum(0)), [X]),
        (*both(lambda x: x.sum() / 2), [X]),
        (*both(lambda x: x.mean(0)), [X]),
        (*both(lambda x: x.prod()), [X]),
        (lambda x: jnp.sum(x, 0, keepdims=True), lambda x: x.sum(0, keepdim=True), [X]),
        (lambda x: jnp.mean(x, 0, keepdims=True), lambda x: x.mean(0, keepdim=True), [X]),
        (*both(lambda x: x.max()), [X]),
        (lambda x: x.max(0), lambda x: x.amax(0), [X]),
        (lambda x: x.min(0), lambda x: x.amin(0), [X]),
        (lambda x: x.astype(np.float32), lambda x: x.float(), [X]),
        (lambda x: jnp.clip(x, 0, 1), lambda x: x.clamp(0, 1), [X]),
        (lambda x: lax.clamp(0.0, x, 1.0), lambda x: x.clamp(0, 1), [X]),
        (
            lambda x, y: jnp.where(x > 0, x * 1, y),
            lambda x, y: torch.where(x > 0, x * 1, y),
            [X, Y],
        ),
        (
            lambda x, y: lax.select(x > 0, x * 1, y),
            lambda x, y: torch.where(x > 0, x * 1, y),
            [X, Y],
        ),
        (lambda x, y: jnp.maximum(x, y), torch.maximum, [X, Y]),
        (lambda x, y: jnp.minimum(x, y), torch.minimum, [X, Y]),
        (lambda x, y: jnp.concatenate([x, y]), lambda x, y: torch.cat([x, y]), [X, Y]),
        (lambda x, y: jnp.stack([x, y]), lambda x, y: torch.stack([x, y]), [X, Y]),
        (lambda x: x[jnp.array([0, 1])], lambda x: x[torch.tensor([0, 1])], [X]),
        (lambda x: jnp.flip(x, 0), lambda x: x.flip(0), [X]),
        (lambda x: jnp.pad(x, 1), lambda x: torch.nn.functional.pad(x, (1, 1, 1, 1)), [X]),
        (lambda x: jnp.sort(x), lambda x: x.sort()[0], [X]),
        (lambda x: jnp.cumsum(x, 0), lambda x: x.cumsum(0), [X]),
        (lambda x: jnp.var(x), lambda x: x.var(correction=0), [X]),
        (lambda x: jnp.linalg.norm(x), lambda x: x.norm(), [X]),
        (lambda x: jnp.broadcast_to(x, (3, 2, 2)), lambda x: x.expand(3, 2, 2), [X]),
        (lambda x: lax.stop_gradient(x) * x, lambda x: x.detach() * x, [X]),
        (lambda x: x.astype(int) * x, lambda x: x.long() * x, [X]),
        (lambda x, y: lax.complex(x, y), torch.complex, [X, Y]),
        (jax.nn.relu, torch.relu, [X]),
        (jax.nn.log_softmax, lambda x: x.log_softmax(-1), [X]),
        (jax.nn.softplus, torch.nn.functional.softplus, [X]),
        (jax.nn.leaky_relu, torch.nn.functional.leaky_relu, [X]),
        (lambda x: jax.nn.softmax(x) @ x, lambda x: x.softmax(-1) @ x, [X]),
        (lambda x: jax.nn.logsumexp(x, 0), lambda x: x.logsumexp(0), [X]),
        (jax.nn.gelu, lambda x: torch.nn.functional.gelu(x, approximate="tanh"), [X]),
        (jax.nn.relu6, torch.nn.functional.relu6, [X]),
        (jax.nn.hard_tanh, torch.nn.functional.hardtanh, [X]),
        (jax.nn.hard_sigmoid, torch.nn.functional.hardsigmoid, [X]),
        (jax.nn.hard_swish, torch.nn.functional.hardswish, [X]),
        (jax.nn.celu, torch.nn.functional.celu, [X]),
        (jax.nn.glu, torch.nn.functional.glu, [X]),
        (jax.nn.mish, torch.nn.functional.mish, [X]),
        (jax.nn.silu, torch.nn.functional.silu, [X]),
        (jax.nn.log_sigmoid, torch.nn.functional.logsigmoid, [X]),
        (lambda x: jnp.hypot(x, x * 2), lambda x: torch.hypot(x, x * 2), [X]),
        (lambda x: jnp.logaddexp(x, x), lambda x: torch.logaddexp(x, x), [X]),
        (lambda x: jnp.roll(x, 1, 0), lambda x: x.roll(1, 0), [X]),
        (lambda x: jnp.tile(x, (2, 1)), lambda x: x.repeat(2, 1), [X]),
        (jnp.trace, torch.trace, [X]),
        (
            lambda x: jnp.take_along_axis(x, jnp.array([[0], [1]]), 1),
            lambda x: x.gather(1, torch.tensor([[0], [1]])),
            [X],
        ),
        (
            lambda x: jnp.take(x, jnp.array([0, 1]), axis=0),
            lambda x: x.index_select(0, torch.tensor([0, 1])),
            [X],
        ),
        (
            lambda x, w: lax.conv_general_dilated(x, w, (1,), "VALID") * 2,
            lambda x, w: torch.nn.functional.conv1d(x, w) * 2,
            [np.ones((1, 2, 5)), np.ones((3, 2, 3))],
        ),
    ],
)
def test_walks_like_torch(ours, theirs, values):
    check(ours, theirs, *values)


IMAGE, KERNEL, BIAS = np.ones((1, 2, 6, 6)), np.ones((3, 2, 2, 2)), np.ones(3)


@pytest.mark.parametrize(
    ("name", "call", "values"),
    [
        ("conv2d", lambda f, x, w, b: f(x, w, b, padding=1), [IMAGE, KERNEL, BIAS]),
        ("conv2d", lambda f, x, w: f(x * 2, w) * 3, [IMAGE, KERNEL]),
        (
            "conv2d",
            lambda f, x: f(x, x.detach() if hasattr(x, "detach") else lax.stop_gradient(x)),
            [IMAGE[0:1, 0:1]],
        ),
        ("conv1d", lambda f, x, w, b: f(x, w, b), [IMAGE[:, :, 0], KERNEL[:, :, 0], BIAS]),
        ("conv_transpose2d", lambda f, x, w, b: f(x, w, b), [IMAGE, KERNEL[:2], BIAS[:2]]),
        ("max_pool2d", lambda f, x: f(x, 2), [IMAGE]),
        ("max_pool2d", lambda f, x: f(f(x, 2), 2), [IMAGE]),
        ("avg_pool2d", lambda f, x: f(x, 2) * x[0, 0, 0, 0], [IMAGE]),
        ("adaptive_avg_pool2d", lambda f, x: f(x, 2), [IMAGE]),
        ("adaptive_max_pool2d", lambda f, x: f(x, (3, 2)), [IMAGE]),
        ("unfold", lambda f, x: f(x, 2), [IMAGE]),
        ("fold", lambda f, x: f(x, (3, 3), 2), [np.ones((1, 4, 4))]),
        ("pad", lambda f, x: f(x, (1, 1, 2, 0)), [IMAGE]),
        ("pad", lambda f, x: f(x, (1, 1, 2, 1), "reflect"), [IMAGE]),
        ("pad", lambda f, x: f(x, (1, 1, 2, 1), "replicate"), [IMAGE]),
    ],
)
def test_this_packages_functions_are_one_node_as_in_torch(name, call, values):
    functional = torch.nn.functional

    def ours(*args):
        return call(getattr(conv, name), *args)

    def theirs(*args):
        return call(getattr(functional, name), *args)

    check(ours, theirs, *values)


class Net(nnx.Module):
    """A small ConvNet."""

    def __init__(self, rngs):
        self.conv1 = conv.Conv2d(1, 4, 3, rngs=rngs)
        self.conv2 = conv.Conv2d(4, 8, 3, rngs=rngs)
        self.linear = nnx.Linear(200, 10, rngs=rngs)

    def __call__(self, x):
        x = conv.max_pool2d(jax.nn.relu(self.conv1(x)), 2)
        x = conv.max_pool2d(jax.nn.relu(self.conv2(x)), 2)
        return jax.nn.log_softmax(self.linear(x.reshape(x.shape[0], -1)))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, 1) for name in ("abs", "digamma", "lgamma", "logit")),
        *((name, 1) for name in ("relu", "leaky_relu", "hardtanh", "softplus", "gelu")),
        *((name, 2) for name in ("maximum", "minimum", "fmax", "fmin", "copysign", "hypot")),
        *((name, 2) for name in ("atan2", "logaddexp", "logaddexp2", "xlogy")),
    ],
)
def test_functions_of_this_package_are_one_node(name, count):
    twin = getattr(torch, name, None) or getattr(torch.nn.functional, name)
    check(getattr(custom_vjp.functional, name), twin, *[X / 4, Y][:count])


def test_norms_are_one_node():
    check(
        lambda x: custom_vjp.functional.vector_norm(x * 2, dim=1),
        lambda x: torch.linalg.vector_norm(x * 2, dim=1),
        X,
    )


def torch_loss(x, w1, b1, w2, b2, w, b, labels):
    functional = torch.nn.functional
    x = functional.max_pool2d(functional.conv2d(x, w1, b1).relu(), 2)
    x = functional.max_pool2d(functional.conv2d(x, w2, b2).relu(), 2)
    x = functional.linear(x.view(x.shape[0], -1), w, b).log_softmax(1)
    return -x.gather(1, labels).mean()


def torch_names(fn, skip):
    """The names behind a node, by depth first, without those to skip."""
    if fn is None:
        return ["None"]
    name = getattr(fn, "name", "")
    name = name if isinstance(name, str) and name else type(fn).__name__
    below = [found for parent, _ in fn.next_functions for found in torch_names(parent, skip)]
    return below if name in skip else [name, *below]


def test_a_convnet_has_torchs_nodes():
    labels = np.array([[3], [7]])

    def loss(net, x):
        return -jnp.take_along_axis(net(x), jnp.asarray(labels), 1).mean()

    g = graph(loss, Net(nnx.Rngs(0)), jnp.ones((2, 1, 28, 28), jnp.float32))
    shapes = [(2, 1, 28, 28), (4, 1, 3, 3), (4,), (8, 4, 3, 3), (8,), (10, 200), (10,)]
    tensors = [torch.ones(s, requires_grad=True) for s in shapes]
    expected = torch_loss(*tensors, torch.tensor(labels)).grad_fn
    skip = ("TBackward0",)  # flax stores the weight of a linear layer transposed
    assert torch_names(g.grad_fn, skip) == torch_names(expected, skip)
    assert len(g.nodes) == 19
    assert {leaf.label for leaf in g.leaves} >= {"x", "net.conv1.weight", "net.linear.bias"}


def test_pieces_show_in_the_graph_of_a_gradient():
    def loss(x):
        return (jax.nn.softmax(x) ** 2).sum()

    names = {node.name for node in graph(jax.grad(loss), jnp.asarray(X)).nodes}
    assert "ExpBackward0" in names
    assert "SoftmaxBackward0" not in names


@pytest.mark.parametrize(
    "name",
    [
        *("exp", "exp2", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "sinh", "cosh"),
        *("arcsin", "arctan", "sqrt", "abs", "sign", "floor", "ceil", "round"),
    ],
)
def test_elementwise_functions_have_torchs_names(name):
    torch_name = {"arcsin": "asin", "arctan": "atan"}.get(name, name)
    check(getattr(jnp, name), getattr(torch, torch_name), X / 10)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lax.rsqrt, torch.rsqrt),
        (jax.nn.sigmoid, torch.sigmoid),
        (lax.erf, torch.erf),
        (lax.lgamma, torch.lgamma),
        (lax.digamma, torch.digamma),
        (lax.erf_inv, torch.erfinv),
    ],
)
def test_special_functions_have_torchs_names(ours, theirs):
    check(ours, theirs, np.abs(X) / 10)


def test_the_lectures_walk():
    x = jnp.asarray(X)
    t = torch.tensor(X, requires_grad=True)
    y = graph(lambda x: x - 2, x)
    assert y.grad_fn.name == type((t - 2).grad_fn).__name__ == "SubBackward0"
    assert y.grad_fn.next_functions[0][0].variable is x
    assert (t - 2).grad_fn.next_functions[0][0].variable is t
    assert graph(lambda x: x, x).grad_fn is None
    assert t.grad_fn is None
    with pytest.raises(AttributeError):
        _ = y.grad_fn.variable


def test_the_lectures_graph():
    g = graph(grad.mean_of_squares, jnp.asarray(X))
    t = torch.tensor(X, requires_grad=True)
    y = t - 2
    walk_together(g.grad_fn, (y * y * 3).mean().grad_fn, [(g.leaves[0].variable, t)])
    assert [node.op for node in g.nodes] == ["", "sub", "mul", "mul", "mean"]
    assert [node.short for node in g.nodes] == ["x", "Sub", "Mul", "Mul", "Mean"]
    sub = g.nodes[1]
    assert [node for node, _ in g.nodes[2].next_functions] == [sub, sub]
    assert repr(g) == "<Graph of mean_of_squares: 5 nodes, grad_fn=MeanBackward0>"
    assert "#2 MulBackward0 (2, 2) <- #1, #1" in str(g)


def test_custom_functions_are_named_as_torch_names_them():
    @jax.custom_vjp
    def add(a, b):
        return a + b

    add.defvjp(lambda a, b: (a + b, None), lambda _, g: (g, g))

    class Add(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return g, g

    found = graph(lambda x, y: add(x * 2, y), jnp.asarray(X), jnp.asarray(Y)).grad_fn
    t = torch.tensor(X, requires_grad=True)
    expected = Add.apply(t * 2, torch.tensor(Y, requires_grad=True)).grad_fn
    assert found.name.lower() == type(expected).__name__.lower() == "addbackward"
    assert found.op == "custom_vjp_call"
    assert [n.name for n, _ in found.next_functions] == [
        type(n).__name__ for n, _ in expected.next_functions
    ]


def test_blocks_are_single_nodes_with_their_functions_name():
    x = jnp.asarray(X)

    def step(carry, row):
        return carry * row, carry

    def double(y):
        return y * 2

    def halve(y):
        return y / 2

    scanned = graph(lambda x: lax.scan(step, x[0], x), x)
    last, stacked = scanned.grad_fns
    assert last is stacked
    assert last.name == "scan[step]"
    assert scanned.output_indices == (0, 1)
    with pytest.raises(ValueError, match="2 outputs"):
        _ = scanned.grad_fn
    taken = graph(lambda x: lax.cond(x[0, 0] > 0, double, halve, x), x).grad_fn
    assert taken.name == "cond[double|halve]"
    assert taken.next_functions[0][0].variable is x
    loop = graph(lambda x: lax.while_loop(lambda y: y.sum() < 9, double, x), x).grad_fn
    assert loop.name == "while[double]"
    loop = graph(lambda x: grad.while_loop(lambda y: y.sum() < 9, double, x), x).grad_fn
    assert loop.name == "while_loop[double]"
    assert loop.next_functions[0][0].variable is x
    assert graph(jax.jit(double), x).grad_fn.name == "jit[double]"
    assert graph(jax.checkpoint(double), x).grad_fn.name == "checkpoint[double]"
    mapped = graph(lambda x: jax.jit(lambda x: (x.sum(), jnp.ones(2)))(x)[1] * 2, x)
    assert mapped.grad_fn is None


def test_arguments_that_are_not_tracked():
    x = jnp.asarray(X)
    g = graph(lambda p, n, k, f: f(p["w"]) * n[0] * k, {"w": x}, jnp.arange(2), 3.0, jnp.sin)
    assert [leaf.label for leaf in g.leaves] == ["p['w']"]
    assert g.leaves[0].variable is x
    assert [node.name for node in g.nodes] == [
        "AccumulateGrad",
        "SinBackward0",
        "MulBackward0",
        "MulBackward0",
    ]
    assert g.grad_fn.next_functions[1] == (None, 0)


def test_works_on_tracers_and_refuses_python_branches():
    seen = []

    @jax.jit
    def run(x):
        seen.append(graph(grad.mean_of_squares, x).grad_fn.name)
        return x

    run(X)
    assert seen == ["MeanBackward0"]
    with pytest.raises(jax.errors.ConcretizationTypeError) as info:
        graph(lambda x: x if x.sum() > 0 else -x, jnp.asarray(X))
    assert "jax.lax" in "".join(info.value.__notes__)
    with pytest.raises(TypeError, match="given to graph"):
        graph(lambda x: 3.0, jnp.asarray(X))
