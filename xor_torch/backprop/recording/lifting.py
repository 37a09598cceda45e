"""Turns a tape of Python floats into the tape that the same script would write with arrays.

A script with ``weights[i][j] -= ...`` in a loop leaves one value for each number. Here the numbers
of one array become its elements: an operation that reads such a number reads an element of the
present array, and when the script has replaced the numbers, a new array begins. Other values stay
single numbers. The file is long because one pass writes the new tape, and every kind of value
needs its rule in it.
"""

import struct
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tape import LEFT_OUT, Node, Ref, Tape
from .ancestors import Ancestors
from .frozen import never_changed
from .paths import arrays, name_of_array
from .places import Place, Places
from .rounds import Group, groups_of

MOST_AT_ONCE = 8  # levels of nested operations that are written for a whole array at once
_AT_ONCE = {
    "add", "subtract", "multiply", "divide", "power", "negative", "copy", "rounded", "sqrt",
    "absolute", "maximum", "minimum",
}  # fmt: skip


def lifted(tape: Tape, places: Places, made: set[int]) -> tuple[Tape, str | None]:
    """The tape with arrays, and the reason why it cannot be judged, or None.

    Args:
        tape: as recorded; it is not changed.
        places: where its numbers were kept.
        made: the ids of the values that are Python's numbers.

    """
    if not made:
        return tape, None
    states, linked = _states(tape, places)
    if not tape.links:
        linked = _new_names(tape)
    sites = {place: tape.nodes[node].site for _, place, node in list(places.log) if place in states}
    found, frozen = arrays(places, states, sites) if states else ([], [])
    lifting = _Lifting(tape, made, linked, groups_of(found, places, tape, made))
    new = lifting.write()
    if states:
        first = {place: n for n, (_, place, _) in reversed([*enumerate(list(places.log))])}
        one = min(states, key=lambda place: (places.texts[place], first[place]))
        steps = [at for at, place, _ in list(places.log) if place == one]
        still = never_changed(
            tape, places, states, steps, lambda i: i in lifting.single, lifting.source_of
        )
        if still is not None and not isinstance(still, str):
            frozen.append(name_of_array(places, states, still))
        elif isinstance(still, str) and not frozen:
            new.doubt = (
                f"{still} is used like a bias and never changes: it may be frozen on purpose, or "
                "its update is missing"
            )
    if frozen:
        new.doubt = (
            f"the numbers of {frozen[0]} are used like weights or biases and never change: they "
            "may be frozen on purpose, or their update is missing"
        )
    return new, lifting.reason


def _states(tape: Tape, places: Places) -> tuple[set[Place], set[tuple[int, int]]]:
    """The places whose numbers are updated, and their updates."""
    links, before = set(tape.links), dict[Place, int]()
    found: dict[Place, list[tuple[int, int]]] = defaultdict(list)
    since: dict[Place, int] = {}  # the entry of its first update
    for n, (_, place, node) in enumerate(list(places.log)):
        link = before.get(place, -1), node
        if link in links:
            found[place].append(link)
            since.setdefault(place, n)
        before[place] = node
    kept = {node for updates in found.values() for link in updates for node in link}
    used = {
        i for node in tape.nodes if not (node.op == "copy" and node.id in kept) for i in node.inputs
    }
    # After new_m = m - step and m = new_m, mostly nothing reads new_m.
    states = {place for place, updates in found.items() if any(old in used for old, _ in updates)}
    # If something does, m and new_m have the same updates: keep the one whose updates begin first,
    # and of two that begin together, the one that got the number later.
    known = set[tuple[int, int]]()
    for place in sorted(states, key=lambda place: (min(found[place]), -since[place])):
        if not known.isdisjoint(found[place]):
            states.remove(place)
        known.update(found[place])
    return states, {link for place in states for link in found[place]}


def _new_names(tape: Tape) -> set[tuple[int, int]]:
    """Each number, and what is made of it under another name: ``w_new = w - lr * dw``."""
    nodes = tape.nodes
    made = (n for n in nodes if n.op in ("add", "subtract") and n.name and len(n.inputs) == 2)
    some = [(*n.inputs, n.id) for n in made if nodes[n.inputs[0]].op == "leaf"]
    if not some:
        return set()
    ancestors = Ancestors(tape, Counter(i for n in nodes for i in n.inputs))
    return {(old, new) for old, by, new in some if ancestors.include(by, [old])}


