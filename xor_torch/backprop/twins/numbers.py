"""Functions of single numbers, and those that reduce many numbers to one along an axis.

The file is long because it is a list: a short function for each operation.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import torch

from .arguments import (
    Tensor,
    Twin,
    as_bool,
    as_is,
    axes_of,
    cast,
    number,
    refuse,
)


def _masked(value: Tensor, out: Any, where: Any) -> Tensor:
    """The result of a ufunc: where the mask is False, `out` keeps its old numbers."""
    if where is True and out is None:
        return value
    if out is None:
        raise ValueError("the option where needs out, or the rest of the result is undefined")
    return torch.where(as_bool(where), value, number(out))


def _unary(function: Callable[[Tensor], Tensor]) -> Twin:
    def twin(x: Any, /, out: Any = None, *, where: Any = True, dtype: Any = None) -> Tensor:
        return _masked(function(cast(x, dtype)), out, where)

    return twin


def _binary(function: Callable[..., Tensor]) -> Twin:
    def twin(a: Any, b: Any, /, out: Any = None, *, where: Any = True, dtype: Any = None) -> Tensor:
        return _masked(function(cast(a, dtype), cast(b, dtype)), out, where)

    return twin


def _logical(function: Callable[..., Tensor], convert: Callable[[Any], Tensor] = as_bool) -> Twin:
    def twin(*inputs: Any, out: Any = None, where: Any = True) -> Tensor:
        value = function(*map(convert, inputs))
        return value if where is True and out is None else _masked(number(value), out, where)

    return twin


def extreme(largest: bool, ties: bool = False) -> Callable[[Tensor, Tensor], Tensor]:
    """``maximum`` or ``minimum``.

    Args:
        largest: ``maximum``.
        ties: of two equal numbers, the first gets the derivative.

    """

    def function(a: Tensor, b: Tensor) -> Tensor:
        first = a > b if largest else a < b
        return torch.where(first | (a == b) if ties else first, a, b)

    return function


def _heaviside(x: Tensor, at_zero: Tensor) -> Tensor:
    """Its slope is zero, and torch has no derivative of it."""
    return torch.heaviside(x.detach(), at_zero.detach().to(x.dtype))


def _divmod(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    a, b = number(a), number(b)
    return torch.floor_divide(a, b), torch.remainder(a, b)


def _power(a: Tensor, b: Tensor) -> Tensor:
    return a.square() if b.ndim == 0 and b.item() == 2 else torch.pow(a, b)


def _clip(
    x: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None,
    max: Any = None,
) -> Tensor:  # fmt: skip
    refuse(out=out)
    value = number(x)
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is not None:
        value = torch.where(value < number(low), number(low), value)
    if high is not None:
        value = torch.where(value > number(high), number(high), value)
    return value


def _round(x: Any, decimals: Any = 0, out: Any = None) -> Tensor:
    refuse(out=out)
    return torch.round(number(x), decimals=int(decimals))


def _nan_to_num(
    x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Tensor:
    return torch.nan_to_num(number(x), nan, posinf, neginf)


def nonzero(x: Any) -> tuple[Tensor, ...]:
    return torch.nonzero(as_bool(x), as_tuple=True)


def _where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None and y is None:
        return nonzero(condition)
    return torch.where(as_bool(condition), number(x), number(y))


def _outer_of(function: Callable[..., Tensor]) -> Twin:
    """A ufunc's method ``outer``: the function applied to all pairs."""

    def twin(a: Any, b: Any) -> Tensor:
        a, b = number(a), number(b)
        return function(a.reshape(*a.shape, *[1] * b.ndim), b)

    return twin


# (the numbers, the axes, whether to keep them) -> the result
Reduction = Callable[[Tensor, tuple[int, ...], bool], Tensor]


def _reduced(
    function: Reduction, x: Tensor, axis: Any, keepdims: Any, where: Any = True, fill: Any = None
) -> Tensor:
    """Reduce `x`, with `fill` where the mask is False."""
    axes, keep = axes_of(x, axis), bool(keepdims)
    if where is not True:
        if fill is None:
            raise ValueError("the option where is not known here")
        x = torch.where(as_bool(where), x, number(fill).to(x.dtype))
    if not axes:  # reduce each number by itself
        return function(x[..., None], (x.ndim,), False)
    return function(x, axes, keep)


