"""A ufunc's method ``at``: ``add.at(a, indices, b)`` as a new array in place of the changed one.

An index that occurs twice counts twice: the second time changes the result of the first.
"""

from collections.abc import Callable
from typing import Any

import torch

from .arguments import Tensor, Twin, number
from .arrays import getitem, positions, values_for
from .numbers import extreme


def _places(base: Tensor, indices: Any) -> Tensor:
    return getitem(positions(base), indices)


def _sum_at(sign: float) -> Twin:
    """``add.at`` or ``subtract.at``, at once: their order does not matter."""

    def twin(a: Any, indices: Any, b: Any, /) -> Tensor:
        base = number(a)
        at = _places(base, indices)
        values = sign * values_for(at, b)
        flat = base.reshape(-1).index_put((at.reshape(-1),), values, accumulate=True)
        return flat.reshape(base.shape)

    return twin


def _at(function: Callable[[Tensor, Tensor], Tensor]) -> Twin:
    """Any function of two numbers, in rounds: each round changes a place at most once."""

    def twin(a: Any, indices: Any, b: Any, /) -> Tensor:
        base = number(a)
        at = _places(base, indices)
        values, places = values_for(at, b), at.reshape(-1)
        order = places.argsort(stable=True)
        _, counts = places.unique(return_counts=True)
        rounds = torch.cat([torch.arange(n) for n in counts]) if len(counts) else order
        flat = base.reshape(-1)
        for n in range(int(counts.max()) if len(counts) else 0):
            now = order[rounds == n]
            there = places[now]
            flat = flat.index_put((there,), function(flat[there], values[now]))
        return flat.reshape(base.shape)

    return twin


AT: dict[str, Twin] = {
    "add.at": _sum_at(1.0),
    "subtract.at": _sum_at(-1.0),
    "multiply.at": _at(torch.mul),
    "divide.at": _at(torch.div),
    "maximum.at": _at(extreme(True)),
    "minimum.at": _at(extreme(False)),
}
