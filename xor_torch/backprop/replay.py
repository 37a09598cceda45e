"""Runs a recorded tape again, in torch and in float64.

The twin of each operation (`twins`) computes its result. An operation without a twin is refused,
and so is an option that the twin does not have; the message names it. Nothing is approximated.
"""

import contextlib
import functools
import inspect
import math
import operator
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from .batches import Step, batched, ids_of, inputs_of
from .operations import PARTS
from .tape import Node, Ref, Tape, Unknown, refs_in
from .twins import FIRST_OF_EQUAL, OF_TWO_NUMBERS, TWINS, dtype_of, number, of_kind, tensor

__all__ = [
    "CannotReplay",
    "OtherBranch",
    "Plan",
    "Step",
    "Tensor",
    "apply",
    "do",
    "in_order",
    "number",
    "run",
    "tensor",
]

Tensor = torch.Tensor
MANY = 3_000  # operations that are worth a search for those that can be done at once
MANY_NUMBERS = 1_000_000  # the same: a change of a part of an array copies the array
DRAWN = 1 << 18  # random numbers that make the results of rounding differ


class CannotReplay(Exception):  # noqa: N818 - a verdict, not an error
    """The tape holds something that has no equivalent here."""


class OtherBranch(Exception):  # noqa: N818 - an answer, not an error
    """With these numbers the script would have gone another way, which is not on the tape."""


def run(
    tape: Tape,
    wanted: Iterable[int],
    given: Mapping[int, Tensor],
    ties: bool = False,
    also: Iterable[int] = (),
) -> dict[int, Tensor]:
    """Compute all values that `wanted` are made of, beginning at `given`, as a `Plan` does."""
    return Plan(tape, wanted, given, also).run(given, ties)


class Plan:
    """The operations that lead from some values to others, in order; to be run many times.

    A value that does not depend on the first ones is the recorded one, or is computed once.

    Args:
        tape: as recorded.
        wanted: ids of nodes.
        given: ids of the nodes to begin with.
        also: further ids of nodes; those that cannot be repeated are left out of the result.

    """

    def __init__(
        self, tape: Tape, wanted: Iterable[int], given: Collection[int], also: Iterable[int] = ()
    ) -> None:
        wanted, also = list(wanted), list(also)
        required = set(needed(tape, wanted, given)[0])
        order, depends = needed(tape, [*wanted, *also], given)
        self.tape = tape
        self.recorded: dict[int, Tensor] = {}
        self.required = required
        rest: list[Node] = []
        before: list[Node] = []
        for node in (tape.nodes[id] for id in order if id not in given):
            if depends[node.id]:
                rest.append(node)
            elif node.value is not None:
                self.recorded[node.id] = tensor(node.value)
            else:
                before.append(node)
        asked = {*wanted, *(n for n, _ in tape.branches)}
        self.order = in_order(tape, rest, asked)
        self.read = asked.union(also, *(n.inputs for n in rest))
        self.before = in_order(tape, before, self.read)
        self.made: dict[bool, dict[int, Tensor]] = {}  # what is read of `before`, by `ties`
        # what only the last of several writes is made of, or what is read of `before`
        self.inside = {n.id for n in rest}.difference(*map(ids_of, self.order))
        self.inside |= {n.id for n in before} - self.read

    def run(
        self,
        given: Mapping[int, Tensor],
        ties: bool = False,
        rounding: torch.Generator | None = None,
        branches: Mapping[int, bool] = MappingProxyType({}),
    ) -> "Values":
        """Compute the values.

        Args:
            given: the values to begin with, by id; tensors that may require a gradient.
            ties: in maxima and minima, the first of several equal numbers gets the derivative.
            rounding: a generator that makes each result wrong by up to one unit in the last place.
                The distance between two such runs shows how much of a value is rounding (random
                arithmetic: Vignes, "A stochastic arithmetic for reliable scientific computation",
                1993).
            branches: what the script asked some values, and the answers.

        Returns:
            id -> value: float64, or int64 and bool where the tape has integers and truth values.

        Raises:
            CannotReplay: an operation or one of its options has no twin, or the twin failed.
            OtherBranch: an answer would have been another.

        """
        values = Values(self, ties)
        values.update({**given, **self.recorded, **self._made_before(ties)})
        for id in branches.keys() & values.keys():
            _stay(values[id], branches[id])
        for step in self.order:
            for node in _alone(step, values, rounding):
                self._do(node, values, ties, rounding)
            for id in ids_of(step):
                if id in branches and id in values:
                    _stay(values[id], branches[id])
        return values

    def _made_before(self, ties: bool) -> dict[int, Tensor]:
        if ties not in self.made:
            values = Values(self, ties)
            values.update(self.recorded)
            last = {n: at for at, step in enumerate(self.before) for n in inputs_of(step)}
            for at, step in enumerate(self.before):
                for node in _alone(step, values):
                    self._do(node, values, ties)
                for n in {*inputs_of(step), *ids_of(step)} - self.read:
                    if last.get(n, at) == at:  # a long preparation would fill the memory
                        values.pop(n, None)
            self.made[ties] = {n: values[n] for n in values.keys() & self.read}
        return self.made[ties]

    def _do(
        self,
        node: Node,
        values: "Values",
        ties: bool,
        rounding: torch.Generator | None = None,
    ) -> None:
        """Do one operation; one that is not required may be left out."""
        if node.id in self.required:
            value = _rounded(apply(self.tape, node, values, ties), node.op, rounding)
            if node.id in self.tape.held:
                before = values[node.inputs[0]]
                value = before + (value - before).detach()
            values[node.id] = value
        elif all(i in values for i in node.inputs):
            with contextlib.suppress(CannotReplay):
                values[node.id] = apply(self.tape, node, values, ties)


