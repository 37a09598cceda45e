"""The functions that a script's rewritten code calls, and our ``sum``, ``max`` and ``min``."""

import contextlib
import functools
import numbers
import operator
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..tape import Ref
from .array import Recorded, strip
from .number import COMPARISONS, PYTHON_NUMBERS, Number, Whole, extreme_of, plain, sum_of
from .recorder import Recorder


def names_for(recorder: Recorder, numpy: Any) -> dict[str, Any]:
    """The names that we add to a script's own, whose NumPy is this module."""

    def loop(items: Iterable[Any]) -> Iterator[Any]:
        """The items of a ``for`` loop, until it has made enough updates."""
        go_on = recorder.loops.begin()
        for item in items:
            yield recorder.places.looped(item)
            if not go_on():
                return

    return {
        "__assigned__": recorder.assigned,
        "__loop__": loop,
        "__round__": recorder.loops.begin,
        "__complete__": lambda: not recorder.loops.left,
        "__float__": functools.partial(_float, recorder),
        "__int__": functools.partial(_int, recorder),
        "__bool__": _bool,
        "__truth__": lambda x: bool(x) if type(x) is Whole and type(x.value) is bool else x,
        "__type__": functools.partial(_type, numpy),
        "__cast__": _cast,
        "__plainly__": _plainly,
        "__begin__": lambda: len(recorder.tape.branches),
        "__asked__": recorder.asked,
        "__chosen__": functools.partial(_chosen, recorder),
        "__compared__": functools.partial(_compared, recorder),
        "__taken__": recorder.taken,
        "__whole__": recorder.places.whole,
        "__given__": lambda x: recorder.places.whole(recorder.places.looped(x)),
        "__set_item__": recorder.places.set_item,
        "__set_attribute__": recorder.places.set_attribute,
        "__change_item__": recorder.places.change_item,
        "__change_attribute__": recorder.places.change_attribute,
        "__named__": recorder.places.named,
        "__shrinks__": recorder.places.shrinks,
        "__grows__": recorder.places.grows,
        "__sliced__": recorder.places.sliced,
        "sum": sum_of,
        "max": extreme_of(True),
        "min": extreme_of(False),
    }


def _float(recorder: Recorder, *args: Any) -> Any:
    """``float(x)`` that keeps a recorded number recorded."""
    if len(args) != 1 or type(args[0]) in (float, int, str):
        return float(*args)
    x = args[0]
    if isinstance(x, Recorded):
        float(strip(x))  # raises NumPy's error if x has several numbers
        return x.item() if x.dtype.kind == "f" else x.astype(float).item()
    if recorder.array_of(x) is not None:
        x = x.item()
    if type(x) is Whole:
        return recorder.number("copy", (x,), float(x.value))
    return x if type(x) is Number else float(x)


def _int(recorder: Recorder, *args: Any, **kwargs: Any) -> Any:
    """``int(x)`` that keeps a recorded number recorded."""
    x = args[0] if len(args) == 1 and not kwargs else None
    if type(x) in PYTHON_NUMBERS:
        value = int(plain(x))
        return recorder.number("copy" if value == plain(x) else "trunc", (x,), value)
    if isinstance(x, Recorded) and x._scalar and x.dtype.kind == "b":
        return _chosen(recorder, "ne", x, False, 1, 0)
    if isinstance(x, Recorded) and x.size == 1:
        return x.as_int()
    return int(*args, **kwargs)


def _bool(*args: Any) -> Any:
    """``bool(x)`` that keeps a recorded truth value recorded."""
    known = len(args) == 1 and type(args[0]) is Whole and type(args[0].value) is bool
    return args[0] if known else bool(*args)


def _type(numpy: Any, *args: Any) -> Any:
    """``type(x)`` as it is without the recorder: float, ``numpy.float64``, ``numpy.ndarray``."""
    if len(args) == 1 and (isinstance(args[0], Recorded) or type(args[0]) in PYTHON_NUMBERS):
        kind = type(strip(args[0], np.matrix))
        return getattr(numpy, kind.__name__) if issubclass(kind, np.ndarray) else kind
    return type(*args)


