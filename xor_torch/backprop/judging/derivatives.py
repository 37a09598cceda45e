"""One step under one objective: which derivative each value of the backward pass is.

Every value is compared, at several points, with the derivative of the objective by every value of
the forward pass, and by each use, and some uses, of one that is used more than once:
backpropagation through time, tied weights and residual paths compute the derivative through one
use, partial sums of them, and their total.
"""

import itertools
import math
from collections import ChainMap
from functools import cached_property

import torch

from .. import replay
from ..tape import squeezed
from .objectives import Objective, as_own, total
from .points import VERY_LARGE, Bench

Tensor = torch.Tensor
MATCH = 1e-7  # relative: between values that were summed in another order
MOST_POINTS = 3
TOGETHER = 64  # values that are compared with the derivatives at once
MOST_USED = 400  # values that are used more than once
MOST_SUMMED = 5  # uses of one value of which every sum is looked at


class Derivatives:
    """The derivatives of an objective in one step.

    Args:
        bench: the network.
        objective: the scalar.
        k: the step.

    """

    def __init__(self, bench: Bench, objective: Objective, k: int) -> None:
        own = as_own(bench, objective)
        self.bench, self.objective, self.k = bench, own or objective, k
        self.view = bench.view(k)
        self.points = [p for p in bench.points if p.step == k and p.moved][:MOST_POINTS]
        terms = objective.terms[k]
        self.forward = self.view.behind([v for _, v in terms])
        ds = [d for d, _ in terms if d is not None]
        # a factor of all gradients that is made of the gradients counts as a constant
        self.held = ds if own is not None else []
        self.fixed = self.view.behind([v for _, v in terms] + [d for d in ds if not self.held])
        # number of some uses, below 0 -> (value, users)
        self.edges: dict[int, tuple[int, tuple[int, ...]]] = {}
        self.slopes = self._slopes()
        self._add_uses()
        self._known: dict[int, dict[int, float]] = {}

    def _slopes(self) -> dict[int, list[Tensor]]:
        """The derivatives by forward values, at each point."""
        of = sorted(
            n
            for n in self.forward
            if (n not in self.view.starts or n in self.view.begin)
            and self.bench.tape.nodes[n].dtype == "f"
        )
        found: dict[int, list[Tensor]] = {}
        for p in self.points:
            ids = [n for n in of if n in p.values and p.values[n].requires_grad]
            for n, g in zip(ids, self._grad(p.values, [p.values[n] for n in ids]), strict=True):
                if g is not None:
                    found.setdefault(n, []).append(g.detach())
        return {n: g for n, g in found.items() if len(g) == len(self.points)}

    def _grad(self, values: dict[int, Tensor], of: list[Tensor]) -> tuple[Tensor | None, ...]:
        value = total(self.objective, self.k, values)
        assert value is not None
        return torch.autograd.grad(value, of, retain_graph=True, allow_unused=True)

    def _add_uses(self) -> None:
        """Give each use a leaf of its own."""
        view, nodes = self.view, self.bench.tape.nodes
        often = {n for n in self.slopes if len(self.forward & {*view.users.get(n, ())}) > 1}
        if not often or len(often) > MOST_USED:
            return
        uses = {n: sorted(m for m in view.users[n] if m in self.forward and m > n) for n in often}
        again = sorted((view.after(often) & self.forward) - view.starts)
        if sum(math.prod(nodes[m].shape) for m in again) > VERY_LARGE:
            return
        through: dict[tuple[int, int], list[Tensor]] = {}
        for p in self.points:
            leaves: dict[tuple[int, int], Tensor] = {}
            values = p.values.copy()
            self.bench.clock.check()
            for m in again:
                mine: dict[int, Tensor] = {}
                for n in often & {*nodes[m].inputs}:
                    leaves[n, m] = mine[n] = values[n].view_as(values[n])
                given = ChainMap(mine, values)
                values[m] = replay.apply(self.bench.tape, nodes[m], given, self.bench.ties)
            known = {use: leaf for use, leaf in leaves.items() if leaf.requires_grad}
            for use, g in zip(known, self._grad(values, [*known.values()]), strict=True):
                if g is not None:
                    through.setdefault(use, []).append(g.detach())
        for n, users in uses.items():
            users = [m for m in users if len(through.get((n, m), ())) == len(self.points)]
            most = len(users) - 1 if len(users) <= MOST_SUMMED else 1
            for size in range(1, most + 1):
                for some in itertools.combinations(users, size):
                    e = -len(self.edges) - 1
                    self.edges[e] = n, some
                    parts = zip(*(through[n, m] for m in some), strict=True)
                    self.slopes[e] = [torch.stack(part).sum(0) for part in parts]

    def place(self, v: int) -> object:
        """Equal for the values, or the uses, of one place of the script."""
        if v < 0:
            value, users = self.edges[v]
            return self.place(value), *map(self.place, users)
        node = self.bench.tape.nodes[v]
        return v if v in self.view.starts else (node.site, node.op, node.shape)

    @cached_property
    def _by_shape(self) -> dict[object, tuple[list[int], Tensor]]:
        """All derivatives of one shape, to be compared at once: there may be thousands."""
        ids: dict[object, list[int]] = {}
        for v, slopes in self.slopes.items():
            ids.setdefault(_shapes(slopes), []).append(v)
        return {
            shape: (vs, torch.stack([_flat(self.slopes[v]) for v in vs]))
            for shape, vs in ids.items()
        }

    def matches(self, n: int) -> dict[int, float]:
        """{v: c} for all v of the forward pass with: n is c times the derivative by v."""
        if n not in self._known:
            ids, at = self._alike.get(n, ([n], 0))
            some = ids[at - at % TOGETHER :][:TOGETHER]
            values = [[p.values[m].detach() for p in self.points if m in p.values] for m in some]
            whole = self.points and len(values[0]) == len(self.points)
            found = self._parallel(values) if whole else [{}]
            self._known.update(zip(some, found, strict=True))
        return self._known[n]

    @cached_property
    def _alike(self) -> dict[int, tuple[list[int], int]]:
        """A value of the step -> all of its shape that are there at each point, its place there."""
        found: dict[object, list[int]] = {}
        for n in self.view.step.nodes if self.points else ():
            if all(n in p.values for p in self.points):
                found.setdefault(_shapes([p.values[n] for p in self.points]), []).append(n)
        return {n: (ids, at) for ids in found.values() for at, n in enumerate(ids)}

    def parallel(self, values: list[Tensor]) -> dict[int, float]:
        """{v: c} for all v of the forward pass whose derivative is these values, up to c."""
        return self._parallel([values])[0]

    def _parallel(self, some: list[list[Tensor]]) -> list[dict[int, float]]:
        """The same for several of one shape at once."""
        found: list[dict[int, float]] = [{} for _ in some]
        ids, theirs = self._by_shape.get(_shapes(some[0]), ([], None))
        if theirs is None:
            return found
        mine = torch.stack([*map(_flat, some)])
        below, above = theirs.square().sum(1), mine @ theirs.T
        # what is not even parallel (Cauchy and Schwarz) need not be compared element by element
        least = (1 - 1e-6) * below * mine.square().sum(1, keepdim=True)
        near = (above.square() >= least) & (above != 0) & (below > 0)
        for row in near.any(1).nonzero()[:, 0].tolist():
            at = near[row].nonzero()[:, 0]
            factors = above[row, at] / below[at]
            off = (mine[row] - factors[:, None] * theirs[at]).abs()
            same = (off <= MATCH * mine[row].abs().max()).all(1)
            pairs = zip(at[same].tolist(), factors[same].tolist(), strict=True)
            found[row] = {ids[n]: c for n, c in pairs}
        return found

    @cached_property
    def jumps(self) -> dict[int, float]:
        """The derivatives with a factor that what they are made of does not have, and the factor.

        It is -1 where a line turns the sign. A value may be the derivative by several values, each
        with another factor, as by a sum and by the mean that is made of it: the factor counts that
        is nearest to the one before.
        """
        factors, found = dict[int, float](), dict[int, float]()
        for n in self.view.step.nodes:
            node = self.bench.tape.nodes[n]
            if n in self.forward or n in self.view.starts or node.dtype != "f":
                continue
            known = [factors[m] for m in node.inputs if m in factors]
            before = known[0] if known else 1.0
            if any(not math.isclose(c, before, rel_tol=MATCH) for c in known):
                continue
            mine = [c / before for c in self.matches(n).values() if c]
            if mine or known:
                jump = min(mine, key=lambda c: (abs(math.log(abs(c))), c < 0), default=1.0)
                factors[n] = before * jump
                if known and not math.isclose(jump, 1.0, rel_tol=MATCH):
                    found[n] = jump
        return found


def _shapes(values: list[Tensor]) -> object:
    """The shape at each point: of what a mask selects, it differs."""
    return tuple(squeezed(x.shape) for x in values)


def _flat(values: list[Tensor]) -> Tensor:
    return torch.cat([x.reshape(-1).double() for x in values])
