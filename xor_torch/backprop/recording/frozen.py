"""Finds Python floats that are used like weights or biases and that no step changes.

They may be frozen on purpose or forgotten: the numbers alone do not tell which.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from ..tape import Node, Tape
from .places import Place, Places, Stored

# What takes a weighted sum minus a threshold. An error is rather multiplied or squared.
ACTIVATIONS = {"exp", "tanh", "maximum", "greater", "greater_equal", "less", "less_equal"}
FEWEST_STEPS = 3  # With so few steps, nothing is concluded.
NEAR = 200  # operations after a difference among which its users are looked for
OFTEN = 0.9  # A weight or bias is used in at least this part of the steps.


def never_changed(
    tape: Tape,
    places: Places,
    states: set[Place],
    steps: list[int],
    is_state: Callable[[int], bool],
    source: Callable[[int], int],
) -> Place | str | None:
    """A place whose number each step adds to a weighted sum or multiplies a term with.

    An int that is never added to is no recorded number: then it is a text that tells where it is.

    Args:
        tape: as recorded.
        places: where the script keeps its numbers.
        states: those whose numbers the steps change.
        steps: the updates of one number, which divide the tape into steps.
        is_state: tells whether the steps change a value.
        source: gives the value that a value was copied from.

    """
    if len(steps) <= FEWEST_STEPS:
        return None
    stored: dict[Place, list[Stored]] = defaultdict(list)
    for entry in list(places.log):
        stored[entry.place].append(entry)
    beside = {place[0] for place in states}
    kept = {
        some[-1].node: place
        for place, some in stored.items()
        # the bias of a list of weights may have got its first number after the list was made
        if len(some) == 1 or (place[0] in beside and some[-1].at <= steps[len(steps) // 2])
        if tape.nodes[some[-1].node].op == "leaf" and place not in states
    }
    weighted, added, data = set[int](), defaultdict[int, list[int]](list), set[int]()
    terms: dict[int, list[int]] = defaultdict(list)
    ints = _Ints()
    for node in tape.nodes:
        if node.shape != () or node.op not in ("multiply", "add", "sum", "subtract"):
            continue
        inputs = [_without_zero(tape, i, source) for i in node.inputs]
        if node.op == "multiply":
            if any(is_state(_without_sign(tape, i, source)) for i in inputs):
                weighted.add(node.id)
                data |= {*inputs}
            for i in inputs:
                if i in kept:
                    terms[node.id].append(i)
        elif is_state(node.id) or not any(i in weighted or i in terms for i in inputs):
            continue
        elif node.op == "subtract":
            if inputs[-1] in kept and len(inputs) == 2 and _activates(tape, node):
                added[inputs[-1]].append(node.id)
        else:
            weighted.add(node.id)
            if not tape.begins_a_sum(node):
                ints.add(node, any(map(is_state, inputs)))
            for n, i in enumerate(inputs):
                # a 0 that has a name and comes first may begin a sum
                if i in kept and (n or isinstance(kept[i][0], int) or tape.nodes[i].value != 0):
                    added[i].append(node.id)
                for weight in terms.get(i, ()):
                    # only in a list: elsewhere it may be a learning rate
                    if isinstance(kept[weight][1], int) and isinstance(kept[weight][0], int):
                        added[weight].append(node.id)
    # what only a printed loss is made of is no weight: ``loss -= t * log(p)``
    wanted = [*(n for link in tape.links for n in link), *(n for n, _ in tape.branches)]
    needed = tape.behind(wanted, range(len(tape.nodes)))
    known = {float(x) for i in data if (x := tape.nodes[i].value) is not None}  # copies of data
    alike = {_kind(places, place) for place in states} - {None}

    def always(users: list[int]) -> bool:
        intervals = {bisect_right(steps, n) for n in users}
        often = not needed.isdisjoint(users) and sum(k in intervals for k in range(1, len(steps)))
        return often >= OFTEN * (len(steps) - 1)

    for i, users in added.items():
        mine = kept[i][0] in beside or _kind(places, kept[i]) in alike
        copied = i in data or (float(tape.nodes[i].value or 0) in known and not mine)
        if not copied and always(users):
            return kept[i]
    for (_, number), users in ints.found():
        if always(users):
            return f"the {number} that {tape.code.where(tape.nodes[users[0]].line)} adds"
    return None


def _without_sign(tape: Tape, i: int, source: Callable[[int], int]) -> int:
    """The weight w of ``-w``; any other value itself."""
    while tape.nodes[i].op == "negative":
        i = source(tape.nodes[i].inputs[0])
    return i


def _without_zero(tape: Tape, i: int, source: Callable[[int], int]) -> int:
    """The number x of ``0 + x``, with which a sum begins; any other value itself."""
    i = source(i)
    while (node := tape.nodes[i]).op == "add" and node.args[0] == 0 and len(node.inputs) == 1:
        i = source(node.inputs[0])
    return i


class _Ints:
    """Ints that are added to weighted sums: the bias of a script that never changes it."""

    def __init__(self) -> None:
        self.users: dict[tuple[Any, float], list[int]] = defaultdict(list)
        self.first = set[Any]()  # places of the script where they come first, as a sum begins
        self.second = set[Any]()  # where a recorded number comes second at some time
        self.trained = set[Any]()  # where that number is a bias that is trained

    def add(self, node: Node, of_state: bool) -> None:
        """A sum with a weighted sum or a term of one."""
        terms = node.args[0] if node.op == "sum" else node.args
        if len(terms) > 1 and type(terms[0]) is int and terms[0]:
            self.users[node.site, terms[0]].append(node.id)
            self.first.add(node.site)
        if node.op == "add" and type(terms[1]) is int:
            self.users[node.site, terms[1]].append(node.id)
        elif node.op == "add":
            self.second.add(node.site)
            if of_state:
                self.trained.add(node.site)

    def found(self) -> list[tuple[tuple[Any, float], list[int]]]:
        """Each place and int that may be a bias, and the sums.

        A 0 that comes second is one, and any int where another neuron adds a bias that is trained.
        """
        several = {site for site, n in Counter(site for site, _ in self.users).items() if n > 1}
        return [
            ((site, x), users)
            for (site, x), users in self.users.items()
            if site not in several
            if site in self.first | self.trained or (not x and site not in self.second)
        ]


def _activates(tape: Tape, node: Node) -> bool:
    """Does a difference go only into an activation, as a weighted sum minus a threshold does?"""
    users = [n for n in tape.nodes[node.id + 1 : node.id + NEAR] if node.id in n.inputs]
    if [n.op for n in users] == ["negative"]:  # exp(-z)
        return _activates(tape, users[0])
    # ``a > b`` outside an ``if`` is recorded as a - b > 0, at one place of the script
    return bool(users) and all(n.op in ACTIVATIONS and n.site != node.site for n in users)


def _kind(places: Places, place: Place) -> tuple[type, object] | None:
    """The class and the attribute of a number in an object of the script."""
    holder = places.held.get(place[0]) if isinstance(place[0], int) else None
    return (
        None
        if holder is None or isinstance(holder, list | dict | tuple)
        else (type(holder), place[1])
    )