def in_order(
    tape: Tape, nodes: Sequence[Node], wanted: Collection[int], sums: bool = False
) -> list[Step]:
    """Some operations in an order in which they can be done; many of them in batches."""
    many = len(nodes) >= MANY or sum(math.prod(n.shape) for n in nodes) >= MANY_NUMBERS
    return batched(tape, nodes, wanted, sums) if many else [*nodes]


def do(tape: Tape, steps: Iterable[Step], values: dict[int, Tensor], ties: bool) -> None:
    """Do operations, and put their results among the values."""
    for step in steps:
        for node in _alone(step, values):
            values[node.id] = apply(tape, node, values, ties)


def _alone(
    step: Step, values: dict[int, Tensor], rounding: torch.Generator | None = None
) -> Sequence[Node]:
    """Do a batch at once; return the operations of a step that are to be done one by one."""
    if isinstance(step, Node):
        return (step,)
    made = step.run(values)
    if made is None:
        return step.nodes
    made = _rounded(made, step.op, rounding)
    values.update(zip(step.ids, made.unbind(0), strict=True))
    return ()


class Values(dict[int, Tensor]):
    """The values of one run. What lies between two writes of a loop is computed if it is asked for.

    It does not count as being there: ``n in values`` is False.
    """

    def __init__(self, plan: Plan, ties: bool) -> None:
        super().__init__()
        self.plan, self.ties = plan, ties

    def __missing__(self, n: int) -> Tensor:
        tape, inside, stack, seen = self.plan.tape, self.plan.inside, [n], set[int]()
        if n not in inside:
            raise KeyError(n)
        while stack:
            m = stack.pop()
            if m in inside and m not in self and m not in seen:
                seen.add(m)
                stack += tape.nodes[m].inputs
        made: dict[int, Tensor] = {}
        for m in sorted(seen):
            made[m] = apply(tape, tape.nodes[m], ChainMap(made, self), self.ties)
        return made[n]

    def copy(self) -> "Values":
        other = Values(self.plan, self.ties)
        other.update(self)
        return other


def _stay(value: Tensor, answer: bool) -> None:
    if bool(value.bool().any()) != answer:
        raise OtherBranch


