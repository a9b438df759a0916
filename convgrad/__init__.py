"""What the packages conv, grad, custom_vjp and compare share."""

from importlib import metadata

__version__ = metadata.version("convgrad")

__all__ = ["__version__"]
