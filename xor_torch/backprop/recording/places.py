"""Where a script keeps its own floats: in names, lists, dictionaries and attributes.

A float becomes a `Number`, which records, when it is stored. Each place has a number of its own,
so that a number tells its place. An update replaces a number by itself plus a change.
The file is long because names, lists, dictionaries and attributes need one log of what they hold.
"""

import collections
import itertools
import operator
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..tape import Node, Tape
from .array import Recorded
from .frames import Frames
from .limits import MOST_IN_LIST
from .number import PYTHON_NUMBERS, Number, Whole, plain
from .updates import Updates

# Python's numbers are no longer recorded if a script has more than this before its first update.
MOST_NUMBERS = 300_000  # in all its places, those of lists that it has dropped among them
MOST_OPERATIONS = 1_000_000  # on such numbers
MOST_TYPED = 8  # characters of a number that the script types; a number drawn at random has more
MOST_ROOTS = 2_000  # names
MOST_LEVELS = 5  # objects in lists in objects
MOST_TERMS = 50  # terms of a sum that may be a number plus changes
MOST_TRIED = 8  # numbers of a new list or object that are compared with those of the old one
EXACT = 1e-12  # Rounding that changes a number by less than this keeps it.
_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.iadd, "Sub": operator.isub, "Mult": operator.imul, "Div": operator.itruediv,
    "Pow": operator.ipow, "FloorDiv": operator.ifloordiv, "Mod": operator.imod,
    "MatMult": operator.imatmul, "BitAnd": operator.iand, "BitOr": operator.ior,
    "BitXor": operator.ixor, "LShift": operator.ilshift, "RShift": operator.irshift,
}  # fmt: skip
_SUMS = frozenset(("add", "subtract", "copy", "rounded", "sum", "negative"))
_ATOMS = (int, str, bool, type(None), types.ModuleType, types.FunctionType, type)
_CONTAINERS = (list, dict, tuple)
_NUMBERS = frozenset((float, int, *PYTHON_NUMBERS))
_NOT_OBJECTS = {"numpy", "builtins", "types", "functools", "xor_torch", "torch"}
# The id of a list, a dictionary or an object, and the key or attribute in it; or the id of the code
# of a function, as a text, and a name in it; or the name of a module, and a global name.
Place = tuple[Any, Any]


