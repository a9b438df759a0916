"""torch.nn.functional's functions around convolutions, as pure JAX functions.

Convolutions, pools, pads and folds are in `conv`.
"""

from ._attention import scaled_dot_product_attention
from ._batch_norm import batch_norm, batch_norm_update, instance_norm, instance_norm_update
from ._binary_losses import binary_cross_entropy, binary_cross_entropy_with_logits
from ._cdist import cdist, pdist
from ._class_losses import cross_entropy, nll_loss
from ._class_margin_losses import multi_margin_loss, multilabel_margin_loss
from ._ctc import ctc_loss
from ._density_losses import gaussian_nll_loss, kl_div, poisson_nll_loss
from ._distance import cosine_similarity, pairwise_distance
from ._dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from ._elu import celu, elu, selu
from ._embedding import embedding, embedding_renorm, one_hot
from ._embedding_losses import (
    cosine_embedding_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ._grid import affine_grid, grid_sample
from ._hard import hardshrink, hardsigmoid, hardswish, hardtanh, softshrink
from ._interpolate import interpolate, upsample, upsample_bilinear, upsample_nearest
from ._linear import bilinear, linear
from ._margin_losses import (
    hinge_embedding_loss,
    margin_ranking_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from ._norms import group_norm, layer_norm, rms_norm
from ._rectifiers import leaky_relu, prelu, relu, relu6, rrelu, threshold
from ._regression_losses import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from ._rescaling import local_response_norm, normalize
from ._shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from ._smooth import gelu, logsigmoid, mish, sigmoid, silu, softplus, softsign, tanh, tanhshrink
from ._softmax import glu, gumbel_softmax, log_softmax, softmax, softmin

__all__ = [
    "affine_grid",
    "alpha_dropout",
    "batch_norm",
    "batch_norm_update",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cdist",
    "celu",
    "channel_shuffle",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "embedding_renorm",
    "feature_alpha_dropout",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "instance_norm_update",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
