"""Run a recorded tape again, in torch and in float64.

Torch functions with NumPy's names, arguments and rules, as far as the gradients of neural
networks need them. An operation that is not here is refused by name, never approximated.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from .tape import PARTS, Node, Ref, Tape, Unknown

Tensor = torch.Tensor
Operation = Callable[..., Tensor]


class CannotReplay(Exception):  # noqa: N818 - a verdict, not an error
    """The tape holds something that has no equivalent here."""


def tensor(x: Any) -> Tensor:
    """A value of the tape: float64, int64 or bool."""
    x = np.asarray(x)
    kind = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}[x.dtype.kind]
    return torch.from_numpy(np.array(x, dtype=kind))


def run(
    tape: Tape,
    wanted: Iterable[int],
    given: Mapping[int, Tensor],
    ties: bool = False,
    also: Iterable[int] = (),
    rounding: torch.Generator | None = None,
) -> dict[int, Tensor]:
    """The values of all nodes that `wanted` are computed from, beginning at `given`.

    A node that does not depend on `given` has its recorded value.

    Args:
        tape: as recorded.
        wanted: ids of nodes.
        given: what to begin with, by id; tensors that may require a gradient.
        ties: which of two equal numbers ``maximum`` and ``minimum`` take the derivative of.
        also: further nodes, left out if they cannot be repeated.
        rounding: what to draw from if each result is to be off by up to one unit in the last
            place: how far two such runs are apart shows how much of a value is rounding (random
            arithmetic: Vignes, "A stochastic arithmetic for reliable scientific computation",
            1993).

    Raises:
        CannotReplay: an operation or an argument of it has no equivalent here.

    """
    wanted = list(wanted)
    required = set(needed(tape, wanted, given)[0])
    order, depends = needed(tape, [*wanted, *also], given)
    values: dict[int, Tensor] = dict(given)
    for id in order:
        if id in values:
            continue
        node = tape.nodes[id]
        if not depends[id] and node.value is not None:
            values[id] = tensor(node.value)
        elif id in required:
            values[id] = _apply(tape, node, values, ties)
            if rounding is not None and values[id].is_floating_point() and node.op not in PARTS:
                values[id] = _rounded(values[id], rounding)
        elif all(i in values for i in node.inputs):
            with contextlib.suppress(CannotReplay):
                values[id] = _apply(tape, node, values, ties)
    return values


def needed(
    tape: Tape, wanted: Iterable[int], given: Mapping[int, Any]
) -> tuple[list[int], dict[int, bool]]:
    """The nodes to compute, in order, and whether each depends on `given`."""
    depends: dict[int, bool] = dict.fromkeys(given, True)
    first = min(given, default=0)
    seen, stack = set(given), [w for w in wanted if w not in given]
    seen.update(stack)
    while stack:
        node = tape.nodes[stack.pop()]
        if node.id < first and node.value is not None:
            continue  # older than all that is given: its recorded value will do
        for i in node.inputs:
            if i not in seen:
                seen.add(i)
                stack.append(i)
    order = sorted(seen)
    for id in order:
        if id not in depends:
            depends[id] = any(depends.get(i, False) for i in tape.nodes[id].inputs)
    return order, depends


def _rounded(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each element off by up to one unit in the last place."""
    draw = torch.rand(x.shape, generator=generator, dtype=torch.float64)
    return x * (1 + torch.finfo(torch.float64).eps * (2 * draw - 1))


def _apply(tape: Tape, node: Node, values: dict[int, Tensor], ties: bool) -> Tensor:
    def fill(x: Any) -> Any:
        if isinstance(x, Ref):
            return values[x.id]
        if isinstance(x, Unknown):
            raise CannotReplay(
                f"{node.op} on {tape.code.where(node.line)} has an argument of type {x}"
            )
        if isinstance(x, tuple | list):
            return type(x)(map(fill, x))
        if isinstance(x, dict):
            return {k: fill(v) for k, v in x.items()}
        if isinstance(x, slice):
            return slice(*(_int(fill(i)) for i in (x.start, x.stop, x.step)))
        return x

    if node.op in ("maximum", "minimum", "fmax", "fmin"):
        a, b = map(number, fill(node.args))
        first = a >= b if ties else a > b
        if node.op in ("minimum", "fmin"):
            first = a <= b if ties else a < b
        return torch.where(first, a, b)
    function = OPERATIONS.get(node.op)
    if function is None:
        where = tape.code.where(node.line)
        raise CannotReplay(f"{where} uses numpy.{node.op}, which this check does not know")
    try:
        return function(*fill(node.args), **fill(node.kwargs))
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError) as e:
        where = tape.code.where(node.line)
        raise CannotReplay(
            f"numpy.{node.op} on {where} could not be repeated: {str(e).splitlines()[0]}"
        ) from e


