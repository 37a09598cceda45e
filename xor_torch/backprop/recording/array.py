"""The array that a script computes with: each operation on it goes to its recorder.

A `Recorded` is an ndarray: the script sees the same numbers as with NumPy's own arrays. Views share
one `Memory`, so that a change through one of them changes the others.

The file is long because each way in which an ndarray is read or changed has a method here.
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .number import PYTHON_NUMBERS, Whole, plain

NUMBERS = "fiub"  # the kinds of dtype that are recorded: float, int, unsigned int, bool
# Functions that write into their first argument and return nothing.
_WRITERS = {"copyto", "put", "place", "putmask", "put_along_axis", "fill_diagonal"}
_METHODS = [
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "cumprod",
    "diagonal", "dot", "flatten", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat",
    "reshape", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes", "take", "trace",
    "transpose", "var",
]  # fmt: skip


# Python's operators, to be used with a torch tensor and a number.
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
    "divide": operator.truediv, "power": operator.pow, "floor_divide": operator.floordiv,
    "remainder": operator.mod, "greater": operator.gt, "greater_equal": operator.ge,
    "less": operator.lt, "less_equal": operator.le, "equal": operator.eq,
}  # fmt: skip
# Arguments of these types hold no array.
ATOMS = frozenset([int, float, bool, str, type(None), type(Ellipsis)])
_SHAPE: Any = np.ndarray.shape  # a descriptor


class Journal(Protocol):
    """What an array asks of its recorder."""

    def run(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any: ...
    def run_into(self, op: str, function: Any, args: Any, kwargs: Any, out: Any) -> Any: ...
    def change(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> None: ...
    def assign(self, x: "Recorded", index: Any, value: Any) -> None: ...
    def changed_unseen(self, x: Any) -> None: ...
    def branch(self, x: "Recorded", answer: bool) -> None: ...
    def typed(self, x: Any) -> Any: ...
    def matrix(self, data: Any, dtype: Any = None, copy: bool = True) -> Any: ...
    def plain_number(self, x: Any) -> Any: ...
    def number(self, op: str, args: tuple[Any, ...], value: float) -> Any: ...
    @property
    def array_of(self) -> Callable[[Any], Any]: ...


class Nobody:
    """The journal of an array that another library made, as NumPy's masked arrays do.

    Nothing is written down, and each result is NumPy's own.
    """

    def run(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return function(*strip(args), **strip(kwargs))

    def run_into(self, op: str, function: Any, args: Any, kwargs: Any, out: Any) -> Any:
        strip(out)[...] = self.run(op, function, args, kwargs)
        return out

    def change(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.run(op, function, args, kwargs)

    def array_of(self, x: Any) -> Any:
        return None

    def plain_number(self, x: Any) -> Any:
        return x

    def number(self, op: str, args: tuple[Any, ...], value: float) -> Any:
        return value

    def assign(self, x: "Recorded", index: Any, value: Any) -> None:
        strip(x)[strip(index)] = strip(value)

    def changed_unseen(self, x: Any) -> None:
        pass

    def branch(self, x: "Recorded", answer: bool) -> None:
        pass

    def typed(self, x: Any) -> Any:
        return x

    def matrix(self, data: Any, dtype: Any = None, copy: bool = True) -> Any:
        return np.matrix(strip(data), dtype, copy)


@dataclass(eq=False)
class Memory:
    """The memory that an array and its views share, and the tape's node for its present value."""

    base: np.ndarray
    node: int
    version: int = 0


