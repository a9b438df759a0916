"""What JAX raises where traced code asks for a value."""

import jax

# np.asarray(x), float(x), `if x > 0`, range(x), x[x > 0].
NEEDS_VALUES = (
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.ConcretizationTypeError,
    jax.errors.NonConcreteBooleanIndexError,
)
