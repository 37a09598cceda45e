"""The first expression of the backward pass that, written another way, makes all updates right.

`repair` puts the right derivative in the place of a value. That says nothing where a loop makes
each value from the one before, or where two lines could be blamed. So this room writes one
expression in another way, as an author would mend it: it reads another value, turns one, takes
the slope of an activation, adds a term, leaves a factor out. All that is computed from it is then
computed again. An expression that makes every update right at every point is the wrong one, and
nearly none does by chance.

Most edits are ruled out at one point. The changes are linear in the values of the backward pass,
so random sums of them tell by how much these would have to change.

The file is long because it holds each kind of edit beside what rules most of them out.
"""

import bisect
import contextlib
import functools
import itertools
import operator
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
LONGEST = 20_000  # operations of a step
SUMS_OF_CHANGES = 3
NEAR = 1e-6  # relative, for a sum of changes
MOST_USES = 6  # of one value
NONE = -1  # no value: before a loop has made the first one
SUMMING = ("add", "subtract")
EQUAL, SPREAD, TURNED = "equal", "spread", "turned"  # how a shape may fit another

SLOPES: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda x: x,
    lambda x: 1 - x,
    lambda x: 1 - x * x,
    lambda x: x * (1 - x),
    lambda x: (x > 0).double(),
)


Change = Callable[[Tensor, Tensor], Tensor]
# values, the uses of each, and the (name, line) of an assignment
Late = tuple[list[int], list[list[int]], tuple[str, int]]
Make = Callable[[Node, Values, list[Tensor]], Tensor]


