"""`python -m port model.py:factory --input 1x3x224x224 --out folder`: a network, rewritten in JAX.

Writes a Python module of plain JAX, and weights.safetensors beside it.
"""

import argparse
import re
import sys
from typing import TYPE_CHECKING

from . import convert
from ._factory import load

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "float64", "int32", "int64")


def example(text: str) -> "torch.Tensor":
    """Return a tensor for '1x3x224x224', or '8x16:int64' with a dtype: random, or zeros."""
    import torch

    found = re.fullmatch(r"(\d+(?:x\d+)*)(?::(\w+))?", text)
    if not found or (found[2] or "float32") not in DTYPES:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be sizes, such as 1x3x224x224, and may name a dtype after a colon: "
            f"{', '.join(DTYPES)}"
        )
    shape = [int(n) for n in found[1].split("x")]
    dtype = getattr(torch, found[2] or "float32")
    return (
        torch.randn(shape, dtype=dtype)
        if dtype.is_floating_point
        else torch.zeros(shape, dtype=dtype)
    )


def main(arguments: list[str] | None = None) -> int:
    """Convert a network and write it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m port", description=__doc__)
    parser.add_argument(
        "network",
        help="model.py:name or module:name, a torch.nn.Module or a function that makes one",
    )
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        type=example,
        metavar="SIZES",
        help="sizes of an argument: 1x3x224x224, or 8x16:int64; once for each",
    )
    parser.add_argument("--train", action="store_true", help="as in training, not at rest")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write")
    options = parser.parse_args(arguments)
    try:
        made = load(options.network)
        module = made if hasattr(made, "named_modules") and not isinstance(made, type) else made()
        if any(p.dtype.itemsize == 8 for p in module.parameters()):
            import jax

            jax.config.update("jax_enable_x64", True)
        program = convert(module, tuple(options.input), train=options.train)
    except (ValueError, TypeError, NotImplementedError, ImportError) as error:
        print(f"python -m port: {error}", file=sys.stderr)
        return 1
    print(program.save(options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
