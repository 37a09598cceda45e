"""Which loss has this delta as its derivative?

A loss is a row. Most have a derivative ``c * s(z) * (f(z) - t)``: at two points of one step
``d / s`` changes by ``c`` times what ``f`` changes by, and the target drops out. So one affine
test covers all of these without knowing the target, and the known mistakes at the output, which
are rows, too. The other losses are functions of (f, t), with t among the data of the step.

The file is long because it is a table: the rows, and the tests that tell one row from another.
"""

import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import huber_loss, softplus

from .. import replay
from ..operations import PARTS, SAME_NUMBERS
from .findings import MistakeName
from .fit import PROPORTIONAL
from .objectives import PERCEPTRON, Objective, Term, in_shape, is_copied
from .points import Bench, Point, is_finite, largest

Tensor = torch.Tensor
Data = tuple[Tensor, Tensor, Tensor, Tensor]  # (z, f, df/dz, d) at a point

WEIGHTING = SAME_NUMBERS | {"multiply", "negative"}
FLAT = 1e-4  # of the largest slope: below it a quotient tells nothing
BENT = 1e-6  # what f must change by: the square of it is more than `PROPORTIONAL` of it
MOST_TERMS = 4  # of an objective, that are looked at
MOST_VALUES = 40  # that may be f
MOST_STEPS = 3  # in which the targets of a loss are looked at, beside the first
MOST_Z = 12  # for a loss that the script computes itself


@dataclass(frozen=True)
class Row:
    """A derivative ``c * s * (f - t)``, and what it says of the script."""

    name: str
    mistake: MistakeName | None  # None: it is the derivative of this loss
    slope: Callable[[Tensor, Tensor, Tensor], Tensor]  # s, from z, f and df/dz
    of: Callable[[Tensor, Tensor], bool] = lambda z, f: True  # for which f(z) it holds
    multiple: float = 1.0  # c, of the loss of this name: 2 for the sum of squares
    of_error: bool = True  # may all targets be 0, because the value is an error?


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def is_z(z: Tensor, f: Tensor) -> bool:
    return _same(z, f)


def is_sigmoid(z: Tensor, f: Tensor) -> bool:
    return _same(torch.sigmoid(z), f)


def is_tanh(z: Tensor, f: Tensor) -> bool:
    return _same(torch.tanh(z), f)


def is_exp(z: Tensor, f: Tensor) -> bool:
    return _same(torch.exp(z), f)


def is_softmax(z: Tensor, f: Tensor) -> bool:
    return bool(softmax_axes(z, f))


def softmax_axes(z: Tensor, f: Tensor) -> list[int]:
    """The axes over which f is a softmax of z, or one with another base: ``2 ** z``."""
    if z.shape != f.shape or not bool((f > 0).all()):
        return []
    log, found = torch.log(f), []
    for a in [a for a in range(z.ndim) if z.shape[a] > 1]:
        x, y = z - z.mean(a, keepdim=True), log - log.mean(a, keepdim=True)
        below = float((x * x).sum())
        base = float((x * y).sum()) / below if below else 1.0
        base = 1.0 if abs(base - 1) < 1e-6 else base
        if base > 0 and _same(torch.softmax(base * z, a), f):
            found.append(a)
    return found


def _is_probability(z: Tensor, f: Tensor) -> bool:
    return bool(((f > 0) & (f < 1)).all()) and not is_softmax(z, f)


def _is_other(z: Tensor, f: Tensor) -> bool:
    known = (is_z, is_sigmoid, is_softmax, is_exp)
    return not any(is_it(z, f) or is_it(-z, f) for is_it in known)


BOUNDED = (is_sigmoid, is_tanh, is_softmax)  # they have flat ends
LOSSES = (
    Row("SSE", None, lambda z, f, df: torch.ones_like(z), is_z, 2.0),
    Row("SSE", None, lambda z, f, df: df, lambda z, f: not (is_z(z, f) or is_softmax(z, f)), 2.0),
    Row("CE", None, lambda z, f, df: torch.ones_like(z), is_softmax),
    Row("BCE", None, lambda z, f, df: torch.ones_like(z), is_sigmoid),
    Row("Poisson", None, lambda z, f, df: torch.ones_like(z), is_exp, of_error=False),
    Row("BCE", None, lambda z, f, df: df / (f * (1 - f)), _is_probability),
)
WRONG = (  # what is more special comes first
    Row(
        "SSE",
        "derivative taken twice",
        lambda z, f, df: torch.sigmoid(f) * (1 - torch.sigmoid(f)),
        is_sigmoid,
    ),
    Row("SSE", "derivative taken twice", lambda z, f, df: 1 - torch.tanh(f) ** 2, is_tanh),
    Row("SSE", "derivative taken twice", lambda z, f, df: z * (1 - z), is_sigmoid),
    Row("SSE", "derivative taken twice", lambda z, f, df: 1 - z**2, is_tanh),
    Row("CE", "derivative of the wrong quantity", lambda z, f, df: f * (1 - f), is_softmax),
    Row("CE", "derivative of the wrong quantity", lambda z, f, df: f, is_softmax),
    Row("BCE", "derivative of the wrong quantity", lambda z, f, df: f, is_sigmoid),
    Row(
        "SSE",
        "missing output derivative",
        lambda z, f, df: torch.ones_like(z) * df.any(),
        _is_other,
    ),
)


