"""ctx: what forward leaves for backward and jvp."""

from __future__ import annotations

from typing import Any

from convgrad._arrays import Array, is_array


class FunctionCtx:
    """The `ctx` of a `Function`: `torch.autograd.function.FunctionCtx`.

    Any attribute may be set on it in forward or setup_context and is there in backward and jvp;
    arrays may stand in it alone or inside of lists, tuples and dicts.
    """

    def __init__(self, owner: str, needs_input_grad: tuple[bool, ...]):
        self._state = State(owner, needs_input_grad)

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each input whether it is differentiated, one bool an argument of apply.

        A gradient that nobody needs is dropped in any case, and what only it needs is not compiled;
        asking here saves the tracing, and whatever does not go through JAX.
        """
        self._state.asked = True
        return self._state.needs_input_grad

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept (in jvp: what save_for_forward kept, if it was called)."""
        state = self._state
        kept = state.saved
        if state.forward_mode and state.saved_forward is not None:
            kept = state.saved_forward
        if kept is None:
            if state.stage == "forward":
                return ()
            raise RuntimeError(
                f"{state.owner}.{state.stage} reads ctx.saved_tensors, but nothing was saved: call "
                "ctx.save_for_backward(...) in forward (or setup_context)"
            )
        return kept

    def save_for_backward(self, *tensors: Array | None) -> None:
        """Keep arrays (or None) for backward: inputs and outputs of forward, or others.

        A second derivative goes through inputs and outputs; any other array is a constant to it,
        and a warning says so if it depends on the inputs.
        """
        self._state.check("save_for_backward", tensors)
        self._state.saved = tensors

    def save_for_forward(self, *tensors: Array | None) -> None:
        """Keep arrays (or None) for jvp. Without it jvp finds what save_for_backward kept."""
        self._state.check("save_for_forward", tensors)
        self._state.saved_forward = tensors

    def mark_non_differentiable(self, *args: Array | None) -> None:
        """Say which outputs have no gradient; backward receives zeros for them."""
        self._state.check("mark_non_differentiable", args)
        self._state.non_differentiable = args

    def mark_dirty(self, *args: Array | None) -> None:
        """Do nothing: JAX arrays do not change, so no caller's array can have been modified.

        It is accepted so that code moves over. The new values are what apply returns; the array
        that was given to it keeps the old ones, which in PyTorch it does not.
        """
        self._state.check("mark_dirty", args)

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether zeros (True, the default) or None stand for the gradient of an unused output.

        The same holds for the tangents of jvp.
        """
        self._state.materialize = value

    def __getattr__(self, name: str) -> Any:
        state = self.__dict__.get("_state")
        if name.startswith("__") or state is None:
            raise AttributeError(name)
        raise AttributeError(
            f"{state.owner}.{state.stage}: ctx has no attribute {name!r}; set ctx.{name} in "
            "forward (or setup_context)"
        )


class State:
    """What a ctx holds beside the user's attributes."""

    def __init__(self, owner: str, needs_input_grad: tuple[bool, ...]):
        self.owner = owner
        self.needs_input_grad = needs_input_grad
        self.asked = False
        self.stage = "forward"
        self.forward_mode = False
        self.materialize = True
        self.saved: tuple[Array | None, ...] | None = None
        self.saved_forward: tuple[Array | None, ...] | None = None
        self.non_differentiable: tuple[Array | None, ...] = ()

    def check(self, method: str, values: tuple[object, ...]) -> None:
        """Raise unless all values are arrays or None."""
        for i, value in enumerate(values):
            if value is not None and not is_array(value):
                fix = "set anything else as an attribute of ctx"
                if method in ("mark_non_differentiable", "mark_dirty"):
                    fix = "give it the arrays that forward takes or returns"
                raise TypeError(
                    f"{self.owner}: ctx.{method} takes arrays, but argument {i} is "
                    f"{value!r} of type {type(value).__name__}; {fix}"
                )


def attributes(ctx: FunctionCtx) -> dict[str, Any]:
    """Return what the user set on ctx."""
    return {name: value for name, value in vars(ctx).items() if name != "_state"}
