"""Gives the places of a script's numbers names, and finds those that form an array.

``network[0][1]['weights'][2]`` is a path: a name, indices, keys and attributes. Places whose paths
differ only in their last indices are one array: ``network[0]['weights']`` (3, 2).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .places import Place, Places, is_object

MOST_VISITED = 300_000  # of the script's lists and objects, when looking for names
Path = tuple[Any, ...]  # the name, and after it the keys: int, str, or an `Attribute`


class Attribute(str):
    """``.name``, where ``['name']`` would be a key."""


class _Unnamed(tuple[Any, ...]):
    """A part of a path that tells places apart and is not shown."""


class Array(NamedTuple):
    """Places that form an array, each with its index: () for a single number."""

    name: str
    shape: tuple[int, ...]
    places: dict[Place, tuple[int, ...]]


def arrays(
    places: Places, states: set[Place], sites: Mapping[Place, Any]
) -> tuple[list[Array], list[str]]:
    """Find the arrays whose numbers are updated, and the names of similar arrays that never are.

    Args:
        places: where the script keeps its numbers.
        states: those whose numbers are updated.
        sites: the instruction of the script that updates each of them.

    """
    paths = _paths(places, states)
    paths.update(_numbered(places, paths, sites))
    # A number that something else than itself plus a change replaces is not a weight: unit[0] may
    # be the unit's output.
    stored = Counter(place for _, place, _ in list(places.log))
    paths = {place: path for place, path in paths.items() if place in states or stored[place] < 2}
    patterns: dict[Path, dict[Path, Place]] = defaultdict(dict)
    for place, path in paths.items():
        patterns[_pattern(path, 2)][path] = place
    changing = [pattern for pattern, found in patterns.items() if states & {*found.values()}]
    alike = {_pattern(next(iter(patterns[p])), 3) for p in changing}
    frozen = [
        name_of(pattern)
        for pattern, found in patterns.items()
        if pattern not in changing and _pattern(next(iter(found)), 3) in alike and len(pattern) > 2
        if sum(key is None for key in pattern) == 2
    ]
    found: list[Array] = []
    for pattern in changing:
        found += _rectangles(patterns[pattern], states, 2)
    return found, frozen


def _numbered(
    places: Places, paths: Mapping[Place, Path], sites: Mapping[Place, Any]
) -> dict[Place, Path]:
    """Paths with an index in place of the key, for numbers that one statement updates in a loop.

    With ``weights[word] += ...`` the dictionary is a vector. With ``net["w1"] -= ...`` and
    ``net["w2"] -= ...`` each key is a parameter of its own.
    """
    together: dict[Any, list[Place]] = defaultdict(list)
    for place, site in sites.items():
        if isinstance(places.held.get(place[0]), dict) and type(place[1]) is not int:
            together[place[0], site].append(place)
    return {
        place: (*paths[place][:-1], n)
        for some in together.values()
        for n, place in enumerate(some)
        if len(some) > 1
    }


def name_of_array(places: Places, states: set[Place], place: Place) -> str:
    """The name of the array that a place belongs to."""
    path = _paths(places, states)[place]
    return name_of(path[:-1] if type(path[-1]) is int else path)


def _rectangles(paths: dict[Path, Place], states: set[Place], axes: int) -> Iterator[Array]:
    """One array of all these places if they fill it, otherwise several with fewer axes."""
    groups: dict[Path, dict[Path, Place]] = defaultdict(dict)
    for path, place in paths.items():
        groups[_pattern(path, axes)][path] = place
    for pattern, group in groups.items():
        if not states & {*group.values()}:
            continue
        at = [n for n, key in enumerate(pattern) if key is None]
        changing = {path: place for path, place in group.items() if place in states}
        filled = _filled(group, at) or _filled(changing, at)
        if filled is not None:
            yield Array(name_of(pattern), *filled)
        elif axes:
            yield from _rectangles(group, states, axes - 1)


def _filled(
    paths: Mapping[Path, Place], at: list[int]
) -> tuple[tuple[int, ...], dict[Place, tuple[int, ...]]] | None:
    """The shape that these places fill, and the index of each there; None if there are gaps."""
    keys = [sorted({path[n] for path in paths}) for n in at]
    shape = tuple(map(len, keys))
    if math.prod(shape) != len(paths):
        return None
    order = [{key: rank for rank, key in enumerate(some)} for some in keys]
    return shape, {
        place: tuple(ranks[path[n]] for n, ranks in zip(at, order, strict=True))
        for path, place in paths.items()
    }


def _pattern(path: Path, axes: int) -> Path:
    """The path with None for its last indices.

    A path that ends with an attribute or a key (``neuron.bias``) has one axis less: here the only
    one is that of the neurons.
    """
    pattern = list(path)
    if axes and type(path[-1]) is not int:
        axes -= 1
    for n in range(len(path) - 1, 0, -1):
        if axes and type(path[n]) is int:
            pattern[n] = None
            axes -= 1
    return tuple(pattern)


def name_of(path: Path) -> str:
    """A path as it is written in Python."""
    text = str(path[0])
    for key in path[1:]:
        if isinstance(key, Attribute):
            text += f".{key}"
        elif key is not None and not isinstance(key, _Unnamed):
            text += f"[{key!r}]"
    return text


def _paths(places: Places, states: set[Place]) -> dict[Place, Path]:
    """The path of each place; if no name leads to a place, the text of its assignment names it."""
    of_holder = _holders(places, states)
    found: dict[Place, Path] = {}
    for place in list(places.now):
        holder, key = place
        if not isinstance(holder, int):  # a name
            found[place] = (key,)
        elif holder in of_holder:
            held = places.held[holder]
            step = key if isinstance(held, list | dict | tuple) else Attribute(key)
            found[place] = (*of_holder[holder], step)
        else:
            text = places.texts[place]
            text = text.rpartition("[")[0] or "a list" if type(key) is int else text
            found[place] = (text, _Unnamed((holder, key)), *([key] if type(key) is int else []))
    return found


def _holders(places: Places, states: set[Place]) -> dict[int, Path]:
    """The path of each list, dictionary and object that holds numbers.

    A path begins at the name that leads to most numbers that change, and to little else: at the
    network, not at a loop's variable for one neuron, and not at a list of all results. A name that
    was assigned once comes first: a loss that leads to all values behind it is new in each step.
    """
    wanted = {place[0] for place in list(places.now) if isinstance(place[0], int)}
    change = {place[0] for place in states}
    trees = []
    for number, (place, root) in enumerate(list(places.roots.items())):
        beginnings: list[tuple[Any, Path]] = [(root.value, (place[1],))]
        if root.first is not root.value:
            beginnings.append((root.first, (place[1], _Unnamed())))
        for value, path in beginnings:
            tree = {h: p for h, p in _walk(places, value, path) if h in wanted}
            rank = root.times > 1, -len(change & tree.keys()), len(tree), root.times, number
            trees.append((rank, tree))
    found: dict[int, Path] = {}
    for _, tree in sorted(trees, key=lambda t: t[0]):
        for holder, path in tree.items():
            found.setdefault(holder, path)
    return found


def _walk(places: Places, value: Any, path: Path) -> Iterator[tuple[int, Path]]:
    """All lists, dictionaries and objects that a value leads to."""
    seen, queue = set[int](), [(value, path)]
    for x, way in queue:
        if id(x) in seen or len(seen) > MOST_VISITED:
            continue
        seen.add(id(x))
        yield places.id_of(x), way
        queue += [(inner, (*way, key)) for key, inner in _parts(x) if leads_on(inner)]


def _parts(x: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(x, list | tuple):
        return enumerate(x)
    if isinstance(x, dict):
        return list(x.items())
    named = list(getattr(x, "__dict__", {}).items())
    for kind in type(x).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(x, name):
                named.append((name, getattr(x, name)))
    return [(Attribute(name), inner) for name, inner in named]


def leads_on(x: Any) -> bool:
    """Is it a list, a dictionary, or an object of the script?"""
    if isinstance(x, list | tuple | dict):
        return True
    return is_object(x) and (hasattr(x, "__dict__") or hasattr(type(x), "__slots__"))