# ----------------------------------------------------------------------------- arguments


def number(x: Any) -> Tensor:
    """An operand of arithmetic, in float64."""
    if isinstance(x, list | tuple):
        return torch.stack([number(i) for i in x])
    value = x if isinstance(x, Tensor) else tensor(x)
    return value if value.is_floating_point() else value.double()


def _int(x: Any) -> Any:
    return int(x) if isinstance(x, Tensor) else x


def _axes(x: Tensor, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple | list) else (axis,)))


def _shape(*shape: Any) -> tuple[int, ...]:
    if len(shape) == 1 and isinstance(shape[0], tuple | list | Tensor):
        shape = tuple(shape[0])
    return tuple(map(int, shape))


def _index(index: Any) -> Any:
    if isinstance(index, list):
        return torch.as_tensor([int(i) for i in index])
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    return index


# ---------------------------------------------------------------------------- operations


def _unary(function: Any) -> Operation:
    return lambda x, dtype=None: function(number(x))


def _binary(function: Any) -> Operation:
    return lambda a, b, dtype=None: function(number(a), number(b))


def _reduction(function: Operation) -> Operation:
    def apply(
        x: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, **options: Any
    ) -> Tensor:
        x = number(torch.stack(x) if isinstance(x, list) else x)
        return function(x, _axes(x, axis), bool(keepdims), **options) if x.ndim else x

    return apply


def _sum(x: Tensor, axes: Any, keepdims: Any, initial: Any = 0) -> Tensor:
    return torch.sum(x, axes, keepdim=keepdims) + number(initial)


def _var(x: Tensor, axes: Any, keepdims: Any, ddof: Any = 0) -> Tensor:
    return torch.var(x, axes, correction=ddof, keepdim=keepdims)


def _extreme(largest: bool) -> Operation:
    def apply(x: Tensor, axes: Any, keepdims: Any) -> Tensor:
        return (torch.amax if largest else torch.amin)(x, axes, keepdim=keepdims)

    return apply


def _prod(x: Tensor, axes: Any, keepdims: Any) -> Tensor:
    for a in sorted(axes, reverse=True):
        x = x.prod(a, keepdim=keepdims)
    return x


def _norm(x: Tensor, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Tensor:
    x = number(x)
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and x.ndim > 1):
        raise ValueError(f"norm of order {ord}")
    return (x * x).sum(_axes(x, axis), keepdim=keepdims).sqrt()


