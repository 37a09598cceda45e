"""The first expression of the backward pass that, written another way, makes all updates right.

`repair` puts the right derivative in the place of a value. That says nothing where a loop makes
each value from the one before, or where two lines could be blamed. So this room writes one
expression in another way, as an author would mend it: it reads another value, turns one, takes
the slope of an activation, adds a term, leaves a factor out. All that is computed from it is then
computed again. An expression that makes every update right at every point is the wrong one, and
nearly none does by chance.

Most edits are ruled out at one point. The changes are linear in the values of the backward pass,
so random sums of them tell by how much these would have to change.
"""

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch

from .. import replay
from ..operations import PRODUCTS
from ..tape import Node
from .fit import PROPORTIONAL
from .points import Clock, OutOfTime, Point, Values, largest
from .repair import Culprit, Repair

Tensor = torch.Tensor
SECONDS = 6.0
SUMS_OF_CHANGES = 3
NEAR = 1e-6  # relative, for a sum of changes
MOST_USES = 6  # of one value
SUMMING = ("add", "subtract")

SLOPES: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda x: x,
    lambda x: 1 - x,
    lambda x: 1 - x * x,
    lambda x: x * (1 - x),
    lambda x: (x > 0).double(),
)


Make = Callable[[Node, Values, list[Tensor]], Tensor]


@dataclass
class Edit:
    """Another way to compute some values.

    Attributes:
        ids: the values, in order.
        reads: the further values that each is made of.
        make: from an operation, the values of the step and the further values, the new value.
        term: does it add a term, which may have a factor?
        after: values that the script should have changed before their last uses, which `ids` are.

    """

    ids: list[int]
    reads: list[tuple[int, ...]]
    make: Make
    term: bool = False
    after: tuple[int, ...] = ()


