"""The points at which a step is examined: the run's own parameters, and perturbed ones.

Many a mistake is invisible at a symmetric start, so each step is repeated at other parameters too.
All functions here are pure: what they return depends on their arguments alone.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from .. import replay
from ..operations import COMPARISONS
from ..replay import Tensor
from ..tape import Ref, Tape
from .steps import Network, Step

Values = dict[int, Tensor]

# Both sides of a comparison are computed in float64 from the same tape: they agree to 1e-13 or
# better if they are the same function, and rounding of saturated units takes the rest.
RTOL = 1e-9
FLOOR = 1e-13  # relative to the largest value that the same array has at any point
# A unit that is as near as this to 0 or 1 has lost half the digits of 1 - a.
NEAR_0 = 1e-6
# Drop points whose change exceeds this multiple of the median: training has diverged there, and
# the largest value of an array says nothing about rounding elsewhere.
DIVERGED = 1e6
MAX_STEPS = 40  # steps that are examined, distinct samples first
PERTURBED_STEPS = 12
# Largest number of operations of a step: each of its values is compared with each derivative.
MAX_OPERATIONS = 10_000
FAR, FARTHER, NEAR, NEAR_ZERO = 0.6, 1.2, 0.03, 0.03  # sizes of perturbations


class CannotTell(Exception):  # noqa: N818 - a verdict, not an error
    """No verdict is possible; the message says why and what the user can do."""


@dataclass(frozen=True)
class Place:
    """Where to examine a step.

    Args:
        step: its number.
        seed: of the random numbers that are added to the parameters; None for the run's own.
        size: their standard deviation, times the square root of the number of inputs.
        keep: add to the run's own parameters; if False, to zero.

    """

    step: int
    seed: int | None = None
    size: float = 0.0
    keep: bool = True


@dataclass
class Point:
    """One step, computed at one set of parameters."""

    step: int
    perturbed: bool
    values: Values
    leaves: list[Tensor]  # the parameters
    changes: list[Tensor]  # what the step adds to each
    # Absolute: of each change, where it is known only as new minus old.
    rounding: list[float]


@dataclass(frozen=True)
class Repeated:
    """A step, done again."""

    values: Values
    tied: bool  # a comparison met two equal numbers


def largest(x: Tensor) -> float:
    """The largest absolute value; 0 of nothing."""
    return float(x.abs().max()) if x.numel() else 0.0


# ----------------------------------------------------------------------- which places


def chosen_steps(tape: Tape, network: Network) -> list[int]:
    """The steps to examine: one for each different sample first, then some of the whole run."""
    seen, distinct = set(), []
    # where a state comes from may look different at the first step from all later ones
    first = 1 if len(network.steps) > 2 else 0
    # a step that also tries the network on other data
    long = {k for k, step in enumerate(network.steps) if len(step.nodes) > MAX_OPERATIONS}
    for k, step in list(enumerate(network.steps))[first:]:
        if k in long:
            continue
        key = _sample(tape, step)
        if key not in seen:
            seen.add(key)
            distinct.append(k)
    elements = sum(math.prod(tape.nodes[n].shape) for n in network.steps[0].nodes)
    most = max(4, min(MAX_STEPS, 20_000_000 // max(1, elements)))
    spread = range(first, len(network.steps), max(1, len(network.steps) // 8))
    chosen = [*distinct[:most], *(k for k in spread if k not in distinct and k not in long)]
    return sorted(chosen[:most])


def _sample(tape: Tape, step: Step) -> int:
    """A hash of all that a step reads from outside: its data and its numbers."""
    inside = set(step.nodes)
    mark: list[object] = []
    for n in step.nodes:
        node = tape.nodes[n]
        for a in node.inputs:
            if a not in inside and a not in step.start.values():
                value = tape.nodes[a].value
                known = value is not None and value.size < 20_000
                mark.append(value.tobytes() if value is not None and known else None)
        mark.append(tuple(x for x in node.args if isinstance(x, int | float)))
    return hash(tuple(mark))


def places(chosen: Sequence[int]) -> list[list[Place]]:
    """Where to examine the steps; of each list, the first place that works."""
    perturbed = chosen[:: max(1, len(chosen) // PERTURBED_STEPS)][:PERTURBED_STEPS]
    plans = [[Place(k)] for k in chosen]
    for k in perturbed:
        plans += [_near_as_well(k, k + 1, FAR), _near_as_well(k, k + 1001, FARTHER, False)]
    if len(perturbed) < 4:
        plans += [_near_as_well(k, k + s, FAR) for k in perturbed for s in (2001, 3001)]
    return plans


def _near_as_well(k: int, seed: int, size: float, keep: bool = True) -> list[Place]:
    """Far away, or, should the script then take another branch, near."""
    return [Place(k, seed, size, keep), Place(k, seed, size / 20)]


def near_zero(steps: Iterable[int]) -> list[Place]:
    """Small parameters, at which no unit is saturated."""
    return [Place(k, k + 4001 + n, NEAR_ZERO, False) for k in steps for n in range(3)]


# -------------------------------------------------------------------- a step, once more


def begin(tape: Tape, network: Network, at: Place) -> Values:
    """What a step begins with: perturbed parameters; the states of an optimiser are zero."""
    given, size = {}, at.size
    generator = None if at.seed is None else torch.Generator().manual_seed(at.seed)
    for i, n in network.steps[at.step].start.items():
        node = tape.nodes[n]
        known = node.value is not None
        value = replay.tensor(node.value).double() if known else torch.zeros(node.shape).double()
        if i not in network.parameters:
            given[n] = torch.zeros_like(value)
            continue
        if generator is not None or not known:
            size = size or FAR
            generator = generator or torch.Generator().manual_seed(at.step)
            spread = min(0.5, 1 / math.sqrt(max(node.shape, default=1)))
            noise = torch.randn(node.shape, generator=generator, dtype=torch.float64)
            value = (value if at.keep else 0) + size * spread * noise
        given[n] = value.clone().requires_grad_(True)
    return given


def repeated(tape: Tape, network: Network, at: Place, ties: bool) -> Repeated | None:
    """A step at a place; None if the script would have taken another branch there."""
    step = network.steps[at.step]
    inside = set(step.nodes)
    branches = [(n, answer) for n, answer in tape.branches if n in inside]
    also = [*step.nodes, *(n for n, _ in branches)]
    given = begin(tape, network, at)
    values = replay.run(tape, step.end.values(), given, ties, also)
    if any(n in values and bool(values[n].bool().any()) != answer for n, answer in branches):
        return None
    return Repeated(values, _is_tied(tape, step, values))


def _is_tied(tape: Tape, step: Step, values: Values) -> bool:
    """Does a comparison meet two equal numbers?"""
    for n in step.nodes:
        node = tape.nodes[n]
        if node.op in COMPARISONS and len(node.args) == 2:
            a, b = (values.get(x.id) if isinstance(x, Ref) else replay.tensor(x) for x in node.args)
            if a is not None and b is not None and bool((a == b).any()):
                return True
    return False


def without_diverged(points: list[Point]) -> list[Point]:
    """The points of the run and the perturbed ones, each without those that lie far off."""
    kept = []
    for perturbed in (False, True):
        sizes = {
            n: max(map(largest, p.changes))
            for n, p in enumerate(points)
            if p.perturbed == perturbed
        }
        usual = statistics.median([size for size in sizes.values() if size] or [0.0])
        kept += [points[n] for n, size in sizes.items() if size <= DIVERGED * usual]
    return kept


def is_near_one(step: Step, values: Values) -> bool:
    """Does a unit answer with almost 1 or -1?"""
    found = [values.get(n) for n in step.nodes]
    return any(
        bool(((v.detach().abs() - 1).abs() < NEAR_0).any())
        for v in found
        if v is not None and v.is_floating_point()
    )