def _dot(a: Tensor, b: Tensor) -> Tensor:
    a, b = number(a), number(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if a.ndim > 2 or b.ndim > 2:
        return _tensordot(a, b, ([a.ndim - 1], [max(b.ndim - 2, 0)]))
    return a @ b


def _inner(a: Tensor, b: Tensor) -> Tensor:
    a, b = number(a), number(b)
    return a * b if a.ndim == 0 or b.ndim == 0 else _tensordot(a, b, ([-1], [-1]))


def _tensordot(a: Tensor, b: Tensor, axes: Any = 2) -> Tensor:
    product: Tensor = torch.tensordot(number(a), number(b), dims=axes)
    return product


def _transpose(x: Tensor, *axes: Any, **named: Any) -> Tensor:
    order = named.get("axes", axes[0] if len(axes) == 1 else axes or None)
    return x.permute(*(range(x.ndim)[::-1] if order is None else order)) if x.ndim else x


def _reshape(x: Tensor, *shape: Any, order: Any = "C", **named: Any) -> Tensor:
    if order != "C":
        raise ValueError(f"order {order!r}")
    shape = named.get("newshape", named.get("shape", shape))
    return number(x).reshape(_shape(*shape) if isinstance(shape, tuple) else _shape(shape))


def _flat(x: Tensor, order: Any = "C") -> Tensor:
    return _reshape(x, -1, order=order)


def _astype(x: Tensor, dtype: Any, **options: Any) -> Tensor:
    kind = np.dtype(dtype).kind
    return number(x) if kind == "f" else x.long() if kind in "iu" else x.bool()


def _array(rows: Any, dtype: Any = None, **options: Any) -> Tensor:
    return number(rows)


def _getitem(x: Tensor, index: Any) -> Tensor:
    index = _index(index)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(p, slice) and (p.step or 1) < 0 for p in parts):
        position = 0
        for p in parts:
            if isinstance(p, slice):
                at = list(range(*p.indices(x.shape[position])))
                x = x.index_select(position, torch.as_tensor(at, dtype=torch.long))
            elif isinstance(p, int):
                x = x.select(position, p)
                continue
            else:
                raise ValueError("a mixed index with a negative step")
            position += 1
        return x
    return x[index]


def _item(x: Tensor, *at: Any) -> Tensor:
    if not at:
        return x.reshape(())
    return x.reshape(-1)[at[0]] if len(at) == 1 and isinstance(at[0], int) else x[tuple(at)]


def _assign(base: Tensor, path: Any, value: Any) -> Tensor:
    """`base` with the part that `path` leads to replaced by `value`."""
    base = number(base).clone()
    part = base
    *steps, (_, args, _) = (
        path if path[-1][0] == "getitem" else (*path, ("getitem", (Ellipsis,), {}))
    )
    for op, more, options in steps:
        part = OPERATIONS[op](part, *more, **options)
        if part._base is None:
            raise ValueError("written through a copy")
    index = _index(args[0])
    target = part[index]
    value = number(value)
    while value.ndim > target.ndim:
        value = value.squeeze(0)
    part[index] = value
    return base


def _where(condition: Any, a: Any = None, b: Any = None) -> Tensor:
    if a is None:
        raise ValueError("where with one argument")
    condition = condition if isinstance(condition, Tensor) else tensor(condition)
    return torch.where(condition.bool(), number(a), number(b))


def _clip(
    x: Tensor,
    a_min: Any = None,
    a_max: Any = None,
    min: Any = None,
    max: Any = None,
    **options: Any,
) -> Tensor:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    x = number(x)
    if low is not None:
        x = torch.where(x < number(low), number(low), x)
    if high is not None:
        x = torch.where(x > number(high), number(high), x)
    return x


def _concatenate(arrays: Any, axis: Any = 0, **options: Any) -> Tensor:
    arrays = [number(a) for a in arrays]
    return (
        torch.cat([a.reshape(-1) for a in arrays], 0) if axis is None else torch.cat(arrays, axis)
    )


def _stack(arrays: Any, axis: Any = 0, **options: Any) -> Tensor:
    return torch.stack([number(a) for a in arrays], axis)


def _vstack(arrays: Any, **options: Any) -> Tensor:
    return torch.cat([torch.atleast_2d(number(a)) for a in arrays], 0)


def _hstack(arrays: Any, **options: Any) -> Tensor:
    arrays = [torch.atleast_1d(number(a)) for a in arrays]
    return torch.cat(arrays, 0 if arrays[0].ndim == 1 else 1)


def _column_stack(arrays: Any) -> Tensor:
    return torch.cat([a[:, None] if a.ndim == 1 else a for a in map(number, arrays)], 1)


def _append(a: Tensor, b: Tensor, axis: Any = None) -> Tensor:
    return _concatenate([a, b], axis)


def _insert(x: Tensor, at: Any, value: Any, axis: Any = None) -> Tensor:
    x, at = number(x), _int(at)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis %= x.ndim
    at += x.shape[axis] if at < 0 else 0
    shape = [*x.shape[:axis], 1, *x.shape[axis + 1 :]]
    value = number(value).expand(shape) if number(value).ndim == 0 else number(value).reshape(shape)
    return torch.cat([x.narrow(axis, 0, at), value, x.narrow(axis, at, x.shape[axis] - at)], axis)