def _cast(kind: Any, x: Any) -> Any:
    """``numpy.int64(x)`` that keeps a recorded array recorded."""
    numbers = isinstance(kind, type) and issubclass(kind, np.generic | float | int)
    return x.astype(kind) if numbers and isinstance(x, Recorded) else kind(x)


def _plainly(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a function of Python's library, which takes no int that records."""
    if getattr(function, "__module__", "") in ("json", "decimal", "fractions", "datetime"):
        args, kwargs = strip(args), strip(kwargs)
    return function(*args, **kwargs)


def _compared(recorder: Recorder, name: str, left: Any, right: Any) -> Any:
    """``left < right`` outside a test: its truth value may be used as a number."""
    kinds = type(left), type(right)
    # no array, and no tensor, whose answer has no truth value
    are_numbers = all(issubclass(kind, numbers.Number | Whole) for kind in kinds)
    if are_numbers and (kinds == (int, int) or any(kind in PYTHON_NUMBERS for kind in kinds)):
        return _chosen(recorder, name, left, right, True, False)
    return getattr(operator, name)(left, right)


def _chosen(recorder: Recorder, name: str, left: Any, right: Any, one: Any, other: Any) -> Any:
    """``one if left < right else other``, where `one` and `other` are literal numbers or functions.

    A function computes its number, and is called only if Python would, or if it is to be recorded.
    The chosen number is recorded as a step function of what was compared. After a comparison of
    two plain ints it is recorded as a new value, because all weights of the script may be ints.

    Args:
        recorder: of the script.
        name: of the comparison in `operator`, such as "lt".
        left: the left side of the comparison.
        right: its right side.
        one: the result if the comparison holds.
        other: the result if it does not.

    """
    compare = getattr(operator, name)
    condition: Any = None
    if _is_number(left) and _is_number(right):
        with np.errstate(all="ignore"):
            gap = left - right  # the answer is a step function of their difference
        known = compare(strip(left), strip(right))
        if bool(compare(strip(gap), 0)) == bool(known):  # unless the gap is rounded
            left, right = gap, 0
    if type(left) in PYTHON_NUMBERS or type(right) in PYTHON_NUMBERS:
        answer = compare(_plain(left), _plain(right))
        if type(answer) is bool:
            condition = recorder.condition(COMPARISONS[name], (left, right), answer)
    else:
        answer = compare(left, right)
        if isinstance(answer, Recorded) and answer.size == 1:
            condition = answer.reshape(()) if answer.shape else answer
            answer = bool(strip(condition))
    if callable(one) or callable(other):
        return _computed(recorder, condition, answer, one, other)
    value = one if answer else other
    if condition is not None:
        return recorder.number("where", (condition, one, other), _plain(value))
    return recorder.places.whole(value) if type(left) is type(right) is int else value


def _computed(recorder: Recorder, condition: Any, answer: Any, one: Any, other: Any) -> Any:
    chosen, left = (one, other) if answer else (other, one)
    if condition is None:
        return chosen() if callable(chosen) else chosen
    node = condition.id if isinstance(condition, Ref) else recorder.node_of(condition)
    with recorder.deciding(node):
        value = chosen() if callable(chosen) else chosen
    if type(value) in (float, int, *PYTHON_NUMBERS):
        with contextlib.suppress(Exception):  # the script does not compute what it does not choose
            left = left() if callable(left) else left
            if type(left) in (float, int, *PYTHON_NUMBERS):
                parts = (value, left) if answer else (left, value)
                return recorder.number("where", (condition, *parts), _plain(value))
    recorder.tape.branches.append((node, bool(answer)))
    return value


def _is_number(x: Any) -> bool:
    """Is it one recorded number? Of NumPy's others, unsigned ones and truth values have no gap."""
    return type(x) in PYTHON_NUMBERS or (
        isinstance(x, Recorded) and x.size == 1 and x.dtype.kind == "f"
    )


def _plain(x: Any) -> Any:
    return plain(x) if type(x) in PYTHON_NUMBERS else x
