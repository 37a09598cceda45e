"""Calls a forward and a backward function, and records what is needed to compare them.

The forward function runs once in each round, on copies of its arguments: their arrays of floats are
the inputs, whole numbers are labels. The upstream gradient of each output is drawn; that of a loss
is 1.

The file is long because a call, its copies and what it returns are one procedure.
"""

import contextlib
import io
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..pair import Pair, Round
from .array import Recorded, is_whole, strip
from .binding import (
    RATES,
    CannotCall,
    Input,
    Path,
    Returned,
    Source,
    called,
    give_names,
    is_number_array,
    kinds,
    matched,
    parameters_of,
    plan_of,
    text_of,
)
from .copies import DEPTH, Copies
from .limits import Enough, Limits
from .number import Number
from .recorder import Recorder

ROUNDS = 3  # the first at the given numbers, the others near them
LIMITS = Limits(nodes_before=10**9, runs=10**9)  # Nothing is left out: there is no training.
MOST = 60_000  # operations of one round: about two seconds of recording
STEP = 1e-6  # of a finite difference, relative to the size of the inputs
MOVED = 0.5  # how far the inputs are moved, in their own standard deviations


@dataclass
class Functions:
    """The functions to call, and their arguments."""

    forward: Any
    backward: Any  # None: the forward function returns its gradients
    args: Sequence[Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    #: where arguments of the backward function come from, if the script has called it
    known: Mapping[str, Source] = field(default_factory=dict)

    @property
    def name(self) -> str:
        if self.backward is None:
            return called(self.forward)
        return f"{called(self.forward)} and {called(self.backward)}"


def record_pair(recorder: Recorder, functions: Functions, seed: int = 0) -> Pair:
    """Call two functions, which are being watched, a few times.

    Args:
        recorder: records all that they do.
        functions: and what to call them with.
        seed: for the upstream gradients, and for the noise that moves the inputs.

    Raises:
        CannotCall: they do not fit together, or what they return is not understood.
        Exception: their own.

    """
    pair = Pair(functions.name)
    state = np.random.get_state()
    calls = _Calls(recorder, functions, np.random.default_rng(seed))
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pair.rounds.append(calls.round(None))
            for _ in range(ROUNDS - 1):
                # Moved inputs may leave the domain; and what the functions print is printed once.
                with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
                    pair.rounds.append(calls.round(pair.rounds[0]))
    except Enough:
        raise CannotCall(f"{functions.name} did too much to be recorded: {_SMALLER}") from None
    finally:
        recorder.full = False
        np.random.set_state(state)
    main = functions.forward if functions.backward is None else functions.backward
    pair.line = _line_of(main, recorder)
    return pair


_SMALLER = "give it smaller arrays, with a few samples and units"


def _line_of(function: Any, recorder: Recorder) -> int:
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None) or type(function).__call__.__code__
    return recorder.frames.line_in(code.co_filename, code.co_firstlineno)


