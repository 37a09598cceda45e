"""Which of the numbers of an array a training step replaces together."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..tape import Tape
from .paths import Array
from .places import Place, Places

Event = tuple[int, int, int]  # how many values the tape had, the value, the number of its place


@dataclass(eq=False)
class Group:
    """The numbers of one array, and how they follow each other."""

    array: Array
    first: dict[Place, int]  # the nodes that it begins with
    begin: int  # how many values the old tape has when all of them are there
    rounds: list[dict[Place, int]] = field(default_factory=list)  # what is replaced together
    ends: list[int] = field(default_factory=list)  # the same as `begin`, after each of them
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
    found = []
    for array in arrays:
        if not array.shape:
            if any(node not in made for p in array.places for _, node in stored[p]):
                continue
            array = Array(array.name, (1,), dict.fromkeys(array.places, (0,)))
        names = list(array.places)
        events = sorted((at, node, n) for n, p in enumerate(names) for at, node in stored[p])
        begin = max(stored[p][0][0] for p in names)
        late = [e for e in events if e[0] > begin]
        skipped = _to_next_round(late, len(names))
        begin = late[skipped - 1][0] if skipped else begin
        group = Group(array, {names[n]: node for at, node, n in events if at <= begin}, begin)
        _divide(group, late[skipped:], names, {})
        if len(arrays) == 1 and any(len(some) < len(names) for some in group.rounds[:-1]):
            # a step may replace some of the numbers only: the next one reads what it has replaced
            _divide(group, late[skipped:], names, _first_use(tape, late))
        found.append(group)
    return found


def _divide(group: Group, events: list[Event], names: list[Place], use: Mapping[int, int]) -> None:
    """A round ends before a number is replaced again, or where one of its new numbers is used."""
    group.rounds, group.ends, used = [], [], math.inf
    for at, node, n in events:
        if not group.rounds or names[n] in group.rounds[-1] or used < at:
            group.rounds.append({})
            group.ends.append(at)
            used = math.inf
        group.rounds[-1][names[n]] = node
        group.ends[-1] = at
        used = min(used, use.get(node, math.inf))


def _first_use(tape: Tape, events: list[Event]) -> dict[int, int]:
    """Of each stored number, the first value that is computed from it."""
    stored, found = {node for _, node, _ in events}, dict[int, int]()
    for node in tape.nodes:
        for i in node.inputs if node.op != "copy" else ():
            if i in stored:
                found.setdefault(i, node.id)
    return found


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
