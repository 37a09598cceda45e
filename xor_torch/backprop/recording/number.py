"""Python numbers that record what is done with them.

A `Number` is a float: it prints, compares and rounds as one, to the last digit. A `Whole` stands
for an int in the same way. Each operation is written to the tape under NumPy's name for it.
"""

import builtins
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

# Python's operators and NumPy's names for them.
_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power",
    "floordiv": "floor_divide", "mod": "remainder",
}  # fmt: skip
_OF_BITS = ("and", "or", "xor", "lshift", "rshift")
COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
    "ne": "not_equal",
}  # fmt: skip
# Functions of `math` that the tape knows, and NumPy's names for them.
_FUNCTIONS = {
    **{name: name for name in (
        "exp", "exp2", "expm1", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan",
        "sinh", "cosh", "tanh", "fabs", "hypot", "copysign", "fmod", "erf",
    )},
    "pow": "power", "atan": "arctan", "asin": "arcsin", "acos": "arccos", "atan2": "arctan2",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "fsum": "sum",
}  # fmt: skip
# A number that is rounded to this many digits or more is taken as the same number.
MANY_DIGITS = 3


class Journal(Protocol):
    """What a number asks of its recorder."""

    def number(self, op: str, args: tuple[Any, ...], value: float) -> Any: ...
    def rounded(self, x: Any, value: float) -> Any: ...
    def sign_of(self, x: Any, size: float, value: float) -> Any: ...
    def condition(self, op: str, args: tuple[Any, ...], answer: bool) -> Any: ...
    def compared(self, op: str, args: tuple[Any, ...], answer: bool) -> None: ...
    def run(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any: ...


class Number(float):
    """A float that tells its recorder what is done with it."""

    __slots__ = ("node", "recorder")
    recorder: Journal
    node: int

    def __new__(cls, value: Any = 0.0) -> Any:
        """Return a plain float: another package may call the type of its argument."""
        return float(value)

    @classmethod
    def on_tape(cls, value: float, node: int, recorder: Journal) -> "Number":
        """A number that has this node on the tape."""
        x = float.__new__(cls, value)
        x.node, x.recorder = node, recorder
        return x

    def __neg__(self) -> Any:
        return self.recorder.number("negative", (self,), -plain(self))

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self.recorder.number("absolute", (self,), abs(plain(self)))

    def __round__(self, digits: Any = None) -> Any:
        value = round(plain(self), digits)
        if digits is None:
            return self.recorder.number("rint", (self,), value)
        if digits >= MANY_DIGITS:
            return self.recorder.rounded(self, value)
        return self.recorder.number("round", (self, digits), value)

    def __bool__(self) -> bool:
        answer = bool(plain(self))
        self.recorder.compared("not_equal", (self, 0), answer)
        return answer

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __hash__(self) -> int:
        return float.__hash__(self)

    def __reduce__(self) -> Any:
        return float, (plain(self),)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    @property
    def real(self) -> Any:
        return self

    def conjugate(self) -> Any:
        return self

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        return _of_numpy(self.recorder, ufunc, method, inputs, kwargs)


class Whole:
    """Stands for an int or a bool, and tells its recorder what is done with it.

    It is not a subclass of int: Python would multiply a float by one without calling its methods.
    """

    __slots__ = ("node", "recorder", "value")

    def __init__(self, value: int, node: int, recorder: Journal) -> None:
        self.value, self.node, self.recorder = value, node, recorder

    @property  # type: ignore[misc]  # it is never assigned
    def __class__(self) -> Any:
        """The class that other code sees: int or bool."""
        return type(object.__getattribute__(self, "value"))

    def __getattr__(self, name: str) -> Any:
        """An attribute of the int, such as ``bit_length``."""
        return getattr(object.__getattribute__(self, "value"), name)

    def __neg__(self) -> Any:
        return self.recorder.number("negative", (self,), -self.value)

    def __pos__(self) -> Any:
        return self.recorder.number("copy", (self,), +self.value)

    def __abs__(self) -> Any:
        return self.recorder.number("absolute", (self,), abs(self.value))

    def __invert__(self) -> Any:
        return self.recorder.number("lost", (self,), ~self.value)

    def __round__(self, digits: Any = None) -> Any:
        if digits is not None and digits < 0:
            return round(int(self), digits)
        return +self if type(self.value) is bool else self

    def __bool__(self) -> bool:
        self.recorder.compared("not_equal", (self, 0), self.value != 0)
        return self.value != 0

    def __index__(self) -> int:
        """The int itself. The script takes an item of a list by it, which counts as a branch."""
        self.recorder.compared("equal", (self, self.value), True)
        return int(self.value)

    def __int__(self) -> int:  # of ``"%d" % x``, which decides nothing
        return int(self.value)

    def __float__(self) -> float:
        return float(operator.index(self))

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return repr(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __reduce__(self) -> Any:
        return type(self.value), (self.value,)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.array(int(self), *args)

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        return _of_numpy(self.recorder, ufunc, method, inputs, kwargs)


PYTHON_NUMBERS = (Number, Whole)
_REAL = (*PYTHON_NUMBERS, float, int, bool)


def _of_numpy(recorder: Journal, ufunc: Any, method: Any, inputs: Any, kwargs: Any) -> Any:
    for x in (*inputs, *kwargs.get("out", ())):
        if isinstance(x, np.ndarray) and hasattr(x, "_recorder"):
            return x.__array_ufunc__(ufunc, method, *inputs, **kwargs)
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    return recorder.run(name, getattr(ufunc, method), inputs, kwargs)


def plain(x: Any) -> Any:
    """The same number as a plain float or int."""
    return x.value if type(x) is Whole else float.__pos__(x)


def _operator(name: str, op: str, reflected: bool) -> Callable[..., Any]:
    function = getattr(float, f"__{'r' if reflected else ''}{name}__")

    def operate(self: Any, other: Any, *modulus: Any) -> Any:
        value = function(self, other, *modulus)
        if type(value) is not float:  # NotImplemented, as for an array; or a complex number
            return value
        return self.recorder.number(op, (other, self) if reflected else (self, other), value)

    return operate


def _comparison(name: str, op: str) -> Callable[..., Any]:
    function = getattr(float, f"__{name}__")

    def compare(self: Any, other: Any) -> Any:
        answer = function(self, other)
        if answer is not NotImplemented:
            self.recorder.compared(op, (self, other), answer)
        return answer

    return compare


def _operator_of_whole(name: str, op: str, reflected: bool) -> Callable[..., Any]:
    function = getattr(operator, f"__{name}__")

    def operate(self: Any, other: Any) -> Any:
        if type(other) not in _REAL:
            return NotImplemented
        pair = (other, self) if reflected else (self, other)
        value = function(*map(_exact, pair))
        if type(value) is bool:  # two truth values
            of_truth = {"and": "multiply", "or": "maximum"}
            return self.recorder.number(of_truth.get(name, "lost"), pair, value)
        return self.recorder.number(op, pair, value) if type(value) in (int, float) else value

    return operate


def _comparison_of_whole(name: str, op: str) -> Callable[..., Any]:
    function = getattr(operator, f"__{name}__")

    def compare(self: Any, other: Any) -> Any:
        if type(other) not in _REAL:
            return NotImplemented
        answer = function(self.value, _exact(other))
        self.recorder.compared(op, (self, other), answer)
        return answer

    return compare


for _name, _op in _OPERATORS.items():
    setattr(Number, f"__{_name}__", _operator(_name, _op, False))
    setattr(Number, f"__r{_name}__", _operator(_name, _op, True))
for _name, _op in COMPARISONS.items():
    setattr(Number, f"__{_name}__", _comparison(_name, _op))
    setattr(Whole, f"__{_name}__", _comparison_of_whole(_name, _op))
for _name, _op in (_OPERATORS | dict.fromkeys(_OF_BITS, "lost")).items():
    setattr(Whole, f"__{_name}__", _operator_of_whole(_name, _op, False))
    setattr(Whole, f"__r{_name}__", _operator_of_whole(_name, _op, True))


# --------------------------------------------------------- functions in place of Python's own


def _of_numbers(args: Iterable[Any]) -> bool:
    return any(type(a) in PYTHON_NUMBERS for a in args)


def function_of_math(name: str) -> Callable[..., Any]:
    """A function of `math` that records what it does with numbers."""
    real, op = getattr(math, name), _FUNCTIONS.get(name, "lost")

    def call(*args: Any, **kwargs: Any) -> Any:
        if name == "fsum" and args and not isinstance(args[0], list | tuple):
            args = (list(args[0]), *args[1:])
        value = real(*map(_exact, args), **kwargs)
        found = [*args, *kwargs.values()]
        found = [*found, *(x for a in found if isinstance(a, list | tuple) for x in a)]
        first = next((a for a in found if type(a) in PYTHON_NUMBERS), None)
        if first is None or type(value) is not float:
            return value
        if name == "log":
            parts = [first.recorder.number("log", (a,), math.log(_exact(a))) for a in args]
            return parts[0] if len(args) == 1 else parts[0].recorder.number(
                "divide", tuple(parts), value
            )  # fmt: skip
        if name == "copysign" and type(args[0]) in (int, float) and type(value) is float:
            return first.recorder.sign_of(args[1], abs(args[0]), value)
        known = op != "lost" and not kwargs and not (name == "hypot" and len(args) != 2)
        return first.recorder.number(op if known else "lost", args, value)

    call.__name__ = name
    return call


def sum_of(items: Any, /, start: Any = 0) -> Any:
    """``sum``. Python adds plain floats more precisely than a subclass's, so it gets plain ones."""
    if hasattr(items, "__next__"):
        items = list(items)
    if type(items) not in (list, tuple):
        return builtins.sum(items, start)
    first = next((x for x in (start, *items) if type(x) in PYTHON_NUMBERS), None)
    if first is None or not all(type(x) in _REAL for x in (start, *items)):
        return builtins.sum(items, start)
    value = builtins.sum([_exact(x) for x in items], _exact(start))
    return first.recorder.number("sum", ([start, *items],), value)


def _exact(x: Any) -> Any:
    return plain(x) if type(x) in PYTHON_NUMBERS else x


def extreme_of(largest: bool) -> Callable[..., Any]:
    """``max`` or ``min``."""
    real, op = (max, "maximum") if largest else (min, "minimum")

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and hasattr(args[0], "__next__"):
            args = (list(args[0]),)
        items = args[0] if len(args) == 1 else args
        if kwargs or type(items) not in (list, tuple) or len(items) < 2:
            return real(*args, **kwargs)
        if not _of_numbers(items) or not all(type(x) in _REAL for x in items):
            return real(*args, **kwargs)
        if type(real(map(_exact, items))) is not float:  # max(0, x) may be the int
            return real(*args)
        chosen = items[0]
        for x in items[1:]:
            value = real(_exact(chosen), _exact(x))
            one = chosen if type(chosen) is Number else x
            known = type(one) is Number and type(value) is float
            chosen = one.recorder.number(op, (chosen, x), value) if known else real(chosen, x)
        return chosen

    return call
