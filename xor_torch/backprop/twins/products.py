"""Products of arrays, and functions of matrices: trace, diagonal, triangle, norm."""

from typing import Any

import torch

from .arguments import Tensor, Twin, cast, number, refuse


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    a, b = number(a), number(b)
    if isinstance(axes, tuple | list):
        of_a, of_b = ([n] if isinstance(n, int) else list(n) for n in axes)
        axes = [n % a.ndim for n in of_a], [n % b.ndim for n in of_b]
    product: Tensor = torch.tensordot(a, b, dims=axes)
    return product


def _dot(a: Any, b: Any, out: Any = None) -> Tensor:
    refuse(out=out)
    left, right = number(a), number(b)
    if left.ndim == 0 or right.ndim == 0:
        return left * right
    if left.ndim > 2 or right.ndim > 2:
        return _tensordot(left, right, ([left.ndim - 1], [max(right.ndim - 2, 0)]))
    return left @ right


def _inner(a: Any, b: Any, /) -> Tensor:
    left, right = number(a), number(b)
    single = left.ndim == 0 or right.ndim == 0
    return left * right if single else _tensordot(left, right, ([-1], [-1]))


def _outer(a: Any, b: Any, out: Any = None) -> Tensor:
    refuse(out=out)
    return torch.outer(number(a).reshape(-1), number(b).reshape(-1))


def _vdot(a: Any, b: Any, /) -> Tensor:
    return torch.dot(number(a).reshape(-1), number(b).reshape(-1))


def _einsum(equation: Any, *arrays: Any, optimize: Any = False) -> Tensor:
    if not isinstance(equation, str):
        raise ValueError("einsum without a string of indices")
    product: Tensor = torch.einsum(equation, *map(number, arrays))
    return product


def _multi_dot(arrays: Any) -> Tensor:
    product: Tensor = torch.linalg.multi_dot([number(a) for a in arrays])
    return product


def _trace(
    a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None
) -> Tensor:
    refuse(out=out)
    return torch.diagonal(cast(a, dtype), offset, axis1, axis2).sum(-1)


def _diag(v: Any, k: Any = 0) -> Tensor:
    return torch.diag(number(v), k)


def _diagflat(v: Any, k: Any = 0) -> Tensor:
    return torch.diag(number(v).reshape(-1), k)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Tensor:
    axis = tuple(map(int, axis)) if isinstance(axis, tuple | list) else axis
    x = number(x)
    if axis is None and ord is None and keepdims:
        axis = tuple(range(x.ndim))
        return _norm(x.reshape(-1)).reshape([1] * x.ndim)
    found: Tensor = torch.linalg.norm(x, ord, axis, bool(keepdims))
    return found


PRODUCT_TWINS: dict[str, Twin] = {
    "dot": _dot,
    "matmul": lambda a, b, /: number(a) @ number(b),
    "inner": _inner,
    "vdot": _vdot,
    "outer": _outer,
    "linalg.outer": lambda a, b, /: _outer(a, b),
    "linalg.multi_dot": _multi_dot,
    "tensordot": _tensordot,
    "einsum": _einsum,
    "kron": lambda a, b: torch.kron(number(a), number(b)),
    "trace": _trace,
    "diag": _diag,
    "diagflat": _diagflat,
    "tril": lambda m, k=0: torch.tril(m, k),
    "triu": lambda m, k=0: torch.triu(m, k),
    "linalg.norm": _norm,
}
