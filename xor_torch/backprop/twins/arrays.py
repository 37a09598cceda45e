"""Functions that put numbers into other places or shapes, or tell where they are.

Most of them are NumPy's own functions, applied to the positions of the numbers (`_moves`).

The file is long because it is a list: a short function for each operation.
"""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.lib import stride_tricks

from .arguments import (
    Tensor,
    Twin,
    as_bool,
    as_is,
    as_shape,
    axes_of,
    cast,
    number,
    of_kind,
    plain,
    refuse,
    tensor,
)

KEPT = 16  # places that a function of NumPy has put numbers to, for each function
MOST_KEPT = 300_000  # such numbers


def _transpose(x: Tensor, *axes: Any, **named: Any) -> Tensor:
    if named.keys() - {"axes"}:
        raise ValueError(f"the option {', '.join(named)} is not known here")
    order = named.get("axes", axes[0] if len(axes) == 1 else axes or None)
    return x.permute(*(range(x.ndim)[::-1] if order is None else order)) if x.ndim else x


def _reshape(
    x: Tensor, *sizes: Any, order: Any = "C", shape: Any = None, newshape: Any = None,
    copy: Any = None,
) -> Tensor:  # fmt: skip
    if sizes and isinstance(sizes[-1], str):  # np.reshape(x, (2, 3), "F")
        *sizes, order = sizes  # type: ignore[assignment]
    if shape is None and newshape is None:
        shape = sizes[0] if len(sizes) == 1 else tuple(sizes)
    wanted = as_shape(newshape if shape is None else shape)
    if order == "F":
        turned = x.permute(*range(x.ndim)[::-1]).reshape(wanted[::-1])
        return turned.permute(*range(turned.ndim)[::-1])
    if order != "C":
        raise ValueError(f"order={order!r} is not known here")
    return x.reshape(wanted)


def _flat(x: Tensor, order: Any = "C") -> Tensor:
    return _reshape(x, -1, order=order)


def _squeeze(x: Tensor, axis: Any = None) -> Tensor:
    return x.squeeze() if axis is None else x.squeeze(axes_of(x, axis))


def _expand_dims(x: Tensor, axis: Any) -> Tensor:
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    for a in sorted(int(a) % (x.ndim + len(axes)) for a in axes):
        x = x.unsqueeze(a)
    return x


def _at_least(function: Callable[[Tensor], Tensor]) -> Twin:
    def twin(*arrays: Any) -> Any:
        found = tuple(function(as_is(a)) for a in arrays)
        return found[0] if len(found) == 1 else found

    return twin


def _astype(
    x: Tensor, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: Any = True,
    copy: Any = True,
) -> Tensor:  # fmt: skip
    return of_kind(x, np.dtype(dtype).kind)


def _copy(x: Tensor, order: Any = "K", subok: Any = False) -> Tensor:
    return x


def _array(rows: Any, dtype: Any = None) -> Tensor:
    x = number(rows)
    return x if dtype is None else of_kind(x, np.dtype(dtype).kind)


# -------------------------------------------------------------------- numbers that only move


