"""Truncated backpropagation through time: the gradient of each output goes back a few steps only.

Williams and Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
trajectories", Neural Computation 2 (1990).
"""

from collections.abc import Iterator
from dataclasses import replace

from .fit import FOLLOWS, Fit, fit
from .objectives import Objective, gradients_at
from .points import Bench, largest

FEWEST = 2  # steps: the gradient that goes back one step does not go through time at all
MOST_STATES = 200
Place = tuple[object, ...]


def truncated(bench: Bench, one: Fit) -> Fit | None:
    """How the updates follow an objective whose gradient goes back a number of steps only."""
    for objective in _truncations(bench, one):
        bench.clock.check()
        if _is_near(bench, one, objective):
            found = fit(bench, objective)
            if found is not None and found.all_good:
                return found
    return None


def _truncations(bench: Bench, one: Fit) -> Iterator[Objective]:
    """The objective, cut off at each recurrence after each number of steps."""
    sequences = {k: _sequences(bench, one, k) for k in one.objective.terms}
    for place in dict.fromkeys(place for found in sequences.values() for place in found):
        states = {k: found.get(place, []) for k, found in sequences.items()}
        # a gradient that misses the first state alone stops too early
        for back in range(FEWEST, max(map(len, states.values())) - 1):
            yield replace(one.objective, found={}, noisy={}, states=states, back=back)


def _sequences(bench: Bench, one: Fit, k: int) -> dict[Place, list[int]]:
    """The values of each place of the forward pass, where each is computed from the one before."""
    view, nodes = bench.view(k), bench.tape.nodes
    forward = view.behind(one.objective.values(k))
    wrong = sum(1 << i for i, good in enumerate(one.good) if not good)
    found: dict[Place, list[int]] = {}
    for n in sorted(forward):
        node = nodes[n]
        if node.dtype == "f" and node.shape and view.depends.get(n, 0) & wrong:
            found.setdefault((node.site, node.op, node.shape), []).append(n)
    long = {place: ids for place, ids in found.items() if FEWEST < len(ids) <= MOST_STATES}
    return {place: ids for place, ids in long.items() if _is_recurrent(bench, k, ids)}


def _is_recurrent(bench: Bench, k: int, ids: list[int]) -> bool:
    """Is each of these values computed from the one before?"""
    view, nodes = bench.view(k), bench.tape.nodes
    number = {n: at for at, n in enumerate(ids)}
    behind: dict[int, int] = {}  # value -> the last of them that it is computed from
    for n in view.step.nodes:
        last = max((behind.get(i, -1) for i in nodes[n].inputs), default=-1)
        if n in number and last != number[n] - 1:
            return False
        behind[n] = number.get(n, last)
        if n == ids[-1]:
            break
    return True


def _is_near(bench: Bench, one: Fit, objective: Objective) -> bool:
    """Do the steps follow it at one point, with the factor of the parameters that are right?"""
    p = next((p for p in bench.points if p.moved and p.step in objective.terms), None)
    factor = one.factors.get(p.step) if p is not None else None
    grads = gradients_at(objective, p) if p is not None else None
    if p is None or factor is None or grads is None:
        return False
    return all(
        largest(change + factor * gradient) <= FOLLOWS * largest(change)
        for change, gradient in zip(p.changes, grads, strict=True)
    )
