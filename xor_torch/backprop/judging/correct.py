"""A network whose steps follow a loss: is anything missing, and what is to be said of it?"""

import math

from ..operations import PARTS, PRODUCTS
from .case import Case
from .derivatives import LossStep
from .expected import fill, of_constant
from .findings import Diagnosis, Finding
from .fit import Fit
from .points import CannotTell
from .printed import compare_with_printed
from .words import constants, convention, describe


def correct(case: Case, fit: Fit) -> Finding:
    """What there is to say of a network whose steps all follow one loss.

    Raises:
        CannotTell: some of the network may not have been seen.

    """
    if not fit.steady() and not _scheduled(case, fit):
        raise CannotTell(
            "each step follows the gradient of a loss, but with a factor that goes up and down; "
            "this check knows no reason for that"
        )
    if (unrecorded := lost(case)) is not None:
        raise CannotTell(
            f"{case.tape.nodes[unrecorded].name or 'a value'} on {case.where(unrecorded)} was "
            "computed by code that could not be recorded"
        )
    finding = Finding("correct")
    finding.loss, finding.lr = convention(case, fit)
    step = LossStep(case, fit.loss, case.chosen[0])
    _no_parameter_unseen(step if step.k else LossStep(case, fit.loss, case.chosen[-1]))
    frozen = _never_updated(step) or _left_alone(step)
    if frozen:
        finding.verdict, finding.diagnosis = "wrong", frozen
        if frozen.node is not None:
            name = f"{frozen.variable} step"
            fill(frozen, name, of_constant(case, fit, frozen.node, frozen.shape))
    compare_with_printed(case, fit, finding)
    if any(d > 1e-9 * fit.scale for d in fit.decay):
        names = [n for n, d in zip(case.names, fit.decay, strict=True) if d > 1e-9 * fit.scale]
        finding.notes.append(
            f"the steps also shrink {', '.join(names)}: an L2 penalty, weight decay "
            f"{max(fit.decay) / finding.lr:.6g} times the parameter"
        )
    if any(s.optimiser for s in case.network.states):
        finding.notes.append(
            "momentum or other optimiser state: the gradient inside it was checked"
        )
    describe(case, fit, finding, step)
    return finding


def _scheduled(case: Case, fit: Fit) -> bool:
    """Is the factor, but for a constant, a number of each step: a rate that goes up and down?"""
    (first, factor), *others = fit.factors[fit.share_factor().index(True)].items()
    return any(
        all(
            any(math.isclose(f, factor / c * other, rel_tol=1e-6) for other in constants(case, k))
            for k, f in others
        )
        for c in constants(case, first)
        if c
    )


def lost(case: Case) -> int | None:
    """A value that came from elsewhere during the training may hide a parameter behind it."""
    nodes, first = case.tape.nodes, min(case.steps[0].end.values())
    found = {i for k in case.chosen for n in case.needed(k) for i in nodes[n].inputs}
    lost = [i for i in found if nodes[i].op in ("foreign", "lost") and nodes[i].dtype == "f"]
    return next((i for i in sorted(lost) if i > first), None)


def _no_parameter_unseen(step: LossStep) -> None:
    """Weights that the steps change in a way that was not recorded as an update are no parameters.

    They are what the forward pass reads, made by adding to what the step before has read.
    """
    nodes, case = step.tape.nodes, step.case
    if not step.k:
        return
    last = case.steps[step.k - 1]
    before = {i for n in last.nodes for i in nodes[n].inputs}
    before |= {step.tape.origin(i, PARTS) for i in before}
    since = {*range(min(last.end.values()), max(step.inside))} - {*step.step.start.values()}
    for n in step.tape.behind(step.forward, since):
        # an array that is filled anew in each step has the old numbers in it, too
        read = nodes[n].inputs[-1:] if nodes[n].op == "assign" else nodes[n].inputs
        for i in read:
            if i in step.inside or nodes[i].dtype != "f":
                continue
            stack, added = [(i, False)], set[int]()
            while stack:
                m, more = stack.pop()
                if m not in added and nodes[m].op in PARTS | {"add", "subtract", "assign"}:
                    more = more or nodes[m].op in ("add", "subtract")
                    added |= {m} if more else set()
                    stack += [(j, more) for j in nodes[m].inputs]
                elif more:
                    added.add(m)
            if added & before and step.from_earlier(i):
                name = nodes[step.tape.origin(i, PARTS)].name or "an array"
                raise CannotTell(
                    f"{name} on {case.where(i)} changes from step to step, but how could not "
                    "be seen; W -= lr * gradient, of the whole array, can be"
                )


