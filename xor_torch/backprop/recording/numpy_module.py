"""The modules that a script gets for ``numpy`` and ``math``: their results are recorded."""

import functools
import itertools
import math
import operator
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .array import Matrix, Recorded, holds, with_parts
from .generators import generator_makers
from .number import PYTHON_NUMBERS, Whole, function_of_math
from .recorder import Recorder

# NumPy functions that take a sequence of arrays, and record it as one.
_TAKE_SEQUENCES = {
    "append", "block", "broadcast_arrays", "column_stack", "concatenate", "dstack", "hstack",
    "multi_dot", "shuffle", "stack", "vstack",
}  # fmt: skip
# Functions that a script may call with one of its own floats.
_OF_ONE = {"abs", "clip", "dot", "mean", "round", "around", "sum", "where"}
# Functions of a random generator that take numbers and return some of them, or whole numbers.
_PICKS = {"binomial", "choice", "multinomial", "permutation", "permuted", "poisson", "shuffle"}
# Functions of `math` that NumPy has as well.
_OF_NUMBERS = [
    "exp", "log", "sqrt", "tanh", "sin", "cos", "tan", "sinh", "cosh", "log2", "log10", "log1p",
    "expm1", "fabs", "pow", "atan",
]  # fmt: skip


class StandIn(types.ModuleType):
    """A module whose functions return recorded arrays."""

    def __init__(self, recorder: Recorder, real: Any, replace: dict[str, Any]) -> None:
        """Stand in for the module `real`; `replace` has what is not to be taken from it."""
        super().__init__(real.__name__)
        self.__dict__.update(_recorder=recorder, _real=real, _replace=replace)

    def __getattr__(self, name: str) -> Any:
        if name in self._replace:
            return self._replace[name]
        found = getattr(self._real, name)
        if isinstance(found, types.ModuleType) and found.__name__.startswith("numpy"):
            replace = {"as_strided": functools.partial(_as_strided, self._recorder)}
            if name == "random":
                recording = functools.partial(_recording, self._recorder, draws=True)
                replace = generator_makers(recording)
            found = StandIn(self._recorder, found, replace)
        elif isinstance(found, np.ufunc):
            found = _Ufunc(self._recorder, found)
        elif (
            callable(found)
            and not isinstance(found, type)
            and type(found).__module__ not in ("types", "typing")  # numpy.typing.NDArray
        ):
            found = _recording(self._recorder, found, draws=self._real is np.random)
        self.__dict__[name] = found
        return found

    def __dir__(self) -> list[str]:
        return dir(self._real)

    def __deepcopy__(self, memo: Any) -> Any:
        return self


def real_module(module: types.ModuleType) -> types.ModuleType:
    """The module that a stand-in stands for; any other one as it is."""
    found: types.ModuleType = vars(module)["_real"] if isinstance(module, StandIn) else module
    return found


def numpy_module(recorder: Recorder) -> StandIn:
    """``numpy``, as far as a script can tell."""

    def as_array(a: Any, dtype: Any = None, **kwargs: Any) -> Any:
        kwargs.pop("order", None)
        return recorder.array(a, dtype, copy=None, **kwargs)

    def in_order(a: Any, dtype: Any = None, *, order: str, flag: str) -> Any:
        found = as_array(a, dtype, ndmin=1)
        return found if found.flags[flag] else found.copy(order)

    def as_matrix(data: Any, dtype: Any = None) -> Any:
        return recorder.matrix(data, dtype, copy=False)

    replace = {
        "array": recorder.array,
        "asarray": as_array,
        "asanyarray": functools.partial(as_array, subok=True),
        "matrix": _MatrixType("matrix", (Matrix,), {"recorder": recorder, "__module__": "numpy"}),
        "asmatrix": as_matrix,
        "mat": as_matrix,
        "bmat": lambda blocks: as_matrix(np.block(blocks)),
        "ascontiguousarray": functools.partial(in_order, order="C", flag="C_CONTIGUOUS"),
        "asfortranarray": functools.partial(in_order, order="F", flag="F_CONTIGUOUS"),
        "full": functools.partial(_full, recorder),
        "asfarray": lambda a, dtype=np.float64: as_array(a, dtype),
        "apply_along_axis": functools.partial(_apply_along_axis, recorder),
        "vectorize": functools.partial(_Vectorized, recorder),
        "piecewise": functools.partial(_piecewise, recorder),
        "fromiter": functools.partial(_from_iterator, recorder),
        "nditer": _nditer,
        "ndarray": _ArrayType(
            "ndarray", (np.ndarray,), {"recorder": recorder, "__module__": "numpy"}
        ),
        "c_": _Joined(recorder, np.c_, np.column_stack),
        "r_": _Joined(recorder, np.r_, np.concatenate),
        "float_": np.float64,
        "float": float,
        "int": int,
        "bool": bool,
        "object": object,
        "Inf": np.inf,
        "infty": np.inf,
        "NaN": np.nan,
        "product": lambda *a, **k: np.prod(*a, **k),
    }
    return StandIn(recorder, np, replace)


