"""Finds updates while a script runs: an array that is replaced by itself plus a change.

An update is ``new = old + change``, in any spelling, where the change depends on the array's old
value; or where an ``if`` decides whether to make it, by a number that is computed from the array. A
chain of updates has a root: the value that the first of them replaced. A running sum is not an
update if what is added does not depend on the sum: a total loss.
"""

import weakref
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..operations import JOINS, PARTS, PRODUCTS, SAME_NUMBERS
from ..tape import Node, Ref, Tape
from .ancestors import Ancestors

ADDING = ("add", "subtract", "add.at", "subtract.at")
FACTORS = PRODUCTS | {"multiply"}
LOST = 4  # times that an update is made in vain
# copies and factors between two updates: an SVM with wide margins may only shrink for long
MOST_BETWEEN = 1_000
MOST_BEFORE = 5_000  # operations that are searched between a value and an ``if`` that it may decide


class Updates:
    """Finds the updates on a growing tape, and adds each to the tape's `links`."""

    def __init__(
        self, tape: Tape, marks: int, conditions: Callable[[], list[int]] = lambda: []
    ) -> None:
        """Watch a tape, whose nodes `found` has not seen yet.

        Args:
            tape: its `links` are written.
            marks: how many arrays have a mark of their own; all later ones share the last.
            conditions: tells which values decided that the current statement runs.

        """
        self.tape, self._conditions = tape, conditions
        self.count = 0  # how many updates were found, over all arrays
        self.most = 0  # how many were found of the array with the most
        self.began: int | None = None  # the node of the first repeated update
        self.last = 0  # the node of the last update
        self.none = True  # Was no update found, not even one that is left out of the tape's links?
        # A step that begins with a value before this node, or with one that came onto the tape
        # late, may not be complete on the tape.
        self.complete_from = 0
        self.entered_late = set[int]()
        self._marks = marks
        self.read = defaultdict[int, int](int)  # how often each value was an argument
        self._unread = set[int]()  # values of running sums
        self._new = set[int]()  # the values that updates have made
        self._root_of: dict[int, int] = {}  # each value that replaced another -> its root
        # (root, place in the script) -> the part of the array that was changed there first, and
        # the value that was changed there last
        self._places: dict[tuple[int, Any], tuple[str, int]] = {}
        self._made: dict[int, weakref.ref[Any]] = {}  # what updates have made, while it is there
        self._latest: dict[tuple[int, Any], int] = {}  # the same places -> what was made last
        self._lost: Counter[tuple[int, Any]] = Counter()  # the same places -> how often in vain
        self._times: dict[int, int] = {}  # root -> how often it was updated again
        self._counted: dict[Any, int] = {}  # place in the script -> the root whose changes count
        self._read = set[int]()  # roots with a change that is known to depend on them
        self._ancestors = Ancestors(tape, self.read)
        self._independent: dict[int, set[int]] = {}  # other root -> values that do not depend on it
        # other root -> (old, new) of each sum: they become updates once a change depends on it
        self._sums: dict[int, list[tuple[int, int]]] = {}
        # value -> the array whose parts, plus changes, it is filled with; None: several arrays
        self._filled: dict[int, int | None] = {}

    def forget(self, begin: int) -> None:
        """All nodes before `begin` were dropped from the tape, except those that are used later."""
        tape = self.tape
        tape.links = [link for link in tape.links if link[0] >= begin]
        self.none = not tape.links
        tape.branches = [b for b in tape.branches if b[0] >= begin]
        tape.aliases = [a for a in tape.aliases if a[0] >= begin]
        self.complete_from = max(begin, self.complete_from)
        self._counted.clear()
        for known in (
            self._root_of,
            self._places,
            self._read,
            self._independent,
            self._sums,
            self._ancestors,
            self._filled,
        ):
            known.clear()

    def found(self, node: Node) -> bool:
        """Is this new node an update?"""
        if node.op in ADDING:
            return self._in_sum(node)
        if node.op == "assign":
            return self._in_part(node)
        # array([a + change, b + change]) may also be a sum as a whole
        return node.op == "array" and self._in_rebuilt(node)

    def made(self, node: Node, array: Any) -> None:
        """The array of an update that was found."""
        self._made[node.id] = weakref.ref(array)

    def replaced(self, old: int, node: Node, changes: list[int]) -> bool:
        """The script has put `node`, the sum of `old` and `changes`, in the place of `old`.

        Args:
            old: a value.
            node: the new value.
            changes: what was added.

        """
        root = self._root(old)
        # a running sum that nothing else has read until now
        unread = old in node.inputs and self.read[old] == 1
        unread = unread and (old == root.id or old in self._unread)
        if unread:
            self._unread.add(node.id)
        # ``rate *= 0.6`` adds nothing, whatever decides it
        added = changes or node.op not in ("multiply", "divide")
        if not added and node.inputs == (old,):  # w *= 0.99, before w += change
            self._root_of.setdefault(node.id, root.id)
        if unread or not (
            any(self._depends(i, root) for i in changes) or (added and self._decides(old))
        ):
            self._keep_sum(old, node)
            return False
        # count only the first number of a list
        self._add(old, node, counts=self._counted.setdefault(node.site, root.id) == root.id)
        return True

    def _in_sum(self, node: Node) -> bool:
        """``old + change``, or ``add.at(old, indices, change)``"""
        if node.dtype != "f" or len(node.args) < 2:
            return False
        first, second = node.args[0], node.args[-1]
        if not (isinstance(first, Ref) and isinstance(second, Ref)):
            return False
        pairs = [(first.id, second.id)]
        if node.op == "add":
            pairs.append((second.id, first.id))
        found = []
        for old, change in pairs:
            source = self._source(old, node)
            if source is not None and (
                self._depends(change, self._root(source)) or self._decides(source)
            ):
                found.append(source)
            elif source is not None:
                self._keep_sum(source, node)
        # the older value is the state, the newer one the change; or, in g = g + reg * w, the
        # history of both has to tell
        if found and self._root(min(found)).id <= min(node.inputs):
            self._add(min(found), node)
            self._link([(other, node.id) for other in {*found} - {min(found)}])
            return True
        return False

    def _in_part(self, node: Node) -> bool:
        """``old[part] = old[part] + change``, or ``new[part] = old[part] + change``"""
        base, path, new = node.args
        part = self.tape.nodes[self.tape.origin(new.id)]
        if part.op not in ADDING:
            return False
        old = self._source(base.id, node) or base.id
        changes = [i for i in part.inputs if base.id not in self._wholes(i)]
        if len(changes) == len(part.inputs) and (found := self._terms(part, base.id, path)):
            changes = found
        elif len(changes) == len(part.inputs):
            read = [(i, self._read_at(i, path, node)) for i in part.inputs]
            wholes = {w for _, w in read if w is not None}
            root = self._root_of.get(base.id)
            if len(wholes) != 1 or root not in (None, self._root(min(wholes)).id):
                return False
            # z[i] = x @ w[i] + b[i] is filled again in each step, from another b than before
            whole = min(wholes)
            again = self._filled.get(base.id, whole) != whole and self.tape.origin(whole) != base.id
            self._filled[node.id] = None if again else whole
            if again:
                return False
            old = base.id if root is not None else min(wholes)
            changes = [i for i, w in read if w is None]
        if any(self._depends(i, self._root(old)) for i in changes) or self._decides(old):
            self._add(old, node)
            return True
        self._keep_sum(old, node)
        return False

    def _terms(self, added: Node, base: int, path: Any) -> list[int]:
        """What ``old[part] + x + y`` adds to the part of `base` at the path; [] if it is not so."""
        nodes, changes = self.tape.nodes, list[int]()
        while added.op in ADDING and added.inputs and added.id > base:
            parts = [i for i in added.inputs if not self._is_at(i, base, path)]
            if len(parts) < len(added.inputs):
                return [*changes, *parts]
            first, *others = added.inputs
            changes += others
            added = nodes[first]
        return []

    def _is_at(self, id: int, base: int, path: Any) -> bool:
        """Is a value the part of `base` to which a path leads?"""
        for op, args, kwargs in reversed(path):
            part = self.tape.nodes[self.tape.origin(id)]
            if (part.op, part.args[1:], part.kwargs) != (op, args, kwargs):
                return False
            id = part.inputs[0]
        return id == base

    def _read_at(self, id: int, path: Any, whole: Node) -> int | None:
        """The array of which a value is the part at a path; None if it has another shape."""
        part = self.tape.nodes[self.tape.origin(id)]
        same = path == ((part.op, part.args[1:], part.kwargs),)
        known = same and self.tape.nodes[part.inputs[0]].shape == whole.shape
        return part.inputs[0] if known else None

    def _in_rebuilt(self, node: Node) -> bool:
        """``array([part + change for part in old])``"""
        inputs = [self.tape.nodes[i].inputs for i in node.inputs]
        if any(self.tape.nodes[i].op not in ("add", "subtract") for i in node.inputs):
            return False
        found = [{i: self._wholes(i) for i in both} for both in inputs]
        olds = set.intersection(*({w for ws in wholes.values() for w in ws} for wholes in found))
        olds = {w for w in olds if self.tape.nodes[w].shape == node.shape}
        for old in sorted(olds)[:1]:
            root = self._root(old)
            changes = [i for wholes in found for i, ws in wholes.items() if old not in ws]
            if any(self._depends(i, root) for i in changes):
                self._add(old, node)
                return True
        return False

    def _wholes(self, id: int) -> list[int]:
        """The value itself, the row that it is an element of, the array of that row, ...

        A row may have got another shape on the way.
        """
        found = [id]
        while (node := self.tape.nodes[found[-1]]).op in PARTS and node.inputs:
            found.append(node.inputs[0])
        return found

    def _root(self, id: int) -> Node:
        return self.tape.nodes[self._root_of.get(id, id)]

    def _depends(self, id: int, root: Node) -> bool:
        """Is a value computed from a root?"""
        nodes = self.tape.nodes
        if not root.marks & nodes[id].marks:
            return False
        # A common mark is enough if only the root has it: a leaf that does not share the last mark.
        # Any other root (a sum of gradients) has the marks of all its ancestors, which a change
        # may have without depending on the root: then look through the tape.
        if (root.inputs or root.marks >> self._marks) and root.id not in self._read:
            begin = {root.id}
            if root.op in ("multiply", "divide"):  # a first gradient times a decay
                begin |= {i for i in root.inputs if nodes[i].shape == root.shape}
            known, stack = self._independent.setdefault(root.id, set()), [id]
            oldest = min(begin)
            while stack:
                n = stack.pop()
                often = n > oldest and self._ancestors.is_often_read(n) and n not in known
                if n in begin or (often and self._ancestors.include(n, begin)):
                    self._read.add(root.id)
                    del self._independent[root.id]
                    return True
                if n > oldest and n not in known:
                    known.add(n)
                    stack += () if often else nodes[n].inputs
            return False
        return True

    def _decides(self, old: int) -> bool:
        """Does this statement run because of a number that is computed from a value by a product?

        ``if t * (w @ x) <= 0: w += t * x`` is an update; ``if rate > 0.1: rate -= 0.01`` is not.
        """
        nodes = self.tape.nodes
        for condition in self._conditions():
            stack, seen, product = [condition], set[int](), False
            reached = False
            while stack and len(seen) < MOST_BEFORE:
                n = stack.pop()
                if n == old:
                    reached = True
                elif n > old and n not in seen and n not in self._new:
                    seen.add(n)
                    product = product or nodes[n].op in FACTORS
                    stack += nodes[n].inputs
            if reached and product:
                return True
        return False

    def _keep_sum(self, old: int, node: Node) -> None:
        """Remember a running sum: until now, no change of it depends on it."""
        if self.tape.nodes[old].site == node.site:
            root = self._root_of[node.id] = self._root_of.get(old, old)
            self._sums.setdefault(root, []).append((old, node.id))

    def _add(self, old: int, node: Node, counts: bool = True) -> None:
        root = self._root_of[node.id] = self._root_of.get(old, old)
        # Leave out sums at other places of the script: they gave the array its first numbers.
        nodes = self.tape.nodes
        sums = [s for s in self._sums.pop(root, ()) if nodes[s[1]].site == node.site]
        self._link([*sums, (old, node.id)])
        self.none, self.last = False, node.id
        self._new.add(node.id)
        if not counts:
            return
        # Changing one element after the other is one update. ``x @ w + b`` with the same b as
        # before is not a repeated update.
        part = str(node.args[1]) if node.op == "assign" else ""
        place = root, node.site
        first, last = self._places.get(place, (part, old))
        if last == old:
            self._begin_again(place, old, node)
        if first == part and last != old:
            self.count += 1
            self._times[root] = self._times.get(root, 0) + 1
            self.most = max(self.most, self._times[root])
            if self.began is None:
                self.began = node.id
        self._places[place] = first, old

    def _begin_again(self, place: tuple[int, Any], old: int, node: Node) -> None:
        """An update begins with the same value as before: was what it made then lost, unread?"""
        before = self._latest.get(place)
        self._latest[place] = node.id
        array = self._made.get(before) if before is not None else None
        if array is None or before is None or array() is not None or self.read[before]:
            return
        self._lost[place] += 1
        if self._lost[place] == LOST:
            self.tape.lost_steps.append((old, before))

    def _link(self, pairs: list[tuple[int, int]]) -> None:
        self.tape.links += [
            (old, new)
            for old, new in pairs
            if old >= self.complete_from and old not in self.entered_late
        ]

    def _whole(self, joined: Node) -> int | None:
        """The value of which all parts have been joined again: parameters in one long array.

        The forward pass reads the parts, and the next update joins them.
        """
        nodes, value = self.tape.nodes, joined.value
        common = set.intersection(*({*self._wholes(i)} for i in joined.inputs))
        for n in sorted(common, reverse=True):
            whole = nodes[n].value
            if value is not None and whole is not None and np.array_equal(whole, value):
                return n
        return None

    def _source(self, id: int, update: Node) -> int | None:
        """The old value of an update: what a value was made from by copies, casts and factors.

        Factors are followed only if they lead to a value that an update made.
        """
        shape = update.shape
        origin: int | None = None
        alike: int | None = None  # the oldest of this shape: what was reshaped had another
        for _ in range(MOST_BETWEEN):
            node = self.tape.nodes[id]
            alike = id if node.shape == shape else alike
            if id in self._root_of or node.site == update.site:
                return id
            joined = len(node.inputs) > 1 and node.op in JOINS | SAME_NUMBERS
            whole = self._whole(node) if joined else None
            if whole is not None:
                return whole
            if node.op in SAME_NUMBERS and node.inputs:
                id = node.inputs[0]
                continue
            if origin is None:
                origin = alike
            same = [i for i in node.inputs if self.tape.nodes[i].shape == shape]
            if len(same) > 1:  # a momentum that is a number, times its rate
                same = [i for i in same if self.tape.nodes[i].site == update.site]
            if node.op not in ("multiply", "divide") or len(same) != 1:
                break
            if any(self.tape.nodes[i].shape for i in node.inputs if i not in same):
                break
            id = same[0]
        return origin
