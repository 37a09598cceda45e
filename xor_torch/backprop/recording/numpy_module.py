"""The modules that a script gets for ``numpy`` and ``math``: their results are recorded."""

import copy
import functools
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .array import Matrix, Recorded, holds
from .recorder import Recorder

# NumPy functions that take a sequence of arrays, and record it as one.
_TAKE_SEQUENCES = {
    "append", "block", "broadcast_arrays", "column_stack", "concatenate", "dstack", "hstack",
    "multi_dot", "shuffle", "stack", "vstack",
}  # fmt: skip
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
            replace = _random(self._recorder) if name == "random" else {}
            found = StandIn(self._recorder, found, replace)
        elif (
            callable(found)
            and not isinstance(found, type | np.ufunc)
            and type(found).__module__ not in ("types", "typing")  # numpy.typing.NDArray
        ):
            found = _recording(self._recorder, found, draws=self._real is np.random)
        self.__dict__[name] = found
        return found

    def __dir__(self) -> list[str]:
        return dir(self._real)

    def __deepcopy__(self, memo: Any) -> Any:
        return self


def numpy_module(recorder: Recorder) -> StandIn:
    """``numpy``, as far as a script can tell."""

    def as_array(object: Any, dtype: Any = None, **kwargs: Any) -> Any:
        kwargs.pop("order", None)
        return recorder.array(object, dtype, copy=None, **kwargs)

    def as_matrix(data: Any, dtype: Any = None) -> Any:
        return recorder.matrix(data, dtype, copy=False)

    replace = {
        "array": recorder.array,
        "asarray": as_array,
        "asanyarray": functools.partial(as_array, subok=True),
        "matrix": _MatrixType("matrix", (Matrix,), {"recorder": recorder}),
        "asmatrix": as_matrix,
        "mat": as_matrix,
        "bmat": lambda blocks: as_matrix(np.block(blocks)),
        "ascontiguousarray": as_array,
        "asfarray": lambda a, dtype=np.float64: as_array(a, dtype),
        "vectorize": functools.partial(_Vectorized, recorder),
        "nditer": _nditer,
        "ndarray": _ArrayType("ndarray", (np.ndarray,), {"recorder": recorder}),
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
    """``math``, whose functions take recorded numbers to NumPy's."""
    return StandIn(recorder, math, {name: _of_a_number(name) for name in _OF_NUMBERS})


def _of_a_number(name: str) -> Callable[..., Any]:
    plain = getattr(math, name)
    recorded = getattr(np, {"pow": "power", "atan": "arctan"}.get(name, name))

    def call(*args: Any) -> Any:
        return recorded(*args) if any(isinstance(a, Recorded) for a in args) else plain(*args)

    return call


def _recording(
    recorder: Recorder, function: Callable[..., Any], draws: bool = False
) -> Callable[..., Any]:
    """A function whose results are recorded; `draws` says that it is one of a generator's."""
    name = getattr(function, "__name__", "call")

    def call(*args: Any, **kwargs: Any) -> Any:
        first = args[0] if args else None
        if type(first) is list and name not in _TAKE_SEQUENCES and holds(first, Recorded):
            args = (recorder.array(first), *args[1:])  # NumPy would make a plain array of it
        result = function(*args, **kwargs)
        if draws and isinstance(result, float | np.floating) and not recorder.full:
            return recorder.wrap(result, recorder.leaf(result))
        if draws and name == "shuffle":
            recorder.changed_unseen(first)
        return recorder.record_new(result)

    call.__name__ = name
    call.__doc__ = getattr(function, "__doc__", None)
    return call


class _Generator:
    """A random generator whose draws are recorded."""

    def __init__(self, recorder: Recorder, real: Any) -> None:
        self._recorder, self._real = recorder, real

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return _recording(self._recorder, found, draws=True) if callable(found) else found

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)(self._recorder, copy.deepcopy(self._real, memo))


def _random(recorder: Recorder) -> dict[str, Any]:
    """What ``numpy.random`` has generators from."""

    def maker(make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: _Generator(recorder, make(*args, **kwargs))

    makers = (np.random.RandomState, np.random.default_rng, np.random.Generator)
    return {make.__name__: maker(make) for make in makers}


class _ArrayType(type):
    """``numpy.ndarray`` to a script: a recorded array is one, and a call makes one."""

    recorder: Recorder

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, np.ndarray) and issubclass(x.__class__, np.ndarray)  # not a number

    def __subclasscheck__(cls, c: type) -> bool:
        return issubclass(c, np.ndarray)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.recorder.record_new(np.ndarray(*args, **kwargs))


class _MatrixType(type):
    """``numpy.matrix`` to a script."""

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


class _Elements:
    """``numpy.nditer`` of one array: views of its elements, which may be written to."""

    def __init__(self, x: Recorded) -> None:
        self.x = x

    def __iter__(self) -> Iterator[Any]:
        return (self.x[(*at, ...)] for at in np.ndindex(self.x.shape))

    def __enter__(self) -> "_Elements":
        return self

    def __exit__(self, *args: Any) -> None:
        pass


def _nditer(op: Any, flags: Any = (), *args: Any, **kwargs: Any) -> Any:
    # with flags, the script wants the indices
    if isinstance(op, Recorded) and op.flags.c_contiguous and not flags:
        return _Elements(op)
    return np.nditer(op, flags, *args, **kwargs)


class _Joined:
    """``numpy.c_`` and ``numpy.r_`` of recorded arrays."""

    def __init__(self, recorder: Recorder, real: Any, join: Callable[..., Any]) -> None:
        self.recorder, self.real, self.join = recorder, real, join

    def __getitem__(self, parts: Any) -> Any:
        if not holds(parts, Recorded):
            return self.recorder.record_new(self.real[parts])
        return self.join(parts if isinstance(parts, tuple) else (parts,))
