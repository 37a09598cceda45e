"""Run a NumPy script on a NumPy that records every operation.

The script is not changed on disk and sees the numbers that it would see anyway. It gets a
stand-in for ``numpy`` whose arrays are `Recorded`: an ndarray subclass that writes each
operation on it to a `Tape`, with its inputs, its value and its source line. In-place operations are
written as if they made a new value, and a view knows the memory that it looks into, so that a value
on the tape never changes.

Two things are added to the script while it is compiled, without moving a line: what each
assignment is called, and a check in each loop, so that a training loop of 600,000 epochs ends
after the first few hundred updates and the script goes on behind it.

This file decides nothing about derivatives and needs no package but NumPy. It is run as a
process of its own, because it executes a stranger's file::

    python -m xor_torch.backprop.recording.recorder FILE DIRECTORY SECONDS [ARGS...]
"""

import ast
import builtins
import contextlib
import copy
import functools
import importlib.abc
import importlib.machinery
import itertools
import math
import os
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..operations import PARTS, SAME_NUMBERS
from ..tape import Node, Ref, Tape
from .source import Notes, Place, read_source

# Of all parameters together: a pass over 150 single samples still fits. A loop that has made so
# many updates is left.
MAX_UPDATES = 640
# Memory and patience: about two seconds of recording, from the first updates on, and before them
# as much as preparing the data, checking the gradient or a picture of the network may need.
MAX_NODES = 60_000
MAX_NODES_BEFORE = 500_000
MAX_BYTES = 600_000_000
# So many arrays are told apart by a bit of their own.
MAX_BITS = 2_000
# A loop that is this slow is left after a handful of updates.
SLOW_LOOP_SECONDS = 8.0
FEW_UPDATES = 12
# Larger intermediate values are computed again from the tape instead of kept.
KEEP_ELEMENTS = 20_000


# ---------------------------------------------------------------------------- the arrays


@dataclass(eq=False)
class _Buffer:
    """The memory that an array and its views share, and its present value on the tape."""

    base: np.ndarray
    node: int
    version: int = 0


_VIEWS = {
    "getitem", "T", "reshape", "ravel", "transpose", "swapaxes", "squeeze", "expand_dims",
    "atleast_1d", "atleast_2d", "moveaxis", "flip", "diagonal",
}  # fmt: skip
_METHODS = [
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "cumprod",
    "diagonal", "dot", "flatten", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat",
    "reshape", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes", "take", "trace",
    "transpose", "var",
]  # fmt: skip
_recorder: "Recorder"