class _Calls:
    """The rounds of one pair."""

    def __init__(self, recorder: Recorder, functions: Functions, rng: np.random.Generator) -> None:
        self.recorder, self.functions, self.rng = recorder, functions, rng
        names = [p.name for p in parameters_of(functions.forward)]
        self.given = dict(zip(names, functions.args, strict=False)) | dict(functions.kwargs)
        self.extra = functions.args[len(names) :]  # for *args
        self.texts = dict[str, str]()  # name of an input -> as the script would write it
        self.at = list[int]()  # which of the results are the outputs
        self.output: Path = ()  # where the forward function leaves its output, if it returns none

    def round(self, first: Round | None) -> Round:
        """Call both functions once: at the given numbers, or near those of the first round."""
        recorder, before = self.recorder, len(self.recorder.tape.nodes)
        state = np.random.get_state()
        moved = _Perturbation(self.rng, {self.texts[n] for n in first.inputs} if first else set())
        copies = _RecordingCopies(recorder, moved)
        forward, backward = copies.functions(self.functions.forward, self.functions.backward)
        given = {name: copies.copy(x, (("", name),)) for name, x in self.given.items()}
        extra = [copies.copy(x, (("", f"args[{i}]"),)) for i, x in enumerate(self.extra)]
        result = self._result(copies, _call(forward, given, extra))
        outputs, found = self._backward(copies, forward, backward, given, result)
        after = len(recorder.tape.nodes)
        if after - before > MOST:
            raise CannotCall(f"{self.functions.name} did {after - before:,} operations: {_SMALLER}")
        made = self._round(copies, outputs, found)
        recorder.full = True
        try:
            self._measure(made, state, moved)
        finally:
            recorder.full = False
        return made

    def _result(self, copies: "_RecordingCopies", returned: Any) -> Any:
        """What the forward function returns, or else the only array that it leaves in an object."""
        if returned is not None:
            return returned
        self.output = self.output or copies.left_by_forward()
        return copies.attribute(self.output) if self.output else None

    def _backward(
        self,
        copies: "_RecordingCopies",
        forward: Any,
        backward: Any,
        given: dict[str, Any],
        result: Any,
    ) -> tuple[list[tuple[int | None, int]], list[Returned]]:
        """The outputs with their upstream gradients, and what was returned for the inputs."""
        recorder = self.recorder
        if backward is None:
            parts = list(result) if type(result) is tuple else [result]
            at = next((i for i, x in enumerate(parts) if _is_number(x)), None)
            if at is None or len(parts) < 2:
                raise CannotCall(
                    f"{called(forward)} returns no number and gradients: give its backward "
                    "function, or let it return loss, gradients"
                )
            loss, self.at = parts.pop(at), [at]
            return [(None, copies.node(loss))], [*copies.returned(tuple(parts))]
        plan = plan_of(backward, given, result, self.functions.known)
        outs = list(result) if type(result) is tuple else [result]
        outputs, values = list[tuple[int | None, int]](), dict[str, Any]()
        self.at = []
        for name, (kind, x) in plan.items():
            if kind == "upstream":
                out = outs[x]
                if not is_number_array(out) and not isinstance(out, Number):
                    raise CannotCall(
                        f"{called(forward)} returns {kinds([out])} where {called(backward)} takes "
                        f"{name}: only floats have a gradient, so give it inputs of floats"
                    )
                shape = np.shape(out)
                one = np.ones(()) if np.size(out) == 1 else self.rng.normal(size=shape)
                drawn = recorder.enter(one.reshape(shape), name)
                outputs.append((recorder.node_of(drawn), copies.node(out)))
                self.at.append(x)
                values[name] = drawn if shape else recorder.wrap(np.float64(1), drawn._node)
            elif kind in ("result", "input"):
                values[name] = outs[x] if kind == "result" else given[x]
            else:  # a rate is no input: an update is then the gradient itself
                values[name] = x if name in RATES else copies.copy(x, (("", name),))
        if not outputs:
            if not _is_number(outs[0]):
                raise CannotCall(
                    f"{called(backward)} takes no upstream gradient, and {called(forward)} "
                    "returns no loss: it cannot be told what the gradients are of"
                )
            outputs, self.at = [(None, copies.node(outs[0]))], [0]
        copies.begin_backward([out for _, out in outputs])
        gradients = _call(backward, values, ())
        return outputs, [*copies.returned(gradients), *copies.left_in_objects()]

    def _round(
        self,
        copies: "_RecordingCopies",
        outputs: list[tuple[int | None, int]],
        found: list[Returned],
    ) -> Round:
        made = Round({}, {}, outputs, {})
        left = {one.path for one in found}  # where a gradient is left that no forward pass reads
        copies.inputs = [x for x in copies.inputs if x.path not in left or x.node in copies.read]
        give_names(copies.inputs)
        self.texts = {x.name: text_of(x.path) for x in copies.inputs}
        for one, gradient in matched(copies.inputs, found):
            made.inputs[one.name] = one.node
            made.gradients[one.name] = copies.node(gradient.value)
            made.called[one.name] = gradient.called_for(one)
        if not made.inputs:
            inputs = ", ".join(x.name for x in copies.inputs) or "none"
            if found and copies.inputs:
                raise CannotCall(
                    f"{self.functions.name}: it cannot be told which of {inputs} the {len(found)} "
                    "returned arrays are the gradients of: return one for each"
                )
            raise CannotCall(
                f"{self.functions.name}: no gradient of an input was returned; the inputs with "
                f"floats are {inputs}"
            )
        made.others = {x.name: x.node for x in copies.inputs if x.name not in made.inputs}
        return made

    def _measure(self, made: Round, state: Any, moved: "_Perturbation") -> None:
        """How fast the outputs grow along one direction, by a finite difference."""
        nodes = self.recorder.tape.nodes
        along, size = dict[str, np.ndarray](), 0.0
        for name, node in made.inputs.items():
            value = nodes[node].value
            assert value is not None
            along[name] = self.rng.normal(size=value.shape)
            size = max(size, float(np.max(np.abs(value), initial=0)))
        weights = [1.0 if d is None else nodes[d].value for d, _ in made.outputs]

        def total(step: float) -> float:
            np.random.set_state(state)
            steps = {self.texts[n]: x for n, x in along.items()}
            copies = _RecordingCopies(self.recorder, moved.again(steps, step))
            forward, _ = copies.functions(self.functions.forward, None)
            given = {n: copies.copy(x, (("", n),)) for n, x in self.given.items()}
            extra = [copies.copy(x, (("", f"args[{i}]"),)) for i, x in enumerate(self.extra)]
            result = self._result(copies, _call(forward, given, extra))
            outs = list(result) if type(result) is tuple else [result]
            outs = [np.asarray(strip(outs[i])) for i in self.at]
            return float(sum(np.sum(w * x) for w, x in zip(weights, outs, strict=True)))

        h = STEP * max(size, 1e-3)
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            if total(0.0) == total(0.0):
                made.slope = (total(h) - total(-h)) / (2 * h)
                made.along = {name: self.recorder.leaf(x) for name, x in along.items()}


