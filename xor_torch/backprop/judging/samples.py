"""How many samples does one update see, and which numbers of them? From the data."""

from collections.abc import Iterable, Mapping

import numpy as np

from ..operations import MATRIX_PRODUCTS, PARTS
from .fit import alike
from .objectives import Objective
from .points import Bench


def samples_of_updates(bench: Bench) -> str | None:
    """A few words, as "mini-batch: each sees 5 of 60 distinct input rows"; None if not known."""
    read = [_inputs(bench, k) for k in range(len(bench.steps))]
    common = set(read[0]).intersection(*read)
    # a bias may be multiplied by ones: the weights see the most
    known = [found for i in common if (found := _rows(bench, [r[i] for r in read])) is not None]
    everything, seen, partly = max(known, key=lambda f: len(f[0]), default=(set(), [], False))
    if len(everything) < 2 or len(seen) < 2:
        return None
    if min(seen) == len(everything):
        return None if partly else f"full batch: each sees all {seen[0]} distinct input rows"
    if max(seen) == 1:
        return f"one sample at a time, of {len(everything)} distinct input rows"
    some = f"{min(seen)}" if min(seen) == max(seen) else f"{min(seen)} to {max(seen)}"
    return f"mini-batch: each sees {some} of {len(everything)} distinct input rows"


def _rows(
    bench: Bench, read: list[set[tuple[int, int]]]
) -> tuple[set[bytes], list[int], bool] | None:
    """All rows, how many of them each step sees, and whether a step sees copies of all of them.

    The last is True if the data repeat each row and a batch holds each at least once.
    """
    everything: set[bytes] = set()
    seen, partly = [], False
    for found in read:
        rows: set[bytes] = set()
        number = 0
        for n, axis in found:
            value = bench.tape.nodes[n].value
            if value is None:
                return None
            whole = np.atleast_2d(value) if value.ndim < 2 else np.moveaxis(value, axis, 0)
            rows |= {np.ascontiguousarray(row + 0.0).tobytes() for row in whole}
            number += len(whole)
        partly = partly or number < max(_length_of_the_root(bench, n) for n, _ in found)
        everything |= rows
        seen.append(len(rows))
    return everything, seen, partly


def _inputs(bench: Bench, k: int) -> dict[int, set[tuple[int, int]]]:
    """For each parameter, the (value, axis of the samples) from outside that it multiplies."""
    nodes, step = bench.tape.nodes, bench.steps[k]
    inside = set(step.nodes)
    parameters = {step.start[i]: i for i in bench.parameters}
    result: dict[int, set[tuple[int, int]]] = {}
    for n in bench.tape.behind(step.end.values(), inside):
        node = nodes[n]
        if node.op not in MATRIX_PRODUCTS or len(node.inputs) != 2:
            continue
        left, right = node.inputs
        for data, weights, axis in ((left, right, 0), (right, left, -1)):
            number = parameters.get(bench.tape.origin(weights, PARTS))
            small = max(len(nodes[data].shape), len(nodes[weights].shape)) <= 2
            if data not in inside and number is not None and small:
                result.setdefault(number, set()).add((data, axis))
    return result


def _length_of_the_root(bench: Bench, n: int) -> int:
    """The longest axis of an array that a batch was cut out of; 0 if it was not cut out of any."""
    node, longest = bench.tape.nodes[n], 0
    while node.inputs and node.op in PARTS:
        if node.op == "getitem":
            longest = max(longest, max(bench.tape.nodes[node.inputs[0]].shape, default=0))
        node = bench.tape.nodes[node.inputs[0]]
    return longest


def power_of_sample(bench: Bench, objective: Objective, factors: Mapping[int, float]) -> int:
    """The power, up to 2, of a number of the sample that factors follow from step to step, or 0.

    It is a number that the forward pass multiplies with once in a step.
    """
    nodes, numbers = bench.tape.nodes, dict[object, dict[int, set[float]]]()
    for k in factors:
        view = bench.view(k)
        for n in view.behind(objective.values(k)) - view.starts:
            for i in view.outside(n, 1) if nodes[n].op == "multiply" else ():
                if (x := nodes[i].value) is not None and x.size == 1:
                    given = numbers.setdefault((nodes[n].site, nodes[n].op), {})
                    given.setdefault(k, set()).add(float(x.item()))
    for given in numbers.values():
        both = [(f, *given.get(k, ())) for k, f in factors.items()]
        if any(len(some) != 2 or not some[1] for some in both) or alike(*_ends(x for _, x in both)):
            continue
        for power in (-1, 1, -2, 2):
            if alike(*_ends(f / x**power for f, x in both)):
                return power
    return 0


def _ends(some: Iterable[float]) -> tuple[float, float]:
    found = [*some]
    return min(found), max(found)
