"""What the packages conv, grad, custom_vjp and compare share."""

__version__ = "0.1.0"

__all__ = ["__version__"]
