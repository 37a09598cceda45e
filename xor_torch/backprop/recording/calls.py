"""Finds the functions of a script that compute gradients, and keeps their arguments.

If the script has no training loop, these are checked: ``NAME_forward`` with ``NAME_backward``,
classes with both methods, functions that return a loss and its gradients.
"""

import ast
import contextlib
import dataclasses
import functools
import inspect
import io
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..pair import Pair
from ..tape import Tape
from .array import Recorded
from .binding import RATES, CannotCall, Source, is_gradient, is_number_array, parameters_of
from .copies import Copies, TooLarge
from .pairs import LIMITS, Functions, record_pair
from .passes import forward_of, is_backward, is_watched
from .recorder import Recorder
from .watching import SourceText, watched

MOST_CALLS = 3  # how many calls of each function are kept
MOST_UPDATES = 12  # A script with this many updates trains: no more calls are kept.
MOST_VALUES = 250_000  # on the tape of all pairs together


@dataclass(frozen=True)
class Defined:
    """A function that the script defines, at the top or in a class."""

    owner: str
    name: str
    line: int
    file: str
    parameters: tuple[str, ...]
    returns_gradients: bool  # beside a loss, by the names in its return statement

    @property
    def title(self) -> str:
        return f"{self.owner}.{self.name}" if self.owner else self.name


@dataclass
class Call:
    """A call of a function: its arguments as they were at the beginning, and its result."""

    function: Any
    copies: Copies
    args: list[Any]  # copies
    kwargs: dict[str, Any]
    given: dict[str, Any]  # the arguments themselves, by name
    result: Any = None
    gradients: bool = False  # Did it return a number, and arrays with names of gradients?

    def belongs_to(self, after: "Call") -> bool:
        """Did the backward call `after` get a result of this call, or have the same object?"""
        outs = [self.result, *(self.result if type(self.result) is tuple else ())]
        mine = [x for x in outs if not _is_plain(x)] + [self.given.get("self", after)]
        return any(x is y for x in after.given.values() for y in mine)

    def made_the_cache_of(self, after: "Call") -> bool:
        """Did the backward call `after` get a result of this call as its cache?"""
        outs = [self.result, *(self.result if type(self.result) is tuple else ())]
        caches = [x for name, x in after.given.items() if name != "self" and not is_gradient(name)]
        return any(x is y and not _is_plain(x) for x in caches for y in outs)

    def copy_of(self, name: str) -> Any:
        names = [*self.given]
        return self.kwargs[name] if name in self.kwargs else self.args[names.index(name)]


