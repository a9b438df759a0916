"""What JAX raises where traced code asks for a value."""

import jax

# np.asarray(x), float(x), `if x > 0`, range(x), x[x > 0].
NEEDS_VALUES = (
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.ConcretizationTypeError,
    jax.errors.NonConcreteBooleanIndexError,
)


# The operation that a call of a custom_vjp.Function is where JAX traces. Its parameter `of` has the
# function's `name`, and the `jaxpr` of its forward.
FUNCTION = "custom_function"

# The operation that a custom_vjp.Function differentiates to. Its parameter `of` has a function
# `push`, of residuals and of tangents; `residuals` says how many of the operands are the first.
FUNCTION_TANGENTS = "custom_function_tangents"


class NotLinearError(TypeError):
    """Raised by `push` where it would be the transpose of a backward that is not linear."""