class Recorded(np.ndarray):
    """An array that tells its recorder what is done with it."""

    _recorder: Journal = Nobody()
    _memory: Memory | None = None
    # how to get this view from the whole memory: ((op, function, args, kwargs), ...)
    _path: tuple[Any, ...] = ()
    _node: int = -1
    _version: int = 0
    _scalar: bool = False  # It stands for a NumPy number, which cannot be changed in place.
    _lost: bool = False  # It was made from a recorded array by something that did not record.

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return a NumPy number for a number: another package may call the type of its argument."""
        number = len(args) == 1 and not kwargs and np.ndim(args[0]) == 0
        return np.float64(args[0]) if number else super().__new__(cls, *args, **kwargs)

    @property  # type: ignore[misc]  # it is never assigned
    def __class__(self) -> Any:
        """The class that other code sees: a float where NumPy gives one."""
        return self.dtype.type if self._scalar else type(self)

    def __getattr__(self, name: str) -> Any:
        """An attribute that a NumPy number has and an array does not: ``is_integer``."""
        if self._scalar:
            return getattr(strip(self), name)
        raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}", name=name)

    def __array_finalize__(self, parent: Any) -> None:
        if isinstance(parent, Recorded):
            self._lost = True
            self._recorder = parent._recorder
        elif parent is not None and type(parent) is not np.ndarray:
            self._lost = True

    def __array_ufunc__(
        self, ufunc: Any, method: Any, *inputs: Any, out: Any = None, **kwargs: Any
    ) -> Any:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        function, recorder = getattr(ufunc, method), self._recorder
        if method == "at":
            return recorder.change(name, function, inputs, kwargs)
        if self._scalar and any(recorder.array_of(x) is not None for x in inputs):
            # torch takes NumPy's numbers, but not this array, which stands for one
            return _OPERATORS[name](*map(recorder.plain_number, inputs))
        if method == "__call__":  # for add.reduce, a tuple is the axes
            inputs = tuple(map(recorder.typed, inputs))
        if out is None:
            return recorder.run(name, function, inputs, kwargs)
        return recorder.run_into(name, function, inputs, kwargs, out[0])

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        out, recorder = kwargs.pop("out", None), self._recorder
        name = _function_name(func)
        if name == "copyto" and len(args) == 2 and not kwargs and isinstance(args[0], Recorded):
            args[0][...] = args[1]
            return None
        if name in _WRITERS:
            return recorder.change(name, func, args, kwargs)
        if name in ("dot", "inner", "outer"):
            args = tuple(map(recorder.typed, args))
        if isinstance(out, np.ndarray):
            return recorder.run_into(name, func, args, kwargs, out)
        return recorder.run(name, func, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        return self._recorder.run("getitem", getitem, (self, _as_index(index)), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self._recorder.assign(self, _as_index(index), value)

    def __iter__(self) -> Any:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> Any:
        answer = bool(self.view(np.ndarray))
        self._recorder.branch(self, answer)
        return answer

    def __round__(self, digits: Any = None) -> Any:
        if digits is None:
            return round(self.view(np.ndarray).item())
        return np.round(self, digits)

    def as_int(self) -> Any:
        """``int(x)`` of one number, an int that records."""
        value = int(self.view(np.ndarray).item())
        return self._recorder.number("trunc", (self.reshape(()),), value)

    def __trunc__(self) -> int:  # NumPy's numbers have one, its arrays do not
        return int(float(self))

    def __index__(self) -> int:
        """The int itself. What the script takes by it, an item of a list, counts as a branch."""
        operator.index(self.view(np.ndarray))  # raises NumPy's error
        return operator.index(self.as_int())

    def __hash__(self) -> int:  # type: ignore[override]  # an array has none
        if self._scalar:
            return hash(self.view(np.ndarray).item())
        raise TypeError(f"unhashable type: {type(self).__name__!r}")

    def __repr__(self) -> Any:
        return repr(strip(self, np.matrix))

    def __str__(self) -> Any:
        return str(self.view(np.ndarray))

    def __format__(self, spec: Any) -> Any:
        plain = self.view(np.ndarray)
        return format(plain[()] if plain.ndim == 0 else plain, spec)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __copy__(self) -> Any:
        return self.copy()

    def __reduce__(self) -> Any:
        return strip(self, np.matrix).__reduce__()

    @property
    def T(self) -> Any:
        return self._recorder.run("T", lambda x: x.T, (self,), {})

    @property
    def flat(self) -> Any:
        return Flat(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        self.flat[:] = value

    @property
    def shape(self) -> Any:
        return _SHAPE.__get__(self)

    @shape.setter
    def shape(self, new: Any) -> None:
        same = self.reshape(new)
        _SHAPE.__set__(self, new)
        self.__dict__.update(same.__dict__)

    def item(self, *args: Any) -> Any:
        if self.dtype.kind != "f":
            return self.view(np.ndarray).item(*args)
        return self._recorder.run("item", lambda x, *a: np.float64(x.item(*a)), (self, *args), {})

    def tolist(self) -> Any:
        if self.dtype.kind != "f":
            return self.view(np.ndarray).tolist()
        return [row.tolist() for row in self] if self.ndim else self

    def view(self, *args: Any, **kwargs: Any) -> Any:
        return super().view(*args, **kwargs) if args or kwargs else self[...]

    def resize(self, *shape: Any, refcheck: bool = True) -> None:
        new = shape[0] if len(shape) == 1 else shape
        if np.prod(new) != self.size:
            raise ValueError("an array that is recorded cannot get another size in place")
        self.shape = new

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        np.put(self, indices, values, mode)

    def itemset(self, *args: Any) -> None:
        *at, value = args
        self[at[0] if len(at) == 1 and isinstance(at[0], tuple) else tuple(at) or ...] = value

    def __imatmul__(self, other: Any) -> Any:  # type: ignore[misc]  # in place
        self[...] = self @ other
        return self

    def fill(self, value: Any) -> None:
        self[...] = value

    def sort(self, *args: Any, **kwargs: Any) -> None:
        self[...] = np.sort(self, *args, **kwargs)


class Flat:
    """``x.flat``: all elements in a row, which may be written to."""

    def __init__(self, x: Recorded) -> None:
        self.x = x

    def __iter__(self) -> Any:
        return iter(self.x.ravel())

    def __len__(self) -> int:
        return self.x.size

    def __getitem__(self, index: Any) -> Any:
        return self.x.ravel()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        flat = self.x.reshape(-1)  # a view, or a copy if the numbers lie in another order
        flat[index] = value
        if not self.x.flags.c_contiguous:
            self.x[...] = flat.reshape(self.x.shape)


def _unseen(name: str) -> Callable[..., Any]:
    """A method that changes its array in a way that the tape cannot express."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _change_unseen(self._recorder, getattr(np.ndarray, name), (self, *args), kwargs)

    return method