class Calls:
    """The functions of one script that may be checked, and the first calls of each."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.defined: dict[tuple[str, str], Defined] = {}
        self.made: dict[tuple[str, str], list[Call]] = {}
        self.too_large = set[tuple[str, str]]()
        self.raised: dict[tuple[str, str], str] = {}  # the error of the first call that failed

    def add(self, source: str, file: str) -> None:
        """Look for functions in the text of a file."""
        for node in ast.parse(source).body:
            some = node.body if isinstance(node, ast.ClassDef) else [node]
            owner = node.name if isinstance(node, ast.ClassDef) else ""
            for one in some:
                if isinstance(one, ast.FunctionDef) and not _is_empty(one):
                    names = tuple(a.arg for a in one.args.args if a.arg != "self")
                    self.defined[owner, one.name] = Defined(
                        owner, one.name, one.lineno, file, names, _returns_gradients(one)
                    )

    def called(self, owner: str) -> Callable[[Any], Any]:
        """A decorator: keep the first calls of a function."""

        def watch(function: Any) -> Any:
            key = owner, function.__name__

            @functools.wraps(function)
            def call(*args: Any, **kwargs: Any) -> Any:
                one = self._begin(key, function, args, kwargs)
                try:
                    result = function(*args, **kwargs)
                except Exception as e:
                    self.raised.setdefault(key, f"{type(e).__name__}: {e}")
                    raise
                if one is not None:
                    self._end(key, one, result)
                return result

            return call

        return watch

    def _begin(self, key: tuple[str, str], function: Any, args: Any, kwargs: Any) -> Call | None:
        recorder = self.recorder
        done = self.made.setdefault(key, [])
        if recorder.full or recorder.updates.count >= MOST_UPDATES or len(done) >= MOST_CALLS:
            return None
        try:
            names = [p.name for p in parameters_of(function)]
            copies = Copies()
            given = dict(zip(names, args, strict=False)) | kwargs
            kept = [copies.copy(x) for x in args]
            return Call(
                function, copies, kept, {n: copies.copy(x) for n, x in kwargs.items()}, given
            )
        except TooLarge:
            self.too_large.add(key)
        except Exception:  # an object of an unknown class may refuse to be copied
            pass
        return None

    def _end(self, key: tuple[str, str], one: Call, result: Any) -> None:
        one.result = result
        one.gradients = self._has_gradients(result)
        self.made[key].append(one)

    def _has_gradients(self, result: Any) -> bool:
        """Is it a number and gradients: ``loss, dx``, or ``grads, cost``?"""
        if type(result) is not tuple or len(result) < 2:
            return False
        numbers = [x for x in result if is_number_array(x) and np.size(x) == 1]
        others = [x for x in result if not any(x is n for n in numbers)]
        return bool(numbers) and bool(others) and all(map(self._is_gradient, others))

    def _is_gradient(self, x: Any) -> bool:
        if isinstance(x, Mapping):
            arrays = {k: v for k, v in x.items() if isinstance(v, np.ndarray)}
            named = [is_gradient(str(k)) or self._is_gradient(v) for k, v in arrays.items()]
            return bool(arrays) and all(named)
        if not isinstance(x, Recorded) or self.recorder.full:
            return False
        tape, node = self.recorder.tape, self.recorder.node_of(x)
        names = [tape.nodes[node].name, *(name for n, name, _ in tape.aliases if n == node)]
        return any(
            is_gradient(re.split(r"[.\[]", name)[-1].strip("]'\"")) for name in names if name
        )


def _returns_gradients(function: ast.FunctionDef) -> bool:
    """Does it return a loss and gradients, by their names?"""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            names = [x.id for x in node.value.elts if isinstance(x, ast.Name)]
            others = [name for name in names if not is_gradient(name)]
            if len(names) == len(node.value.elts) and len(others) == 1 < len(names):
                return is_watched(others[0]) and is_watched(function.name)
    return False


def _is_empty(function: ast.FunctionDef) -> bool:
    """Is there no code in it, as in a method that subclasses define?"""
    kinds = ast.Pass | ast.Raise
    return all(
        isinstance(part, kinds)
        or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        for part in function.body
    )


# ------------------------------------------------------------------------ which belong together


def record_pairs(
    calls: Calls, sources: Mapping[str, SourceText], main: str, seconds: float, crash: str = ""
) -> tuple[Tape, list[Pair]]:
    """Call each pair of functions again with the script's own arguments, and record it.

    Args:
        calls: of the script.
        sources: the text of each of its files, see `watched`.
        main: the script's own file; functions of other files count only if they were called.
        seconds: the time for all pairs together.
        crash: the name of the exception that ended the script, if one did.

    """
    recorder = Recorder(dataclasses.replace(LIMITS, seconds=seconds))
    couples = [
        (forward, backward)
        for forward, backward in _couples(calls)
        if calls.made.get(forward) or calls.defined[forward].file == main
    ]
    found = list[Pair]()
    some = [c.function for key, _ in couples for c in calls.made.get(key, [])[:1]]
    with watched(recorder, some, sources, main), contextlib.redirect_stdout(io.StringIO()):
        for forward, backward in couples:
            titles = [calls.defined[key].title for key in (forward, backward) if key]
            last = calls.defined[backward or forward]
            pair = Pair(" and ".join(titles))
            if not calls.made.get(forward):
                pair.reason = _not_called(calls, forward, pair.name, crash)
            elif len(recorder.tape.nodes) > MOST_VALUES:
                pair.reason = f"{pair.name} could not be recorded: those before it filled the tape"
            else:
                pair = _recorded(recorder, calls, forward, backward, pair)
            if backward is None and pair.reason is not None and not last.returns_gradients:
                continue  # Only its results looked like gradients: say nothing.
            pair.line = recorder.frames.line_in(last.file, last.line)
            found.append(pair)
    recorder.full = True
    return recorder.tape, found


Key = tuple[str, str]  # the name of a function's class, or "", and the function's name


def _couples(calls: Calls) -> list[tuple[Key, Key | None]]:
    """Forward functions with their backward functions, or None if they return gradients."""
    found: list[tuple[Key, Key | None]] = []
    for owner, name in calls.defined:
        forward = forward_of(name, [n for o, n in calls.defined if o == owner])
        if forward is None and is_backward(name):
            forward = _by_its_calls(calls, (owner, name))
        if forward is not None:
            found.append(((owner, forward), (owner, name)))
    known = {key for couple in found for key in couple}
    found += [
        (key, None)
        for key, one in calls.defined.items()
        if key not in known
        and (any(c.gradients for c in calls.made.get(key, ())) or one.returns_gradients)
    ]
    return sorted(found, key=lambda couple: calls.defined[couple[1] or couple[0]].line)


def _by_its_calls(calls: Calls, backward: Key) -> str | None:
    """The function whose result was the cache that a backward function was called with."""
    some = [key for key in calls.made if key[0] == backward[0] and not is_backward(key[1])]
    return next(
        (
            key[1]
            for key in some
            for after in calls.made.get(backward, ())
            if any(one.made_the_cache_of(after) for one in calls.made[key])
        ),
        None,
    )


def _not_called(calls: Calls, forward: Key, name: str, crash: str) -> str:
    one = calls.defined[forward]
    was, it = ("were", "them") if " and " in name else ("was", "it")
    if forward in calls.too_large:
        return f"{name} {was} found, but the arguments are too large: call {it} with smaller ones"
    both = name.replace(" and ", ", ") if " and " in name else f"{name}, None"
    how = f"assert_backward({both}, {', '.join(one.parameters) or '...'})"
    if forward in calls.raised:
        return f"{name} {was} found, but {one.title} raised {calls.raised[forward]:.200}"
    if crash:
        return (
            f"{name} {was} found, but the script crashed with {crash} before it called "
            f"{one.title}; check {it} in a test with {how}"
        )
    return (
        f"{name} {was} found, but the script never calls {one.title}: call it with arrays, or "
        f"check {it} in a test with {how}"
    )


def _recorded(
    recorder: Recorder, calls: Calls, forward: Key, backward: Key | None, pair: Pair
) -> Pair:
    """Record the pair with the arguments of the script's own calls; if that fails, say why."""
    ways = _ways(calls, forward, backward)
    for functions in ways:
        try:
            made = record_pair(recorder, functions)
            return dataclasses.replace(made, name=pair.name)
        except CannotCall as e:
            pair.reason = pair.reason or str(e)
        except Exception as e:
            pair.reason = f"{pair.name} could not be called again: {type(e).__name__}: {e}"
    return pair


