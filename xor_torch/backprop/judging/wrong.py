"""A network whose steps follow no loss: where does it go wrong, and is that certain?"""

import contextlib
import math
from collections import Counter

from .. import replay
from ..operations import SUMS
from ..replay import CannotReplay
from .case import Case
from .correct import lost
from .derivatives import LossStep
from .expected import add_numbers, fill
from .findings import Diagnosis, Finding, MistakeName
from .fit import Fit
from .losses import ORDER
from .mistakes import diagnose, own_rates
from .points import CannotTell
from .trial import Tried
from .unknown_loss import for_any_loss
from .words import convention, describe


def grown(case: Case) -> Diagnosis | None:
    """A bias whose gradient is not summed over the samples grows to one row for each of them."""
    nodes = case.tape.nodes
    users = Counter(i for node in nodes for i in node.inputs)
    for i in case.parameters:
        state = case.network.states[i]
        for root in [n for n in state.nodes[:2] if n is not None]:
            node = nodes[root]
            if node.op not in ("add", "subtract") or len(node.inputs) != 2:
                continue
            old, change = node.inputs
            if math.prod(nodes[old].shape) >= math.prod(node.shape) or nodes[old].dtype != "f":
                continue
            at = change
            while not nodes[at].name and nodes[at].inputs:
                at = nodes[at].inputs[-1]
            summed = nodes[at].op in SUMS or any(nodes[m].op in SUMS for m in nodes[at].inputs)
            mistake: MistakeName = (
                "bias summed over the wrong axis" if summed else "bias not summed"
            )
            line, name = nodes[at].line, nodes[at].name
            alias = next(((a, li) for n, a, li in case.tape.aliases if n == at and li > line), None)
            if alias:
                name, line = alias
            elif users[at] > 1:  # the delta itself
                name, line = state.name, node.line
            found = Diagnosis(line, name, mistake, True, [state.name], node.shape)
            was = nodes[change].value
            if was is not None and not summed:
                step = replay.tensor(was).double() * (-1 if node.op == "subtract" else 1)
                # each row has what its own sample adds, where all belong
                should_be = step.sum_to_size(nodes[old].shape).expand_as(step)
                fill(found, f"{state.name} step", [(step, should_be)])
            return found
    return None


def wrong(case: Case, tried: Tried) -> Finding:
    """Where a network goes wrong that no loss explains.

    Raises:
        CannotTell: perhaps it does not.

    """
    fits = tried.fits
    unknown = zip(*(f.silent() for f in fits), strict=True)
    if not any(any(f.explained()) for f in fits) or any(map(all, unknown)):
        fits = tried.complete(case)
    fits = [f for f in fits if f.loss.kind not in ("own", "MAE") or any(f.explained())]
    if not fits:
        raise CannotTell("no prediction and target were found that a loss could be computed from")
    for i, (name, *silent) in enumerate(zip(case.names, *(f.silent() for f in fits), strict=True)):
        if all(silent) and any(bool(p.changes[i].any()) for p in case.points):
            raise CannotTell(
                f"the steps of {name} are lost in rounding, because units are saturated; scale "
                "the inputs or start from smaller weights"
            )
        if all(silent):
            raise CannotTell(
                f"{name} never moves, and its gradient is zero as well: its input is zero in "
                "every sample that was seen; another sample would tell"
            )
    fits.sort(
        key=lambda f: (sum(f.share_factor()), sum(f.explained()), -ORDER[f.loss.kind]), reverse=True
    )
    best, diagnosis, note = fits[0], None, None
    if all(best.share_factor()) and best.loss.kind != "own" and not case.network.other_networks:
        if not best.scale:
            raise CannotTell(f"no step changes {', '.join(case.names)}")
        return _uphill(case, best)
    if any(best.share_factor()):
        # the same loss may be written in several places: one of them belongs to the backward pass
        alike = [
            f
            for f in fits
            if f.loss.kind == best.loss.kind and f.share_factor() == best.share_factor()
        ]
        for fit in alike:
            found = diagnose(case, fit)
            if found is not None and (diagnosis is None or (found.sure and not diagnosis.sure)):
                best, diagnosis = fit, found
        if diagnosis is None:
            raise CannotTell(
                f"not all updates follow the gradient of the {best.loss.name}, but where "
                "the first wrong value is could not be found"
            )
    else:
        best, diagnosis, note = for_any_loss(case, fits, tried.losses)
    step = LossStep(case, best.loss, case.chosen[0])
    _doubt(case, best, diagnosis, step)
    if diagnosis.step is not None:
        with contextlib.suppress(CannotTell, CannotReplay, RuntimeError):
            add_numbers(case, best, diagnosis, diagnosis.step)  # the verdict never depends on them
    finding = Finding("wrong", diagnosis=diagnosis)
    if note is not None:
        finding.notes.append(note)
    if any(best.share_factor()) and best.loss.kind != "delta":
        finding.loss, finding.lr = convention(case, best)
    elif best.loss.kind != "delta":
        finding.loss = best.loss.name
    describe(case, best, finding, step)
    return finding


