"""Checks gradients in a test: `assert_backward` and `assert_backprop`, for graders.

`assert_backward` checks that a backward function returns the derivatives of its forward function.
`assert_backprop` checks a function that returns the gradients of a loss; the check finds the loss.
"""

import contextlib
import functools
import tempfile
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .check import conclude
from .code import Code
from .recording.array import strip
from .recording.binding import CannotCall
from .recording.pairs import LIMITS, Functions, record_pair
from .recording.recorder import Recorder
from .recording.watching import cell_number, file_of, watched
from .tape import Tape
from .verdict import Verdict

Arrays = Mapping[str, np.ndarray]
# A factor outside these limits is not a convention, such as a mean, a half or a sum over classes.
LEAST_FACTOR, LARGEST_FACTOR = 1e-6, 1e6
NOTEBOOK, IN = "this notebook", "In [{}]"
SAME_OUTPUT = 1e-9  # relative: how far a value may be from what `forward` returns


def assert_backprop(
    gradients: Callable[[np.ndarray, np.ndarray, dict[str, np.ndarray]], Arrays],
    X: np.ndarray,
    y: np.ndarray,
    params: Arrays,
    rounds: int = 8,
    seed: int = 0,
    forward: Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray] | None = None,
) -> None:
    """Check a function that computes gradients, against autograd, at random parameters.

    >>> import numpy as np
    >>> def gradients(X, y, params):
    ...     p = X @ params["W"]
    ...     return {"W": X.T @ (p - y)}
    >>> X, y = np.eye(3), np.ones((3, 1))
    >>> assert_backprop(gradients, X, y, {"W": np.zeros((3, 1))})

    Args:
        gradients: called as ``gradients(X, y, params)``; returns a mapping with a gradient for
            each name of `params`, in its shape. A class is called the same way by an instance
            with ``__call__``.
        X: inputs, an array of any shape that `gradients` takes.
        y: targets, an array of any shape that `gradients` takes.
        params: names and arrays; only their shapes count. `gradients` is given standard normal
            numbers, float64, in these shapes.
        rounds: how many sets of random parameters.
        seed: of the random parameters.
        forward: the network that was asked for, as ``forward(X, params)``, which returns its
            output. Without it a right gradient of any network passes.

    Raises:
        AssertionError: a gradient is wrong, and the text is the report. Also if the check cannot
            tell; if the gradients do not depend on y or on one of the parameters; if an argument
            was changed; if the gradients are out of proportion; if they are not computed from what
            `forward` returns.

    """
    __tracebackhide__ = True  # pytest shows the test's line and the report, not this code
    try:
        _check_backprop(gradients, X, y, params, rounds, seed, forward)
    except Exception as e:  # the report, or an exception of `gradients`
        raise e.with_traceback(_theirs(e.__traceback__)) from e.__cause__


def assert_backward(
    forward: Callable[..., Any],
    backward: Callable[..., Any] | None,
    *inputs: Any,
    strict: bool = False,
    seed: int = 0,
    **named: Any,
) -> None:
    """Check a backward function against autograd, through its forward function.

    >>> import numpy as np
    >>> def affine_forward(x, w, b):
    ...     return x @ w + b, (x, w)
    >>> def affine_backward(dout, cache):
    ...     x, w = cache
    ...     return dout @ w.T, x.T @ dout, dout.sum(axis=0)
    >>> rng = np.random.default_rng(0)
    >>> x, w, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), np.zeros(2)
    >>> assert_backward(affine_forward, affine_backward, x, w, b)

    Args:
        forward: called as ``forward(*inputs, **named)``. It returns an output or a tuple of
            outputs, and after them a cache of any type if `backward` takes one. A method of an
            object counts the arrays in the object as inputs, too.
        backward: called with a random upstream gradient of the shape of each output that it takes
            one for, and with the cache: ``backward(dout, cache)``. A parameter with the same name
            as one of `forward` gets the same argument. It returns the gradients in the order of the
            inputs, or in a dictionary, or leaves them in its object. None if `forward` returns
            them itself: ``loss, dx = softmax_loss(x, y)``.
        inputs: the arguments of `forward`. The gradients are with respect to the arrays of floats.
            Arrays of whole numbers are labels or indices; anything else is passed on. All are
            copied, and the functions are called a few times: at these numbers and near them.
        strict: refuse gradients that are means over the samples, as ``dW = dZ @ A.T / m`` beside
            ``dA = W.T @ dZ``.
        seed: of the upstream gradients.
        named: inputs by name.

    Raises:
        AssertionError: a gradient is not the derivative, and the text is the report; or the check
            cannot tell, and the text is the reason.

    """
    __tracebackhide__ = True
    for name, function in (("forward", forward), ("backward", backward)):
        if not file_of(function) and not (name == "backward" and function is None):
            raise AssertionError(
                f"{name} must be a function written in Python, got {_short(function)}"
            )
    recorder, main = Recorder(LIMITS), backward or forward
    try:
        with watched(recorder, [main, forward]):
            pair = record_pair(recorder, Functions(forward, backward, inputs, named), seed)
    except CannotCall as e:
        raise AssertionError(f"cannot tell: {e}") from None
    except SystemExit:
        raise AssertionError("cannot tell: a function ended the process with sys.exit") from None
    except Exception as e:  # the functions raised it
        raise e.with_traceback(_theirs(e.__traceback__)) from e.__cause__
    verdict = _verdict_of(file_of(main), recorder.tape.code, strict)
    from .judging.pairs import judge_pair  # it imports torch

    verdict.findings = [judge_pair(recorder.tape, pair)]
    conclude(verdict, {"end": "ran", "left": False}, "")
    if verdict.verdict != "correct":
        raise AssertionError(verdict.report())