def math_module(recorder: Recorder) -> StandIn:
    """``math``: its functions record, and give NumPy's numbers to NumPy's functions."""
    names = [name for name in dir(math) if name[0] != "_"]
    functions = {n: _of_a_number(n) for n in names if callable(getattr(math, n))}
    # Without ``__all__``, ``from math import *`` takes what the module's dictionary has: nothing.
    return StandIn(recorder, math, {"__all__": names, **functions})


def _of_a_number(name: str) -> Callable[..., Any]:
    of_python = function_of_math(name)
    if name not in _OF_NUMBERS:
        return of_python
    of_numpy = getattr(np, {"pow": "power", "atan": "arctan"}.get(name, name))

    def call(*args: Any) -> Any:
        return of_numpy(*args) if any(isinstance(a, Recorded) for a in args) else of_python(*args)

    return call


def _recording(
    recorder: Recorder, function: Callable[..., Any], draws: bool = False
) -> Callable[..., Any]:
    """A function whose results are recorded; `draws`: it is a random generator's."""
    name = getattr(function, "__name__", "call")

    def call(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values())
        if name in _OF_ONE and not draws:
            args = tuple(recorder.as_array(a) if type(a) in PYTHON_NUMBERS else a for a in args)
        if name not in _TAKE_SEQUENCES:
            args = _as_arrays(recorder, args)
        first = args[0] if args else None
        if draws and name == "shuffle" and isinstance(first, Recorded):
            return recorder.shuffle(first, function, args[1:], kwargs)
        result = function(*args, **kwargs)
        if draws and name == "binomial":
            return _of_chances(recorder, result, *args, **kwargs)
        if name not in _PICKS and recorder.is_marked(_decided(given)):
            return recorder.record_new(result, "lost")  # NumPy has not told us what it did
        if draws and isinstance(result, float | np.floating) and not recorder.full:
            return recorder.wrap(result, recorder.leaf(result))
        return recorder.record_new(result)

    call.__name__ = name
    call.__doc__ = getattr(function, "__doc__", None)
    return call


def _decided(x: Any) -> Any:
    """Arguments with plain ints, such as the shape of ``np.zeros``: each counts as a branch."""
    if type(x) is Whole or (isinstance(x, Recorded) and x._scalar and x.dtype.kind == "i"):
        return operator.index(x)
    parts = type(x) in (tuple, list) and holds(x, Whole, Recorded)
    return with_parts(x, map(_decided, x)) if parts else x


def _of_chances(recorder: Recorder, drawn: Any, n: Any, p: Any, size: Any = None) -> Any:
    """Draws of a binomial; those of 0 and 1 are ``rand < p``, with numbers that give the same."""
    if not isinstance(p, Recorded) or not isinstance(drawn, np.ndarray) or np.any(n != 1):
        return recorder.record_new(drawn)
    chances = p.view(np.ndarray)
    numbers = recorder.record_new(np.where(drawn, 0.5 * chances, 0.5 + 0.5 * chances))
    return (numbers < p).astype(drawn.dtype)


