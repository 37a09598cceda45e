"""Finds Python floats that are used like weights or biases and that no step changes.

They may be frozen on purpose or forgotten: the numbers alone do not tell which.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable

from ..tape import Tape
from .places import Place, Places, Stored

FEWEST_STEPS = 3  # With so few steps, nothing is concluded.
OFTEN = 0.9  # A weight or bias is used in at least this part of the steps.


def never_changed(
    tape: Tape,
    places: Places,
    steps: list[int],
    is_state: Callable[[int], bool],
    source: Callable[[int], int],
) -> Place | None:
    """A place whose number each step adds to a weighted sum or multiplies a term with.

    Args:
        tape: as recorded.
        places: where the script keeps its numbers.
        steps: the updates of one number, which divide the tape into steps.
        is_state: tells whether the steps change a value.
        source: gives the value that a value was copied from.

    """
    if len(steps) <= FEWEST_STEPS:
        return None
    stored: dict[Place, list[Stored]] = defaultdict(list)
    for entry in list(places.log):
        stored[entry.place].append(entry)
    beside = {place[0] for place, some in stored.items() if is_state(some[-1].node)}
    kept = {
        some[-1].node: place
        for place, some in stored.items()
        # the bias of a list of weights may have got its first number after the list was made
        if len(some) == 1 or (place[0] in beside and some[-1].at <= steps[len(steps) // 2])
        if tape.nodes[some[-1].node].op == "leaf" and not is_state(some[-1].node)
        # in a list, a dictionary or an object; a name may be one of a bias, but not of a sum's 0
        if isinstance(place[0], int) or tape.nodes[some[-1].node].value != 0
    }
    weighted, added, data = set[int](), defaultdict[int, list[int]](list), set[int]()
    terms: dict[int, list[int]] = defaultdict(list)
    for node in tape.nodes:
        if node.op == "multiply" and node.shape == ():
            factors = [source(i) for i in node.inputs]
            if any(map(is_state, factors)):
                weighted.add(node.id)
                data |= {*factors}
            for i in factors:
                if i in kept:
                    terms[node.id].append(i)
        elif node.op in ("add", "sum") and node.shape == () and not is_state(node.id):
            inputs = [source(i) for i in node.inputs]
            if any(i in weighted or i in terms for i in inputs):
                weighted.add(node.id)
                for i in inputs:
                    if i in kept:
                        added[i].append(node.id)
                    for weight in terms.get(i, ()):
                        # only in a list: elsewhere it may be a learning rate
                        if isinstance(kept[weight][1], int) and isinstance(kept[weight][0], int):
                            added[weight].append(node.id)
    known = {float(x) for i in data if (x := tape.nodes[i].value) is not None}  # copies of data
    for i, users in added.items():
        if float(tape.nodes[i].value or 0) in known:
            continue
        intervals = {bisect_right(steps, n) for n in users}
        often = sum(k in intervals for k in range(1, len(steps)))
        if often >= OFTEN * (len(steps) - 1):
            return kept[i]
    return None