def _doubt(case: Case, fit: Fit, diagnosis: Diagnosis, step: LossStep) -> None:
    """Refuse to accuse where there may be a good reason."""
    clipped = [
        n for n in sorted(step.depends_on_target) if case.tape.nodes[n].op in ("clip", "minimum")
    ]
    if clipped and not diagnosis.sure:
        raise CannotTell(
            f"derivatives are clipped on {case.where(clipped[0])}, and what comes of that is the "
            "gradient of no loss; without it the script can be checked"
        )
    if not diagnosis.sure:
        errors = [e for e, ok in zip(fit.error, fit.share_factor(), strict=True) if not ok]
        optimiser = any(s.optimiser for s in case.network.states)
        if max(errors) < 1e-5 or optimiser or lost(case) is not None:
            raise CannotTell(
                f"the steps of {', '.join(diagnosis.spoils)} differ from the gradient of the "
                f"{fit.loss.name}, but from {case.tape.code.where(diagnosis.line)} on it is not "
                "certain that they are meant to follow it"
            )
    if diagnosis.mistake == "scale of one parameter":
        off = [fit.factor(i) / fit.scale for i, ok in enumerate(fit.share_factor()) if not ok]
        if all(0.9 < f < 1.1 for f in off):
            raise CannotTell(
                f"the rate of {', '.join(diagnosis.spoils)} is {off[0]:.10g} times that of the "
                "others: perhaps a schedule"
            )
        if diagnosis.step is not None and (own := own_rates(diagnosis.step, fit)) is not None:
            raise CannotTell(
                f"every step follows the gradient of the {fit.loss.name}, but that of "
                f"{', '.join(diagnosis.spoils)} with a rate of its own, {own[0]:.6g} beside "
                f"{own[1]:.6g}: if that is meant, they are right"
            )
    in_layers = {i for layer in step.layers for i in layer.weights + layer.biases}
    hidden = [
        n
        for i, n in enumerate(case.names)
        if n in diagnosis.spoils
        and i not in in_layers
        and not (fit.factors[i] and _of_the_target(case, step, i))
    ]
    if hidden and any(case.names.count(n) == 1 for n in hidden):
        raise CannotTell(f"{hidden[0]} is updated like a parameter, but is no weight or bias")


def _of_the_target(case: Case, step: LossStep, i: int) -> bool:
    """Does the change of a parameter depend on the target? A state of the network's does not."""
    number = case.parameters[i]
    changes = case.change_nodes(step.k, number) or [(step.step.end[number], 1.0)]
    return any(n in step.depends_on_target for n, _ in changes)


def _uphill(case: Case, fit: Fit) -> Finding:
    """Every step follows the gradient, the wrong way."""
    k = case.chosen[0]
    i = min(case.parameters, key=lambda i: case.end(k, i))
    node, name = case.tape.nodes[case.end(k, i)], case.names[case.parameters.index(i)]
    diagnosis = Diagnosis(node.line, name, "wrong sign", True, list(case.names), node.shape)
    changes = [p.changes[case.parameters.index(i)] for p in case.points if not p.perturbed]
    fill(diagnosis, f"{name} step", [(c, -c) for c in changes])
    finding = Finding("wrong", diagnosis=diagnosis)
    finding.loss = fit.loss.name
    describe(case, fit, finding, LossStep(case, fit.loss, k))
    for p in finding.parameters:
        p.ok = False
    return finding
