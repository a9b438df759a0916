"""Automatic differentiation with PyTorch's names on JAX's transformations."""

from grad._backward import backward as backward
from grad._detach import detach as detach
from grad._detach import no_grad as no_grad
from grad._fixed_point import fixed_point as fixed_point
from grad._fixed_point_solvers import FixedPointInfo as FixedPointInfo
from grad._functional import jvp as jvp
from grad._functional import vjp as vjp
from grad._gradcheck import gradcheck as gradcheck
from grad._gradcheck import gradgradcheck as gradgradcheck
from grad._gradcheck_problem import GradcheckError as GradcheckError
from grad._graph import AccumulateGrad as AccumulateGrad
from grad._graph import Graph as Graph
from grad._graph import Node as Node
from grad._graph import graph as graph
from grad._hessian_diagonal import hessian_diagonal as hessian_diagonal
from grad._hessian_products import hvp as hvp
from grad._hessian_products import vhp as vhp
from grad._hook import hook as hook
from grad._jacobian import hessian as hessian
from grad._jacobian import jacobian as jacobian
from grad._programs import dot as dot
from grad._programs import double_until as double_until
from grad._programs import mean_of_squares as mean_of_squares
from grad._tap import Tapped as Tapped
from grad._tap import gradients_of as gradients_of
from grad._tap import tap as tap
from grad._while_loop import while_loop as while_loop

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