def _over(single: Callable[..., Any]) -> Reduction:
    """A function of one axis, applied to several, one after the other."""

    def function(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
        for a in sorted(axes, reverse=True):
            x = single(x, a, keepdim=keep)
        return x

    return function


def _largest(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    return torch.amax(x, axes, keepdim=keep)


def _smallest(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    return torch.amin(x, axes, keepdim=keep)


def _total(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    return torch.sum(x, axes, keepdim=keep)


_product = _over(torch.prod)


def _sum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = 0, where: Any = True,
) -> Tensor:  # fmt: skip
    refuse(out=out)
    return _reduced(_total, cast(a, dtype), axis, keepdims, where, 0) + number(initial)


def _prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = 1, where: Any = True,
) -> Tensor:  # fmt: skip
    refuse(out=out)
    return _reduced(_product, cast(a, dtype), axis, keepdims, where, 1) * number(initial)


def _extreme_of(reduction: Reduction, pick: Callable[[Tensor, Tensor], Tensor]) -> Twin:
    def twin(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
        where: Any = True,
    ) -> Tensor:  # fmt: skip
        refuse(out=out)
        found = _reduced(reduction, number(a), axis, keepdims, where, initial)
        return found if initial is None else pick(found, number(initial))

    return twin


def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *,
    where: Any = True,
) -> Tensor:  # fmt: skip
    refuse(out=out)
    x = cast(a, dtype)
    if where is True:
        return _reduced(lambda x, axes, k: x.mean(axes, keepdim=k), x, axis, keepdims)
    counts = as_bool(where).double().expand(x.shape)
    total = _reduced(_total, x, axis, keepdims, where, 0)
    return total / _reduced(_total, counts, axis, keepdims)


def _var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False,
) -> Tensor:  # fmt: skip
    refuse(out=out)
    return _reduced(
        lambda x, axes, k: torch.var(x, axes, correction=ddof, keepdim=k),
        cast(a, dtype), axis, keepdims,
    )  # fmt: skip


def _std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False,
) -> Tensor:  # fmt: skip
    return _var(a, axis, dtype, out, ddof, keepdims).sqrt()


def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: Any = None, *, keepdims: Any = False
) -> Tensor:
    refuse(returned=returned or None)
    if weights is None:
        return _mean(a, axis, keepdims=keepdims)
    a, weights = number(a), number(weights)
    if weights.shape != a.shape:  # one weight for each place along the axis
        weights = weights.reshape([-1 if n == axis % a.ndim else 1 for n in range(a.ndim)])
    whole = weights.expand(a.shape)
    return _sum(a * whole, axis, keepdims=keepdims) / _sum(whole, axis, keepdims=keepdims)


