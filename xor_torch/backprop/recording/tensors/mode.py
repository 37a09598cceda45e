"""Follows the tensors of one script: the mode that torch shows every call to.

The file is long because torch shows every call to one mode, and each has to find the tensors, their
memory and their names.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from ...tape import Tape
from ..array import Recorded, holds, strip, with_parts
from ..frames import Frames
from ..limits import MOST_IN_LIST
from ..number import PYTHON_NUMBERS, plain
from .custom import Classes
from .functions import FUNCTIONS

# Attributes and functions that say something about a tensor, and compute nothing.
_SILENT = {
    "get shape", "get dtype", "get device", "get requires_grad", "set requires_grad", "get is_leaf",
    "get grad_fn", "get ndim", "get layout", "get itemsize", "get nbytes", "get _base",
    "get _version", "get is_sparse", "get is_cuda", "get names", "size", "dim", "ndimension",
    "numel", "nelement", "len", "stride", "storage_offset", "data_ptr", "repr", "format", "hash",
    "is_floating_point", "is_contiguous", "retain_grad", "register_hook", "untyped_storage",
    "element_size", "is_tensor", "is_complex", "set_grad_enabled", "result_type", "get_device",
    "dir", "setstate", "reduce_ex", "is_pinned", "is_nonzero", "get retains_grad",
}  # fmt: skip
# What takes only the shape of a tensor, or draws whole numbers with its probabilities.
_FRESH = {
    "zeros_like", "ones_like", "empty_like", "rand_like", "randn_like", "randint_like",
    "new_zeros", "new_ones", "new_empty", "multinomial", "bernoulli", "randperm",
}  # fmt: skip
_NO_NUMBERS = {"out", "device", "requires_grad", "memory_format", "non_blocking"}
_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}
_RANDOM = {"normal_", "uniform_", "random_", "bernoulli_", "exponential_", "log_normal_"}
_TYPES = {
    torch.float32: np.float32, torch.float64: np.float64, torch.float16: np.float16,
    torch.int64: np.int64, torch.int32: np.int32, torch.int16: np.int16, torch.int8: np.int8,
    torch.uint8: np.uint8, torch.bool: np.bool_,
}  # fmt: skip
_NAMES = {f"torch.{name}Tensor": kind for name, kind in {
    "Float": torch.float32, "Double": torch.float64, "Long": torch.int64, "Int": torch.int32,
    "Bool": torch.bool,
}.items()}  # fmt: skip
Call = Callable[[], Any]


class Journal(Protocol):
    """What the tensors ask of their recorder."""

    tape: Tape
    frames: Frames
    full: bool
    autograd: bool

    def wrap(self, value: Any, node: int) -> Any: ...
    def leaf(self, value: Any, op: str = "leaf") -> int: ...
    def lost(self, value: Any, given: Any) -> int: ...
    def node_of(self, x: Any) -> int: ...
    def is_marked(self, x: Any) -> bool: ...
    def array(self, object: Any) -> Any: ...
    def assign(self, x: Any, index: Any, value: Any, write: Call) -> None: ...
    def became(self, x: Any, node: int) -> None: ...
    def is_as_recorded(self, x: Any) -> bool | None: ...
    def changed_unseen(self, x: Any) -> None: ...
    def branch(self, x: Any, answer: bool) -> None: ...
    def number(self, op: str, args: tuple[Any, ...], value: float) -> Any: ...


class Tensors:
    """The recorded arrays of a script's tensors."""

    def __init__(self, recorder: Journal) -> None:
        self.recorder = recorder
        self.mode = _Mode(self)
        self.classes = Classes(self)
        self.loss = -1  # the node that ``backward()`` was last called on
        self._arrays: Any = WeakIdKeyDictionary()
        # A new tensor with the same numbers, as `x.data`, gets the same array. An array holds its
        # memory, so an address belongs to one memory as long as its array lives.
        self._at: weakref.WeakValueDictionary[Any, Recorded] = weakref.WeakValueDictionary()
        recorder.frames.pass_through(str(torch.__path__[0]))

    @contextlib.contextmanager
    def following(self) -> Iterator[None]:
        """Follow torch's calls until the end of the block."""
        real = torch.from_numpy
        torch.from_numpy = self._from_numpy  # type: ignore[assignment]  # it asks no mode
        try:
            with self.classes.noticed(), self.mode:
                yield
        finally:
            torch.from_numpy = real

    # ------------------------------------------------------------------ tensors and arrays

    def array_of(self, x: Any) -> Any:
        """The recorded array of a tensor; None if it is not a tensor or cannot have one."""
        if not isinstance(x, torch.Tensor):
            return None
        known = self._arrays.get(x)
        if known is None:
            numbers = _numbers(x)
            if numbers is None:
                return None
            known = self._at.get(_place(numbers))
            if known is None:
                known = self._enter(x, numbers, self.recorder.leaf(numbers))
                # the operation that uses it did not make it
                self.recorder.tape.nodes[known._node].site = None
            self._arrays[x] = known
        return known

    def _enter(self, x: Any, numbers: np.ndarray, node: int) -> Any:
        array = self.recorder.wrap(numbers, node)
        # torch does not accept a whole number as an index if an array holds it.
        array._scalar = numbers.ndim == 0 and numbers.dtype.kind in "iu"
        return self._pair(x, array, numbers)

    def _pair(self, x: Any, array: Any, numbers: np.ndarray) -> Any:
        self._arrays[x] = array
        if numbers.size:
            self._at[_place(numbers)] = array
        return array

    def arrays(self, x: Any) -> Any:
        """Arguments with arrays for tensors."""
        if isinstance(x, torch.Tensor):
            array = self.array_of(x)
            if array is None:
                raise NotImplementedError(f"a tensor of {x.dtype}")
            return array
        if isinstance(x, torch.Size):
            return tuple(x)
        if type(x) is list or isinstance(x, tuple):
            return with_parts(x if type(x) in (list, tuple) else tuple(x), map(self.arrays, x))
        if type(x) is dict:
            return {k: self.arrays(v) for k, v in x.items()}
        if type(x) is slice:
            return slice(*(self.arrays(i) for i in (x.start, x.stop, x.step)))
        if isinstance(x, torch.dtype):
            return np.dtype(_TYPES[x])
        if isinstance(x, str) and x in _NAMES:
            return np.dtype(_TYPES[_NAMES[x]])
        return x

    # -------------------------------------------------------------------------- operations

    def call(self, function: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        """Do what the script asks torch for, and write it down."""
        recorder, name = self.recorder, _name(function)
        real = _Real(function, args, kwargs)
        if name == "backward":
            return self._backward(real, args)
        if recorder.full or name in _SILENT or recorder.frames.current() is None:
            return real()
        with np.errstate(all="ignore"):
            if name in _SPECIAL:
                return _SPECIAL[name](self, real, *args, **kwargs)
            if name in _RANDOM or name.startswith("foreach"):
                return self._unseen(real, args)
            if kwargs.get("out") is not None:
                return self._into(name, real, args, kwargs, kwargs["out"])
            base = name.removesuffix("_")
            if (base != name and name not in FUNCTIONS) or kwargs.get("inplace") is True:
                return self._into(base, real, args, kwargs, next(_tensors((args, kwargs)), None))
            return self._result(name, real, args, kwargs)

    def _result(self, name: str, real: Call, args: Any, kwargs: Any) -> Any:
        count = len(self.recorder.tape.nodes)
        meant = self._meant(name, args, kwargs)
        result = real()
        if isinstance(result, torch.Tensor):
            given = () if name in _FRESH else (args, kwargs)
            self._bind(result, meant, given, count)
        elif isinstance(result, tuple | list) and any(isinstance(r, torch.Tensor) for r in result):
            parts = meant if isinstance(meant, tuple) and len(meant) == len(result) else None
            for n, r in enumerate(result):
                if isinstance(r, torch.Tensor):
                    self._bind(r, parts[n] if parts else None, (args, kwargs), count)
        return result

    def _meant(self, name: str, args: Any, kwargs: Any) -> Any:
        """The result as `FUNCTIONS` computes it; None if it has no row or cannot."""
        if name not in FUNCTIONS:
            return None
        named = {_ALIASES.get(k, k): v for k, v in kwargs.items() if k not in _NO_NUMBERS}
        try:
            return FUNCTIONS[name](*self.arrays(args), **self.arrays(named))
        except (
            Exception
        ):  # It will be lost; if torch refuses it too, the script gets torch's error.
            return None

    def _bind(self, result: Any, meant: Any, given: Any, count: int) -> None:
        """Give a tensor that torch has made its recorded array."""
        numbers = _numbers(result)
        if numbers is None or (result in self._arrays and meant is self._arrays[result]):
            return
        if not isinstance(meant, Recorded) or meant.shape != numbers.shape:
            arrays = [self.array_of(x) for x in _tensors(given)]
            lost = self._is_marked(given)
            recorder = self.recorder
            made = recorder.lost(numbers, arrays) if lost else recorder.leaf(numbers)
            self._enter(result, numbers, made)
            return
        node = self.recorder.node_of(meant)
        if node >= count:
            self._set_value(node, numbers)
        if numbers.size and _place(meant) == _place(numbers):
            self._pair(result, meant, numbers)
        else:
            self._enter(result, numbers, node)

    def _is_marked(self, given: Any) -> bool:
        """Is there a tensor among these that descends from an array of the script?"""
        return self.recorder.is_marked(given) or any(
            self.recorder.is_marked(self.array_of(x)) for x in _tensors(given)
        )

    def _set_value(self, node: int, numbers: np.ndarray) -> None:
        """Put torch's numbers on the tape: the script sees these, and NumPy's may differ."""
        made = self.recorder.tape.nodes[node]
        if made.value is not None:
            made.value = np.array(numbers)
        made.dtype = numbers.dtype.kind

    def _into(self, name: str, real: Call, args: Any, kwargs: Any, target: Any) -> Any:
        """An operation that changes a tensor in place."""
        recorder, array = self.recorder, self.array_of(target)
        if array is None:
            return real()
        count = len(recorder.tape.nodes)
        meant = self._meant(name, args, kwargs)
        if isinstance(meant, np.ndarray) and not isinstance(meant, Recorded):
            meant = recorder.wrap(meant, recorder.leaf(meant))
        known = isinstance(meant, Recorded) and meant.shape == array.shape
        node = recorder.node_of(meant) if known else -1
        result = real()
        if not known:
            recorder.changed_unseen(array)
            return result
        if node >= count:
            self._set_value(node, np.asarray(strip(array)))
        recorder.became(array, node)
        return result

    def _unseen(self, real: Call, args: Any) -> Any:
        """A call that changes tensors in a way that the tape cannot express."""
        result = real()
        for x in _tensors(args):
            if x in self._arrays:
                self.recorder.changed_unseen(self._arrays[x])
        return result

    # ---------------------------------------------------------------- single functions

    def _tensor(self, real: Call, data: Any = None, **kwargs: Any) -> Any:
        count, result = len(self.recorder.tape.nodes), real()
        meant = None
        if isinstance(data, torch.Tensor | np.ndarray) or holds(
            data, torch.Tensor, Recorded, *PYTHON_NUMBERS
        ):
            data = self.arrays(data)
            numbers = _numbers(result)
            if numbers is not None:
                meant = data if isinstance(data, Recorded) else self.recorder.array(data)
                if isinstance(meant, Recorded) and meant.dtype != numbers.dtype:
                    meant = meant.astype(numbers.dtype)
        self._bind(result, meant, data, count)
        return result

    def _from_numpy(self, x: Any) -> Any:
        """``torch.from_numpy``: a tensor in the memory of an array."""
        result = torch.as_tensor(strip(x))
        if isinstance(x, Recorded) and not self.recorder.full:
            self._pair(result, x, x)
        return result

    def _numpy(self, real: Call, x: Any, **kwargs: Any) -> Any:
        result, array = real(), self.array_of(x)
        return result if array is None or _place(array) != _place(result) else array

    def _item(self, real: Call, x: Any) -> Any:
        return self._one(x, (), real())

    def _one(self, x: Any, at: tuple[int, ...], value: Any) -> Any:
        if type(value) is not float:
            return value
        array = self.array_of(x)
        if array is None:
            return value
        op, args = ("getitem", (array, at)) if at else ("item", (array,))
        return self.recorder.number(op, args, value)

    def _tolist(self, real: Call, x: Any) -> Any:
        found = real()
        if not x.is_floating_point() or x.numel() > MOST_IN_LIST:
            return found

        def recorded(part: Any, at: tuple[int, ...]) -> Any:
            if isinstance(part, list):
                return [recorded(p, (*at, n)) for n, p in enumerate(part)]
            return self._one(x, at, part)

        return recorded(found, ())

    def _bool_(self, real: Call, x: Any) -> bool:
        answer = bool(real())
        array = self.array_of(x)
        if array is not None:
            self.recorder.branch(array, answer)
        return answer

    def _setitem(self, real: Call, x: Any, index: Any, value: Any) -> None:
        array = self.array_of(x)
        try:
            index, value = self.arrays(index), self.arrays(value)
        except (NotImplementedError, KeyError):
            array = None
        if array is None:
            real()
            return
        at = index if isinstance(index, tuple) else (index,)
        at = tuple(list(p) if isinstance(p, range) else p for p in at)
        self.recorder.assign(array, at if isinstance(index, tuple) else at[0], value, real)

    def _set_data(self, real: Call, x: Any, new: Any) -> None:
        was = self.array_of(x)
        real()
        array = self.array_of(new)
        if array is not None:
            self._arrays[x] = array
            if was is not None:
                nodes, node_of = self.recorder.tape.nodes, self.recorder.node_of
                name = nodes[node_of(was)].name
                nodes[node_of(array)].name = name or nodes[node_of(array)].name

    def _deepcopy(self, real: Call, x: Any, memo: Any) -> Any:
        result = real()
        array = self.array_of(x)
        self._bind(result, None if array is None else np.copy(array), x, 0)
        return result

    # ------------------------------------------------------------------------ autograd

    def _backward(self, real: Call, args: Any) -> Any:
        """Autograd's backward pass."""
        self.recorder.autograd = True
        array = self.array_of(args[0])
        if array is not None and not self.recorder.full:
            self.loss = self.recorder.node_of(array)
        return real()

    def _get_grad(self, real: Call, x: Any) -> Any:
        """``x.grad``: what autograd has computed, or what the script has put there."""
        self.recorder.autograd, result = True, real()
        if result is None:
            return result
        known = self._arrays.get(result)
        if known is not None and known._memory is not None:
            if self.recorder.is_as_recorded(known):
                return result
            self.recorder.changed_unseen(known)  # autograd has added to it
        array, of = self.array_of(result), self.array_of(x)
        if array is not None and of is not None and self.loss >= 0:
            node = self.recorder.node_of(array)
            self.recorder.tape.gradients.append((node, self.recorder.node_of(of), self.loss))
        return result


_SPECIAL: dict[str, Callable[..., Any]] = {
    "tensor": Tensors._tensor,
    "as_tensor": Tensors._tensor,
    "asarray": Tensors._tensor,
    "numpy": Tensors._numpy,
    "array": lambda tensors, real, *args, **kwargs: real(),  # NumPy asks for its numbers
    "float_": lambda tensors, real, *args, **kwargs: real(),
    "item": Tensors._item,
    "tolist": Tensors._tolist,
    "bool_": Tensors._bool_,
    "setitem": Tensors._setitem,
    "set data": Tensors._set_data,
    "deepcopy": Tensors._deepcopy,
    "get grad": Tensors._get_grad,
    "set grad": lambda tensors, real, *args: real(),
}


class _Real:
    """The script's call of torch, as it would be without us."""

    def __init__(self, function: Any, args: Any, kwargs: Any) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs

    def __call__(self) -> Any:
        named = {k: _given(v) for k, v in self.kwargs.items()}
        return self.function(*map(_given, self.args), **named)


def _given(x: Any) -> Any:
    """An argument for torch: exact floats and plain arrays."""
    if type(x) in PYTHON_NUMBERS:
        return plain(x)
    if isinstance(x, Recorded) or (
        type(x) in (list, tuple) and holds(x, Recorded, *PYTHON_NUMBERS)
    ):
        return strip(x)
    return x


class _Mode(TorchFunctionMode):
    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self._tensors = tensors

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._tensors.call(func, args, kwargs or {})


def _name(function: Any) -> str:
    """The name of a torch function: "add", "sub_", "get data", "getitem", "bool_"."""
    name: str = getattr(function, "__name__", "")
    if name in ("__get__", "__set__"):
        return f"{name[2:-2]} {function.__self__.__name__}"
    if name in ("__float__", "__bool__"):
        return f"{name[2:-2]}_"
    return name[2:-2] if name.startswith("__") and name.endswith("__") else name.lstrip("_")


def _tensors(x: Any) -> Iterator[Any]:
    """The tensors among nested arguments."""
    if isinstance(x, torch.Tensor):
        yield x
    elif isinstance(x, tuple | list | dict):
        for part in x.values() if isinstance(x, dict) else x:
            yield from _tensors(part)


def _numbers(x: Any) -> np.ndarray | None:
    """The numbers of a tensor as a NumPy array in the same memory; None if that cannot be."""
    if x.layout != torch.strided or x.device.type != "cpu" or x.dtype not in _TYPES:
        return None
    found: np.ndarray = x.detach().numpy(force=True)
    return found


def _place(x: np.ndarray) -> tuple[Any, ...]:
    """Where an array lies in memory."""
    return x.ctypes.data, x.shape, x.strides, x.dtype.str
