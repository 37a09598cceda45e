"""Turns arguments of NumPy functions into those that torch takes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Tensor = torch.Tensor
Twin = Callable[..., Any]  # returns a tensor, or a tuple of them where NumPy has several results


def tensor(x: Any) -> Tensor:
    """A value of the tape: float64, int64 or bool."""
    x = np.asarray(x)
    kind = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}[x.dtype.kind]
    return torch.from_numpy(np.array(x, dtype=kind))


def number(x: Any) -> Tensor:
    """An operand of arithmetic, in float64."""
    if isinstance(x, Tensor):
        return x if x.is_floating_point() else x.double()
    if isinstance(x, list | tuple):
        return torch.stack([number(i) for i in x])
    return number(tensor(x))


def dtype_of(kind: str) -> torch.dtype:
    """The dtype that the tape has for a value: ``f`` (float64), ``i`` or ``u`` (int64), ``b``."""
    return {"f": torch.float64, "b": torch.bool}.get(kind, torch.int64)


def of_kind(x: Tensor, kind: str) -> Tensor:
    """A value in the dtype that the tape has for it."""
    wanted = dtype_of(kind)
    return x if x.dtype == wanted else x.to(wanted)


def cast(x: Any, dtype: Any) -> Tensor:
    """An operand, after NumPy's ``dtype`` option."""
    x = number(x)
    return x if dtype is None else number(of_kind(x, np.dtype(dtype).kind))


def as_bool(x: Any) -> Tensor:
    """A mask, or an operand of logic."""
    return (x if isinstance(x, Tensor) else tensor(x)).bool()


def plain(x: Any) -> Any:
    """An argument for NumPy, with arrays and numbers in place of tensors."""
    if isinstance(x, Tensor):
        return x.detach().numpy()
    if isinstance(x, list | tuple):
        return type(x)(map(plain, x))
    return x


def refuse(**options: Any) -> None:
    """Raise if an option is given that a twin has only to keep NumPy's order of arguments."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"the option {name} is not known here")


def as_is(x: Any) -> Tensor:
    """A tensor, in its own dtype."""
    return x if isinstance(x, Tensor) else tensor(x)


def axes_of(x: Tensor, axis: Any) -> tuple[int, ...]:
    """NumPy's ``axis`` option as numbers from 0."""
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(int(a) % x.ndim for a in (axis if isinstance(axis, tuple | list) else (axis,)))


def as_shape(shape: Any) -> tuple[int, ...]:
    """NumPy's ``shape`` option."""
    return tuple(map(int, shape)) if isinstance(shape, tuple | list) else (int(shape),)
