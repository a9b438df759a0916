"""The reference: a page for each group of public names, written for Sphinx's autodoc to fill."""

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sphinx.util.inventory import InventoryFile

from ._sphinx import plain_signs

# Where users find names. An object that two of them have stands in the first of them.
SPACES = {
    "conv": "Convolutions, padding and pools, as torch.nn.functional and torch.nn have them",
    "grad": "Gradients, Jacobians, checks, graphs and loops, as torch.autograd has them",
    "grad.func": "torch.func's transformations, with its arguments and refusals",
    "custom_vjp.functional": "PyTorch's derivatives at kinks, ties and poles",
    "custom_vjp": "A gradient of one's own: the lecture's functions, torch.autograd.Function",
    "port.functional": "What stands around convolutions in torch.nn.functional",
    "port": "Networks: torch.nn's layers, weights, the converter",
    "compare": "Side by side with PyTorch",
    "compare.notebook": "Figures in a notebook",
}

# A group is what one file defines. What has no title here takes its file's name for one;
# port's files of one name, of functions and of modules, have one title.
TITLES = {
    "conv._convolution": "Convolutions",
    "conv._transposed": "Transposed convolutions",
    "conv._gradients": "Gradients of convolutions",
    "conv._modules": "Layers",
    "conv._transposed_modules": "Layers",
    "conv._max_pool": "Max pools",
    "conv._avg_pool": "Average pools",
    "conv._pad": "Padding",
    "conv._unfold": "Windows as columns",
    "conv._sizes": "Sizes",
    "conv._transposed_sizes": "Sizes",
    "conv._matrix": "A convolution as a matrix",
    "conv.lowering._mark": "Speed",
    "conv.lowering._explain": "Speed",
    "grad._backward": "Gradients",
    "grad._detach": "Gradients",
    "grad.products._functional": "Products with Jacobians and Hessians",
    "grad.products._hessian_products": "Products with Jacobians and Hessians",
    "grad.products._jacobian": "Jacobians and Hessians",
    "grad.products._hessian_diagonal": "Jacobians and Hessians",
    "grad.taps._tap": "Values inside of a program",
    "grad.taps._hook": "Values inside of a program",
    "grad.fixed_points._fixed_point": "Fixed points",
    "grad.func._call": "Modules",
    "grad.checking._gradcheck": "Checks",
    "grad.checking._problem": "Checks",
    "grad.graphs._graph": "Graphs",
    "grad.graphs._node": "Graphs",
    "grad.loops._while_loop": "Loops",
    "grad._programs": "The lecture's programs",
    "custom_vjp._lecture": "The lecture's functions",
    "custom_vjp.function._function": "Function",
    "custom_vjp.functional._kinks": "Kinks",
    "custom_vjp.functional._extremes": "Maxima, minima and medians",
    "custom_vjp.functional._cumulative": "Maxima and minima so far",
    "custom_vjp.functional._pairs": "Pairs",
    "custom_vjp.functional._plane": "The plane",
    "custom_vjp.functional._powers": "Powers and logarithms",
    "custom_vjp.functional._norms": "Norms",
    "custom_vjp.functional._moments": "Variance",
    "custom_vjp.functional._special": "Special functions",
    "custom_vjp.functional._complex": "Complex numbers",
    "port.converter._export": "The converter",
    "port.converter._program": "The converter",
    "port._safetensors": "Weights",
    "port._state": "Weights",
    "_linear": "Linear layers",
    "_embedding": "Tables of rows",
    "_batch_norm": "Norms over a batch",
    "_instance_norm": "Norms over an instance",
    "_norms": "Norms within an example",
    "_rescaling": "Division by a size",
    "_rectifiers": "Rectifiers",
    "_elu": "ELU and its kin",
    "_hard": "Piecewise linear activations",
    "_smooth": "Smooth activations",
    "_softmax": "Softmax and gates",
    "_dropout": "Dropout",
    "_attention": "Attention",
    "_transformer": "Transformers",
    "_interpolate": "Resizing",
    "_upsample": "Resizing",
    "_grid": "Sampling at places",
    "_shuffle": "Channels and space",
    "_shapes": "Channels and space",
    "_pools": "Pools",
    "_adaptive_pools": "Adaptive pools",
    "_pads": "Pads",
    "_edge_pads": "Pads with the input's values",
    "_regression_losses": "Losses of numbers",
    "_binary_losses": "Losses of two classes",
    "_class_losses": "Losses of classes",
    "_margin_losses": "Losses of margins",
    "_class_margin_losses": "Losses of margins of classes",
    "_embedding_losses": "Losses of vectors",
    "_density_losses": "Losses of distributions",
    "_ctc": "The CTC loss",
    "_distance": "Distances",
    "_containers": "Containers",
    "_base": "Bases of layers",
    "variablelib": "Kinds of state",
    "compare._compare": "Comparisons",
    "compare._values": "Comparisons",
    "compare.notebook": "Figures",
}


