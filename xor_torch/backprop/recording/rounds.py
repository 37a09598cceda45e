"""Divides the changes of an array's numbers into rounds: those that one training step makes."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..tape import LEFT_OUT, Tape
from .paths import Array
from .places import Place, Places

# A number was stored: the length of the tape then, its node, the position of its place in `places`.
Event = tuple[int, int, int]
# The length of the tape when a number was stored, and the first node that reads the number.
Read = tuple[int, int]
SUMS = ("add", "subtract")


@dataclass(eq=False)
class Group:
    """The numbers of one array, and the rounds in which they are replaced."""

    array: Array
    first: dict[Place, int]  # place -> the node that it holds first
    begin: int  # the length of the old tape when every place has a number
    rounds: list[dict[Place, int]] = field(default_factory=list)  # place -> new node, in each round
    ends: list[int] = field(default_factory=list)  # the length of the old tape after each round
    between: set[int] = field(default_factory=set)  # nodes that only the place's next number reads
    cut: bool = False  # Are the changes before `begin` left out?
    version: int = -1  # the array's node on the new tape, after the rounds that are written
    now: dict[Place, int] = field(default_factory=dict)  # place -> node, at the same time


def groups_of(arrays: list[Array], places: Places, tape: Tape, made: set[int]) -> list[Group]:
    """Divide what was stored in each array into rounds.

    A single Python float becomes an array of one number. A single NumPy number, one that is not in
    `made`, stays as it is.
    """
    stored: dict[Place, list[tuple[int, int]]] = defaultdict(list)
    since: dict[int, int] = {}  # node -> when it was first stored, perhaps under another name
    for at, place, node in list(places.log):
        before = stored[place]
        if before and tape.nodes[before[-1][1]] is LEFT_OUT:
            # A long preparation was left out. The number came onto the tape again when it was
            # used, perhaps long before it is stored.
            before.clear()
            at = node + 1 if tape.nodes[node].op == "leaf" else at
        before.append((since.setdefault(node, at), node))
    use = _uses(tape, {node for events in stored.values() for _, node in events})
    found, stores, reads = list[Group](), list[list[Event]](), list[Read]()
    for array in arrays:
        if not array.shape:
            if any(node not in made for p in array.places for _, node in stored[p]):
                continue
            array = Array(array.name, (1,), dict.fromkeys(array.places, (0,)))
        names, between = list(array.places), set[int]()
        for p in names:
            between |= _between(tape, [node for _, node in stored[p]], use)
            stored[p] = [event for event in stored[p] if event[1] not in between]
        events = sorted((at, node, n) for n, p in enumerate(names) for at, node in stored[p])
        begin = max(stored[p][0][0] for p in names)
        late = [e for e in events if e[0] > begin]
        skipped = _to_next_round(late, len(names))
        found.append(Group(array, {}, late[skipped - 1][0] if skipped else begin, between=between))
        stores.append(events)
        for at, node, _ in late:
            readers = _readers(tape, node, use)
            reads += [(at, min(readers))] if readers else []
    reads.sort()
    together = _together(found, stores, reads)
    for group, events in zip(found, stores, strict=True):
        group.begin, group.cut = max(group.begin, together), bool(together)
        names = list(group.array.places)
        group.first = {names[n]: node for at, node, n in events if at <= group.begin}
        late = [e for e in events if e[0] > group.begin]
        _divide(group, late, [])
        if any(len(some) < len(names) for some in group.rounds[:-1]):
            # Some steps replace only a part of the numbers: there the next step begins where a new
            # number is read.
            _divide(group, late, reads)
    return found


def _together(groups: list[Group], stores: list[list[Event]], reads: list[Read]) -> int:
    """The length of the tape after the step that completes the last array; 0 if the first step did.

    A script may add the weight of a word when it first meets the word.
    """
    last = max((group.begin for group in groups), default=0)
    early = any(
        sum(group.begin < at <= last for at, _, _ in events) >= len(group.array.places)
        for group, events in zip(groups, stores, strict=True)
    )
    if not early or any(2 * sum(at > last for at, _, _ in some) < len(some) for some in stores):
        return 0
    read = math.inf
    for at, first in reads:
        if at > last:
            if read < at:
                break
            last, read = at, min(read, first)
    return last


def _divide(group: Group, events: list[Event], reads: list[Read]) -> None:
    """A round ends before a number is replaced again, or where a number of the round is read."""
    names = list(group.array.places)
    group.rounds, group.ends, read, n = [], [], math.inf, 0
    for at, node, name in events:
        while n < len(reads) and reads[n][0] < at:
            read, n = min(read, reads[n][1]), n + 1
        if not group.rounds or names[name] in group.rounds[-1] or read < at:
            group.rounds.append({})
            group.ends.append(at)
            read = math.inf
        group.rounds[-1][names[name]] = node
        group.ends[-1] = at


def _uses(tape: Tape, stored: set[int]) -> dict[int, set[int]]:
    """The values that are computed from each stored number, and from each sum."""
    found: dict[int, set[int]] = defaultdict(set)
    for node in tape.nodes:
        for i in node.inputs:
            if i in stored or tape.nodes[i].op in SUMS:
                found[i].add(node.id)
    return found


def _readers(tape: Tape, node: int, use: Mapping[int, set[int]]) -> set[int]:
    """What is computed from a number, or from a copy of it: ``z = bias`` begins a sum."""
    users = use.get(node, set[int]())
    copies = {i for i in users if tape.nodes[i].op == "copy"}
    return (users - copies).union(*(_readers(tape, i, use) for i in copies))


def _between(tape: Tape, nodes: list[int], use: Mapping[int, set[int]]) -> set[int]:
    """What one place holds in the middle of a step: ``w += change``, and then ``w += momentum``.

    Only the next number of the place reads it, and every step makes the same number of them.
    """
    found = set[int]()
    for n, after in pairwise(nodes):
        made = tape.nodes[after]
        while made.op in SUMS and n < min(made.inputs, default=n):  # n + x + y, read as a whole
            part = tape.nodes[made.inputs[0]]
            if part.op not in SUMS or use.get(part.id) != {made.id}:
                break
            made = part
        if use.get(n) == {made.id}:
            found.add(n)
    kept = [at for at, n in enumerate(nodes) if n not in found]
    return found if len({b - a for a, b in pairwise(kept[1:-1])}) < 2 else set()


def _to_next_round(events: list[Event], size: int) -> int:
    """How many events come before the first whole round.

    The script may first use a list in the middle of a training step. A round begins after the
    longest gap: a forward and a backward pass lie between two steps, less between two numbers of
    the same step.
    """
    if len(events) <= size or len({n for _, _, n in events[:size]}) < size:
        return 0
    gaps = []
    for i in range(1, size + 1):
        ends = range(i, min(len(events), i + 3 * size), size)
        gaps.append(min(events[j][0] - events[j - 1][0] for j in ends))
    longest = 1 + max(range(size), key=lambda i: (gaps[i], i))
    return longest % size