def _median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False
) -> Tensor:
    refuse(out=out)
    x, axes = number(a), axes_of(number(a), axis)
    rest = [n for n in range(x.ndim) if n not in axes]
    rows = x.permute([*rest, *axes]).reshape(*(x.shape[n] for n in rest), -1).sort(-1).values
    size = rows.shape[-1]
    middle = (rows[..., (size - 1) // 2] + rows[..., size // 2]) / 2
    return (
        middle.reshape([1 if n in axes else x.shape[n] for n in range(x.ndim)])
        if keepdims
        else middle
    )


def _any_or_all(every: bool) -> Twin:
    def twin(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
    ) -> Tensor:
        refuse(out=out)
        reduction = _over(torch.all if every else torch.any)
        return _reduced(reduction, as_bool(a), axis, keepdims, where, every)

    return twin


def _count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Tensor:
    return _reduced(_total, number(as_bool(a)), axis, keepdims)


def _place_of(largest: bool, nan: float = math.nan) -> Twin:
    def twin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Tensor:
        refuse(out=out)
        x = number(a).nan_to_num(nan, math.inf, -math.inf)
        x = x if largest else -x
        if axis is None:
            at = torch.argmax(x)
            return at.reshape([1] * x.ndim) if keepdims else at
        return torch.argmax(x, int(axis), keepdim=bool(keepdims))

    return twin


def _reduce(twin: Twin) -> Twin:
    """A ufunc's method ``reduce``: over the first axis, unless told otherwise."""

    def method(
        array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
        **options: Any,
    ) -> Tensor:  # fmt: skip
        refuse(out=out)
        x = array if dtype is None else cast(array, dtype)
        found: Tensor = twin(x, axis, keepdims=keepdims, **options)  # it refuses unknown options
        return found

    return method


def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Tensor:
    refuse(out=out)
    x = number(a)
    return _reduced(_largest, x, axis, keepdims) - _reduced(_smallest, x, axis, keepdims)


def _accumulated(function: Callable[[Tensor, int], Tensor], axis_of_ufunc: bool) -> Twin:
    """``cumsum``: of all numbers in a row, or along an axis; a ufunc's ``accumulate``."""
    usual = 0 if axis_of_ufunc else None

    def twin(a: Any, axis: Any = usual, dtype: Any = None, out: Any = None) -> Tensor:
        refuse(out=out)
        x = cast(a, dtype)
        return function(x.reshape(-1), 0) if axis is None else function(x, int(axis))

    return twin


def _diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Tensor:
    refuse(prepend=prepend, append=append)
    return torch.diff(number(a), int(n), int(axis))


_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1,
    "log": torch.log, "log2": torch.log2, "log10": torch.log10, "log1p": torch.log1p,
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan,
    "arcsin": torch.asin, "arccos": torch.acos, "arctan": torch.atan,
    "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh,
    "arcsinh": torch.asinh, "arccosh": torch.acosh, "arctanh": torch.atanh,
    "expit": torch.sigmoid, "erf": torch.erf,
    "floor": torch.floor, "ceil": torch.ceil, "rint": torch.round, "trunc": torch.trunc,
    "sqrt": torch.sqrt, "square": torch.square, "reciprocal": torch.reciprocal,
    "cbrt": lambda x: x.sign() * x.abs() ** (1 / 3),
    "absolute": torch.abs, "fabs": torch.abs, "sign": torch.sign,
    "negative": torch.neg, "positive": torch.clone,
}  # fmt: skip
_TWO: dict[str, Callable[..., Tensor]] = {
    "add": torch.add, "subtract": torch.sub, "multiply": torch.mul, "divide": torch.div,
    "power": _power, "float_power": _power,
    "maximum": extreme(True), "fmax": extreme(True),
    "minimum": extreme(False), "fmin": extreme(False),
    "floor_divide": torch.floor_divide, "remainder": torch.remainder, "fmod": torch.fmod,
    "hypot": torch.hypot, "arctan2": torch.atan2,
    "logaddexp": torch.logaddexp, "logaddexp2": torch.logaddexp2,
    "heaviside": _heaviside, "copysign": torch.copysign, "xlogy": torch.xlogy,
}  # fmt: skip
_COMPARISONS: dict[str, Callable[..., Tensor]] = {
    "greater": torch.gt, "greater_equal": torch.ge, "less": torch.lt, "less_equal": torch.le,
    "equal": torch.eq, "not_equal": torch.ne,
}  # fmt: skip

NUMBERS: dict[str, Twin] = {
    **{name: _unary(function) for name, function in _ONE.items()},
    **{name: _binary(function) for name, function in _TWO.items()},
    **{name: _logical(function, number) for name, function in _COMPARISONS.items()},
    **{f"{name}.outer": _outer_of(f) for name, f in {**_TWO, **_COMPARISONS}.items() if name in (
        "add", "subtract", "multiply", "divide", "maximum", "minimum", *_COMPARISONS
    ) and name != "not_equal"},
    "divmod": _divmod,
    "isnan": _logical(torch.isnan, number),
    "isfinite": _logical(torch.isfinite, number),
    "isinf": _logical(torch.isinf, number),
    "signbit": _logical(torch.signbit, number),
    "logical_not": _logical(torch.logical_not),
    "logical_and": _logical(torch.logical_and),
    "logical_or": _logical(torch.logical_or),
    "logical_xor": _logical(torch.logical_xor),
    "invert": _logical(torch.bitwise_not, as_is),
    "bitwise_and": _logical(torch.bitwise_and, as_is),
    "bitwise_or": _logical(torch.bitwise_or, as_is),
    "bitwise_xor": _logical(torch.bitwise_xor, as_is),
    "clip": _clip,
    "round": _round,
    "around": _round,
    "nan_to_num": _nan_to_num,
    "where": _where,
    "nonzero": nonzero,
    # reductions
    "sum": _sum,
    "mean": _mean,
    "average": _average,
    "var": _var,
    "std": _std,
    "prod": _prod,
    **dict.fromkeys(["max", "amax"], _extreme_of(_largest, extreme(True))),
    **dict.fromkeys(["min", "amin"], _extreme_of(_smallest, extreme(False))),
    "ptp": _ptp,
    "median": _median,
    "any": _any_or_all(False),
    "all": _any_or_all(True),
    "count_nonzero": _count_nonzero,
    "argmax": _place_of(True),
    "argmin": _place_of(False),
    "nanargmax": _place_of(True, nan=-math.inf),
    "nanargmin": _place_of(False, nan=math.inf),
    "add.reduce": _reduce(_sum),
    "multiply.reduce": _reduce(_prod),
    "maximum.reduce": _reduce(_extreme_of(_largest, extreme(True))),
    "minimum.reduce": _reduce(_extreme_of(_smallest, extreme(False))),
    "logical_and.reduce": _reduce(_any_or_all(True)),
    "logical_or.reduce": _reduce(_any_or_all(False)),
    "logaddexp.reduce": _reduce(
        lambda a, axis, keepdims: _reduced(
            lambda x, axes, k: torch.logsumexp(x, axes, keepdim=k), number(a), axis, keepdims
        )
    ),
    "cumsum": _accumulated(torch.cumsum, False),
    "cumprod": _accumulated(torch.cumprod, False),
    "add.accumulate": _accumulated(torch.cumsum, True),
    "multiply.accumulate": _accumulated(torch.cumprod, True),
    "maximum.accumulate": _accumulated(lambda x, a: torch.cummax(x, a).values, True),
    "minimum.accumulate": _accumulated(lambda x, a: torch.cummin(x, a).values, True),
    "diff": _diff,
}  # fmt: skip


def _first(x: Tensor, axes: tuple[int, ...], keep: bool, largest: bool) -> Tensor:
    """The largest or smallest number, taken from the first place that has it."""
    rest = [a for a in range(x.ndim) if a not in axes]
    flat = x.permute(*rest, *axes).reshape(*[x.shape[a] for a in rest], -1)
    at = (flat.argmax if largest else flat.argmin)(-1, keepdim=True)
    found = flat.gather(-1, at)
    shape = [1 if a in axes else n for a, n in enumerate(x.shape)]
    return found.reshape(shape) if keep else found[..., 0]


_FIRST = {
    largest: _extreme_of(functools.partial(_first, largest=largest), extreme(largest, ties=True))
    for largest in (True, False)
}
# The same values, but the first of equal numbers gets the derivative, as with argmax.
FIRST_OF_EQUAL: dict[str, Twin] = {
    **dict.fromkeys(["maximum", "fmax"], _binary(extreme(True, ties=True))),
    **dict.fromkeys(["minimum", "fmin"], _binary(extreme(False, ties=True))),
    **dict.fromkeys(["max", "amax"], _FIRST[True]),
    **dict.fromkeys(["min", "amin"], _FIRST[False]),
    "maximum.reduce": _reduce(_FIRST[True]),
    "minimum.reduce": _reduce(_FIRST[False]),
}
# Functions of two numbers in float64, without options.
OF_TWO_NUMBERS = {
    name: function
    for name, function in {**_TWO, **_COMPARISONS}.items()
    if name not in FIRST_OF_EQUAL
}
