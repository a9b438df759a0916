"""A method: one way to compute the convolutions of a family. A choice: which one, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp

from ._layout import crop_space, cropped_away
from ._problem import Problem

Compute = Callable[..., jax.Array]  # of a Problem and its two arrays, in canonical form
Solve = Callable[[Problem, jax.Array, jax.Array], jax.Array]  # the problem that one is turned into


def anything(_: Problem) -> bool:
    """Take every problem of the roles that a method serves."""
    return True


@dataclass(frozen=True)
class Method:
    """One way to compute the convolutions of a family.

    Attributes:
      name: what `conv.routes` calls it.
      roles: how it computes each role that it serves, as a function of the problem and its arrays.
        Nothing is cropped in what it is given: `Choice.solve` has done that.
      takes: whether it can serve a problem of these roles at all; whether it should, the platform's
        order of choice says.
      grows: whether its program has an operation for each kernel element.
      adds_padding: whether its weight gradients add up zeros of the padding; those which are not
        finite are then computed again, without.
      in_float32: whether it wants 16 bits as float32, and its result is rounded afterwards.
      inner: where it turns a problem into another one: which. It is then given, after the arrays,
        how that is solved.
    """

    name: str
    roles: Mapping[str, Compute] = field(hash=False)
    takes: Callable[[Problem], bool] = anything
    grows: bool = False
    adds_padding: bool = True
    in_float32: bool = True
    inner: Callable[[Problem], Problem] | None = None

    def serves(self, p: Problem) -> bool:
        """Whether a problem can be computed by this method."""
        return p.role in self.roles and self.takes(p)


# What is left to JAX's own lowering of the primitive, whatever the problem.
STOCK = Method("stock", {})


@dataclass(frozen=True)
class Choice:
    """A method, why it was chosen, and how the problem is solved that it turns one into."""

    method: Method
    why: str
    inner: "Choice | None" = None

    @property
    def stock(self) -> bool:
        """Whether the problem is left to JAX's own lowering."""
        return self.method is STOCK

    def solve(self, p: Problem, x: jax.Array, w: jax.Array) -> jax.Array:
        """Compute a problem in canonical form.

        Raises:
          ValueError: where the method does not serve the problem.
        """
        if not self.method.serves(p):
            raise ValueError(f"the method {self.method.name!r} does not serve {p}")
        if not p.spreads:
            if cropped_away(p.space, p.padding):
                return jnp.zeros(p.result_shape, x.dtype)
            x, padding = crop_space(x, p.padding)
            p = replace(p, padding=padding, space=x.shape[2:])
        compute = self.method.roles[p.role]
        if self.inner is None:
            return compute(p, x, w)
        return compute(p, x, w, self.inner.solve)


def turned(method: Method, why: str, p: Problem, choose: Callable[[Problem], Choice]) -> Choice:
    """Choose a method that turns a problem into another one, and how that is solved."""
    assert method.inner is not None
    return Choice(method, why, choose(method.inner(p)))


@dataclass(frozen=True)
class Platform:
    """What a platform computes by methods of this package.

    Attributes:
      name: JAX's name for it.
      choose: the method for a problem.
      limits: the thresholds of its choices.
      dtypes: the dtypes that it has methods for.
      widens: whether it also takes `preferred_element_type=float32` for 16 bits.
      split: choices whose formula the compiler splits over several devices as well as the
        convolution itself, whichever axis is sharded; the first that serves a problem is taken.
    """

    name: str
    choose: Callable[[Problem], Choice]
    limits: Any
    dtypes: tuple[str, ...]
    widens: bool
    split: tuple[Choice, ...] = ()