class Edits:
    """The search in the step, and under the objective, of a repair."""

    def __init__(self, repair: Repair) -> None:
        self.repair, self.bench, self.view = repair, repair.bench, repair.view
        self.nodes, self.k = repair.bench.tape.nodes, repair.k
        self.clock = Clock(min(SECONDS, repair.bench.clock.left() / 3))
        self.ends = {*self.bench.changes_of(self.k)}
        self.bad = sum(1 << i for i in repair.bad)
        self.order = [n for n in self.view.step.nodes if n not in self.view.starts]
        self.lists = self._lists()
        self._between: dict[tuple[int, ...], list[int]] = {}

    def search(self) -> Culprit | None:
        """The first expression that the smallest edit makes right."""
        repair = self.repair
        if len(repair.points) < 2 or repair.scale is None or repair.held:
            return None
        try:
            self._ask_for_sums()
            expressions = [*self._expressions()]
            for kind in (self._readings, self._terms, self._factors):
                if kind == self._terms:  # it is missing rather where there is a sum
                    expressions.sort(key=lambda ids: self.nodes[ids[0]].op not in SUMMING)
                for ids in expressions:
                    for edit in kind(ids):
                        self.clock.check()
                        factor = self._may_repair(edit)
                        if not factor or not self._repairs(edit, factor):
                            continue
                        if not self._repairs(edit, factor, 1.5):  # a cut would make it right, too
                            return self._culprit(edit, factor)
        except OutOfTime:
            pass
        return None

    # ------------------------------------------------------------------ what may be edited

    def _expressions(self) -> Iterator[list[int]]:
        """The values of each expression of the backward pass, the first to be computed first."""
        found: dict[object, list[int]] = {}
        for n in self.order:
            node, mine = self.nodes[n], self.view.reaches.get(n, 0) & self.bad
            if mine and n not in self.repair.fixed and n in self.slopes[0] and node.dtype == "f":
                found.setdefault((node.site, node.op), []).append(n)
                found.setdefault((node.site, node.op, mine), []).append(n)
        tried = set[tuple[int, ...]]()
        for ids in sorted(found.values(), key=lambda ids: (ids[0], -len(ids))):
            reached = 0
            for n in ids:
                reached |= self.view.reaches[n]
            if reached & self.bad == self.bad and tuple(ids) not in tried:
                tried.add(tuple(ids))
                yield ids

    def _lists(self) -> list[list[int]]:
        """What an expression makes, or reads, each time that it is computed."""
        made: dict[object, list[int]] = {}
        for n in self.order:
            node = self.nodes[n]
            made.setdefault((node.site, node.op), []).append(n)
            for at, i in enumerate(node.inputs):
                made.setdefault((node.site, node.op, at, len(node.inputs)), []).append(i)
        of_numbers = [ids for ids in made.values() if self.nodes[ids[0]].dtype in "fb"]
        return [*{tuple(ids): ids for ids in of_numbers}.values()]

    def _readable(self, ids: list[int], like: list[int]) -> Iterator[list[tuple[int, ...]]]:
        """Values that could stand in an expression, one for each time that it is computed.

        Args:
            ids: the values of the expression.
            like: values of the shapes that are wanted.

        """
        masks = [self.view.reaches[n] for n in ids]
        runs = [len([*run]) for _, run in itertools.groupby(masks)]
        tried = set[tuple[int, ...]]()
        for values in self.lists:
            ways = [values[: len(ids)], values[-len(ids) :], values[::-1][: len(ids)]]
            ways += [values[: -len(ids) - 1 : -1], values * len(ids) if len(values) == 1 else []]
            if len(runs) > 1 and len(values) == len(ids):  # two directions of time
                parts = iter(values)
                ways.append([m for n in runs for m in [*itertools.islice(parts, n)][::-1]])
            if len(values) > 1:  # what was computed last
                at = [bisect.bisect_left(values, n) - 1 for n in ids]
                ways.append([values[i] for i in at if i >= 0])
            for way in map(tuple, ways):
                if len(way) == len(ids) and way not in tried:
                    tried.add(way)
                    if all(
                        m < n and self.nodes[m].shape == self.nodes[i].shape
                        for m, n, i in zip(way, ids, like, strict=True)
                    ):
                        yield [(m,) for m in way]

    def _readings(self, ids: list[int]) -> Iterator[Edit]:
        """It reads another value, or a value turned, or not at all; or it forgets what was."""
        first = self.nodes[ids[0]]
        nothing: list[tuple[int, ...]] = [()] * len(ids)
        if _are_square(self.nodes[n].shape for n in ids):
            yield Edit(ids, nothing, lambda node, values, _: self._own(node, values).T)
        if first.op == "assign":
            yield Edit(ids, nothing, self._added)
            return
        counts = {len(self.nodes[n].inputs) for n in ids}
        elementwise = first.op in ("multiply", "divide")
        for at in range(len(first.inputs)) if len(counts) == 1 else ():
            theirs = [self.nodes[n].inputs[at] for n in ids]
            if first.op in PRODUCTS and _are_square(self.nodes[i].shape for i in theirs):
                yield Edit(ids, nothing, self._reading(at, lambda old, _: old.T))
            if elementwise:
                yield Edit(ids, nothing, self._reading(at, lambda old, _: torch.ones_like(old)))
            for reads in self._readable(ids, theirs):
                for slope in SLOPES if elementwise else SLOPES[:1]:
                    yield Edit(ids, reads, self._reading(at, lambda _, x, f=slope: f(x)))

    def _terms(self, ids: list[int]) -> Iterator[Edit]:
        """It lacks a term, or the sum over a loop of which only the last value is left."""
        yield from self._sums(ids)
        for some, like, make, after in self._changed(ids, lambda old, x: old + x):
            for reads in self._readable(some, like):
                yield Edit(some, reads, make, True, after)

    def _sums(self, ids: list[int]) -> Iterator[Edit]:
        node, many = self.nodes[ids[0]], len(ids)
        every = [
            n for n in self.order if (self.nodes[n].site, self.nodes[n].op) == (node.site, node.op)
        ]
        if len(every) > many and len(every) % many == 0 and every[-many:] == ids:
            reads = [tuple(every[at:-many:many]) for at in range(many)]
            yield Edit(ids, reads, lambda node, values, x: sum(x, self._own(node, values)))

    def _factors(self, ids: list[int]) -> Iterator[Edit]:
        """It lacks a factor."""
        for slope in SLOPES:
            changed = self._changed(ids, lambda old, x, f=slope: old * f(x))
            for some, like, make, after in changed:
                for reads in self._readable(some, like):
                    yield Edit(some, reads, make, False, after)

    def _changed(
        self, ids: list[int], change: Callable[[Tensor, Tensor], Tensor]
    ) -> Iterator[tuple[list[int], list[int], Make, tuple[int, ...]]]:
        """Values are changed, for all of their uses or from one of these on.

        Returns:
            Tuples of the values that are computed in another way, the values that are changed, how,
            and the latter once more if only some uses are.

        """
        yield ids, ids, lambda node, values, x: change(self._own(node, values), x[0]), ()
        users = [[m for m in self.view.users.get(n, ()) if self.view.reaches[m]] for n in ids]
        (many, *more) = {len(some) for some in users}
        for used in range(min(many, MOST_USES), 0, -1) if not more else ():
            pairs = [(m, n) for n, some in zip(ids, users, strict=True) for m in some[-used:]]
            read = dict(pairs)
            if len(read) < len(pairs):
                continue

            def make(
                node: Node, values: Values, x: list[Tensor], read: dict[int, int] = read
            ) -> Tensor:
                mine = self._inputs(node, values)
                mine[read[node.id]] = change(mine[read[node.id]], x[0])
                return self._own(node, mine)

            pairs.sort()
            yield [m for m, _ in pairs], [n for _, n in pairs], make, tuple(ids)

    def _inputs(self, node: Node, values: Values) -> Values:
        return {i: values[i] if i in values else self._recorded(i) for i in node.inputs}

    def _own(self, node: Node, values: Values) -> Tensor:
        """What the script computes."""
        return replay.apply(self.bench.tape, node, values, self.bench.ties)

    def _reading(
        self, at: int, other: Callable[[Tensor, Tensor], Tensor]
    ) -> Make:
        """The same operation, with another value in one place."""

        def make(node: Node, values: Values, x: list[Tensor]) -> Tensor:
            mine, i = self._inputs(node, values), node.inputs[at]
            mine[i] = other(mine[i], x[0] if x else mine[i])
            return self._own(node, mine)

        return make

    def _added(self, node: Node, values: Values, _: list[Tensor]) -> Tensor:
        """``x[i] += y`` in place of ``x[i] = y``."""
        base, new = node.inputs[0], node.inputs[-1]
        nothing = self._inputs(node, values)
        nothing[new] = torch.zeros_like(nothing[new])
        return self._own(node, values) + nothing[base] - self._own(node, nothing)

    def _recorded(self, n: int) -> Tensor:
        value = self.nodes[n].value
        if value is None:
            raise replay.CannotReplay("a value from outside the step was not kept")
        return replay.tensor(value)

    # ------------------------------------------------------------------ trials

    def _ask_for_sums(self) -> None:
        """Random sums of the changes, their derivatives by each value, and what they lack."""
        p, draw = self.repair.points[0], torch.Generator().manual_seed(0)
        some = [n for n in self.order if n in p.values and p.values[n].requires_grad]
        self.slopes: list[dict[int, Tensor]] = []
        self.lacks: list[float] = []
        for _ in range(SUMS_OF_CHANGES):
            total, lack = torch.zeros((), dtype=torch.float64), 0.0
            for i, wanted in zip(self.bench.parameters, self.repair.wanted[0], strict=True):
                change = self.bench.change(self.k, i, p.values)
                if change.shape != wanted.shape:
                    continue
                u = torch.randn(wanted.shape, generator=draw, dtype=torch.float64)
                u = u / max(largest(wanted), 1e-300)
                total = total + (u * change).sum()
                lack += float((u * (wanted - change.detach())).sum())
            found = torch.autograd.grad(
                total, [p.values[n] for n in some], retain_graph=True, allow_unused=True
            )
            self.slopes.append({n: g for n, g in zip(some, found, strict=True) if g is not None})
            self.lacks.append(lack)

    def _may_repair(self, edit: Edit) -> float:
        """The factor with which an edit gives the sums what they lack; 0 if none does."""
        p, sums = self.repair.points[0], [0.0] * SUMS_OF_CHANGES
        made = dict(p.values)
        try:
            with torch.no_grad():
                for n in self._between_of(edit):
                    if n not in edit.ids:
                        made[n] = self._own(self.nodes[n], made)
                        continue
                    own = self._own(self.nodes[n], made)
                    made[n] = self._made(edit, n, made, 1.0)
                    if made[n].shape != own.shape:
                        return 0.0
                    for r, slopes in enumerate(self.slopes):
                        if n in slopes:
                            sums[r] += float((slopes[n] * (made[n] - own)).sum())
        except (replay.CannotReplay, KeyError):
            return 0.0
        x, y = torch.tensor(sums, dtype=torch.float64), torch.tensor(self.lacks).double()
        factor = float(x @ y / (x @ x)) if edit.term and float(x @ x) else 1.0
        near = largest(factor * x - y) <= NEAR * largest(y)
        return factor if near else 0.0

    def _made(self, edit: Edit, n: int, values: Values, factor: float) -> Tensor:
        node = self.nodes[n]
        reads = [
            values[m] if m in values else self._recorded(m) for m in edit.reads[edit.ids.index(n)]
        ]
        if edit.term:
            reads = [factor * x.double() for x in reads]
        return edit.make(node, values, [x.double() for x in reads])

    def _between_of(self, edit: Edit, ends: Iterable[int] = ()) -> list[int]:
        """What has to be computed again for the last of an edit's values, or for some ends."""
        key = (*edit.ids, -1, *(m for some in edit.reads for m in some), -1, *ends)
        if key not in self._between:
            after = self.view.after(edit.ids)
            reads = [m for some in edit.reads for m in some if m in after]
            wanted = self.view.behind([*edit.ids, *reads, *ends])
            self._between[key] = sorted((after & wanted) | {*edit.ids})
        return self._between[key]

    def _changes(
        self, p: Point, edit: Edit, factor: float, times: float = 1.0
    ) -> tuple[list[Tensor], Values]:
        """What the step changes with an edit, or with what it adds taken more than once."""
        made = dict(p.values)
        with torch.no_grad():
            for n in self._between_of(edit, sorted(self.ends)):
                made[n], given = self._own(self.nodes[n], made), made
                if n in edit.ids:
                    made[n] = made[n] + times * (self._made(edit, n, given, factor) - made[n])
            return [self.bench.change(self.k, i, made) for i in self.bench.parameters], made

    def _repairs(self, edit: Edit, factor: float, times: float = 1.0) -> bool:
        """Does it make every update right, at every point?"""
        for p, wanted in zip(self.repair.points, self.repair.wanted, strict=True):
            try:
                changes, _ = self._changes(p, edit, factor, times)
            except replay.CannotReplay:
                return False
            for change, right in zip(changes, wanted, strict=True):
                size = max(largest(change), largest(right))
                near = change.shape == right.shape
                if not near or not largest(change - right) <= PROPORTIONAL * size:
                    return False
        return True

    def _culprit(self, edit: Edit, factor: float) -> Culprit:
        """The value that the edit changes first, and the derivative that it then is."""
        repair = self.repair
        made = [self._changes(p, edit, factor)[1] for p in repair.points]
        p, new = repair.points[0], made[0]
        changed = [n for n in edit.ids if not torch.equal(new[n], p.values[n])]
        n = changed[0]
        known = repair.parallel([values[n].double() for values in made])
        v = max(known, default=0)
        found = Culprit(
            [n], [v], self.k, 1.0, [*repair.bad], [], 1.0, p.values[n].detach(), new[n].detach()
        )
        found.alias = self._alias(edit)
        return found

    def _alias(self, edit: Edit) -> tuple[str, int] | None:
        """(name, line) of the assignment after which a value should have been another one."""
        if not edit.after:
            return None
        n = edit.after[0]
        others = [self.nodes[m].line for m in self.view.users[n] if m not in edit.ids]
        given = [(name, line) for id, name, line in self.bench.tape.aliases if id == n]
        later = [(name, line) for name, line in given if line > max(others, default=0)]
        return next(iter(later or given), None)


def _are_square(shapes: Iterable[tuple[int, ...]]) -> bool:
    return all(len(s) == 2 and s[0] == s[1] > 1 for s in shapes)
