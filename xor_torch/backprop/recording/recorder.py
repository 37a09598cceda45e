"""Writes what a script does with its arrays to a tape, and decides nothing about derivatives.

The tape has each operation with its inputs, its value and its source line. A value on the tape
never changes: an in-place operation is written as if it made a new value, and a view knows the
memory that it looks into. The file is long because nearly each operation changes three things
together: the tape, the memory of an array, and its name.
"""

import builtins
import contextlib
import functools
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..operations import TABLE, VIEWS
from ..tape import LEFT_OUT, Node, Ref, Tape
from .array import (
    ATOMS,
    NUMBERS,
    Matrix,
    Memory,
    Recorded,
    getitem,
    holds,
    is_typed,
    is_whole,
    same_memory,
    seen_as,
    strip,
    with_parts,
)
from .frames import Frames
from .lifting import lifted
from .limits import Enough, Limits, Loops
from .number import MANY_DIGITS, PYTHON_NUMBERS, Number, Whole, plain
from .places import Places
from .preparation import Preparation
from .updates import Updates

ONE_FOR_ALL = 1_000  # equal numbers of which one is kept
FLOAT_BYTES = 8
# at each operation, these cost less than to write them there
_LIKE = frozenset(["zeros_like", "ones_like", "empty_like", "full_like"])
_SEQUENCES, _OF_NUMPY = (tuple, list), (np.ndarray, np.generic)
FEW_IN_CONTAINER = 100  # arrays in a dictionary or a list: more are looked at when they are used
LARGEST_INT = 2**53  # A larger int may not be exact as a float: it is not recorded.


