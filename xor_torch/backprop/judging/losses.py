"""Which loss do a script's updates follow? Found by trying.

The forward pass on the tape is repeated in torch, autograd differentiates a loss, and the
script's own updates, repeated by the same tape, are compared with that: at the numbers of the
run, and at parameters moved away from there, because many a mistake is invisible at a symmetric
start. Candidates are the script's own loss variable, squared and absolute errors, and
cross-entropies. A loss explains the updates if ONE factor (learning rate and convention) does for
all parameters, element by element.
"""

import itertools
import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from .. import replay
from ..operations import COMPARISONS
from ..tape import Node, Ref, Tape
from .steps import Network, Step

Tensor = torch.Tensor
Values = dict[int, Tensor]

# Both sides are computed in float64 from the same tape: agreement is 1e-13 or better.
RTOL = 1e-9
FLOOR = 1e-13  # of the largest value that the same array has at any point
# times the usual change of a step: where a training diverges, the largest value of an array is no
# measure of what may be rounding elsewhere
DIVERGED = 1e6
# Of the largest gradient of a parameter: what is smaller agrees with many a loss to `FLOOR`.
TELLING = 1e-6
# Where all answers of a softmax are as near as this to their targets, rounding is as large as RTOL
# of what autograd has left of the derivative: it passes through 1 / p - 1.
LEARNED = 1e-7
# A prediction that is no nearer to 0 and 1 than this tells which value it is the sigmoid of.
NEAR_0 = 1e-6
SQUASHED_IN = 8  # operations at most that a sigmoid or a softmax is written in
# A recorded value and the same value repeated.
SAME = 1e-6
SAME_FLOAT32 = 1e-2

ROUNDINGS = 3  # runs that show how much of a value is rounding
# A relative difference that a constant such as 1e-5 in a division makes.
NEARLY = 1e-3
# If several losses explain the updates alike, the one to name.
ORDER = {"SSE": 0, "CE": 1, "BCE": 2, "own": 3, "MAE": 4}
MAX_STEPS = 40  # steps that are looked at, distinct samples first
NUDGED_STEPS = 12
# Of one step: each of its values is compared with each derivative.
MAX_OPERATIONS = 10_000


class CannotTell(Exception):  # noqa: N818 - a verdict, not an error
    """No verdict is possible; the message says why and what the user can do."""


@dataclass
class Point:
    """One step, computed at one set of parameters."""

    step: int
    nudged: bool
    values: dict[int, Tensor]
    leaves: list[Tensor]  # the parameters
    changes: list[Tensor]  # what the step adds to each
    rounding: list[float]  # of the changes, where they are known only as new minus old
    certain: list[bool] = field(default_factory=list)  # `Case.certain`, once it was asked for


@dataclass
class Term:
    """A loss computed at one place of one step."""

    function: Callable[[Values], Tensor]
    source: int  # the value where the target comes in, or the loss itself
    prediction: int | None = None
    target: int | float | None = None
    error: Callable[[Values], Tensor] | None = None  # of the prediction
    size: int = 1  # of the prediction
    # the same from the value that the prediction is the sigmoid or the softmax of: its gradient
    # is exact where log(1 - p) is not
    of_logits: Callable[[Values], Tensor] | None = None


def total(id: int) -> Term:
    """The script's own loss."""
    return Term(lambda values: values[id].sum(), id)


def log_likelihood(id: int, node: Node) -> Term:
    """Of the probabilities that ``p[range(n), labels]`` picks."""
    return Term(
        lambda values: -values[id].log().sum(),
        id,
        node.inputs[0],
        error=lambda values: 1 - values[id],
        size=math.prod(node.shape),
    )


