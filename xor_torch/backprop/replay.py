"""Runs a recorded tape again, in torch and in float64.

The twin of each operation (`twins`) computes its result. An operation without a twin is refused,
and so is an option that the twin does not have; the message names it. Nothing is approximated.
"""

import contextlib
import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from .operations import PARTS
from .tape import Node, Ref, Tape, Unknown
from .twins import FIRST_OF_EQUAL, TWINS, number, of_kind, tensor

__all__ = ["CannotReplay", "Tensor", "apply", "needed", "number", "run", "tensor"]

Tensor = torch.Tensor


class CannotReplay(Exception):  # noqa: N818 - a verdict, not an error
    """The tape holds something that has no equivalent here."""


def run(
    tape: Tape,
    wanted: Iterable[int],
    given: Mapping[int, Tensor],
    ties: bool = False,
    also: Iterable[int] = (),
    rounding: torch.Generator | None = None,
) -> dict[int, Tensor]:
    """Compute all values that `wanted` are made of, beginning at `given`.

    A value that does not depend on `given` is the recorded one.

    Args:
        tape: as recorded.
        wanted: ids of nodes.
        given: the values to begin with, by id; tensors that may require a gradient.
        ties: in maxima and minima, the first of several equal numbers gets the derivative.
        also: further ids of nodes; those that cannot be repeated are left out of the result.
        rounding: a generator that makes each result wrong by up to one unit in the last place.
            The distance between two such runs shows how much of a value is rounding (random
            arithmetic: Vignes, "A stochastic arithmetic for reliable scientific computation",
            1993).

    Returns:
        id -> value: float64, or int64 and bool where the tape has integers and truth values.

    Raises:
        CannotReplay: an operation or one of its options has no twin, or the twin failed.

    """
    wanted = list(wanted)
    required = set(needed(tape, wanted, given)[0])
    order, depends = needed(tape, [*wanted, *also], given)
    values: dict[int, Tensor] = dict(given)
    for id in order:
        if id in values:
            continue
        node = tape.nodes[id]
        if not depends[id] and node.value is not None:
            values[id] = tensor(node.value)
        elif id in required:
            values[id] = apply(tape, node, values, ties)
            if rounding is not None and values[id].is_floating_point() and node.op not in PARTS:
                values[id] = _rounded(values[id], rounding)
        elif all(i in values for i in node.inputs):
            with contextlib.suppress(CannotReplay):
                values[id] = apply(tape, node, values, ties)
    return values


def needed(
    tape: Tape, wanted: Iterable[int], given: Mapping[int, Any]
) -> tuple[list[int], dict[int, bool]]:
    """The nodes to compute, in order, and whether each depends on `given`."""
    depends: dict[int, bool] = dict.fromkeys(given, True)
    first = min(given, default=0)
    seen, stack = set(given), [w for w in wanted if w not in given]
    seen.update(stack)
    while stack:
        node = tape.nodes[stack.pop()]
        if node.id < first and node.value is not None:
            continue  # It is older than all given values: use its recorded value.
        for i in node.inputs:
            if i not in seen:
                seen.add(i)
                stack.append(i)
    order = sorted(seen)
    for id in order:
        if id not in depends:
            depends[id] = any(depends.get(i, False) for i in tape.nodes[id].inputs)
    return order, depends


def _rounded(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each element off by up to one unit in the last place."""
    draw = torch.rand(x.shape, generator=generator, dtype=torch.float64)
    return x * (1 + torch.finfo(torch.float64).eps * (2 * draw - 1))


def apply(tape: Tape, node: Node, values: dict[int, Tensor], ties: bool) -> Tensor:
    """Do one operation again.

    Raises:
        CannotReplay: it is not known, or not with these options.

    """
    name, _, number_of_result = node.op.partition("#")
    if name not in TWINS:
        raise CannotReplay(
            f"{tape.code.where(node.line)} uses the operation {node.op}, which this check does not "
            "know"
        )
    try:
        args = tuple([_filled(x, values) for x in node.args])
        kwargs = {k: _filled(x, values) for k, x in node.kwargs.items()}
    except _UnknownTypeError as e:
        where = tape.code.where(node.line)
        raise CannotReplay(
            f"the operation {node.op} on {where} has an argument of type {e}"
        ) from None
    misfit = _misfit(name, len(args), tuple(kwargs))
    if misfit is not None:
        where = tape.code.where(node.line)
        raise CannotReplay(f"the operation {node.op} on {where} cannot be repeated: {misfit}")
    twin = (FIRST_OF_EQUAL.get(name) if ties else None) or TWINS[name]
    try:
        found = twin(*args, **kwargs)
        return of_kind(found[int(number_of_result)] if number_of_result else found, node.dtype)
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError) as e:
        where = tape.code.where(node.line)
        raise CannotReplay(
            f"the operation {node.op} on {where} could not be repeated: {str(e).splitlines()[0]}"
        ) from e


class _UnknownTypeError(Exception):
    """An argument of a type that the tape does not hold."""


def _filled(x: Any, values: Mapping[int, Tensor]) -> Any:
    """An argument with the values that it refers to."""
    kind = type(x)
    if kind is Ref:
        return values[x.id]
    if kind is tuple or kind is list:
        return kind([_filled(i, values) for i in x])
    if kind is slice:
        parts = [_filled(i, values) for i in (x.start, x.stop, x.step)]
        return slice(*(int(i) if isinstance(i, Tensor) else i for i in parts))
    if kind is dict:
        return {k: _filled(v, values) for k, v in x.items()}
    if kind is Unknown:
        raise _UnknownTypeError(str(x))
    return x


@functools.cache
def _misfit(name: str, positional: int, keywords: tuple[str, ...]) -> str | None:
    """Why a twin does not take these arguments, or None if it does."""
    try:
        inspect.signature(TWINS[name]).bind(*range(positional), **dict.fromkeys(keywords))
    except TypeError as e:
        return str(e)
    return None
