"""A training step, repeated in torch: at the numbers of the run and at parameters moved from there.

Many mistakes do not show at a symmetric start, and with few numbers anything fits anything; so
every question is asked at several points.

The file is long because which points are taken depends on what the views and the values at earlier
points show.
"""

import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from itertools import chain, islice, zip_longest
from typing import Any, TypeVar

import numpy as np
import torch

from .. import replay
from ..batches import writes
from ..operations import (
    COMPARISONS,
    ELEMENTWISE,
    EXTREMES,
    JOINS,
    LINEAR,
    PARTS,
    PRODUCTS,
    SAME_NUMBERS,
    STEPS,
    SUMS,
)
from ..tape import Node, Ref, Tape
from ..twins import FIRST_OF_EQUAL, TWINS
from .steps import Network, Step

Tensor = torch.Tensor
Values = dict[int, Tensor]
Key = tuple[object, ...]
Inner = dict[tuple[int, int], tuple[int, float]]  # (step, state) -> (value, sign)

MOVES = ((1, 0.6, True), (1001, 1.2, False))  # (seed, size, added to the run's numbers?)
CLOSER = (20, 1e3, 1e5)  # if the script takes another branch, or a clip begins to cut
SMALLER = (10, 100, 1000)  # weights, if units are saturated, as with pixels from 0 to 255
MOST_UNSATURATED = 2  # steps
FAINT = 1e-5  # a change, beside those of other parameters, that comes through a saturated unit
MOST_DRAWS = 6  # of numbers with which a step changes something
MOST_STEPS = 6
MOST_OTHERS = 200  # steps in which samples are looked for that no chosen step has
# Operations, times points: about five seconds of repeating.
MOST_REPEATED = 120_000
LONGEST_STEP = 300_000
# Numbers, times points: about three gigabytes, and what a single step may take of it.
MOST_NUMBERS = 400_000_000
LARGEST_STEP = 100_000_000
VERY_LARGE = 20_000_000  # several such steps are repeated at one moved point each, not at two
FEW_NUMBERS = 1_000  # of a parameter: enough for a quick test
MANY_NUMBERS = 1_000_000  # in a step: one run with other rounding shows as much as three
MOST_LITERALS = 100
DIVERGED = 1e6  # times the middle one
ROUNDINGS = 3  # runs that show how much of a value is rounding; one of many numbers is enough
REPEATED = 1e-6  # a recorded value and the same value repeated
REPEATED_FLOAT32 = 1e-2
ROUNDED = 1e-2  # a place of the script may round by this part of its largest number
PUT_TOGETHER = JOINS | SAME_NUMBERS | {"assign"}
NUMBER_BY_NUMBER = ELEMENTWISE | PARTS | PUT_TOGETHER


NUMBER = r"(?<![\w.])(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"  # as Python writes one


class CannotTell(Exception):  # noqa: N818 - a verdict, not an error
    """No verdict is possible; the message says why and what the user can do."""


class OutOfTime(CannotTell):
    """The time for judging is over."""


OVER = "the time for judging it was over before an answer was found"


class Clock:
    """The time that judging may take; a part of it is kept for one last question."""

    def __init__(self, seconds: float = math.inf, kept: float = 0.0) -> None:
        self.reserve = kept * seconds
        self.end = time.monotonic() + (1 - kept) * seconds

    def check(self) -> None:
        if time.monotonic() > self.end:
            raise OutOfTime(OVER)

    def left(self) -> float:
        return self.end - time.monotonic()


T = TypeVar("T")


def kept(method: Callable[..., T]) -> Callable[..., T]:
    """Keep the answers of a method in its object, so that they are freed with it."""

    @wraps(method)
    def ask(self: Any, *args: Any) -> T:
        answers: dict[Any, T] = self.__dict__.setdefault(f"kept {method.__name__}", {})
        if args not in answers:
            answers[args] = method(self, *args)
        return answers[args]

    return ask


