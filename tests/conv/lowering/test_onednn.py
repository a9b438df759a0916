"""oneDNN's calls: right wherever they are asked for, and never asked for what ends the process."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax import lax
from jax.interpreters import ad

import conv
from conv.lowering import _rule
from conv.lowering._method import Choice
from conv.lowering.cpu import CPU
from conv.lowering.methods import onednn
from conv.lowering.methods.onednn import ONEDNN
from convgrad import _jax
from convgrad._jax import ONEDNN as NAME
from tests.conv.lowering.test_method import PLAIN
from tests.support.agree import draw, to_torch
from tests.support.lowerings import lowering_for_cpu

pytestmark = pytest.mark.skipif(
    not onednn.available(), reason="this jaxlib has no oneDNN, or it is switched off"
)
ROOT = Path(__file__).parents[3]


def always(problem: Any) -> Any:
    """Choose oneDNN wherever it may be asked."""
    if problem.role != "weight" and ONEDNN.serves(problem):
        return Choice(ONEDNN, "asked for in a test")
    return CPU.choose(problem)


@pytest.fixture
def everywhere() -> Iterator[None]:
    with lowering_for_cpu(replace(CPU, choose=always)):
        yield


def conv2d(x: Any, w: Any) -> Any:
    return conv.conv2d(x, w, padding=1)


X, W = draw(0, (2, 16, 9, 8), "float32"), draw(1, (24, 16, 3, 3), "float32")


def text(function: Any, *args: Any) -> str:
    return jax.jit(lambda *a: function(*a)).lower(*args).as_text()


def agrees(found: Any, x: np.ndarray = X, w: np.ndarray = W, **arguments: Any) -> None:
    arguments = arguments or {"padding": 1}
    right = torch.nn.functional.conv2d(to_torch(x), to_torch(w), **arguments).numpy()
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * np.abs(right).max())


# One process walks through the table: what oneDNN refuses would end it. It prints its kernels:
# where it has none, it copies windows and multiplies ("gemm"), which may never return.
WALK = """
import itertools, sys
import numpy as np, torch, jax
from dataclasses import replace
import jax.numpy as jnp
from jax import lax
import conv
from conv.lowering._method import Choice
from conv.lowering.cpu import CPU
from conv.lowering.methods import onednn
from tests.conv.lowering.test_onednn import always
from tests.support.lowerings import counting, lowering_for_cpu

platform, used = counting(replace(CPU, choose=always))

def last(x, w, stride, padding, dilation, groups):
    names = ("N" + "DHW"[-len(stride):] + "C", "DHW"[-len(stride):] + "IO")
    kernel = jnp.moveaxis(w, (0, 1), (-1, -2))
    with conv.accelerate():
        y = lax.conv_general_dilated(
            jnp.moveaxis(x, 1, -1), kernel, stride, [(p, p) for p in padding],
            rhs_dilation=dilation, dimension_numbers=(*names, names[0]), feature_group_count=groups,
        )
    return jnp.moveaxis(y, -1, 1)