def _focal(f: Tensor, t: Tensor, gamma: float) -> Tensor:
    p = torch.where(t > 0.5, f, 1 - f)
    return -((1 - p) ** gamma) * p.log()


# Losses that need the target: (f, t, a number that the script types).
WITH_TARGET: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "absolute error": lambda f, t, c: (f - t).abs(),
    "hinge": lambda f, t, c: torch.relu(1 - t * f),
    "squared hinge": lambda f, t, c: torch.relu(1 - t * f) ** 2,
    "logistic": lambda f, t, c: softplus(-t * f),
    "log-cosh": lambda f, t, c: torch.cosh(f - t).log(),
    "Huber": lambda f, t, c: huber_loss(f, t, reduction="none", delta=c),
    "quantile": lambda f, t, c: torch.maximum(c * (t - f), (c - 1) * (t - f)),
    "focal": _focal,
    "gamma": lambda f, t, c: f.log() + t / f,
}
WITH_NUMBER = ("Huber", "quantile", "focal")
OF_SIGNS = ("hinge", "squared hinge", "logistic")  # of labels -1 and 1; a label of 0 has no loss


@dataclass
class Match:
    """A row that explains a delta."""

    name: str
    mistake: MistakeName | None
    scale: float  # how many times the loss of this name; below 0 if the delta is reversed
    value: int  # f
    z: int
    step: int
    target: Tensor | None = None  # 0 where it is not known
    known: Tensor | None = None  # of which elements the target is known; None: of all

    @property
    def of_error(self) -> bool:
        """Is the target of all elements 0, so that the value itself is an error?"""
        t = self.target
        return t is not None and not bool(t.any())

    def is_like(self, other: "Match") -> bool:
        """Is it the same loss of another sample? A weighted one has another scale for each."""
        if self.name != other.name or self.scale * other.scale < 0:
            return False
        off = abs(self.scale - other.scale)
        return "weighted" in self.name or off <= PROPORTIONAL * abs(self.scale)

    @property
    def may_be_flat(self) -> bool:
        """May the derivative be 0 for a whole sample?"""
        return "hinge" in self.name or "weighted" in self.name

    @property
    def is_picked(self) -> bool:
        """Is it ``-log(q)`` of a probability q that the target picks, as from a softmax?"""
        t = self.target
        t = t if t is None or self.known is None else t[self.known]
        return self.name == "BCE" and t is not None and bool(((t - 1).abs() < 1e-9).all())

    @property
    def is_vague(self) -> bool:
        """Would another value tell more: of an error, or of probabilities that the target picks?

        ``-log(q)`` is a BCE with all targets 1, whatever the probabilities were made by.
        """
        return self.of_error or (self.is_picked and self.z == self.value)


# ---------------------------------------------------------------------------- where to look


def is_likelihood(bench: Bench, match: Match) -> bool:
    """Is it a cross-entropy of classes with its sign turned, so that steps should go up?

    Its probabilities must be made by a sigmoid or a softmax: many other numbers lie from 0 to 1.
    """
    t, f = match.target, match.value
    if match.scale >= 0 or t is None or match.is_vague:
        return False
    classes = bool((torch.minimum(t.abs(), (t - 1).abs()) < 1e-6).all())
    points = [p.values for p in bench.points if p.step == match.step]
    made_of = [
        n
        for n in bench.view(match.step).behind([f])
        if all(n in p and p[n].shape == p[f].shape and p[n].is_floating_point() for p in points)
    ]
    return classes and any(
        all(is_sigmoid(p[n], p[f]) or is_softmax(p[n], p[f]) for p in points) for n in made_of
    )


def identify(
    bench: Bench, pair: Objective, rows: tuple[Row, ...], more: bool = True
) -> Match | None:
    """The row that explains the delta of a pair, if there is one.

    Args:
        bench: the network.
        pair: of the delta.
        rows: those that are tried.
        more: make more points, if there are few, so that nothing fits by chance?

    """
    last = None
    for k, points in _steps(bench, pair, more):
        found = _of_all(bench, k, points, pair.terms[k], functools.partial(_identify, rows=rows))
        found = found or (_perceptron(bench, pair) if rows is LOSSES else None)
        if found is not None and not found.is_vague:
            return found
        last = last or found
    return last


