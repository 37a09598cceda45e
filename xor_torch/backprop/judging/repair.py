"""The first value that, replaced by the right derivative, makes the updates right.

Verdict and place are two answers: this room only looks for the place. A value of the backward
pass, with all values that the same place makes in a loop, is replaced by a constant times the
derivative by a value of the forward pass. The constant is free, because the updates are linear in
their deltas.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

import torch

from ..tape import squeezed
from .derivatives import Derivatives
from .fit import PROPORTIONAL, Fit
from .objectives import gradients_at
from .points import Bench, OutOfTime, Point, largest

Tensor = torch.Tensor
MOST_PLACES = 12  # places of one line in a loop that are tried in place of another


@dataclass
class Culprit:
    """The first wrong value, and the right one: ``factor`` times dL/d(value)."""

    nodes: list[int]  # of the step, all from one place
    values: list[int]  # whose derivatives belong there; none if that is not known
    step: int
    factor: float
    repaired: list[int]  # parameters
    partly: list[int]  # parameters that come right only in the elements that it goes into
    share: float  # of the elements of all wrong parameters: how many come right
    actual: Tensor
    expected: Tensor
    # (name, line, value) of an assignment that should change a value, for later uses
    alias: tuple[str, int, int] | None = None
    edited: bool = False  # was it found by writing an expression another way?


class Repair(Derivatives):
    """The search in one step, under one objective that explains some of the updates."""

    def __init__(self, bench: Bench, fit: Fit) -> None:
        self.bad = [i for i, ok in enumerate(fit.good) if not ok]
        steps = [k for k in bench.chosen if k in fit.objective.terms]
        k = max(steps, key=lambda k: (_moving(bench, k, self.bad), -k))
        super().__init__(bench, fit.objective, k)
        self.fit = fit
        self.scale = fit.factors.get(k)
        self.wanted = []
        for p in self.points:
            grads = gradients_at(fit.objective, p)
            assert grads is not None
            self.wanted.append([-(self.scale or 1.0) * g for g in grads])

    # ------------------------------------------------------------------ trials

    def search(self) -> Culprit | None:
        """The earliest place whose repair makes all updates right, or most of the wrong ones."""
        best: Culprit | None = None
        if len(self.points) < 2:
            return None  # at a single point, anything fits
        try:
            for culprit in self._trials():
                if len(culprit.repaired) == len(self.bad):
                    return culprit
                if best is None or _worth(culprit) > _worth(best):
                    best = culprit
        except OutOfTime:
            pass
        return best

    def _trials(self) -> Iterable[Culprit]:
        view, nodes = self.view, self.bench.tape.nodes
        wrong = sum(1 << i for i in self.bad)
        places: dict[object, list[int]] = {}
        for n in view.step.nodes:
            if (
                view.depends[n] == view.full
                and view.reaches.get(n, 0) & wrong
                and n not in self.fixed
                and n not in view.ends
                and n not in view.starts
                and nodes[n].dtype == "f"
                and n in self.points[0].values
            ):
                for at in self._places(n):
                    places.setdefault(at, []).append(n)
        order: list[tuple[bool, int, object]] = []
        for place, ids in places.items():
            off = [n for n in ids if not self.matches(n) or n in self.jumps]
            order.append((not off, min(off or ids), place))
        tried = set[tuple[int, ...]]()
        for _, first, place in sorted(order, key=lambda o: o[:2]):
            # what it is made of may be a true derivative, but not the whole of it: a sum that
            # lacks what comes from a later step
            parts = {at for i in nodes[first].inputs if self.is_part(i) for at in self._places(i)}
            for at in [*(parts & places.keys()), place]:
                for ids in (places[at], self._sums(places[at])):
                    known = tuple(ids) in tried
                    tried.add(tuple(ids))
                    found = None if known else self._try(ids)
                    if found is not None:
                        yield found
                        break

    def _places(self, n: int) -> tuple[object, object]:
        """The place of a value, and the same for one call of the function that it is in."""
        return (place := self.place(n)), (place, self.bench.tape.nodes[n].calls)

    def _sums(self, ids: list[int]) -> list[int]:
        """These values without those that a loop is still adding something to."""
        mine = {*ids}
        return [n for n in ids if mine.isdisjoint(self.view.users.get(n, ()))]

    def is_part(self, n: int) -> bool:
        """Is it the derivative through only some uses of a value?"""
        found = self.matches(n) if n in self.view.inside else {}
        return bool(found) and all(v < 0 for v in found)

    def _try(self, ids: list[int]) -> Culprit | None:
        shapes = [squeezed(p.values[ids[0]].shape) for p in self.points]  # a mask's may differ
        zero = cache(partial(self._zero, ids))  # most are ruled out at the first point
        may_repair = self._screen(ids, zero(0))
        tried: list[Culprit] = []
        groups: dict[object, list[int]] = {}
        for v, slopes in self.slopes.items():
            if [squeezed(x.shape) for x in slopes] == shapes:
                groups.setdefault(self.place(v), []).append(v)
        for vs in sorted(groups.values(), key=lambda vs: -vs[-1]):
            for some in self._pairings(ids, sorted(vs, key=self._time)):
                known = (v in self.matches(n) for n, v in zip(ids, some, strict=True))
                if all(known) and not self.jumps.keys() & {*ids}:
                    continue
                found = self._put(ids, some, zero) if may_repair(some) else None
                if found is not None:
                    if len(found.repaired) == len(self.bad):
                        return found
                    tried.append(found)
        return max(tried, key=_worth, default=None)

    def _time(self, v: int) -> tuple[int, ...]:
        return (self.edges[v][0], *self.edges[v][1]) if v < 0 else (v,)

    def _pairings(self, ids: list[int], vs: list[int]) -> Iterable[list[int]]:
        if len(ids) == 1:
            yield from ([v] for v in vs[:MOST_PLACES])
            return
        for stride in range(1, len(vs) // len(ids) + 1):  # a function may serve several gates
            # h of the last step, or the first
            for first in range(len(vs) - (len(ids) - 1) * stride)[:MOST_PLACES]:
                some = vs[first::stride][: len(ids)]
                yield some
                yield some[::-1]
                yield [v for block in _blocks(some)[::-1] for v in block]

    def _zero(self, ids: list[int], at: int) -> list[Tensor]:
        """The changes at a point if some values were zero."""
        p = self.points[at]
        zeros = {n: torch.zeros_like(p.values[n].detach()) for n in ids}
        return self.bench.again(p, self._held(p) | zeros)

    def _screen(self, ids: list[int], zero: list[Tensor]) -> Callable[[list[int]], bool]:
        """A quick test for derivatives that may replace some values.

        The change of a wrong parameter is linear in them: it is multiplied with two random arrays,
        and the derivatives of both numbers by the values are computed once. The right derivative
        makes both numbers right with the same factor.
        """
        p, draw = self.points[0], torch.Generator().manual_seed(0)
        leaves = {n: p.values[n].detach().clone().requires_grad_(True) for n in ids}
        changes = self.bench.again_with_graph(p, self._held(p) | leaves)
        some = {n: torch.randn(x.shape, generator=draw, dtype=x.dtype) for n, x in leaves.items()}
        others = self.bench.again(p, self._held(p) | some)
        tests: list[list[tuple[float, dict[int, Tensor]]]] = []
        for i in self.bad:
            if not changes[i].requires_grad or changes[i].shape != self.wanted[0][i].shape:
                continue
            pair = []
            for _ in range(2):
                u = torch.randn(changes[i].shape, generator=draw, dtype=torch.float64)
                u = u * (others[i] != zero[i])  # the elements that they go into
                slopes = torch.autograd.grad(
                    (u * changes[i]).sum(), [*leaves.values()], retain_graph=True, allow_unused=True
                )
                known = {n: g for n, g in zip(ids, slopes, strict=True) if g is not None}
                mine = _dot(known, ids, [p.values[n].detach() for n in ids])
                now = float((u * (changes[i].detach() - zero[i])).sum())
                if abs(now - mine) > 1e-6 * max(abs(now), abs(mine)):
                    return lambda vs: True  # it is not linear, perhaps because of a clip
                pair.append((float((u * (self.wanted[0][i] - zero[i])).sum()), known))
            tests.append(pair)

        def may_repair(vs: list[int]) -> bool:
            for pair in tests:
                given = [(t, _dot(g, ids, [self.slopes[v][0] for v in vs])) for t, g in pair]
                (a, x), (b, y) = given
                if (x or y) and abs(a * y - b * x) <= 1e-4 * max(abs(a * y), abs(b * x)):
                    return True
            return False

        return may_repair

    def _held(self, p: Point) -> dict[int, Tensor]:
        return {n: p.values[n].detach() for n in self.held}

    def _put(
        self, ids: list[int], vs: list[int], zero: Callable[[int], list[Tensor]]
    ) -> Culprit | None:
        repaired, right = {*self.bad}, {*self.bad}
        factors: list[float] = []
        shares: list[float] = []
        used: list[Point] = []
        for at, p in enumerate(self.points):
            given = {
                n: self.slopes[v][at].reshape(p.values[n].shape)
                for n, v in zip(ids, vs, strict=True)
            }
            if not any(bool(x.any()) for x in given.values()):
                continue
            once = self.bench.again(p, self._held(p) | given)
            whole, touched, c, share = self._compare(p, at, zero(at), once)
            repaired, right = repaired & whole, right & touched
            factors.append(c)
            shares.append(share)
            used.append(p)
            if not right:
                return None
        if len(factors) < 2 or not factors[0]:
            return None
        rates = [[float(p.values[n].detach()) for n in self.held] for p in used]
        rated = [c / math.prod(r) for c, r in zip(factors, rates, strict=True)]
        if not _all_alike(factors) and not _all_alike(rated):  # before that rate, or after it
            return None
        p, c = self.points[0], factors[0]
        known = self.matches(ids[0]).get(vs[0])
        if known and not math.isclose(
            abs(self.jumps.get(ids[0], 1.0)), abs(known / c), rel_tol=1e-5
        ):
            return None  # it is right up to a factor, and another line has put that in
        pairs = [
            (n, v, p.values[n].detach(), c * self.slopes[v][0].reshape(p.values[n].shape))
            for n, v in zip(ids, vs, strict=True)
        ]
        # the first pass through a loop may be right
        pairs.sort(key=lambda x: largest(x[2] - x[3]) <= 1e-6 * largest(x[3]))
        ids, vs = [n for n, *_ in pairs], [v for _, v, *_ in pairs]
        return Culprit(
            ids,
            vs,
            self.k,
            c,
            sorted(repaired),
            sorted(right - repaired),
            min(shares),
            *pairs[0][2:],
        )

    def _compare(
        self, p: Point, at: int, zero: list[Tensor], once: list[Tensor]
    ) -> tuple[set[int], set[int], float, float]:
        """The wrong parameters that come right with one factor, if no right one becomes wrong.

        Returns:
            Those that come right as a whole, those that come right only in the elements that the
            value goes into, the factor, and the share of the wrong parameters' elements.

        """
        nobody = set[int](), set[int](), 0.0, 0.0
        wanted, slopes = self.wanted[at], [b - a for a, b in zip(zero, once, strict=True)]
        depends = [i for i in range(len(slopes)) if largest(slopes[i]) > 0]
        fits: dict[int, float] = {}
        whole = set[int]()
        nothing = [i for i in depends if largest(wanted[i]) <= 1e-9 * largest(p.changes[i])]
        for i in depends:
            if slopes[i].shape != wanted[i].shape:
                return nobody
            if i in nothing:
                continue
            touched, lacks = slopes[i] != 0, wanted[i] - zero[i]
            x, y = slopes[i][touched], lacks[touched]
            below = float(x @ x)
            c = float(x @ y) / below if below else 0.0
            size = max(largest(y), abs(c) * largest(x))
            was_wrong = largest((p.changes[i] - wanted[i])[touched]) > PROPORTIONAL * size
            if c and largest(c * x - y) <= PROPORTIONAL * size and (was_wrong or i not in self.bad):
                fits[i] = c
                if largest(lacks[~touched]) <= PROPORTIONAL * size:
                    whole.add(i)
        chosen: set[int] = set()
        factor = 0.0
        for c in fits.values():
            same = {i for i, other in fits.items() if abs(other - c) <= 1e-6 * abs(c)}
            if len(same) > len(chosen):
                chosen, factor = same, c
        for i in nothing:  # zero except for rounding, as a bias before batch norm
            if chosen and largest(factor * slopes[i] + zero[i]) <= PROPORTIONAL * largest(
                p.changes[i]
            ):
                chosen = chosen | {i}
                whole.add(i)
        spoilt = [i for i in depends if i not in self.bad and i not in chosen]
        if spoilt and self.scale is not None:
            return nobody
        mended = chosen & {*self.bad}
        elements = [int(torch.count_nonzero(slopes[i] != 0)) for i in mended - whole]
        elements += [wanted[i].numel() for i in mended & whole]
        share = sum(elements) / sum(wanted[i].numel() for i in self.bad)
        return mended & whole, mended, factor, share


def _blocks(values: list[int]) -> list[list[int]]:
    """The values of one layer, or of one time, each: between two of them lies more on the tape.

    A backward pass may go from the last layer to the first, but through the units in their order.
    """
    gaps = [b - a for a, b in pairwise(values)]
    usual, blocks = sorted(gaps)[len(gaps) // 2], [values[:1]]
    for gap, v in zip(gaps, values[1:], strict=True):
        if gap > 2 * usual:
            blocks.append([])
        blocks[-1].append(v)
    return blocks


def _worth(culprit: Culprit) -> tuple[int, bool]:
    return len(culprit.repaired), bool(culprit.partly)


def _all_alike(factors: list[float]) -> bool:
    return all(abs(c - factors[0]) <= 1e-5 * abs(factors[0]) for c in factors)


def _dot(slopes: dict[int, Tensor], ids: list[int], values: list[Tensor]) -> float:
    return sum(
        float(slopes[n].reshape(-1) @ x.reshape(-1).to(slopes[n].dtype))
        for n, x in zip(ids, values, strict=True)
        if n in slopes
    )


def _moving(bench: Bench, k: int, parameters: list[int]) -> int:
    """How many of these parameters a step moves; -1 if there are too few points."""
    points = [p for p in bench.points if p.step == k and p.moved]
    if len(points) < 2:
        return -1
    return sum(any(largest(p.changes[i]) > 0 for p in points) for i in parameters)