class Recorder:
    """Keeps the tape of one script. Each array knows its recorder, so there may be several."""

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008  # it is frozen
        when_full: Callable[[], None] = lambda: None,
        when_enough: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin an empty tape.

        Args:
            limits: how much is recorded.
            when_full: called when a limit is reached, before `Enough` is raised.
            when_enough: called when the tape first holds enough for a verdict.

        """
        self.tape = Tape()
        self.frames = Frames(self.tape.code)
        self.limits = limits
        self.updates = Updates(self.tape, limits.marks, self._conditions)
        self.loops = Loops(limits, lambda: self.updates.count, when_enough)
        self.full = False  # Set it to stop recording.
        self.in_vain = False  # Did the recording end because nothing was updated twice?
        self.autograd = False  # Has the script let torch compute gradients?
        # Gives the recorded array of another package's value, or None; see `tensors`.
        self.array_of: Callable[[Any], Any] = lambda x: None
        self._when_full = when_full
        self._deadline = time.monotonic() + limits.seconds
        self.places = Places(self)
        self._made = set[int]()  # the nodes that are Python's numbers
        # an ``if`` of the script -> the recorded values that decided it last
        self._decided: dict[int, list[int]] = {}
        self._deciding: list[int] = []  # what chose the expression that is being computed
        self._bytes = 0
        self._preparation = Preparation(self.tape, self.updates, self.frames, limits)
        self._skips = False  # Is the present operation left out, see `Preparation`?
        self._next_mark = 0
        self._foreign: dict[int, tuple[np.ndarray, int]] = {}  # id of a plain array -> it, its node
        self._typed: dict[int, tuple[Any, Recorded]] = {}  # id of a list of numbers -> both

    # -- the tape

    def _records(self) -> types.FrameType | None:
        """The script's frame, if the script itself calls and there is room on the tape."""
        frame = None if self.full else self.frames.current()
        if frame is None or not self.updates.none:
            self._skips = False
            return frame
        self._skips = self._preparation.is_busy(frame)
        return None if self._skips else frame

    def _new(
        self, op: str, args: Any = (), kwargs: Any = None, frame: types.FrameType | None = None
    ) -> Node:
        tape = self.tape
        frame = frame or self.frames.current()
        node = Node(len(tape.nodes), op, args, kwargs or {})
        if frame is not None:
            node.site, node.line = self.frames.site_and_line(frame)
            node.calls = self.frames.calls(frame)
        nodes, read, marks = tape.nodes, self.updates.read, 0
        for i in node.inputs:
            marks |= nodes[i].marks
            read[i] += 1
        node.marks = marks
        nodes.append(node)
        limits, began = self.limits, self.updates.began
        if began is None and self._preparation.is_long():
            in_vain = self._preparation.is_in_vain()
            self._bytes = self._preparation.forget()
            if in_vain and not self.full:
                self.full = self.in_vain = True
                raise Enough
        if (
            (began is not None and len(nodes) > began + limits.operations(self.updates.most))
            or self._bytes > limits.bytes
            or time.monotonic() > self._deadline
        ) and not self.full:
            self.full = True
            self._when_full()
            raise Enough
        return node

    def _keep(self, node: Node, value: Any, always: bool = False) -> None:
        x = np.asarray(value)
        node.shape, node.dtype = x.shape, x.dtype.kind
        always = always or node.op.partition("#")[0] not in TABLE  # it could not be repeated
        if always or x.nbytes * self.limits.fitting <= self.limits.bytes - self._bytes:
            alike = x.size > ONE_FOR_ALL and bool(x.flat[0] == x.flat[-1])
            alike = alike and bool((x == x.flat[0]).all())  # as np.zeros makes them
            node.value = np.broadcast_to(x.flat[0], x.shape) if alike else np.array(x)
            self._bytes += x.itemsize if alike else x.nbytes
        self._mark(node)

    def _keep_number(self, node: Node, value: float) -> None:
        """The same for a float, whose shape and dtype a new node has anyway."""
        if FLOAT_BYTES * self.limits.fitting <= self.limits.bytes - self._bytes:
            node.value = np.array(value)
            self._bytes += FLOAT_BYTES
            self._mark(node)
        else:
            self._keep(node, value)

    def _mark(self, node: Node) -> None:
        # Leaves get a mark, and so does what is computed from literals or whole numbers alone.
        first = node.op in ("leaf", "multiply", "add", "subtract") and not node.marks
        if first and node.dtype == "f":
            node.marks = 1 << self._next_mark
            self._next_mark = min(self._next_mark + 1, self.limits.marks)

    def leaf(self, value: Any, op: str = "leaf") -> int:
        """Enter a value that comes from outside the tape; return its node."""
        node = self._new(op)
        self._keep(node, value, always=True)
        return node.id

    def lost(self, value: Any, given: Any) -> int:
        """Enter a value that code which does not record has computed; return its node.

        It depends on whatever was given to that code: if this is trained, no derivative is known.
        """
        real = np.asarray(value).dtype.kind == "f"
        node = self._new("lost", tuple(Ref(n) for n in self._nodes_in(given)) if real else ())
        self._keep(node, value, always=True)
        return node.id

    def _nodes_in(self, x: Any) -> list[int]:
        """The nodes of all arrays of the script among these arguments."""
        if isinstance(x, tuple | list | dict):
            parts = x.values() if isinstance(x, dict) else x
            return [n for part in parts for n in self._nodes_in(part)]
        return [self.node_of(x)] if isinstance(x, Recorded) and self.is_marked(x) else []

    def node_of(self, x: np.ndarray) -> int:
        """The node of an array's present value; a new one if it has none yet."""
        if not isinstance(x, Recorded):
            known = self._foreign.get(id(x))
            was = self.tape.nodes[known[1]].value if known else None
            if known and known[0] is x and was is not None and np.array_equal(was, x):
                return known[1]
            node = self.leaf(x, "foreign")
            self._foreign[id(x)] = (x, node)  # as long as we hold x, its id is its own
            return node
        if x._memory is None:
            self._own_memory(x, self.leaf(x.view(np.ndarray), "lost" if x._lost else "leaf"))
            return x._node
        if x._memory.node < 0 or self.tape.nodes[x._memory.node] is LEFT_OUT:
            x._memory.node = self.leaf(x._memory.base)
            x._memory.version += 1
            self.updates.entered_late.add(x._memory.node)
        if x._version != x._memory.version:
            node, before = x._memory.node, self.tape.nodes[x._node]
            value = x._memory.base
            for op, function, args, kwargs in x._path:
                value = function(value, *strip(args), **strip(kwargs))
                made = self._new(op, (Ref(node), *self._encode(args)), self._encode(kwargs))
                self._keep(made, value)
                node = made.id
            if x._path and before.name:
                self.tape.aliases.append((node, before.name, before.line))
            x._node, x._version = node, x._memory.version
        return x._node

    def _encode(self, x: Any) -> Any:
        """Arguments with a `Ref` for each array."""
        kind = type(x)
        if kind in ATOMS:
            return x
        if kind is Number or kind is Whole:
            if self.tape.nodes[x.node] is LEFT_OUT:  # data of a long preparation, used again
                x.node = self.leaf_number(plain(x))
            return tuple.__new__(Ref, (x.node,))  # twice as fast as Ref(...)
        if isinstance(x, np.ndarray):
            return Ref(self.node_of(x)) if x.dtype.kind in NUMBERS else x
        if type(x) in (tuple, list):
            parts = [self._encode(i) for i in x]
            return parts if type(x) is list else tuple(parts)
        if type(x) is range:
            return list(x)
        if type(x) is dict:
            return {k: self._encode(v) for k, v in x.items()}
        if type(x) is slice:
            return (
                x if is_typed(x) else slice(*(self._encode(i) for i in (x.start, x.stop, x.step)))
            )
        array = self.array_of(x)
        if array is None and hasattr(type(x), "__array__") and not isinstance(x, np.generic):
            with contextlib.suppress(Exception):  # NumPy's own question says what is wrong with it
                array = np.asanyarray(x)  # a table of another package, or of theirs
            array = array if array is not None and array.dtype.kind in NUMBERS else None
        return x if array is None else Ref(self.node_of(array))

    def derived(self, op: str, args: tuple[int, ...], value: Any, name: str = "") -> Recorded:
        """Write down a value that we computed from nodes, at the line of the last of them."""
        node, last = self._new(op, tuple(map(Ref, args))), self.tape.nodes[args[-1]]
        node.line, node.site, node.name = last.line, (last.site, op, name), name or last.name
        self._keep(node, value)
        self._find_update(node)
        made: Recorded = self.wrap(np.asarray(value), node.id)
        return made

    # -- arrays that record

    def _own_memory(self, x: Recorded, node: int) -> None:
        """Let `x`, whose value is `node`, have memory of its own."""
        x._memory, x._path, x._node, x._version = Memory(x.view(np.ndarray), node), (), node, 0

    def wrap(self, value: Any, node: int) -> Any:
        """`value`, whose node this is, as a recorded array with memory of its own."""
        x = np.asarray(value).view(Matrix if isinstance(value, np.matrix) else Recorded)
        x._recorder = self
        x._scalar = not isinstance(value, np.ndarray)
        self._own_memory(x, node)
        return x

    def enter(self, value: np.ndarray, name: str = "") -> Recorded:
        """Record an array from outside, under a name."""
        x: Recorded = self.wrap(np.array(value), self.leaf(value))
        self.tape.nodes[x._node].name = name
        return x

    def is_marked(self, x: Any) -> bool:
        """Does any of these arguments descend from an array of the script?"""
        if isinstance(x, tuple | list | dict):
            return any(map(self.is_marked, x.values() if isinstance(x, dict) else x))
        known = isinstance(x, Recorded) and x._memory is not None and not self.full
        return known and bool(self.tape.nodes[self.node_of(x)].marks)

    def record_new(self, value: Any, op: str = "leaf") -> Any:
        """Record an array that NumPy has just made from nothing; leave other things alone."""
        if isinstance(value, Recorded) or self.full:
            return value
        if type(value) in (np.ndarray, np.matrix) and value.dtype.kind in NUMBERS:
            return self.wrap(value, self.leaf(value, op)) if self.frames.current() else value
        if type(value) in (tuple, list) and any(isinstance(v, np.ndarray) for v in value):
            return type(value)(self.record_new(v, op) for v in value)
        return value

    def typed(self, x: Any) -> Any:
        """A list of numbers as an array: the same array each time the script uses the list."""
        if type(x) not in (list, tuple) or not self._records():
            return x
        if holds(x, Recorded, *PYTHON_NUMBERS):
            made = self.array(x)
            return made if isinstance(made, Recorded) else x
        value = np.array(x)
        known = self._typed.get(id(x))
        if known and known[0] is x and np.array_equal(strip(known[1]), value):
            return known[1]
        if value.dtype.kind not in NUMBERS:
            return x
        self._typed[id(x)] = x, (made := self.wrap(value, self.leaf(value)))
        self.tape.nodes[made._node].site = None  # the operation that uses it did not make it
        return made

    def array(self, object: Any, dtype: Any = None, copy: bool | None = True, **kwargs: Any) -> Any:
        """``numpy.array`` for the script: arrays of recorded numbers stay recorded."""
        if isinstance(object, Matrix) and not kwargs.get("subok"):
            object = object.A
        kwargs.pop("subok", None)
        known = self.array_of(object)
        object = object if known is None else known
        if isinstance(object, Recorded):
            if copy or (dtype is not None and np.dtype(dtype) != object.dtype):
                object = object.copy() if dtype is None else object.astype(dtype)
            return _with_axes(object, kwargs.get("ndmin", 0))
        if isinstance(object, map | filter | zip | range):
            object = list(object)
        if not holds(object, Recorded, *PYTHON_NUMBERS):
            return self.record_new(np.array(object, dtype=dtype, **kwargs))
        if dtype in ("object", "O", builtins.object):
            if not _are_rows(object):
                return _objects(object)
            dtype = None  # NumPy's would be an array of single numbers
        try:
            made = self.run("array", _stack, (object,), {"dtype": dtype} if dtype else {})
            return _with_axes(made, kwargs.get("ndmin", 0))
        except ValueError:
            return _objects(object)

    def matrix(self, data: Any, dtype: Any = None, copy: bool = True) -> Any:
        """``numpy.matrix`` for the script."""
        x = self.array(np.matrix(data) if isinstance(data, str) else data, dtype, copy or None)
        return self._as_matrix(x, np.asarray(strip(x)).view(np.matrix))  # always two axes

    # -- Python's numbers

    def finished(self) -> tuple[Tape, str | None]:
        """The tape, with arrays for Python's floats, and the reason why it cannot be judged."""
        if (self.places.too_many or self.in_vain) and not self.tape.links:
            return self.tape, self.places.too_many
        try:
            return lifted(self.tape, self.places, self._made)
        except Exception as e:  # an object of an unknown class may do anything
            return self.tape, f"its numbers could not be followed, with {type(e).__name__}: {e}"

    def as_number(self, value: float, node: int) -> Number | Whole:
        """A Python float, int or bool, whose node this is, as one that records."""
        if isinstance(value, int):
            return Whole(value, node, self)
        return Number.on_tape(value, node, self)

    def leaf_number(self, value: float) -> int:
        """Enter a number of the script; return its node."""
        node = self._new("leaf")
        node.value, node.shape, node.dtype = np.array(float(value)), (), "f"
        node.marks = 1 << self.limits.marks  # all Python numbers share the last mark
        self._made.add(node.id)
        return node.id

    def plain_number(self, x: Any) -> Any:
        """Python's number for one of NumPy's; other things as they are."""
        if not (isinstance(x, Recorded) and x._scalar):
            return x
        value = strip(x).item()
        if type(value) is not float or not self._records():
            return value
        return self.number("copy", (x,), value)

    def as_array(self, x: Number | Whole) -> Any:
        """A recorded Python number as a recorded NumPy number."""
        value = np.array(plain(x))[()]
        return self.wrap(value, x.node) if self._records() else value

    def number(self, op: str, args: tuple[Any, ...], value: float) -> Any:
        """Write down an operation on Python's numbers; return its result."""
        large = isinstance(value, int) and abs(value) > LARGEST_INT
        frame = None if self.places.too_many or large else self._records()
        if frame is None:
            return value
        if self.updates.none:
            self.places.count()
        node = self._new(op, self._encode(args), None, frame)
        self._keep_number(node, float(value))  # the tape has no Python ints
        self._made.add(node.id)
        return self.as_number(value, node.id)

    def rounded(self, x: Number, value: float) -> Any:
        """Write down that a number was rounded to many digits; return the result."""
        return self.number("rounded", (x,), value)

    def sign_of(self, x: Any, size: float, value: float) -> Any:
        """Write down ``math.copysign(size, x)``, a step function of x; return the result."""
        positive = self.condition("greater_equal", (x, 0), value > 0)
        return value if positive is None else self.number("where", (positive, size, -size), value)

    def condition(self, op: str, args: tuple[Any, ...], answer: bool) -> Ref | None:
        """Write down a comparison of Python's numbers; return a reference to the answer."""
        if self.places.too_many or not self._records():
            return None
        node = self._new(op, self._encode(args))
        self._keep(node, answer)
        self._made.add(node.id)
        return Ref(node.id)

    def compared(self, op: str, args: tuple[Any, ...], answer: bool) -> None:
        """Write down that the script compared Python's numbers, and took a branch."""
        condition = self.condition(op, args, answer)
        if condition is not None:
            self.tape.branches.append((condition.id, answer))

    # -- operations

    def run(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Do an operation and write it down."""
        if op in ("round", "around"):
            digits = args[1] if len(args) > 1 else kwargs.get("decimals", 0)
            if strip(digits) >= MANY_DIGITS:
                op, args, kwargs = "rounded", args[:1], {}
                function = functools.partial(np.round, decimals=strip(digits))
        result = self._run(op, function, args, kwargs)
        if not holds(args, Matrix, np.matrix):
            return result
        like = function(*strip(args, np.matrix), **strip(kwargs, np.matrix))
        return self._as_matrix(result, like)

    def _as_matrix(self, x: Any, like: Any) -> Any:
        """The result of an operation on arrays, in the form that NumPy gives it for matrices."""
        if isinstance(like, tuple | list):
            return with_parts(like, map(self._as_matrix, x, like))
        if not isinstance(x, Recorded):
            return like
        if not np.array_equal(np.ravel(strip(x)), np.ravel(like), equal_nan=True):
            return self.wrap(like, self.leaf(like, "lost"))
        x = x if x.shape == np.shape(like) else x.reshape(like.shape)
        return seen_as(Matrix, x) if isinstance(like, np.matrix) else x

    def _run(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        value = function(*strip(args), **strip(kwargs)) if kwargs else function(*strip(args))
        if op in _LIKE:
            return self.record_new(value, "lost" if self.is_marked(args[1:]) else "leaf")
        frame = self._records()
        if frame is None:
            return value
        if isinstance(value, _SEQUENCES) and holds(value, *_OF_NUMPY):
            parts = (
                self._result(f"{op}#{i}", _part(function, i), args, kwargs, v)
                for i, v in enumerate(value)
            )
            return with_parts(value, parts)
        return self._result(op, function, args, kwargs, value, frame)

    def _result(
        self,
        op: str,
        function: Any,
        args: Any,
        kwargs: Any,
        value: Any,
        frame: types.FrameType | None = None,
    ) -> Any:
        if not isinstance(value, _OF_NUMPY) or value.dtype.kind not in NUMBERS:
            return value
        encoded = self._encode(kwargs) if kwargs else None
        node = self._new(op, self._encode(args), encoded, frame)
        self._keep(node, value)
        result = self.wrap(value, node.id)
        source = args[0] if args else None
        if (
            op in VIEWS
            and not result._scalar
            and isinstance(source, Recorded)
            and source._memory is not None
            and np.may_share_memory(source._memory.base, value)
        ):
            result._memory, result._version = source._memory, source._memory.version
            result._path = (*source._path, (op, function, args[1:], kwargs))
        if self._find_update(node):
            self.updates.made(node, result)
        return result

    def run_into(self, op: str, function: Any, args: Any, kwargs: Any, out: Any) -> Any:
        """Do an operation whose result goes into `out`, an existing array, and write it down."""
        records = self._records() is not None and isinstance(out, Recorded)
        # where a mask is False, `out` keeps its old numbers
        before = {"out": out} if "where" in kwargs else {}
        encoded = (self._encode(args), self._encode({**kwargs, **before})) if records else ()
        emptied = records and op == "multiply" and _has_zero(args)
        if emptied:  # but ``x[x < 0] *= 0`` has as many numbers as the mask says
            made_by = self.tape.nodes[self.node_of(out)]
            emptied = made_by.op != "getitem" or len(made_by.inputs) == 1
        function(*strip(args), out=np.asarray(out), **strip(kwargs))
        if emptied:  # ``g *= 0``: a new array of zeros
            self._write(out, (), self.leaf(np.asarray(out)))
        elif records:
            node = self._new(op, *encoded)
            self._keep(node, np.asarray(out))
            self._find_update(node)
            self._name_target(node)
            self._write(out, (), node.id)
        else:
            self.changed_unseen(out)
        return out

    def _find_update(self, node: Node) -> bool:
        if not self.updates.found(node):
            return False
        names = self.frames.targets()
        if not node.name and len(names) == 1:
            node.name = names[0]  # w -= ..., where w is a number
        return True

    def _write(self, x: Recorded, path: tuple[Any, ...], node: int) -> None:
        """The part of `x` that `path` leads to now has the value `node`."""
        self.node_of(x)  # gives x a memory if it has none
        memory = x._memory
        assert memory is not None
        path = (*x._path, *path)
        if path:
            steps = tuple(
                (op, self._encode(args), self._encode(kwargs)) for op, _, args, kwargs in path
            )
            made = self._new("assign", (Ref(memory.node), steps, Ref(node)))
            self._keep(made, memory.base)
            self._name_target(made, len(path))
            self._find_update(made)
            node = made.id
        memory.node = node
        memory.version += 1
        if not path:
            x._node, x._version = node, memory.version

    def became(self, x: Recorded, node: int) -> None:
        """Another package has given `x` the numbers of a node in place."""
        if self._records():
            made, name = self.tape.nodes[node], self.tape.nodes[self.node_of(x)].name
            if name:
                made.name = name  # for p in parameters: p -= ...
            else:
                self._name_target(made)
            self._write(x, (), node)
        else:
            self.changed_unseen(x)

    def assign(
        self, x: Recorded, index: Any, value: Any, write: Callable[[], Any] | None = None
    ) -> None:
        """``x[index] = value``; `write` does it, by default NumPy's own assignment."""

        def by_numpy() -> None:
            x.view(np.ndarray)[strip(index)] = strip(value)

        write = write or by_numpy
        if not self._records():
            write()
            self.changed_unseen(x)
            return
        if isinstance(value, Recorded) and same_memory(value, x.view(np.ndarray)[strip(index)]):
            return  # x[i] += 1 has changed x already, and now puts x[i] where it was
        new = self._encode(value) if type(value) not in (int, float) else value
        if isinstance(new, list):  # x[i] = [a, b]
            new = Ref(self.node_of(self.array(value)))
        self.node_of(x)
        write()
        if isinstance(new, Ref) and is_whole(index) and self.tape.nodes[new.id].shape == x.shape:
            self._write(x, (), new.id)
            return
        if not isinstance(new, Ref):
            new = Ref(self.leaf(np.asarray(value)))
        self._write(x, (("getitem", getitem, (index,), {}),), new.id)

    def change(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        """Call a function that writes into its first argument, and write it down."""
        x = args[0]
        if not (self._records() and isinstance(x, Recorded)):
            function(*strip(args), **strip(kwargs))
            self.changed_unseen(x)
            return
        args = (x, *(self.array(a) if isinstance(a, list) else a for a in args[1:]))
        before = self.tape.nodes[self.node_of(x)].name
        encoded = self._encode(args), self._encode(kwargs)
        function(*strip(args), **strip(kwargs))
        node = self._new(op, *encoded)
        self._keep(node, strip(x))
        self._find_update(node)
        self._name_target(node)
        node.name = node.name or before
        self._write(x, (), node.id)

    def shuffle(self, x: Recorded, shuffle: Callable[..., Any], args: Any, kwargs: Any) -> None:
        """Shuffle `x` in place: on the tape its rows are picked in their new order."""
        was = np.array(strip(x))
        shuffle(strip(x), *args, **kwargs)
        if not self._records() or x.ndim == 0 or args or kwargs:
            self.changed_unseen(x)
            return
        before, after = (np.lexsort(rows.reshape(len(rows), -1).T) for rows in (was, strip(x)))
        order = np.empty_like(before)
        order[after] = before
        node = self._new("getitem", (Ref(self.node_of(x)), Ref(self.leaf(order))))
        self._keep(node, strip(x))
        self._write(x, (), node.id)

    def is_as_recorded(self, x: Recorded) -> bool | None:
        """Has an array the numbers that the tape has for it? None if it does not keep them."""
        was = self.tape.nodes[self.node_of(x)].value
        return None if was is None else np.array_equal(was, strip(x), equal_nan=True)

    def changed_unseen(self, x: Any) -> None:
        """Something that does not record has changed `x`: it has a new value from outside."""
        if not isinstance(x, Recorded) or x._memory is None or self.full:
            return
        x._memory.version += 1
        if self._skips or x._memory.node < 0:
            x._memory.node = -1  # it gets a node when it is used
            return
        was = self.tape.nodes[x._memory.node]
        kind = "lost" if was.marks and was.op != "leaf" else "leaf"
        x._memory.node = self.leaf(x._memory.base, kind)

    def asked(self, begin: int, answer: Any, number: int) -> bool:
        """The script has computed the test of an ``if``; return its truth.

        Args:
            begin: how many branches there were before the test.
            answer: the result of the test.
            number: of the ``if``.

        """
        yes, branches = bool(answer), self.tape.branches
        if len(branches) > begin and not self.full:
            self._decided[number] = [n for n, _ in branches[begin:]]
        else:
            self._decided.pop(number, None)
        return yes

    def taken(self, value: Any, other: Any, number: int) -> Any:
        """The script uses a literal number because of an ``if``; return it as one that records.

        Args:
            value: the number.
            other: what it might have been otherwise, or None.
            number: of the ``if``.

        """
        if type(value) not in (int, float, bool):
            return value
        nodes, decided = self.tape.nodes, self._decided.get(number, [])
        # by a computed number rather than by a target
        computed = [n for n in decided if any(nodes[i].op != "leaf" for i in nodes[n].inputs)]
        # ... by the newest, as the targets may be computed from the data
        by = sorted(computed or decided, key=lambda n: max(nodes[n].inputs, default=n))[-1:]
        if not by:  # perhaps by a comparison of plain ints, as all weights may be ints
            return self.places.whole(value) if abs(value) <= 1 else value
        other = value if other is None else other
        choice = (value, other) if bool(nodes[by[0]].value) else (other, value)
        return self.number("where", (Ref(by[0]), *choice), value)

    @contextlib.contextmanager
    def deciding(self, condition: int) -> Iterator[None]:
        """Until the end of a `with` block, this value has decided that the statement runs."""
        self._deciding.append(condition)
        try:
            yield
        finally:
            self._deciding.pop()

    def _conditions(self) -> list[int]:
        """The recorded values that decided that the current statement runs."""
        if not self._decided:
            return self._deciding
        ifs = self.frames.deciding_ifs()
        return [*self._deciding, *(i for n in ifs for i in self._decided.get(n, ()))]

    def branch(self, x: Recorded, answer: bool) -> None:
        """The script chose its way by the truth of `x`."""
        if self._records():
            self.tape.branches.append((self.node_of(x), answer))

    # -- names

    def assigned(self, value: Any, *targets: str) -> Any:
        """The script assigns `value` to variables; return what it is to assign."""
        if len(targets) > 1:
            if isinstance(value, Recorded) and value.shape[:1] == (len(targets),):
                value = (*value,)
            if type(value) in (tuple, list) and len(value) == len(targets):
                return type(value)(map(self.assigned, value, targets))
            return value
        if not self.full and not isinstance(value, np.ndarray) and targets[0].isidentifier():
            value = self.places.named(value, targets[0])
        value = self._of_package(value)
        array = value if isinstance(value, Recorded) else self.array_of(value)
        if array is not None and not self.full:
            node = self.tape.nodes[self.node_of(array)]
            was = self.tape.nodes[node.inputs[0]].name if node.inputs else ""
            if node.op == "multiply" and _has_zero(node.args) and was == targets[0]:
                value = self.wrap(strip(array), self.leaf(strip(array)))  # ``g = 0 * g``
                node = self.tape.nodes[value._node]
            if node.name and node.name != targets[0]:
                frame = self.frames.current()
                line = self.frames.line(frame) if frame else 0
                self.tape.aliases.append((node.id, targets[0], line))
            node.name = node.name or targets[0]
        elif isinstance(value, dict) and len(value) < FEW_IN_CONTAINER:
            for key, v in value.items():
                array = v if isinstance(v, Recorded) else self.array_of(v)
                if array is not None and not self.full:
                    self._name_element(self.tape.nodes[self.node_of(array)], targets[0], str(key))
        return value

    def _of_package(self, value: Any, levels: int = 2) -> Any:
        """Let an array that a package made record from now on; in a dictionary or list, too."""
        if self.full or levels < 0:
            return value
        if type(value) in (np.ndarray, np.matrix) and value.dtype.kind in NUMBERS:
            return self.wrap(value, self.node_of(value))
        if type(value) in (dict, list) and len(value) < FEW_IN_CONTAINER:
            for key, x in [*(value.items() if isinstance(value, dict) else enumerate(value))]:
                if type(x) in (np.ndarray, np.matrix, dict, list):
                    value[key] = self._of_package(x, levels - 1)
        return value

    def _name_element(self, node: Node, container: str, key: str) -> None:
        """Call a value in a dictionary by its key, unless it has a name that says more."""
        computed = node.name.endswith("]") and not node.name.endswith((f'["{key}"]', f"['{key}']"))
        if not node.name or computed:  # params["b" + str(n)]
            node.name = f'{container}["{key}"]'

    def _name_target(self, node: Node, depth: int = 0) -> None:
        """Name a changed value by the statement's target, without its last `depth` indices."""
        if names := self.frames.targets():
            node.name = names[min(depth, len(names) - 1)]


def _has_zero(args: Any) -> bool:
    return any(type(x) in (int, float) and not x for x in args)


def _part(function: Callable[..., Any], i: int) -> Callable[..., Any]:
    """A function that gives one of another function's results."""
    return lambda *args, **kwargs: function(*args, **kwargs)[i]


def _with_axes(x: Any, least: int) -> Any:
    """An array with axes of length 1 before its own, so that it has at least `least` axes."""
    need = least - x.ndim
    return x.reshape((1,) * need + x.shape) if need > 0 else x


def _stack(rows: Any, dtype: Any = None) -> np.ndarray:
    return np.array(rows, dtype=dtype)


def _are_rows(items: Any) -> bool:
    """Are they recorded arrays of floats, all of one shape?"""
    arrays = type(items) in (list, tuple) and all(isinstance(x, Recorded) and x.ndim for x in items)
    return arrays and len({(x.shape, x.dtype.kind) for x in items}) == 1 and items[0].dtype == float


def _objects(items: Any) -> np.ndarray:
    """A plain array of objects: recorded numbers, or recorded arrays of different shapes."""
    try:
        box = np.array(strip(items), dtype=object)
    except ValueError:  # of arrays that begin with axes of the same length
        box = np.empty(len(items), dtype=object)
    _fill(box, (), items)
    return box


def _fill(box: np.ndarray, index: tuple[int, ...], items: Any) -> None:
    """Put the items into the box from `index` on; `strip` has put in the numbers of an array."""
    if len(index) == box.ndim:
        box[index] = items
    elif not isinstance(items, Recorded):
        for i, item in enumerate(items):
            _fill(box, (*index, i), item)
