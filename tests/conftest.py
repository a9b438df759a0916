"""All tests run with 64-bit dtypes on, so that float64 is what it says; torch takes one thread.

With CONVGRAD_RULE=off in the environment the convolutions take JAX's own CPU lowering.
"""

import os
from contextlib import ExitStack

import jax
import torch

import conv

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)
torch.manual_seed(0)

_session = ExitStack()
if os.environ.get("CONVGRAD_RULE") == "off":
    _session.enter_context(conv.accelerate(False))
