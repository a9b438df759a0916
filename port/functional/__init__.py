"""torch.nn.functional's functions around convolutions, as pure JAX functions.

Convolutions, pools, pads and folds are in `conv`.
"""

from ._batch_norm import batch_norm, batch_norm_update, instance_norm, instance_norm_update
from ._dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from ._grid import affine_grid, grid_sample
from ._hard import hardshrink, hardsigmoid, hardswish, hardtanh, softshrink
from ._interpolate import interpolate, upsample, upsample_bilinear, upsample_nearest
from ._linear import bilinear, embedding, embedding_renorm, linear, one_hot
from ._norms import group_norm, layer_norm, local_response_norm, normalize, rms_norm
from ._rectifiers import celu, elu, leaky_relu, prelu, relu, relu6, rrelu, selu, threshold
from ._shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from ._smooth import gelu, logsigmoid, mish, sigmoid, silu, softplus, softsign, tanh, tanhshrink
from ._softmax import glu, gumbel_softmax, log_softmax, softmax, softmin

__all__ = [
    "affine_grid",
    "alpha_dropout",
    "batch_norm",
    "batch_norm_update",
    "bilinear",
    "celu",
    "channel_shuffle",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "embedding_renorm",
    "feature_alpha_dropout",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "instance_norm",
    "instance_norm_update",
    "interpolate",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "mish",
    "normalize",
    "one_hot",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