def needed(
    tape: Tape, wanted: Iterable[int], given: Collection[int]
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


def _rounded(x: Tensor, op: str, generator: torch.Generator | None) -> Tensor:
    """Each element off by up to one unit in the last place, if an operation rounds its result."""
    if generator is None or not x.is_floating_point() or op in PARTS:
        return x
    count, factors = x.numel(), _factors()
    if count > len(factors):
        factors = factors.repeat(-(-count // len(factors)) + 1)
    at = int(torch.randint(len(factors) - count + 1, (), generator=generator))
    return x * factors[at : at + count].reshape(x.shape)


@functools.cache
def _factors() -> Tensor:
    """Random numbers near 1: drawing them anew takes longer than most operations."""
    eps = torch.finfo(torch.float64).eps
    draw = torch.empty(DRAWN, dtype=torch.float64)
    return draw.uniform_(1 - eps, 1 + eps, generator=torch.Generator().manual_seed(0))


def apply(tape: Tape, node: Node, values: Mapping[int, Tensor], ties: bool) -> Tensor:
    """Do one operation again.

    Raises:
        CannotReplay: it is not known, or not with these options.

    """
    try:
        if node.again is None:
            node.again = _prepared(tape, node)
        found: Tensor = node.again(values, ties)
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError) as e:
        where = tape.code.where(node.line)
        raise CannotReplay(
            f"the operation {node.op} on {where} could not be repeated: {str(e).splitlines()[0]}"
        ) from e
    return found


Again = Callable[[Mapping[int, Tensor], bool], Tensor]  # from values by id, and `ties` of `Plan`


def _prepared(tape: Tape, node: Node) -> Again:
    """How to do an operation again; what does not change from time to time is done here."""
    name, _, number_of_result = node.op.partition("#")
    if name == "lost":
        raise CannotReplay(
            f"{node.name or 'a value'} on {tape.code.where(node.line)} was computed by code that "
            "could not be recorded"
        )
    if name not in TWINS:
        raise CannotReplay(
            f"{tape.code.where(node.line)} uses the operation {node.op}, which this check does not "
            "know"
        )
    try:
        args = [_argument(x) for x in node.args]
        kwargs = {k: _argument(x) for k, x in node.kwargs.items()}
    except _UnknownTypeError as e:
        where = tape.code.where(node.line)
        raise CannotReplay(
            f"the operation {node.op} on {where} has an argument of type {e}"
        ) from None
    misfit = _misfit(name, len(args), tuple(kwargs))
    if misfit is not None:
        where = tape.code.where(node.line)
        raise CannotReplay(f"the operation {node.op} on {where} cannot be repeated: {misfit}")
    if name in OF_TWO_NUMBERS and len(args) == 2 and not kwargs:
        return _of_two_numbers(node, OF_TWO_NUMBERS[name])
    twins = TWINS[name], FIRST_OF_EQUAL.get(name, TWINS[name])
    result = int(number_of_result) if number_of_result else None
    kind = node.dtype

    def again(values: Mapping[int, Tensor], ties: bool) -> Tensor:
        found = twins[ties](*[x(values) for x in args], **{k: x(values) for k, x in kwargs.items()})
        return of_kind(found if result is None else found[result], kind)

    return again


def _of_two_numbers(node: Node, function: Callable[[Tensor, Tensor], Tensor]) -> Again:
    """The same for what nearly all operations of a network of single numbers are."""
    a, b = map(_operand, node.args)
    wanted = dtype_of(node.dtype)

    def again(values: Mapping[int, Tensor], ties: bool) -> Tensor:
        found = function(number(a(values)), number(b(values)))
        return found if found.dtype is wanted else found.to(wanted)

    return again


def _operand(x: Any) -> Callable[[Mapping[int, Tensor]], Tensor]:
    if refs_in(x):
        return _argument(x)
    constant = number(_filled(x, {}))
    return lambda values: constant


class _UnknownTypeError(Exception):
    """An argument of a type that the tape does not hold."""


def _argument(x: Any) -> Callable[[Mapping[int, Tensor]], Any]:
    """An argument as a function of the values that it refers to."""
    if type(x) is Ref:
        return operator.itemgetter(x.id)
    if not refs_in(x):
        constant = _filled(x, {})
        return lambda values: constant
    if type(x) is list and all(type(i) is Ref for i in x):
        ids = refs_in(x)
        return lambda values: [values[i] for i in ids]
    return lambda values: _filled(x, values)


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