@dataclass
class Space:
    """The public names of one module, by group, and those that stand elsewhere."""

    name: str
    groups: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder of its pages."""
        return self.name.replace(".", "-")


def spaces() -> list[Space]:
    """Read the public names off the packages."""
    found: list[Space] = []
    places: dict[int, str] = {}
    for name in SPACES:
        module = importlib.import_module(name)
        space = Space(name)
        for public in getattr(module, "__all__", None) or _defined(module):
            thing = getattr(module, public)
            if inspect.ismodule(thing):
                continue
            place = places.setdefault(id(thing), f"{name}.{public}")
            if place != f"{name}.{public}":
                space.elsewhere[public] = place
                continue
            space.groups.setdefault(_title(thing), []).append(public)
        order = [title for title in dict.fromkeys(TITLES.values()) if title in space.groups]
        rest = sorted(space.groups.keys() - set(order))
        space.groups = {title: space.groups[title] for title in [*order, *rest]}
        found.append(space)
    return found


def _defined(module: Any) -> list[str]:
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__
    ]


def _title(thing: Any) -> str:
    home = thing.__module__
    file = home.rsplit(".", 1)[-1]
    return TITLES.get(home) or TITLES.get(file) or file.strip("_").replace("_", " ").capitalize()


def write_reference(folder: Path) -> None:
    """Write the pages, and their tables of contents."""
    all_spaces = spaces()
    for space in all_spaces:
        (folder / space.folder).mkdir(parents=True, exist_ok=True)
        for title, names in space.groups.items():
            (folder / space.folder / f"{_slug(title)}.rst").write_text(_group(space, title, names))
        (folder / space.folder / "index.rst").write_text(_contents(space))
    rows = [
        f"   * - :doc:`{s.name} <{s.folder}/index>`\n     - {SPACES[s.name]}" for s in all_spaces
    ]
    lines = [
        *("Reference", "=========", "", "Every public name, from its docstring.", ""),
        *(".. list-table::", "   :widths: auto", "", *rows, ""),
        *(".. toctree::", "   :hidden:", "", *(f"   {s.folder}/index" for s in all_spaces)),
    ]
    (folder / "index.rst").write_text("\n".join(lines) + "\n")


def _slug(title: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in title.lower().replace("'", ""))


def _group(space: Space, title: str, names: list[str]) -> str:
    module = importlib.import_module(space.name)
    lines = [title, "=" * len(title), "", f".. currentmodule:: {space.name}", ""]
    for name in names:
        if inspect.isclass(getattr(module, name)):
            lines += [f".. autoclass:: {name}", "   :members:", ""]
        else:
            lines += [f".. autofunction:: {name}", ""]
    return "\n".join(lines)


def _contents(space: Space) -> str:
    module = importlib.import_module(space.name)
    lines = [space.name, "=" * len(space.name), "", f".. currentmodule:: {space.name}", ""]
    lines += [f"{SPACES[space.name]}.", ""]
    for title, names in space.groups.items():
        lines += [f".. rubric:: :doc:`{title} <{_slug(title)}>`", "", ".. list-table::"]
        lines += ["   :widths: 30 70", "   :class: names", ""]
        for name in names:
            lines += [f"   * - :py:obj:`{name}`", f"     - {_first_line(getattr(module, name))}"]
        lines.append("")
    if space.elsewhere:
        lines += ["The same objects as elsewhere: "]
        lines += [", ".join(f"`{n}` (`{there}`)" for n, there in space.elsewhere.items()) + ".", ""]
    lines += [".. toctree::", "   :hidden:", "", *(f"   {_slug(title)}" for title in space.groups)]
    return "\n".join(lines) + "\n"


def _first_line(thing: Any) -> str:
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return plain_signs([text.removesuffix("::")])[0]


def missing(site: Path) -> Iterator[str]:
    """Give a line for each public name that has no place in the built site."""
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    held = {
        name for kind, names in inventory.data.items() if kind.startswith("py:") for name in names
    }
    for space in spaces():
        for name in [n for names in space.groups.values() for n in names]:
            if f"{space.name}.{name}" not in held:
                yield f"{space.name}.{name} is nowhere in the reference"
