"""torch.nn.functional's functions around convolutions, as pure JAX functions.

Convolutions, pools, pads and folds are in `conv`.
"""

__all__: list[str] = []
