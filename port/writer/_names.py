"""Names: of functions after classes, of values after what they are."""

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator

# What a written module calls otherwise.
OWN = ("p", "name", "rng", "key", "load", "read", "params", "buffers", "BUFFERS", "OPERATIONS")
IMPORTED = ("conv", "port", "jax", "jnp", "lax", "F", "K", "Path", "zlib", "collections")
TAKEN = frozenset((*OWN, *IMPORTED))
LETTERS = "xyzuvwstabcdefghjkmnqr"  # without those that look like numbers, and i, p


def snake(name: str) -> str:
    """Return a class's name as a function's: BasicBlock is basic_block, ResNet is resnet."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name.strip("_")).lower()
    text = re.sub(r"(?<=[a-z])_net(?=_|$)", "net", text)
    text = re.sub(r"^(batch|instance)_norm\dd$", r"\1_norm", text)
    return text if text.isidentifier() else f"block_{text}"


def free(wanted: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken, and no word of Python's."""
    known = TAKEN | set(taken)
    name, count = wanted, 2
    while name in known or keyword.iskeyword(name) or hasattr(builtins, name):
        name, count = f"{wanted}_{count}", count + 1
    return name


def another(wanted: str, taken: Iterable[str]) -> str:
    """Return a name with a number behind it, where it is taken."""
    known = set(taken)
    name, count = wanted, 2
    while name in known:
        name, count = f"{wanted}_{count}", count + 1
    return name


def letters() -> Iterator[str]:
    """Yield short names."""
    yield from LETTERS
    count = 1
    while True:
        yield f"t{count}"
        count += 1
