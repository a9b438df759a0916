"""What ran: the versions of all that took part, and where."""

import platform
from importlib import metadata

from convgrad import __version__

from ._precision import OF_ROWS, told


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def versions() -> dict[str, str]:
    """Name the versions of this package, of the libraries and of Python, the devices, the bits."""
    import jax  # here, so that asking for help does not start it

    libraries = ("jax", "jaxlib", "flax", "torch", "numpy")
    found = {"convgrad": __version__} | {name: _version(name) for name in libraries}
    device = jax.devices()[0]
    return found | {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": f"JAX on {device.platform} ({device.device_kind}), PyTorch on cpu",
        "precision": told(OF_ROWS),
    }


def versions_line(found: dict[str, str]) -> str:
    """Write the versions as one line."""
    libraries = [f"{name} {version}" for name, version in found.items() if name not in PLACES]
    return ", ".join([*libraries, *(found[place] for place in PLACES)])


PLACES = ("platform", "device", "precision")