def _ways(calls: Calls, forward: Key, backward: Key | None) -> list[Functions]:
    """Ways to call a pair: as the script called both, or with the first forward arguments."""
    made = calls.made[forward]
    if backward is None:
        made = [c for c in made if c.gradients] or made
        return [Functions(*_bound(c, None), c.kwargs) for c in made[:1]]
    found = []
    for one in made:
        for after in calls.made.get(backward, []):
            if one.belongs_to(after):
                function, _, args = _bound(one, after.function)
                found.append(Functions(function, _, args, one.kwargs, _known(one, after)))
    one = made[0]
    others = calls.made.get(backward, [])[:1]
    last = others[0].function if others else _function_of(calls, one, backward)
    if last is not None:
        constants = {
            name: ("value", x)
            for after in others
            for name, x in after.given.items()
            if (x is None or isinstance(x, str | bool | int)) and name not in one.given
        }
        found.append(Functions(*_bound(one, last), one.kwargs, constants))
    return found[:2]


def _function_of(calls: Calls, one: Call, backward: Key) -> Any:
    """The backward function, if the script never called it."""
    owner, name = backward
    holder = type(one.args[0]) if owner and one.args else None
    found = getattr(holder, name, None) if holder else one.function.__globals__.get(name)
    return inspect.unwrap(found) if found is not None else None


def _bound(one: Call, backward: Any) -> tuple[Any, Any, list[Any]]:
    """Both functions and their arguments; methods are bound to the copied object."""
    if next(iter(one.given), "") != "self":
        return one.function, backward, one.args
    owner = one.args[0]
    method = types.MethodType(backward, owner) if backward is not None else None
    return types.MethodType(one.function, owner), method, one.args[1:]


def _known(one: Call, after: Call) -> dict[str, Source]:
    """Where the arguments of a backward call came from, except gradients and learning rates."""
    outs = list(one.result) if type(one.result) is tuple else [one.result]
    found: dict[str, Source] = {}
    for name, x in after.given.items():
        if name == "self" or name in RATES or is_gradient(name):
            continue
        at = next((i for i, out in enumerate(outs) if out is x and not _is_plain(x)), None)
        same = next((n for n, y in one.given.items() if y is x and not _is_plain(x)), None)
        if at is not None:
            found[name] = "result", at
        elif same is not None:
            found[name] = "input", same
        elif _is_plain(x) or not is_number_array(x):
            found[name] = "value", after.copy_of(name)
    return found


def _is_plain(x: Any) -> bool:
    return x is None or isinstance(x, str | bool | int) or type(x) is float
