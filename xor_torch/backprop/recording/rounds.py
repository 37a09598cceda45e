"""Which of the numbers of an array a training step replaces together."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..tape import Tape
from .paths import Array
from .places import Place, Places

Event = tuple[int, int, int]  # how many values the tape had, the value, the number of its place
Read = tuple[int, int]  # how many values it had when one was stored, the first that reads that one


@dataclass(eq=False)
class Group:
    """The numbers of one array, and how they follow each other."""

    array: Array
    first: dict[Place, int]  # the nodes that it begins with
    begin: int  # how many values the old tape has when all of them are there
    rounds: list[dict[Place, int]] = field(default_factory=list)  # what is replaced together
    ends: list[int] = field(default_factory=list)  # the same as `begin`, after each of them
    between: set[int] = field(default_factory=set)  # what nobody reads but the next number
    cut: bool = False  # is what was there before the beginning left out?
    version: int = -1  # the present array on the new tape
    now: dict[Place, int] = field(default_factory=dict)


def groups_of(arrays: list[Array], places: Places, tape: Tape, made: set[int]) -> list[Group]:
    """What was stored in each array, divided into rounds.

    A single number of Python is an array of one; a single number of NumPy (not among those that
    Python `made`) stays what it is.
    """
    stored: dict[Place, list[tuple[int, int]]] = defaultdict(list)
    since: dict[int, int] = {}  # a number may have another name before it is in its place
    for at, place, node in list(places.log):
        stored[place].append((since.setdefault(node, at), node))
    use = _uses(tape, {node for events in stored.values() for _, node in events})
    found, stores, reads = list[Group](), list[list[Event]](), list[Read]()
    for array in arrays:
        if not array.shape:
            if any(node not in made for p in array.places for _, node in stored[p]):
                continue
            array = Array(array.name, (1,), dict.fromkeys(array.places, (0,)))
        names, between = list(array.places), set[int]()
        for p in names:
            between |= _between([node for _, node in stored[p]], use)
            stored[p] = [event for event in stored[p] if event[1] not in between]
        events = sorted((at, node, n) for n, p in enumerate(names) for at, node in stored[p])
        begin = max(stored[p][0][0] for p in names)
        late = [e for e in events if e[0] > begin]
        skipped = _to_next_round(late, len(names))
        found.append(Group(array, {}, late[skipped - 1][0] if skipped else begin, between=between))
        stores.append(events)
        for at, node, _ in late:
            readers = [i for i in use.get(node, ()) if tape.nodes[i].op != "copy"]
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
            # a step may replace some of the numbers only: the next one reads what it has replaced
            _divide(group, late, reads)
    return found


def _together(groups: list[Group], stores: list[list[Event]], reads: list[Read]) -> int:
    """Where all arrays are there, after a step; 0 if they come together in the first one.

    The weight of a word is there when the word is first met.
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
    """A round ends before a number is replaced again, or where any that is new is read."""
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
    """The values that are computed from each stored number."""
    found: dict[int, set[int]] = defaultdict(set)
    for node in tape.nodes:
        for i in node.inputs:
            if i in stored:
                found[i].add(node.id)
    return found


def _between(nodes: list[int], use: Mapping[int, set[int]]) -> set[int]:
    """What one place holds in the middle of a step: ``w += change``, and then ``w += momentum``.

    Nobody reads it but the next number of the place, and every step makes as many of them.
    """
    found = {n for n, after in pairwise(nodes) if use.get(n) == {after}}
    kept = [at for at, n in enumerate(nodes) if n not in found]
    return found if len({b - a for a, b in pairwise(kept[1:-1])}) < 2 else set()


def _to_next_round(events: list[Event], size: int) -> int:
    """How many of the events belong to a round that was begun before: those before the longest gap.

    The first numbers of a list may be met in the middle of a training step. Between two steps lie
    a forward and a backward pass, between two numbers of one step less.
    """
    if len(events) <= size or len({n for _, _, n in events[:size]}) < size:
        return 0
    gaps = []
    for i in range(1, size + 1):
        ends = range(i, min(len(events), i + 3 * size), size)
        gaps.append(min(events[j][0] - events[j - 1][0] for j in ends))
    longest = 1 + max(range(size), key=lambda i: (gaps[i], i))
    return longest % size