def _check_backprop(
    gradients: Callable[..., Any],
    X: np.ndarray,
    y: np.ndarray,
    params: Arrays,
    rounds: int,
    seed: int,
    forward: Callable[..., np.ndarray] | None,
) -> None:
    """What `assert_backprop` does."""
    function = _function(gradients)
    X, y = _numbers(X, "X"), _numbers(y, "y")
    if not isinstance(params, Mapping) or not params:
        raise AssertionError(f"params must be a mapping of names to arrays, got {_short(params)}")
    shapes = {name: _numbers(value, name).shape for name, value in params.items()}
    rng = np.random.default_rng(seed)
    draws = [{n: rng.normal(0, 1, shape) for n, shape in shapes.items()} for _ in range(rounds)]
    _assert_dependence(function, X, y, draws, shapes)

    recorder = Recorder()
    at, results = list[dict[str, np.ndarray]](), list[list[int]]()
    with watched(recorder, [function]), np.errstate(all="ignore"):
        data, targets = recorder.enter(X), recorder.enter(y)
        current: dict[str, Any] = {n: recorder.enter(v, n) for n, v in draws[0].items()}
        for _ in range(rounds):
            at.append({n: np.array(strip(v)) for n, v in current.items()})
            found = _call(function, data, targets, current, shapes)
            gradients_of = {n: recorder.node_of(np.asanyarray(found[n])) for n in shapes}
            results.append([*gradients_of.values()])
            current = {
                n: recorder.derived(
                    "subtract",
                    (recorder.node_of(current[n]), node),
                    strip(current[n]) - strip(found[n]),
                    n,
                )
                for n, node in gradients_of.items()
            }
    recorder.full = True
    if forward is not None:
        outputs = [np.asarray(forward(X.copy(), _copies(p))) for p in at]
        _assert_computed(recorder.tape, results, outputs)
    _assert_right(recorder.tape, file_of(function))


