"""Finds out what each argument of a backward function is, and which input each gradient belongs to.

Names, order and shapes decide, as courses write such functions:
``affine_backward(dout, cache) -> dx, dw, db``, ``rnn_cell_backward(da_next, cache) -> {"dxt":
...}``, a method that leaves ``self.dW``.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tape import squeezed

RATES = {"lr", "learning_rate", "alpha", "eta", "rate", "step_size"}
# What comes before or after a parameter's name in the name of its gradient.
_BEFORE = r"gradients?_?|grads?_?|delta_?|d(?:[LJ]_?)?_?d?_?|g_|∂"
_AFTER = r"_?(?:grads?|gradients?|_g)"
_NO_GRADIENT = r"data|dim|drop|decay|depth|dict|device|default|debug|dist|delay"
_GRADIENT = re.compile(
    rf"(?!{_NO_GRADIENT})(?:{_BEFORE})\w+|\w*(?:grad|delta|upstream|err|diff)\w*|d|g|gy|gout"
)
# Parts of a path that say nothing about which parameter it leads to.
_HOLDERS = {"params", "parameters", "weights_dict", "data", "value", "grad", "grads", "gradients"}
_HOLDERS |= {"gradient", "self", "cache", "d"}
Path = tuple[tuple[str, Any], ...]
Source = tuple[str, Any]  # ("upstream", i), ("result", i), ("input", name) or ("value", x)


class CannotCall(Exception):  # noqa: N818 - it becomes a reason or an AssertionError
    """The functions do not fit together; the text says why and what to do."""


def is_gradient(name: str) -> bool:
    """Is it the name of a gradient: ``dout``, ``grad_W``, ``upstream``?"""
    return bool(_GRADIENT.fullmatch(name))


def stems(name: str) -> list[str]:
    """Names of what a gradient with this name may belong to: ``W`` for ``dW`` and ``W_grad``."""
    found = [name]
    if before := re.match(rf"(?:{_BEFORE})(?=\w)", name):
        found += [name[n:] for n in range(before.end(), 0, -1)]
    if after := re.search(rf"{_AFTER}$", name):
        found.append(name[: after.start()])
    return [x for x in found if x]


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a function that take one argument each."""
    every = inspect.signature(function).parameters.values()
    return [p for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def plan_of(
    backward: Callable[..., Any],
    given: Mapping[str, Any],
    result: Any,
    known: Mapping[str, Source] | None = None,
) -> dict[str, Source]:
    """Decide what to call a backward function with.

    Args:
        backward: the function.
        given: the arguments of the forward function, by name.
        result: what the forward function has returned.
        known: the sources of some of its parameters, if the script has called it.

    Returns:
        A source for each of its parameters that needs one.

    Raises:
        CannotCall: names and shapes do not tell.

    """
    outs = list(result) if type(result) is tuple else [result]
    plan: dict[str, Source] = {}
    rest: list[str] = []
    whole = np.size(outs[0]) > 1  # ``dout=1`` is that of a loss
    for p in parameters_of(backward):
        if p.name in (known or {}):
            plan[p.name] = (known or {})[p.name]
        elif p.name in given and not is_gradient(p.name):
            plan[p.name] = "input", p.name
        elif p.name in RATES:
            plan[p.name] = "value", 1.0
        elif p.default is p.empty or (_is_one(p.default) and is_gradient(p.name) and whole):
            rest.append(p.name)
    upstream = [name for name in rest if is_gradient(name)]
    caches = [name for name in rest if name not in upstream]
    used = {i for kind, i in plan.values() if kind == "result"}
    left = [i for i in range(len(outs)) if i not in used]
    if not caches and len(upstream) == len(left) > 1 and not is_number_array(outs[left[-1]]):
        upstream, caches = upstream[:-1], upstream[-1:]
    first = len(upstream) or 1  # without an upstream gradient, the first result is a loss
    fits = len(upstream) <= len(left) and len(caches) <= len(left[first:])
    if not fits or not (upstream or np.size(outs[0]) == 1):
        raise CannotCall(
            f"{called(backward)} takes {_list(rest)}, and its forward function returns "
            f"{kinds(outs)}: it cannot be told which is which. Put a function around each, "
            "forward(...) -> out, cache and backward(dout, cache), and check these"
        )
    plan |= {name: ("upstream", i) for i, name in zip(left, upstream, strict=False)}
    places = left[-1:] if len(caches) == 1 else left[first:]
    plan |= {name: ("result", i) for i, name in zip(places, caches, strict=False)}
    return plan


def _is_one(x: Any) -> bool:
    return type(x) in (int, float) and bool(x == 1)


def kinds(outs: Sequence[Any]) -> str:
    """The kinds of what was returned, in words."""
    words = [
        f"{x.dtype} {np.shape(x)}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
        for x in outs
    ]
    return " and ".join(words)


def is_number_array(x: Any) -> bool:
    """Is it an array of floats, or a float?"""
    if isinstance(x, np.ndarray):
        return bool(x.dtype.kind == "f")
    return isinstance(x, float)


def called(function: Any) -> str:
    """The name of a function in a message."""
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return str(name).replace("<locals>.", "").replace("<lambda>", "the lambda")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


# ------------------------------------------------------------------------ what was returned


@dataclass
class Input:
    """An array of floats that a function was called with."""

    path: Path  # (("", "params"), ("[", "W1")) is params["W1"], (("", "self"), (".", "W")) self.W
    value: Any
    node: int
    positional: bool = False  # an argument itself, not a part of one
    name: str = ""


@dataclass
class Returned:
    """An array that a backward function returned, or left in an object."""

    path: Path  # (("#", 0),) is the first of several results; otherwise as in `Input`
    value: Any
    names: tuple[str, ...] = ()  # its names in the script

    @property
    def has_a_gradients_name(self) -> bool:
        return any(map(is_gradient, self.names))

    def called_for(self, one: Input) -> str:
        """Its name that fits this input, or else its first one."""
        own = _key(one.path)[1]
        fitting = [name for name in self.names if own in stems(name)]
        return next(iter([*fitting, *self.names]), "")


def give_names(inputs: Sequence[Input]) -> None:
    """Name each input: by its key in a dictionary if no other has the key, or else by its path."""
    keys = [x.path[-1][1] if isinstance(x.path[-1][1], str) else "" for x in inputs]
    for x, key in zip(inputs, keys, strict=True):
        short = x.path[-1][0] == "[" and key.isidentifier() and keys.count(key) == 1
        x.name = key if short else text_of(x.path)


def text_of(path: Path) -> str:
    """A path as the script would write it: ``self.layers[0].W``, ``params['W1']``."""
    text = ""
    for kind, key in path:
        text += f".{key}" if kind == "." else f"[{key!r}]" if kind == "[" else str(key)
    return text.removeprefix(".")


def matched(inputs: Sequence[Input], found: Sequence[Returned]) -> list[tuple[Input, Returned]]:
    """Match each gradient with its input: by name, or else by order and shape.

    Raises:
        CannotCall: order and shapes fit in more than one way.

    """
    pairs: list[tuple[Input, Returned]] = []
    left = list(inputs)
    waiting: list[Returned] = []
    for one in found:
        match = _by_name(one, left)
        if match is None:
            waiting.append(one)
        else:
            left = [x for x in left if x is not match]
            pairs.append((match, one))
    ordered = [r for r in waiting if len(r.path) <= 1 and all(kind == "#" for kind, _ in r.path)]
    if any(r.has_a_gradients_name for r in found):
        # loss, number_of_words, dlogits: the results with other names are not gradients
        ordered = [r for r in ordered if not r.names or r.has_a_gradients_name]
    direct = [x for x in left if x.positional] or left
    pairs += _by_order(direct, ordered)
    return pairs


def _by_name(one: Returned, inputs: Sequence[Input]) -> Input | None:
    keys = [_key(one.path)] if one.path and one.path[-1][0] != "#" else []
    keys += [((), name) for name in one.names]
    for folded in (False, True):
        for places, name in keys:
            for stem in stems(name) or [""]:
                some = [x for x in inputs if _same(_key(x.path)[1], stem, folded)]
                some = [x for x in some if _key(x.path)[0] == places] or (
                    some if not places and len(some) == 1 else []
                )
                if some:
                    like = [x for x in some if np.size(x.value) == np.size(one.value)]
                    return (like or some)[0]
    return None


def _same(a: str, b: str, folded: bool) -> bool:
    return bool(a.casefold() == b.casefold() if folded else a == b)


def _key(path: Path) -> tuple[tuple[Any, ...], str]:
    """The numbers on a path, and the last name on it that tells one parameter from another.

    That of ``params[0]`` and ``grads[0]`` is "".
    """
    numbers = tuple(key for kind, key in path if kind == "[" and isinstance(key, int))
    names = [str(key) for kind, key in path if isinstance(key, str)]
    telling = [name for name in names if name.lstrip("_") not in _HOLDERS]
    return numbers, telling[-1].lstrip("_") if telling else ""


def _by_order(inputs: Sequence[Input], found: Sequence[Returned]) -> list[tuple[Input, Returned]]:
    if not found:
        return []
    shapes, into = ([squeezed(np.shape(x.value)) for x in some] for some in (found, inputs))
    if len(found) == len(inputs):
        # one array of another shape: the delta of a unit, which its layer multiplies with weights
        return list(zip(inputs, found, strict=True)) if len(found) > 1 or shapes == into else []
    ways = _ways(shapes, into)
    if len(ways) == 1:
        return [(inputs[i], r) for i, r in zip(ways[0], found, strict=True)]
    others = [x for x in inputs if not _is_one_hot(x.value)]
    if ways and len(others) < len(inputs):
        return _by_order(others, found)
    if not ways and len(found) > len(inputs):
        return []
    names = _list([x.name for x in inputs])
    raise CannotCall(
        f"it cannot be told which of {names} the {len(found)} returned arrays are the gradients "
        "of: return one for each, or give them names (a dictionary, or dx, dw, db)"
    )


def _is_one_hot(x: Any) -> bool:
    """Is one number of each row 1, and all others 0, as in targets?"""
    x = np.asarray(x)
    rows = x.ndim > 0 and x.shape[-1] > 1 and x.size > 0
    return bool(rows and np.isin(x, (0, 1)).all() and (x.sum(axis=-1) == 1).all())


def _ways(shapes: Sequence[Any], into: Sequence[Any]) -> list[list[int]]:
    """All ways to find some shapes among others in the same order; it may stop after two."""
    if not shapes:
        return [[]]
    found: list[list[int]] = []
    for i, shape in enumerate(into):
        if shape == shapes[0]:
            found += [[i, *(i + 1 + n for n in way)] for way in _ways(shapes[1:], into[i + 1 :])]
        if len(found) > 1:
            break
    return found