rng = np.random.default_rng(int(sys.argv[1]))
dtype = sys.argv[3]
close = 2e-5 if dtype == "float32" else 1e-2
draw = lambda shape: jnp.asarray(rng.standard_normal(shape), dtype)
as_torch = lambda a: torch.tensor(np.asarray(a, "float64"))
torch.set_num_threads(1)
done = 0
with lowering_for_cpu(platform):
    for dims in (1, 2, 3) if dtype == "float32" else (2,):
        for _ in range(int(sys.argv[2])):
            one = lambda low, high: tuple(int(n) for n in rng.integers(low, high, dims))
            groups = int(rng.choice([1, 1, 2, 3, 8]))
            sizes = ([1, 2, 3, 8, 16], [1, 2, 5, 16])
            if dtype == "bfloat16":  # which it takes of 8 channels and more, or depthwise
                groups = int(rng.choice([1, 1, 1, 2, 8, 11]))
                sizes = ([1], [1]) if groups >= 8 else ([2, 8, 9, 16, 33], [8, 16, 23])
            ins, outs = (int(rng.choice(few)) for few in sizes)
            kernel, stride, dilation = one(1, 6), one(1, 4), one(1, 4)
            if rng.random() < 0.4: stride = (1,) * dims
            if rng.random() < 0.5: dilation = (1,) * dims
            padding = one(0, 7)
            reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
            space = tuple(max(1, r - 2 * p + int(n)) for r, p, n in zip(reach, padding, one(0, 9)))
            batch = int(rng.choice([1, 2, 5]))
            up = rng.random() < 0.3
            x = draw((batch, groups * ins, *space))
            shape = (groups * ins, outs, *kernel) if up else (groups * outs, ins, *kernel)
            w = draw(shape)
            name = f"conv_transpose{dims}d" if up else f"conv{dims}d"
            given = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
            tensors = [as_torch(a).requires_grad_() for a in (x, w)]
            try:
                right = getattr(torch.nn.functional, name)(*tensors, **given)
            except RuntimeError:
                continue  # no output at all
            g = draw(tuple(right.shape))
            (dx,) = torch.autograd.grad(right, tensors[0], as_torch(g))
            call = lambda x, w: getattr(conv, name)(x, w, **given)
            if not up and rng.random() < 0.5:
                call = lambda x, w: last(x, w, stride, padding, dilation, groups)
            both = lambda x, w, g: (call(x, w), jax.vjp(lambda x: call(x, w), x)[1](g)[0])
            found = jax.jit(both)(x, w, g)
            for mine, theirs in zip(found, (right, dx)):
                theirs = theirs.detach().numpy()
                mine = np.asarray(mine, "float64")
                np.testing.assert_allclose(mine, theirs, rtol=0, atol=close * np.abs(theirs).max())
            done += 1