class _Lifting:
    """Writes the new tape."""

    def __init__(
        self, tape: Tape, made: set[int], linked: set[tuple[int, int]], groups: list[Group]
    ) -> None:
        self.old, self.made, self.linked, self.groups = tape, made, linked, groups
        self.new = Tape()
        self.new.code = tape.code
        self.reason: str | None = None
        self.single = {n for link in linked for n in link}  # values of numbers that are updated
        self.updated = {new for _, new in linked}
        for group in groups:
            self.single.update(*(some.values() for some in (group.first, *group.rounds)))
        self.at: dict[int, int] = {}  # old node -> new node
        # old node -> its group, the array's node on the new tape, its index there
        self.element: dict[int, tuple[Group, int, tuple[int, ...]]] = {}
        self.pending: dict[int, Group] = {}  # old node -> its group, while its round is not whole
        self.constant: dict[int, bool] = {}
        # comparisons of an ``if``, which stay on the tape: one with a target may be among them
        self.asked = {n for n, _ in tape.branches if tape.nodes[n].op == "equal"}
        self.varies, self.often = self._literals()
        self.home = set[int]()  # the numbers of arrays
        self.uses: Counter[int] = Counter()
        self.runs: Counter[tuple[Any, str]] = Counter()  # how often each instruction has run
        # the first number of an array's round -> how to compute the whole array
        self.together: dict[int, Any] = {}
        self.absorbed = set[int]()  # old nodes that are computed in this way
        self.stacks: dict[Any, int] = {}  # single numbers -> the array that was made of them
        self._plan()

    # ------------------------------------------------------------ what is computed together

    def _plan(self) -> None:
        """Find numbers that are computed alike, so that one array operation can compute them."""
        for group in self.groups:
            for some in (group.first, *group.rounds):
                self.home |= {*some.values()}
        self.runs = Counter((n.site, n.op) for n in self.old.nodes)
        for node in self.old.nodes:
            if node.op != "copy" or node.id in self.single:
                self.uses.update(map(self.source_of, node.inputs))
        for group in self.groups:
            for some in group.rounds:
                if len(some) == len(group.array.places):
                    ordered = [some[p] for p in group.array.places]
                    often = max(self._runs(i) for i in ordered)
                    self.together[ordered[0]] = self._array_of(ordered, MOST_AT_ONCE, often)

    def _runs(self, id: int) -> int:
        """How often the instruction that made a value has run."""
        node = self.old.nodes[id]
        return self.runs[node.site, node.op]

    def _array_of(self, numbers: list[int], levels: int, often: int) -> Any:
        """A plan to compute numbers at once: (operation, arguments, numbers), or just the numbers.

        An instruction that has run more than `often` times, more than the update, is not planned:
        it may add up samples.
        """
        nodes = [self.old.nodes[i] for i in numbers]
        top = levels == MOST_AT_ONCE
        alike = (
            len({*numbers}) == len(numbers)
            and len({(n.op, len(n.args)) for n in nodes}) == 1
            and nodes[0].op in _AT_ONCE
            and {*numbers} <= self.made
            and (top or not any(i in self.home or self.uses[i] > 1 for i in numbers))
            and (top or all(self._runs(i) <= often for i in numbers))
        )
        if not levels or not alike:
            return numbers
        arguments = []
        for xs in zip(*(n.args for n in nodes), strict=True):
            if all(type(x) is Ref for x in xs):
                arguments.append(
                    self._array_of([self.source_of(x.id) for x in xs], levels - 1, often)
                )
            elif all(type(x) in (int, float) for x in xs):
                arguments.append(xs[0] if len({*xs}) == 1 else np.array(xs, dtype=float))
            else:
                return numbers
        self.absorbed |= {*numbers}
        return nodes[0].op, arguments, numbers

    def _written(self, plan: Any, places: list[tuple[int, ...]], shape: tuple[int, ...]) -> Any:
        """Write a plan's array, in the order of `places`; return a reference, or one number."""
        if isinstance(plan, int | float):
            return plan
        if isinstance(plan, np.ndarray):
            value = np.empty(shape)
            for x, at in zip(plan, places, strict=True):
                value[at] = x
            return Ref(self._add("leaf", (), self.new.nodes[-1], value, None).id)
        if isinstance(plan, tuple):
            op, arguments, numbers = plan
            args = tuple(self._written(a, places, shape) for a in arguments)
            line = self.old.nodes[numbers[0]]
            value = self._values(numbers, places, shape)
            if not any(type(a) is Ref and self.new.nodes[a.id].shape == shape for a in args):
                value = np.asarray(line.value)  # the same number for all places
            return Ref(self._add(op, args, line, value, line.site).id)
        homes = [self.element[i] for i in plan if i in self.element]
        whole = {(version, group.array.shape) for group, version, _ in homes}
        if len(whole) == 1 and [index for _, _, index in homes] == places:
            version, of_array = whole.pop()
            if of_array == shape:  # not an element with the same index in a longer array
                return Ref(version)
        line = self.old.nodes[plan[0]]
        if len({*plan}) == 1:
            return self._reference(plan[0], line, True)
        stack = shape, tuple(zip(plan, places, strict=True))
        if stack not in self.stacks:
            rows = np.empty(shape, dtype=object)
            for i, at in stack[1]:
                rows[at] = i
            value = self._values(plan, places, shape)
            refs = self._rows(rows.tolist(), line)
            self.stacks[stack] = self._add("array", (refs,), line, value, ("array", line.site)).id
        return Ref(self.stacks[stack])

    def _values(self, numbers: list[int], places: list[Any], shape: tuple[int, ...]) -> Any:
        value = np.empty(shape)
        for i, at in zip(numbers, places, strict=True):
            number = self.old.nodes[i].value
            value[at] = np.nan if number is None else float(number)
        return value

    # ------------------------------------------------------------ literals

    def _literals(self) -> tuple[set[Any], Counter[bytes]]:
        """The operands that are not always the same number, and how often each number occurs."""
        same: dict[Any, Any] = {}
        varies, often = set[Any](), Counter[bytes]()
        for node in (self.old.nodes[id] for id in self.made):
            for n, x in enumerate(node.args):
                if type(x) in (int, float, bool):
                    place = node.site, node.op, n
                    if same.setdefault(place, x) != x:
                        varies.add(place)
                    often[struct.pack("d", float(x)) if abs(x) < 1e300 else b""] += 1
        return varies, often

    def _literal(self, node: Node, n: int, x: Any) -> Any:
        """An operand that is not recorded: data if it is not the same number each time."""
        if (node.site, node.op, n) not in self.varies:
            return x
        # a float that occurs only once may come from code that does not record
        known = type(x) is not float or x % 1 == 0 or self.often[struct.pack("d", x)] > 1
        leaf = self._add("leaf" if known else "foreign", (), node, np.array(float(x)), None)
        leaf.name = ""
        return Ref(leaf.id)

    # ------------------------------------------------------------ writing

    def write(self) -> Tape:
        """The new tape."""
        events: dict[int, list[tuple[Group, int]]] = defaultdict(list)
        for group in self.groups:
            events[group.begin].append((group, -1))
            for n, end in enumerate(group.ends):
                events[end].append((group, n))
        nodes = self.old.nodes
        self._mark_pending()
        for id in range(len(nodes) + 1):
            for group, n in events.get(id, ()):
                self._version(group, n)
            if id < len(nodes):
                self._copy(id, nodes[id])
        self._finish()
        return self.new

    def _mark_pending(self) -> None:
        for group in self.groups:
            for some in group.rounds[:-1]:  # the tape may end within the last
                if len(some) < len(group.array.places):
                    self.pending.update(dict.fromkeys(some.values(), group))

    def _copy(self, id: int, node: Node) -> None:
        if node is LEFT_OUT or id in self.absorbed:
            return
        if id in self.made:
            mine = [self.constant.get(i, False) for i in node.inputs]
            known = node.op not in ("lost", "foreign")
            self.constant[id] = known and all(mine) and id not in self.single
            if self._is_same(id):
                return  # its source is read in its place
            if self.constant[id] and id not in self.asked:
                return  # written when it is needed
        self._write(id)

    def _write(self, id: int) -> None:
        node = self.old.nodes[id]
        python = id in self.made
        if self.constant.get(id) and id not in self.asked:
            leaf = self._add("leaf", (), node, node.value, None)
            self.at[id] = leaf.id
            return
        folds = not python and node.op == "array" and bool(node.inputs) and node.value is not None
        if folds and all(self.constant.get(i, False) for i in node.inputs):  # data in lists
            self.at[id] = self._add("leaf", (), node, node.value, node.site).id
            return
        typed = python and bool(node.inputs)
        args = tuple(
            self._literal(node, n, x) if typed and type(x) in (int, float, bool)
            else self._mapped(x, node, python)
            for n, x in enumerate(node.args)
        )  # fmt: skip
        kwargs = self._mapped(node.kwargs, node, python)
        made = self._add(node.op, args, node, node.value, node.site, kwargs)
        made.shape, made.dtype = node.shape, node.dtype
        self.at[id] = made.id

    def _mapped(self, x: Any, user: Node, python: bool) -> Any:
        kind = type(x)
        if kind is Ref:
            return self._reference(x.id, user, python)
        if kind is tuple or kind is list:
            return kind(self._mapped(i, user, python) for i in x)
        if kind is dict:
            return {k: self._mapped(v, user, python) for k, v in x.items()}
        if kind is slice:
            return slice(*(self._mapped(i, user, python) for i in (x.start, x.stop, x.step)))
        return x

    def _reference(self, id: int, user: Node, python: bool) -> Any:
        id = self.source_of(id)
        if self.constant.get(id) and not python:
            value = self.old.nodes[id].value
            assert value is not None
            return float(value)
        if id in self.element:
            group, version, index = self.element[id]
            if version < 0:
                raise AssertionError("an element of an array that is not written yet")
            read = self._add("getitem", (Ref(version), index), user, None, ("read", user.site))
            read.value = self.old.nodes[id].value
            read.name = ""
            return Ref(read.id)
        if id in self.pending:
            group = self.pending[id]
            self.reason = self.reason or (
                f"the numbers of {group.array.name} are not all replaced in each step"
            )
        if id not in self.at:
            self._write(id)
        return Ref(self.at[id])

    def source_of(self, id: int) -> int:
        while id in self.made and self._is_same(id):
            id = self.old.nodes[id].inputs[0]
        return id

    def _is_same(self, id: int) -> bool:
        """Is it a copy, or a weight that the script rounds after its update?"""
        node = self.old.nodes[id]
        rounds = node.op == "rounded" and node.inputs[0] in self.single
        return (node.op == "copy" or rounds) and id not in self.single

    def _add(
        self, op: str, args: Any, user: Node, value: Any, site: Any,
        kwargs: Mapping[str, Any] | None = None,
    ) -> Node:  # fmt: skip
        node = Node(len(self.new.nodes), op, args, dict(kwargs or {}), user.line, site, user.name)
        node.value, node.calls = value, user.calls
        if value is not None:
            node.shape, node.dtype = value.shape, value.dtype.kind
        self.new.nodes.append(node)
        return node

    def _version(self, group: Group, n: int) -> None:
        """Write the array after its round `n`; -1 is the array as it begins."""
        array, nodes = group.array, self.old.nodes
        replaced = group.first if n < 0 else group.rounds[n]
        now = {**group.now, **replaced}
        rows = np.empty(array.shape, dtype=object)
        value = np.empty(array.shape)
        for place, index in array.places.items():
            number = nodes[now[place]].value
            value[index] = np.nan if number is None else float(number)
            rows[index] = now[place]
        line = nodes[next(iter(replaced.values()))]
        ordered = [now[p] for p in array.places]
        plan = self.together.get(ordered[0]) if len(replaced) == len(ordered) else None
        if n < 0 and (group.cut or all(nodes[i].op == "leaf" for i in now.values())):
            made = self._add("leaf", (), line, value, None)
        elif n >= 0 and isinstance(plan, tuple):
            at = list(array.places.values())
            made = self.new.nodes[self._written(plan, at, array.shape).id]
            if made.shape != array.shape:  # a number that had another name, for each place
                args = (self._filled(Ref(made.id), array.shape),)
                made = self._add("array", args, line, value, None)
            made.site = ("array", array.name)
        else:
            args = (self._rows(rows.tolist(), line),)
            made = self._add("array", args, line, value, ("array", array.name))
        made.name = array.name
        old = group.version
        if n >= 0 and not self.updated.isdisjoint(replaced.values()):
            self.new.links.append((old, made.id))
        group.version, group.now = made.id, now
        for place, index in array.places.items():
            self.element[now[place]] = group, made.id, index
            self.pending.pop(now[place], None)

    def _filled(self, x: Ref, shape: tuple[int, ...]) -> Any:
        return [self._filled(x, shape[1:]) for _ in range(shape[0])] if shape else x

    def _rows(self, x: Any, user: Node) -> Any:
        if isinstance(x, list):
            return [self._rows(i, user) for i in x]
        if x in self.pending:
            del self.pending[x]
        return self._reference(x, user, True)

    def _finish(self) -> None:
        """Take over links, branches and aliases."""
        grouped = {p for g in self.groups for p in g.first.values()}
        grouped |= {i for g in self.groups for r in g.rounds for i in r.values()}
        grouped.update(*(g.between for g in self.groups))
        begin = max((g.begin for g in self.groups if g.cut), default=0)
        grouped.update(i for i in self.made if i < begin)
        for a, b in self.old.links or self.linked:
            known = b not in self.made or (a, b) in self.linked
            if known and b not in grouped and a in self.at and b in self.at:
                self.new.links.append((self.at[a], self.at[b]))
        self.new.links = sorted({*self.new.links}, key=lambda link: link[::-1])
        self.new.branches = [
            (self.at[i], answer) for i, answer in self.old.branches if i in self.at
        ]
        self.new.aliases = [
            (self.at[i], name, line) for i, name, line in self.old.aliases if i in self.at
        ]
        self.new.lost_steps = [
            (self.at[a], self.at[b])
            for a, b in self.old.lost_steps
            if a in self.at and b in self.at
        ]
        self.new.gradients = [
            (self.at[a], self.at[b], self.at[c])
            for a, b, c in self.old.gradients
            if {a, b, c} <= self.at.keys()
        ]
        self.new.pairs = [
            pair.within(self.at.keys()).renumbered(self.at) for pair in self.old.pairs
        ]