def _never_updated(step: LossStep) -> Diagnosis | None:
    """An array that is added like a bias, and that no step changes."""
    nodes = step.tape.nodes
    later = [s.nodes for s in step.case.steps]
    linear = _linear(step)
    for n in step.forward:
        node = nodes[n]
        if node.op != "add":
            continue
        # 0, 1, ... may be no bias
        typed = [a for a in node.args if isinstance(a, float) and a % 1]
        if typed and node.inputs[0] in linear:
            raise CannotTell(
                f"{typed[0]} is added on {step.case.where(n)} as if it were a bias, and never "
                "changes; the updates of the parameters are right"
            )
        if len(node.inputs) != 2:
            continue
        for mine, other in (node.inputs, node.inputs[::-1]):
            origin = nodes[other]
            if any(other in state.nodes for state in step.case.network.other_networks):
                raise CannotTell(
                    f"{origin.name or 'an array'} and {step.case.names[0]} are not updated together"
                )
            if mine not in step.inside or other in step.inside or other in step.begin:
                continue
            if mine not in linear or origin.dtype != "f":
                continue
            same = all(
                any(other in nodes[m].inputs for m in found)
                for found in later[:: max(1, len(later) // 5)]
            )
            fits = origin.shape != node.shape or 1 in node.shape or len(node.shape) <= 1
            if origin.line and step.from_earlier(other):
                line = origin.line
            elif same and fits and nodes[step.tape.origin(other, PARTS)].op == "leaf":
                line = node.line
            else:
                continue
            name = origin.name or "a list"
            return Diagnosis(line, name, "bias never updated", True, [name], origin.shape, n)
    return None


def _linear(step: LossStep) -> set[int]:
    """Products of parameters and what a layer reads, and sums of such."""
    found = set[int]()
    for n in step.forward:
        node = step.tape.nodes[n]
        product = node.op in PRODUCTS | {"multiply"}
        if (product and any(step.origin(i) in step.begin for i in node.inputs)) or (
            node.op == "add" and not found.isdisjoint(node.inputs)
        ):
            found.add(n)
    return found


def _left_alone(step: LossStep) -> Diagnosis | None:
    """Weights of a later layer that no step changes: what should be their new value is not used."""
    nodes = step.tape.nodes
    used = {i for node in nodes for i in node.inputs}
    for n in step.forward:
        origins = [step.origin(i) for i in nodes[n].inputs]
        behind = step.tape.behind(origins, step.inside.difference(step.begin))
        read = {i for m in behind for i in nodes[m].inputs} - step.inside - step.begin.keys()
        if nodes[n].op not in PRODUCTS or not any(nodes[i].shape for i in read):
            continue  # of the input, or of no data at all
        for weights in [nodes[i] for i in origins]:
            numbers = weights.value
            if weights.id in step.inside | step.begin.keys() or numbers is None:
                continue
            if weights.dtype != "f" or (numbers == numbers.round()).all():
                continue  # ones that sum, a mask
            for m in sorted(step.depends_on_target - used):
                new = nodes[m]
                near = {j for k in new.inputs for j in (k, *nodes[k].inputs)}
                same = new.op in ("add", "subtract") and new.shape == weights.shape
                if same and weights.id in near and new.name:
                    return Diagnosis(new.line, new.name, None, True, [weights.name], new.shape)
            raise CannotTell(
                f"{weights.name or 'an array'} is multiplied with the output of a layer and never "
                "changes; the updates of the other parameters are right"
            )
    return None