print(done, used["forward", "onednn"], used["transposed", "onednn"])
"""


def walk(seed: int, count: int, isa: str, dtype: str = "float32") -> None:
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(seed), str(count), dtype],
        cwd=ROOT,
        env={**os.environ, "ONEDNN_VERBOSE": "1", "ONEDNN_MAX_CPU_ISA": isa},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *told, counts = done.stdout.splitlines()
    total, forward, transposed = map(int, counts.split())
    kernels = {line.split(",")[6] for line in told if ",exec,cpu,convolution," in line}
    assert kernels
    assert not [kernel for kernel in kernels if "gemm" in kernel or "ref" in kernel]
    assert total > count // 2
    if dtype == "bfloat16":
        assert forward > count // 4
        assert transposed > 0
        return
    assert total > count
    assert forward > count
    if isa == "ALL" and _jax.has_avx512():  # channels first, too, where a derivative is taken
        assert transposed > count // 5


@pytest.mark.parametrize("isa", ["ALL", "AVX2"])
def test_the_table_of_what_it_takes(isa: str) -> None:
    walk(0, 12, isa)


@pytest.mark.long
@pytest.mark.parametrize("isa", ["ALL", "AVX2"])
@pytest.mark.parametrize("seed", range(1, 9))
def test_the_table_at_length(seed: int, isa: str) -> None:
    walk(seed, 120, isa)


with_amx = pytest.mark.skipif(not _jax.has_amx(), reason="oneDNN has no kernels for bfloat16")


@with_amx
def test_the_table_in_bfloat16() -> None:
    walk(0, 40, "ALL", "bfloat16")


# Input, weight, arguments, and the methods: forward, weights, inputs.
IN_BFLOAT16: dict[str, tuple[Any, Any, dict[str, Any], list[str]]] = {
    "dense": ((2, 16, 9, 8), (24, 16, 3, 3), {"padding": 1},
              ["onednn", "onednn_columns", "onednn"]),
    "tall": ((2, 16, 90, 8), (16, 16, 3, 3), {"padding": 1},
             ["onednn", "onednn_split_columns", "onednn"]),
    "pointwise": ((2, 32, 24, 23), (24, 32, 1, 1), {"stride": 2},
                  ["onednn", "onednn_rows", "onednn"]),
    "strided": ((2, 16, 12, 12), (24, 16, 3, 3), {"stride": 2, "padding": 1},
                ["onednn", "onednn_columns", "onednn"]),
    "depthwise": ((2, 16, 9, 8), (16, 1, 3, 3), {"padding": 1, "groups": 16},
                  ["onednn", "depthwise", "onednn"]),
    "of few channels": ((2, 3, 19, 18), (24, 3, 3, 3), {},
                        ["onednn_in_float32", "onednn_columns", "onednn_in_float32"]),
    "groups": ((2, 16, 9, 8), (16, 8, 3, 3), {"groups": 2},
               ["onednn_in_float32", "product_a_group", "onednn_in_float32"]),
    "frames": ((2, 16, 5, 9, 8), (24, 16, 1, 3, 3), {"padding": (0, 1, 1)},
               ["in_two_dimensions", "in_two_dimensions", "in_two_dimensions"]),
    "frames, strided": ((1, 16, 5, 12, 12), (24, 16, 1, 3, 3),
                        {"padding": (0, 1, 1), "stride": (2, 2, 2)},
                        ["in_two_dimensions", "in_two_dimensions", "onednn_in_float32"]),
    "frames, strided themselves": ((1, 16, 5, 12, 12), (24, 16, 1, 3, 3),
                                   {"padding": (0, 1, 1), "stride": (1, 2, 2)},
                                   ["in_two_dimensions", "in_two_dimensions", "in_two_dimensions"]),
    "depth": ((2, 16, 6, 5, 7), (24, 16, 3, 1, 1), {"padding": (1, 0, 0)},
              ["in_two_dimensions", "in_two_dimensions", "in_two_dimensions"]),
    "depth, strided": ((1, 16, 8, 5, 7), (24, 16, 3, 1, 1),
                       {"padding": (1, 0, 0), "stride": (2, 1, 1)},
                       ["in_two_dimensions", "in_two_dimensions", "product"]),
    "volume": ((1, 16, 5, 6, 7), (24, 16, 3, 3, 3), {"padding": 1},
               ["onednn_in_float32", "volume", "onednn_in_float32"]),
}  # fmt: skip


@with_amx
@pytest.mark.parametrize("case", IN_BFLOAT16.values(), ids=IN_BFLOAT16)
def test_layers_in_bfloat16(case: Any) -> None:
    """Sums in float32, rounded once: half a unit of the last of eight bits from float64's."""
    shape, weight, arguments, methods = case
    x, w = (jnp.asarray(draw(i, s), jnp.bfloat16) for i, s in enumerate((shape, weight)))
    tensors = [to_torch(np.asarray(a, "float64"), requires_grad=True) for a in (x, w)]
    name = f"conv{len(shape) - 2}d"
    right = getattr(torch.nn.functional, name)(*tensors, **arguments)
    g = jnp.asarray(draw(2, tuple(right.shape)), jnp.bfloat16)
    back = torch.autograd.grad(right, tensors, to_torch(np.asarray(g, "float64")))

    def both(x: Any, w: Any, g: Any) -> Any:
        y, pull = jax.vjp(lambda x, w: getattr(conv, name)(x, w, **arguments), x, w)
        return y, *pull(g)

    for mine, theirs in zip(jax.jit(both)(x, w, g), (right, *back), strict=True):
        theirs = theirs.detach().numpy()
        assert mine.dtype == jnp.bfloat16
        limit = 2**-8 * np.abs(theirs) + 1e-4 * np.abs(theirs).max()
        assert (np.abs(np.asarray(mine, "float64") - theirs) <= limit).all()
    assert [r.method for r in conv.routes(both, x, w, g)] == methods


@with_amx
def test_sums_that_are_asked_for_are_not_rounded() -> None:
    """`preferred_element_type=float32`: another method's, as oneDNN would round."""
    x, w = (jnp.asarray(draw(i, s), jnp.bfloat16) for i, s in enumerate(((2, 16, 9, 8), W.shape)))
    with conv.accelerate():
        y = jax.jit(
            lambda x, w: lax.conv(x, w, (1, 1), "SAME", preferred_element_type=jnp.float32)
        )(x, w)
    assert y.dtype == jnp.float32
    right = torch.nn.functional.conv2d(
        *(to_torch(np.asarray(a, "float64")) for a in (x, w)), padding=1
    ).numpy()
    np.testing.assert_allclose(y, right, rtol=0, atol=1e-5 * np.abs(right).max())


@with_amx
@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 9))
def test_the_table_in_bfloat16_at_length(seed: int) -> None:
    walk(seed, 120, "ALL", "bfloat16")


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({"padding": ((3, 3), (1, 1))}, True),  # padded before: it has no kernel for that
        ({"in_channels": 16, "groups": 16, "out_channels": 16}, True),
        ({"in_channels": 16, "groups": 16, "out_channels": 16, "dilation": (2, 1)}, False),
    ],
)
def test_what_it_has_no_kernel_for(change: dict[str, Any], taken: bool) -> None:
    assert onednn.takes(replace(PLAIN, onednn=True, channels_last=True, **change)) is taken