def _is_number(x: Any) -> bool:
    return is_number_array(x) and np.size(x) == 1


def _call(function: Any, values: Mapping[str, Any], extra: Sequence[Any]) -> Any:
    """Call a function, with arguments by position as far as it takes them so."""
    args, kwargs = list[Any](), dict(values)
    for p in parameters_of(function):
        if p.kind == p.KEYWORD_ONLY or p.name not in kwargs:
            break
        args.append(kwargs.pop(p.name))
    return function(*args, *extra, **kwargs)


class _Perturbation:
    """Moves inputs by nothing, or by noise of about their own size.

    It knows an input by its path, as the script would write it.
    """

    def __init__(self, rng: np.random.Generator, names: set[str]) -> None:
        self.rng, self.names = rng, names
        self.made: dict[str, np.ndarray] = {}
        self.along: Mapping[str, np.ndarray] = {}
        self.step = 0.0

    def again(self, along: Mapping[str, np.ndarray], step: float) -> "_Perturbation":
        """The same numbers as before, and a step along a direction."""
        same = _Perturbation(self.rng, self.names)
        same.made, same.along, same.step = self.made, along, step
        return same

    def __call__(self, name: str, value: np.ndarray) -> np.ndarray:
        if name in self.names:
            if name not in self.made:
                self.made[name] = _near(value, self.rng)
            value = self.made[name]
        if self.step and name in self.along:
            value = value + self.step * self.along[name]
        return value