@dataclass
class Loss:
    """A candidate: what it is and where in the script; its terms of each step are added up."""

    kind: str  # "SSE", "BCE", "CE", "MAE", "own", or "delta": known is only its derivative
    place: tuple[Any, ...]
    name: str
    terms: dict[int, list[Term]] = field(default_factory=dict)

    def size_of(self, k: int) -> int:
        """How many numbers a step predicts."""
        return sum(term.size for term in self.terms.get(k, ()))

    def of(self, point: "Point", logits: bool = False) -> Tensor | None:
        """Its value at a point; None if that cannot be computed.

        Of the `logits`, where they are known, or of the predictions.
        """
        terms = self.terms.get(point.step, [])
        if not terms or any(t.source not in point.values for t in terms):
            return None
        functions = [(logits and t.of_logits) or t.function for t in terms]
        return torch.stack([f(point.values) for f in functions]).sum()

    def derivatives(self, point: "Point", ids: list[int]) -> list[Tensor | None]:
        """With respect to values of a point; None where it does not depend on one."""
        of, found = [point.values[n] for n in ids], list[Tensor | None]([None] * len(ids))
        known = any(t.of_logits for t in self.terms.get(point.step, ()))
        # what comes after the logits has a derivative, too
        for logits in (True, False) if known else (False,):
            value = self.of(point, logits)
            if value is not None:
                more = torch.autograd.grad(value, of, retain_graph=True, allow_unused=True)
                found = [a if a is not None else b for a, b in zip(found, more, strict=True)]
        return found


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

    def in_scale(self) -> list[bool]:
        """Which parameters follow the gradient with the factor that most of them share."""
        good = [i for i, ok in enumerate(self.explained()) if ok]
        if not good:
            return [False] * len(self.error)
        # the last in the order of updates decides a tie? no: the first, the output layer's
        leader = max(good, key=lambda i: sum(self.alike(i, j) for j in good))
        return [i in good and self.alike(i, leader) for i in range(len(self.error))]

    @property
    def scale(self) -> float:
        """That factor."""
        return next((self.factor(i) for i, ok in enumerate(self.in_scale()) if ok), math.nan)

    @property
    def perfect(self) -> bool:
        return all(self.in_scale()) and self.scale > 0

    def steady(self) -> bool:
        """Is it the same at every step, or does it at least only fall or only rise?"""
        found = sorted(self.factors[self.in_scale().index(True)].items())
        # the mean over a mini-batch: the last one may be smaller
        if _all_close([v * self.loss.size_of(k) for k, v in found]):
            return True
        values = [v for _, v in found]
        if _all_close(values):
            return True
        rises = [b >= a * (1 - 1e-9) for a, b in itertools.pairwise(values)]
        falls = [b <= a * (1 + 1e-9) for a, b in itertools.pairwise(values)]
        return all(rises) or all(falls)


def _close(a: float, b: float, rtol: float = 1e-7) -> bool:
    return abs(a - b) <= rtol * max(abs(a), abs(b))


def _all_close(values: list[float]) -> bool:
    return all(_close(v, values[0], 1e-6) for v in values)


