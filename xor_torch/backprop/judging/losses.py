"""A candidate for the loss that the updates follow: its terms, its value and its derivatives."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from ..replay import Tensor
from ..tape import Node
from .points import Point, Values

# If several losses explain the updates alike, name the first.
ORDER = {"SSE": 0, "CE": 1, "BCE": 2, "own": 3, "MAE": 4}
# If all answers of a softmax are as near as this to their targets, the rounding of autograd's own
# derivative, which passes through 1 / p - 1, is as large as RTOL.
LEARNED = 1e-7


@dataclass
class Term:
    """A loss computed at one place of one step."""

    function: Callable[[Values], Tensor]
    source: int  # the value where the target comes in, or the loss itself
    prediction: int | None = None
    target: int | float | None = None
    error: Callable[[Values], Tensor] | None = None  # of the prediction
    size: int = 1  # of the prediction
    # the same from the value that the prediction is the sigmoid or the softmax of: its gradient
    # is exact where log(1 - p) is not
    of_logits: Callable[[Values], Tensor] | None = None


def total(id: int) -> Term:
    """The script's own loss."""
    return Term(lambda values: values[id].sum(), id)


def log_likelihood(id: int, node: Node) -> Term:
    """Of the probabilities that ``p[range(n), labels]`` picks."""
    return Term(
        lambda values: -values[id].log().sum(),
        id,
        node.inputs[0],
        error=lambda values: 1 - values[id],
        size=math.prod(node.shape),
    )


@dataclass
class Loss:
    """A candidate: what it is and where in the script; its terms of each step are added up."""

    kind: str  # "SSE", "BCE", "CE", "MAE", "own", or "delta": known is only its derivative
    place: tuple[Any, ...]
    name: str
    terms: dict[int, list[Term]] = field(default_factory=dict)

    def size_of(self, k: int) -> int:
        """How many numbers a step predicts."""
        return sum(term.size for term in self.terms.get(k, ()))

    def of(self, point: Point, logits: bool = False) -> Tensor | None:
        """Its value at a point; None if that cannot be computed.

        Of the `logits`, where they are known, or of the predictions.
        """
        terms = self.terms.get(point.step, [])
        if not terms or any(t.source not in point.values for t in terms):
            return None
        functions = [(logits and t.of_logits) or t.function for t in terms]
        return torch.stack([f(point.values) for f in functions]).sum()

    def derivatives(self, point: Point, ids: list[int]) -> list[Tensor | None]:
        """With respect to values of a point; None where it does not depend on one."""
        of, found = [point.values[n] for n in ids], list[Tensor | None]([None] * len(ids))
        known = any(t.of_logits for t in self.terms.get(point.step, ()))
        # what comes after the logits has a derivative, too
        for logits in (True, False) if known else (False,):
            value = self.of(point, logits)
            if value is not None:
                more = torch.autograd.grad(value, of, retain_graph=True, allow_unused=True)
                found = [a if a is not None else b for a, b in zip(found, more, strict=True)]
        return found


def gradients(loss: Loss, point: Point) -> list[Tensor] | None:
    value = loss.of(point, logits=True)
    if value is None or not value.requires_grad or not bool(torch.isfinite(value)):
        return None
    if loss.kind in ("BCE", "CE"):
        for term in loss.terms[point.step]:
            assert term.prediction is not None
            if term.of_logits:
                continue
            p = point.values[term.prediction].detach()
            if not bool(((p > 0) & (p < 1)).all()):
                return None
            if loss.kind == "CE" and not _sums_to_one(p):
                return None
        errors = [t.error(point.values) for t in loss.terms[point.step] if t.error]
        if loss.kind == "CE" and all(bool((e.abs() < LEARNED).all()) for e in errors):
            return None
    found = torch.autograd.grad(value, point.leaves, retain_graph=True, allow_unused=True)
    grads = [
        torch.zeros_like(x) if g is None else g for g, x in zip(found, point.leaves, strict=True)
    ]
    return grads if all(bool(torch.isfinite(g).all()) for g in grads) else None


def _sums_to_one(p: Tensor) -> bool:
    return any(bool(((p.sum(axis) - 1).abs() < 1e-6).all()) for axis in range(p.ndim))
