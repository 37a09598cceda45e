"""One network of the script, with the points at which it is examined."""

import math
from collections.abc import Iterable
from functools import cached_property

import torch

from .. import replay
from ..replay import Tensor
from ..tape import Tape
from . import changes
from .points import (
    MAX_OPERATIONS,
    RTOL,
    CannotTell,
    Place,
    Point,
    Repeated,
    Values,
    chosen_steps,
    is_near_one,
    largest,
    near_zero,
    places,
    repeated,
    without_diverged,
)
from .steps import Network

ROUNDINGS = 3  # runs that show how much of a value is rounding
# A value of the run and the same value repeated: NumPy's sums may have another order than torch's,
# and differences of near numbers magnify that; float32 keeps 7 digits.
REPEATED, REPEATED_FLOAT32 = 1e-6, 1e-2


class Case:
    """A network on a tape. Nothing of it changes; its points are computed when first needed.

    Args:
        tape: as recorded.
        network: one of those that `find_networks` finds on it.
        ties: of two equal numbers, maximum and minimum take the derivative of the first.
        gradients: look at these values in place of what is added to the parameters.
        base: the same network with other `gradients`, whose repeated steps can be used.

    Raises:
        CannotTell: an update is made of too many operations.

    """

    def __init__(
        self,
        tape: Tape,
        network: Network,
        ties: bool = False,
        gradients: changes.Gradients | None = None,
        base: "Case | None" = None,
    ) -> None:
        self.tape, self.network, self.ties = tape, network, ties
        self.gradients = gradients or {}
        self.parameters, self.steps = network.parameters, network.steps
        self.names = [
            network.states[i].name or f"parameter {n}" for n, i in enumerate(self.parameters, 1)
        ]
        shortest = min(len(step.nodes) for step in self.steps)
        if shortest > MAX_OPERATIONS:
            raise CannotTell(
                f"an update is made of {shortest:,} operations, which takes too long to repeat: "
                "give it fewer samples for each update"
            )
        self.chosen: list[int] = base.chosen if base else chosen_steps(tape, network)
        self.values_of_states = {n for step in self.steps for n in step.start.values()}
        self._repeated: dict[Place, Repeated | None] = base._repeated if base else {}
        self._certain: dict[int, tuple[Point, list[bool]]] = {}

    def where(self, id: int) -> str:
        """The line of a value, in words."""
        return self.tape.code.where(self.tape.nodes[id].line)

    def start(self, k: int, i: int) -> int:
        return self.steps[k].start[i]

    def end(self, k: int, i: int) -> int:
        return self.steps[k].end[i]

    def needed(self, k: int) -> set[int]:
        """The values of a step that its updates are made of."""
        return self.tape.behind(self.steps[k].end.values(), {*self.steps[k].nodes})

    # -- points

    def _repeat(self, at: Place) -> Repeated | None:
        if at not in self._repeated:
            self._repeated[at] = repeated(self.tape, self.network, at, self.ties)
        return self._repeated[at]

    def point(self, at: Place) -> Point | None:
        """The step at a place; None if it says nothing there.

        The script takes another branch, the result is not finite, or, at the run's own
        parameters, a derivative is a convention: that of relu at 0.
        """
        found = self._repeat(at)
        if found is None or (found.tied and at.seed is None):
            return None
        step, values = self.steps[at.step], found.values
        leaves = [values[step.start[i]] for i in self.parameters]
        moved, rounding = [], []
        for i in self.parameters:
            moved.append(self.change(at.step, i, values).detach())
            eps = torch.finfo(torch.float64).eps * largest(values[step.end[i]].detach())
            rounding.append(8 * eps if self.change_nodes(at.step, i) is None else 0.0)
        if not all(bool(torch.isfinite(c).all()) for c in moved):
            return None
        return Point(at.step, at.seed is not None, values, leaves, moved, rounding)

    def first_of(self, at: Iterable[Place]) -> Point | None:
        """The point at the first place that has one."""
        return next((p for place in at if (p := self.point(place)) is not None), None)

    @cached_property
    def _first_points(self) -> list[Point]:
        found = [self.first_of(plan) for plan in places(self.chosen)]
        return without_diverged([p for p in found if p is not None])

    @property
    def tied(self) -> bool:
        """Does the answer depend on which of two equal numbers is the maximum?"""
        return any(found.tied for found in self._repeated.values() if found)

    @cached_property
    def is_rounded(self) -> bool:
        """Are some steps rounding, because units are saturated?"""
        return any(not all(self.certain(p)) for p in self._first_points if self.is_near_one(p))

    @cached_property
    def points(self) -> list[Point]:
        """All points; some near zero as well if steps elsewhere are rounding."""
        if not self.is_rounded:
            return self._first_points
        perturbed = dict.fromkeys(p.step for p in self._first_points if p.perturbed)
        more = [self.point(at) for at in near_zero(perturbed)]
        return self._first_points + [p for p in more if p is not None]

    def is_near_one(self, point: Point) -> bool:
        """Does a unit answer with almost 1 or -1?"""
        return is_near_one(self.steps[point.step], point.values)

    def certain(self, point: Point) -> list[bool]:
        """For each parameter: is its change known to `RTOL`, and not a result of rounding?

        1 - a of a unit that answers 0.999999999 has half as many digits as a.
        """
        if id(point) not in self._certain:
            start = {n: point.values[n].detach() for n in self.steps[point.step].start.values()}
            ends = [self.end(point.step, i) for i in self.parameters]
            off = [0.0] * len(ends)
            for seed in range(ROUNDINGS):
                draw = torch.Generator().manual_seed(seed)
                values = replay.run(self.tape, ends, start, self.ties, rounding=draw)
                for n, i in enumerate(self.parameters):
                    change = self.change(point.step, i, values)
                    off[n] = max(off[n], largest(change - point.changes[n]))
            known = [10 * o <= RTOL * largest(c) for o, c in zip(off, point.changes, strict=True)]
            self._certain[id(point)] = point, known  # holding the point keeps its id its own
        return self._certain[id(point)][1]

    # -- what a step adds

    def change_nodes(self, k: int, i: int) -> list[tuple[int, float]] | None:
        """What is added to a parameter: [(node, sign), ...], None if it is not so simple."""
        if (k, i) in self.gradients:
            return [self.gradients[k, i]]
        return changes.parts(self.tape, self.steps[k], i)

    def change(self, k: int, i: int, values: Values) -> Tensor:
        """What is added to a parameter, or the gradient that an optimiser gets."""
        if (k, i) in self.gradients:
            n, sign = self.gradients[k, i]
            return (sign * values[n]).reshape(values[self.start(k, i)].shape)
        return changes.change(self.steps[k], i, self.change_nodes(k, i), values)

    # -- is it repeated as it was

    def check_replay(self) -> None:
        """Does the repeated tape give what the script computed?

        Raises:
            CannotTell: it does not.

        """
        for k in self.chosen[:3]:
            step = self.steps[k]
            known = {n: self.tape.nodes[n].value for n in step.start.values()}
            if any(v is None for v in known.values()):
                continue
            given = {n: replay.tensor(v).double() for n, v in known.items()}
            values = replay.run(self.tape, step.end.values(), given)
            for id in sorted(values):
                self._check_value(id, values[id], {*step.start.values(), *step.end.values()})

    def _check_value(self, id: int, now: Tensor, states: set[int]) -> None:
        node = self.tape.nodes[id]
        if node.value is None or node.dtype != "f":
            return
        was, now = replay.tensor(node.value).double(), now.double()
        finite = torch.isfinite(was)
        # 1 / (1 + exp(800)) is 0, and well
        if id in states and not bool(finite.all()):
            raise CannotTell(f"{node.name or node.op} on {self.where(id)} is not finite")
        same = was.shape == now.shape and torch.equal(finite, torch.isfinite(now))
        off = largest((was - now)[finite]) if same else math.inf
        allowed = REPEATED_FLOAT32 if self._is_float32 else REPEATED
        if off > allowed * (largest(was[finite]) + 1e-3):
            raise CannotTell(f"numpy.{node.op} on {self.where(id)} could not be repeated exactly")

    @cached_property
    def _is_float32(self) -> bool:
        starts = (self.tape.nodes[i].value for i in self.steps[0].start.values())
        return any(v is not None and v.dtype.str[1:] == "f4" for v in starts)
