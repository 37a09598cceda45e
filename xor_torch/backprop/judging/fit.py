"""Does the gradient of one objective explain the updates?

For each parameter: change = -factor * gradient (- decay * parameter), in every element, with one
factor for all points of a step. A wrong gradient of few numbers can have a factor of its own at
each point, so only what is the same at several points of a step counts.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from .objectives import Objective, gradients_at, noisy_gradients
from .points import Bench, Point, largest

Tensor = torch.Tensor

RTOL = 1e-9  # both sides are computed in float64 from one tape: they agree to 1e-13 or better
FLOOR = 1e-13  # of the largest gradient that the same parameter has at any point
TELLING = 1e-6  # of the largest gradient: a smaller one tells nothing about the factor
NOISES = 20.0  # times the spread of a few runs with random rounding
ALIKE = 1e-6  # factors
FOLLOWS = 1e-6  # relative: a change and the step that the gradient asks for
PROPORTIONAL = 1e-7  # relative: an array and a multiple of another, which may be small
PARALLEL = 1e-18  # of its square: what is left of an array beside a multiple of it
SMALL = 1e-6  # of the largest change: rounding may be all of it


def alike(a: float, b: float) -> bool:
    """Are two factors the same?"""
    return math.isclose(a, b, rel_tol=ALIKE)


@dataclass
class Sample:
    """One parameter at one point."""

    step: int
    change: Tensor
    gradient: Tensor
    value: Tensor
    moved: bool = True
    noise: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0)  # of change and gradient
    #: what its step changes at any point: at one, a gradient may cancel a penalty in a number
    used: Tensor | None = None

    @property
    def shrunk(self) -> Tensor:
        """The parameter where the step touches it: a penalty may be on the rows in use only."""
        return self.value * (self.change != 0 if self.used is None else self.used)


@dataclass
class Part:
    """How the changes of one parameter are explained."""

    ok: bool
    factors: dict[int, float] = field(default_factory=dict)  # of each step
    error: float = math.inf  # the largest relative difference at any point
    measured: float = 0.0  # the same at the numbers of the run
    decay: float = 0.0
    silent: bool = False  # it neither moves nor has a gradient, except for rounding
    idle: bool = False  # the same, exactly
    failing: float = 0.0  # the largest change that is not explained, relative to the largest of all

    @property
    def factor(self) -> float:
        return next(iter(self.factors.values()), math.nan)


def fit_part(samples: Sequence[Sample], decay: bool = False, noise: bool = True) -> Part:
    """Explain the changes of one parameter."""
    if any(s.change.shape != s.gradient.shape for s in samples):
        return Part(False, measured=math.inf)
    top = max((largest(s.gradient) for s in samples), default=0.0)
    moves = max((largest(s.change) for s in samples), default=0.0)
    if top == 0 and moves == 0:
        return Part(True, error=0.0, silent=True, idle=True)
    if top == 0:
        return Part(False, measured=math.inf)
    shrink = _decay(samples) if decay else 0.0
    part = _fit(samples, top, shrink, [True] * len(samples), None)
    if decay and not part.ok:
        # the decay may be a part of the gradient, and go with its factor from step to step
        factor, rate = _one_step(samples)
        if rate > 0 and any(
            abs(factor) * largest(s.gradient) > TELLING * rate * largest(s.shrunk) for s in samples
        ):  # beside a much larger penalty the gradient is rounding
            summed = [replace(s, gradient=s.gradient + rate / factor * s.shrunk) for s in samples]
            again = _fit(summed, top, 0.0, [True] * len(samples), None)
            if again.ok:
                again.decay = rate / factor * again.factor
                return again
    if part.ok or not noise or (part.error > 1e-5 and part.failing > SMALL):
        return part
    noises = [s.noise() for s in samples]
    loud = [NOISES * a > 0.1 * largest(s.change) for s, (a, _) in zip(samples, noises, strict=True)]
    if all(loud):  # a bias before batch norm: zero on both sides, except for rounding
        nothing = all(
            NOISES * b > 0.1 * largest(s.gradient)
            for s, (_, b) in zip(samples, noises, strict=True)
        )
        if nothing:
            return Part(True, error=0.0, silent=True)
        return Part(False, error=math.inf, measured=1.0)  # a step that is 0, and a gradient
    again = _fit(samples, top, shrink, [not x for x in loud], noises)
    return again if again.ok or again.silent else part  # what is left may be too little to tell


def _decay(samples: Sequence[Sample]) -> float:
    """The multiple of the parameter that is subtracted beside the gradient."""
    return max(-_beside(samples), 0.0)


def _one_step(samples: Sequence[Sample]) -> tuple[float, float]:
    """The multiples of the gradient and of the parameter that the steepest step subtracts."""
    k = max(samples, key=lambda s: largest(s.gradient)).step
    some = [s for s in samples if s.step == k]
    rate = _beside(some)
    gradient, rest = _rows((s.gradient, s.change - rate * s.shrunk) for s in some)
    below = float(gradient @ gradient)
    return (-float(gradient @ rest) / below if below else 0.0), -rate


def _beside(samples: Sequence[Sample]) -> float:
    """The multiple of the parameter that explains the changes best, beside one of the gradient.

    That of the gradient is another in each step; so what is parallel to it is taken out first.
    """
    steps = list(dict.fromkeys(s.step for s in samples))
    if sum(s.change.numel() for s in samples) <= len(steps) + 2:
        return 0.0  # they are too few
    above = below = whole = 0.0
    for k in steps:
        some = [s for s in samples if s.step == k]
        gradient, value, change = _rows((s.gradient, s.shrunk, s.change) for s in some)
        gradient = gradient / max(largest(gradient), 1e-300)
        size = float(gradient @ gradient)
        rest = value - float(value @ gradient) / size * gradient if size else value
        above += float(rest @ change)
        below += float(rest @ rest)
        whole += float(value @ value)
    return above / below if below > PARALLEL * whole else 0.0


def _rows(samples: Iterable[tuple[Tensor, ...]]) -> Iterable[Tensor]:
    """Each kind of array of some samples, in one row."""
    return (torch.cat([x.reshape(-1) for x in kind]) for kind in zip(*samples, strict=True))


def _fit(
    samples: Sequence[Sample],
    top: float,
    decay: float,
    use: Sequence[bool],
    noises: Sequence[tuple[float, float]] | None,
    given: Mapping[int, float] | None = None,
) -> Part:
    by_step: dict[int, list[int]] = {}
    for n, s in enumerate(samples):
        if use[n]:
            by_step.setdefault(s.step, []).append(n)
    part, evidence, scales = Part(True, decay=decay, error=0.0), 0, dict[int, float]()
    # a row for each sample
    moved, gradient, value = (
        torch.stack([x.reshape(-1) for x in column])
        for column in zip(*((s.change, s.gradient, s.value) for s in samples), strict=True)
    )
    change = moved
    if decay:
        change = moved + decay * torch.stack([s.shrunk.reshape(-1) for s in samples])
    slopes, sizes = _largest_of_rows(gradient), _largest_of_rows(change)
    squares = (gradient**2).sum(1).tolist()
    products = (change * gradient).sum(1).tolist()
    counts = (gradient.abs() > TELLING * top).sum(1).tolist()
    whole = _largest_of_rows(moved)
    for k, numbers in by_step.items():
        # nor does what is left of a change that is nearly all penalty
        telling = [n for n in numbers if slopes[n] >= TELLING * top]
        telling = [n for n in telling if not decay or sizes[n] >= TELLING * whole[n]]
        below, above = (sum(x[n] for n in numbers) for x in (squares, products))
        if below > (1e-12 * top) * (1e-12 * top):
            scales[k] = -above / below
        if scales.get(k) and len(telling) >= 2:
            part.factors[k] = scales[k]
            evidence += sum(counts[n] for n in telling) - 1
    for k in by_step.keys() - scales.keys():  # there it is too small to have a factor of its own
        scales[k] = next(iter(part.factors.values()), 0.0)
    if given is not None:
        scales = {k: given.get(k, scale) for k, scale in scales.items()}
        part.factors = {k: c for k, c in given.items() if k in scales}
        evidence = sum(slope >= TELLING * top for slope in slopes) - 1
    usual = max(map(abs, scales.values()), default=0.0)
    values = _largest_of_rows(value)
    biggest = max(max(a, 1e-6 * b) for a, b in zip(whole, values, strict=True))
    factors = torch.tensor([scales.get(s.step, 0.0) for s in samples], dtype=gradient.dtype)
    expected = -factors[:, None] * gradient
    offs, wanted = _largest_of_rows(change - expected), _largest_of_rows(expected)
    for n in [n for numbers in by_step.values() for n in numbers]:
        factor = scales[samples[n].step]
        size = max(wanted[n], sizes[n])
        # a step in which all is nearly zero has no factor of its own
        allowed = RTOL * size + FLOOR * max(abs(factor), usual) * top
        allowed += 4e-16 * decay * values[n]
        if noises is not None:
            allowed += NOISES * (noises[n][0] + abs(factor) * noises[n][1])
        relative = offs[n] / size if size else 0.0
        if offs[n] > allowed:
            part.error = max(part.error, relative)
            part.failing = max(part.failing, size / max(biggest, 1e-300))
            part.ok = False
        if not samples[n].moved:
            part.measured = max(part.measured, relative)
    if part.ok and (not part.factors or evidence < 1):
        part.ok = False
        part.silent = True
    rates = [x for x in part.factors.values() if abs(x) > SMALL * usual]
    if part.ok and min(rates, default=0.0) < 0 < max(rates, default=0.0):
        part.ok, part.error = False, 2.0  # some steps go up: a rate has one sign
    return part


def _largest_of_rows(x: Tensor) -> list[float]:
    found: list[float] = (x.abs().amax(1) if x.numel() else torch.zeros(len(x))).tolist()
    return found


@dataclass
class Fit:
    """How one objective explains the updates of every parameter."""

    objective: Objective
    parts: list[Part]
    downhill: float = 0.0  # the sign of a factor that lowers the loss; 0 if it is not known
    leader: int | None = None  # the parameter whose factor is the right one; that of most if None

    def alike(self, i: int, j: int) -> bool:
        """Do two parameters have the same factor at every step?"""
        a, b = self.parts[i].factors, self.parts[j].factors
        common = a.keys() & b.keys()
        return bool(common) and all(alike(a[k], b[k]) for k in common)

    @property
    def explained(self) -> list[bool]:
        return [p.ok for p in self.parts]

    @property
    def good(self) -> list[bool]:
        """Which parameters follow the gradient with the factor that most of them share.

        One that climbs the gradient does not decide for the others.
        """
        known = [i for i, p in enumerate(self.parts) if p.ok and p.factors]
        if not known:
            return [False] * len(self.parts)
        falling = [i for i in known if self.parts[i].factor * self.downhill >= 0]
        leader = self.leader
        if leader is None:
            leader = max(falling or known, key=lambda i: sum(self.alike(i, j) for j in known))
        return [
            p.ok and ((p.silent and not p.factors) or self.alike(i, leader))
            for i, p in enumerate(self.parts)
        ]

    @property
    def contradicted(self) -> bool:
        """Is a parameter known not to follow the gradient, or to follow it with another factor?

        What is off by less than `FOLLOWS` may follow it: a constant, as in ``log(p + 1e-9)``, is
        enough for that.
        """
        return any(
            not good and (bool(p.factors) if p.ok else not p.silent and p.error > FOLLOWS)
            for p, good in zip(self.parts, self.good, strict=True)
        )

    @property
    def some(self) -> bool:
        return any(p.ok and p.factors for p in self.parts)

    @property
    def factors(self) -> dict[int, float]:
        """The factor that most share, at each step."""
        found: dict[int, float] = {}
        for p, ok in zip(self.parts, self.good, strict=True):
            if ok:
                found = {**p.factors, **found}
        return found

    def ratios(self, i: int) -> dict[int, float]:
        """The factor of a parameter as a multiple of that of most, at each step."""
        theirs = self.parts[i].factors
        return {k: theirs[k] / f for k, f in sorted(self.factors.items()) if k in theirs}

    @property
    def scale(self) -> float:
        return next(iter(self.factors.values()), math.nan)

    @property
    def all_good(self) -> bool:
        return self.some and all(self.good)

    @property
    def count(self) -> int:
        return sum(p.ok and bool(p.factors) for p in self.parts)


def fit(bench: Bench, objective: Objective, decay: bool = False, noise: bool = True) -> Fit | None:
    """How an objective explains the updates; None if it can be computed at too few points."""
    found: list[tuple[Point, list[Tensor]]] = []
    for p in bench.points:
        if p.step in objective.terms:
            bench.clock.check()
            grads = gradients_at(objective, p)
            if grads is not None:
                found.append((p, grads))
    if sum(p.moved for p, _ in found) < 2:
        return None
    parts, data = [], []
    for i in range(len(bench.parameters)):
        used: dict[int, Tensor] = {}
        for p, _ in found if decay else ():
            used[p.step] = (p.changes[i] != 0) | used.get(p.step, False)
        samples = [
            Sample(
                p.step,
                p.changes[i],
                g[i],
                p.leaves[i].detach(),
                p.moved,
                _noise_of(bench, objective, p, i, g[i]),
                used.get(p.step),
            )
            for p, g in found
        ]
        data.append(samples)
        parts.append(fit_part(samples, decay, noise))
    known = Fit(objective, parts).factors
    for i, part in enumerate(parts):
        # too few numbers for a factor of its own: does it follow with that of the others?
        if known and part.silent and not part.ok:
            top = max(largest(s.gradient) for s in data[i])
            again = _fit(data[i], top, 0.0, [True] * len(data[i]), None, known)
            parts[i] = again if again.ok else part
    return Fit(objective, parts)


def _noise_of(
    bench: Bench, objective: Objective, p: Point, i: int, gradient: Tensor
) -> Callable[[], tuple[float, float]]:
    def noise() -> tuple[float, float]:
        change = grad = 0.0
        for (_, _, changes), again in zip(
            bench.noisy(p), noisy_gradients(bench, objective, p), strict=True
        ):
            change = max(change, largest(changes[i] - p.changes[i]))
            if again is not None:
                grad = max(grad, largest(again[i] - gradient))
        return change, grad

    return noise