def _near(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers of the same kind: probabilities stay probabilities, positive numbers positive."""
    noise = rng.normal(size=value.shape)
    if value.size and np.all(value > 0):
        if np.all(value < 1):
            odds = value / (1 - value) * np.exp(MOVED * noise)
            return np.asarray(odds / (1 + odds))
        return np.asarray(value * np.exp(MOVED * noise))
    spread = float(np.std(value)) if value.size else 0.0
    return np.asarray(
        value + MOVED * (spread or float(np.max(np.abs(value), initial=0)) or 1) * noise
    )


class _RecordingCopies(Copies):
    """Copies all arguments and objects for one round; the arrays of the copies record."""

    def __init__(self, recorder: Recorder, moved: _Perturbation) -> None:
        super().__init__()
        self.recorder, self.moved = recorder, moved
        self.inputs: list[Input] = []
        self._before: dict[Path, int] = {}
        self.read = set[int]()  # what the outputs are computed from

    def functions(self, *functions: Any) -> list[Any]:
        """The functions; methods are bound to copies of their objects."""
        return [self._function(f) for f in functions]

    def _function(self, function: Any) -> Any:
        if isinstance(function, types.MethodType) and not isinstance(function.__self__, type):
            owner = self.copy(function.__self__, (("", "self"),))
            return types.MethodType(function.__func__, owner)
        if function is None or isinstance(function, types.FunctionType | types.MethodType):
            return function
        return self.copy(function, (("", "self"),))

    def array(self, value: Any, path: Path) -> Any:
        """A copy that records; an array of floats is an input, in float64."""
        name = text_of(path)
        if value.dtype.kind == "f":
            value = self.moved(name, np.asarray(value, dtype=np.float64))
            value = value if value.shape else np.float64(value)
        if self.recorder.full:
            return np.array(value) if np.shape(value) else value
        node = self.recorder.leaf(value)
        self.recorder.tape.nodes[node].name = name
        made = self.recorder.wrap(np.array(value) if np.shape(value) else value, node)
        if value.dtype.kind == "f":
            self.inputs.append(Input(path, value, node, len(path) == 1))
        return made

    # -- what is on the tape

    def node(self, value: Any) -> int:
        if type(value) is Number:
            return value.node
        return self.recorder.node_of(np.asanyarray(value))

    def returned(self, result: Any, path: Path = ()) -> Iterator[Returned]:
        """The arrays in what a function returned."""
        if isinstance(result, np.ndarray | np.floating | float):
            if np.asarray(result).dtype.kind in "fiub":
                yield Returned(path or (("#", 0),), result, self._names(result))
        elif isinstance(result, Mapping):
            for key, x in result.items():
                yield from self.returned(x, (*path, ("[", key)))
        elif isinstance(result, tuple | list):
            for i, x in enumerate(result):
                yield from self.returned(x, (*path, ("#" if not path else "[", i)))

    def _names(self, value: Any) -> tuple[str, ...]:
        tape, node = self.recorder.tape, self.node(value)
        aliases = [name for n, name, _ in tape.aliases if n == node]
        return tuple(n for n in (*aliases[::-1], tape.nodes[node].name) if n.isidentifier())

    def left_by_forward(self) -> Path:
        """The path to the only array that was computed; () if there are more, or none."""
        nodes = self.recorder.tape.nodes
        made = [path for path, x in self._arrays() if nodes[self.node(x)].inputs]
        return made[0] if len(made) == 1 and made[0][-1][0] == "." else ()

    def attribute(self, path: Path) -> Any:
        """What an object holds; None if there is no such object or attribute."""
        owners = (owner for at, owner in self.objects if at == path[:-1])
        return next((vars(owner).get(path[-1][1]) for owner in owners), None)

    def begin_backward(self, outputs: list[int]) -> None:
        """Remember what the objects hold before the backward function is called."""
        self._before = {path: self.node(x) for path, x in self._arrays()}
        self.read = self._behind(outputs)

    def _behind(self, ids: list[int]) -> set[int]:
        """What values are computed from; not what is replaced as a whole: ``x[...] = y``."""
        nodes, found, stack = self.recorder.tape.nodes, set[int](), [*ids]
        while stack:
            n = stack.pop()
            if n not in found:
                found.add(n)
                path: Any = nodes[n].args[1] if nodes[n].op == "assign" else ()
                whole = len(path) == 1 and path[0][0] == "getitem" and is_whole(path[0][1][0])
                stack += nodes[n].inputs[1:] if whole else nodes[n].inputs
        return found

    def left_in_objects(self) -> Iterator[Returned]:
        """The arrays that the backward function has left in the objects."""
        state = {x.path: x.node for x in self.inputs}
        for path, x in self._arrays():
            node, old = self.node(x), state.get(path, -1)
            if self._before.get(path) == node:
                continue
            if old in self.read:  # an update, with a rate of 1
                change = self.recorder.tape.nodes[old].value - strip(x)
                yield Returned(path, self.recorder.derived("subtract", (old, node), change))
            elif old in self._behind([node]):  # it adds to the gradient that was there
                change = strip(x) - self.recorder.tape.nodes[old].value
                yield Returned(path, self.recorder.derived("subtract", (node, old), change))
            else:
                yield Returned(path, x, self._names(x))

    def _arrays(self) -> Iterator[tuple[Path, Any]]:
        seen = set[int]()
        for path, owner in self.objects:
            for name, x in list(vars(owner).items()):
                yield from self._arrays_in(x, (*path, (".", name)), seen, 0)

    def _arrays_in(
        self, x: Any, path: Path, seen: set[int], depth: int
    ) -> Iterator[tuple[Path, Any]]:
        if isinstance(x, Recorded) and x.dtype.kind == "f":
            yield path, x
        elif type(x) in (dict, list, tuple) and depth < DEPTH and id(x) not in seen:
            seen.add(id(x))
            for key, part in x.items() if type(x) is dict else enumerate(x):
                yield from self._arrays_in(part, (*path, ("[", key)), seen, depth + 1)