@pytest.mark.parametrize(
    ("variables", "available", "first"),
    [
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, True, False),
        ({"DNNL_MAX_CPU_ISA": "AVX2_VNNI"}, True, False),
        ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, False, False),
    ],
)
def test_what_the_processor_may_do(
    variables: dict[str, str], available: bool, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _jax.has_onednn() is available
    assert _jax.has_avx512.__wrapped__() is first


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "float64"},
        {"dtype": "float16"},
        {"dtype": "bfloat16"},
        {"batch": 0},
        {"space": (0, 8)},
        {"in_channels": 0},
        {"spread": (2, 1)},
        {"onednn": False},
    ],
)
def test_what_it_is_not_asked_for(change: dict[str, Any]) -> None:
    there = replace(PLAIN, onednn=True, channels_last=True)
    assert ONEDNN.serves(there)
    assert not ONEDNN.serves(replace(there, **change))


@pytest.mark.usefixtures("everywhere")
def test_programs_for_export_do_not_name_it() -> None:
    assert NAME in text(conv2d, X, W)
    for platforms in (("cpu",), ("cpu", "cuda", "tpu")):
        exported = jax.export.export(jax.jit(conv2d), platforms=platforms)(X, W)
        assert NAME not in exported.mlir_module()
        agrees(jax.export.deserialize(exported.serialize()).call(X, W))


@pytest.mark.usefixtures("everywhere")
def test_negative_padding_is_cropped_before() -> None:
    def cropped(x: jax.Array, w: jax.Array) -> jax.Array:
        with conv.accelerate():
            return lax.conv_general_dilated(x, w, (1, 1), [(-2, 1), (1, -3)])

    assert NAME in text(cropped, X, W)
    right = conv.pad(X, (1, -3, -2, 1))
    agrees(cropped(X, W), np.asarray(right), W, padding=0)


@pytest.mark.usefixtures("everywhere")
def test_float64_and_empty_batches_go_another_way() -> None:
    x, w = X.astype("float64"), W.astype("float64")
    assert NAME not in text(conv2d, x, w)
    agrees(conv2d(x, w), x, w)
    assert conv2d(X[:0], W).shape == (0, 24, 9, 8)


@pytest.mark.usefixtures("everywhere")
def test_a_batch_of_one_and_one_of_a_thousand() -> None:
    for batch in (1, 1000):
        x = draw(2, (batch, 3, 5, 6), "float32")
        w = draw(3, (4, 3, 3, 3), "float32")
        agrees(jax.jit(conv2d)(x, w), x, w)


@pytest.mark.usefixtures("everywhere")
def test_in_a_loop_and_mapped() -> None:
    xs = np.stack([X, 2 * X, -X])
    scanned = jax.jit(lambda xs: lax.scan(lambda c, x: (c, conv2d(x, W)), None, xs)[1])
    mapped = jax.jit(jax.vmap(conv2d, (0, None)))
    both = jax.jit(jax.vmap(conv2d))
    ws = np.stack([W, W[::-1], -W])
    assert NAME in text(scanned, xs)
    for i in range(3):
        agrees(scanned(xs)[i], xs[i])
        agrees(mapped(xs, W)[i], xs[i])
        agrees(both(xs, ws)[i], xs[i], ws[i])