def _moves(function: Callable[..., Any], *data: str) -> Twin:
    """The twin of a NumPy function that only moves numbers.

    Args:
        function: NumPy's. It is applied to the positions of the numbers.
        data: its parameters that hold the numbers; all others are shapes, indices and options.
            A function that returns None changes the first of them.

    """
    signature = inspect.signature(function)

    def moved(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        size = 0
        for name in [name for name in given.arguments if name in data]:
            shape = given.arguments[name]
            many = math.prod(shape)
            given.arguments[name] = np.arange(size, size + many).reshape(shape)
            size += many
        found = function(*given.args, **given.kwargs)
        found = given.arguments[data[0]] if found is None else found
        return tuple(map(_places, found)) if isinstance(found, tuple | list) else _places(found)

    # a step is repeated many times: the same places again
    again = functools.lru_cache(KEPT, typed=True)(moved)

    def twin(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        numbers = list[Tensor]()
        for name, value in given.arguments.items():
            if name in data:
                value = value if isinstance(value, Tensor) else number(value)
                numbers.append(value.reshape(-1))
                given.arguments[name] = tuple(value.shape)
            else:
                given.arguments[name] = plain(value)
        few = sum(x.numel() for x in numbers) <= MOST_KEPT
        try:
            found = (again if few else moved)(*given.args, **given.kwargs)
        except TypeError:  # an argument has no hash: an array, a list
            found = moved(*given.args, **given.kwargs)
        same = {x.dtype for x in numbers}
        numbers = numbers if len(same) == 1 else [number(x) for x in numbers]
        flat = numbers[0] if len(numbers) == 1 else torch.cat(numbers)
        return tuple(flat[at] for at in found) if isinstance(found, tuple) else flat[found]

    return twin


def _places(at: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(at, dtype=np.int64))


def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``: by torch where its rules are NumPy's, otherwise by the positions."""
    parts = tuple(map(_part, index)) if isinstance(index, tuple) else (_part(index),)
    arrays = [n for n, p in enumerate(parts) if isinstance(p, Tensor)]
    apart = arrays != list(range(arrays[0], arrays[-1] + 1)) if arrays else False
    # beside an array, NumPy treats a number as an array too
    mixed = arrays and (apart or any(isinstance(p, int) for p in parts))
    if mixed or any(isinstance(p, slice) and (p.step or 1) < 0 for p in parts):
        return _getitem_by_positions(x, parts)  # type: ignore[no-any-return]
    return x[parts]


def _part(p: Any) -> Any:
    if isinstance(p, list):
        p = tensor(np.asarray(plain(p)) if p else np.zeros(0, int))
    return int(p) if isinstance(p, Tensor) and not p.ndim and p.dtype == torch.int64 else p


def _numpy_getitem(x: Any, index: Any) -> Any:
    return x[index]


_getitem_by_positions = _moves(_numpy_getitem, "x")


def _item(x: Tensor, *at: Any) -> Tensor:
    if not at:
        return x.reshape(())
    at = at[0] if len(at) == 1 and isinstance(at[0], tuple) else at
    return x.reshape(-1)[at[0]] if len(at) == 1 else x[tuple(at)]


def positions(x: Tensor) -> Tensor:
    """The place of each number of `x`, all of them counted in a row."""
    return torch.arange(x.numel()).reshape(x.shape)


def _assign(base: Any, path: Any, value: Any) -> Tensor:
    """`base` with the part that `path` leads to replaced by `value`."""
    base = number(base)
    if all(op == "getitem" and _is_plain(args[0]) for op, args, _ in path):
        new: Tensor = base.clone()
        part = new
        for _, (index,), _ in path:
            part = part[index]
        part.copy_(values_for(part, value).reshape(part.shape))
        return new
    at = positions(base)
    for op, args, kwargs in path:
        name, _, number_of_part = op.partition("#")
        at = ARRAYS[name](at, *args, **kwargs)
        at = at[int(number_of_part)] if number_of_part else at
    return _put(base, at, value)


def _is_plain(index: Any) -> bool:
    """Is it made of numbers and slices that go forward, so that torch gives a view?"""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        type(p) is int or p is Ellipsis or (isinstance(p, slice) and _goes_forward(p))
        for p in parts
    )


def _goes_forward(part: slice) -> bool:
    return all(x is None or type(x) is int for x in (part.start, part.stop, part.step)) and (
        part.step is None or part.step > 0
    )


def _put(base: Tensor, at: Tensor, value: Any) -> Tensor:
    values = values_for(at, value)
    return base.reshape(-1).index_put((at.reshape(-1),), values).reshape(base.shape)


def values_for(at: Tensor, value: Any) -> Tensor:
    """One value for each of the positions `at`, in a row."""
    value = number(value)
    while value.ndim > at.ndim:
        value = value.squeeze(0)
    values: Tensor = value.expand(at.shape).reshape(-1)
    return values


# The signature of NumPy's own function is only (*args).


def _numpy_copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    np.copyto(dst, src, where=where)


def _numpy_putmask(a: Any, mask: Any, values: Any) -> None:
    np.putmask(a, mask, values)


def _numpy_pad(array: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Any:
    if mode == "constant":
        return np.pad(array, pad_width, mode, constant_values=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ValueError(f"mode={mode!r} is not known here")
    return np.pad(array, pad_width, mode)


_pad_moves = _moves(_numpy_pad, "array", "constant_values")


def _pad(array: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Tensor:
    padded: Tensor = _pad_moves(array, pad_width, mode, constant_values)
    return padded


def _numpy_take(
    a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise"
) -> Any:
    return np.take(a, indices, axis, out, mode)


def _broadcast_arrays(*arrays: Any) -> tuple[Tensor, ...]:
    return tuple(torch.broadcast_tensors(*map(number, arrays)))


# -------------------------------------------------------------------- arrays put together


def _numbers(arrays: Any, dtype: Any) -> list[Tensor]:
    return [cast(a, dtype) for a in arrays]


def _concatenate(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None) -> Tensor:
    refuse(out=out)
    found = _numbers(arrays, dtype)
    if axis is None:
        return torch.cat([a.reshape(-1) for a in found], 0)
    return torch.cat(found, int(axis))


def _stack(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None) -> Tensor:
    refuse(out=out)
    return torch.stack(_numbers(arrays, dtype), int(axis))


def _vstack(tup: Any, *, dtype: Any = None) -> Tensor:
    return torch.cat([torch.atleast_2d(a) for a in _numbers(tup, dtype)], 0)


def _hstack(tup: Any, *, dtype: Any = None) -> Tensor:
    found = [torch.atleast_1d(a) for a in _numbers(tup, dtype)]
    return torch.cat(found, 0 if found[0].ndim == 1 else 1)


def _dstack(tup: Any) -> Tensor:
    return torch.cat([torch.atleast_3d(a) for a in _numbers(tup, None)], 2)


def _column_stack(tup: Any) -> Tensor:
    return torch.cat([a.reshape(-1, 1) if a.ndim < 2 else a for a in _numbers(tup, None)], 1)


def _block(arrays: Any) -> Tensor:
    def depth(x: Any) -> int:
        return 1 + max(map(depth, x)) if isinstance(x, list) else 0

    def dims(x: Any) -> int:
        return max(map(dims, x)) if isinstance(x, list) else number(x).ndim

    ndim = max(depth(arrays), dims(arrays))

    def joined(x: Any) -> Tensor:
        if isinstance(x, list):
            return torch.cat([joined(i) for i in x], -depth(x))
        value = number(x)
        return value.reshape(*[1] * (ndim - value.ndim), *value.shape)

    return joined(arrays)


def _append(arr: Any, values: Any, axis: Any = None) -> Tensor:
    return _concatenate([arr, values], axis)


# ------------------------------------------------------------------------ order and places


def _sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Tensor:
    refuse(order=order)
    x = number(a)
    return x.reshape(-1).sort(0).values if axis is None else x.sort(int(axis)).values


def _argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Tensor:
    refuse(order=order)
    x = number(a)
    if axis is None:
        return x.reshape(-1).argsort(stable=True)
    return x.argsort(stable=True, dim=int(axis))


def _searchsorted(a: Any, v: Any, side: Any = "left", sorter: Any = None) -> Tensor:
    refuse(sorter=sorter)
    return torch.searchsorted(number(a).contiguous(), number(v).contiguous(), side=side)


def _unravel_index(indices: Any, shape: Any, order: Any = "C") -> tuple[Tensor, ...]:
    if order != "C":
        raise ValueError(f"order={order!r} is not known here")
    return tuple(tensor(i) for i in np.unravel_index(plain(indices), as_shape(shape)))


def _ravel_multi_index(
    multi_index: Any, dims: Any, mode: Any = "raise", order: Any = "C"
) -> Tensor:
    return tensor(np.ravel_multi_index(plain(multi_index), as_shape(dims), mode, order))


ARRAYS: dict[str, Twin] = {
    # the same numbers
    "T": lambda x: _transpose(x),
    "transpose": _transpose,
    "reshape": _reshape,
    "ravel": _flat,
    "flatten": _flat,
    "swapaxes": lambda a, axis1, axis2: a.transpose(axis1, axis2),
    "moveaxis": lambda a, source, destination: torch.movedim(a, source, destination),
    "squeeze": _squeeze,
    "expand_dims": _expand_dims,
    "atleast_1d": _at_least(torch.atleast_1d),
    "atleast_2d": _at_least(torch.atleast_2d),
    "atleast_3d": _at_least(torch.atleast_3d),
    "astype": _astype,
    "copy": _copy,
    "rounded": _copy,  # to so many digits that the script means the same number
    "array": _array,
    # numbers that only move
    "getitem": getitem,
    "item": _item,
    "assign": _assign,
    "put": _moves(np.put, "a", "v"),
    "putmask": _moves(_numpy_putmask, "a", "values"),
    "place": _moves(np.place, "arr", "vals"),
    "put_along_axis": _moves(np.put_along_axis, "arr", "values"),
    "fill_diagonal": _moves(np.fill_diagonal, "a", "val"),
    "copyto": _moves(_numpy_copyto, "dst", "src"),
    "insert": _moves(np.insert, "arr", "values"),
    "delete": _moves(np.delete, "arr"),
    "take": _moves(_numpy_take, "a"),
    "take_along_axis": _moves(np.take_along_axis, "arr"),
    "compress": _moves(np.compress, "a"),
    "choose": _moves(np.choose, "choices"),
    "repeat": _moves(np.repeat, "a"),
    "resize": _moves(np.resize, "a"),
    "extract": _moves(np.extract, "arr"),
    "rollaxis": _moves(np.rollaxis, "a"),
    "tile": _moves(np.tile, "A"),
    "roll": _moves(np.roll, "a"),
    "rot90": _moves(np.rot90, "m"),
    "flip": _moves(np.flip, "m"),
    "flipud": _moves(np.flipud, "m"),
    "fliplr": _moves(np.fliplr, "m"),
    "diagonal": _moves(np.diagonal, "a"),
    "split": _moves(np.split, "ary"),
    "array_split": _moves(np.array_split, "ary"),
    "hsplit": _moves(np.hsplit, "ary"),
    "vsplit": _moves(np.vsplit, "ary"),
    "dsplit": _moves(np.dsplit, "ary"),
    "sliding_window_view": _moves(stride_tricks.sliding_window_view, "x"),
    "as_strided": _moves(stride_tricks.as_strided, "x"),
    "broadcast_to": _moves(np.broadcast_to, "array"),
    "broadcast_arrays": _broadcast_arrays,
    "pad": _pad,
    # arrays put together
    "concatenate": _concatenate,
    "stack": _stack,
    "vstack": _vstack,
    "row_stack": _vstack,
    "hstack": _hstack,
    "dstack": _dstack,
    "column_stack": _column_stack,
    "block": _block,
    "append": _append,
    # order and places
    "flatnonzero": lambda a: torch.nonzero(as_bool(a).reshape(-1))[:, 0],
    "argwhere": lambda a: torch.nonzero(as_bool(a)),
    "sort": _sort,
    "argsort": _argsort,
    "searchsorted": _searchsorted,
    "unravel_index": _unravel_index,
    "ravel_multi_index": _ravel_multi_index,
}
