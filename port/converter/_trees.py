"""PyTorch's descriptions of containers, as ours."""

import dataclasses
from typing import Any

from torch.utils._pytree import TreeSpec

from ._structure import Structure, data_class, leaf, named_tuple


def structure(spec: TreeSpec) -> Structure:
    """Return a TreeSpec's structure.

    Raises:
      NotImplementedError: for containers that are no tuple, list, dict, named tuple or dataclass.
    """
    if spec.is_leaf():
        return leaf()
    parts = tuple(structure(child) for child in spec.children())
    kind, context = spec.type, spec.context
    if kind in (tuple, list):
        return Structure(kind.__name__, parts)
    if isinstance(kind, type) and issubclass(kind, dict):
        return _dictionary(kind, context, parts)
    fields = getattr(context, "_fields", None)
    if fields is not None:
        return named_tuple(context.__name__, fields, parts)
    if dataclasses.is_dataclass(kind):
        return data_class(kind, _fields(kind, context, len(parts)), parts)  # type: ignore[arg-type]
    raise NotImplementedError(
        f"convert: containers of type {getattr(kind, '__name__', kind)} are not supported; "
        "tuples, lists, dicts, named tuples and dataclasses are"
    )


def _dictionary(kind: type, context: Any, parts: tuple[Structure, ...]) -> Structure:
    keys = context[1] if kind.__name__ == "defaultdict" else context
    made = None if kind.__name__ in ("dict", "defaultdict") else kind
    return Structure("dict", parts, tuple(keys), type=made)


def _fields(kind: type, context: Any, count: int) -> list[str]:
    """Return the names of the fields that have a part each; those that are None have none."""
    names = context[0] if isinstance(context, tuple | list) and context else None
    if names is None or len(names) != count:
        names = [field.name for field in dataclasses.fields(kind)][:count]
    return list(names)