@pytest.mark.usefixtures("everywhere")
def test_under_shard_map() -> None:
    mesh = jax.make_mesh((1,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("batch")
    mapped = jax.shard_map(conv2d, mesh=mesh, in_specs=(spec, jax.P()), out_specs=spec)
    assert NAME in text(mapped, X, W)
    agrees(jax.jit(mapped)(X, W))


@pytest.mark.usefixtures("everywhere")
def test_two_threads_at_once() -> None:
    program = jax.jit(conv2d).lower(X, W).compile()
    failures: list[BaseException] = []

    def work(scale: float) -> None:
        try:
            for _ in range(20):
                agrees(program(scale * X, W), np.float32(scale) * X)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(scale,)) for scale in (1.0, -2.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_channels_last_arrays_are_not_copied() -> None:
    """Flax's arrays come as oneDNN wants them."""

    def last(x: jax.Array, w: jax.Array) -> jax.Array:
        with conv.accelerate():
            return lax.conv_general_dilated(
                x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )

    x, w = X.transpose(0, 2, 3, 1), W.transpose(2, 3, 1, 0)
    compiled = jax.jit(last).lower(x, w).compile().as_text()
    assert NAME in compiled
    assert "f32[2,9,8,16]{3,2,1,0} copy" not in compiled
    assert "f32[2,9,8,24]{3,2,1,0} copy" not in compiled
    agrees(np.asarray(last(x, w)).transpose(0, 3, 1, 2))


def gradients_of_last(x: Any, w: Any, g: Any, **arguments: int) -> Any:
    """Return both gradients of a layer whose arrays have their channels last."""
    groups, stride = arguments.get("groups", 1), (arguments.get("stride", 1),) * 2

    def layer(x: Any, w: Any) -> Any:
        order = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            x, w, stride, [(1, 1)] * 2, dimension_numbers=order, feature_group_count=groups
        )

    with conv.accelerate():
        return jax.vjp(layer, x, w)[1](g)


@pytest.mark.skipif(not _jax.has_avx512(), reason="its products are for AVX-512 only")
@pytest.mark.parametrize(
    ("channels", "arguments", "methods"),
    [
        ((24, 24), {}, ["onednn_split_columns", "onednn"]),
        ((16, 16), {"groups": 8}, ["elementwise", "onednn"]),
        ((16, 16), {"groups": 16, "stride": 2}, ["depthwise", "onednn"]),
    ],
    ids=["dense", "groups", "depthwise"],
)
def test_gradients_of_channels_last_arrays(
    channels: tuple[int, int], arguments: dict[str, int], methods: list[str]
) -> None:
    c, o = channels
    groups = arguments.get("groups", 1)
    tensors = [
        torch.from_numpy(draw(seed, shape).astype("float32")).requires_grad_()
        for seed, shape in enumerate([(2, c, 50, 20), (o, c // groups, 3, 3)])
    ]
    y = torch.nn.functional.conv2d(*tensors, padding=1, **arguments)
    g = torch.from_numpy(draw(2, tuple(y.shape)).astype("float32"))
    rights = torch.autograd.grad(y, tensors, g)
    x, w, g = (a.detach().numpy() for a in (*tensors, g))
    arrays = [np.moveaxis(x, 1, -1), np.moveaxis(w, (1, 0), (-2, -1)), np.moveaxis(g, 1, -1)]

    def both(*arrays: Any) -> Any:
        return gradients_of_last(*arrays, **arguments)

    assert [r.method for r in conv.routes(both, *arrays)][1:] == methods
    dx, dw = both(*arrays)
    for found, right in (
        (np.moveaxis(dx, -1, 1), rights[0]),
        (np.moveaxis(dw, (-2, -1), (1, 0)), rights[1]),
    ):
        right = right.numpy()
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * np.abs(right).max())


@pytest.mark.skipif(not _jax.has_avx512(), reason="its products are for AVX-512 only")
def test_channels_last_arrays_are_turned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where columns are copied from them, from a copy whose channels come first."""
    x, w = np.zeros((2, 50, 20, 24), "float32"), np.zeros((3, 3, 24, 24), "float32")
    g = np.zeros((2, 50, 20, 24), "float32")
    turned = text(lambda *a: gradients_of_last(*a), x, w, g)
    assert turned.count("@LayoutConstraint") == 2
    monkeypatch.setattr(_jax, "_losses", {})
    monkeypatch.setattr("jax.experimental.layout.Layout", None)
    jax.clear_caches()
    with pytest.warns(RuntimeWarning, match="has moved the order of axes in memory"):
        assert "@LayoutConstraint" not in text(lambda *a: gradients_of_last(*a), x, w, g)


def chain(x: Any, w: Any) -> Any:
    y = jnp.tanh(conv.conv2d(jnp.tanh(x), w, padding=1))
    return conv.conv2d(y, w.swapaxes(0, 1), padding=1)


def test_between_convolutions_channels_are_innermost_in_memory() -> None:
    """Arrays are transposed where they come in and go out, and nowhere between."""
    compiled = jax.jit(chain).lower(X, W).compile().as_text()
    assert compiled.count(NAME) == 2
    calls = [line for line in compiled.splitlines() if NAME in line]
    assert all(re.search(r"= f32\[2,(24|16),9,8\]\{1,3,2,0\} custom-call", c) for c in calls)
    assert "f32[2,24,9,8]{3,2,1,0}" not in compiled
    right = torch.nn.functional.conv2d(to_torch(X).tanh(), to_torch(W), padding=1).tanh()
    back = to_torch(W.swapaxes(0, 1).copy())
    right = torch.nn.functional.conv2d(right, back, padding=1).numpy()
    np.testing.assert_allclose(chain(X, W), right, rtol=0, atol=1e-5 * np.abs(right).max())


def orders(function: Any, *args: Any) -> set[bool]:
    """Whether the calls of a program have another order of axes in memory than in their shapes."""
    calls = [line for line in text(function, *args).splitlines() if NAME in line]
    return {"dense<[1, 3, 2, 0]>" in line for line in calls}


@pytest.mark.skipif(not _jax.has_avx512(), reason="channels first are for AVX-512 only")
@pytest.mark.parametrize(
    "function",
    [
        jax.grad(lambda x, w: chain(x, w).sum()),
        jax.jit(jax.grad(jax.jit(lambda x, w: jax.checkpoint(chain)(x, w).sum()))),
        lambda x, w: jax.jvp(chain, (x, w), (x, w)),
        lambda x, w: jax.linearize(jax.jit(chain), x, w)[0],
        lambda x, w: jax.vmap(jax.grad(lambda x, w: chain(x, w).sum()), (0, None))(x[:, None], w),
        lambda x, w: jax.hessian(lambda s: chain(s * x, w).sum())(2.0),
    ],
)
def test_what_is_differentiated_keeps_its_order(function: Any) -> None:
    assert orders(function, X, W) == {False}


def test_what_is_not_differentiated_beside_what_is() -> None:
    def both(x: Any, w: Any) -> Any:
        fixed = chain(x, w)
        return jax.grad(lambda w: (chain(x, w) * fixed).sum())(w)

    assert orders(both, X, W) == ({True, False} if _jax.has_avx512() else {True})
    assert orders(lambda x, w: jax.vmap(chain, (0, None))(x[None], w), X, W) == {True}
    assert orders(lambda x, w: lax.scan(lambda c, x: (c, chain(x, w)), None, x[None])[1], X, W)


def of_argument(x: Any, w: Any) -> Any:
    return conv.conv2d(x, w, padding=1)


FIRST = np.zeros((24, 3, 3, 3), "float32")


@pytest.mark.skipif(not _jax.has_avx512(), reason="channels first are for AVX-512 only")
@pytest.mark.parametrize(
    ("function", "arrays", "innermost"),
    [
        (of_argument, (X, W), [False]),
        (lambda x, w: of_argument(of_argument(x, w), w.swapaxes(0, 1)), (X, W), [False, True]),
        (of_argument, (X[:, :3], FIRST), [True]),
        (of_argument, (X[:, :3], FIRST[:3]), [False]),
        (lambda x, w: of_argument(x + 1, w), (X, W), [True]),
        (lambda x, w: jax.jit(lambda *a: of_argument(*a))(x, w), (X, W), [True]),
        (lambda x, w: lax.map(lambda a: of_argument(a[None], w), x), (X, W), [True]),
        (lambda x, w: conv.conv_transpose2d(x, w, stride=2), (X, W.swapaxes(0, 1)), [False] * 4),
    ],
    ids=["alone", "two", "first layer", "filter", "computed", "call", "loop", "transposed"],
)
def test_convolutions_of_arguments_keep_their_order(
    function: Any, arrays: Any, innermost: list[bool]
) -> None:
    """By itself a convolution would pay for a copy at either end; a first layer leads to others."""
    calls = [line for line in text(function, *arrays).splitlines() if NAME in line]
    assert ["dense<[1, 3, 2, 0]>" in line for line in calls] == innermost
    for told in (conv.routes(function, *arrays), conv.routes(jax.jit(function), *arrays)):
        inner = [r.why.endswith("innermost in memory") for r in told]
        assert any(inner) == any(innermost)
        assert len(inner) != len(innermost) or inner == innermost


def test_what_an_argument_is() -> None:
    found = {}

    def note(name: str, value: Any) -> Any:
        found[name] = _jax.is_argument(value)
        return value

    @jax.jit
    def program(x: Any) -> Any:
        note("computed", x + 1)
        jax.jit(lambda a: note("of a call", a))(x)
        lax.map(lambda a: note("of a loop", a), x)
        jax.vmap(lambda a: note("mapped", a))(x)
        jax.grad(lambda a: note("differentiated", a).sum())(x)
        return note("of a program", x)

    program(note("known", jnp.asarray(X)))
    assert [name for name, whether in found.items() if whether] == ["known", "of a program"]
    assert len(found) == 7


def test_where_values_cannot_be_traced_back_channels_are_innermost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_jax, "_losses", {})
    jax.clear_caches()
    monkeypatch.setattr(_jax, "partial_eval", SimpleNamespace())
    with pytest.warns(RuntimeWarning, match="has moved the class of values in programs"):
        assert orders(lambda *a: of_argument(*a), X, W) == {True}
    agrees(conv2d(X, W))
    monkeypatch.setattr(_jax, "partial_eval", SimpleNamespace(DynamicJaxprTracer=object))
    monkeypatch.setattr(_jax, "is_traced", lambda _: True)
    with pytest.warns(RuntimeWarning, match="has moved where a value comes from"):
        assert not _jax.is_argument(object())
    assert _jax.losses() == []


@pytest.mark.parametrize("gone", ["the mark in force", "the table of derivatives"])
def test_where_derivatives_cannot_be_told_all_are_lowered_alike(
    gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_jax, "_losses", {})
    jax.clear_caches()
    table = {} if gone == "the table of derivatives" else dict(ad.primitive_jvps)
    monkeypatch.setattr("jax.interpreters.ad.primitive_jvps", table)
    if gone == "the mark in force":
        monkeypatch.setattr("jax._src.xla_metadata_lib", SimpleNamespace())
    with pytest.warns(RuntimeWarning, match=f"has moved {gone} .* nobody differentiates"):
        _jax.mark_derivatives()
    _jax.mark_derivatives()  # warns once
    assert orders(lambda *a: chain(*a), X, W) <= {False}
    agrees(conv2d(X, W))
    assert _jax.losses() == []


def test_without_it_everything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "available", lambda: False)
    jax.clear_caches()
    assert NAME not in text(conv2d, X, W)
    assert "onednn" not in {r.method for r in conv.routes(conv2d, X, W)}
    agrees(jax.jit(lambda x, w: conv2d(x, w))(X, W))


@pytest.mark.parametrize("gone", ["the name", "the arguments"])
def test_its_loss_is_told_once(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jax, "_losses", {})
    if gone == "the name":
        monkeypatch.setattr(_jax, "ONEDNN", "__gone$convolution")
    else:
        monkeypatch.setattr(jax.ffi, "ffi_call", lambda target, result: None)
    with pytest.warns(RuntimeWarning, match="has moved the calls of oneDNN") as told:
        assert [_jax.has_onednn() for _ in range(2)] == [False, False]
    assert len(told) == 1
    assert _jax.losses() == []  # the rule stays in force, with its other methods


def test_the_switch() -> None:
    program = (
        "import conv, jax.numpy as jnp; from conv.lowering.methods import onednn; "
        "print(onednn.available(), conv.routes(lambda x, w: conv.conv2d(x, w, padding=1), "
        "jnp.ones((4, 64, 20, 20)), jnp.ones((64, 64, 3, 3)))[0].method)"
    )
    for value, expected in (("off", "False direct"), ("on", "True onednn")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, onednn.SWITCH: value},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected


def test_programs_for_several_devices_do_not_name_it() -> None:
    left, right = (jax.ShapeDtypeStruct(a.shape, a.dtype) for a in (X, W))
    (equation,) = jax.make_jaxpr(lambda x, w: lax.conv(x, w, (1, 1), "SAME"))(left, right).eqns
    for devices, method in ((1, "onednn"), (8, "stock"), (None, "stock")):
        decision = _rule.decide(CPU, left, right, equation.params, devices=devices)
        assert decision.choice.method.name == method
    assert jnp.float32 == X.dtype