def _in_place(name: str) -> Callable[..., Any]:
    whole = getattr(np.ndarray, f"__i{name}__")
    rebind = getattr(np.ndarray, f"__{name}__")

    def operate(self: Any, other: Any) -> Any:
        return rebind(self, other) if self._scalar else whole(self, other)

    return operate


def _method(name: str) -> Callable[..., Any]:
    def function(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)  # x is an array, or a NumPy number

    def method(self: Any, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is not None:
            return self._recorder.run_into(name, function, (self, *args), kwargs, out)
        return self._recorder.run(name, function, (self, *args), kwargs)

    return method


for _name in ("add", "sub", "mul", "truediv", "pow", "floordiv", "mod"):
    setattr(Recorded, f"__i{_name}__", _in_place(_name))
for _name in _METHODS:
    setattr(Recorded, _name, _method(_name))
for _name in ("partition", "setfield"):
    setattr(Recorded, _name, _unseen(_name))


class Matrix(Recorded):
    """``numpy.matrix``: the tape gets the operations on plain arrays that its operators mean."""

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, list | tuple) or np.ndim(other):
            return np.dot(self, self._recorder.matrix(other, copy=False))
        return self._recorder.run("multiply", np.dot, (self, other), {})

    def __rmul__(self, other: Any) -> Any:
        op = "dot" if np.ndim(other) else "multiply"
        return self._recorder.run(op, np.dot, (other, self), {})

    def __imul__(self, other: Any) -> Any:
        self[:] = self * other
        return self

    def __pow__(self, n: Any) -> Any:  # type: ignore[override]  # no modulus
        return self * self if n == 2 else np.linalg.matrix_power(self, n)

    def __ipow__(self, n: Any) -> Any:  # type: ignore[override]  # in place
        self[:] = self**n
        return self

    def getA(self) -> Any:
        return seen_as(Recorded, self)

    def getA1(self) -> Any:
        return self.getA().ravel()

    def getI(self) -> Any:
        return (np.linalg.inv if self.shape[0] == self.shape[1] else np.linalg.pinv)(self)

    def getT(self) -> Any:
        return self.transpose()

    A, A1, I, H = property(getA), property(getA1), property(getI), property(getT)  # noqa: E741
    flat = property(lambda self: self.A.flat)

    def tolist(self) -> Any:
        return self.getA().tolist()