def _theirs(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback without the frames of this package: only the students' code is left."""
    here = Path(__file__).parent
    kept, found = [], None
    while traceback is not None:
        if here not in Path(traceback.tb_frame.f_code.co_filename).parents:
            kept.append(traceback)
        traceback = traceback.tb_next
    for t in reversed(kept):
        found = types.TracebackType(found, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return found


def _verdict_of(filename: str, code: Code, strict: bool = False) -> Verdict:
    """A verdict to be filled, about a file or about the notebook that is running."""
    if cell_number(filename) is not None:
        code.cell, filename = IN, NOTEBOOK
    else:
        with contextlib.suppress(ValueError):
            filename = str(Path(filename).relative_to(Path.cwd()))
    return Verdict(filename, "cannot tell", code=code, strict=strict)


def _function(gradients: Any) -> Any:
    function = gradients() if isinstance(gradients, type) else gradients
    if isinstance(function, functools.partial) or not (
        hasattr(function, "__code__") or hasattr(type(function).__call__, "__code__")
        if callable(function)
        else False
    ):
        raise AssertionError(
            "gradients must be a function written in Python, gradients(X, y, params), "
            f"got {_short(function)}"
        )
    return function


def _numbers(value: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiub":
        raise AssertionError(f"{name} must be an array of numbers, got {_short(value)}")
    return array


def _short(value: Any) -> str:
    text = repr(value)
    return f"{text[:57]}..." if len(text) > 60 else text


def _copies(arrays: Arrays) -> dict[str, np.ndarray]:
    return {name: value.copy() for name, value in arrays.items()}


def _call(
    function: Any, X: Any, y: Any, params: dict[str, Any], shapes: Mapping[str, tuple[int, ...]]
) -> Arrays:
    """Call the function: it must return a gradient for each name and change no argument."""
    given = dict(params)
    before = {"X": np.array(strip(X)), "y": np.array(strip(y))}
    before |= {f"params[{n!r}]": np.array(strip(v)) for n, v in params.items()}
    try:
        found = function(X, y, given)
    except SystemExit:  # it would end a test program as if that had passed
        raise AssertionError("gradients ended the process with sys.exit") from None
    after = {"X": X, "y": y, **{f"params[{n!r}]": v for n, v in params.items()}}
    for name, value in before.items():
        if not np.array_equal(value, strip(after[name]), equal_nan=True):
            raise AssertionError(f"gradients changed its argument {name} in place")
    if given.keys() != params.keys() or any(given[n] is not params[n] for n in params):
        raise AssertionError("gradients changed its argument params")
    if not isinstance(found, Mapping):
        raise AssertionError(
            f"gradients must return a mapping of names to arrays, got {_short(found)}"
        )
    missing = [n for n in shapes if n not in found]
    if missing:
        raise AssertionError(f"gradients returned nothing for {', '.join(missing)}")
    for n, shape in shapes.items():
        _numbers(strip(found[n]), f"the gradient of {n}")
        if np.shape(found[n]) != shape:
            raise AssertionError(
                f"the gradient of {n} has shape {np.shape(found[n])}, {n} has {shape}"
            )
    return found


def _assert_dependence(
    function: Any, X: np.ndarray, y: np.ndarray, draws: Sequence[Arrays], shapes: Any
) -> None:
    """Other targets, and another value of each parameter, must give other gradients."""
    others = _other_targets(y)
    free = {"y"} if others is not None else set()
    free |= {n for n, shape in shapes.items() if np.prod(shape, dtype=int)}
    largest = smallest = False
    for params in draws:
        base = _plain(function, X, y, params, shapes)
        for n in shapes:
            smallest |= bool(np.any(params[n] - base[n] != params[n]))
            largest |= bool(np.any(params[n] - base[n] != -base[n]))
        if others is not None and "y" in free:
            free -= {"y"} if _differ(base, _plain(function, X, others, params, shapes)) else set()
        for n in sorted(free - {"y"}):
            moved = {**params, n: params[n] * 1.5 + 0.25}
            free -= {n} if _differ(base, _plain(function, X, y, moved, shapes)) else set()
    if not smallest or not largest:
        size = (
            "small that a step along them changes no parameter"
            if not smallest
            else "large that a step along them leaves nothing of the parameters"
        )
        raise AssertionError(
            f"all gradients are out of proportion: so {size}; by what factor were they multiplied?"
        )
    if free:
        raise AssertionError(
            f"the gradients do not depend on {', '.join(sorted(free))}: another value of it gives "
            "the same gradients"
        )


def _plain(function: Any, X: Any, y: Any, params: Arrays, shapes: Any) -> dict[str, np.ndarray]:
    with np.errstate(all="ignore"):
        found = _call(function, X.copy(), y.copy(), _copies(params), shapes)
    return {n: np.asarray(found[n], dtype=float) for n in shapes}


def _other_targets(y: np.ndarray) -> np.ndarray | None:
    """Other targets of the same kind: the rows in another order or, if all are equal, other floats.

    None if there are none: all rows are equal, and they are not floats.
    """
    if y.ndim and not np.array_equal(y, turned := np.roll(y, 1, axis=0)):
        return turned
    return y * 0.5 + 0.25 if y.dtype.kind == "f" else None


def _differ(a: Arrays, b: Arrays) -> bool:
    return any(not np.array_equal(a[n], b[n], equal_nan=True) for n in a)


def _assert_computed(tape: Tape, results: list[list[int]], outputs: list[np.ndarray]) -> None:
    """In each round the gradients must be computed from what `forward` returns."""
    for nodes, output in zip(results, outputs, strict=True):
        scale = float(np.max(np.abs(output), initial=0))
        values = (tape.nodes[n].value for n in tape.behind(nodes, range(len(tape.nodes))))
        if not any(
            value is not None
            and value.size == output.size
            and value.dtype.kind == "f"
            and any(
                np.allclose(np.ravel(v), np.ravel(output), rtol=0, atol=SAME_OUTPUT * scale)
                for v in (value, value.T)
            )
            for value in values
        ):
            raise AssertionError(
                "the gradients are not computed from what forward(X, params) returns: they are "
                "those of another network"
            )


def _assert_right(tape: Tape, filename: str) -> None:
    from .judging.judge import judge  # it imports torch

    with tempfile.TemporaryDirectory() as folder:
        tape.save(Path(folder), end="ran", left=False)
        tape, outcome = Tape.load(Path(folder))
    verdict = _verdict_of(filename, tape.code)
    verdict.findings = judge(tape)
    for finding in verdict.findings:
        finding.pair = ""  # the updates on the tape are ours, not the homework's
    conclude(verdict, outcome, "numpy")
    if verdict.verdict != "correct":
        raise AssertionError(verdict.report())
    for finding in verdict.findings:
        if finding.lr is not None and not LEAST_FACTOR <= abs(finding.lr) <= LARGEST_FACTOR:
            raise AssertionError(
                f"the gradients are out of proportion: {finding.lr:.1e} times those of the loss "
                f"{finding.loss}"
            )