class Journal(Protocol):
    """What the places ask of their recorder."""

    tape: Tape
    frames: Frames
    updates: Updates
    full: bool

    def leaf_number(self, value: float) -> int: ...
    def as_number(self, value: float, node: int) -> Number | Whole: ...
    def number(self, op: str, args: tuple[Any, ...], value: float) -> Any: ...
    def run(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any: ...
    def node_of(self, x: Any) -> int: ...


class Stored(NamedTuple):
    """A number was stored."""

    at: int  # the length of the tape then
    place: Place
    node: int


class Root(NamedTuple):
    """The value of a name, and the first one that it had, perhaps the network that was trained."""

    value: Any
    first: Any
    times: int  # how often it was assigned


class Places:
    """All places of one script that hold numbers."""

    def __init__(self, recorder: Journal) -> None:
        self._recorder = recorder
        self.log: list[Stored] = []
        self.now: dict[Place, int] = {}  # the node of the number that is there
        self.held: dict[int, Any] = {}  # id -> object; while we hold it, no other gets its id
        self.roots: dict[Place, Root] = {}  # the lists and objects that have a name
        self.texts: dict[Place, str] = {}  # a place as it is written in the script
        self.too_many: str | None = None  # why no more numbers are recorded
        self._home: dict[int, Place] = {}  # the first place of a node
        self._lists: dict[Place, Any] = {}
        self._calls: dict[Place, types.FrameType] = {}  # the last call that assigned to a name
        self._same: dict[int, int] = {}  # a list that took the place of another -> id of the first
        self._before: dict[int, list[Any]] = {}  # a list's id -> what it held while it was whole
        # the id of a code, and a name in it -> its place if it is a local one
        self._locals: dict[Place, Place | tuple[()]] = {}
        self._sliced: Any = None  # the list that the script changes by a slice
        self._updated = set[int]()  # the nodes that are updates
        self._operations = 0

    # ------------------------------------------------------------ what the rewriter calls

    def named(self, value: Any, name: str) -> Any:
        """The script assigns `value` to a name; return what it is to assign."""
        if self.too_many or self._recorder.full:
            return value
        value = self._grown(value, name)
        if isinstance(value, _ATOMS) and type(value) not in PYTHON_NUMBERS:
            return value
        frame = self._recorder.frames.current()
        if frame is None:
            return value
        place, local = self._place_of(frame, name)
        if local and leads_to_numbers(value) and self._calls.get(place) is not frame:
            self._calls[place] = frame  # in another call, the name is another variable
            self._lists.pop(place, None)
        if type(value) not in (float, *PYTHON_NUMBERS) and len(self.roots) < MOST_ROOTS:
            root = self.roots.get(place)
            first = root.first if root else value
            self.roots[place] = Root(value, first, root.times + 1 if root else 1)
        return self._keep(value, place, name)

    def _place_of(self, frame: types.FrameType, name: str) -> tuple[Place, bool]:
        """The place of a name, and whether it is a local one of the function that runs."""
        code = frame.f_code
        place = self._locals.get((id(code), name))
        if place is None:
            self.held[id(code)] = code
            local = name in code.co_varnames or name in code.co_cellvars + code.co_freevars
            place = self._locals[id(code), name] = (str(id(code)), name) if local else ()
        return (place, True) if place else ((frame.f_globals.get("__name__", ""), name), False)

    def set_item(self, value: Any, holder: Any, key: Any, text: str) -> None:
        """``holder[key] = value``"""
        if isinstance(holder, list | dict) and not self.too_many:
            place = self._place_in(holder, key)
            there: Any = None
            if place:
                there = dict.get(holder, key) if isinstance(holder, dict) else holder[key]
            if type(there) is float and not self._recorder.full:
                self._contents(holder, text.rpartition("[")[0])  # it was appended
            if place and leads_to_numbers(value):
                self._lists.setdefault(place, there)
            value = self._keep(value, place, text) if place else value
        holder[key] = value

    def set_attribute(self, value: Any, holder: Any, name: str, text: str) -> None:
        """``holder.name = value``"""
        if not isinstance(holder, Recorded) and not self.too_many:
            self.held[id(holder)] = holder
            value = self._keep(self._grown(value, name), (id(holder), name), text)
        setattr(holder, name, value)

    def change_item(self, operation: str, holder: Any, key: Any, value: Any, text: str) -> None:
        """``holder[key] += value``"""
        old = holder[key]
        if isinstance(holder, list | dict) and not self.too_many:
            place = self._place_in(holder, key)  # from now on its numbers record
            if type(old) is float:  # it was appended, and so may others have been
                self._contents(holder, text.rpartition("[")[0])
            there = type(old) in PYTHON_NUMBERS and place and self._is_there(old.node, place)
            if place and not there:  # a default is new there
                old = self._keep(holder[key], place, text)
        self.set_item(_IN_PLACE[operation](old, value), holder, key, text)

    def change_attribute(
        self, operation: str, holder: Any, name: str, value: Any, text: str
    ) -> None:
        """``holder.name += value``"""
        self.set_attribute(_IN_PLACE[operation](getattr(holder, name), value), holder, name, text)

    def shrinks(self, items: Any, text: str) -> Any:
        """The script is about to take items out of a list, or to replace some; return the list."""
        if type(items) is list:
            self._sliced = items
            if items and id(items) not in self._before:
                self._remember(items, text)
        return items

    def _remember(self, items: list[Any], text: str) -> None:
        """Keep what a list of numbers, or of rows, holds while it is whole."""
        kinds = (list, float, *PYTHON_NUMBERS)
        done = self.too_many or self._recorder.full
        if done or type(items[0]) not in kinds or self._is_data(items):
            return
        if not self._is_stored(items):
            self._contents(items, text)  # it was filled item by item
        old = self._before[id(items)] = [*items]
        self.held[id(old)], self._same[id(old)] = old, self.id_of(items)

    def _is_stored(self, items: list[Any]) -> bool:
        """Does the first number of a list record, with the list as its place?"""
        if items and isinstance(items[0], list):
            return self._is_stored(items[0])
        known = bool(items) and type(items[0]) in PYTHON_NUMBERS
        return known and self._home.get(items[0].node) == (self.id_of(items), 0)

    def grows(self, items: Any, method: str, text: str) -> Callable[..., Any]:
        """``items.append``, or another method that puts items into a list."""
        change: Callable[..., Any] = getattr(items, method)

        def change_and_look(*args: Any) -> None:
            change(*args)
            self._look_at(items, text)

        return change_and_look if type(items) is list else change

    def sliced(self, text: str) -> None:
        """The script has replaced items of the last list that it began to change."""
        items, self._sliced = self._sliced, None
        self._look_at(items, text)

    def _look_at(self, items: Any, text: str) -> None:
        """Is a list whole again: are all its numbers those that it held before, plus changes?

        A float that does not record is not one of them.
        """
        old = None if self._recorder.full else self._before.get(id(items))
        if old is None or len(items) != len(old) or type(items[0]) is float:
            return
        found = False
        for both in self._pairs(items, old):
            if both.key is None:
                continue
            was = self.now.get((both.holder, both.key))
            if was is None or self._changes(self._node(both.value), was) is None:
                if {id(x) for x in old}.isdisjoint(map(id, items)):
                    self._remember(items, text)  # it was filled in another way
                return
            found = True
        if found:
            del self._before[id(items)]
            self._take_place(items, old, text)
            self._contents(items, text)

    def looped(self, item: Any) -> Any:
        """An item of a ``for`` loop; a float is recorded as data."""
        if type(item) is float:
            return self._leaf(item)
        if type(item) is tuple:
            return tuple(self._leaf(x) if type(x) is float else x for x in item)
        return item

    def _grown(self, value: Any, name: str) -> Any:
        """The same value with ints that record if the script later adds something to them."""
        if name not in self._recorder.frames.growing or self._is_data(value):
            return value
        if isinstance(value, list):
            for n, x in enumerate(value):
                if type(x) in (int, list):
                    value[n] = self._grown(x, name)
        return self._leaf(value) if type(value) is int else value

    def whole(self, value: Any) -> Any:
        """A chosen int as one that records; any other value as it is."""
        return self._leaf(value) if type(value) in (int, bool) else value

    def count(self) -> None:
        """Count one more operation before the first update."""
        self._operations += 1
        if self._operations > MOST_OPERATIONS:
            self.too_many = (
                f"no number was updated within {MOST_OPERATIONS:,} operations on Python's "
                "numbers: give it fewer samples for each update, or use NumPy arrays"
            )

    # ------------------------------------------------------------ numbers and their places

    def id_of(self, holder: Any) -> int:
        """The id of a list or dictionary, or of the first one that was in its place."""
        return self._same.get(id(holder), id(holder))

    def _leaf(self, value: float) -> Any:
        recorder = self._recorder
        if recorder.full or self.too_many or recorder.frames.current() is None:
            return value
        return recorder.as_number(value, recorder.leaf_number(value))

    def _place_in(self, holder: Any, key: Any) -> Place | None:
        if id(holder) not in self.held:
            self._contents(holder, "")
        if isinstance(holder, list):
            if type(key) is not int or not -len(holder) <= key < len(holder):
                return None
            key %= len(holder)
        return self.id_of(holder), key

    def _keep(self, value: Any, place: Place, text: str) -> Any:
        kind = type(value)
        if kind in (float, *PYTHON_NUMBERS):
            return self._number(value, place, text)
        if isinstance(value, Recorded) and value._scalar and value.dtype.kind == "f":
            return self._number(value, place, text)
        if leads_to_numbers(value):
            if hasattr(kind, "__dataclass_fields__") and id(value) not in self.held:
                self._attributes(value, text, 1)  # it has an __init__ that is not the script's
            before = self._lists.get(place)
            self._lists[place] = value
            if type(before) is kind and before is not value:
                if kind is list and before and not value:
                    self._before[id(value)] = before
                self._take_place(value, before, text)
        return self._contents(value, text) if isinstance(value, _CONTAINERS) else value

    def _number(self, value: Any, place: Place, text: str) -> Any:
        """The number to store at a place: one that is stored nowhere else."""
        recorder = self._recorder
        if recorder.full:
            return value
        if type(value) is float:
            value = self._leaf(value)
            if type(value) is float:
                return value
        node = self._node(value)
        if type(value) is Number and place in self.now:
            before = self._before_rounding(node, self.now[place])
            if before != node:
                node, value = before, recorder.as_number(plain(value), before)
        home = self._home.setdefault(node, place)
        if home != place and not self._renamed(node, home, place):
            if type(value) in PYTHON_NUMBERS:
                value = recorder.number("copy", (value,), plain(value))
                if type(value) not in PYTHON_NUMBERS:
                    return value
            else:
                value = recorder.run("copy", lambda x: x, (value,), {})
                if not isinstance(value, Recorded):
                    return value
            node = self._node(value)
            self._home[node] = place
        self._store(node, place, text)
        return value

    def _renamed(self, node: int, home: Place, place: Place) -> bool:
        """Is it the same computed number under two names: ``new_w = w - step``, ``w = new_w``?

        Code between the two that reads ``new_w`` reads the new weight already. In ``z = b``, which
        begins a sum, b is no change of the last z.
        """
        names = not isinstance(home[0], int) and not isinstance(place[0], int)
        if not names or self._recorder.tape.nodes[node].op == "leaf":
            return False
        old = self.now.get(place)
        return old is None or self._changes(node, old) is not None

    def _node(self, value: Any) -> int:
        return value.node if type(value) in PYTHON_NUMBERS else self._recorder.node_of(value)

    def _store(self, node: int, place: Place, text: str) -> None:
        old = self.now.get(place)
        if old == node:
            return
        if len(self.now) > MOST_NUMBERS and self._recorder.updates.none:
            self.too_many = (
                f"its lists hold more than {MOST_NUMBERS:,} numbers: use fewer, or NumPy arrays"
            )
            return
        made = self._recorder.tape.nodes[node]
        if self._recorder.tape.origin(node, ("copy", "rounded")) == old and made.op == "rounded":
            return  # w = round(w, 10) keeps the number
        made.name = made.name or text
        self.now[place] = node
        self.texts.setdefault(place, text)
        self.log.append(Stored(len(self._recorder.tape.nodes), place, node))
        changes = None
        if old is not None and node not in self._updated:
            changes = self._changes(node, old)
        if old is None or changes is None:
            return
        if self._recorder.updates.replaced(old, made, changes):
            self._updated.add(node)

    def _changes(self, new: int, old: int) -> list[int] | None:
        """What was added to `old` to get `new`; None if `new` is not a sum with `old`.

        Args:
            new: a number.
            old: the number that was there before.

        """
        tape, updated = self._recorder.tape, self._updated
        nodes, same = tape.nodes, tape.origin(new, ("copy",))
        found, changes, queue = False, list[int](), collections.deque([new])
        for _ in range(MOST_TERMS):
            if not queue:
                break
            n = queue.popleft()  # the old number is one of the outermost terms
            node = nodes[n]
            op = node.op
            if n == old or (op == "copy" and tape.origin(n, ("copy",)) == old):
                found = True
            elif n < old or (n not in (new, same) and (n in updated or self._is_kept(n, old))):
                changes.append(n)  # the error of this step depends on the update of the last one
            elif op in _SUMS:
                queue += node.inputs
            elif op in ("multiply", "divide") and self._is_decayed(node, old):
                found = True
            else:
                changes.append(n)
        return [*changes, *queue] if found else None

    def _is_kept(self, n: int, old: int) -> bool:
        """Is a number held by an object or a list, and not where the old one is?"""
        home = self._home.get(n)
        return home is not None and isinstance(home[0], int) and home != self._home.get(old)

    def _is_decayed(self, node: Node, old: int) -> bool:
        """Is it the old number times numbers that the script types, as in ``self.beta * m[i]``?"""
        tape = self._recorder.tape
        origins = [tape.origin(i, ("copy",)) for i in node.inputs]
        factors = [tape.nodes[i].value for i in origins if i != old and tape.nodes[i].op == "leaf"]
        return (
            origins.count(old) == 1
            and len(factors) == len(origins) - 1
            and all(x is not None and len(repr(float(x))) <= MOST_TYPED for x in factors)
        )

    def _before_rounding(self, id: int, old: int) -> int:
        """The old number plus changes, if rounding to a few digits has left it as it was.

        As ``round(w + 0.1, 2)`` does, which makes 0.3 of 0.30000000000000004.
        """
        node = self._recorder.tape.nodes[id]
        if node.op != "round" or self._changes(node.inputs[0], old) is None:
            return id
        of = self._recorder.tape.nodes[node.inputs[0]]
        if of.value is None or node.value is None:
            return id
        return of.id if np.allclose(of.value, node.value, rtol=EXACT, atol=EXACT) else id

    # ------------------------------------------------------------ lists

    def _contents(self, value: Any, text: str) -> Any:
        """Let all floats in lists and dictionaries record, each at its place; return the value.

        In place of a tuple with floats it is another tuple, which has the numbers that record.
        """
        if self.too_many or self._is_data(value):
            return value
        return self._stored(value, text)

    def _stored(self, value: Any, text: str) -> Any:
        """The same for a list or dictionary that is known to be no data."""
        self.held[id(value)] = value
        mine = self.id_of(value)
        # the script's own class may have other methods
        parts = dict.items(value) if isinstance(value, dict) else enumerate(_items(value))
        new = dict[Any, Any]()
        for key, x in [*parts]:
            changed = x
            if type(x) in PYTHON_NUMBERS and self._is_there(x.node, (mine, key)):
                continue
            if type(x) in (float, *PYTHON_NUMBERS) or (type(x) is Recorded and x._scalar):
                changed = self._keep(x, (mine, key), f"{text}[{key!r}]")
            elif isinstance(x, _CONTAINERS):
                changed = self._stored(x, f"{text}[{key!r}]")
            if changed is not x:
                new[key] = changed
        if isinstance(value, tuple):
            return self._rebuilt(value, mine, new) if new else value
        put: Any = list.__setitem__ if isinstance(value, list) else dict.__setitem__
        for key, changed in new.items():
            put(value, key, changed)
        return value

    def _is_there(self, node: int, place: Place) -> bool:
        """Is this number stored at a place already, and first of all there?"""
        return self.now.get(place) == node and self._home.get(node) == place

    def _is_data(self, value: Any) -> bool:
        """Has it so many numbers that they count as constants? Fewer if many are followed."""
        most = MOST_IN_LIST if len(self.now) < MOST_NUMBERS // 3 else MOST_IN_LIST // 10
        return _size(value, most) > most

    def _rebuilt(self, old: Any, holder: int, new: dict[Any, Any]) -> Any:
        """A tuple with other items, which takes the place of the old one."""
        make = tuple if type(old) is tuple else getattr(type(old), "_make", None)
        if make is None:
            return old
        made = make(new.get(n, x) for n, x in enumerate(old))
        self.held[id(made)], self._same[id(made)] = made, holder
        return made

    def _take_place(self, new: Any, old: Any, text: str) -> None:
        """A list or an object with new weights takes the place of the one with the old ones."""
        if not self._is_changed(new, old):
            return
        for both in [*self._pairs(new, old)]:
            if both.key is None:
                self._same[id(both.new)] = both.holder
                self.held[id(both.new)] = both.new
            else:  # the number moves: one that is in two places would be copied
                node, own = self._node(both.value), (id(both.new), both.key)
                if self._home.get(node) == own != (both.holder, both.key):
                    self._home[node] = both.holder, both.key
                    self.now.pop(own, None)
        if not isinstance(new, list | tuple):
            self._attributes(new, text, MOST_LEVELS)

    def _is_changed(self, new: Any, old: Any) -> bool:
        """Are the first numbers of `new` those of `old` plus changes?

        In a list, one number is enough. In an object, all must be, and the first change must depend
        on its number: otherwise an object ``z = b + w * x`` would take the place of b.
        """
        numbers = (both for both in self._pairs(new, old) if both.key is not None)
        found = False
        for both in itertools.islice(numbers, MOST_TRIED):
            was, node = self.now.get((both.holder, both.key)), self._node(both.value)
            if was is not None and not both.in_list and self._is_same(node, was):
                continue  # how many rows a matrix has
            changes = None if was is None else self._changes(node, was)
            if both.in_list and changes is not None:
                return True
            if both.in_list:
                continue
            if was is None or changes is None or not (found or self._descends(changes, was)):
                return False
            found = True
        return found

    def _is_same(self, new: int, old: int) -> bool:
        """Is it a copy of the old number, or was the same number entered again?"""
        tape = self._recorder.tape
        one, other = (tape.nodes[tape.origin(i, ("copy",))] for i in (new, old))
        return one is other or (one.op == other.op == "leaf" and one.value == other.value)

    def _descends(self, ids: list[int], old: int) -> bool:
        """Is one of these values computed from `old`?"""
        nodes, seen, stack = self._recorder.tape.nodes, set[int](), [*ids]
        while stack:
            n = stack.pop()
            if n == old:
                return True
            if n > old and n not in seen:
                seen.add(n)
                stack += nodes[n].inputs
        return False

    def _pairs(
        self, new: Any, old: Any, in_list: bool = True, levels: int = MOST_LEVELS
    ) -> Iterator["_Both"]:
        """The lists and objects of `new`, and their numbers, with those of `old`.

        A number that has no counterpart is left out.
        """
        if not levels or new is old or id(old) not in self.held:
            return
        holder = self.id_of(old)
        if isinstance(new, list | tuple):
            if len(new) != len(old):
                return
            parts = [*zip(range(len(new)), new, old, strict=True)]
        else:
            in_list, there = False, vars(old)
            parts = [(key, x, there[key]) for key, x in vars(new).items() if key in there]
        yield _Both(new, holder, None, None, in_list)
        for key, x, y in parts:
            if type(x) in PYTHON_NUMBERS or (isinstance(x, Recorded) and x._scalar):
                yield _Both(new, holder, key, x, in_list)
            elif type(x) is type(y) and leads_to_numbers(x):
                yield from self._pairs(x, y, in_list, levels - 1)

    def _attributes(self, x: Any, text: str, levels: int) -> None:
        """Let the numbers of an object record, each at its place."""
        self.held[id(x)] = x
        for name, value in list(vars(x).items()):
            if type(value) in (float, *PYTHON_NUMBERS):
                vars(x)[name] = self._keep(value, (self.id_of(x), name), f"{text}.{name}")
            elif isinstance(value, _CONTAINERS):
                changed = self._contents(value, f"{text}.{name}")
                if changed is not value:
                    vars(x)[name] = changed
            elif levels > 1 and id(value) in self._same:
                self._attributes(value, f"{text}.{name}", levels - 1)


def _items(x: Any) -> Any:
    return list.__iter__(x) if isinstance(x, list) else tuple.__iter__(x)


class _Both(NamedTuple):
    """A number in a new list or object, or this one itself, and what it takes the place of."""

    new: Any  # the list or object
    holder: int  # the id of the one whose place it takes
    key: Any  # of the number; None for the list or object itself
    value: Any  # the number
    in_list: bool  # Are there only lists around it, no object?


def is_object(x: Any) -> bool:
    """Is it an instance of a Python class, and not a module, a function, a number or an array?"""
    own = type(x).__module__.partition(".")[0] not in _NOT_OBJECTS
    return own and not isinstance(x, type | int | float | str)


def has_attributes(x: Any) -> bool:
    """Is it such an object, with its attributes in a ``__dict__``?"""
    return is_object(x) and hasattr(x, "__dict__")


def leads_to_numbers(x: Any) -> bool:
    """Is it a list, a tuple or an object, which may take the place of another?"""
    if type(x) in _NUMBERS:
        return False
    return isinstance(x, list | tuple) or (not isinstance(x, dict) and has_attributes(x))


def _size(x: Any, most: int) -> int:
    """How many numbers are in lists and dictionaries, counted a little beyond `most`."""
    if not isinstance(x, _CONTAINERS):
        return 1
    size = len(x)
    for part in x.values() if isinstance(x, dict) else x:
        if size > most:
            break
        if isinstance(part, _CONTAINERS):
            size += _size(part, most)
    return size
