"""The script's own subclasses of ``torch.autograd.Function``: a pair of functions for each."""

import contextlib
import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.autograd import Function
from torch.autograd.function import FunctionMeta

from ...pair import Pair, Round
from ...tape import Tape
from ..frames import Frames

MOST_ROUNDS = 32  # of one class that are kept: gradcheck makes one for each number
_HIDDEN = "_recorded_call"  # the attribute of a context that has its call


class Journal(Protocol):
    """What the classes ask of their recorder."""

    tape: Tape
    frames: Frames
    full: bool

    def node_of(self, x: Any) -> int: ...
    def is_as_recorded(self, x: Any) -> bool | None: ...
    def changed_unseen(self, x: Any) -> None: ...


class Followed(Protocol):
    """What the classes ask of the tensors."""

    @property
    def recorder(self) -> Journal: ...
    @property
    def mode(self) -> Any: ...

    def array_of(self, x: Any) -> Any: ...


@dataclass
class _Call:
    """One call of ``apply``."""

    inputs: list[tuple[str, int | None]]  # name and node of each argument
    outputs: list[int | None]


class Classes:
    """Follows such classes: what their forward and backward passes are given and return."""

    def __init__(self, tensors: Followed) -> None:
        self.tensors, self.recorder = tensors, tensors.recorder

    @contextlib.contextmanager
    def noticed(self) -> Iterator[None]:
        """Until the end of the block, the classes that the script defines are followed."""
        made: Any = FunctionMeta.__init__

        def define(cls: Any, name: str, bases: Any, attributes: Any) -> None:
            made(cls, name, bases, attributes)
            if "backward" in attributes and self.recorder.frames.current() is not None:
                self._follow(cls)

        FunctionMeta.__init__ = define  # type: ignore[method-assign]
        try:
            yield
        finally:
            FunctionMeta.__init__ = made  # type: ignore[method-assign]

    def _follow(self, cls: Any) -> None:
        forward, backward = cls.forward, cls.backward
        code = inspect.unwrap(backward).__code__
        pair = Pair(f"{cls.__name__}.forward and {cls.__name__}.backward")
        pair.line = self.recorder.frames.line_in(code.co_filename, code.co_firstlineno)
        self.recorder.tape.pairs.append(pair)
        apart = cls.setup_context is not Function.setup_context
        names = [*inspect.signature(forward).parameters][0 if apart else 1 :]

        if apart:
            setup = cls.setup_context

            @functools.wraps(setup)
            def set_up(ctx: Any, inputs: Any, output: Any) -> Any:
                setattr(ctx, _HIDDEN, self._begun(names, inputs))
                self._ended(ctx, output)
                return setup(ctx, inputs, output)

            cls.setup_context = staticmethod(set_up)
        else:

            @functools.wraps(forward)
            def call_forward(ctx: Any, *args: Any) -> Any:
                setattr(ctx, _HIDDEN, self._begun(names, args))
                output = forward(ctx, *args)
                self._ended(ctx, output)
                return output

            cls.forward = staticmethod(call_forward)

        @functools.wraps(backward)
        def call_backward(ctx: Any, *upstream: Any) -> Any:
            call = getattr(ctx, _HIDDEN, None)
            if call is None or self.recorder.full or len(pair.rounds) >= MOST_ROUNDS:
                return backward(ctx, *upstream)
            with self.tensors.mode:
                given = [self._node(g) for g in upstream]
                returned = backward(ctx, *upstream)
                found = self._round(call, given, returned)
            if found is not None and found not in pair.rounds:
                pair.rounds.append(found)
            return returned

        cls.backward = staticmethod(call_backward)

    def _node(self, x: Any) -> int | None:
        """The node of a tensor of floats."""
        if not isinstance(x, torch.Tensor) or not x.is_floating_point():
            return None
        array, recorder = self.tensors.array_of(x), self.recorder
        if array is None or recorder.full:
            return None
        if recorder.is_as_recorded(array) is False:
            recorder.changed_unseen(array)  # gradcheck uses one tensor for all upstream gradients
        return recorder.node_of(array)

    def _begun(self, names: list[str], args: Any) -> _Call:
        extra = [f"argument {n + 1}" for n in range(len(names), len(args))]
        nodes = [self._node(a) for a in args]
        return _Call([*zip([*names, *extra], nodes, strict=False)], [])

    def _ended(self, ctx: Any, output: Any) -> None:
        parts = output if isinstance(output, tuple) else (output,)
        getattr(ctx, _HIDDEN).outputs = [self._node(part) for part in parts]

    def _round(self, call: _Call, upstream: list[int | None], returned: Any) -> Round | None:
        parts = returned if isinstance(returned, tuple) else (returned,)
        inputs, gradients = dict[str, int](), dict[str, int]()
        others = dict[str, int]()
        for (name, node), part in zip(call.inputs, parts, strict=False):
            gradient = self._node(part)
            if node is not None and gradient is not None:
                inputs[name], gradients[name] = node, gradient
            elif node is not None:
                others[name] = node
        outputs = [
            (d, z) for d, z in zip(upstream, call.outputs, strict=False) if z is not None and d
        ]
        if not inputs or not outputs or len(outputs) != len(call.outputs):
            return None
        called = dict.fromkeys(inputs, "")
        return Round(inputs, gradients, list(outputs), called, others)