class View:
    """What one step computes from which parameters, and which updates each value reaches."""

    def __init__(self, tape: Tape, network: Network, k: int) -> None:
        self.tape, self.k, self.step = tape, k, network.steps[k]
        step, nodes = self.step, tape.nodes
        self.parameters = network.parameters
        self.begin = {step.start[i]: n for n, i in enumerate(self.parameters)}
        self.ends = {step.end[i]: n for n, i in enumerate(self.parameters)}
        self.starts = set(step.start.values())
        self.inside = set(step.nodes)
        self.full = (1 << len(self.parameters)) - 1
        self.depends: dict[int, int] = {n: 1 << i for n, i in self.begin.items()}
        for n in step.nodes:
            if n not in self.begin:
                mask = 0
                for i in nodes[n].inputs if n not in self.starts else ():
                    mask |= self.depends.get(i, 0)
                self.depends[n] = mask
        self.reaches: dict[int, int] = {}
        for n in reversed(step.nodes):
            mask = self.reaches.get(n, 0)
            if n in self.ends:
                mask |= 1 << self.ends[n]
            self.reaches[n] = mask
            if mask and n not in self.starts:
                for i in nodes[n].inputs:
                    if i in self.inside:
                        self.reaches[i] = self.reaches.get(i, 0) | mask

    def key(self, n: int) -> Key:
        """Equal for the values that a loop makes at one place of the script."""
        node = self.tape.nodes[n]
        return (node.site, node.op, len(node.shape), self.depends.get(n, 0), self.reaches.get(n, 0))

    @cached_property
    def groups(self) -> dict[Key, list[int]]:
        found: dict[Key, list[int]] = {}
        for n in self.step.nodes:
            if n not in self.starts:
                found.setdefault(self.key(n), []).append(n)
        return found

    @cached_property
    def roles(self) -> dict[Key, list[int]]:
        """Values with the same part for different samples, some of which have units that are off.

        A value of such a sample depends on fewer parameters, but on the same last one.
        """
        found: dict[Key, list[int]] = {}
        for ids in self.groups.values():
            node = self.tape.nodes[ids[0]]
            masks = (self.depends.get(ids[0], 0), self.reaches.get(ids[0], 0))
            key = (node.site, node.op, len(node.shape), "last", *map(self._last, masks))
            found.setdefault(key, []).extend(ids)
        whole = {key: self._whole(sorted(ids)) for key, ids in found.items()}
        return {key: ids for key, ids in whole.items() if ids}

    def _whole(self, ids: list[int]) -> list[int]:
        """These values without those that the script is still summing, or filling with numbers."""
        op, mine = self.tape.nodes[ids[0]].op, {*ids}
        if op == "add":
            return [n for n in ids if len(to := self.users.get(n, [])) != 1 or to[0] not in mine]
        return [n for n in ids if op != "assign" or not self._is_filled(n)]

    def _is_filled(self, n: int) -> bool:
        """Is it an array of which the script reads only elements before it changes the next one?"""
        nodes = self.tape.nodes
        users = [nodes[m] for m in self.users.get(n, ())]
        filled = any(m.op == "assign" and m.inputs[0] == n for m in users)
        return filled and all(m.op in {"assign", *PARTS} for m in users)

    @cached_property
    def places(self) -> dict[Key, list[int]]:
        """The same for neurons with parameters of their own: siblings in one layer."""
        found: dict[Key, list[list[int]]] = {}
        for key, ids in self.roles.items():
            layers = (self._layer(masks.get(ids[0], 0)) for masks in (self.depends, self.reaches))
            found.setdefault((*key[:3], "layer", *layers), []).append(ids)
        return {key: sorted(chain(*some)) for key, some in found.items() if len(some) > 1}

    @cached_property
    def calls(self) -> dict[Key, list[int]]:
        """The same for one place from which a function is called, if there are several.

        Of the passes of a step only one may be trained: another may make its target.
        """
        found: dict[Key, list[int]] = {}
        for key, ids in self.roles.items():
            called = [self.tape.nodes[n].calls for n in ids]
            for n, lines in zip(ids, called, strict=True) if len({*called}) > 1 else ():
                found.setdefault((*key, "called", lines), []).append(n)
        return found

    def _last(self, mask: int) -> int:
        """Which of some parameters the forward pass begins to use last; -1 if there are none."""
        some = (i for i in self.order if mask >> i & 1)
        return max(some, key=self.order.__getitem__, default=-1)

    def _layer(self, mask: int) -> int:
        """The highest layer of some parameters: of neurons that share an array of biases, too."""
        return max((layer for i, layer in self.layers.items() if mask >> i & 1), default=0)

    @cached_property
    def order(self) -> dict[int, int]:
        """The first value that uses each parameter, or a part of it, for more than a part.

        What the last step reads after its update of this parameter does not count.
        """
        found, nodes, begin = dict[int, int](), self.tape.nodes, max(self.starts)
        for n, i in self.begin.items():
            parts, used = [n], list[int]()
            for part in parts:
                users = [m for m in self.users.get(part, ()) if m not in self.ends]
                parts += [m for m in users if nodes[m].op in PARTS]
                used += [m for m in users if nodes[m].op not in PARTS]
            found[i] = min([m for m in used if m > begin] or used, default=0)
        return found

    @cached_property
    def layers(self) -> dict[int, int]:
        """The layer of each parameter: one above the parameters that its first use depends on."""
        found: dict[int, int] = {}
        for i in sorted(self.order, key=self.order.__getitem__):
            mask = self.depends.get(self.order[i], 0) & ~(1 << i)
            found[i] = 1 + max((found.get(j, 0) for j in self.order if mask >> j & 1), default=0)
        return found

    def made_at(self, key: Key) -> list[int]:
        """The values with a key of `groups`, `roles`, `places` or `calls`."""
        kinds = (self.groups, self.places, self.roles, self.calls)
        return next((found[key] for found in kinds if key in found), [])

    @cached_property
    def users(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for n in self.step.nodes:
            for i in dict.fromkeys(self.tape.nodes[n].inputs):
                found.setdefault(i, []).append(n)
        return found

    def is_like(self, a: int, b: int) -> bool:
        """Do two values have one shape, and come from as much by the same two operations?"""
        nodes = self.tape.nodes
        made_by = ((nodes[n].op, [nodes[i].op for i in nodes[n].inputs]) for n in (a, b))
        one, other = made_by
        alike = one == other and nodes[a].shape == nodes[b].shape
        return alike and self.depends.get(a) == self.depends.get(b)

    def outside(self, n: int, least: int = 2) -> set[int]:
        """The values of this size that a value is computed from and that the step did not make."""
        nodes = self.tape.nodes
        before = {*nodes[n].inputs} - self.inside
        return {i for i in before if math.prod(nodes[i].shape) >= least}

    def read(self, made: Iterable[int]) -> set[int]:
        """The values that these values are computed from and that the step did not make."""
        return {i for n in made for i in self.tape.nodes[n].inputs} - self.inside

    @cached_property
    def updated(self) -> set[int]:
        """The new parameters, and what is put into them part by part."""
        nodes, found, stack = self.tape.nodes, set[int](), [*self.ends]
        while stack:
            n = stack.pop()
            if n in found or n not in self.inside or n in self.starts:
                continue
            found.add(n)
            if nodes[n].op in PUT_TOGETHER:
                stack += nodes[n].inputs
        return found

    @cached_property
    def only_moves(self) -> set[int]:
        """Values that only go into new parameters, number by number."""
        nodes, found = self.tape.nodes, set[int]()
        for n in reversed(self.step.nodes):
            users = [m for m in self.users.get(n, ()) if self.reaches[m]]
            if n in self.updated or all(
                m in found and nodes[m].op in NUMBER_BY_NUMBER for m in users
            ):
                found.add(n)
        return found

    def variable(self, n: int) -> str:
        """The variable that the statement assigns which computes this value."""
        nodes, seen = self.tape.nodes, {n}
        if nodes[n].name:
            return nodes[n].name
        for m in [m for m in self.step.nodes if m > n]:
            if seen & {*nodes[m].inputs}:
                seen.add(m)
                if nodes[m].name:
                    return nodes[m].name
        return ""

    def crosses(self, n: int) -> bool:
        """Is it a column minus a row, so that each number is compared with all?

        Or a column times a row, of which only the sum is used: a product of two sums.
        """
        nodes = self.tape.nodes
        sizes = [math.prod(nodes[i].shape) for i in nodes[n].inputs]
        users = [nodes[m] for m in self.users.get(n, ())]
        summed = bool(users) and all(m.op in SUMS and not m.shape for m in users)
        return (
            (nodes[n].op == "subtract" or (nodes[n].op == "multiply" and summed))
            and len(sizes) == 2
            and sizes[0] == sizes[1] > 1
            and math.prod(nodes[n].shape) == sizes[0] ** 2
        )

    def behind(self, ids: Iterable[int]) -> set[int]:
        """These values and all of the step that they are computed from."""
        return self.tape.behind(ids, self.inside, self.starts)

    def only_through(self, d: int, z: int) -> bool:
        """Does value d depend on the parameters only through value z?"""
        stack, seen = [d], {z}
        while stack:
            n = stack.pop()
            if n in self.starts:
                return False
            if n not in seen and n in self.inside:
                seen.add(n)
                stack += self.tape.nodes[n].inputs
        return True

    def after(self, ids: Iterable[int]) -> set[int]:
        """These values and all of the step that is computed from them."""
        found, stack = set(ids), [*ids]
        while stack:
            for n in self.users.get(stack.pop(), ()):
                if n not in found and n not in self.starts:
                    found.add(n)
                    stack.append(n)
        return found


@dataclass
class Point:
    """One step, computed at one set of parameters."""

    step: int
    moved: bool
    values: Values
    leaves: list[Tensor]  # the parameters
    changes: list[Tensor]  # what the step adds to each, or the gradient inside an optimiser
    seed: int = 0
    noisy: list[tuple[Values, list[Tensor], list[Tensor]]] = field(default_factory=list)
    # (value, another) -> the derivative of its sum by the other
    slopes: dict[tuple[int, int], Tensor | None] = field(default_factory=dict)
    # value -> the derivatives of its sum by the parameters
    derivatives: dict[int, list[Tensor]] = field(default_factory=dict)
    answers: dict[Key, bool] = field(default_factory=dict)  # to questions about two values

    @cached_property
    def changing(self) -> int:
        """How many parameters does the step change here?"""
        return sum(map(bool, map(largest, self.changes)))

    @cached_property
    def telling(self) -> list[Tensor]:
        """For a quick test: of each parameter, the numbers that change most, and some of all."""
        return [_telling(change.reshape(-1)) for change in self.changes]

    def is_faint(self, i: int) -> bool:
        """Does parameter i change by nothing, or by nearly nothing beside the others?"""
        return largest(self.changes[i]) <= FAINT * max(map(largest, self.changes))


def _telling(change: Tensor) -> Tensor:
    if len(change) <= 2 * FEW_NUMBERS:
        return torch.arange(len(change))
    some = torch.linspace(0, len(change) - 1, FEW_NUMBERS).long()
    return torch.cat([change.abs().topk(FEW_NUMBERS).indices, some])


class Bench:
    """One network of the script, with the points at which it is examined."""

    def __init__(self, tape: Tape, network: Network, clock: Clock, ties: bool = False) -> None:
        self.tape, self.network, self.clock, self.ties = tape, network, clock, ties
        self.parameters = network.parameters
        self.names = [
            network.states[i].name or f"parameter {n}" for n, i in enumerate(self.parameters, 1)
        ]
        self.steps = network.steps
        self.tied: dict[tuple[int, bool], Values] = {}  # (step, moved) -> where two numbers tie
        self.inner: Inner = {}  # the gradient inside an optimiser, instead of the change
        self.states_move = False  # Does an optimiser's state have numbers other than zero?
        self.states_kept = False  # does it have those of the run, as a step divides by them?
        self.left_out: dict[int, list[int]] = {}  # step -> values that are taken as zero
        self._views: dict[int, View] = {}
        self._runs: dict[tuple[int, int | None, float, bool], Values | None] = {}
        self._more: dict[int, list[Point]] = {}
        self.chosen = self._choose()
        self.points: list[Point] = []

    def view(self, k: int) -> View:
        if k not in self._views:
            self._views[k] = View(self.tape, self.network, k)
        return self._views[k]

    @kept
    def remembered(self, k: int) -> list[int]:
        """What the updates of a step read of the step before: a momentum.

        Such a value is made, element by element, of values that the step before has put into its
        own updates, and whose like the step puts into its updates again. Or all that the updates
        read, number by number, of the step before adds a multiple of its change.
        """
        nodes, view, before = self.tape.nodes, self.view(k), self.view(max(k - 1, 0))
        users = self._read_of_before(k)
        found = []
        for a in users:
            stack, seen, alike = [a], set[int](), True
            while stack and alike:
                n = stack.pop()
                if n in seen or n not in before.inside:
                    continue
                seen.add(n)
                again = view.groups.get(before.key(n), ()) if before.reaches[n] else ()
                if n in before.starts:  # an old weight
                    alike = False
                elif not again or not view.only_moves.issuperset(again):
                    alike = nodes[n].op in NUMBER_BY_NUMBER
                    stack += nodes[n].inputs
            if alike:
                found.append(a)
        return users if len(found) < len(users) and self._is_last_change(k) else found

    def _as_nothing(self, k: int, some: Iterable[int], given: Mapping[int, Tensor]) -> Values:
        """Numbers for what a step reads of the one before, such that it adds nothing.

        A change is zero; what a parameter was in the step before is what it is now.
        """
        found, before, tape = Values(), {}, self.tape
        if k:
            before = {n: i for i, n in self.steps[k - 1].start.items()}
        for n in some:
            # the parameter, of which it may be a row or a number
            was = tape.origin(n, SAME_NUMBERS | PARTS, before)
            if was in before:
                now = {was: given[self.steps[k].start[before[was]]].detach()}
                found[n] = replay.run(tape, [n], now, self.ties)[n]
            else:
                found[n] = torch.zeros(tape.nodes[n].shape, dtype=torch.float64)
        return found

    @kept
    def _read_of_before(self, k: int) -> list[int]:
        """The values of the step before that the updates of a step read number by number."""
        if k == 0:
            return []
        nodes, view, before = self.tape.nodes, self.view(k), self.view(k - 1)
        of_others = {n for s in self.network.of_others for n in s.nodes} - before.only_moves
        users: dict[int, list[int]] = {}
        for n in view.step.nodes:
            for a in nodes[n].inputs if view.reaches[n] and n not in view.starts else ():
                known = a in view.inside or a in of_others
                if not known and a in before.inside:
                    users.setdefault(a, []).append(n)
        return [
            a
            for a, by in users.items()
            if all(n in view.only_moves and nodes[n].op in NUMBER_BY_NUMBER for n in by)
        ]

    def _is_last_change(self, k: int) -> bool:
        """Does what the updates read of the step before add a multiple of that step's change?

        It may be the change with its own momentum, or without it.
        """
        now, then = self._read_of_before(k), self._read_of_before(k - 1)
        try:
            moved, without = (self._recorded_changes(k, some) for some in ((), now))
            changes = [self._recorded_changes(k - 1, some) for some in ((), then)]
        except (replay.CannotReplay, RuntimeError):
            return False
        of_each = [(a - b).reshape(-1) for a, b in zip(moved, without, strict=True)]
        with_one = [i for i, x in enumerate(of_each) if x.any()]  # a bias may have no momentum
        if not with_one:
            return False
        added = torch.cat([of_each[i] for i in with_one])
        lasts = (torch.cat([before[i].reshape(-1) for i in with_one]) for before in changes)
        return len(added) > 2 and any(_is_multiple(added, last) for last in lasts)

    def _recorded_changes(self, k: int, some: Iterable[int]) -> list[Tensor]:
        """The changes that a step of the run would make if some values added nothing."""
        step = self.steps[k]
        known = {n: self.tape.nodes[n].value for n in step.start.values()}
        given = {n: replay.tensor(x).double() for n, x in known.items() if x is not None}
        if len(given) < len(known):
            raise replay.CannotReplay("the numbers that the step begins with were not kept")
        given |= self._as_nothing(k, some, given)
        values = replay.run(self.tape, step.end.values(), given, self.ties)
        return [values[step.end[i]] - values[step.start[i]] for i in self.parameters]

    def where(self, id: int) -> str:
        return self.tape.code.where(self.tape.nodes[id].line)

    def multipliers(self, ids: Iterable[int]) -> set[float]:
        """The single numbers that are a factor of some product, without their signs."""
        nodes, found = self.tape.nodes, set[float]()
        for n in ids:
            for a in nodes[n].args if nodes[n].op == "multiply" else ():
                leaf = nodes[a.id] if isinstance(a, Ref) else None
                if isinstance(a, int | float):
                    found.add(abs(float(a)))
                elif leaf and leaf.op == "leaf" and leaf.value is not None and not leaf.value.ndim:
                    found.add(abs(float(leaf.value)))
        return found

    @cached_property
    def behind_others(self) -> set[int]:
        """What the updates of other networks are made of: none of it is a loss."""
        updates = (n for s in self.network.of_others for n in s.updates)
        return self.tape.behind(updates, range(len(self.tape.nodes)))

    @cached_property
    def typed(self) -> set[float]:
        """The numbers in the text of the script."""
        found = re.findall(NUMBER, "\n".join(self.tape.code.lines))
        return {float(x.replace("_", "")) for x in found}

    @cached_property
    def literals(self) -> set[float]:
        """The numbers in the text of the script, and those made of one with decimal places.

        ``rate / 10`` is a rate, ``2 / n`` is a part of a mean.
        """
        typed = self.typed
        parts = [x for x in typed if x % 1] if len(typed) <= MOST_LITERALS else []
        return (
            typed
            | {a * b for a in parts for b in typed}
            | {a / b for a in parts for b in typed if b}
        )

    def _choose(self) -> list[int]:
        """The steps to look at: those with more values first.

        There is one for each different sample, and for each way that the script takes with it.
        """
        lengths = [len(step.nodes) for step in self.steps]
        numbers = self.numbers
        short = [k for k, n in enumerate(lengths) if n <= LONGEST_STEP]
        whole = [k for k in short if numbers[k] <= LARGEST_STEP]
        if not whole:
            much = (
                f"{min(numbers):,} numbers, which takes too much memory"
                if short
                else f"{min(lengths):,} operations, which takes too long"
            )
            raise CannotTell(
                f"an update is made of {much} to repeat: give it fewer samples for each update"
            )
        first = 1 if len(self.steps) > 2 else 0  # the first step has zeros, and no momentum yet
        last = len(self.steps) - (len(self.steps) > 3)  # the tape may end within the last step
        candidates = [k for k in whole if first <= k < last] or [*whole]
        # a step that moves nothing tells less: a perceptron does not move if its answer is right
        moving = {k for k in candidates if any(self._moves(k, i) for i in self.parameters)}
        candidates.sort(key=lambda k: k not in moving)
        size = max(1, *(numbers[k] for k in candidates))
        runs = (1 + len(MOVES)) * (1 + _roundings(size))
        most = min(MOST_REPEATED // (3 * min(lengths)), MOST_NUMBERS // (runs * size))
        most = max(2, min(MOST_STEPS, most))
        kinds: dict[int, list[int]] = {}  # a step that also computes a loss is longer
        seen: set[int] = set()
        for k in candidates:
            mark = hash((self._data(k), *self._places(k))) if len(seen) < 200 else k
            if mark not in seen:
                seen.add(mark)
                kinds.setdefault(lengths[k], []).append(k)
        longest = sorted(kinds, key=lambda n: (-len(kinds[n]), -n))
        # if only some steps compute a loss, two of them
        chosen = [k for n in sorted(kinds, reverse=True)[:1] for k in kinds[n][:2]]
        # if W[i] -= dW has the same i twice, one of the two changes is lost
        repeating = (k for k in candidates if k not in chosen and self._repeats(k))
        chosen = [*islice(repeating, 2), *chosen]
        often = [kinds[n] for n in longest if len(kinds[n]) > 1]  # not the last one, cut short
        spread = list[list[int]]()
        for found in often:
            parts = [k for k in found if k in moving], [k for k in found if k not in moving]
            spread.append([k for some in parts for k in some[:: max(1, len(some) // most)]])
        for some in zip_longest(*spread):  # the same samples may always take the same branch
            chosen += [k for k in some if k is not None and k not in chosen]
        chosen += [k for n in longest for k in kinds[n] if k not in chosen and [k] == kinds[n]]
        if len(chosen) < 2:
            chosen += [k for k in candidates[:: max(1, len(candidates) // 2)] if k not in chosen]
        if first and len(chosen) < 2 and 0 in whole:
            chosen.append(0)
        return sorted(self._moving(chosen[:most], [*candidates, *whole]))

    @cached_property
    def numbers(self) -> list[int]:
        """How many numbers does each repeated step hold?"""
        return [*map(self._numbers, range(len(self.steps)))]

    def _numbers(self, k: int) -> int:
        """The numbers of one step, beside parts and other shapes that nothing is made of."""
        made = [self.tape.nodes[n] for n in self.steps[k].nodes]
        all_of_them = sum(math.prod(n.shape) for n in made if n.op not in SAME_NUMBERS)
        if all_of_them < MANY_NUMBERS:
            return all_of_them
        ends = {*self.steps[k].end.values()}
        read = ends.union(*(n.inputs for n in made))
        made = [n for n in made if n.id in read or n.op not in PARTS]
        chains = writes(self.tape, made, ends)
        return sum(math.prod(n.shape) for n in made if n.op not in SAME_NUMBERS) - sum(
            math.prod(n.shape) for w in chains for n in w.nodes[:-1]
        )

    def _places(self, k: int) -> Iterable[object]:
        """Where the script computes the values of a step."""
        return (self.tape.nodes[n].site for n in self.steps[k].nodes)

    def _moving(self, chosen: list[int], candidates: list[int]) -> list[int]:
        """The same steps and, if they do not move some parameters, one that moves these.

        Every fourth step may be of the same sample, and that may have a zero for an input.
        """
        for i in self.parameters:
            moving = (k for k in (*chosen, *candidates) if self._moves(k, i))
            k = next(moving, None)
            if k is None:  # perhaps only the numbers of the run have right answers for its samples
                known = {*map(self._data, chosen)}
                others = {self._data(j): j for j in reversed(candidates[:MOST_OTHERS])}
                chosen += [j for mark, j in others.items() if mark not in known][:2]
            elif k not in chosen:
                chosen.append(k)
        return chosen

    def _moves(self, k: int, i: int) -> bool:
        """Does a step of the run change a parameter?"""
        old, new = (self.tape.nodes[n[i]].value for n in (self.steps[k].start, self.steps[k].end))
        return old is None or new is None or not np.array_equal(old, new)

    def _repeats(self, k: int) -> bool:
        """Does an assignment of the step have an index that names an element twice?"""
        nodes, step = self.tape.nodes, self.steps[k]
        before = {*step.start.values()}
        assigned = (n for n in step.nodes if nodes[n].op == "assign" and n not in before)
        for node in (nodes[n] for n in assigned):
            for value in (nodes[i].value for i in node.inputs[1:] if nodes[i].dtype == "i"):
                if value is not None and value.ndim and len(np.unique(value)) < value.size:
                    return True
        return False

    def _data(self, k: int) -> int:
        step, nodes, inside = self.steps[k], self.tape.nodes, set(self.steps[k].nodes)
        mark: list[object] = [len(step.nodes)]
        for n in step.nodes:
            for a in nodes[n].inputs:
                if a not in inside and nodes[a].value is not None:
                    value = nodes[a].value
                    assert value is not None
                    mark.append(value.tobytes() if value.size < 2_000 else a)
        return hash(tuple(mark))

    # ---------------------------------------------------------------- numbers

    def _given(self, k: int, seed: int | None, size: float, keep: bool) -> Values:
        """The parameters that a step begins with, moved; an optimiser's states are zero."""
        draw = torch.Generator().manual_seed(seed or k)
        given = {}
        for i, n in self.steps[k].start.items():
            node = self.tape.nodes[n]
            state = self.network.states[i]
            known = node.value is not None
            value = (
                replay.tensor(node.value).double() if known else torch.zeros(node.shape).double()
            )
            if i in self.parameters or state.carried:
                parameter = not state.carried
                if not known or (parameter and seed is not None):
                    spread = min(0.5, 1 / math.sqrt(max(node.shape, default=1)))
                    noise = torch.randn(node.shape, generator=draw, dtype=torch.float64)
                    value = (value if keep else 0) + (size or 0.6) * spread * noise
                given[n] = value.clone().requires_grad_(parameter)
            else:
                given[n] = value if self.states_kept else torch.zeros_like(value)
                if self.states_move:
                    given[n] += 0.1 * torch.randn(node.shape, generator=draw, dtype=torch.float64)
        return given

    def point(self, k: int, seed: int | None, size: float = 0.0, keep: bool = True) -> Point | None:
        """One step at one set of parameters; None if the script would have taken another branch."""
        key = (k, seed, size, keep)
        if self.left_out or self.states_move:
            values = self._run(*key)
        else:  # what the changes are read from may be another at the next question
            if key not in self._runs:
                self._runs[key] = self._run(*key)
            values = self._runs[key]
        if values is None:
            return None
        leaves = [values[self.steps[k].start[i]] for i in self.parameters]
        changes = [self.change(k, i, values).detach() for i in self.parameters]
        if not all(bool(torch.isfinite(c).all()) for c in changes):
            return None
        return Point(k, seed is not None, values, leaves, changes, seed or 0)

    def _run(self, k: int, seed: int | None, size: float, keep: bool) -> Values | None:
        self.clock.check()
        step = self.steps[k]
        given = self._given(k, seed, size, keep)
        given |= self._as_nothing(k, self.remembered(k), given)
        for n in self.left_out.get(k, ()):
            given[n] = torch.zeros(self.tape.nodes[n].shape, dtype=torch.float64)
        inside = self.view(k).inside
        branches = {n: answer for n, answer in self.tape.branches if n in inside}
        try:
            values = self._plan(k, tuple(given)).run(given, self.ties, branches=branches)
        except replay.OtherBranch:
            return None
        equal = self._ties(step, values)
        if equal or self._equal_largest(k, values):
            self.tied.setdefault((k, seed is not None), values)
        if equal and seed is None:
            return None  # the derivative of relu at 0 is a convention
        return values

    @kept
    def _plan(self, k: int, given: tuple[int, ...]) -> replay.Plan:
        """How to repeat a step."""
        step = self.steps[k]
        return replay.Plan(self.tape, step.end.values(), given, step.nodes)

    def make_points(self) -> None:
        self._more.clear()
        self.points = []
        for k in self.chosen:
            found = [self.point(k, None)]
            few = self.numbers[k] > VERY_LARGE and len(self.chosen) > 1
            for seed, size, keep in MOVES[: 1 if few else None]:
                found.append(self._moving_point(k, k + seed, size, keep))
            self.points += [p for p in found if p is not None]
        self.points += self._unsaturated()
        states = any(s.optimiser for s in self.network.states)
        if not self.points and states and not self.states_kept:
            self.states_kept = True
            self._runs.clear()
            self.make_points()
        self.points = _without_diverged(self.points)

    def _moving_point(self, k: int, seed: int, size: float, keep: bool) -> Point | None:
        """A point at which the step changes something, if a few draws find one."""
        first = None
        for n in range(MOST_DRAWS):
            draw = seed + 10_000 * n
            p = self.point(k, draw, size, keep and not n) or self._near(k, draw, size)
            if p is None or p.changing:
                return p or first
            first = first or p
        return first

    def _unsaturated(self) -> list[Point]:
        """Points with smaller weights, if saturated units leave a parameter without a gradient."""
        still = [i for i in range(len(self.parameters)) if all(p.is_faint(i) for p in self.points)]
        found = []
        for k in self.chosen[:MOST_UNSATURATED] if still else ():
            size, seed = MOVES[-1][1], k + MOVES[-1][0]
            some = (self.point(k, seed, size / smaller, keep=False) for smaller in SMALLER)
            found += [p for p in some if p is not None and not all(map(p.is_faint, still))][:1]
        return found

    def _near(self, k: int, seed: int, size: float) -> Point | None:
        """A point as far from the run's numbers as the script still takes the same branches."""
        near = (self.point(k, seed, size / closer) for closer in CLOSER)
        return next((p for p in near if p is not None), None)

    def near_points(self, size: float = 0.02) -> None:
        """The same with moves so small that no clip begins to cut."""
        found = [p for p in self.points if not p.moved]
        for k in self.chosen:
            more = [self.point(k, k + seed, size) for seed in (3001, 3002)]
            found += [p for p in more if p is not None]
        self.points = sorted(found, key=lambda p: p.step)

    def more_points(self, k: int) -> list[Point]:
        """At least four points of a step at which the script would take the same branches."""
        points = [p for p in self.points if p.step == k]
        if k not in self._more:
            seeds = [k + seed for seed in (7001, 7002)] if len(points) < 5 else []
            found = (self.point(k, seed, 0.4) or self._near(k, seed, 0.4) for seed in seeds)
            self._more[k] = [p for p in found if p is not None]
        return points + self._more[k]

    def noisy(self, point: Point) -> list[tuple[Values, list[Tensor], list[Tensor]]]:
        """(values, leaves, changes) of runs in which every result is off by one unit at its end."""
        if not point.noisy:
            step, begin = self.steps[point.step], self.view(point.step).begin
            for seed in range(_roundings(self.numbers[point.step])):
                self.clock.check()
                draw = torch.Generator().manual_seed(seed)
                given = {
                    n: point.values[n].detach().clone().requires_grad_(n in begin)
                    for n in (
                        *step.start.values(),
                        *self.remembered(point.step),
                        *self.left_out.get(point.step, ()),
                    )
                }
                given |= {n: _off_by_one_unit(x, draw) for n, x in self._products(point.step)}
                plan = self._plan(point.step, tuple(given))
                values = plan.run(given, self.ties, rounding=draw)
                leaves = [values[step.start[i]] for i in self.parameters]
                changes = [self.change(point.step, i, values).detach() for i in self.parameters]
                point.noisy.append((values, leaves, changes))
        return point.noisy

    @kept
    def _products(self, k: int) -> list[tuple[int, Tensor]]:
        """What a step reads of products in float32, as ``rate * X.T``, which it does not repeat."""
        nodes = self.tape.nodes
        return [
            (i, replay.tensor(value).double())
            for i in sorted(self.view(k).read(self.steps[k].nodes))
            if nodes[i].op in ("multiply", "divide")
            if (value := nodes[i].value) is not None and value.dtype.str[1:] == "f4"
        ]

    def _ties(self, step: Step, values: Values) -> bool:
        """Does a comparison meet two equal numbers?"""
        for n in step.nodes:
            node = self.tape.nodes[n]
            if node.op in COMPARISONS and len(node.args) == 2:
                a, b = (
                    values.get(x.id) if isinstance(x, Ref) else replay.tensor(x) for x in node.args
                )
                if a is not None and b is not None and bool((a == b).any()):
                    return True
        return False

    def ties_matter(self) -> bool:
        """Would a derivative change if the other of two equal numbers counted as the maximum?

        Mostly not: the equal numbers are under a ReLU and all zero, and so are their derivatives.
        """
        return any(self._tie_matters(k, values) for (k, _), values in self.tied.items())

    def _tie_matters(self, k: int, values: Values) -> bool:
        step, nodes = self.steps[k], self.tape.nodes
        begin = {n: values[n].detach().requires_grad_() for n in self.view(k).begin}
        known = {*step.start.values(), *self.remembered(k), *self.left_out.get(k, ())}
        given = {n: values[n].detach() for n in known} | begin
        chosen = [n for n in step.nodes if nodes[n].op in FIRST_OF_EQUAL and n in values]
        grads = []
        for ties in (False, True):
            again = replay.run(self.tape, chosen, given, ties)
            draw = torch.Generator().manual_seed(k)
            some = [again[n] for n in chosen if again[n].requires_grad]
            weights = (torch.randn(x.shape, generator=draw, dtype=torch.float64) for x in some)
            total = sum(
                ((w * x).sum() for w, x in zip(weights, some, strict=True)), torch.zeros(())
            )
            found = torch.autograd.grad(total, [*begin.values()], allow_unused=True) if some else []
            grads.append([g for g in found if g is not None])
        return any(
            not torch.allclose(a, b, rtol=1e-9, atol=0.0) for a, b in zip(*grads, strict=True)
        )

    def _equal_largest(self, k: int, values: Mapping[int, Tensor]) -> bool:
        """Do several places have the maximum or minimum of many numbers, as in a blank image?

        One that is only subtracted from these numbers, as in a softmax, changes nothing.
        """
        users, nodes = self.view(k).users, self.tape.nodes
        for n in self.steps[k].nodes:
            node = nodes[n]
            if node.op not in EXTREMES or n not in values or node.inputs[0] not in values:
                continue
            if all(nodes[m].inputs[0] == node.inputs[0] for m in users.get(n, ())):
                continue
            x = values[node.inputs[0]]
            usual = 0 if node.op.endswith(".reduce") else None
            axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("axis", usual)
            top = TWINS[node.op](x, axis, keepdims=True)
            if int((x == top).sum()) > top.numel():
                return True
        return False

    # ---------------------------------------------------------------- the changes

    def change_nodes(self, k: int, i: int) -> list[tuple[int, float]] | None:
        """The terms that are added to a parameter: [(node, sign), ...]; None if it is not a sum."""
        if (k, i) in self.inner:
            return [self.inner[k, i]]
        begin, id = self.steps[k].start[i], self.steps[k].end[i]
        parts: list[tuple[int, float]] = []
        for _ in range(8):
            node = self.tape.nodes[id]
            if id == begin or (node.op in JOINS and equal(node, self.tape.nodes[begin])):
                return parts  # its parts have been joined again
            if node.op not in ("add", "subtract") or not all(isinstance(a, Ref) for a in node.args):
                return None
            a, b = (x.id for x in node.args)
            if self._descends(a, begin):
                parts.append((b, -1.0 if node.op == "subtract" else 1.0))
                id = a
            elif node.op == "add" and self._descends(b, begin):
                parts.append((a, 1.0))
                id = b
            else:
                return None
        return None

    def _descends(self, id: int, begin: int) -> bool:
        """Is `id` the old value itself, or a value on the way from it by adding?"""
        for _ in range(8):
            node, was = self.tape.nodes[id], self.tape.nodes[begin]
            if id == begin or (node.op in JOINS and equal(node, was)):
                return True
            if node.op not in ("add", "subtract") or node.shape != self.tape.nodes[begin].shape:
                return False
            if not isinstance(node.args[0], Ref):
                return False
            id = node.args[0].id
        return False

    def change(self, k: int, i: int, values: Mapping[int, Tensor]) -> Tensor:
        begin, end = self.steps[k].start[i], self.steps[k].end[i]
        parts = self.change_nodes(k, i)
        if parts is None:
            return values[end] - values[begin]
        total = torch.as_tensor(sum(sign * values[n] for n, sign in parts), dtype=torch.float64)
        if (k, i) in self.inner:
            part = self.tape.nodes[end]
            put = self.tape.nodes[part.inputs[-1]]
            if part.op == "assign" and total.numel() == math.prod(put.shape):
                rest = {part.inputs[0]: torch.zeros_like(values[begin]), part.inputs[-1]: total}
                return replay.apply(self.tape, part, {**values, **rest}, self.ties)
            return total.reshape(values[begin].shape)
        return total.expand_as(values[begin]) if total.ndim <= values[begin].ndim else total

    def again(self, point: Point, replaced: Mapping[int, Tensor]) -> list[Tensor]:
        """The changes at a point if some of its values were different."""
        with torch.no_grad():
            return self.again_with_graph(point, replaced)

    def again_with_graph(self, point: Point, replaced: Mapping[int, Tensor]) -> list[Tensor]:
        """The same, as tensors that can be differentiated by the new values."""
        self.clock.check()
        k = point.step
        again, others = self._behind_changes(k, tuple(replaced), bool(self.inner))
        values = point.values.copy()
        values.update(replaced)
        replay.do(self.tape, again, values, self.ties)
        return [
            self.change(k, i, values) if i in others else change
            for i, change in zip(self.parameters, point.changes, strict=True)
        ]

    @kept
    def _behind_changes(
        self, k: int, replaced: tuple[int, ...], _inner: bool
    ) -> tuple[list[replay.Step], set[int]]:
        """What has to be computed again, in order, and which parameters change by something else.

        This is so if the `replaced` values are different.
        """
        view, nodes = self.view(k), self.tape.nodes
        after = view.after(replaced)
        read = self.changes_of(k)
        made = [nodes[n] for n in sorted((after - {*replaced}) & view.behind(read))]
        others = {i for i in self.parameters if not after.isdisjoint(self._change_of(k, i))}
        return replay.in_order(self.tape, made, read, sums=True), others

    def is_score(self, k: int, z: int) -> bool:
        """Is value z a score, a linear function of products with parameters?"""
        view, nodes, stack, seen = self.view(k), self.tape.nodes, [z], set[int]()
        while stack:
            n = stack.pop()
            inside = [i for i in nodes[n].inputs if i in view.inside]
            if n in seen or n in view.starts:
                continue
            seen.add(n)
            if nodes[n].op in PRODUCTS or (nodes[n].op == "multiply" and len(inside) > 1):
                continue
            if nodes[n].op not in LINEAR or len(inside) < len(nodes[n].inputs) == 1:
                return False
            stack += inside
        return True

    def at_each(self, k: int, z: int, d: int, given: Mapping[int, Tensor]) -> Tensor | None:
        """A value that is a step function of another, for sizes of the other from -5e6 to 5e6.

        Args:
            k: the step of the script.
            z: the other value.
            d: the value.
            given: values that are not computed from z.

        Returns:
            A row for each size; None if d is not a step function of z, or if it depends on the
            parameters in another way, too.

        """
        view, nodes = self.view(k), self.tape.nodes
        between = sorted(view.after([z]) & view.behind([d]) - {z})
        smooth = {z}
        for n in between:
            if nodes[n].op not in STEPS and not smooth.isdisjoint(nodes[n].inputs):
                smooth.add(n)
        if d in smooth or not view.only_through(d, z):
            return None
        outside = view.read(between)
        others = {i: replay.tensor(x) for i in outside if (x := nodes[i].value) is not None}
        if len(others) < len(outside):
            return None
        sizes = [s * 10.0**n for n in range(-3, 7) for s in (1.0, 2.0, 5.0)]
        found = []
        for size in (*(-x for x in reversed(sizes)), *sizes):
            values = {
                **others,
                **given,
                z: torch.full(nodes[z].shape, size, dtype=torch.float64),
            }
            for n in between:
                values[n] = replay.apply(self.tape, nodes[n], values, self.ties)
            found.append(values[d].detach().reshape(-1).double())
        return torch.stack(found)

    def changes_of(self, k: int) -> set[int]:
        """The values that the changes of a step are read from."""
        return {n for i in self.parameters for n in self._change_of(k, i)}

    def _change_of(self, k: int, i: int) -> set[int]:
        parts = self.change_nodes(k, i)
        return {self.steps[k].end[i]} if parts is None else {n for n, _ in parts}

    def check_replay(self) -> None:
        """Does the repeated tape give what the script computed?

        Raises:
            CannotTell: it does not.

        """
        for k in self.chosen[:2]:
            step = self.steps[k]
            self.clock.check()
            known = {n: self.tape.nodes[n].value for n in step.start.values()}
            if any(v is None for v in known.values()):
                continue
            # what the script has rounded stays as it was there
            inside = self.tape.behind(step.end.values(), {*step.nodes})
            rounded = {n for n in inside if self.tape.nodes[n].op == "rounded"}
            self._check_rounding(rounded)
            # and two numbers that are equal in float32 need not be so in float64
            compared = {n for n in inside if self.tape.nodes[n].dtype == "b"}
            known |= {n: self.tape.nodes[n].value for n in rounded | compared}
            given = {n: replay.tensor(v) for n, v in known.items() if v is not None}
            given = {n: x if n in compared else x.double() for n, x in given.items()}
            values = replay.run(self.tape, step.end.values(), given, self.ties)
            states = {*step.start.values(), *step.end.values()}
            for id in sorted(values):
                self._compare(self.tape.nodes[id], values[id], id in states)

    def _check_rounding(self, rounded: set[int]) -> None:
        """Does each place of the script that rounds leave its numbers nearly as they were?"""
        sizes: dict[object, float] = defaultdict(float)
        moved: dict[object, float] = defaultdict(float)
        for node in (self.tape.nodes[n] for n in sorted(rounded)):
            was, now = self.tape.nodes[node.inputs[0]].value, node.value
            if was is not None and now is not None:
                sizes[node.site] = max(sizes[node.site], float(np.abs(was).max(initial=0)))
                moved[node.site] = max(moved[node.site], float(np.abs(now - was).max(initial=0)))
        for n in sorted(rounded):
            site = self.tape.nodes[n].site
            if moved[site] > ROUNDED * sizes[site]:
                raise CannotTell(
                    f"{self.where(n)} rounds by more than {ROUNDED:.0%} of its numbers: the step "
                    "cannot be repeated without that"
                )

    def _compare(self, node: Node, again: Tensor, state: bool) -> None:
        if node.value is None or node.dtype != "f":
            return
        if not node.shape and again.ndim == 0 and float(node.value) == float(again):
            return  # nearly all, where each number is an array of its own
        was, now = replay.tensor(node.value).double(), again.double()
        finite = torch.isfinite(was)
        if state and not bool(finite.all()):
            raise CannotTell(f"{node.name or node.op} on {self.where(node.id)} is not finite")
        same = was.shape == now.shape and torch.equal(finite, torch.isfinite(now))
        off = largest((was - now)[finite]) if same else math.inf
        allowed = REPEATED_FLOAT32 if node.value.dtype.str[1:] == "f4" or self.float32 else REPEATED
        if off > allowed * (largest(was[finite]) + 1e-3):
            raise CannotTell(
                f"the operation {node.op} on {self.where(node.id)} could not be repeated exactly"
            )

    @cached_property
    def float32(self) -> bool:
        # gradcheck's calls of a function are in float64, beside those of a training in float32
        values = (self.tape.nodes[i].value for s in self.steps for i in s.start.values())
        return any(v is not None and v.dtype.str[1:] == "f4" for v in values)


def _is_multiple(x: Tensor, of: Tensor) -> bool:
    """Is x another tensor times a factor that is above zero and at most 1?"""
    below = float((of * of).sum())
    factor = float((x * of).sum()) / below if below else 0.0
    return 0 < factor <= 1 and largest(x - factor * of) <= 1e-6 * largest(x)


def _off_by_one_unit(x: Tensor, draw: torch.Generator) -> Tensor:
    """Other numbers that are as near to these as float32 has any."""
    return x * (1 + 2**-24 * torch.randn(x.shape, generator=draw, dtype=torch.float64))


def _roundings(numbers: int) -> int:
    return ROUNDINGS if numbers < MANY_NUMBERS else 1


def equal(a: Node, b: Node) -> bool:
    """Have both the same numbers, as far as these are known?"""
    return a.value is not None and b.value is not None and np.array_equal(a.value, b.value)


def largest(x: Tensor) -> float:
    """The largest absolute value; 0 for an empty tensor."""
    return float(x.detach().abs().max()) if x.numel() else 0.0


def is_finite(x: Tensor) -> bool:
    """Is every element a number? If their sum is one, then each of them is."""
    return math.isfinite(float(x.detach().sum())) or bool(torch.isfinite(x).all())


def _without_diverged(points: list[Point]) -> list[Point]:
    """Leave out points whose numbers are so large that the training must have diverged there."""
    sizes = [max(map(largest, p.changes), default=0.0) for p in points]
    middle = sorted(sizes)[len(sizes) // 2] if sizes else 0.0
    kept = [p for p, size in zip(points, sizes, strict=True) if size <= DIVERGED * middle]
    return kept if middle and len({p.step for p in kept if p.moved}) > 1 else points