def _delete(x: Tensor, at: Any, axis: Any = None) -> Tensor:
    x = number(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    size = x.shape[axis]
    gone = range(*at.indices(size)) if isinstance(at, slice) else [_int(at) % size]
    return x.index_select(axis, torch.as_tensor([i for i in range(size) if i not in gone]))


def _squeeze(x: Tensor, axis: Any = None) -> Tensor:
    return x.squeeze() if axis is None else x.squeeze(_axes(x, axis))


def _expand_dims(x: Tensor, axis: Any) -> Tensor:
    for a in sorted(axis) if isinstance(axis, tuple | list) else [axis]:
        x = x.unsqueeze(a)
    return x


def _repeat(x: Tensor, repeats: Any, axis: Any = None) -> Tensor:
    x = number(x)
    return torch.repeat_interleave(
        x if axis is not None else x.reshape(-1), _int(repeats), axis or 0
    )


def _tile(x: Tensor, reps: Any) -> Tensor:
    return torch.tile(number(x), _shape(reps))


def _argmax(x: Tensor, axis: Any = None, **options: Any) -> Tensor:
    return torch.argmax(x) if axis is None else torch.argmax(x, axis)


def _power(a: Tensor, b: Tensor) -> Tensor:
    return a.square() if b.ndim == 0 and b.item() == 2 else torch.pow(a, b)


def _outer(a: Tensor, b: Tensor) -> Tensor:
    return torch.outer(number(a).reshape(-1), number(b).reshape(-1))


def _einsum(equation: Any, *arrays: Any, **options: Any) -> Tensor:
    return torch.einsum(equation, *map(number, arrays))


def _diag(x: Tensor, k: Any = 0) -> Tensor:
    return torch.diag(number(x), k)


def _constant(value: float) -> Operation:
    return lambda x, *args, **options: torch.full_like(number(x), value)


def _softmax(x: Tensor, axis: Any = None) -> Tensor:
    x = number(x)
    return (
        torch.softmax(x, axis)
        if axis is not None
        else torch.softmax(x.reshape(-1), 0).reshape(x.shape)
    )


def _average(x: Tensor, axis: Any = None, weights: Any = None, **options: Any) -> Tensor:
    if weights is not None:
        raise ValueError("average with weights")
    return OPERATIONS["mean"](x, axis=axis)


def _nonzero(x: Tensor, axis: int) -> Tensor:
    """One of the arrays of indices that ``where(x)`` gives."""
    return torch.nonzero(x, as_tuple=True)[axis]


OPERATIONS: dict[str, Operation] = {
    **{
        name: _unary(function)
        for name, function in {
            "negative": torch.neg,
            "positive": torch.clone,
            "cbrt": lambda x: x.sign() * x.abs() ** (1 / 3),
            "exp": torch.exp,
            "log": torch.log,
            "log2": torch.log2,
            "log10": torch.log10,
            "log1p": torch.log1p,
            "expm1": torch.expm1,
            "sqrt": torch.sqrt,
            "square": torch.square,
            "tanh": torch.tanh,
            "sin": torch.sin,
            "cos": torch.cos,
            "tan": torch.tan,
            "sinh": torch.sinh,
            "cosh": torch.cosh,
            "arctan": torch.atan,
            "arcsin": torch.asin,
            "arccos": torch.acos,
            "arcsinh": torch.asinh,
            "arccosh": torch.acosh,
            "arctanh": torch.atanh,
            "absolute": torch.abs,
            "fabs": torch.abs,
            "sign": torch.sign,
            "reciprocal": torch.reciprocal,
            "expit": torch.sigmoid,
            "copy": torch.clone,
            "floor": torch.floor,
            "ceil": torch.ceil,
            "rint": torch.round,
            "exp2": torch.exp2,
            "nan_to_num": torch.nan_to_num,
        }.items()
    },
    **{
        name: _binary(function)
        for name, function in {
            "add": torch.add,
            "subtract": torch.sub,
            "multiply": torch.mul,
            "divide": torch.div,
            "power": _power,
            "float_power": _power,
            "heaviside": torch.heaviside,
            "logaddexp": torch.logaddexp,
            "floor_divide": torch.floor_divide,
            "remainder": torch.remainder,
            "hypot": torch.hypot,
            "arctan2": torch.atan2,
            "greater": torch.gt,
            "greater_equal": torch.ge,
            "less": torch.lt,
            "less_equal": torch.le,
            "equal": torch.eq,
            "not_equal": torch.ne,
            "logical_and": torch.logical_and,
            "logical_or": torch.logical_or,
        }.items()
    },
    **{
        name: _reduction(function)
        for name, function in {
            "sum": _sum,
            "mean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
            "var": _var,
            "std": lambda *a, **k: _var(*a, **k).sqrt(),
            "max": _extreme(True),
            "amax": _extreme(True),
            "min": _extreme(False),
            "amin": _extreme(False),
            "prod": _prod,
            "add.reduce": _sum,
        }.items()
    },
    "average": _average,
    "linalg.norm": _norm,
    "dot": _dot,
    "matmul": lambda a, b: number(a) @ number(b),
    "inner": _inner,
    "vdot": lambda a, b: torch.dot(number(a).reshape(-1), number(b).reshape(-1)),
    "outer": _outer,
    "multiply.outer": lambda a, b: torch.tensordot(number(a), number(b), 0),
    "linalg.outer": _outer,
    "linalg.multi_dot": lambda xs: torch.linalg.multi_dot(list(map(number, xs))),
    "tensordot": _tensordot,
    "einsum": _einsum,
    "diag": _diag,
    "diagflat": lambda x: _diag(_flat(x)),
    "T": _transpose,
    "transpose": _transpose,
    "reshape": _reshape,
    "ravel": _flat,
    "flatten": _flat,
    "swapaxes": lambda x, a, b: x.transpose(a, b),
    "moveaxis": torch.movedim,
    "squeeze": _squeeze,
    "expand_dims": _expand_dims,
    "astype": _astype,
    "array": _array,
    "getitem": _getitem,
    "item": _item,
    "assign": _assign,
    "where": _where,
    **{f"{name}#{i}": partial(_nonzero, axis=i) for name in ("where", "nonzero") for i in range(4)},
    "clip": _clip,
    "concatenate": _concatenate,
    "stack": _stack,
    "vstack": _vstack,
    "row_stack": _vstack,
    "hstack": _hstack,
    "column_stack": _column_stack,
    "append": _append,
    "insert": _insert,
    "delete": _delete,
    "repeat": _repeat,
    "tile": _tile,
    "argmax": _argmax,
    "argmin": lambda x, **k: _argmax(-number(x), **k),
    "softmax": _softmax,
    "atleast_1d": torch.atleast_1d,
    "atleast_2d": torch.atleast_2d,
    "broadcast_to": lambda x, shape, **k: number(x).expand(_shape(shape)),
    "round": lambda x, decimals=0: torch.round(number(x), decimals=decimals),
    "around": lambda x, decimals=0: torch.round(number(x), decimals=decimals),
    "logical_not": torch.logical_not,
    "invert": torch.bitwise_not,
    "bitwise_and": torch.bitwise_and,
    "bitwise_or": torch.bitwise_or,
    "zeros_like": _constant(0.0),
    "ones_like": _constant(1.0),
    "empty_like": _constant(0.0),
    "any": lambda x, **k: x.bool().any(),
    "all": lambda x, **k: x.bool().all(),
    "isnan": torch.isnan,
    "isfinite": torch.isfinite,
    "isinf": torch.isinf,
    "flip": lambda x, axis=None: torch.flip(x, _axes(x, axis)),
    "flipud": torch.flipud,
    "fliplr": torch.fliplr,
    "cumsum": lambda x, axis=None, **k: _flat(x).cumsum(0) if axis is None else x.cumsum(axis),
    "take": lambda x, at, axis=None: (
        number(x).reshape(-1)[at] if axis is None else x.index_select(axis, at)
    ),
    "full_like": lambda x, value, **k: torch.full_like(number(x), float(value)),
    "trace": torch.trace,
    "sort": lambda x, axis=-1: torch.sort(number(x), axis).values,
}
