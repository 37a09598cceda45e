"""How a candidate loss explains the updates: change = -factor * gradient, element by element.

A loss explains all updates if ONE factor (learning rate and convention) does for all parameters.
Most candidates are ruled out at the three points of one step; only the others see all points.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from ..replay import Tensor
from .case import Case
from .losses import Loss, gradients
from .points import FLOOR, RTOL, Point, largest

# A gradient smaller than this, relative to the parameter's largest, agrees with many a loss to
# `FLOOR`, so it tells nothing.
TELLING = 1e-6
# Rule a candidate out only if it is wrong by this multiple of what is allowed at all points: there
# the floor may be higher.
CLEARLY = 100.0
SAME_FACTOR = 1e-7  # of two parameters at one step: each is known to RTOL or a little worse
# A relative difference that a constant such as 1e-5 in a division makes.
NEARLY = 1e-3
SAME_RATE = 1e-6  # of one parameter at two steps

At = list[tuple[Point, list[Tensor]]]  # points, and the gradients of all parameters there


@dataclass
class Fit:
    """How a loss explains the updates of each parameter: change = -factor * gradient."""

    loss: Loss
    factors: list[dict[int, float]]  # of each parameter, at each step
    error: list[float]  # largest relative difference at any point, with its own factors
    measured: list[float] = field(default_factory=list)  # the same at the numbers of the run
    decay: list[float] = field(default_factory=list)  # a penalty's: change = ... - decay * value

    def silent(self) -> list[bool]:
        """Of which parameters nothing is known: most neither move nor have a gradient."""
        return [not f and e == 0 for e, f in zip(self.error, self.factors, strict=True)]

    def explained(self) -> list[bool]:
        return [e <= RTOL and bool(f) for e, f in zip(self.error, self.factors, strict=True)]

    def factor(self, i: int) -> float:
        """The factor of parameter `i`; nan if nothing of it is known."""
        return next(iter(self.factors[i].values()), math.nan)

    def alike(self, i: int, j: int) -> bool:
        """Have two parameters the same factor at every step?"""
        common = self.factors[i].keys() & self.factors[j].keys()
        return bool(common) and all(_close(self.factors[i][k], self.factors[j][k]) for k in common)

    def share_factor(self) -> list[bool]:
        """Which parameters follow the gradient with the factor that most of them share."""
        good = [i for i, ok in enumerate(self.explained()) if ok]
        if not good:
            return [False] * len(self.error)
        # On a tie `max` returns the first: the output layer's parameter.
        leader = max(good, key=lambda i: sum(self.alike(i, j) for j in good))
        return [i in good and self.alike(i, leader) for i in range(len(self.error))]

    @property
    def scale(self) -> float:
        """That factor."""
        return next((self.factor(i) for i, ok in enumerate(self.share_factor()) if ok), math.nan)

    @property
    def perfect(self) -> bool:
        return all(self.share_factor()) and self.scale > 0

    def steady(self) -> bool:
        """Is it the same at every step, or does it at least only fall or only rise?"""
        found = sorted(self.factors[self.share_factor().index(True)].items())
        # the mean over a mini-batch: the last one may be smaller
        if _all_close([v * self.loss.size_of(k) for k, v in found]):
            return True
        values = [v for _, v in found]
        if _all_close(values):
            return True
        rises = [b >= a * (1 - 1e-9) for a, b in itertools.pairwise(values)]
        falls = [b <= a * (1 + 1e-9) for a, b in itertools.pairwise(values)]
        return all(rises) or all(falls)


def _close(a: float, b: float, rtol: float = SAME_FACTOR) -> bool:
    return abs(a - b) <= rtol * max(abs(a), abs(b))


def _all_close(values: list[float]) -> bool:
    return all(_close(v, values[0], SAME_RATE) for v in values)


def least_squares(columns: list[Tensor], y: Tensor) -> tuple[list[float], Tensor]:
    """The factors of the columns that come nearest to `y`, and what is left of it."""
    A = torch.stack(columns, 1)
    solution = torch.linalg.lstsq(A, y[:, None]).solution[:, 0]
    return solution.tolist(), y - A @ solution


# ------------------------------------------------------------------------- all the points


def fit(case: Case, loss: Loss, penalty: bool = False) -> Fit | None:
    """How well a loss explains the updates; None if it cannot be computed at most points.

    Where units are saturated and steps are rounding, only what is certain counts, if that helps.
    """
    at = gradients_at(loss, case.points)
    if not is_enough(case, at):
        return None
    found = fit_parameters(loss, at, len(case.parameters), penalty)
    if found.perfect or not case.is_rounded:
        return found
    sure = fit_parameters(loss, at, len(case.parameters), penalty, case.certain)
    return max((found, sure), key=lambda f: sum(f.share_factor()))


def fit_if_possible(case: Case, loss: Loss, penalty: bool = False) -> Fit | None:
    """The same; None as well if the loss is ruled out at three points."""
    return fit(case, loss, penalty) if is_possible(case, loss, penalty) else None


def gradients_at(loss: Loss, points: list[Point]) -> At:
    """The gradients at the points where they can be computed.

    A cross-entropy is not finite at 0 and 1: such a point says nothing.
    """
    return [(p, found) for p in points if (found := gradients(loss, p)) is not None]


def is_enough(case: Case, at: At) -> bool:
    """Are there two perturbed points, and half of all points?"""
    return sum(p.perturbed for p, _ in at) >= 2 and len(at) >= 0.5 * len(case.points)


def is_saturated(case: Case, loss: Loss) -> bool:
    """Can the loss be computed at some points, but not at enough of them?"""
    at = gradients_at(loss, case.points)
    return bool(at) and not is_enough(case, at)


def fit_parameters(
    loss: Loss,
    at: At,
    parameters: int,
    penalty: bool,
    certain: Callable[[Point], list[bool]] | None = None,
) -> Fit:
    """Fit each parameter by itself, at the points where its change is `certain`."""
    columns = []
    for i in range(parameters):
        of_step: dict[int, list[tuple[Point, Tensor]]] = {}
        for p, g in at:
            if certain is None or certain(p)[i]:
                of_step.setdefault(p.step, []).append((p, g[i]))
        columns.append(fit_one(i, of_step, penalty))
    factors, errors, measured, decays = map(list, zip(*columns, strict=True))
    return Fit(loss, factors, errors, measured, decays)


# --------------------------------------------------------------------------- one parameter

Pairs = list[tuple[Point, Tensor]]  # points, and the gradient of one parameter there


def fit_one(
    i: int, of_step: dict[int, Pairs], penalty: bool
) -> tuple[dict[int, float], float, float, float]:
    """Fit parameter `i`, with a factor for each step.

    Returns:
        {step: factor}, the largest relative difference at any point (inf: it cannot be explained),
        the largest at the run's own parameters, the decay of a penalty.

    """
    pairs = [pair for own in of_step.values() for pair in own]
    top = max((largest(g) for _, g in pairs), default=0.0)
    if any(p.changes[i].shape != g.shape for p, g in pairs):
        return {}, math.inf, math.inf, 0.0
    if top == 0:
        moves = any(bool(p.changes[i].any()) for p, _ in pairs)
        return {}, math.inf if moves else 0.0, math.inf, 0.0
    telling = telling_steps(of_step, top)
    if telling is None:
        return {}, 0.0, math.inf, 0.0
    decay = decay_of(i, pairs) if penalty else 0.0
    factors, error, raw = {}, 0.0, 0.0
    for k, own in of_step.items():
        changes = [p.changes[i] + decay * p.leaves[i].detach() for p, _ in own]
        factor = factor_of(changes, own, top)
        if factor is None:  # no gradient
            if any(largest(c) > FLOOR * top for c in changes):
                error = math.inf
            continue
        if k in telling:
            factors[k] = factor
        for c, (p, g) in zip(changes, own, strict=True):
            off = difference(c, -factor * g, p.rounding[i] + FLOOR * abs(factor) * top)
            error = max(error, off[0])
            if not p.perturbed:
                raw = max(raw, off[1])
    return factors, error, raw, decay


def telling_steps(of_step: dict[int, Pairs], top: float) -> set[int] | None:
    """The steps with a gradient that tells; None if none has two points of it.

    Each step has a factor of its own, so one point of it tells nothing about the loss.
    """
    found = [k for k, own in of_step.items() for _, g in own if largest(g) >= TELLING * top]
    return None if len(found) == len({*found}) else {*found}


def decay_of(i: int, pairs: Pairs) -> float:
    """The decay of a penalty, with one factor for all points."""
    change = torch.cat([p.changes[i].reshape(-1) for p, _ in pairs])
    gradient = torch.cat([g.reshape(-1) for _, g in pairs])
    value = torch.cat([p.leaves[i].detach().reshape(-1) for p, _ in pairs])
    return -least_squares([gradient, value], change)[0][1]


def factor_of(changes: list[Tensor], own: Pairs, top: float) -> float | None:
    """The factor of one step; None if there is no gradient."""
    below = sum(float((g**2).sum()) for _, g in own)
    if math.sqrt(below) <= 1e-12 * top:
        return None
    return -sum(float((c * g).sum()) for c, (_, g) in zip(changes, own, strict=True)) / below


def difference(actual: Tensor, expected: Tensor, floor: float) -> tuple[float, float]:
    """The largest difference relative to the expected values: 0 below a floor, and as it is."""
    size = max(largest(expected), largest(actual) * 1e-3)
    off = largest(actual - expected)
    return (
        (off / size if size else math.inf) if off > floor else 0.0,
        off / size if size else 0.0,
    )


# ------------------------------------------------------------------- three points of a step


def is_possible(case: Case, loss: Loss, penalty: bool = False) -> bool:
    """Could the loss explain a parameter's updates, or, with a penalty, all of them?

    False only if the three points of one step exclude it. They exclude a parameter if no factor
    (and no decay) comes near its changes there: with more points none will.
    """
    trial = trial_points(case)
    at = gradients_at(loss, trial)
    if not trial or len(at) < len(trial):
        return True
    possible = (
        _is_possible_for(i, [(p, g[i]) for p, g in at], _top(case, i), penalty)
        for i in range(len(case.parameters))
    )
    return all(possible) if penalty else any(possible)


def trial_points(case: Case) -> list[Point]:
    """Three points of the step that moves the most parameters; none if no step has them."""
    best, most = list[Point](), 0
    for k in dict.fromkeys(p.step for p in case.points if not p.perturbed):
        own = [p for p in case.points if p.step == k][:3]
        moving = sum(all(bool(p.changes[i].any()) for p in own) for i in range(len(case.names)))
        sure = not case.is_rounded or all(all(case.certain(p)) for p in own)
        if len(own) == 3 and moving > most and sure:
            best, most = own, moving
            if most == len(case.names):
                break
    return best


def _top(case: Case, i: int) -> float:
    return max(largest(p.changes[i]) for p in case.points)


def _is_possible_for(i: int, own: Pairs, top: float, penalty: bool) -> bool:
    if any(p.changes[i].shape != g.shape for p, g in own):
        return False
    change = torch.cat([p.changes[i].reshape(-1) for p, _ in own])
    columns = [torch.cat([g.reshape(-1) for _, g in own])]
    if penalty:
        columns.append(torch.cat([p.leaves[i].detach().reshape(-1) for p, _ in own]))
    columns = [c for c in columns if bool(c.any())]
    if not columns:
        return not bool(change.any())
    _, rest = least_squares(columns, change)
    floor = max(p.rounding[i] for p, _ in own) + FLOOR * top
    allowed = CLEARLY * (RTOL * largest(change) + floor)
    # the best factor by squares leaves no more than any other does in every element
    return float(rest.norm()) <= math.sqrt(len(change)) * allowed
