"""The first value that, replaced by the right derivative, makes the updates right.

Verdict and place are two answers: this room only looks for the place. A value of the backward
pass, with all values that the same place makes in a loop, is replaced by a constant times the
derivative by a value of the forward pass. The constant is free: what the updates are made of is
linear in their deltas.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from .. import replay
from ..tape import squeezed
from .fit import Fit
from .objectives import gradients, total
from .points import Bench, OutOfTime, Point, largest

Tensor = torch.Tensor
SAME = 1e-7
MATCH = 1e-7
MOST_POINTS = 3
MOST_USED = 400


@dataclass
class Culprit:
    """The first wrong value, and what should be there: ``factor`` times dL/d(value)."""

    nodes: list[int]  # of the step, all from one place
    values: list[int]  # whose derivatives belong there
    step: int
    factor: float
    repaired: list[int]  # parameters
    actual: Tensor
    expected: Tensor


class Repair:
    """One step under one objective, with the derivative by every value of the forward pass."""

    def __init__(self, bench: Bench, fit: Fit) -> None:
        self.bench, self.fit = bench, fit
        good = fit.good
        self.bad = [i for i, ok in enumerate(good) if not ok]
        steps = [k for k in bench.chosen if k in fit.objective.terms]
        self.k = max(steps, key=lambda k: (self._moved(k), -k))
        self.view = bench.view(self.k)
        self.points = [p for p in bench.points if p.step == self.k and p.moved][:MOST_POINTS]
        terms = fit.objective.terms[self.k]
        self.top = [v for _, v in terms] + [d for d, _ in terms if d is not None]
        self.forward = self.view.behind([v for _, v in terms])
        self.fixed = self.view.behind(self.top)
        of = sorted(
            n
            for n in self.forward
            if n not in self.view.starts or n in self.view.begin
            if bench.tape.nodes[n].dtype == "f"
        )
        self.slopes = self._slopes(of)
        self.edges: dict[int, tuple[int, int]] = {}  # number of a use -> (value, its user)
        self._add_uses()
        factor = fit.factors.get(self.k)
        self.scale = factor if factor is not None else None
        self.wanted = []
        for p in self.points:
            grads = gradients(fit.objective, self.k, p.values, p.leaves)
            assert grads is not None
            self.wanted.append([-(self.scale or 1.0) * g for g in grads])

    def _moved(self, k: int) -> int:
        points = [p for p in self.bench.points if p.step == k and p.moved]
        if len(points) < 2:
            return -1
        return sum(any(largest(p.changes[i]) > 0 for p in points) for i in self.bad)

    def _slopes(self, of: list[int]) -> dict[int, list[Tensor]]:
        """The derivatives by forward values, at each point."""
        found: dict[int, list[Tensor]] = {}
        for p in self.points:
            value = total(self.fit.objective.terms[self.k], p.values)
            ids = [n for n in of if n in p.values and p.values[n].requires_grad]
            assert value is not None
            grads = torch.autograd.grad(
                value, [p.values[n] for n in ids], retain_graph=True, allow_unused=True
            )
            for n, g in zip(ids, grads, strict=True):
                if g is not None:
                    found.setdefault(n, []).append(g.detach())
        return {n: g for n, g in found.items() if len(g) == len(self.points)}

    def _add_uses(self) -> None:
        """The derivative through each single use of a value that is used more than once.

        Each use gets a leaf of its own. They are numbered below zero.
        """
        view, tape = self.view, self.bench.tape
        often = [n for n in self.slopes if len(self.forward & {*view.users.get(n, ())}) > 1]
        if not often or len(often) > MOST_USED:
            return
        uses = [(n, m) for n in often for m in view.users[n] if m in self.forward and m > n]
        for p in self.points:
            leaves: dict[tuple[int, int], Tensor] = {}
            values = dict(p.values)
            for m in sorted(view.after(often) & self.forward):
                if m in view.starts:
                    continue
                mine = dict(values)
                for n in tape.nodes[m].inputs:
                    if n in self.slopes and n in often:
                        leaves[n, m] = mine[n] = values[n].view_as(values[n])
                values[m] = replay._apply(tape, tape.nodes[m], mine, self.bench.ties)
            value = total(self.fit.objective.terms[self.k], values)
            assert value is not None
            ids = [use for use in uses if use in leaves and leaves[use].requires_grad]
            grads = torch.autograd.grad(
                value, [leaves[u] for u in ids], retain_graph=True, allow_unused=True
            )
            for number, use in enumerate(uses, 1):
                self.edges[-number] = use
            found = dict(zip(ids, grads, strict=True))
            for number, use in self.edges.items():
                slope = found.get(use)
                if slope is not None:
                    self.slopes.setdefault(number, []).append(slope.detach())
        for number in self.edges:
            if len(self.slopes.get(number, ())) != len(self.points):
                self.slopes.pop(number, None)

    def place(self, v: int) -> object:
        """Equal for the values, or the uses, of one place of the script."""
        if v < 0:
            value, user = self.edges[v]
            return self.place(value), self.view.key(user)
        return v if v in self.view.starts else self.view.key(v)

    # ------------------------------------------------------------------ what is right

    def matches(self, n: int) -> list[tuple[int, float]]:
        """The forward values of which `n` is the derivative, each with its factor."""
        values = [p.values.get(n) for p in self.points]
        found = []
        if any(v is None for v in values):
            return []
        mine = torch.cat([v.detach().double().reshape(-1) for v in values if v is not None])
        shape = squeezed(self.bench.tape.nodes[n].shape)
        for v, slopes in self.slopes.items():
            if squeezed(slopes[0].shape) != shape:
                continue
            theirs = torch.cat([s.reshape(-1) for s in slopes])
            below = float(theirs @ theirs)
            if not below:
                continue
            c = float(theirs @ mine) / below
            if c and largest(mine - c * theirs) <= MATCH * largest(mine):
                found.append((v, c))
        return found

    # ------------------------------------------------------------------ trials

    def search(self) -> Culprit | None:
        """The earliest place whose repair makes all updates right, or most of the wrong ones."""
        best: Culprit | None = None
        try:
            for culprit in self._trials():
                if len(culprit.repaired) == len(self.bad):
                    return culprit
                if best is None or len(culprit.repaired) > len(best.repaired):
                    best = culprit
        except OutOfTime:
            pass
        return best

    def _trials(self) -> Iterable[Culprit]:
        view, nodes = self.view, self.bench.tape.nodes
        wrong = sum(1 << i for i in self.bad)
        candidates = [
            ids
            for ids in view.groups.values()
            if view.depends[ids[0]] == view.full
            and view.reaches.get(ids[0], 0) & wrong
            and not self.fixed & {*ids}
            and not view.ends.keys() & {*ids}
            and nodes[ids[0]].dtype == "f"
            and all(n in self.points[0].values for n in ids)
        ]
        matched = {n: bool(self.matches(n)) for ids in candidates for n in ids}
        order = []
        for ids in candidates:
            off = [n for n in ids if not matched[n]]
            order.append((not off, min(off or ids), ids))
        for right, _, ids in sorted(order):
            found = self._try(ids, right)
            if found is not None:
                yield found

    def _try(self, ids: list[int], right: bool) -> Culprit | None:
        shape = squeezed(self.bench.tape.nodes[ids[0]].shape)
        zero = self._zero(ids)
        own = {v for v, _ in self.matches(ids[0])} if right else set()
        tried: list[Culprit] = []
        groups: dict[object, list[int]] = {}
        for v in self.slopes:
            groups.setdefault(self.place(v), []).append(v)
        for vs in sorted(groups.values(), key=lambda vs: -vs[-1]):
            if squeezed(self.slopes[vs[0]][0].shape) != shape or own & {*vs}:
                continue
            for some in self._pairings(ids, sorted(vs, key=self._time)):
                found = self._put(ids[: len(some)], some, zero)
                if found is not None:
                    if len(found.repaired) == len(self.bad):
                        return found
                    tried.append(found)
        return max(tried, key=lambda c: len(c.repaired), default=None)

    def _time(self, v: int) -> tuple[int, ...]:
        return self.edges[v] if v < 0 else (v,)

    def _pairings(self, ids: list[int], vs: list[int]) -> Iterable[list[int]]:
        if len(vs) == len(ids):
            yield vs
            if len(vs) > 1:
                yield vs[::-1]
        elif len(ids) == 1 and len(vs) <= 12:
            yield from ([v] for v in vs)

    def _zero(self, ids: list[int]) -> list[list[Tensor]]:
        return [
            self.bench.again(p, {n: torch.zeros_like(p.values[n].detach()) for n in ids})
            for p in self.points
        ]

    def _put(self, ids: list[int], vs: list[int], zero: list[list[Tensor]]) -> Culprit | None:
        repaired: set[int] | None = None
        factors: list[float] = []
        for at, p in enumerate(self.points):
            given = {
                n: self.slopes[v][at].reshape(p.values[n].shape)
                for n, v in zip(ids, vs, strict=True)
            }
            if not any(bool(x.any()) for x in given.values()):
                continue
            once = self.bench.again(p, given)
            good, c = self._compare(p, at, zero[at], once)
            repaired = good if repaired is None else repaired & good
            factors.append(c)
            if not repaired:
                return None
        if not repaired or len(factors) < 2 or not factors[0]:
            return None
        if any(abs(c - factors[0]) > 1e-5 * abs(factors[0]) for c in factors):
            return None
        p, c = self.points[0], factors[0]
        actual = p.values[ids[0]].detach()
        expected = c * self.slopes[vs[0]][0].reshape(actual.shape)
        return Culprit(ids, vs, self.k, c, sorted(repaired), actual, expected)

    def _compare(
        self, p: Point, at: int, zero: list[Tensor], once: list[Tensor]
    ) -> tuple[set[int], float]:
        """Which wrong parameters come right with one factor, none of the right ones spoilt."""
        wanted, slopes = self.wanted[at], [b - a for a, b in zip(zero, once, strict=True)]
        depends = [i for i in range(len(slopes)) if largest(slopes[i]) > 0]
        fits: dict[int, float] = {}
        nothing = [i for i in depends if largest(wanted[i]) <= 1e-9 * largest(p.changes[i])]
        for i in depends:
            if slopes[i].shape != wanted[i].shape:
                return set(), 0.0
            if i in nothing:
                continue
            x, y = slopes[i].reshape(-1), (wanted[i] - zero[i]).reshape(-1)
            c = float(x @ y) / float(x @ x)
            size = max(largest(y), abs(c) * largest(x))
            if c and largest(c * x - y) <= SAME * size:
                fits[i] = c
        chosen: set[int] = set()
        factor = 0.0
        for c in fits.values():
            same = {i for i, other in fits.items() if abs(other - c) <= 1e-6 * abs(c)}
            if len(same) > len(chosen):
                chosen, factor = same, c
        for i in nothing:  # zero but for rounding, as a bias before batch norm
            if chosen and largest(factor * slopes[i] + zero[i]) <= SAME * largest(p.changes[i]):
                chosen = chosen | {i}
        spoilt = [i for i in depends if i not in self.bad and i not in chosen]
        if spoilt and self.scale is not None:
            return set(), 0.0
        return chosen & {*self.bad}, factor