def _as_arrays(recorder: Recorder, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments with an array for each list of recorded numbers: NumPy would make a plain one."""
    found = (type(a) in (list, tuple) and holds(a, Recorded, *PYTHON_NUMBERS) for a in args)
    return tuple(recorder.array(a) if lists else a for a, lists in zip(args, found, strict=True))


class _Ufunc:
    """A ufunc that also records when it is given a list of recorded numbers."""

    def __init__(self, recorder: Recorder, real: np.ufunc) -> None:
        self.__dict__.update(_recorder=recorder, _real=real, __name__=real.__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real(*_as_arrays(self._recorder, args), **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __repr__(self) -> str:
        return repr(self._real)

    def __reduce__(self) -> Any:
        return self._real.__reduce__()

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class _ArrayType(type):
    """``numpy.ndarray`` as a script sees it: recorded arrays are instances, a call makes one."""

    recorder: Recorder

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, np.ndarray) and issubclass(x.__class__, np.ndarray)  # not a number

    def __subclasscheck__(cls, c: type) -> bool:
        return issubclass(c, np.ndarray)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.recorder.record_new(np.ndarray(*args, **kwargs))


class _MatrixType(type):
    """``numpy.matrix`` as a script sees it."""

    recorder: Recorder

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Matrix)

    def __subclasscheck__(cls, c: type) -> bool:
        return issubclass(c, Matrix)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.recorder.matrix(*args, **kwargs)


class _Vectorized:
    """``numpy.vectorize``: the function of numbers is called for each of them."""

    def __init__(
        self, recorder: Recorder, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        self.recorder, self.function = recorder, function

    def __call__(self, *args: Any) -> Any:
        given = np.broadcast_arrays(*args) if len(args) > 1 else args
        arrays = [self.recorder.array(a, copy=None) for a in given]
        shape = arrays[0].shape
        results = [self.function(*xs) for xs in zip(*(a.ravel() for a in arrays), strict=True)]
        result = self.recorder.array(results).reshape(shape) if shape else results[0]
        return self.recorder.matrix(result, copy=False) if holds(args, Matrix) else result


def _apply_along_axis(
    recorder: Recorder, func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """``numpy.apply_along_axis``, which would call the function with rows that do not record."""
    if not isinstance(arr, Recorded):
        return recorder.record_new(np.apply_along_axis(func1d, axis, arr, *args, **kwargs))
    rows = np.moveaxis(arr, axis, -1)
    shape = rows.shape[:-1]
    found = recorder.array([func1d(rows[at], *args, **kwargs) for at in np.ndindex(shape)])
    size = found.shape[1:]
    whole = found.reshape(shape + size)
    return whole if len(size) != 1 else np.moveaxis(whole, -1, axis)


def _piecewise(
    recorder: Recorder, x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any
) -> Any:
    """``numpy.piecewise``, which would call the functions with parts that do not record."""
    x = recorder.array(x, copy=None)
    several = type(condlist) in (list, tuple) and np.shape(condlist[0]) == x.shape
    conditions = [recorder.array(c, bool) for c in (condlist if several else [condlist])]
    if len(funclist) == len(conditions) + 1:
        conditions.append(np.logical_not(functools.reduce(np.logical_or, conditions)))
    made = np.zeros_like(x)
    for where, function in zip(conditions, funclist, strict=True):
        made[where] = function(x[where], *args, **kwargs) if callable(function) else function
    return made


def _from_iterator(recorder: Recorder, iterator: Any, dtype: Any, count: int = -1) -> Any:
    """``numpy.fromiter``, which would make a plain array of recorded numbers."""
    some = iterator if count < 0 else itertools.islice(iterator, count)
    return recorder.array([*some], dtype)


def _full(recorder: Recorder, shape: Any, fill_value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """``numpy.full``, with a number that may be recorded."""
    if not isinstance(fill_value, Recorded):
        return recorder.record_new(np.full(shape, fill_value, dtype, **kwargs))
    whole = np.broadcast_to(fill_value, shape).copy()
    return whole if dtype is None else whole.astype(dtype)


def _as_strided(
    recorder: Recorder, x: Any, shape: Any = None, strides: Any = None, **_: Any
) -> Any:
    """``as_strided``. Its strides count bytes; on the tape, an element has the 8 of float64."""
    if isinstance(x, Recorded):  # the tape knows its numbers in the order of its memory only
        x = x.transpose(sorted(range(x.ndim), key=lambda axis: -x.strides[axis]))
    if not isinstance(x, Recorded) or shape is None or strides is None or not x.flags.c_contiguous:
        made = as_strided(np.asarray(x), shape, strides)
        return recorder.record_new(made, "lost" if recorder.is_marked(x) else "leaf")
    bytes_of_one = x.itemsize

    def real(x: np.ndarray, shape: Any, strides: Any) -> Any:
        return as_strided(x, shape, [s * bytes_of_one // 8 for s in strides])

    lengths = [int(n) for n in np.atleast_1d(shape)]
    jumps = [int(n) * 8 // bytes_of_one for n in np.atleast_1d(strides)]
    return recorder.run("as_strided", real, (x, lengths, jumps), {})


class _Elements:
    """``numpy.nditer`` of one array: views of its elements, which may be written to."""

    def __init__(self, x: Recorded, real: Any) -> None:
        self.x, self.real = x, real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __getitem__(self, _: int) -> Any:
        return self.x[(*self.real.multi_index, ...)]

    def __iter__(self) -> Iterator[Any]:
        return (self[0] for _ in self.real)

    def __enter__(self) -> "_Elements":
        return self

    def __exit__(self, *args: Any) -> None:
        self.real.close()


def _nditer(op: Any, flags: Any = (), *args: Any, **kwargs: Any) -> Any:
    if isinstance(op, Recorded) and op.flags.c_contiguous and {*flags} <= {"multi_index"}:
        return _Elements(op, np.nditer(op, ["multi_index"], *args, **kwargs))
    return np.nditer(op, flags, *args, **kwargs)


class _Joined:
    """``numpy.c_`` and ``numpy.r_`` of recorded arrays."""

    def __init__(self, recorder: Recorder, real: Any, join: Callable[..., Any]) -> None:
        self.recorder, self.real, self.join = recorder, real, join

    def __getitem__(self, parts: Any) -> Any:
        some = parts if isinstance(parts, tuple) else (parts,)
        if not holds(parts, Recorded, *PYTHON_NUMBERS) or isinstance(some[0], str):
            return self.recorder.record_new(self.real[parts])
        return self.join([*map(self._part, some)])

    def _part(self, x: Any) -> Any:
        """An array of at least one axis: a number is one of its own, and ``0:3`` is a range."""
        if type(x) in PYTHON_NUMBERS:
            x = self.recorder.as_array(x)
        if isinstance(x, Recorded):
            return x if x.ndim else x.reshape(1)
        return self.real[x]
