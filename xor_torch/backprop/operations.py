"""The NumPy operations that a tape may have, one row for each, with what it does to the numbers.

The recorder and the judges look it up here. An operation's twin in torch has the same name in
`twins.TWINS`. This file needs no package, because the recorder has only NumPy.

The names are the tape's: a ufunc's or a function's own (``add``, ``concatenate``), with a prefix
for ``linalg.norm``, with a suffix for a ufunc's methods (``add.reduce``). ``split#1`` is the
second of several results of ``split``. Three are the tape's own: ``getitem`` is ``x[index]``,
``assign`` is ``x[index] = value`` as a new array, ``item`` is ``float(x)`` or ``x.item()``.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Operation:
    """What one operation does. Every trait is False unless the row says otherwise."""

    # Positions of arguments. The result is linear in each of them while the others stay the same;
    # in all of them together for sums and joins (add, subtract, concatenate, where, assign).
    linear: tuple[int, ...] = ()
    # Each element of the result is made of one element of each argument, after broadcasting.
    elementwise: bool = False
    # Elementwise, and made of + - * /, powers, roots and comparisons: optimisers consist of these.
    algebraic: bool = False
    # The same numbers in another shape, order of axes or dtype.
    same_numbers: bool = False
    # Some of the numbers of an array, or all of them in another order.
    part: bool = False
    # The result may be a view of the first argument's memory.
    view: bool = False
    # Products of the elements of two arguments: summed over an axis, or all pairs.
    product: bool = False
    # The product of two matrices, or of a matrix and a vector.
    matrices: bool = False
    # A sum or a mean of the elements of one argument.
    sum: bool = False
    # Puts several arrays together.
    join: bool = False
    # Compares two arguments. If two elements are equal, its derivative is a convention.
    comparison: bool = False
    # The largest or the smallest of many numbers: several places may hold it.
    extreme: bool = False
    # May replace a number by a limit, or by a number of another argument.
    cut: bool = False
    # Elementwise or an index, and constant between its steps: its derivative is zero there.
    steps: bool = False


_ELEMENTWISE = Operation(elementwise=True)
_ALGEBRAIC = Operation(elementwise=True, algebraic=True)
_LINEAR = Operation((0,), elementwise=True, algebraic=True)
_TWO_TERMS = Operation((0, 1), elementwise=True, algebraic=True)
_STEPS = Operation(elementwise=True, steps=True)
_PICKED = Operation(elementwise=True, algebraic=True, comparison=True, cut=True)
_COMPARED = Operation(elementwise=True, comparison=True, steps=True)
_RESHAPED = Operation((0,), same_numbers=True, view=True)
_COPIED = Operation((0,), same_numbers=True, elementwise=True, algebraic=True)
_PART = Operation((0,), part=True)
_VIEW = Operation((0,), part=True, view=True)
_SUM = Operation((0,), sum=True)
_PRODUCT = Operation((0, 1), product=True)
_OF_MATRICES = Operation((0, 1), product=True, matrices=True)
_JOIN = Operation((0,), join=True)
_LINEAR_ONLY = Operation(linear=(0,))
_EXTREME = Operation(extreme=True)
_OTHER = Operation()


def _rows(names: str, operation: Operation) -> dict[str, Operation]:
    return dict.fromkeys(names.split(), operation)


TABLE: dict[str, Operation] = {
    # functions of one number
    **_rows("exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan", _ELEMENTWISE),
    **_rows("sinh cosh tanh arcsinh arccosh arctanh expit erf nan_to_num", _ELEMENTWISE),
    **_rows("floor ceil rint trunc round around isnan isfinite isinf signbit", _STEPS),
    **_rows("logical_not invert", _STEPS),
    **_rows("sqrt cbrt square reciprocal absolute fabs", _ALGEBRAIC),
    **_rows("sign", Operation(elementwise=True, algebraic=True, steps=True)),
    **_rows("clip", Operation(elementwise=True, algebraic=True, cut=True)),
    **_rows("negative", _LINEAR),
    # functions of two numbers
    **_rows("add subtract multiply", _TWO_TERMS),
    **_rows("divide", _LINEAR),
    **_rows("power float_power", _ALGEBRAIC),
    **_rows("maximum minimum fmax fmin", _PICKED),
    **_rows("greater greater_equal less less_equal", _COMPARED),
    **_rows("equal not_equal logical_and logical_or logical_xor", _STEPS),
    **_rows("bitwise_and bitwise_or bitwise_xor floor_divide heaviside", _STEPS),
    **_rows("remainder fmod hypot arctan2 logaddexp logaddexp2 copysign xlogy", _ELEMENTWISE),
    # where#0, where#1: the indices that where(condition) returns
    **_rows("where", Operation(linear=(1, 2), elementwise=True, cut=True)),
    # the same numbers
    **_rows("copy astype positive rounded", _COPIED),
    **_rows("T transpose reshape ravel squeeze expand_dims swapaxes moveaxis", _RESHAPED),
    **_rows("atleast_1d atleast_2d atleast_3d", _RESHAPED),
    **_rows("flatten", Operation(linear=(0,), same_numbers=True)),
    **_rows("array", Operation(linear=(0,), same_numbers=True)),  # its rows are recorded arrays
    # some of the numbers
    **_rows("getitem flip flipud fliplr rot90 diagonal sliding_window_view as_strided", _VIEW),
    **_rows("split array_split hsplit vsplit dsplit broadcast_to broadcast_arrays", _VIEW),
    **_rows("item take take_along_axis delete roll", _PART),
    **_rows("rollaxis", _VIEW),
    **_rows("compress extract choose", Operation(linear=(1,), part=True)),  # 0: which ones
    # the numbers with zeros or copies added, or some of them set to zero
    **_rows("repeat resize tile pad tril triu diag diagflat", _LINEAR_ONLY),
    # sums and products
    **_rows("sum mean average trace add.reduce", _SUM),
    **_rows("cumsum diff add.accumulate", _LINEAR_ONLY),
    **_rows("dot matmul", _OF_MATRICES),
    **_rows("inner outer tensordot vdot kron", _PRODUCT),
    **_rows("multiply.outer linalg.outer", _PRODUCT),
    **_rows("linalg.multi_dot", Operation(product=True)),
    **_rows("einsum", Operation(linear=tuple(range(1, 10)), product=True)),  # 0: the indices
    **_rows("add.outer subtract.outer", Operation(linear=(0, 1))),
    **_rows("divide.outer", _LINEAR_ONLY),
    # arrays put together
    **_rows("concatenate stack vstack row_stack hstack dstack column_stack block", _JOIN),
    **_rows("append", Operation(linear=(0, 1), join=True)),
    **_rows("insert", Operation(linear=(0, 2), join=True)),
    # arrays of which a part is replaced, as new arrays
    **_rows("assign put putmask place put_along_axis", Operation(linear=(0, 2))),
    **_rows("add.at subtract.at", Operation(linear=(0, 2))),
    **_rows("multiply.at divide.at maximum.at minimum.at", _OTHER),
    **_rows("copyto fill_diagonal", Operation(linear=(0, 1))),
    # one number of many, and indices
    **_rows("max amax min amin maximum.reduce minimum.reduce", _EXTREME),
    **_rows("var std ptp prod median any all count_nonzero", _OTHER),
    **_rows("linalg.norm multiply.reduce", _OTHER),
    **_rows("logaddexp.reduce logical_and.reduce logical_or.reduce", _OTHER),
    **_rows("cumprod multiply.accumulate maximum.accumulate minimum.accumulate", _OTHER),
    **_rows("maximum.outer minimum.outer greater.outer greater_equal.outer", _OTHER),
    **_rows("less.outer less_equal.outer equal.outer", _OTHER),
    **_rows("argmax argmin nanargmax nanargmin argsort searchsorted", Operation(steps=True)),
    **_rows("nonzero flatnonzero argwhere sort", _OTHER),
    **_rows("unravel_index ravel_multi_index divmod", _OTHER),
}


class Names(Set[str]):
    """Names of operations. With ``split`` it also contains ``split#1``, one of its results."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)  # in the order of the table
        self._known: dict[object, bool] = {}  # what was asked until now, and the answers

    def __contains__(self, op: object) -> bool:
        known = self._known.get(op)
        if known is None:
            known = isinstance(op, str) and op.partition("#")[0] in self._names
            self._known[op] = known
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def traits(op: str) -> Operation:
    """The row of an operation; for one that has none, such as a leaf, a row without any trait."""
    return TABLE.get(op.partition("#")[0], _OTHER)


def having(trait: str) -> Names:
    """The names of all operations with a trait, a field of `Operation`."""
    assert trait in {f.name for f in fields(Operation)}
    return Names(name for name, row in TABLE.items() if getattr(row, trait))


SAME_NUMBERS = having("same_numbers")
PARTS = SAME_NUMBERS | having("part")
VIEWS = having("view")
ELEMENTWISE = having("elementwise")
ALGEBRAIC = having("algebraic")
LINEAR = having("linear")
PRODUCTS = having("product")
SUMS = having("sum")
JOINS = having("join")
COMPARISONS = having("comparison")
EXTREMES = having("extreme")
CUTS = having("cut")
STEPS = having("steps")
MATRIX_PRODUCTS = having("matrices")
