"""Every row of the table of operations: its twin against NumPy itself, its traits on numbers.

Each operation is written to a tape of its own, as the recorder would write it, and replayed.

The file is long because it is a table: each operation needs arguments to be tried with.
"""

import itertools
import math
import operator

import numpy as np
import pytest
import torch

from xor_torch.backprop import operations, replay
from xor_torch.backprop.operations import TABLE, traits
from xor_torch.backprop.tape import Node, Ref, Tape
from xor_torch.backprop.twins import TWINS

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 4))
Y = RNG.normal(size=(3, 4))
CUBE = RNG.normal(size=(2, 3, 4))
ROW = RNG.normal(size=4)
COLUMN = RNG.normal(size=(3, 1))
SQUARE = RNG.normal(size=(3, 3))
SCALAR = np.array(0.7)
WHOLE = RNG.integers(1, 9, (3, 4))
MASK = X > 0
LABELS = np.array([2, 0, 3])
TWICE = np.array([1, 1, 0, 1])


class Call:
    """``operation(*args, **kwargs)``, and NumPy's result."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs


def in_place(function):
    def changed(a, *args, **kwargs):
        a = np.array(a)
        function(a, *args, **kwargs)
        return a

    return changed


def numpy_assign(base, path, value):
    base = np.array(base)
    part = base
    for op, args, kwargs in path[:-1]:
        part = numpy_function(op)(part, *args, **kwargs)
    op, args, kwargs = path[-1]
    if op == "getitem":
        part[args[0]] = value
    else:
        numpy_function(op)(part, *args, **kwargs)[...] = value
    return base


NOT_IN_NUMPY = {
    "T": lambda x: x.T,
    "getitem": operator.getitem,
    "rounded": np.copy,
    "assign": numpy_assign,
    "item": lambda x, *at: np.float64(x.item(*at)),
    "astype": lambda x, *args, **kwargs: x.astype(*args, **kwargs),
    "flatten": lambda x, *args: x.flatten(*args),
    "row_stack": np.vstack,
    "sliding_window_view": np.lib.stride_tricks.sliding_window_view,
    "as_strided": np.lib.stride_tricks.as_strided,
    "expit": lambda x: 1 / (1 + np.exp(-x)),
    "erf": np.vectorize(math.erf),
    "xlogy": lambda x, y: x * np.log(y),
    **{
        name: in_place(getattr(np, name))
        for name in ("put", "putmask", "place", "put_along_axis", "fill_diagonal", "copyto")
    },
    **{
        f"{name}.at": in_place(getattr(np, name).at)
        for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum")
    },
}


def clip_of_numpy_2(x, a_min=None, a_max=None, *, min=None, max=None):
    return np.clip(x, a_min if min is None else min, a_max if max is None else max)


if np.__version__.startswith("1."):
    NOT_IN_NUMPY |= {"clip": clip_of_numpy_2, "linalg.outer": np.outer}


def numpy_function(name):
    return NOT_IN_NUMPY.get(name) or operator.attrgetter(name)(np)


# ------------------------------------------------------------------------- what is tried


def words(text):
    return text.split()


POSITIVE = {"log", "log2", "log10", "log1p", "sqrt", "power", "float_power", "xlogy"}
WITHIN_ONE = {"arcsin", "arccos", "arctanh"}
NOT_UFUNCS = {"expit", "erf", "xlogy"}


def domain(name, x):
    """Numbers for which the operation is defined."""
    if name in POSITIVE:
        return np.abs(x) + 0.5
    if name in WITHIN_ONE:
        return x / (np.abs(x).max() + 0.5)
    return np.abs(x) + 1.5 if name == "arccosh" else x


def of_one_number(name):
    x = domain(name, X)
    yield from (Call(a) for a in (x, domain(name, CUBE), x[0, 0], domain(name, SCALAR)))
    if name not in NOT_UFUNCS:
        yield from (Call(a) for a in (x.astype(np.float32), WHOLE, WHOLE.astype(np.int32)))
        if name not in ("negative", "positive", "sign", "reciprocal"):  # not of truth values
            yield Call(MASK)
        yield Call(x, where=MASK, out=Y if numpy_function(name)(x).dtype.kind == "f" else MASK)


def of_two_numbers(name):
    x, y, row, column = (domain(name, a) for a in (X, Y, ROW, COLUMN))
    yield from (Call(x, y), Call(x, row), Call(column, row), Call(domain(name, CUBE), x))
    yield from (Call(x, 2.0), Call(x, 2), Call(0.5, x), Call(x, domain(name, SCALAR)), Call(x, x))
    if name not in NOT_UFUNCS:
        pairs = [(x.astype(np.float32), y), (WHOLE, y), (x, WHOLE), (WHOLE, WHOLE), (WHOLE, 3)]
        yield from (Call(a, b) for a, b in [*pairs, (MASK, y)])
        if name not in ("subtract", "fmod", "floor_divide", "remainder"):
            yield Call(MASK, ROW > 0)
        yield Call(
            x, y, where=MASK, out=Y if numpy_function(name)(x, y).dtype.kind == "f" else MASK
        )
        if name in ("add", "subtract", "multiply", "divide"):
            yield Call(x, y, dtype=np.float32)
            yield Call(x, y, dtype=float)


def of_whole_numbers(*arrays):
    return [Call(*(a.astype(kind) for a in arrays)) for kind in (bool, np.int64)]


def reductions(*more, where=False, **usual):
    """All axes, kept or not, of all shapes and dtypes."""
    for x, axis in [
        *((X, a) for a in (None, 0, 1, -1, (0, 1))),
        *((CUBE, a) for a in (None, 1, (0, 2), (-1,))),
        (ROW, None),
        (ROW, 0),
        (SCALAR, None),
        (WHOLE, 0),
        (X.astype(np.float32), 1),
        (MASK, 1),
    ]:
        yield Call(x, axis=axis, **usual)
        yield Call(x, axis, keepdims=True, **usual)
    yield Call(X, **usual)
    if where:
        yield Call(X, axis=0, where=MASK, **usual)
        yield Call(X, axis=1, where=np.array([True, False, True, True]), keepdims=True, **usual)
    yield from more


def along_one_axis(*more, **usual):
    """For functions that take one axis or None."""
    for x, axis in [(X, None), (X, 0), (X, -1), (CUBE, 1), (ROW, 0), (WHOLE, 1)]:
        yield Call(x, axis=axis, **usual)
    yield from more


ONE = [
    *words("exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh"),
    *words("arcsinh arccosh arctanh expit erf floor ceil rint trunc sqrt cbrt square absolute"),
    *words("reciprocal fabs sign negative positive isnan isfinite isinf"),
]
TWO = [
    *words("add subtract multiply divide power float_power maximum minimum fmax fmin greater"),
    *words("greater_equal less less_equal equal not_equal floor_divide remainder fmod hypot"),
    *["arctan2", "logaddexp", "logaddexp2", "heaviside", "copysign", "xlogy"],
]
LOGIC = ["logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"]
OUTER = [name for name in TABLE if name.endswith(".outer") and not name.startswith("linalg")]
JOINED = [Call([X, Y]), Call((X, Y)), Call([ROW, ROW]), Call([X, WHOLE])]
ITEMS = [
    0, -1, slice(None), slice(1, None), slice(None, None, 2), slice(None, None, -1), None, Ellipsis,
    (0, 1), (slice(None), 0), (slice(None), slice(None, None, -1)), (Ellipsis, 0), (None, 0),
    (slice(None, 0, -1), 1), (slice(None, None, -1), None, LABELS), MASK, [0, 2], [2, 0, 0],
    [True, False, True], LABELS % 3, (slice(None), LABELS), (np.arange(3), LABELS), (1, LABELS),
    ([0, 1], [1, 2]), (LABELS[:, None] % 3, LABELS), (slice(None), ROW > 0), np.array(1),
]  # fmt: skip
CUBE_ITEMS = [
    (0, slice(None), LABELS), (np.array([0, 1]), slice(None), np.array([1, 2])), (0, Ellipsis, -1),
    (slice(None), [0, 2], [1, 1]), (Ellipsis, slice(None, None, -2)), CUBE > 0,
]  # fmt: skip


def steps(*path):
    return tuple((op, args, kwargs) for op, args, kwargs in path)


# What each row is called with.
CALLS = {
    **{name: [*of_one_number(name)] for name in ONE},
    **{name: [*of_two_numbers(name)] for name in TWO},
    **{name: [*of_whole_numbers(MASK, X[:, ::-1] > 0), Call(MASK, ROW > 0)] for name in LOGIC},
    "invert": [Call(MASK), Call(WHOLE)],
    "logical_not": [Call(MASK), Call(WHOLE - 3), Call(X)],
    "signbit": [Call(X), Call(WHOLE)],
    "clip": [
        Call(X, -0.5, 0.5), Call(X, 0, None), Call(X, None, 0.5), Call(X, a_min=0.1, a_max=1),
        Call(X, Y, 2.0), Call(X, COLUMN, ROW + 5), Call(X, min=0.0, max=0.3), Call(WHOLE, 2, 5),
        Call(SCALAR, 0, 0.5),
    ],
    **{
        name: [
            Call(X), Call(X, 2), Call(X, decimals=1), Call(WHOLE), Call(np.array([0.5, 1.5, 2.5])),
        ]
        for name in ("round", "around")
    },
    "nan_to_num": [
        Call(np.array([1.0, np.nan, np.inf, -np.inf])),
        Call(np.array([np.nan, np.inf]), nan=2.0, posinf=7.0), Call(X, copy=False),
    ],
    "where": [
        Call(MASK, X, Y), Call(MASK, X, 0), Call(MASK, 1.0, 0.0), Call(ROW > 0, X, COLUMN),
        Call(X, 1, Y), Call(MASK), Call(WHOLE - 3),
    ],
    "heaviside": [Call(X, 0.5), Call(X, Y), Call(np.array([-1.0, 0.0, 1.0]), 0.5)],
    # the same numbers
    "copy": [Call(X), Call(WHOLE), Call(MASK), Call(X, order="F")],
    "rounded": [Call(X), Call(WHOLE)],
    "astype": [
        Call(X, float), Call(X, np.float32), Call(X, int), Call(MASK, float), Call(MASK, "int32"),
        Call(X, bool), Call(WHOLE, float), Call(X, np.float64, copy=False),
    ],
    "T": [Call(X), Call(CUBE), Call(ROW), Call(SCALAR), Call(WHOLE)],
    "transpose": [
        Call(X), Call(CUBE), Call(CUBE, (1, 0, 2)), Call(CUBE, axes=(2, 0, 1)), Call(ROW),
        Call(X, None), Call(CUBE, (-1, 0, 1)),
    ],
    "reshape": [
        Call(X, (2, 6)), Call(X, -1), Call(X, (4, -1)), Call(X, (2, 6), order="F"),
        Call(CUBE, (6, 4), "F"), Call(WHOLE, (12,)), Call(MASK, (12, 1)), Call(X, [2, 6]),
        Call(SCALAR, (1, 1)),
    ],
    "ravel": [Call(X), Call(X, "F"), Call(X, order="C"), Call(SCALAR)],
    "flatten": [Call(X), Call(CUBE, "F")],
    "squeeze": [Call(COLUMN), Call(COLUMN, 1), Call(CUBE[:1, :1], axis=(0, 1)), Call(X)],
    "expand_dims": [Call(X, 0), Call(X, -1), Call(X, (0, 2)), Call(X, (-1, 0)), Call(ROW, axis=1)],
    "swapaxes": [Call(X, 0, 1), Call(CUBE, -1, 0)],
    "moveaxis": [Call(CUBE, 0, -1), Call(CUBE, (0, 1), (2, 0)), Call(CUBE, [0], [1])],
    **{
        f"atleast_{n}d": [Call(X), Call(ROW), Call(SCALAR), Call(CUBE), Call(ROW, X)]
        for n in (1, 2, 3)
    },
    "array": [Call([ROW, ROW]), Call([X, Y]), Call([X[0, 0], 2.0]), Call([ROW, ROW], dtype=int)],
    # some of the numbers
    "getitem": [*(Call(X, i) for i in ITEMS), *(Call(CUBE, i) for i in CUBE_ITEMS)],
    "item": [Call(SCALAR), Call(X[:1, :1]), Call(X, 5), Call(X, 1, 2), Call(X, (1, 2))],
    "flip": [Call(X), Call(X, 0), Call(CUBE, axis=(0, 2)), Call(ROW)],
    "flipud": [Call(X)],
    "fliplr": [Call(X)],
    "rot90": [Call(X), Call(X, 2), Call(X, k=3), Call(CUBE, 1, (1, 2))],
    "roll": [Call(X, 1), Call(X, -2, 1), Call(X, (1, 2), axis=(0, 1)), Call(ROW, shift=3)],
    "diagonal": [Call(SQUARE), Call(X, 1), Call(CUBE, 0, 1, 2), Call(X, offset=-1)],
    "take": [
        Call(X, [0, 5]), Call(X, LABELS), Call(X, LABELS, axis=1), Call(X, [[0, 1], [2, 0]], 0),
        Call(X, -1, axis=0), Call(X, [7, -9], axis=1, mode="wrap"),
    ],
    "take_along_axis": [
        Call(X, LABELS[:, None], 1), Call(X, np.argsort(X, 0), axis=0), Call(X, LABELS, None),
    ],
    "rollaxis": [Call(CUBE, 2), Call(CUBE, 0, 3), Call(X, -1, start=0)],
    "extract": [Call(MASK, X), Call(ROW > 0, ROW)],
    "resize": [Call(X, (4, 5)), Call(ROW, 3), Call(X, new_shape=(2, 6))],
    "choose": [Call(TWICE, X), Call(WHOLE, X, mode="wrap")],
    "compress": [Call([True, False, True], X, 0), Call(ROW > 0, X, axis=1)],
    "delete": [
        Call(X, 0), Call(X, 1, 0), Call(X, [0, 2], 1), Call(X, slice(1, 3), axis=1), Call(X, -1, 1),
    ],
    "split": [Call(X, 2, 1), Call(X, [1, 3], axis=1), Call(X, 3)],
    "array_split": [Call(X, 2), Call(X, 3, 1), Call(ROW, [1])],
    "hsplit": [Call(X, 2), Call(ROW, 4)],
    "vsplit": [Call(X, 3), Call(X, [1])],
    "dsplit": [Call(CUBE, 2)],
    "sliding_window_view": [
        Call(ROW, 2), Call(X, (2, 2)), Call(X, 3, axis=1), Call(CUBE, (2, 3), axis=(1, 2)),
    ],
    "as_strided": [Call(ROW, (3, 2), (8, 8)), Call(X, shape=(2, 3, 2, 2), strides=(32, 8, 32, 8))],
    "broadcast_to": [Call(ROW, (3, 4)), Call(SCALAR, (2, 2)), Call(COLUMN, shape=(3, 4))],
    "broadcast_arrays": [Call(ROW, COLUMN), Call(X, SCALAR)],
    "repeat": [
        Call(X, 2), Call(X, 3, axis=0), Call(X, [1, 0, 2], 0), Call(SCALAR, 3), Call(X, 2, 1),
    ],
    "tile": [Call(X, 2), Call(X, (2, 1)), Call(ROW, (3, 1)), Call(X, reps=[1, 2, 2])],
    "pad": [
        Call(X, 1), Call(X, ((1, 2), (0, 1))), Call(X, (1, 0), constant_values=3.0),
        Call(X, 1, "edge"), Call(X, 2, mode="reflect"), Call(X, 1, "symmetric"), Call(X, 5, "wrap"),
        Call(X, ((1, 1), (0, 0)), "constant", constant_values=-1), Call(ROW, (1, 1), "constant"),
        Call(ROW, (1, 2), constant_values=(4, 6)),
    ],
    **{name: [Call(X), Call(SQUARE, 1), Call(CUBE, k=-1)] for name in ("tril", "triu")},
    "diag": [Call(ROW), Call(SQUARE), Call(X, 1), Call(ROW, k=-2)],
    "diagflat": [Call(ROW), Call(X), Call(ROW, 1)],
    # reductions
    "sum": [
        *reductions(
            Call(X, 0, None, None, True), Call(X, axis=1, initial=5.0), Call(X, dtype=np.float32),
            Call(X, dtype=int), Call(WHOLE, dtype=float), Call(X, axis=()), where=True,
        )
    ],
    "mean": [*reductions(Call(X, 0, None, None, True), Call(WHOLE, dtype=np.float64), where=True)],
    "average": [
        *reductions(
            Call(X, weights=np.abs(Y)), Call(X, axis=1, weights=np.abs(ROW)),
            Call(X, 0, [1, 2, 3], keepdims=True), Call(X, 0, returned=False),
        )
    ],
    **{
        name: [*reductions(Call(X, ddof=1), Call(X, 0, ddof=1, keepdims=True), Call(X, 1, None))]
        for name in ("var", "std")
    },
    "prod": [*reductions(Call(X, axis=1, initial=5.0), Call(X, (0, 1)), where=True)],
    **{
        name: [
            *reductions(Call(X, 0, None, True), Call(X, 1, initial=0.3)),
            Call(X, axis=1, initial=0.1, where=MASK),
        ]
        for name in ("max", "amax", "min", "amin")
    },
    "ptp": [c for c in reductions() if c.args[0] is not MASK],
    "median": [c for c in reductions() if c.args[0].dtype != np.float32],
    **{
        name: [
            *(Call(c.args[0] > 0, *c.args[1:], **c.kwargs) for c in reductions(where=True)),
            Call(X, 0), Call(WHOLE - 3, 1),
        ]
        for name in ("any", "all")
    },
    "count_nonzero": [*reductions()],
    **{
        name: [
            *along_one_axis(), *along_one_axis(keepdims=True), Call(X, 1), Call(X, 1, None),
            Call(np.array([[1.0, 3.0, 3.0], [0.0, 0.0, 5.0]]), 1), Call(MASK, axis=1),
        ]
        for name in ("argmax", "argmin", "nanargmax", "nanargmin")
    },
    **{
        name: [
            Call(CUBE), Call(X, 1), Call(CUBE, axis=(0, 2), keepdims=True), Call(X, axis=None),
            Call(ROW), Call(WHOLE, 1, None, None, True),
        ]
        for name in TABLE if name.endswith(".reduce") and not name.startswith("logical")
    },
    "logaddexp.reduce": [Call(CUBE), Call(X, 1), Call(X, axis=1, keepdims=True), Call(ROW)],
    **{
        f"logical_{name}.reduce": [Call(MASK), Call(MASK, axis=1), Call(X, 0, keepdims=True)]
        for name in ("and", "or")
    },
    **{
        name: [*along_one_axis(Call(X, 1), Call(WHOLE, 0, float))]
        for name in ("cumsum", "cumprod")
    },
    **{
        name: [Call(CUBE), Call(X, 1), Call(X, axis=-1), Call(ROW), Call(WHOLE)]
        for name in TABLE if name.endswith(".accumulate")
    },
    "diff": [Call(X), Call(X, 2), Call(X, axis=0), Call(ROW), Call(WHOLE, n=1)],
    "linalg.norm": [
        *(Call(X, **k) for k in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"ord": "fro"})),
        *(Call(X, ord=o, axis=1) for o in (1, 2, 3, np.inf, -np.inf, 0)),
        *(Call(ROW, o) for o in (None, 1, 2, np.inf)), *(Call(X, o) for o in (1, 2, "nuc", np.inf)),
        Call(X, keepdims=True), Call(X, "fro", (0, 1)), Call(CUBE), Call(CUBE, axis=(1, 2)),
        Call(CUBE, 2, -1, True),
    ],
    # products
    "dot": [
        Call(X, ROW), Call(X, Y.T), Call(ROW, ROW), Call(X, 2.0), Call(SCALAR, X), Call(CUBE, Y.T),
        Call(X, CUBE.transpose(0, 2, 1)), Call(CUBE, ROW), Call(WHOLE, ROW), Call(WHOLE, WHOLE.T),
    ],
    "matmul": [
        Call(X, Y.T), Call(X, ROW), Call(ROW, Y.T), Call(CUBE, Y.T), Call(ROW, ROW),
        Call(CUBE, CUBE.transpose(0, 2, 1)), Call(WHOLE, ROW), Call(MASK, ROW),
    ],
    "inner": [Call(X, Y), Call(ROW, ROW), Call(X, ROW), Call(X, 2.0), Call(CUBE, X)],
    "vdot": [Call(X, Y), Call(ROW, ROW)],
    "outer": [Call(ROW, COLUMN), Call(X, ROW), Call(WHOLE, ROW), Call(LABELS, LABELS)],
    "linalg.outer": [Call(ROW, LABELS)],
    "kron": [Call(X, SQUARE), Call(ROW, ROW), Call(X, ROW)],
    "tensordot": [
        Call(X, Y.T, 1), Call(X, Y), Call(CUBE, X, ([1, 2], [0, 1])), Call(X, Y, (1, 1)),
        Call(X, Y, axes=0), Call(CUBE, X, axes=((-1,), (1,))),
    ],
    "einsum": [
        Call("ij,kj->ik", X, Y), Call("ij,j", X, ROW), Call("ii", SQUARE), Call("ij->j", X),
        Call("...j,kj->...k", CUBE, X), Call("ij,ij->i", X, Y), Call("i,j->ij", ROW, ROW),
        Call("ij,kj,k->i", X, Y, LABELS), Call("bij , kj -> bik", CUBE, X),
        Call("ij,kj->ik", X, Y, optimize=True), Call("ii->i", SQUARE), Call("ba", X),
    ],
    "linalg.multi_dot": [Call([X, Y.T, X]), Call([ROW, X.T, X])],
    "trace": [Call(SQUARE), Call(X, 1), Call(CUBE, 0, 1, 2), Call(X, offset=-1)],
    **{
        name: [Call(X, ROW), Call(ROW, COLUMN), Call(ROW, ROW), Call(WHOLE, LABELS + 1)]
        for name in OUTER
    },
    # put together
    "concatenate": [*JOINED, Call([X, Y], 1), Call([X, ROW], axis=None), Call([X, Y], axis=-1)],
    "stack": [*JOINED, Call([X, Y], 1), Call([X, Y], axis=-1)],
    **{
        name: [*JOINED, Call([ROW, X])] for name in ("vstack", "row_stack")
    },
    "hstack": [*JOINED, Call([COLUMN, X])],
    "dstack": [*JOINED, Call([CUBE, CUBE])],
    "column_stack": [*JOINED, Call([LABELS, X])],
    "block": [
        Call([[X, COLUMN], [ROW, np.array([5.0])]]), Call([ROW, ROW]), Call([[X], [Y]]), Call(X),
    ],
    "append": [Call(X, Y), Call(X, Y, 0), Call(X, COLUMN, axis=1), Call(ROW, 3.0)],
    "insert": [
        Call(X, 0, 1.0, axis=1), Call(X, 2, ROW, 0), Call(ROW, 1, 5.0), Call(X, [1, 3], 0.0, 1),
        Call(X, -1, COLUMN[:, 0], axis=1), Call(X, 1, COLUMN, 1), Call(X, [0], COLUMN, axis=1),
    ],
    # a part replaced
    "assign": [
        *(Call(X, steps(("getitem", (i,), {})), 5.0) for i in ITEMS),
        Call(X, steps(("getitem", (0,), {})), ROW),
        Call(X, steps(("getitem", ((slice(None), [1]),), {})), COLUMN),
        Call(X, steps(("getitem", (0,), {}), ("getitem", (2,), {})), 7.0),
        Call(X, steps(("T", (), {}), ("getitem", (1,), {})), COLUMN[:, 0]),
        Call(X, steps(("reshape", ((2, 6),), {})), 1.5),
        Call(X, steps(("ravel", (), {}), ("getitem", (slice(None, None, 3),), {})), ROW),
        Call(CUBE, steps(("swapaxes", (0, 1), {}), ("getitem", (1,), {})), 2 * CUBE[:, 1]),
        Call(WHOLE, steps(("getitem", (0,), {})), 3),
        Call(X, steps(("getitem", (MASK,), {})), X[MASK] * 2),
        Call(X, steps(("getitem", (1,), {})), ROW[None]),
    ],
    **{
        name: [
            Call(ROW, TWICE, 1.5), Call(ROW, TWICE, ROW), Call(X, LABELS % 3, X),
            Call(X, (LABELS % 3, LABELS), 2.0), Call(X, [0, 0], Y[:2]), Call(X, MASK, 1.0),
            Call(X, (slice(None), LABELS), COLUMN),
        ]
        for name in TABLE if name.endswith(".at")
    },
    "put": [Call(X, [0, 5], [1.0, 2.0]), Call(ROW, 1, 9.0)],
    "putmask": [Call(X, MASK, Y), Call(X, MASK, 0.0)],
    "place": [Call(X, MASK, np.array([1.0, 2.0]))],
    "put_along_axis": [Call(X, LABELS[:, None], COLUMN, 1), Call(X, LABELS[:, None], 0.0, axis=1)],
    "fill_diagonal": [Call(SQUARE, 1.0), Call(X, LABELS * 1.0)],
    "copyto": [Call(X, Y), Call(X, ROW), Call(X, 0.0, where=MASK)],
    # order and places
    "sort": [*along_one_axis(Call(X), Call(X, kind="stable"))],
    "argsort": [*along_one_axis(Call(X), kind="stable")],
    "searchsorted": [
        Call(np.sort(ROW), X), Call(np.sort(ROW), np.sort(ROW), "right"),
        Call(np.sort(ROW), 0.1, side="left"),
    ],
    "nonzero": [Call(MASK), Call(WHOLE - 3), Call(CUBE > 0)],
    "flatnonzero": [Call(MASK), Call(WHOLE - 3)],
    "argwhere": [Call(MASK), Call(CUBE > 0)],
    "divmod": [Call(domain("divmod", X), 2.0), Call(WHOLE, 3), Call(domain("divmod", ROW), 0.5)],
    "unravel_index": [Call(LABELS, (3, 4)), Call(np.array(7), X.shape), Call(7, (3, 4))],
    "ravel_multi_index": [Call((LABELS % 3, LABELS), (3, 4))],
}  # fmt: skip


# ------------------------------------------------------------------------------ replaying


def on_tape(tape, x):
    """An argument as the recorder writes it: arrays are leaves of the tape."""
    if isinstance(x, np.ndarray):
        tape.nodes.append(Node(len(tape.nodes), "leaf", value=x, dtype=x.dtype.kind, shape=x.shape))
        return Ref(len(tape.nodes) - 1)
    if isinstance(x, tuple | list):
        return type(x)(on_tape(tape, i) for i in x)
    return x


def replayed(name, call, kind="f"):
    tape = Tape()
    args, kwargs = on_tape(tape, call.args), {k: on_tape(tape, v) for k, v in call.kwargs.items()}
    leaves = {n.id: replay.tensor(n.value) for n in tape.nodes}
    tape.nodes.append(Node(len(tape.nodes), name, args, kwargs, dtype=kind))
    end = tape.nodes[-1].id
    return replay.run(tape, [end], leaves)[end].numpy()


def by_numpy(name, call):
    kwargs = {k: v.copy() if k == "out" else v for k, v in call.kwargs.items()}
    with np.errstate(all="ignore"):
        return numpy_function(name)(*call.args, **kwargs)


def results(name, call):
    """{name on the tape: NumPy's result}"""
    found = by_numpy(name, call)
    if isinstance(found, tuple | list):
        return {f"{name}#{n}": np.asarray(x) for n, x in enumerate(found)}
    return {name: np.asarray(found)}


def precision(result):
    """Of a result's dtype: NumPy computes truth values in float16, float32 in float32."""
    return {np.dtype("f2"): 2e-3, np.dtype("f4"): 1e-5}.get(result.dtype, 1e-12)


# ---------------------------------------------------------------------------------- tests


def test_each_row_has_a_twin_and_is_tried():
    assert TABLE.keys() == TWINS.keys() == CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_a_twin_does_what_numpy_does(name):
    for number, call in enumerate(CALLS[name]):
        for op, expected in results(name, call).items():
            actual = replayed(op, call, expected.dtype.kind)
            where = f"call {number} of {op}"
            assert actual.shape == expected.shape, where
            assert (actual.dtype.kind == "f") == (expected.dtype.kind == "f"), where
            np.testing.assert_allclose(
                actual,
                expected,
                rtol=precision(expected),
                atol=0.1 * precision(expected),
                err_msg=where,
            )


@pytest.mark.parametrize("name", TABLE)
def test_an_unknown_option_is_refused(name):
    call = CALLS[name][0]
    op = next(iter(results(name, call)))
    with pytest.raises(replay.CannotReplay) as e:
        replayed(op, Call(*call.args, **call.kwargs, nonsense=1))
    assert f"operation {op} on" in str(e.value)
    assert "nonsense" in str(e.value)


@pytest.mark.parametrize(
    ("name", "call", "option"),
    [
        ("pad", Call(X, 1, "mean"), "mode='mean'"),
        ("ravel", Call(X, "K"), "order='K'"),
        ("average", Call(X, returned=True), "returned"),
        ("add", Call(X, Y, where=MASK), "where"),
        ("exp", Call(X, casting="unsafe"), "casting"),
        ("sum", Call(X, 0, None, Y[0]), "out"),
        ("max", Call(X, 0, where=MASK), "where"),
        ("var", Call(X, where=MASK), "where"),
        ("diff", Call(X, prepend=0.0), "prepend"),
        ("einsum", Call(X, [0, 1], [1, 0]), "string"),
        ("array", Call([ROW], ndmin=2), "ndmin"),
        ("unravel_index", Call(7, (3, 4), order="F"), "order"),
    ],
)
def test_an_option_that_is_not_implemented_is_refused(name, call, option):
    with pytest.raises(replay.CannotReplay, match=option) as e:
        replayed(name, call)
    assert f"operation {name} on" in str(e.value)


def test_an_unknown_operation_is_refused():
    with pytest.raises(replay.CannotReplay, match=r"the operation linalg\.svd, which this check"):
        replayed("linalg.svd", Call(X))


def test_of_two_equal_numbers_either_has_the_derivative():
    for name, ties in itertools.product(("maximum", "minimum"), (False, True)):
        tape = Tape()
        tape.nodes = [Node(0, "leaf"), Node(1, "leaf"), Node(2, name, (Ref(0), Ref(1)))]
        a, b = (torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
        replay.run(tape, [2], {0: a, 1: b}, ties=ties)[2].sum().backward()
        assert (float(a.grad), float(b.grad)) == ((1.0, 0.0) if ties else (0.0, 1.0))


# ----------------------------------------------------------------------------- the traits


def with_argument(call, at, change):
    args = list(call.args)
    args[at] = change(args[at])
    return Call(*args, **call.kwargs)


def changed(x, change):
    """The same with other numbers, in lists too."""
    if isinstance(x, list | tuple):
        return type(x)(changed(i, change) for i in x)
    return change(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def floats(x):
    if isinstance(x, list | tuple):
        return [a for i in x for a in floats(i)]
    return [x] if isinstance(x, np.ndarray) and x.dtype == float else []


def all_numbers(name, call):
    return np.concatenate([r.ravel().astype(float) for r in results(name, call).values()])


@pytest.mark.parametrize("name", [n for n, row in TABLE.items() if row.linear])
def test_it_is_linear_in_what_the_table_says(name):
    tried = 0
    for call in CALLS[name]:
        for at in traits(name).linear:
            if at >= len(call.args) or not floats(call.args[at]) or call.kwargs.get("dtype") is int:
                continue
            if any(d in (int, bool) for d in call.args if isinstance(d, type)):
                continue
            one, two, mean = (
                all_numbers(name, with_argument(call, at, lambda x, f=f: changed(x, f)))
                for f in (lambda x: x, np.cos, lambda x: (x + np.cos(x)) / 2)
            )
            np.testing.assert_allclose(mean, (one + two) / 2, rtol=1e-5, atol=1e-6)
            tried += 1
    assert tried


NONLINEAR = {
    **dict.fromkeys(words("exp tanh square absolute var prod linalg.norm sort"), ()),
    "maximum.reduce": (),
    "sqrt": (),
    "power": (0.6,),
    "clip": (0.6, 0.9),
}


@pytest.mark.parametrize("name", NONLINEAR)
def test_what_is_not_linear_would_be_seen(name):
    assert not traits(name).linear
    x = np.abs(CUBE) + 0.5 if name in POSITIVE else CUBE
    y = x[::-1]
    one, two, mean = (
        np.asarray(numpy_function(name)(a, *NONLINEAR[name])) for a in (x, y, (x + y) / 2)
    )
    assert not np.allclose(mean, (one + two) / 2, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", operations.ELEMENTWISE)
def test_one_element_makes_one_element(name):
    call, at = next(
        (c, n)
        for c in CALLS[name]
        for n, a in enumerate(c.args)
        if isinstance(a, np.ndarray) and a.shape == X.shape and "where" not in c.kwargs
    )

    def zero(x):
        x = x.copy()
        x[1, 2] = False if x.dtype == bool else 0.51
        return x

    before, after = by_numpy(name, call), by_numpy(name, with_argument(call, at, zero))
    assert np.shape(before) == X.shape
    differs = np.asarray(before) != np.asarray(after)
    differs[1, 2] = False
    assert not differs.any()


@pytest.mark.parametrize("name", operations.PARTS)
def test_the_numbers_are_those_of_the_argument(name):
    for call in CALLS[name]:
        if floats(call.args) and not call.kwargs.keys() & {"dtype", "out"}:
            have = np.concatenate([a.ravel() for a in floats(call.args)])
            found = all_numbers(name, call)
            whole = found == found.round()
            assert np.isin(found.astype(np.float32)[~whole], have.astype(np.float32)).all()
            if name in operations.SAME_NUMBERS and not whole.any():
                assert found.size == have.size or len(call.args) > 1


@pytest.mark.parametrize("name", operations.SUMS)
def test_a_sum_counts_each_element_alike(name):
    (of_ones,) = results(name, Call(np.ones((3, 3)))).values()
    (shifted,) = results(name, Call(SQUARE + 1)).values()
    (plain,) = results(name, Call(SQUARE)).values()
    np.testing.assert_allclose(shifted - plain, of_ones, rtol=1e-12)


@pytest.mark.parametrize("name", operations.EXTREMES)
def test_no_number_is_beyond_an_extreme_which_is_one_of_them(name):
    found = by_numpy(name, Call(CUBE, axis=1, keepdims=True))
    assert np.isin(found, CUBE).all()
    assert (found >= CUBE).all() or (found <= CUBE).all()


A_LITTLE = 1e-9  # an operation without steps changes by at most a thousand times this


@pytest.mark.parametrize("name", [*operations.ELEMENTWISE, "argmax", "argmin", "argsort"])
def test_it_has_steps_and_nothing_between_them_if_the_table_says_so(name):
    slopes = False
    for call in CALLS[name]:
        if not call.kwargs.keys() & {"out", "where"}:
            near = Call(*changed(call.args, lambda x: x + A_LITTLE), **call.kwargs)
            with np.errstate(invalid="ignore"):  # infinity minus infinity
                off = np.abs(all_numbers(name, near) - all_numbers(name, call))
            slopes |= bool(((off > 0) & (off < 1000 * A_LITTLE)).any())
    assert slopes != (name in operations.STEPS)


def test_one_of_several_results_counts_as_the_operation():
    assert "split#1" in operations.PARTS
    assert "add#1" not in operations.PARTS | {"x"}
    assert "x" in operations.PARTS | {"x"}
    assert traits("split#0") is traits("split")
    assert traits("leaf") == operations.Operation()