class Recorded(np.ndarray):
    """An array that writes what is done with it to the tape of the running `Recorder`."""

    _buffer: _Buffer | None = None
    # how this view is got from the whole memory: ((op, function, args, kwargs), ...)
    _path: tuple[Any, ...] = ()
    _node: int = -1
    _version: int = 0
    _scalar: bool = False  # stands for a NumPy number: no memory of its own to be changed
    _lost: bool = False  # made from a recorded array by something that did not record

    @property  # type: ignore[misc]  # it is never assigned
    def __class__(self) -> Any:
        """What it stands for, to other code that asks: a float where NumPy gives one."""
        return self.dtype.type if self._scalar else type(self)

    def __getattr__(self, name: str) -> Any:
        """What a NumPy number has and an array has not: ``is_integer``."""
        if self._scalar:
            return getattr(_strip(self), name)
        raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}", name=name)

    def __array_finalize__(self, parent: Any) -> None:
        self._lost = isinstance(parent, Recorded)

    def __array_ufunc__(
        self, ufunc: Any, method: Any, *inputs: Any, out: Any = None, **kwargs: Any
    ) -> Any:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        function = getattr(ufunc, method)
        if method == "at":
            return _change_unseen(function, inputs, kwargs)
        if method == "__call__":  # of add.reduce a tuple is the axes
            inputs = tuple(map(_recorder.typed, inputs))
        if out is None:
            return _recorder.run(name, function, inputs, kwargs)
        return _recorder.run_into(name, function, inputs, kwargs, out[0])

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        name = _function_name(func)
        if name in ("copyto", "put", "place", "putmask", "put_along_axis", "fill_diagonal"):
            if name == "copyto" and len(args) == 2 and isinstance(args[0], Recorded):
                args[0][...] = args[1]
                return None
            return _change_unseen(func, args, kwargs)
        if name in ("dot", "inner", "outer"):
            args = tuple(map(_recorder.typed, args))
        if isinstance(out, np.ndarray):
            return _recorder.run_into(name, func, args, kwargs, out)
        return _recorder.run(name, func, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        return _recorder.run("getitem", _getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        _recorder.assign(self, index, value)

    def __iter__(self) -> Any:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> Any:
        answer = bool(self.view(np.ndarray))
        _recorder.guard(self, answer)
        return answer

    def __round__(self, digits: Any = None) -> Any:
        if digits is None:
            return round(self.view(np.ndarray).item())
        return np.round(self, digits)

    def __hash__(self) -> int:  # type: ignore[override]  # an array has none
        if self._scalar:
            return hash(self.view(np.ndarray).item())
        raise TypeError(f"unhashable type: {type(self).__name__!r}")

    def __repr__(self) -> Any:
        return repr(_strip(self, np.matrix))

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
        return _strip(self, np.matrix).__reduce__()

    @property
    def T(self) -> Any:
        return _recorder.run("T", lambda x: x.T, (self,), {})

    @property
    def flat(self) -> Any:
        return self.ravel().__iter__()

    def item(self, *args: Any) -> Any:
        if self.dtype.kind != "f":
            return self.view(np.ndarray).item(*args)
        return _recorder.run("item", lambda x, *a: np.float64(x.item(*a)), (self, *args), {})

    def tolist(self) -> Any:
        if self.dtype.kind != "f":
            return self.view(np.ndarray).tolist()
        return [row.tolist() for row in self] if self.ndim else self

    def fill(self, value: Any) -> None:
        self[...] = value

    def sort(self, *args: Any, **kwargs: Any) -> None:
        self[...] = np.sort(self, *args, **kwargs)


def _in_place(name: str) -> Callable[..., Any]:
    whole = getattr(np.ndarray, f"__i{name}__")
    rebind = getattr(np.ndarray, f"__{name}__")

    def operate(self: Any, other: Any) -> Any:
        return rebind(self, other) if self._scalar else whole(self, other)

    return operate


def _method(name: str) -> Callable[..., Any]:
    # of an array, or of the NumPy number that x stands for
    def function(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    def method(self: Any, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is not None:
            return _recorder.run_into(name, function, (self, *args), kwargs, out)
        return _recorder.run(name, function, (self, *args), kwargs)

    return method


for _name in ("add", "sub", "mul", "truediv", "pow", "floordiv", "mod"):
    setattr(Recorded, f"__i{_name}__", _in_place(_name))
for _name in _METHODS:
    setattr(Recorded, _name, _method(_name))


class Matrix(Recorded):
    """``numpy.matrix``: on the tape, the plain operations that its own stand for."""

    def __new__(cls, data: Any, dtype: Any = None, copy: bool = True) -> Any:
        x = array(np.matrix(data) if isinstance(data, str) else data, dtype, copy=copy or None)
        return _recorder.dress(x, np.asarray(_strip(x)).view(np.matrix))  # two axes, always

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, list | tuple) or np.ndim(other):
            return np.dot(self, _asmatrix(other))
        return _recorder.run("multiply", np.dot, (self, other), {})

    def __rmul__(self, other: Any) -> Any:
        return _recorder.run("dot" if np.ndim(other) else "multiply", np.dot, (other, self), {})

    def __imul__(self, other: Any) -> Any:
        self[:] = self * other
        return self

    def __pow__(self, n: Any) -> Any:  # type: ignore[override]  # no modulus
        return self * self if n == 2 else np.linalg.matrix_power(self, n)

    def __ipow__(self, n: Any) -> Any:  # type: ignore[override]  # in place
        self[:] = self**n
        return self

    def getA(self) -> Any:
        return _seen_as(Recorded, self)

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


def _seen_as(kind: type[Recorded], x: Recorded) -> Any:
    """The same memory as an array or a matrix."""
    same = x.view(kind)
    same.__dict__.update(x.__dict__)
    return same


def _getitem(x: np.ndarray, index: Any) -> Any:
    return x[index]


def _function_name(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", str(func))
    module = getattr(func, "__module__", "") or ""
    return f"linalg.{name}" if "linalg" in module and name != "dot" else name


def _change_unseen(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A function that writes into its first argument, and is not recorded."""
    result = function(*_strip(args), **_strip(kwargs))
    _recorder.opaque(args[0])
    return result


def _strip(x: Any, matrix: type[np.ndarray] = np.ndarray) -> Any:
    """The same arguments with plain arrays in them, and a `matrix` for each matrix."""
    if isinstance(x, Recorded):
        plain = x.view(matrix if type(x) is Matrix else np.ndarray)
        return plain[()] if x._scalar else plain
    if isinstance(x, np.matrix):
        return x.view(matrix)
    if type(x) in (tuple, list):
        return type(x)(_strip(i, matrix) for i in x)
    if type(x) is dict:
        return {k: _strip(v, matrix) for k, v in x.items()}
    if type(x) is slice:
        return slice(*(_strip(i, matrix) for i in (x.start, x.stop, x.step)))
    return x


def _again(whole: Any, parts: Iterable[Any]) -> Any:
    """Other parts in the same kind of list or tuple; the results of linalg's have names."""
    return getattr(whole, "_make", type(whole))(parts)


def _holds(x: Any, *kinds: type) -> bool:
    """Is this, or is anything in this, of one of these kinds?"""
    kind = type(x)
    return issubclass(kind, kinds) or (
        issubclass(kind, tuple | list) and any(_holds(i, *kinds) for i in x)
    )


def _whole(index: Any) -> bool:
    """Does ``a[index] = ...`` replace all of ``a``?"""
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is Ellipsis or (isinstance(p, slice) and p == slice(None)) for p in parts)


def _same_memory(a: Any, b: Any) -> bool:
    # a row of a matrix is one
    same = a.size == b.size and a.__array_interface__ == b.reshape(a.shape).__array_interface__
    return bool(same)


# -------------------------------------------------------------------------- the recorder


class Enough(BaseException):
    """The tape is full: raised through the script, unless the process simply ends."""


class Recorder:
    """Runs one script and keeps the tape. One at a time in a process."""

    def __init__(
        self,
        seconds: float = 60.0,
        when_full: Callable[[], None] = lambda: None,
        when_enough: Callable[[], None] = lambda: None,
    ) -> None:
        self.tape = Tape()
        # the script's own, with what `Notes` found on each line
        self.files: dict[str, dict[int, dict[int, list[str]]]] = {}
        self.begins: dict[str, int] = {}  # how many lines of code come before those of a file
        self.deadline = time.monotonic() + seconds
        self.when_full = when_full
        self.when_enough = when_enough
        self.kept = self.left = False  # enough was made for a verdict; a loop was left early
        self.updates = 0
        self.full = False
        self._room = MAX_NODES_BEFORE
        self._bytes = 0
        self._next_bit = 0
        self._root_of: dict[int, int] = {}  # of every value that replaced another
        # (root, place) of every update, with the part of an array that is the first to be changed
        # and the last value that was changed
        self._places: dict[tuple[int, Any], tuple[str, int]] = {}
        self._read = set[int]()  # roots that a change of them has been computed from
        self._apart: dict[int, set[int]] = {}  # of other roots: what has not
        self._sums: dict[int, list[tuple[int, int]]] = {}  # of other roots: (old, new)
        self._foreign: dict[int, tuple[np.ndarray, int]] = {}  # plain arrays that were met
        self._typed: dict[int, tuple[Any, Recorded]] = {}  # lists of numbers, likewise

    # -- what happened where

    def _frame(self) -> types.FrameType | None:
        """The nearest frame, if it is the script's; None if another package is at work.

        A deep copy is the script's own, too.
        """
        frame: types.FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_filename in (__file__, copy.__file__):
            frame = frame.f_back
        return frame if frame and frame.f_code.co_filename in self.files else None

    def _line(self, frame: types.FrameType) -> int:
        return self.begins.get(frame.f_code.co_filename, 0) + frame.f_lineno

    def _records(self) -> bool:
        """Is it the script that calls, and is there room on the tape?"""
        return not self.full and self._frame() is not None

    def _new(self, op: str, args: Any = (), kwargs: Any = None) -> Node:
        node, frame = Node(len(self.tape.nodes), op, args, kwargs or {}), self._frame()
        if frame is not None:
            node.line = self._line(frame)
            node.site = (frame.f_code, frame.f_lasti)
        for i in node.inputs:
            node.bits |= self.tape.nodes[i].bits
        self.tape.nodes.append(node)
        if (
            len(self.tape.nodes) > self._room
            or self._bytes > MAX_BYTES
            or time.monotonic() > self.deadline
        ) and not self.full:
            self.full = True
            self.when_full()
            raise Enough
        return node

    def _keep(self, node: Node, value: Any, always: bool = False) -> None:
        node.shape, node.dtype = np.shape(value), np.asarray(value).dtype.kind
        if always or np.size(value) <= KEEP_ELEMENTS:
            copy = node.value = np.array(value)
            self._bytes += copy.nbytes
        # a weight may begin as a typed number, and the data may be whole numbers
        first = node.op in ("leaf", "multiply", "add", "subtract") and not node.bits
        if first and node.dtype == "f":
            node.bits = 1 << self._next_bit
            self._next_bit = min(self._next_bit + 1, MAX_BITS)

    def leaf(self, value: Any, op: str = "leaf") -> int:
        """Enter a value that comes from outside the tape."""
        node = self._new(op)
        self._keep(node, value, always=True)
        return node.id

    def node_of(self, x: np.ndarray) -> int:
        """The present value of an array on the tape."""
        if not isinstance(x, Recorded):
            known = self._foreign.get(id(x))
            was = self.tape.nodes[known[1]].value if known else None
            if known and known[0] is x and was is not None and np.array_equal(was, x):
                return known[1]
            node = self.leaf(x, "foreign")
            self._foreign[id(x)] = (x, node)  # holding x keeps its id its own
            return node
        if x._buffer is None:
            self.adopt(x, self.leaf(x.view(np.ndarray), "lost" if x._lost else "leaf"))
        elif x._version != x._buffer.version:
            node = x._buffer.node
            value = x._buffer.base
            for op, function, args, kwargs in x._path:
                value = function(value, *_strip(args), **_strip(kwargs))
                made = self._new(op, (Ref(node), *self.encode(args)), self.encode(kwargs))
                self._keep(made, value)
                node = made.id
            x._node, x._version = node, x._buffer.version
        return x._node

    def encode(self, x: Any) -> Any:
        """Arguments with `Ref` in place of arrays."""
        if isinstance(x, np.ndarray):
            return Ref(self.node_of(x)) if x.dtype.kind in "fiub" else x
        if type(x) in (tuple, list):
            return type(x)(map(self.encode, x))
        if type(x) is range:
            return list(x)
        if type(x) is dict:
            return {k: self.encode(v) for k, v in x.items()}
        if type(x) is slice:
            return slice(*(self.encode(i) for i in (x.start, x.stop, x.step)))
        return x

    def adopt(self, x: Recorded, node: int) -> None:
        x._buffer, x._path, x._node, x._version = _Buffer(x.view(np.ndarray), node), (), node, 0

    def wrap(self, value: Any, node: int) -> Any:
        """`value` as a recorded array whose memory is its own."""
        x = np.asarray(value).view(Matrix if isinstance(value, np.matrix) else Recorded)
        x._scalar = not isinstance(value, np.ndarray)
        self.adopt(x, node)
        return x

    def typed(self, x: Any) -> Any:
        """A list of numbers as an array, the same one each time that the list is met."""
        if type(x) not in (list, tuple) or _holds(x, Recorded) or not self._records():
            return x
        value = np.array(x)
        known = self._typed.get(id(x))
        if known and known[0] is x and np.array_equal(_strip(known[1]), value):
            return known[1]
        if value.dtype.kind not in "fiub":
            return x
        self._typed[id(x)] = x, (made := self.wrap(value, self.leaf(value)))
        self.tape.nodes[made._node].site = None  # not made by the operation that it is met in
        return made

    def born(self, value: Any) -> Any:
        """Record an array that NumPy has just made from nothing; leave other things alone."""
        if isinstance(value, Recorded) or self.full:
            return value
        if type(value) in (np.ndarray, np.matrix) and value.dtype.kind in "fiub":
            return self.wrap(value, self.leaf(value)) if self._frame() else value
        if type(value) in (tuple, list) and any(isinstance(v, np.ndarray) for v in value):
            return type(value)(map(self.born, value))
        return value

    # -- operations

    def run(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Do an operation and write it down."""
        result = self._run(op, function, args, kwargs)
        if not _holds(args, Matrix, np.matrix):
            return result
        return self.dress(result, function(*_strip(args, np.matrix), **_strip(kwargs, np.matrix)))

    def dress(self, x: Any, like: Any) -> Any:
        """The result of an operation on arrays, as NumPy gives it for matrices."""
        if isinstance(like, tuple | list):
            return _again(like, map(self.dress, x, like))
        if not isinstance(x, Recorded):
            return like
        if not np.array_equal(np.ravel(_strip(x)), np.ravel(like), equal_nan=True):
            return self.wrap(like, self.leaf(like, "lost"))
        x = x if x.shape == np.shape(like) else x.reshape(like.shape)
        return _seen_as(Matrix, x) if isinstance(like, np.matrix) else x

    def _run(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        value = function(*_strip(args), **_strip(kwargs))
        if op in ("zeros_like", "ones_like", "empty_like", "full_like"):
            return self.born(value)
        if not self._records():
            return value
        if isinstance(value, tuple | list) and any(isinstance(v, np.ndarray) for v in value):
            parts = (
                self._result(f"{op}#{i}", function, args, kwargs, v) for i, v in enumerate(value)
            )
            return _again(value, parts)
        return self._result(op, function, args, kwargs, value)

    def _result(self, op: str, function: Any, args: Any, kwargs: Any, value: Any) -> Any:
        if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "fiub":
            return value
        node = self._new(op, self.encode(args), self.encode(kwargs))
        self._keep(node, value)
        result = self.wrap(value, node.id)
        source = args[0] if args else None
        if (
            op in _VIEWS
            and not result._scalar
            and isinstance(source, Recorded)
            and source._buffer is not None
            and np.may_share_memory(source._buffer.base, value)
        ):
            result._buffer, result._version = source._buffer, source._buffer.version
            result._path = (*source._path, (op, function, args[1:], kwargs))
        if op == "array":
            self._link_array(node)
        self._link(node)
        return result

    def run_into(self, op: str, function: Any, args: Any, kwargs: Any, out: Any) -> Any:
        """The same with the result written into `out`, an existing array."""
        records = self._records() and isinstance(out, Recorded)
        encoded = (self.encode(args), self.encode(kwargs)) if records else ()
        function(*_strip(args), out=np.asarray(out), **_strip(kwargs))
        if records:
            node = self._new(op, *encoded)
            self._keep(node, np.asarray(out))
            self._link(node)
            self._name_target(node)
            self._write(out, (), node.id)
        else:
            self.opaque(out)
        return out

    def _write(self, x: Recorded, path: tuple[Any, ...], node: int) -> None:
        """The part of `x` that `path` leads to now has the value `node`."""
        self.node_of(x)  # sees to it that there is a buffer
        buffer = x._buffer
        assert buffer is not None
        path = (*x._path, *path)
        if path:
            steps = tuple(
                (op, self.encode(args), self.encode(kwargs)) for op, _, args, kwargs in path
            )
            made = self._new("assign", (Ref(buffer.node), steps, Ref(node)))
            self._keep(made, buffer.base)
            self._name_target(made, len(path))
            self._link_part(made)
            node = made.id
        buffer.node = node
        buffer.version += 1
        if not path:
            x._node, x._version = node, buffer.version

    def assign(self, x: Recorded, index: Any, value: Any) -> None:
        """``x[index] = value``"""
        if not self._records():
            x.view(np.ndarray)[_strip(index)] = _strip(value)
            self.opaque(x)
            return
        if isinstance(value, Recorded) and _same_memory(value, x.view(np.ndarray)[_strip(index)]):
            return  # x[i] += 1 has changed x already, and now puts x[i] where it was
        new = self.encode(value) if type(value) not in (int, float) else value
        if isinstance(new, list):  # x[i] = [a, b]
            new = Ref(self.node_of(array(value)))
        self.node_of(x)
        x.view(np.ndarray)[_strip(index)] = _strip(value)
        if isinstance(new, Ref) and _whole(index) and self.tape.nodes[new.id].shape == x.shape:
            self._write(x, (), new.id)
            return
        if not isinstance(new, Ref):
            new = Ref(self.leaf(np.asarray(value)))
        self._write(x, (("getitem", _getitem, (index,), {}),), new.id)

    def opaque(self, x: Any) -> None:
        """Something changed the memory of `x` that does not record: a new value from outside."""
        if isinstance(x, Recorded) and x._buffer is not None and not self.full:
            was = self.tape.nodes[x._buffer.node]
            kind = "lost" if was.bits and was.op != "leaf" else "leaf"
            x._buffer.node = self.leaf(x._buffer.base, kind)
            x._buffer.version += 1

    def guard(self, x: Recorded, answer: bool) -> None:
        """The script chose its way by the truth of `x`."""
        if self._records():
            self.tape.guards.append((self.node_of(x), answer))

    # -- states and loops

    def _link(self, node: Node) -> None:
        """Is this a new value of something: ``old + change`` where the change depends on old?"""
        if node.op not in ("add", "subtract") or node.dtype != "f" or len(node.args) != 2:
            return
        first, second = node.args
        if not (isinstance(first, Ref) and isinstance(second, Ref)):
            return
        pairs = [(first.id, second.id)]
        if node.op == "add":
            pairs.append((second.id, first.id))
        found = []
        for old, change in pairs:
            source = self._source(old, node)
            if source is not None and self._depends(change, self._root(source)):
                found.append(source)
            elif source is not None:
                self._perhaps(source, node)
        # what is older is the state, what is newer the change
        if found and self._root(min(found)).id <= min(node.inputs):
            self._extend(min(found), node)

    def _link_part(self, node: Node) -> None:
        """The same for ``old[part] = old[part] + change``."""
        base, _, new = node.args
        part = self.tape.nodes[new.id]
        if part.op not in ("add", "subtract"):
            return
        old = self._source(base.id, node) or base.id
        changes = [i for i in part.inputs if base.id not in self._wholes(i)]
        if len(changes) < len(part.inputs):
            if any(self._depends(i, self._root(old)) for i in changes):
                self._extend(old, node)
            else:
                self._perhaps(old, node)

    def _link_array(self, node: Node) -> None:
        """The same for ``array([part + change for part in old])``."""
        inputs = [self.tape.nodes[i].inputs for i in node.inputs]
        if any(self.tape.nodes[i].op not in ("add", "subtract") for i in node.inputs):
            return
        found = [{i: self._wholes(i) for i in both} for both in inputs]
        olds = set.intersection(*({w for ws in wholes.values() for w in ws} for wholes in found))
        olds = {w for w in olds if self.tape.nodes[w].shape == node.shape}
        for old in sorted(olds)[:1]:
            root = self._root(old)
            changes = [i for wholes in found for i, ws in wholes.items() if old not in ws]
            if any(self._depends(i, root) for i in changes):
                self._extend(old, node)

    def _wholes(self, id: int) -> list[int]:
        """The value itself, the row that it is an element of, the array of that row, ..."""
        found = [id]
        while (node := self.tape.nodes[found[-1]]).op in (*PARTS, "item") and node.inputs:
            found.append(node.inputs[0])
        return found

    def _root(self, id: int) -> Node:
        return self.tape.nodes[self._root_of.get(id, id)]

    def _depends(self, id: int, root: Node) -> bool:
        """Is a value computed from a root?"""
        nodes = self.tape.nodes
        if not root.bits & nodes[id].bits:
            return False
        # only a leaf has a bit of its own, and not the last; a sum of gradients has those of all
        # that it descends from, as has what is added to it
        if (root.inputs or root.bits >> MAX_BITS) and root.id not in self._read:
            begin = {root.id}
            if root.op in ("multiply", "divide"):  # a first gradient by its decay
                begin |= {i for i in root.inputs if nodes[i].shape == root.shape}
            apart, stack = self._apart.setdefault(root.id, set()), [id]
            while stack:
                n = stack.pop()
                if n in begin:
                    self._read.add(root.id)
                    del self._apart[root.id]
                    return True
                if n > min(begin) and n not in apart:
                    apart.add(n)
                    stack += nodes[n].inputs
            return False
        return True

    def _perhaps(self, old: int, node: Node) -> None:
        """A running sum, as long as no change of it depends on it."""
        if self.tape.nodes[old].site == node.site:
            root = self._root_of[node.id] = self._root_of.get(old, old)
            self._sums.setdefault(root, []).append((old, node.id))

    def _extend(self, old: int, node: Node) -> None:
        root = self._root_of[node.id] = self._root_of.get(old, old)
        # a sum in another place was an array that is filled with its first numbers
        nodes = self.tape.nodes
        sums = [s for s in self._sums.pop(root, ()) if nodes[s[1]].site == node.site]
        self.tape.links += [*sums, (old, node.id)]
        names = self._targets()
        if not node.name and len(names) == 1:
            node.name = names[0]  # w -= ..., where w is a number
        # one element after the other is one update; x @ w + b, with the same b as before, is none
        part = str(node.args[1]) if node.op == "assign" else ""
        place = root, node.site
        first, last = self._places.get(place, (part, old))
        again = first == part and last != old
        if again and not self.updates:
            self._room = node.id + MAX_NODES
        self.updates += again
        self._places[place] = first, old

    def _source(self, id: int, update: Node) -> int | None:
        """Follow copies and casts, and factors if they lead to a state, back to what was old."""
        shape = update.shape
        origin: int | None = None
        for _ in range(8):
            node = self.tape.nodes[id]
            if id in self._root_of or node.site == update.site:
                return id
            if node.op in SAME_NUMBERS and node.inputs:
                id = node.inputs[0]
                continue
            if origin is None:
                origin = id if node.shape == shape else None
            same = [i for i in node.inputs if self.tape.nodes[i].shape == shape]
            if node.op not in ("multiply", "divide") or len(same) != 1:
                break
            if any(self.tape.nodes[i].shape for i in node.inputs if i not in same):
                break
            id = same[0]
        return origin

    def loop(self, items: Iterable[Any]) -> Iterator[Any]:
        """Hand out the items of a ``for`` loop until it has made enough updates."""
        go_on = self.round()
        for item in items:
            yield item
            if not go_on():
                return

    def round(self) -> Callable[[], bool]:
        """For a loop that begins now: a question to ask after each round."""
        updates, start = self.updates, time.monotonic()

        def go_on() -> bool:
            made = self.updates - updates
            slow = time.monotonic() - start > SLOW_LOOP_SECONDS
            more = made < (FEW_UPDATES if slow else MAX_UPDATES)
            self.left = self.left or not more
            if made >= FEW_UPDATES and (not self.kept or not more):
                self.kept = True
                self.when_enough()
            return more

        return go_on

    # -- names

    def note(self, value: Any, *targets: str) -> Any:
        """The script assigns `value` to a variable."""
        if len(targets) > 1:
            if isinstance(value, Recorded) and value.shape[:1] == (len(targets),):
                value = (*value,)
            if type(value) in (tuple, list) and len(value) == len(targets):
                return type(value)(map(self.note, value, targets))
            return value
        made = type(value) in (np.ndarray, np.matrix) and value.dtype.kind in "fiub"
        if made and not self.full:
            # made by a package: its methods would not record what is done with it from now on
            value = self.wrap(value, self.node_of(value))
        if isinstance(value, Recorded) and not self.full:
            node = self.tape.nodes[self.node_of(value)]
            if node.name and node.name != targets[0]:
                frame = self._frame()
                line = self._line(frame) if frame else 0
                self.tape.aliases.append((node.id, targets[0], line))
            node.name = node.name or targets[0]
        elif isinstance(value, dict) and len(value) < 100:
            for key, v in value.items():
                if isinstance(v, Recorded) and not self.full:
                    self._note_element(self.tape.nodes[self.node_of(v)], targets[0], str(key))
        return value

    def _note_element(self, node: Node, container: str, key: str) -> None:
        """A value in a dictionary is called by its key, unless it has a name that says more."""
        computed = node.name.endswith("]") and not node.name.endswith((f'["{key}"]', f"['{key}']"))
        if not node.name or computed:  # params["b" + str(n)]
            node.name = f'{container}["{key}"]'

    def _targets(self) -> list[str]:
        """What the present statement changes: x[i][j], and what that is a part of: x[i], x."""
        frame = self._frame()
        if frame is None:
            return []
        on_line = self.files[frame.f_code.co_filename].get(frame.f_lineno, {})
        if len(on_line) > 1:  # W -= lr * dW; b -= lr * db
            return on_line.get(_column(frame.f_code, frame.f_lasti), [])
        return next(iter(on_line.values()), [])

    def _name_target(self, node: Node, depth: int = 0) -> None:
        """A value that an assignment changes is called by its target, less `depth` indices."""
        if names := self._targets():
            node.name = names[min(depth, len(names) - 1)]

    # -- one function, called by us

    def enter(self, value: np.ndarray, name: str = "") -> "Recorded":
        """Record an array from outside."""
        x: Recorded = self.wrap(np.array(value), self.leaf(value))
        self.tape.nodes[x._node].name = name
        return x

    @contextlib.contextmanager
    def in_place_of_numpy(self, function: Callable[..., Any]) -> Iterator[None]:
        """While a function is called, its module sees the stand-in for NumPy."""
        global _recorder
        _recorder = self
        code = getattr(function, "__globals__", None) or type(function).__call__.__globals__
        real = {k: v for k, v in code.items() if v is np}
        code.update(dict.fromkeys(real, _NUMPY))
        try:
            yield
        finally:
            code.update(real)

    # -- running a script

    def compile(self, source: str, filename: str, places: list[Place]) -> types.CodeType:
        """Compile a script with its notes."""
        notes = Notes(source)
        tree = ast.fix_missing_locations(notes.visit(ast.parse(source, filename)))
        self.files[filename] = notes.changed
        self.begins[filename] = len(self.tape.code.lines)
        self.tape.code.add(source, places)
        return compile(tree, filename, "exec", dont_inherit=True)

    def run_script(
        self, source: str, filename: str, places: list[Place] | None = None
    ) -> dict[str, Any]:
        """Execute a script; return its globals. Its exceptions are passed on, save `Enough`."""
        global _recorder
        _recorder = self
        code = self.compile(source, filename, places or [])
        module = types.ModuleType("__main__")
        module.__file__ = filename
        self.furnish(module.__dict__)
        if filename.endswith(".ipynb"):
            module.__dict__.update(display=print, get_ipython=_Nothing())
        finder = _Siblings(self, Path(filename).resolve().parent)
        sys.meta_path.insert(0, finder)
        main, sys.modules["__main__"] = sys.modules.get("__main__"), module
        try:
            exec(code, module.__dict__)
        except Enough:
            pass
        finally:
            sys.meta_path.remove(finder)
            if main is not None:
                sys.modules["__main__"] = main
        return module.__dict__

    def furnish(self, namespace: dict[str, Any]) -> None:
        """Give a module of the script's its builtins."""
        real = builtins.__import__

        def import_(
            name: Any, globals: Any = None, locals: Any = None, fromlist: Any = (), level: Any = 0
        ) -> Any:
            if level == 0 and name in ("numpy", "math"):
                return _NUMPY if name == "numpy" else _MATH
            if level == 0 and name.startswith("numpy."):
                real(name)
                found = _NUMPY
                for part in name.split(".")[1:] if fromlist else ():
                    found = getattr(found, part)
                return found
            try:
                return real(name, globals, locals, fromlist, level)
            except ModuleNotFoundError as missing:
                if (missing.name or "").split(".")[0] in _PLOTTING:
                    return _Nothing()
                raise

        namespace["__builtins__"] = {
            **vars(builtins),
            "__import__": import_,
            "__note__": self.note,
            "__loop__": self.loop,
            "__round__": self.round,
            "__float__": _float,
        }


def _float(*args: Any) -> Any:
    """``float(x)`` that keeps a recorded number recorded."""
    if len(args) == 1 and isinstance(args[0], Recorded):
        float(_strip(args[0]))  # of an array it may be an error, as this NumPy has it
        return args[0].item() if args[0].dtype.kind == "f" else args[0].astype(float).item()
    return float(*args)


@functools.cache
def _column(code: types.CodeType, instruction: int) -> int:
    """Where in its line the statement of an instruction begins; -1 before Python 3.11."""
    if sys.version_info < (3, 11):
        return -1
    _, _, column, _ = next(itertools.islice(code.co_positions(), instruction // 2, None))
    return -1 if column is None else column


class _Siblings(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules from the script's own folder as the script itself is run."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self.recorder, self.folder = recorder, folder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        spec = importlib.machinery.PathFinder.find_spec(name, path or [str(self.folder)])
        file = Path(spec.origin or "") if spec else Path()
        installed = "site-packages" in file.parts or name.split(".")[0] in sys.stdlib_module_names
        if not spec or file.suffix != ".py" or self.folder not in file.parents or installed:
            return None
        spec.loader = self
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        file = Path(str(module.__file__))
        self.recorder.furnish(module.__dict__)
        text, places = read_source(file, module=str(file.relative_to(self.folder)))
        exec(self.recorder.compile(text, str(file), places), module.__dict__)


# ------------------------------------------------------------------- the stand-in modules


def array(object: Any, dtype: Any = None, copy: bool | None = True, **kwargs: Any) -> Any:
    """``numpy.array`` for the script: arrays of recorded numbers stay recorded."""
    if isinstance(object, Matrix) and not kwargs.get("subok"):
        object = object.A
    kwargs.pop("subok", None)
    if isinstance(object, Recorded):
        if copy or (dtype is not None and np.dtype(dtype) != object.dtype):
            object = object.copy() if dtype is None else object.astype(dtype)
        need = kwargs.get("ndmin", 0) - object.ndim
        return object.reshape((1,) * need + object.shape) if need > 0 else object
    if isinstance(object, map | filter | zip | range):
        object = list(object)
    if not _holds(object, Recorded):
        return _recorder.born(np.array(object, dtype=dtype, **kwargs))
    if dtype in ("object", "O", builtins.object):
        return _objects(object)
    try:
        return _recorder.run("array", _stack, (object,), {"dtype": dtype} if dtype else {})
    except ValueError:
        return _objects(object)


def _stack(rows: Any, dtype: Any = None) -> np.ndarray:
    return np.array(rows, dtype=dtype)


def _objects(items: Any) -> np.ndarray:
    """An array of arrays of different shapes: kept as a plain container of recorded ones."""
    box = np.empty(len(items), dtype=builtins.object)
    for i, item in enumerate(items):
        box[i] = item
    return box


def _asarray(object: Any, dtype: Any = None, **kwargs: Any) -> Any:
    kwargs.pop("order", None)
    return array(object, dtype, copy=None, **kwargs)


def _asmatrix(data: Any, dtype: Any = None) -> Any:
    return Matrix(data, dtype, copy=False)


class _Vectorized:
    """``numpy.vectorize``: the function of numbers, called for each of them."""

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        given = np.broadcast_arrays(*args) if len(args) > 1 else args
        arrays = [_asarray(a) for a in given]
        shape = arrays[0].shape
        results = [self.function(*xs) for xs in zip(*(a.ravel() for a in arrays), strict=True)]
        result = array(results).reshape(shape) if shape else results[0]
        return _asmatrix(result) if _holds(args, Matrix) else result


class _ArrayType(type):
    """The type of all arrays, to a script: the recorded ones too."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, np.ndarray) and issubclass(x.__class__, np.ndarray)  # no number

    def __subclasscheck__(cls, c: type) -> bool:
        return issubclass(c, np.ndarray)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return _recorder.born(np.ndarray(*args, **kwargs))


class _Array(np.ndarray, metaclass=_ArrayType):
    """``numpy.ndarray``: an array without numbers yet."""


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
    # with flags it is asked for the indices
    if isinstance(op, Recorded) and op.flags.c_contiguous and not flags:
        return _Elements(op)
    return np.nditer(op, flags, *args, **kwargs)


class _Joined:
    """``numpy.c_`` and ``numpy.r_`` of recorded arrays."""

    def __init__(self, real: Any, join: Callable[..., Any]) -> None:
        self.real, self.join = real, join

    def __getitem__(self, parts: Any) -> Any:
        if not _holds(parts, Recorded):
            return _recorder.born(self.real[parts])
        return self.join(parts if isinstance(parts, tuple) else (parts,))


class _StandIn(types.ModuleType):
    """A module whose functions return recorded arrays."""

    def __init__(self, real: Any, replace: dict[str, Any]) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _replace=replace)

    def __getattr__(self, name: str) -> Any:
        if name in self._replace:
            return self._replace[name]
        found = getattr(self._real, name)
        if isinstance(found, types.ModuleType) and found.__name__.startswith("numpy"):
            found = _StandIn(found, _RANDOM if name == "random" else {})
        elif (
            callable(found)
            and not isinstance(found, type | np.ufunc)
            and type(found).__module__ not in ("types", "typing")  # numpy.typing.NDArray
        ):
            found = _recording(found, draws=self._real is np.random)
        self.__dict__[name] = found
        return found

    def __dir__(self) -> list[str]:
        return dir(self._real)

    def __deepcopy__(self, memo: Any) -> Any:
        return self


# Functions of several arrays, which record a list of them.
_OF_SEQUENCES = {
    "append", "block", "broadcast_arrays", "column_stack", "concatenate", "dstack", "hstack",
    "multi_dot", "shuffle", "stack", "vstack",
}  # fmt: skip


def _recording(function: Callable[..., Any], draws: bool = False) -> Callable[..., Any]:
    name = getattr(function, "__name__", "call")

    def call(*args: Any, **kwargs: Any) -> Any:
        first = args[0] if args else None
        if type(first) is list and name not in _OF_SEQUENCES and _holds(first, Recorded):
            args = (array(first), *args[1:])  # NumPy would make a plain array of it
        result = function(*args, **kwargs)
        if draws and isinstance(result, float | np.floating) and not _recorder.full:
            return _recorder.wrap(result, _recorder.leaf(result))
        if draws and name == "shuffle":
            _recorder.opaque(first)
        return _recorder.born(result)

    call.__name__ = name
    call.__doc__ = getattr(function, "__doc__", None)
    return call


class _Generator:
    """A random generator whose draws are recorded."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return _recording(found, draws=True) if callable(found) else found

    def __deepcopy__(self, memo: Any) -> Any:
        return type(self)(copy.deepcopy(self._real, memo))


_OF_NUMBERS = [
    "exp", "log", "sqrt", "tanh", "sin", "cos", "tan", "sinh", "cosh", "log2", "log10", "log1p",
    "expm1", "fabs", "pow", "atan",
]  # fmt: skip


def _of_a_number(name: str) -> Callable[..., Any]:
    """A function of `math`, which takes recorded numbers to NumPy's."""
    plain = getattr(math, name)
    recorded = getattr(np, {"pow": "power", "atan": "arctan"}.get(name, name))

    def call(*args: Any) -> Any:
        return recorded(*args) if any(isinstance(a, Recorded) for a in args) else plain(*args)

    return call


class _Nothing(types.ModuleType):
    """In place of a plotting package that is not installed: takes every call."""

    def __init__(self) -> None:
        super().__init__("nothing")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self))  # fig, ax = plt.subplots()

    def __getitem__(self, index: Any) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: Any) -> None:
        pass


_PLOTTING = {
    "matplotlib", "seaborn", "plotly", "bokeh", "pylab", "mpl_toolkits", "cv2", "IPython",
    "pygame", "PIL", "termcolor", "tqdm", "ipywidgets", "imageio",
}  # fmt: skip
_RANDOM = {
    "RandomState": lambda *a, **k: _Generator(np.random.RandomState(*a, **k)),
    "default_rng": lambda *a, **k: _Generator(np.random.default_rng(*a, **k)),
    "Generator": lambda *a, **k: _Generator(np.random.Generator(*a, **k)),
}
_NUMPY = _StandIn(
    np,
    {
        "array": array,
        "asarray": _asarray,
        "asanyarray": functools.partial(_asarray, subok=True),
        "matrix": Matrix,
        "asmatrix": _asmatrix,
        "mat": _asmatrix,
        "bmat": lambda blocks: _asmatrix(np.block(blocks)),
        "ascontiguousarray": _asarray,
        "asfarray": _asarray,
        "vectorize": _Vectorized,
        "nditer": _nditer,
        "ndarray": _Array,
        "c_": _Joined(np.c_, np.column_stack),
        "r_": _Joined(np.r_, np.concatenate),
        "float_": np.float64,
        "float": float,
        "int": int,
        "bool": bool,
        "object": object,
        "Inf": np.inf,
        "infty": np.inf,
        "NaN": np.nan,
        "product": lambda *a, **k: np.prod(*a, **k),
    },
)
_MATH = _StandIn(math, {name: _of_a_number(name) for name in _OF_NUMBERS})


# ------------------------------------------------------------------------- the process


def main(argv: list[str]) -> None:
    """Run ``FILE DIRECTORY SECONDS [ARGS...]`` and write the tape into the directory."""
    file, directory, seconds, *rest = argv
    folder, path = Path(directory), Path(file)
    owner, exit_now = os.getpid(), os._exit

    def save(**outcome: Any) -> None:
        if os.getpid() == owner:  # not a child that the script has forked
            recorder.tape.save(folder, left=recorder.left, **outcome)

    def leave(end: str = "full") -> None:
        recorder.full = True
        save(end=end)
        exit_now(0)

    # a loop in C or a killed process leaves us no time: what is enough is kept at once
    recorder = Recorder(float(seconds), when_full=leave, when_enough=lambda: save(end="full"))
    source, places = read_source(path)
    sys.argv = [file, *rest]
    sys.path[0] = str(path.resolve().parent)
    watch = threading.Timer(float(seconds), leave, ["time"])
    watch.daemon = True
    watch.start()
    os._exit = lambda status: leave("exit")  # type: ignore[assignment, return-value]
    outcome: dict[str, Any] = {"end": "ran"}
    try:
        recorder.run_script(source, file, places)
    except SystemExit as e:
        outcome = {"end": "exit", "message": str(e.code)}
    except BaseException as e:
        # the script's own frames only
        frames = [f for f in traceback.extract_tb(e.__traceback__) if f.filename != __file__]
        text = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
        text += traceback.format_exception_only(type(e), e)
        outcome = {
            "end": "crash",
            "traceback": "".join(text),
            "error": type(e).__name__,
            "module": getattr(e, "name", None),
        }
    watch.cancel()
    recorder.full = True
    save(**outcome)
    sys.stdout.flush()
    exit_now(0)


if __name__ == "__main__":
    # one module, one recorder: not a second copy of it under the name __main__
    from xor_torch.backprop.recording.recorder import main as _main

    _main(sys.argv[1:])
