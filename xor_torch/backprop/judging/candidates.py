"""The candidates for the loss: every place of a step where a target may come in.

Candidates are the numbers that the script itself computes, squared and absolute errors, and
cross-entropies.
"""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from .. import replay
from ..replay import Tensor
from ..tape import Node, Ref
from .case import Case
from .losses import Loss, Term, log_likelihood, total
from .points import NEAR_0, RTOL, Values

SQUASHED_IN = 8  # operations at most that a sigmoid or a softmax is written in


def losses(case: Case) -> list[Loss]:
    """Every candidate that all chosen steps have."""
    found: dict[tuple[Any, ...], Loss] = {}
    for k in case.chosen:
        for loss, term in losses_of(case, k):
            found.setdefault(loss.place, loss).terms.setdefault(k, []).append(term)
    return [loss for loss in found.values() if all(k in loss.terms for k in case.chosen)]


def losses_of(case: Case, k: int) -> Iterable[tuple[Loss, Term]]:
    found = list(_losses_at(case, k))
    return found + _of_all_outputs(case, k, [term for loss, term in found if loss.kind == "SSE"])


def _of_all_outputs(case: Case, k: int, errors: list[Term]) -> list[tuple[Loss, Term]]:
    """A loss whose terms are typed one by one, for each output or each sample."""
    nodes, inside = case.tape.nodes, set(case.steps[k].nodes)
    # 1 - p is the slope of a sigmoid, unless there is nothing else
    plain = [t for t in errors if isinstance(nodes[t.source].args[0], Ref)] or errors
    predictions = {t.prediction for t in plain if t.prediction is not None}
    before = case.tape.behind([i for p in predictions for i in nodes[p].inputs], inside)
    of_output: dict[int, list[Term]] = {p: [] for p in sorted(predictions - before)}
    for t in sorted(plain, key=lambda t: t.source):
        if t.prediction in of_output:
            of_output[t.prediction].append(t)
    found: list[tuple[Loss, Term]] = []
    for number, terms in enumerate(zip(*of_output.values(), strict=False)):
        if len({nodes[t.source].site for t in terms}) > 1:
            for t in terms:
                assert t.prediction is not None and t.target is not None
                place = "outputs", number
                found += _supervised(case, place, t.prediction, t.target, t.source, k)
    return found


def _losses_at(case: Case, k: int) -> Iterable[tuple[Loss, Term]]:
    """Those of one place in the script."""
    step, nodes = case.steps[k], case.tape.nodes
    inside, starts, ends = set(step.nodes), set(step.start.values()), set(step.end.values())
    questions = asked(case, k)
    for id in step.nodes:
        node = nodes[id]
        if id in ends or id in starts or node.dtype != "f":
            continue
        place = (node.line, node.op, node.site)
        if node.name and node.shape in ((), (1,), (1, 1)):
            yield (Loss("own", ("own", *place), node.name), total(id))
        if node.op == "getitem" and node.inputs[0] in inside and node.inputs[0] not in starts:
            index = node.args[1]
            if (
                isinstance(index, tuple)
                and len(index) == 2
                and any(isinstance(p, Ref) for p in index)
            ):
                yield (Loss("CE", ("index", *place), "CE"), log_likelihood(id, node))
        if node.op not in ("subtract", "add", "multiply", "divide") or len(node.args) != 2:
            continue
        for mine, other in (node.args, node.args[::-1]):
            if not (isinstance(mine, Ref) and mine.id in inside and mine.id not in starts):
                continue
            if nodes[mine.id].dtype != "f":
                continue
            target = _target(case, node, other, inside)
            if target is None:
                continue
            prediction = mine.id
            if node.op in ("multiply", "divide"):
                prediction = _inner(case, prediction, inside, starts)
            if prediction not in starts:
                yield from _supervised(case, place, prediction, target, id, k)
        if node.op == "divide" and questions and isinstance(node.args[0], int | float):
            # -1 / p if y == 1 else 1 / (1 - p); not the 1 / (1 + exp(-z)) of a sigmoid
            prediction = _inner(case, node.inputs[0], inside, starts)
            if prediction in inside and nodes[prediction].op != "exp":
                for target in {t for n in questions for t in nodes[n].inputs}:
                    yield from _supervised(case, ("asked",), prediction, target, id, k)


def asked(case: Case, k: int) -> list[int]:
    """The questions of a step that no parameter decides, as ``if y == 1``."""
    nodes, step = case.tape.nodes, case.steps[k]
    found = []
    for branch, _ in case.tape.branches:
        if not min(step.nodes) < branch < max(step.nodes) or not nodes[branch].inputs:
            continue
        of, stack = set[int](), [branch]
        while stack and not case.values_of_states & of:
            n = stack.pop()
            of.add(n)
            stack += set(nodes[n].inputs) - of
        if not case.values_of_states & of:
            found.append(branch)
    return found