def _of_all(
    bench: Bench,
    k: int,
    points: list[Point],
    terms: list[Term],
    identified: Callable[..., Match | None],
) -> Match | None:
    """What explains all of some terms: one sample alone has so few numbers that some loss fits.

    They are of the last samples as well as of the first, for data may be sorted by class.
    """
    matches, flat = list[Match | None](), list[tuple[list[Tensor], int, int]]()
    for d, z in terms[:: -(-len(terms) // MOST_TERMS)]:
        assert d is not None
        deltas = [p.values[d].detach().double() for p in points]
        if saturated(bench, k, points, z, d) is not None:
            continue
        if any(map(largest, deltas)):
            matches.append(identified(bench, k, points, deltas, z, d))
        else:
            flat.append((deltas, z, d))
    known = [match for match in matches if match is not None]
    values = {z for _, z in terms}
    if any("CE" not in match.name and _is_mixed(bench, match, values) for match in known):
        return None
    if not known or len(known) < len(matches) or not all(map(known[0].is_like, known)):
        return None
    nodes, users = bench.tape.nodes, bench.view(k).users
    # Is f made in one place for each place of z? By branches, it or 1 - f may be read in one.
    places: dict[object, set[object]] = {}
    for match in known:
        read = [match.value, *users.get(match.value, ())]
        some = {nodes[m].site for n in read for m in (n, *users.get(n, ()))}
        site = nodes[match.z].site
        places[site] = places.get(site, some) & some
    if not all(places.values()):
        return None
    if not known[0].may_be_flat:
        site = nodes[known[0].value].site
        if not all(_is_dead(bench, k, points, *one, site) for one in flat):
            return None
    return next((match for match in known if not match.is_vague), known[0])


def saturated(bench: Bench, k: int, points: list[Point], z: int, before: int) -> int | None:
    """The prediction that is made of z, if it hardly changes from point to point.

    Then ``p - 1``, ``(p - 1) * p`` and the like are the same but for rounding: no loss is known.
    """
    for f in _values(bench, k, z, before):
        if not all(f in p.values and z in p.values for p in points):
            continue
        data = [(p.values[z].detach(), p.values[f].detach()) for p in points]
        if len({x.shape for pair in data for x in pair}) > 1:
            continue
        most = max((largest(b - a) for (_, a), (_, b) in itertools.pairwise(data)), default=0.0)
        if 0 < most < BENT and (
            f == z or any(all(of(zz, ff) or of(-zz, ff) for zz, ff in data) for of in BOUNDED)
        ):
            return f
    return None


def _is_dead(
    bench: Bench, k: int, points: list[Point], deltas: list[Tensor], z: int, d: int, site: object
) -> bool:
    """Is a delta 0 because the activation that is made at this site is flat there?"""
    values = [f for f in _values(bench, k, z, d) if bench.tape.nodes[f].site == site]
    data = [some for f in values if (some := _data(points, z, f, deltas))]
    return any(not any(bool(df.any()) for _, _, df, _ in some) for some in data)


def right_delta(bench: Bench, match: Match, delta: int) -> tuple[Tensor, Tensor] | None:
    """The delta that a mistake at the output makes of a loss, and what it should be.

    It is NaN where the wrong slope is nearly 0, so that the target is not known.
    """
    for p in bench.points:
        if p.step == match.step and not p.moved and match.target is not None and delta in p.values:
            data = _data([p], match.z, match.value, [p.values[delta].detach()])
            for _, f, slope, actual in data:
                slope = slope if match.name == "SSE" else torch.ones_like(f)
                right = match.scale * (f - match.target) * slope
                known = actual.abs() > FLAT * largest(actual)
                right, shape = torch.where(known, right, math.nan), p.values[delta].shape
                return in_shape(actual, shape), in_shape(right, shape)
    return None


def identify_with_target(bench: Bench, pair: Objective) -> Match | None:
    """The same for the losses that need the target, and for weights of the samples."""
    for k, points in _steps(bench, pair):
        found = _of_all(bench, k, points, pair.terms[k], _with_target)
        if found is not None and _has_labels(bench, pair, found):
            return found
    return None


def _with_target(
    bench: Bench, k: int, points: list[Point], deltas: list[Tensor], z: int, d: int
) -> Match | None:
    view, numbers = bench.view(k), _numbers(bench, k)
    way, shape = view.behind([d]), points[0].values[z].shape
    targets = _targets(bench, k, way, shape)
    for f in [n for n in _values(bench, k, z, d) if n in way or n == z]:
        data = _data(points, z, f, deltas)
        found = data and _targeted(data, targets, numbers, k, z, f)
        if found:  # the prediction is made without its target
            apart = _targets(bench, k, way - view.behind([f]), shape)
            found = _targeted(data, apart, numbers, k, z, f)
        found = found or (data and _weighted(data, k, z, f))
        if found:
            return found
    return None


def identify_own(bench: Bench, own: Objective) -> Match | None:
    """The usual name of a scalar that the script computes: autograd says what its deltas are."""
    last = None
    for k, points in _steps(bench, own):
        view, nodes = bench.view(k), bench.tape.nodes
        v = own.values(k)[-1]
        zs = [
            n
            for n in sorted(view.behind([v]), reverse=True)
            if nodes[n].dtype == "f" and view.depends.get(n) == view.full and n not in view.starts
            if not is_copied(view, n)  # of a penalty
        ]
        last_there: dict[object, int] = {}  # of each place: a loop has one for every step of time
        for n in (n for n in zs if all(n in p.values for p in points)):
            last_there.setdefault((nodes[n].site, nodes[n].op), n)
        for z in [*last_there.values()][:MOST_Z]:
            deltas = [_slope(p, v, z) for p in points]
            told = saturated(bench, k, points, z, v) is None
            if told and all(d is not None for d in deltas):
                found = _identify(bench, k, points, [d for d in deltas if d is not None], z, v)
                if found is not None and not found.is_vague and not found.is_picked:
                    return found
                if found is not None and (last is None or last.is_vague):
                    last = found
    return last


def _is_mixed(bench: Bench, match: Match, values: set[int]) -> bool:
    """Is f also made of another of these values, as one probability of a softmax is?

    Then the slope of f by its own value is not all of the derivative.
    """
    view = bench.view(match.step)
    behind = bench.tape.behind([match.value], view.inside, view.starts | {match.z})
    return not behind.isdisjoint(values - {match.z})


def _steps(
    bench: Bench, objective: Objective, more: bool = True
) -> Iterable[tuple[int, list[Point]]]:
    """Three steps with enough points."""

    def points(k: int) -> list[Point]:
        return bench.more_points(k) if more else [p for p in bench.points if p.step == k]

    some = ((k, points(k)) for k in objective.terms)
    return itertools.islice(((k, points) for k, points in some if len(points) >= 3), 3)


def _slope(p: Point, of: int, by: int) -> Tensor | None:
    """The derivative of the sum of a value by another, computed once for each point."""
    if (of, by) not in p.slopes:
        x, y = p.values[of], p.values[by]
        known = x.requires_grad and y.requires_grad
        p.slopes[of, by] = (
            torch.autograd.grad(x.sum(), y, retain_graph=True, allow_unused=True)[0]
            if known
            else None
        )
    return p.slopes[of, by]


def _values(bench: Bench, k: int, z: int, before: int) -> list[int]:
    """Values that may be f: z, and those that follow it in its shape.

    Of each place of the script there are the first and the last: a loop fills an array row by row.
    """
    view, nodes = bench.view(k), bench.tape.nodes
    first, last = dict[object, int](), dict[object, int]()
    for n in sorted(view.after([z])):
        if nodes[n].shape == nodes[z].shape and nodes[n].dtype == "f" and z < n <= before:
            place = nodes[n].site, nodes[n].op
            first.setdefault(place, n)
            last[place] = n
    found, half = sorted({*first.values(), *last.values()}), MOST_VALUES // 2
    return [z, *found[:half], *found[half:][-half:]]


def _data(points: list[Point], z: int, f: int, deltas: list[Tensor]) -> list[Data]:
    """The data at each point; f is taken as elementwise.

    Empty if f does not depend on z, or if there are not as many values at each point: what a mask
    selects.
    """
    found: list[Data] = []
    for p, d in zip(points, deltas, strict=True):
        if f not in p.values or z not in p.values:
            return []
        zz, ff = p.values[z], p.values[f]
        if ff.shape != zz.shape:
            return []
        slope = torch.ones_like(zz) if f == z else _slope(p, f, z)
        if f != z and not (ff.requires_grad and zz.requires_grad):
            return []
        slope = torch.zeros_like(zz) if slope is None else slope
        found.append((zz.detach(), ff.detach(), slope.detach(), in_shape(d, zz.shape)))
    return found if len({data[0].shape for data in found}) == 1 else []


# ---------------------------------------------------------------------------- the tests


def _identify(
    bench: Bench,
    k: int,
    points: list[Point],
    deltas: list[Tensor],
    z: int,
    before: int,
    rows: tuple[Row, ...] = LOSSES,
) -> Match | None:
    last = None
    for f in _values(bench, k, z, before):
        data = _data(points, z, f, deltas)
        for row in rows if data else ():
            if _holds(row, points, z, f, data):
                found = _affine(row, data)
                # of a number times a value, every part of the delta would be its own prediction
                error = row.mistake is None and row.of_error
                if found is not None and (error or bool(found[1].any())):
                    c, target, known = found
                    match = Match(row.name, row.mistake, c / row.multiple, f, z, k, target, known)
                    if row.mistake is not None and (
                        _made_of_target(bench, points[0], match) or _is_weighted(bench, match, data)
                    ):
                        continue
                    if not match.is_vague:
                        return match
                    last = last or match
    return last


def _made_of_target(bench: Bench, p: Point, match: Match) -> bool:
    """Is its value made of its target, as ``p * t.sum(1)`` is? Then it is no prediction.

    What z is made of may be the target, as in an autoencoder.
    """
    view, t = bench.view(match.step), match.target
    assert t is not None
    between = view.behind([match.value]) - view.behind([match.z])
    data = view.read(between)
    data |= bench.tape.behind(data, range(min(view.inside), match.value))
    found = [x.detach().double() for n in between if (x := p.values.get(n)) is not None]
    found = [in_shape(x, t.shape) for x in found if x.numel() == t.numel()]
    near = PROPORTIONAL * largest(t)
    return any(largest(x - t) <= near for x in found + _again(bench, data, t.shape))


def _is_weighted(bench: Bench, match: Match, data: list[Data]) -> bool:
    """Is its value z times weights that are data? ``w * z - w * t`` is that of weighted squares.

    All weights have one sign, and a weight of 0 makes a delta of 0.
    """
    view, nodes = bench.view(match.step), bench.tape.nodes
    for n in view.after([match.z]) & view.behind([match.value]) - {match.z}:
        some = [i for i in nodes[n].inputs if view.depends.get(i)]
        if nodes[n].op not in WEIGHTING or len(some) > 1:
            return False
    slopes, deltas = (torch.stack([x[i] for x in data]) for i in (2, 3))
    return not deltas[slopes == 0].any() and abs(float(slopes[slopes != 0].sign().mean())) == 1


def _again(bench: Bench, some: Iterable[int], shape: torch.Size) -> list[Tensor]:
    """Data with so many numbers, in this shape; a large array was not kept, and is made again."""
    nodes, numel = bench.tape.nodes, shape.numel()
    some = [n for n in some if math.prod(nodes[n].shape) == numel and nodes[n].dtype in "fiub"]
    with contextlib.suppress(replay.CannotReplay):
        values = replay.run(bench.tape, some, {}, bench.ties)
        return [in_shape(values[n].double(), shape) for n in some]
    return []


def _holds(row: Row, points: list[Point], z: int, f: int, data: list[Data]) -> bool:
    """Is a row for such an f(z)? Asked once for all deltas."""
    answers, key = points[0].answers, (row, z, f, len(points))
    if key not in answers:
        answers[key] = all(row.of(zz, ff) for zz, ff, _, _ in data)
    return answers[key]


def _telling(row: Row, data: list[Data]) -> tuple[list[Tensor], Tensor]:
    """The slopes, and which elements have one that is not nearly zero at every point."""
    slopes = [row.slope(z, f, df) for z, f, df, _ in data]
    ok = torch.ones_like(slopes[0], dtype=torch.bool)
    for s in slopes:
        ok &= s.abs() > FLAT * largest(s)
    return slopes, ok


def _affine(row: Row, data: list[Data]) -> tuple[float, Tensor, Tensor] | None:
    """(c, t, where t is known) if ``d / s = c (f - t)`` at all points with one c and t."""
    slopes, ok = _telling(row, data)
    if not bool(ok.any()):
        return None
    ratio = [(d / s)[ok] for s, (_, _, _, d) in zip(slopes, data, strict=True)]
    values = [f[ok] for _, f, _, _ in data]
    x = torch.cat([b - a for a, b in itertools.pairwise(values)])
    y = torch.cat([b - a for a, b in itertools.pairwise(ratio)])
    below = float((x * x).sum())
    size = max(map(largest, ratio))
    # of a tiny probability, as the square of an error may be, every function is affine
    least = BENT if row.of is _is_probability else 1e-9 * max(map(largest, values))
    if below == 0 or largest(x) < least or len(x) < 2:
        return None
    c = float((x * y).sum()) / below
    # a delta that does not change with f is not its difference to anything
    if abs(c) * largest(x) <= 1e-6 * size or largest(y - c * x) > PROPORTIONAL * abs(c) * largest(
        x
    ):
        return None
    target = torch.zeros_like(data[0][1])
    target[ok] = values[0] - ratio[0] / c
    target[target.abs() < 1e-9 * max(map(largest, values))] = 0.0
    # where the slope is zero, the delta is, too
    zero = [largest(d[~ok]) for _, _, _, d in data if bool((~ok).any())]
    if zero and max(zero) > 1e-3 * max(largest(d) for *_, d in data):
        return None
    return c, target, ok


def _perceptron(bench: Bench, pair: Objective) -> Match | None:
    """The loss of a perceptron, ``max(0, -t z)``, if all steps go down it, or all go up.

    A delta that some steps have not computed says nothing of those: they may go the other way.
    """
    points = {p.step: p for p in reversed(bench.points)}
    if not points.keys() <= pair.terms.keys():
        return None
    found = [_stepped(bench, p, *pair.terms[k][0]) for k, p in sorted(points.items())]
    known = [match for match in found if match is not None]
    alike = len({match.scale > 0 for match in known}) == 1
    return known[0] if alike and len(known) == len(found) else None


def _stepped(bench: Bench, p: Point, d: int | None, z: int) -> Match | None:
    """The loss of a perceptron in one step: its derivative is a step function.

    It is 0 on one side of a number, where the answer is right, and the same everywhere on the
    other. An error ``f(z) - t`` is such a step if f is one, and t one of its values.
    """
    if d is None:
        return None
    table = bench.at_each(p.step, z, d, p.values) if bench.is_score(p.step, z) else None
    if table is None:
        return None
    jump = table[-1] - table[0]
    scale = float(jump.abs().max()) * (1.0 if float(jump.sum()) > 0 else -1.0)
    rising = bool((table.diff(dim=0) * scale >= 0).all()) and _same(jump, scale + 0 * jump)
    stops = bool((table[[0, -1]].abs().amin(0) <= 1e-9 * abs(scale)).all())
    if not rising or not stops or not is_finite(table):
        return None
    return Match(PERCEPTRON, None, scale, z, z, p.step)


def _weighted(data: list[Data], k: int, z: int, f: int) -> Match | None:
    """A loss with a weight of its own for each element, or for each row of a softmax.

    All of them have one sign, or the delta is reversed for some samples only.
    """
    if len(data) < 4:
        return None
    for row in [row for row in LOSSES if row.of_error]:
        if not all(row.of(zz, ff) for zz, ff, _, _ in data):
            continue
        slopes, ok = _telling(row, data)
        if not bool(ok.all()):
            continue
        ratio = torch.stack([d / s for s, (_, _, _, d) in zip(slopes, data, strict=True)])
        values = torch.stack([f for _, f, _, _ in data])
        x, y = values - values.mean(0), ratio - ratio.mean(0)
        weight = (x * y).sum(0) / (x * x).sum(0)
        off = (y - weight * x).abs().amax(0)
        most = largest(weight)
        counts = weight.abs() > 1e-9 * most  # a sample that is left out has a weight of 0
        if not bool(counts.any()) or abs(float(weight[counts].sign().mean())) != 1:
            continue
        if row.name == "CE" and not _one_in_each_row(weight, data):
            continue
        if largest(ratio[:, ~counts]) > 1e-9 * largest(ratio):
            continue
        size = torch.where(counts, weight.abs(), most) * x.abs().amax(0)
        if bool((off <= PROPORTIONAL * size).all()):
            target = torch.where(counts, values[0] - ratio[0] / weight, 0.0)
            scale = float(weight.mean()) / row.multiple
            return Match(f"weighted {row.name}", None, scale, f, z, k, target)
    return None


def _one_in_each_row(weight: Tensor, data: list[Data]) -> bool:
    z, f = data[0][:2]
    axes = softmax_axes(z, f)
    low, high = weight.amin(axes[0]), weight.amax(axes[0])
    return bool((high - low <= 1e-6 * torch.maximum(high.abs(), low.abs())).all())


def _targeted(
    data: list[Data], targets: list[Tensor], numbers: list[float], k: int, z: int, f: int
) -> Match | None:
    """One of the losses that need the target, which is among the data that d is made of."""
    if not targets:
        return None
    # the losses are elementwise, so all points and all targets can be asked at once
    values, slopes, mine = (torch.stack(part) for part in list(zip(*data, strict=True))[1:])
    all_targets = torch.stack(targets)[:, None]
    values = values.expand(len(targets), *values.shape).clone().requires_grad_(True)
    size = largest(mine)
    for name, loss in WITH_TARGET.items():
        found: list[tuple[int, float]] = []  # which target, and the scale
        for c in numbers if name in WITH_NUMBER else [1.0]:
            made = loss(values, all_targets.expand_as(values), c).sum()
            (slope,) = torch.autograd.grad(made, values)
            for n, theirs in enumerate(slope * slopes):
                below = float((theirs * theirs).sum())
                if not below or not math.isfinite(below):
                    continue
                # a delta that is one constant is the derivative of anything
                if largest(theirs - theirs.mean()) < 1e-6 * largest(theirs):
                    continue
                scale = float((theirs * mine).sum()) / below
                if scale and largest(mine - scale * theirs) <= PROPORTIONAL * size:
                    found.append((n, scale))
        if found:
            n, scale = min(found, key=lambda x: x[0])
            return Match(name, None, scale, f, z, k, targets[n])
    return None


def _targets(bench: Bench, k: int, among: set[int], shape: torch.Size) -> list[Tensor]:
    """Data in this shape that some values are made of."""
    view, nodes = bench.view(k), bench.tape.nodes
    found: list[Tensor] = []
    for n in sorted(among):
        for i in nodes[n].inputs:
            value = nodes[i].value
            if i in view.inside or value is None or value.size != shape.numel():
                continue
            t = in_shape(replay.tensor(value).double(), shape)
            if not any(torch.equal(t, other) for other in found) and len(found) < 8:
                found.append(t)
    return found


def _numbers(bench: Bench, k: int) -> list[float]:
    """The numbers in the text of the step, and 1."""
    found = {1.0}
    for n in bench.steps[k].nodes:
        node = bench.tape.nodes[n]
        found |= {abs(float(a)) for a in node.args if isinstance(a, int | float)}
        for i in node.inputs:
            value = bench.tape.nodes[i].value
            if i not in bench.view(k).inside and value is not None and value.size == 1:
                found.add(abs(float(value.reshape(-1)[0])))
    return sorted(c for c in found if 0 < c < 100)[:12]


def known_target(bench: Bench, match: Match, d: int) -> bool:
    """Are the targets that a delta implies among the data: 0 and 1, or numbers that it reads?"""
    t = match.target
    if t is None or bool(((t.abs() < 1e-6) | ((t - 1).abs() < 1e-6)).all()):
        return True
    view, nodes = bench.view(match.step), bench.tape.nodes
    targets = [t, *_as_other_values(bench, match, d)]
    for n in view.behind([d]):
        sums = nodes[n].op in ("add", "subtract")  # a factor is not a target
        typed = [float(a) for a in nodes[n].args if sums and isinstance(a, int | float)]
        data = [torch.tensor(typed, dtype=torch.float64)] if typed else []
        read = [i for i in nodes[n].inputs if i not in view.inside]
        read += [i for m in read if nodes[m].op == "negative" for i in nodes[m].inputs]
        for i in read:
            value = nodes[i].value
            if value is not None and value.dtype.kind in "fiub":
                data.append(replay.tensor(value).double())
        for x, goal in itertools.product([x for x in data if x.numel() < 10_000], targets):
            off = (goal.reshape(-1, 1) - x.reshape(1, -1)).abs().amin(1)
            if bool((off <= 1e-6 * max(1.0, largest(goal))).all()):
                return True
    # of very many numbers, one is near to any other: these are compared place by place
    data = _again(bench, view.read(view.behind([d])), t.shape) if t.numel() >= 10_000 else []
    return any(largest(x - t) <= 1e-6 * max(1.0, largest(t)) for x in data)


def _as_other_values(bench: Bench, match: Match, d: int) -> Iterable[Tensor]:
    """The targets of values that are a multiple of the matched one plus a number: ``2 s - 1``.

    Of few numbers the multiple is the same at several points, and nothing is added: ``-s``.
    """
    assert match.target is not None
    points = [p for p in bench.points if p.step == match.step and match.value in p.values]
    f = points[0].values[match.value].detach()
    if f.numel() > 2:
        others, points = _values(bench, match.step, match.value, d)[1:], points[:1]
    else:
        others = sorted(bench.view(match.step).behind([d]) - {match.value})
    for n in others:
        found = [p.values[n] for p in points if n in p.values]
        alike = [x for x in found if x.is_floating_point() and x.numel() == f.numel()]
        if len(alike) < len(points):
            continue
        x, y = (
            torch.cat([p.values[m].detach().double().reshape(-1) for p in points])
            for m in (match.value, n)
        )
        middle = (x.mean(), y.mean()) if f.numel() > 2 else (0.0, 0.0)
        x, y = x - middle[0], y - middle[1]
        below = float((x * x).sum())
        a = float((x * y).sum()) / below if below else 0.0
        if a and len(x) > 2 and largest(y - a * x) <= PROPORTIONAL * largest(y):
            yield a * (match.target - middle[0]) + middle[1]


def is_no_error(bench: Bench, match: Match) -> bool:
    """Is the value whose squares are summed positive at all points? An error has both signs."""
    values = [p.values[match.value] for p in bench.points if match.value in p.values]
    return match.of_error and all(bool((v > 0).all()) for v in values)


def in_other_steps(bench: Bench, pair: Objective, match: Match) -> list[Match]:
    """The match and the same loss in a few other steps, whose targets may be others."""
    found = [match]
    for k in [k for k in pair.terms if k != match.step][:MOST_STEPS]:
        one = replace(pair, terms={k: pair.terms[k]}, found={}, noisy={})
        other = identify(bench, one, LOSSES, more=False)
        found += [other] if other is not None and other.name == match.name else []
    return found


def adds_its_target(bench: Bench, pair: Objective, match: Match) -> int | None:
    """What adds data to a prediction in a delta whose targets are minus these data: ``p + t``."""
    view, nodes, t = bench.view(match.step), bench.tape.nodes, match.target
    if t is None or not t.any():
        return None
    d = pair.terms[match.step][0][0] or 0
    for node in (nodes[n] for n in sorted(view.behind([d]) - view.behind([match.value]))):
        made = [i for i in node.inputs if i in view.inside]
        data: list[object] = [nodes[i].value for i in node.inputs if i not in view.inside]
        data += [a for a in node.args if isinstance(a, int | float)]
        if node.op == "add" and len(made) == len(data) == 1 and data[0] is not None:
            x = torch.tensor(np.array(data[0], dtype=float))
            of_target = x.numel() == t.numel() and _same(in_shape(x, t.shape), -t)
            if of_target and is_function(bench, match.step, match.value, made[0], (is_z,)):
                return node.id
    return None


def is_function(
    bench: Bench,
    k: int,
    z: int,
    f: int,
    known: tuple[Callable[[Tensor, Tensor], bool], ...] = (is_z, is_sigmoid, is_tanh, is_exp),
) -> bool:
    """Is f made of z alone, element by element, by a known activation?"""
    points = [p for p in bench.points if p.step == k and {z, f} <= p.values.keys()]
    return bool(points) and any(
        all(is_it(p.values[z].detach(), p.values[f].detach()) for p in points) for is_it in known
    )


def _has_labels(bench: Bench, pair: Objective, match: Match) -> bool:
    """Are the labels of a loss that goes by their sign of both signs, as -1 and 1 are?

    With labels 0 and 1, ``t * slope`` in place of ``(f - t) * slope`` follows a hinge, too. One
    step may have a single label; all are in the array that it is read from, or come up later.
    """
    if match.name not in OF_SIGNS or match.target is None:
        return True
    view, nodes = bench.view(match.step), bench.tape.nodes
    found = list[float]()
    deltas = [d for d, _ in pair.terms[match.step] if d is not None]
    for i in sorted(view.read(view.behind(deltas))):
        x = nodes[i].value
        if x is None or x.size != match.target.numel() or x.dtype.kind not in "fiub":
            continue
        if torch.equal(replay.tensor(x).double().reshape(-1), match.target.reshape(-1)):
            whole = nodes[bench.tape.origin(i, PARTS)]
            places = {(n.site, n.op) for n in (nodes[i], whole)}
            alike = (n.value for n in nodes if (n.site, n.op) in places and n.value is not None)
            found += [float(y) for x in alike if x.size for y in (x.min(), x.max())]
    return bool(found) and min(found) < 0 < max(found)


def has_one_class(bench: Bench, pair: Objective, match: Match) -> bool:
    """Do the targets of each softmax sum to 1, so that its delta sums to 0, in every step?

    The derivative of the cross-entropy of two classes at once is ``2 * p - t``, not ``p - t``.
    """
    if match.name not in ("CE", "weighted CE"):
        return True
    points = [p for p in bench.points if p.step in pair.terms]
    one = next(p.values for p in points if p.step == match.step)
    axes = softmax_axes(one[match.z].detach(), one[match.value].detach())
    for p in points:
        for d, _ in pair.terms[p.step]:
            delta = p.values[d].detach() if d in p.values else torch.zeros(())
            for axis in [a for a in axes if a < delta.ndim]:
                if largest(delta.sum(axis)) > PROPORTIONAL * largest(delta):
                    return False
    return True


def wrong_axis(bench: Bench, match: Match) -> bool:
    """Is a softmax taken over another axis than the targets say? Theirs sum to 1."""
    if match.name != "CE" or match.target is None:
        return False
    p = next((p for p in bench.points if match.value in p.values and match.z in p.values), None)
    if p is None:
        return False
    f, z, t = p.values[match.value].detach(), p.values[match.z].detach(), match.target
    axes = softmax_axes(z, f)

    def one(a: int) -> bool:
        return bool(((t.sum(a) - 1).abs() < 1e-6).all())

    others = [a for a in range(z.ndim) if a not in axes]
    return bool(axes) and not any(map(one, axes)) and any(map(one, others))
