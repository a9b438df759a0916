"""`torch.func` for modules: `functional_call` and `stack_module_state`.

Modules and their names are `port`'s affair. It is imported when one of the two is called, so that
`grad` does not need it.
"""

from __future__ import annotations

from typing import Any


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
    return_state: bool = False,
) -> Any:
    """Call a module with other parameters and buffers in the place of its own.

    The module stays as it is: a copy is called, and thrown away.

    Args:
      module: a `flax.nnx` module: of `port` and `conv`, flax's own, or yours.
      parameter_and_buffer_dicts: `{name: array}`, or a list or tuple of such dicts. Names and
        layouts are PyTorch's, those of `port.state_dict(module)`: a flax `kernel` is
        `weight`, with the outputs first. Arrays are taken as they are, in their own dtypes.
        What is not named keeps the module's value.
      args: the positional arguments of the call, a tuple; anything else is a single argument.
      kwargs: its keyword arguments.
      tie_weights: whether a value for one name of a variable that has several is for all.
      strict: whether missing and unexpected names are errors. Without it, an unexpected name of
        a module that is there is ignored.
      return_state: return `(output, state)`: `state` has all arrays of the copy after the
        call, by name, such as running means that the call has moved.

    Returns:
      What the module returns.

    Raises:
      TypeError: `module` is no module; a value is no array; `kwargs` is no dict.
      ValueError: `parameter_and_buffer_dicts` is no dict, and no list of dicts; a name is in
        two of them; tied names have several values.
      RuntimeError: with `strict`, missing and unexpected names; a shape that the layout of one
        of flax's own layers does not allow.
      AttributeError: a name in a submodule that is not there.
      NotImplementedError: `tie_weights=False` for one of several names of a variable.

    Departs from PyTorch: a call that changes a buffer there changes the array in the dict, or the
    module's own, and draws go on; here nothing changes, and `return_state` has the new values.
    Random streams of the module start where they stand in it, at each call: pass `rngs` through
    `kwargs` where the layer takes them.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from grad import func
      >>> from port import state_dict
      >>> layer = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
      >>> params = state_dict(layer) | {"weight": jnp.array([[1.0, 2.0]])}
      >>> x = jnp.array([[3.0, 4.0]])
      >>> print(func.functional_call(layer, params, x))
      [[11.]]
      >>> print(func.grad(lambda p: func.functional_call(layer, p, x).sum())(params)["weight"])
      [[3. 4.]]

    Reference: `torch.func.functional_call`.
    """
    from port import _functional_call

    output, state = _functional_call.functional_call(
        module,
        parameter_and_buffer_dicts,
        args,
        kwargs,
        tie_weights=tie_weights,
        strict=strict,
    )
    return (output, state) if return_state else output


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Stack the parameters and the buffers of several modules, to call them all under `vmap`.

    Args:
      models: a list of `flax.nnx` modules of one class, with the same shapes.

    Returns:
      `(params, buffers)`: `{name: array}` with a leading dimension more, of the `nnx.Param`
      variables and of the others, by PyTorch's names.

    Raises:
      TypeError: `models` is no list of modules.
      RuntimeError: there is none, or they are of several classes.

    Departs from PyTorch: modes of training and evaluation are not compared.

    Example:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from grad import func
      >>> models = [nnx.Linear(2, 1, rngs=nnx.Rngs(i)) for i in range(3)]
      >>> params, buffers = func.stack_module_state(models)
      >>> call = lambda p, b, x: func.functional_call(models[0], (p, b), x)
      >>> func.vmap(call, in_dims=(0, 0, None))(params, buffers, jnp.ones((4, 2))).shape
      (3, 4, 1)

    Reference: `torch.func.stack_module_state`.
    """
    from port import _functional_call

    return _functional_call.stack_module_state(models)