def _target(case: Case, node: Node, other: object, inside: set[int]) -> int | float | None:
    """What a prediction is compared with: a value without parameters, or a number."""
    if isinstance(other, int | float):
        return float(other) if node.op == "subtract" else None
    if not isinstance(other, Ref) or other.id in inside:
        return None
    nodes, origin = case.tape.nodes, case.tape.nodes[other.id]
    if origin.op == "subtract" and origin.args[0] == 1 and origin.inputs:  # (1 - y)
        return origin.inputs[0]
    if origin.op == "add" and 1 in origin.args and nodes[origin.inputs[0]].op == "negative":
        return nodes[origin.inputs[0]].inputs[0]  # (-y + 1)
    if origin.op == "negative" and node.op in ("multiply", "divide"):  # -y / p
        return origin.inputs[0]
    return other.id


def _inner(case: Case, id: int, inside: set[int], starts: set[int]) -> int:
    """P of log(p), 1 - p, p + 1e-9, clip(p, ...)."""
    for _ in range(4):
        node = case.tape.nodes[id]
        held = [n for n in node.inputs if n in inside and n not in starts]
        if node.op in ("log", "negative", "clip", "maximum", "minimum") or (
            node.op in ("add", "subtract") and any(isinstance(a, int | float) for a in node.args)
        ):
            if len(held) != 1:
                break
            id = held[0]
        else:
            break
    return id


def _logits(case: Case, k: int, p: int, squash: Callable[[Tensor], Tensor]) -> int | None:
    """The value whose sigmoid or softmax a prediction is, found by computing it."""
    points = [point.values for point in case.points if point.step == k and p in point.values]
    shape, near, found = case.tape.nodes[p].shape, {p}, None
    if not any(bool(((v[p] > NEAR_0) & (v[p] < 1 - NEAR_0)).any()) for v in points):
        return None  # of saturated predictions alone every large number may be the logit
    for _ in range(SQUASHED_IN):
        near = {i for n in near for i in case.tape.nodes[n].inputs}
        for n in near:
            if case.tape.nodes[n].shape == shape and all(
                n in v and torch.allclose(squash(v[n].double()), v[p], rtol=RTOL, atol=0)
                for v in points
            ):
                found = n
    return found


def _supervised(
    case: Case, place: tuple[Any, ...], p: int, t: int | float, source: int, k: int
) -> Iterable[tuple[Loss, Term]]:
    def target(values: Values) -> Tensor:
        if isinstance(t, float):
            return torch.full_like(values[p], t)
        known = values.get(t)
        if known is None:
            known = replay.run(case.tape, [t], {})[t]
        return replay.number(known)

    def pair(values: Values) -> tuple[Tensor, Tensor]:
        return values[p], target(values)

    def error(values: Values) -> Tensor:
        a, b = pair(values)
        return a - b

    def sse(values: Values) -> Tensor:
        return (error(values) ** 2).sum()

    def mae(values: Values) -> Tensor:
        return error(values).abs().sum()

    def bce(values: Values) -> Tensor:
        a, b = pair(values)
        return -(torch.xlogy(b, a) + torch.xlogy(1 - b, 1 - a)).sum()

    def ce(values: Values) -> Tensor:
        a, b = pair(values)
        return -torch.xlogy(b, a).sum()

    kinds = {"BCE": bce, "CE": ce}
    if case.tape.nodes[source].op == "subtract":
        kinds |= {"SSE": sse, "MAE": mae}
    of_logits = _of_logits(case, k, p, target)
    size = math.prod(case.tape.nodes[p].shape)
    for kind, function in kinds.items():
        term = Term(function, source, p, t, error, size, of_logits.get(kind))
        yield Loss(kind, (kind, *place), kind), term


def _of_logits(
    case: Case, k: int, p: int, target: Callable[[Values], Tensor]
) -> dict[str, Callable[[Values], Tensor]]:
    """The cross-entropies that can be computed without the logarithm of a prediction."""

    def bce(values: Values, z: int) -> Tensor:
        a, b = torch.broadcast_tensors(values[z], target(values).to(values[z]))
        return binary_cross_entropy_with_logits(a, b, reduction="sum")

    def ce(values: Values, z: int, axis: int) -> Tensor:
        return -(target(values) * torch.log_softmax(values[z], axis)).sum()

    found: dict[str, Callable[[Values], Tensor]] = {}
    z = _logits(case, k, p, torch.sigmoid)
    if z is not None:
        found["BCE"] = partial(bce, z=z)
    for axis in range(len(case.tape.nodes[p].shape)):
        z = _logits(case, k, p, partial(torch.softmax, dim=axis))
        if z is not None:
            found["CE"] = partial(ce, z=z, axis=axis)
    return found