class Case:
    """One network of the script, with the points at which it is examined."""

    def __init__(
        self,
        tape: Tape,
        network: Network,
        ties: bool = False,
        inside: dict[tuple[int, int], tuple[int, float]] | None = None,
    ) -> None:
        self.tape, self.network = tape, network
        # {(step, state): (value, sign)} in place of what is added to a parameter, if an optimiser
        # makes that of it
        self.inside = inside or {}
        self.parameters = network.parameters
        self.names = [
            network.states[i].name or f"parameter {n}" for n, i in enumerate(self.parameters, 1)
        ]
        self.steps = network.steps
        shortest = min(len(step.nodes) for step in self.steps)
        if shortest > MAX_OPERATIONS:
            raise CannotTell(
                f"an update is made of {shortest:,} operations, which takes too long to repeat: "
                "give it fewer samples for each update"
            )
        self.chosen = _choose(tape, network)
        self.float32 = any(
            n.value is not None and n.value.dtype.str[1:] == "f4"
            for n in (tape.nodes[i] for i in self.steps[0].start.values())
        )
        self.ties, self.tied = ties, False
        self.values_of_states = {n for step in self.steps for n in step.start.values()}
        # losses that are finite at the numbers of the run, but not at moved parameters
        self.saturated: set[tuple[Any, ...]] = set()
        self.calm: bool | None = None  # see `with_calm_points`
        self.points = self._points()

    def turn(self, signs: dict[tuple[int, int], float]) -> None:
        """Of a gradient inside an optimiser: is it added (1) or subtracted (-1)?"""
        for at, (node, _) in self.inside.items():
            self.inside[at] = node, signs[at]
        self.points = self._points()

    def where(self, id: int) -> str:
        """The line of a value, in words."""
        return self.tape.code.where(self.tape.nodes[id].line)

    # -- numbers

    def start(self, k: int, i: int) -> int:
        return self.steps[k].start[i]

    def end(self, k: int, i: int) -> int:
        return self.steps[k].end[i]

    def needed(self, k: int) -> set[int]:
        """The values of a step that its updates are made of."""
        return self.tape.behind(self.steps[k].end.values(), {*self.steps[k].nodes})

    def _given(
        self, k: int, generator: torch.Generator | None, size: float, keep: bool
    ) -> dict[int, Tensor]:
        """The parameters that a step begins with, moved; optimiser states are zero."""
        given = {}
        for i, n in self.steps[k].start.items():
            node = self.tape.nodes[n]
            known = node.value is not None
            value = (
                replay.tensor(node.value).double() if known else torch.zeros(node.shape).double()
            )
            if i not in self.parameters:
                given[n] = torch.zeros_like(value)
                continue
            if generator is not None or not known:
                size = size or 0.6
                generator = generator or torch.Generator().manual_seed(k)
                spread = min(0.5, 1 / math.sqrt(max(node.shape, default=1)))
                noise = torch.randn(node.shape, generator=generator, dtype=torch.float64)
                value = (value if keep else 0) + size * spread * noise
            given[n] = value.clone().requires_grad_(True)
        return given

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
            states = {*step.start.values(), *step.end.values()}
            allowed = SAME_FLOAT32 if self.float32 else SAME
            for id in sorted(values):
                node = self.tape.nodes[id]
                if node.value is None or node.dtype != "f":
                    continue
                was, now = replay.tensor(node.value).double(), values[id].double()
                finite = torch.isfinite(was)
                # 1 / (1 + exp(800)) is 0, and well
                if id in states and not bool(finite.all()):
                    raise CannotTell(f"{node.name or node.op} on {self.where(id)} is not finite")
                same = was.shape == now.shape and torch.equal(finite, torch.isfinite(now))
                off = largest((was - now)[finite]) if same else math.inf
                if off > allowed * (largest(was[finite]) + 1e-3):
                    raise CannotTell(
                        f"numpy.{node.op} on {self.where(id)} could not be repeated exactly"
                    )

    def _points(self) -> list[Point]:
        points = []
        plans: list[tuple[int, int | None, float, bool]] = [
            (k, None, 0.0, True) for k in self.chosen
        ]
        nudged = self.chosen[:: max(1, len(self.chosen) // NUDGED_STEPS)][:NUDGED_STEPS]
        for k in nudged:
            # far, farther, and, should the script then take another branch, near
            plans += [(k, k + 1, 0.6, True), (k, k + 1001, 1.2, False)]
        if len(nudged) < 4:
            plans += [(k, k + seed, 0.6, True) for k in nudged for seed in (2001, 3001)]
        for k, seed, size, keep in plans:
            point = self.point(k, seed, size, keep)
            if point is None and seed is not None:
                point = self.point(k, seed, size / 20)
            if point is not None:
                points.append(point)
        kept = []
        for moved in (False, True):
            sizes = {
                n: max(float(c.abs().max()) for c in p.changes)
                for n, p in enumerate(points)
                if p.nudged == moved
            }
            usual = statistics.median([size for size in sizes.values() if size] or [0.0])
            kept += [points[n] for n, size in sizes.items() if size <= DIVERGED * usual]
        return kept

    def point(self, k: int, seed: int | None, size: float, keep: bool = True) -> Point | None:
        """One step at one set of parameters; None if the script would have gone another way.

        They are those of the run, moved by random numbers of that `size` times 1/sqrt(inputs) if
        there is a seed, or random numbers only.
        """
        step = self.steps[k]
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        given = self._given(k, generator, size, keep)
        inside = set(step.nodes)
        branches = [(n, answer) for n, answer in self.tape.branches if n in inside]
        also = [*step.nodes, *(n for n, _ in branches)]
        values = replay.run(self.tape, step.end.values(), given, self.ties, also)
        if any(n in values and bool(values[n].bool().any()) != answer for n, answer in branches):
            return None
        if self._tied(step, values):
            self.tied = True
            if seed is None:
                return None  # the derivative of relu at 0 is a convention
        leaves, changes, rounding = [], [], []
        for i in self.parameters:
            begin, end = step.start[i], step.end[i]
            leaves.append(values[begin])
            change, exact = self.change(k, i, values)
            changes.append(change.detach())
            size_now = float(values[end].detach().abs().max())
            rounding.append(0.0 if exact else 8 * torch.finfo(torch.float64).eps * size_now)
        if not all(bool(torch.isfinite(c).all()) for c in changes):
            return None
        return Point(k, seed is not None, values, leaves, changes, rounding)

    def certain(self, point: Point) -> list[bool]:
        """Of each parameter: is its change known to `RTOL`, and no result of rounding?

        1 - a of a unit that answers 0.999999999 has half as many digits as a.
        """
        if not point.certain:
            start = {n: point.values[n].detach() for n in self.steps[point.step].start.values()}
            ends = [self.end(point.step, i) for i in self.parameters]
            off = [0.0] * len(ends)
            for seed in range(ROUNDINGS):
                draw = torch.Generator().manual_seed(seed)
                values = replay.run(self.tape, ends, start, self.ties, rounding=draw)
                for n, i in enumerate(self.parameters):
                    change, _ = self.change(point.step, i, values)
                    off[n] = max(off[n], largest(change - point.changes[n]))
            point.certain = [
                10 * o <= RTOL * largest(c) for o, c in zip(off, point.changes, strict=True)
            ]
        return point.certain

    def _tied(self, step: Step, values: dict[int, Tensor]) -> bool:
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

    def change_nodes(self, k: int, i: int) -> list[tuple[int, float]] | None:
        """What is added to a parameter: [(node, sign), ...], None if it is not so simple."""
        if (k, i) in self.inside:
            return [self.inside[k, i]]
        begin, id = self.start(k, i), self.end(k, i)
        parts: list[tuple[int, float]] = []
        for _ in range(8):
            if id == begin:
                return parts
            node = self.tape.nodes[id]
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
            if id == begin:
                return True
            node = self.tape.nodes[id]
            if node.op not in ("add", "subtract") or node.shape != self.tape.nodes[begin].shape:
                return False
            if not isinstance(node.args[0], Ref):
                return False
            id = node.args[0].id
        return False

    def change(self, k: int, i: int, values: dict[int, Tensor]) -> tuple[Tensor, bool]:
        begin, end = self.start(k, i), self.end(k, i)
        parts = self.change_nodes(k, i)
        if parts is None:
            return values[end] - values[begin], False
        total = torch.as_tensor(sum(sign * values[n] for n, sign in parts))
        if (k, i) in self.inside:
            return total.reshape(values[begin].shape), True
        return total.expand_as(values[begin]) if total.ndim <= values[begin].ndim else total, True

    # -- candidates

    def losses(self) -> list[Loss]:
        """Every candidate that all chosen steps have."""
        found: dict[tuple[Any, ...], Loss] = {}
        for k in self.chosen:
            for loss, term in self.losses_of(k):
                found.setdefault(loss.place, loss).terms.setdefault(k, []).append(term)
        return [loss for loss in found.values() if all(k in loss.terms for k in self.chosen)]

    def losses_of(self, k: int) -> Iterable[tuple[Loss, Term]]:
        found = list(self._losses_at(k))
        return found + self._of_all_outputs(k, [term for loss, term in found if loss.kind == "SSE"])

    def _of_all_outputs(self, k: int, errors: list[Term]) -> list[tuple[Loss, Term]]:
        """A loss whose terms are typed one by one, for each output or each sample."""
        nodes, inside = self.tape.nodes, set(self.steps[k].nodes)
        # 1 - p is the slope of a sigmoid, unless there is nothing else
        plain = [t for t in errors if isinstance(nodes[t.source].args[0], Ref)] or errors
        predictions = {t.prediction for t in plain if t.prediction is not None}
        before = self.tape.behind([i for p in predictions for i in nodes[p].inputs], inside)
        of_output: dict[int, list[Term]] = {p: [] for p in sorted(predictions - before)}
        for t in sorted(plain, key=lambda t: t.source):
            if t.prediction in of_output:
                of_output[t.prediction].append(t)
        found: list[tuple[Loss, Term]] = []
        for number, terms in enumerate(zip(*of_output.values(), strict=False)):
            if len({nodes[t.source].site for t in terms}) > 1:
                for t in terms:
                    assert t.prediction is not None and t.target is not None
                    place = "outputs", number
                    found += self._supervised(place, t.prediction, t.target, t.source, k)
        return found

    def _losses_at(self, k: int) -> Iterable[tuple[Loss, Term]]:
        """Those of one place in the script."""
        step, nodes = self.steps[k], self.tape.nodes
        inside, starts, ends = set(step.nodes), set(step.start.values()), set(step.end.values())
        asked = self.asked(k)
        for id in step.nodes:
            node = nodes[id]
            if id in ends or id in starts or node.dtype != "f":
                continue
            place = (node.line, node.op, node.site)
            if node.name and node.shape in ((), (1,), (1, 1)):
                yield (Loss("own", ("own", *place), node.name), total(id))
            if node.op == "getitem" and node.inputs[0] in inside and node.inputs[0] not in starts:
                index = node.args[1]
                if (
                    isinstance(index, tuple)
                    and len(index) == 2
                    and any(isinstance(p, Ref) for p in index)
                ):
                    yield (Loss("CE", ("index", *place), "CE"), log_likelihood(id, node))
            if node.op not in ("subtract", "add", "multiply", "divide") or len(node.args) != 2:
                continue
            for mine, other in (node.args, node.args[::-1]):
                if not (isinstance(mine, Ref) and mine.id in inside and mine.id not in starts):
                    continue
                if nodes[mine.id].dtype != "f":
                    continue
                target = self._target(node, other, inside)
                if target is None:
                    continue
                prediction = mine.id
                if node.op in ("multiply", "divide"):
                    prediction = self._inner(prediction, inside, starts)
                if prediction not in starts:
                    yield from self._supervised(place, prediction, target, id, k)
            if node.op == "divide" and asked and isinstance(node.args[0], int | float):
                # -1 / p if y == 1 else 1 / (1 - p); not the 1 / (1 + exp(-z)) of a sigmoid
                prediction = self._inner(node.inputs[0], inside, starts)
                if prediction in inside and nodes[prediction].op != "exp":
                    for target in {t for n in asked for t in nodes[n].inputs}:
                        yield from self._supervised(("asked",), prediction, target, id, k)

    def asked(self, k: int) -> list[int]:
        """The questions of a step that no parameter decides, as ``if y == 1``."""
        nodes, step = self.tape.nodes, self.steps[k]
        found = []
        for guard, _ in self.tape.branches:
            if not min(step.nodes) < guard < max(step.nodes) or not nodes[guard].inputs:
                continue
            of, stack = set[int](), [guard]
            while stack and not self.values_of_states & of:
                n = stack.pop()
                of.add(n)
                stack += set(nodes[n].inputs) - of
            if not self.values_of_states & of:
                found.append(guard)
        return found

    def _target(self, node: Node, other: object, inside: set[int]) -> int | float | None:
        """What a prediction is compared with: a value without parameters, or a number."""
        if isinstance(other, int | float):
            return float(other) if node.op == "subtract" else None
        if not isinstance(other, Ref) or other.id in inside:
            return None
        nodes, origin = self.tape.nodes, self.tape.nodes[other.id]
        if origin.op == "subtract" and origin.args[0] == 1 and origin.inputs:  # (1 - y)
            return origin.inputs[0]
        if origin.op == "add" and 1 in origin.args and nodes[origin.inputs[0]].op == "negative":
            return nodes[origin.inputs[0]].inputs[0]  # (-y + 1)
        if origin.op == "negative" and node.op in ("multiply", "divide"):  # -y / p
            return origin.inputs[0]
        return other.id

    def _inner(self, id: int, inside: set[int], starts: set[int]) -> int:
        """P of log(p), 1 - p, p + 1e-9, clip(p, ...)."""
        for _ in range(4):
            node = self.tape.nodes[id]
            held = [n for n in node.inputs if n in inside and n not in starts]
            if node.op in ("log", "negative", "clip", "maximum", "minimum") or (
                node.op in ("add", "subtract")
                and any(isinstance(a, int | float) for a in node.args)
            ):
                if len(held) != 1:
                    break
                id = held[0]
            else:
                break
        return id

    def _logits(self, k: int, p: int, squash: Callable[[Tensor], Tensor]) -> int | None:
        """The value whose sigmoid or softmax a prediction is, found by computing it."""
        points = [point.values for point in self.points if point.step == k and p in point.values]
        shape, near, found = self.tape.nodes[p].shape, {p}, None
        if not any(bool(((v[p] > NEAR_0) & (v[p] < 1 - NEAR_0)).any()) for v in points):
            return None  # of saturated predictions alone every large number may be the logit
        for _ in range(SQUASHED_IN):
            near = {i for n in near for i in self.tape.nodes[n].inputs}
            for n in near:
                if self.tape.nodes[n].shape == shape and all(
                    n in v and torch.allclose(squash(v[n].double()), v[p], rtol=RTOL, atol=0)
                    for v in points
                ):
                    found = n
        return found

    def _supervised(
        self, place: tuple[Any, ...], p: int, t: int | float, source: int, k: int
    ) -> Iterable[tuple[Loss, Term]]:
        def target(values: Values) -> Tensor:
            if isinstance(t, float):
                return torch.full_like(values[p], t)
            known = values.get(t)
            if known is None:
                known = replay.run(self.tape, [t], {})[t]
            return replay.number(known)

        def pair(values: Values) -> tuple[Tensor, Tensor]:
            return values[p], target(values)

        def error(values: Values) -> Tensor:
            a, b = pair(values)
            return a - b

        def sse(values: Values) -> Tensor:
            return (error(values) ** 2).sum()

        def mae(values: Values) -> Tensor:
            return error(values).abs().sum()

        def bce(values: Values) -> Tensor:
            a, b = pair(values)
            return -(torch.xlogy(b, a) + torch.xlogy(1 - b, 1 - a)).sum()

        def ce(values: Values) -> Tensor:
            a, b = pair(values)
            return -torch.xlogy(b, a).sum()

        kinds = {"BCE": bce, "CE": ce}
        if self.tape.nodes[source].op == "subtract":
            kinds |= {"SSE": sse, "MAE": mae}
        of_logits = self._of_logits(k, p, target)
        size = math.prod(self.tape.nodes[p].shape)
        for kind, function in kinds.items():
            term = Term(function, source, p, t, error, size, of_logits.get(kind))
            yield Loss(kind, (kind, *place), kind), term

    def _of_logits(
        self, k: int, p: int, target: Callable[[Values], Tensor]
    ) -> dict[str, Callable[[Values], Tensor]]:
        """The cross-entropies that can be computed without the logarithm of a prediction."""

        def bce(values: Values, z: int) -> Tensor:
            a, b = torch.broadcast_tensors(values[z], target(values).to(values[z]))
            return binary_cross_entropy_with_logits(a, b, reduction="sum")

        def ce(values: Values, z: int, axis: int) -> Tensor:
            return -(target(values) * torch.log_softmax(values[z], axis)).sum()

        found: dict[str, Callable[[Values], Tensor]] = {}
        z = self._logits(k, p, torch.sigmoid)
        if z is not None:
            found["BCE"] = partial(bce, z=z)
        for axis in range(len(self.tape.nodes[p].shape)):
            z = self._logits(k, p, partial(torch.softmax, dim=axis))
            if z is not None:
                found["CE"] = partial(ce, z=z, axis=axis)
        return found

    # -- comparing

    def gradients(self, loss: Loss, point: Point) -> list[Tensor] | None:
        value = loss.of(point, logits=True)
        if value is None or not value.requires_grad or not bool(torch.isfinite(value)):
            return None
        if loss.kind in ("BCE", "CE"):
            for term in loss.terms[point.step]:
                assert term.prediction is not None
                if term.of_logits:
                    continue
                p = point.values[term.prediction].detach()
                if not bool(((p > 0) & (p < 1)).all()):
                    return None
                if loss.kind == "CE" and not _sums_to_one(p):
                    return None
            errors = [t.error(point.values) for t in loss.terms[point.step] if t.error]
            if loss.kind == "CE" and all(bool((e.abs() < LEARNED).all()) for e in errors):
                return None
        found = torch.autograd.grad(value, point.leaves, retain_graph=True, allow_unused=True)
        grads = [
            torch.zeros_like(x) if g is None else g
            for g, x in zip(found, point.leaves, strict=True)
        ]
        return grads if all(bool(torch.isfinite(g).all()) for g in grads) else None

    def fit(self, loss: Loss, penalty: bool = False) -> Fit | None:
        """How well this loss explains the updates; None if it cannot be computed everywhere."""
        fit = self._fit(loss, penalty)
        if (fit is not None and fit.perfect) or not self.with_calm_points():
            return fit
        sure = self._fit(loss, penalty, self.certain)
        return max((f for f in (fit, sure) if f), key=lambda f: sum(f.in_scale()), default=None)

    def _fit(
        self, loss: Loss, penalty: bool, certain: Callable[[Point], list[bool]] | None = None
    ) -> Fit | None:
        by_point = []
        for point in self.points:
            grads = self.gradients(loss, point)
            if grads is None:
                # a cross-entropy is not finite at 0 and 1: the point says nothing
                continue
            by_point.append((point, grads))
        if sum(p.nudged for p, _ in by_point) < 2 or len(by_point) < 0.5 * len(self.points):
            if by_point:
                self.saturated.add(loss.place[1:])
            return None
        columns = []
        for i in range(len(self.parameters)):
            of_step: dict[int, list[tuple[Point, Tensor]]] = {}
            for p, g in by_point:
                if certain is None or certain(p)[i]:
                    of_step.setdefault(p.step, []).append((p, g[i]))
            columns.append(_fit_one(i, of_step, penalty))
        factors, errors, measured, decays = map(list, zip(*columns, strict=True))
        return Fit(loss, factors, errors, measured, decays)

    def with_calm_points(self) -> bool:
        """Are some steps rounding, because units are saturated? Then others are added."""
        if self.calm is None:
            near = [p for p in self.points if self._near_one(p)]
            self.calm = any(not all(self.certain(p)) for p in near)
            nudged = dict.fromkeys(p.step for p in self.points if p.nudged and self.calm)
            calm = [self.point(k, k + 4001 + n, 0.03, False) for k in nudged for n in range(3)]
            self.points += [p for p in calm if p is not None]
        return self.calm

    def _near_one(self, point: Point) -> bool:
        """Does a unit answer with almost 1 or -1?"""
        found = [point.values.get(n) for n in self.steps[point.step].nodes]
        return any(
            bool(((v.detach().abs() - 1).abs() < NEAR_0).any())
            for v in found
            if v is not None and v.is_floating_point()
        )


def largest(x: Tensor) -> float:
    """The largest absolute value; 0 of nothing."""
    return float(x.abs().max()) if x.numel() else 0.0


def _fit_one(
    i: int, of_step: dict[int, list[tuple[Point, Tensor]]], penalty: bool
) -> tuple[dict[int, float], float, float, float]:
    """The factors of one parameter at each step, and the largest relative differences."""
    pairs = [pair for own in of_step.values() for pair in own]
    top = max((float(g.abs().max()) for _, g in pairs), default=0.0)
    if any(p.changes[i].shape != g.shape for p, g in pairs):
        return {}, math.inf, math.inf, 0.0
    if top == 0:
        moves = any(bool(p.changes[i].any()) for p, _ in pairs)
        return {}, math.inf if moves else 0.0, math.inf, 0.0
    # each step has a factor of its own: one point of it tells nothing of the loss
    telling = [k for k, own in of_step.items() for _, g in own if largest(g) >= TELLING * top]
    if len(telling) == len({*telling}):
        return {}, 0.0, math.inf, 0.0
    decay = 0.0
    if penalty:
        change = torch.cat([p.changes[i].reshape(-1) for p, _ in pairs])
        columns = [
            torch.cat([g.reshape(-1) for _, g in pairs]),
            torch.cat([p.leaves[i].detach().reshape(-1) for p, _ in pairs]),
        ]
        solution = torch.linalg.lstsq(torch.stack(columns, 1), change[:, None]).solution
        decay = -float(solution[1])
    factors, error, raw = {}, 0.0, 0.0
    for k, own in of_step.items():
        below = sum(float((g**2).sum()) for _, g in own)
        if math.sqrt(below) <= 1e-12 * top:
            if any(
                float((p.changes[i] + decay * p.leaves[i].detach()).abs().max()) > FLOOR * top
                for p, _ in own
            ):
                error = math.inf
            continue
        changes = [p.changes[i] + decay * p.leaves[i].detach() for p, _ in own]
        above = sum(float((c * g).sum()) for c, (_, g) in zip(changes, own, strict=True))
        factor = -above / below
        if k in telling:
            factors[k] = factor
        for c, (p, g) in zip(changes, own, strict=True):
            expected = -factor * g
            size = max(float(expected.abs().max()), float(c.abs().max()) * 1e-3)
            off = float((c - expected).abs().max())
            floor = p.rounding[i] + FLOOR * abs(factor) * top
            if off > floor:
                error = max(error, off / size if size else math.inf)
            if not p.nudged:
                raw = max(raw, off / size if size else 0.0)
    return factors, error, raw, decay


def _sums_to_one(p: Tensor) -> bool:
    return any(bool(((p.sum(axis) - 1).abs() < 1e-6).all()) for axis in range(p.ndim))


def _choose(tape: Tape, network: Network) -> list[int]:
    """The steps to look at: one for each different sample first, then spread over the run."""
    seen, distinct = set(), []
    # where a state comes from may look different at the first step from all later ones
    first = 1 if len(network.steps) > 2 else 0
    # a step that also tries the network on other data
    long = {k for k, step in enumerate(network.steps) if len(step.nodes) > MAX_OPERATIONS}
    for k, step in list(enumerate(network.steps))[first:]:
        if k in long:
            continue
        inside = set(step.nodes)
        mark: list[object] = []
        for n in step.nodes:
            node = tape.nodes[n]
            for a in node.inputs:
                if a not in inside and a not in step.start.values():
                    value = tape.nodes[a].value
                    mark.append(
                        value.tobytes() if value is not None and value.size < 20_000 else None
                    )
            mark.append(tuple(x for x in node.args if isinstance(x, int | float)))
        key = hash(tuple(mark))
        if key not in seen:
            seen.add(key)
            distinct.append(k)
    elements = sum(math.prod(tape.nodes[n].shape) for n in network.steps[0].nodes)
    most = max(4, min(MAX_STEPS, 20_000_000 // max(1, elements)))
    spread = range(first, len(network.steps), max(1, len(network.steps) // 8))
    chosen = [*distinct[:most], *(k for k in spread if k not in distinct and k not in long)]
    return sorted(chosen[:most])