@dataclass
class Edit:
    """Another way to compute some values.

    Attributes:
        ids: the values, in order.
        reads: the further values that each is made of.
        make: from an operation, the values of the step and the further values, the new value.
        term: does it add a term, which may have a factor?
        alias: (name, line) of the assignment that should change values, for uses that `ids` are.
        like: the values that it changes, if that makes derivatives of them.
        change: how.

    """

    ids: list[int]
    reads: list[tuple[int, ...]]
    make: Make
    term: bool = False
    alias: tuple[str, int] | None = None
    like: tuple[int, ...] = ()
    change: Change | None = None


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
        self._marks = dict[int, float]()

    def search(self) -> Culprit | None:
        """The first expression that the smallest edit makes right."""
        repair = self.repair
        if len(repair.points) < 2 or repair.scale is None or repair.held:
            return None
        if len(self.order) > LONGEST:
            return None
        try:
            self._ask_for_sums()
            expressions = [*self._expressions()]
            # a term is missing rather where there is a sum
            of_sums = sorted(expressions, key=lambda ids: self.nodes[ids[0]].op not in SUMMING)
            for edit in itertools.chain(
                *map(self._readings, expressions),
                *map(self._terms, of_sums),
                self._of_assignments(),
                *map(self._factors, expressions),
            ):
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
        for ids in sorted(found.values()):
            if self._reached(ids) & self.bad == self.bad:
                yield ids

    def _reached(self, ids: Iterable[int]) -> int:
        """The updates that some values go into."""
        return functools.reduce(operator.or_, (self.view.reaches.get(n, 0) for n in ids))

    def _assigned(self) -> Iterator[Late]:
        """The values of each assignment that computes nothing: ``dx = dx1``.

        It should change the value for the uses that come after it.
        """
        found: dict[tuple[str, int], list[int]] = {}
        for id, name, line in self.bench.tape.aliases:
            if self.view.reaches.get(id, 0) & self.bad and id in self.slopes[0]:
                found.setdefault((name, line), []).append(id)
        for alias, ids in found.items():
            ids = sorted({*ids})
            users = [
                [m for m in self.view.users.get(n, ()) if self.view.reaches.get(m)] for n in ids
            ]
            if ids[0] in self.view.ends or self._reached(ids) & self.bad != self.bad:
                continue
            for used in range(min(MOST_USES, *map(len, users)), 0, -1):
                if alias == self._last_before(ids[0], users[0], used):
                    yield ids, [some[-used:] for some in users], alias

    def _last_before(self, n: int, users: list[int], used: int) -> tuple[str, int] | None:
        """The assignment of a value between its first and its last uses; the first one for all."""
        line = self.nodes[users[-used]].line
        given = [(name, at) for id, name, at in self.bench.tape.aliases if id == n and at <= line]
        if used == len(users):
            return next(iter(given), None)
        return max(given, key=lambda x: x[1], default=None)

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

    def _readable(
        self, ids: list[int], like: list[int], before: list[int], how: str = EQUAL
    ) -> Iterator[list[tuple[int, ...]]]:
        """Values that could stand in an expression, one for each time that it is computed.

        Args:
            ids: the values of the expression.
            like: values of the shapes that are wanted.
            before: values that are computed later.
            how: have they these shapes, or may they be spread over them, or turned?

        """
        masks = [self.view.reaches[n] for n in ids]
        runs = [len([*run]) for _, run in itertools.groupby(masks)]
        tried = set[tuple[float, ...]]()
        for values in self.lists:
            count, ways = len(ids), list[list[int]]()
            if len(values) == 1:
                ways.append(values * count)
            elif values[-1] > ids[0]:  # of the same loop, or what was computed last
                at = [bisect.bisect_left(values, n) - 1 for n in ids]
                ways += [values[:count], [values[i] if i >= 0 else NONE for i in at]]
            else:  # of the forward pass, which goes through time in another order
                ways += [values[:count], values[::-1][:count], values[count - 1 :: -1]]
                if len(runs) > 1 and len(values) == count:  # in two directions
                    parts = iter(values)
                    ways.append([m for n in runs for m in [*itertools.islice(parts, n)][::-1]])
            for way in map(tuple, ways):
                if len(way) == count and {*way} != {NONE}:
                    key = tuple(map(self._mark, way))
                    if key not in tried and all(
                        m == NONE or (m < n and self._fits(m, i, how))
                        for m, n, i in zip(way, before, like, strict=True)
                    ):
                        tried.add(key)
                        yield [(m,) for m in way]

    def _fits(self, m: int, n: int, how: str) -> bool:
        """Has a value the shape of another, or would it have it in some way?"""
        mine, whole = self.nodes[m].shape, self.nodes[n].shape
        if how == TURNED:
            return len(mine) == 2 and mine[::-1] == whole
        last = whole[len(whole) - len(mine) :]
        return mine == whole or (
            how == SPREAD
            and 0 < len(mine) <= len(whole)
            and all(a in (1, b) for a, b in zip(mine, last, strict=True))
        )

    def _mark(self, n: int) -> float:
        """Equal for copies of a value."""
        value = self.repair.points[0].values.get(n)
        if n not in self._marks:
            self._marks[n] = -n
            if value is not None:
                x = value.detach().reshape(-1).double()
                self._marks[n] = float(x @ torch.arange(1, len(x) + 1).double().sqrt())
        return self._marks[n]

    def _readings(self, ids: list[int]) -> Iterator[Edit]:
        """It reads another value, or a value turned, or not at all; or it forgets what was."""
        first = self.nodes[ids[0]]
        nothing: list[tuple[int, ...]] = [()] * len(ids)
        if _are_square(self.nodes[n].shape for n in ids):
            yield Edit(ids, nothing, lambda node, values, _: self._own(node, values).T)
        if first.op == "assign":
            yield Edit(ids, nothing, self._added)
            return
        after, counts = self.view.after(ids), {len(self.nodes[n].inputs) for n in ids}
        elementwise, product = first.op in ("multiply", "divide"), first.op in PRODUCTS
        for at in range(len(first.inputs)) if len(counts) == 1 else ():
            theirs = [self.nodes[n].inputs[at] for n in ids]
            local = elementwise and after.isdisjoint(theirs)
            if product and _are_square(self.nodes[i].shape for i in theirs):
                yield Edit(ids, nothing, self._reading(at, lambda old, _: old.T))
            if elementwise:
                yield Edit(ids, nothing, self._reading(at, lambda old, _: torch.ones_like(old)))
            for reads in self._readable(ids, theirs, ids, TURNED) if product else ():
                yield Edit(ids, reads, self._reading(at, lambda _, x: x.T))
            for reads in self._readable(ids, theirs, ids):
                slopes = SLOPES if local and self._is_forward(reads) else SLOPES[:1]
                for slope in slopes:
                    yield Edit(ids, reads, self._reading(at, _replaced_by(slope)))

    def _terms(self, ids: list[int]) -> Iterator[Edit]:
        """It lacks a term, or the sum over a loop of which only the last value is left."""
        yield from self._sums(ids)
        yield from self._changed(ids, torch.add, True)

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
        yield from self._with_slopes(lambda change: self._changed(ids, change))

    def _of_assignments(self) -> Iterator[Edit]:
        """A term or a factor that is missing in an assignment which computes nothing."""
        for late in self._assigned():
            yield from self._late(late, torch.add, True)
            yield from self._with_slopes(functools.partial(self._late, late))

    def _with_slopes(self, changed: Callable[[Change], Iterator[Edit]]) -> Iterator[Edit]:
        """The edits with a factor: another value, or the slope of an activation."""
        for slope in SLOPES:
            for edit in changed(_times(slope)):
                if slope is SLOPES[0] or self._is_forward(edit.reads):
                    yield edit

    def _is_forward(self, reads: list[tuple[int, ...]]) -> bool:
        """Are they of the forward pass, so that one may be an activation?"""
        return all(
            m in self.repair.forward and m not in self.view.starts for (m,) in reads if m != NONE
        )

    def _changed(self, ids: list[int], change: Change, term: bool = False) -> Iterator[Edit]:
        """Values are changed for all of their uses."""

        def whole(node: Node, values: Values, x: list[Tensor]) -> Tensor:
            return change(self._own(node, values), x[0])

        for reads in self._readable(ids, ids, ids, EQUAL if term else SPREAD):
            yield Edit(ids, reads, whole, term, None, tuple(ids), change)

    def _late(self, late: Late, change: Change, term: bool = False) -> Iterator[Edit]:
        """Values are changed for their last uses."""
        ids, users, alias = late
        read = {m: n for n, some in zip(ids, users, strict=True) for m in some}
        if len(read) < sum(map(len, users)):
            return

        def make(node: Node, values: Values, x: list[Tensor]) -> Tensor:
            mine = self._inputs(node, values)
            mine[read[node.id]] = change(mine[read[node.id]], x[0])
            return self._own(node, mine)

        for some in self._readable(ids, ids, [min(m) for m in users], EQUAL if term else SPREAD):
            given = dict(zip(ids, some, strict=True))
            at = sorted(read)
            like = tuple(read[m] for m in at)
            yield Edit(at, [given[n] for n in like], make, term, alias, like, change)

    def _inputs(self, node: Node, values: Values) -> Values:
        return {i: self._value(i, values) for i in node.inputs}

    def _own(self, node: Node, values: Values) -> Tensor:
        """What the script computes."""
        return replay.apply(self.bench.tape, node, values, self.bench.ties)

    def _reading(self, at: int, other: Callable[[Tensor, Tensor], Tensor]) -> Make:
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

    def _value(self, n: int, values: Values) -> Tensor:
        """A value of the step, or one from outside it, as it was recorded."""
        with contextlib.suppress(KeyError):
            return values[n]  # what lies between two writes of a loop is computed now
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
        made, between = p.values.copy(), self._between_of(edit)
        if len(between) > len(edit.ids) and not self._makes_a_derivative(edit):
            return 0.0  # most of those that are to be repeated are ruled out by their first value
        try:
            with torch.no_grad():
                for n in between:
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

    def _makes_a_derivative(self, edit: Edit) -> bool:
        """Is the first value that it changes a derivative then?"""
        if edit.change is None:
            return True
        n, (m,) = next((n, r) for n, r in zip(edit.like, edit.reads, strict=True) if r != (NONE,))
        found = []
        for p in self.repair.points:
            read = self._value(m, p.values)
            found.append(edit.change(p.values[n].detach(), read.detach().double()))
        return bool(self.repair.parallel(found))

    def _made(self, edit: Edit, n: int, values: Values, factor: float) -> Tensor:
        node, ids = self.nodes[n], edit.reads[edit.ids.index(n)]
        if NONE in ids:
            return self._own(node, values)
        reads = [self._value(m, values) for m in ids]
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
        made = p.values.copy()
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
        # at some points it may change nothing, as where all units are on
        n, p, new = next(
            (n, p, new)
            for p, new in zip(repair.points, made, strict=True)
            for n in edit.ids
            if not torch.equal(new[n], p.values[n])
        )
        known = sorted(repair.parallel([values[n].double() for values in made]))[-1:]
        found = Culprit(
            [n], known, self.k, 1.0, [*repair.bad], [], 1.0, p.values[n].detach(), new[n].detach()
        )
        found.edited = True
        found.alias = None if edit.alias is None else (*edit.alias, edit.like[0])
        return found


def edit(repair: Repair) -> Culprit | None:
    """The first expression that the smallest edit makes right, under the objective of a repair."""
    try:
        return Edits(repair).search()
    except (replay.CannotReplay, RuntimeError):
        return None


def _times(slope: Callable[[Tensor], Tensor]) -> Change:
    return lambda old, x: old * slope(x)


def _replaced_by(slope: Callable[[Tensor], Tensor]) -> Change:
    return lambda old, x: slope(x)


def _are_square(shapes: Iterable[tuple[int, ...]]) -> bool:
    return all(len(s) == 2 and s[0] == s[1] > 1 for s in shapes)