def seen_as(kind: type[Recorded], x: Recorded) -> Any:
    """The same memory as an array or a matrix."""
    same = x.view(kind)
    same.__dict__.update(x.__dict__)
    return same


def _as_index(x: Any) -> Any:
    """An index, in which a recorded int is the int itself: the script's choice of a part."""
    kind = type(x)
    if kind is tuple:
        return tuple([i if type(i) in ATOMS else _as_index(i) for i in x])
    if kind is Whole:
        return operator.index(x)
    if kind is slice and not is_typed(x):
        return slice(*map(_as_index, (x.start, x.stop, x.step)))
    return x


def getitem(x: np.ndarray, index: Any) -> Any:
    """``x[index]``"""
    return x[index]


def _function_name(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", str(func))
    module = getattr(func, "__module__", "") or ""
    return f"linalg.{name}" if "linalg" in module and name != "dot" else name


def _change_unseen(recorder: Journal, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a function that writes into its first argument and is not recorded."""
    result = function(*strip(args), **strip(kwargs))
    recorder.changed_unseen(args[0])
    return result


def strip(x: Any, matrix: type[np.ndarray] = np.ndarray) -> Any:
    """The same arguments with plain arrays and numbers; each matrix becomes a `matrix`."""
    kind = type(x)
    if kind in ATOMS:
        return x
    if isinstance(x, Recorded):
        array = np.ndarray.view(x, matrix if kind is Matrix else np.ndarray)
        return array[()] if x._scalar else array
    if kind in PYTHON_NUMBERS:
        return plain(x)
    if kind is tuple or kind is list:
        parts = [i if type(i) in ATOMS else strip(i, matrix) for i in x]
        return parts if kind is list else tuple(parts)
    if isinstance(x, np.matrix):
        return x.view(matrix)
    if kind is dict:
        return {k: strip(v, matrix) for k, v in x.items()} if x else {}
    if kind is slice and not is_typed(x):
        return slice(*(strip(i, matrix) for i in (x.start, x.stop, x.step)))
    return x


def is_typed(x: slice) -> bool:
    """Is a slice made of plain numbers, as nearly all are?"""
    return type(x.start) in ATOMS and type(x.stop) in ATOMS and type(x.step) in ATOMS


def with_parts(whole: Any, parts: Iterable[Any]) -> Any:
    """The same kind of list, tuple or named tuple (as `numpy.linalg` returns) with other parts."""
    return getattr(whole, "_make", type(whole))(parts)


def holds(x: Any, *kinds: type) -> bool:
    """Is this of one of these kinds, or is anything in this list or tuple?"""
    kind = type(x)
    if kind in ATOMS:
        return False
    if issubclass(kind, kinds):
        return True
    if issubclass(kind, (tuple, list)):
        for i in x:  # any() would take twice as long, at every operation
            if holds(i, *kinds):
                return True
    return False


def is_whole(index: Any) -> bool:
    """Does ``a[index] = ...`` replace all of ``a``?"""
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is Ellipsis or (isinstance(p, slice) and p == slice(None)) for p in parts)


def same_memory(a: Any, b: Any) -> bool:
    """Are these the same numbers at the same place? The shapes may differ: a row of a matrix."""
    same = a.size == b.size and a.__array_interface__ == b.reshape(a.shape).__array_interface__
    return bool(same)
