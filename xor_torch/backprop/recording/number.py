"""The Python float that records what is done with it.

A `Number` is a float: it prints, compares and rounds as one, to the last digit. Each operation is
written to the tape under NumPy's name for it.
"""

import builtins
import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

# Python's operators and NumPy's names for them.
_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power",
    "floordiv": "floor_divide", "mod": "remainder",
}  # fmt: skip
_COMPARISONS = {
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


class Journal(Protocol):
    """What a number asks of its recorder."""

    def number(self, op: str, args: tuple[Any, ...], value: float) -> Any: ...
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
        return value if digits is None else self.recorder.number("round", (self, digits), value)

    def __bool__(self) -> bool:
        answer = plain(self) != 0
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
        for x in (*inputs, *kwargs.get("out", ())):
            if isinstance(x, np.ndarray) and hasattr(x, "_recorder"):
                return x.__array_ufunc__(ufunc, method, *inputs, **kwargs)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return self.recorder.run(name, getattr(ufunc, method), inputs, kwargs)


def plain(x: float) -> float:
    """The same number as a plain float."""
    return float.__pos__(x)


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


for _name, _op in _OPERATORS.items():
    setattr(Number, f"__{_name}__", _operator(_name, _op, False))
    setattr(Number, f"__r{_name}__", _operator(_name, _op, True))
for _name, _op in _COMPARISONS.items():
    setattr(Number, f"__{_name}__", _comparison(_name, _op))


# --------------------------------------------------------- functions in place of Python's own


_REAL = (Number, float, int, bool)


def _of_numbers(args: Iterable[Any]) -> bool:
    return any(type(a) is Number for a in args)


def function_of_math(name: str) -> Callable[..., Any]:
    """A function of `math` that records what it does with numbers."""
    real, op = getattr(math, name), _FUNCTIONS.get(name, "lost")

    def call(*args: Any, **kwargs: Any) -> Any:
        if name == "fsum" and args and not isinstance(args[0], list | tuple):
            args = (list(args[0]), *args[1:])
        value = real(*args, **kwargs)
        found = [*args, *kwargs.values()]
        found = [*found, *(x for a in found if isinstance(a, list | tuple) for x in a)]
        first = next((a for a in found if type(a) is Number), None)
        if first is None or type(value) is not float:
            return value
        if name == "log":
            parts = [first.recorder.number("log", (a,), math.log(a)) for a in args]
            return parts[0] if len(args) == 1 else parts[0].recorder.number(
                "divide", tuple(parts), value
            )  # fmt: skip
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
    first = next((x for x in (start, *items) if type(x) is Number), None)
    if first is None or not all(type(x) in _REAL for x in (start, *items)):
        return builtins.sum(items, start)
    value = builtins.sum([_exact(x) for x in items], _exact(start))
    return first.recorder.number("sum", ([start, *items],), value)


def _exact(x: Any) -> Any:
    return plain(x) if type(x) is Number else x


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
