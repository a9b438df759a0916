"""Automatic differentiation with PyTorch's names on JAX's transformations."""

from ._backward import backward as backward
from ._detach import detach as detach
from ._detach import no_grad as no_grad
from ._programs import dot as dot
from ._programs import double_until as double_until
from ._programs import mean_of_squares as mean_of_squares
from .checking._gradcheck import gradcheck as gradcheck
from .checking._gradcheck import gradgradcheck as gradgradcheck
from .checking._problem import GradcheckError as GradcheckError
from .fixed_points._fixed_point import fixed_point as fixed_point
from .fixed_points._solvers import FixedPointInfo as FixedPointInfo
from .graphs._graph import AccumulateGrad as AccumulateGrad
from .graphs._graph import Graph as Graph
from .graphs._graph import Node as Node
from .graphs._graph import graph as graph
from .loops._while_loop import while_loop as while_loop
from .products._functional import jvp as jvp
from .products._functional import vjp as vjp
from .products._hessian_diagonal import hessian_diagonal as hessian_diagonal
from .products._hessian_products import hvp as hvp
from .products._hessian_products import vhp as vhp
from .products._jacobian import hessian as hessian
from .products._jacobian import jacobian as jacobian
from .taps._hook import hook as hook
from .taps._tap import Tapped as Tapped
from .taps._tap import gradients_of as gradients_of
from .taps._tap import tap as tap

__all__ = [
    "AccumulateGrad",
    "FixedPointInfo",
    "GradcheckError",
    "Graph",
    "Node",
    "Tapped",
    "backward",
    "detach",
    "dot",
    "double_until",
    "fixed_point",
    "gradcheck",
    "gradgradcheck",
    "gradients_of",
    "graph",
    "hessian",
    "hessian_diagonal",
    "hook",
    "hvp",
    "jacobian",
    "jvp",
    "mean_of_squares",
    "no_grad",
    "tap",
    "vhp",
    "vjp",
    "while_loop",
]
