"""How XLA compiles what is run once: without optimisation, in a tenth of the time."""

import jaxlib

FAST: dict[str, bool | int] = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_parallel_codegen_split_count": 1,
}
if jaxlib.__version__.startswith("0.10."):  # jaxlib 0.12 does not know it, and refuses it
    FAST["xla_cpu_use_fusion_emitters"] = False


def as_flags(options: dict[str, bool | int]) -> str:
    """Write compiler options as XLA_FLAGS has them."""
    return " ".join(f"--{name}={str(value).lower()}" for name, value in options.items())
