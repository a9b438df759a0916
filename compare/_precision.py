"""In how many bits the float32 products of both sides are computed, said in words.

conv/lowering/PRECISION.md says what follows from it, and the one way to align both.
"""

from typing import Any

ALIGN = 'jax.default_matmul_precision("highest")'
# What the rows of the lecture are computed with: an accelerator's default has fewer bits.
OF_ROWS = "highest"

_FULL = ("highest", "float32")
# JAX's default, on the platforms where that is not all bits.
_DEFAULTS = {
    "gpu": "TF32 where the GPU has it (10 bits of fraction)",
    "tpu": "bfloat16 in one pass (7 bits of fraction)",
}
_NAMES = {"cuda": "gpu", "rocm": "gpu"}


def _platform() -> str:
    import jax  # here, so that asking for help does not start it

    name = jax.devices()[0].platform
    return _NAMES.get(name, name)


def _asked() -> str | None:
    import jax

    config: Any = jax.config
    asked = config.jax_default_matmul_precision
    return None if asked is None else str(asked)


def reduced(platform: str | None = None, asked: str | None = None) -> str:
    """Say what float32 products are reduced to; '' where they have all their bits.

    Args:
      platform: JAX's name for it; None is the one in use.
      asked: what `jax.default_matmul_precision` asks for; None is what is in force.
    """
    platform = _platform() if platform is None else _NAMES.get(platform, platform)
    asked = _asked() if asked is None else asked
    if platform not in _DEFAULTS or asked in _FULL:
        return ""
    return _DEFAULTS[platform] if asked in (None, "default") else f"what {asked!r} asks for"


def told(asked: str | None = None) -> str:
    """Write one line about both sides, for reports."""
    platform = _platform()
    line = f"float32 products: JAX on {platform} in {reduced(platform, asked) or 'float32'}"
    try:
        import torch
    except ImportError:
        return line
    theirs = torch.get_float32_matmul_precision()  # 'highest' is float32
    return f"{line}, PyTorch on cpu in {'float32' if theirs == 'highest' else theirs}"
