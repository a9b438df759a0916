"""The drawings of a graph: well-formed, legible and complete."""

import xml.etree.ElementTree as ET

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import grad
from grad import AccumulateGrad, graph

X = np.array([[0.3, 1.2], [2.5, 0.7]])
SVG = "{http://www.w3.org/2000/svg}"


def small_net(params, x):
    for w, b in params[:2]:
        x = jax.nn.relu(lax.conv_general_dilated(x, w, (1, 1), "VALID") + b[:, None, None])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    w, b = params[2]
    return -jnp.mean(jax.nn.log_softmax(x.reshape(x.shape[0], -1) @ w + b)[:, 0])


def small_net_graph():
    shapes = [((4, 1, 3, 3), (4,)), ((8, 4, 3, 3), (8,)), ((200, 10), (10,))]
    params = [tuple(jnp.ones(s, jnp.float32) for s in pair) for pair in shapes]
    return graph(small_net, params, jnp.ones((2, 1, 28, 28), jnp.float32))


@pytest.mark.parametrize(
    "make",
    [
        lambda: graph(grad.mean_of_squares, jnp.asarray(X)),
        small_net_graph,
        lambda: graph(lambda x: (x, x * 2, jnp.sin(x) + x), jnp.asarray(X)),
        lambda: graph(lambda x: x, jnp.asarray(X)),
    ],
    ids=["lecture", "net", "several outputs", "empty"],
)
def test_svg_draws_every_node_and_edge_legibly(make):
    g = make()
    root = ET.fromstring(g.to_svg())
    assert root.tag == f"{SVG}svg"
    assert g._repr_svg_() == g.to_svg()
    boxes = root.findall(f"{SVG}g")
    assert [box.find(f"{SVG}title").text for box in boxes] == [node.title for node in g.nodes]
    edges = [e for e in root.findall(f"{SVG}path") if e.get("class") == "edge"]
    count = sum(p is not None for node in g.nodes for p, _ in node.next_functions)
    assert len(edges) == count
    assert len({edge.get("d") for edge in edges}) == count  # none hides another
    assert all(edge.get("marker-end") == "url(#arrow)" for edge in edges)
    assert all(float(text.get("font-size")) >= 12 for text in root.iter(f"{SVG}text"))
    width, height = float(root.get("width")), float(root.get("height"))
    areas = []
    for node, box in zip(g.nodes, boxes, strict=True):
        rect = box.find(f"{SVG}rect")
        x, y, w, h = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
        assert float(rect.get("rx")) > 0
        assert ("leaf" in box.get("class")) == isinstance(node, AccumulateGrad)
        areas.append((x, y, w, h))
    for i, (x0, y0, w0, h0) in enumerate(areas):
        for x1, y1, w1, h1 in areas[:i]:
            apart = x0 >= x1 + w1 or x1 >= x0 + w0 or y0 >= y1 + h1 or y1 >= y0 + h0
            assert apart  # no box covers another
    tops = {id(node): area[1] for node, area in zip(g.nodes, areas, strict=True)}
    for node in g.nodes:
        for parent, _ in node.next_functions:
            assert parent is None or tops[id(parent)] < tops[id(node)]  # top down


def test_svg_and_dot_escape_names():
    g = graph(lambda p: p['<"&'] * 2, {'<"&': jnp.asarray(X)})
    root = ET.fromstring(g.to_svg())
    assert any(text.text == "p['<\"&']" for text in root.iter(f"{SVG}text"))
    assert "p['<\\\"&']" in g.to_dot()


def test_dot_of_the_lectures_graph():
    dot = graph(grad.mean_of_squares, jnp.asarray(X)).to_dot()
    assert dot.startswith('digraph "mean_of_squares" {')
    arrows = [line.strip() for line in dot.splitlines() if "->" in line]
    assert arrows == ["n0 -> n1;", "n1 -> n2;", "n1 -> n2;", "n2 -> n3;", "n3 -> n4;"]


def test_a_deep_graph_needs_no_recursion():
    def deep(x):
        for _ in range(3000):
            x = x * 2.0
        return x

    assert len(graph(deep, jnp.ones((), jnp.float32)).nodes) == 3001


def test_small_leaves_show_their_values():
    def texts(*args):
        root = ET.fromstring(graph(lambda x: x * 2, *args).to_svg())
        return [text.text for text in root.iter(f"{SVG}text")]

    assert "[[1., 2.], [3., 4.]] float64" in texts(jnp.array([[1.0, 2.0], [3.0, 4.0]]))
    assert "(7,) float32" in texts(jnp.ones(7, jnp.float32))
    assert "(0,) float64" in texts(jnp.ones(0))
    traced = []
    jax.jit(lambda x: traced.extend(texts(x)) or x)(X)
    assert "(2, 2) float64" in traced
