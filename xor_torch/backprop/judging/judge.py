"""From a tape to a verdict: correct, wrong or cannot tell.

Correct needs a loss that explains every update at every point. Wrong needs more than that none
does: a loss must explain the output layer, or a known mistake must explain the wrong numbers in
every element. Everything between is "cannot tell", with the reason.
"""

import contextlib
import math
from collections import Counter

import torch

from ...threads import one_thread
from .. import replay
from ..operations import PARTS, PRODUCTS, SUMS
from ..replay import CannotReplay
from ..tape import Ref, Tape
from .derivatives import LossStep, ratio
from .expected import add_numbers, counterpart, fill, of_constant, of_penalty
from .findings import Diagnosis, Finding, MistakeName, Parameter
from .losses import NEARLY, ORDER, CannotTell, Case, Fit, Loss, Point, Term, total
from .mistakes import diagnose, gradient_node, own_rates
from .optimisers import gradient_nodes, linear, signs
from .rows_seen import updates
from .steps import Network, find_networks
from .unknown_loss import for_any_loss


@one_thread()
def judge(tape: Tape) -> list[Finding]:
    """One finding for each network that the script trains."""
    try:
        networks = find_networks(tape)
    except Exception as e:
        return [_failed(e)]
    return [_judge_network(tape, network) for network in networks]


def _judge_network(tape: Tape, network: Network) -> Finding:
    finding, tied = _try(tape, network, ties=False)
    if finding.verdict != "correct" and tied:
        other, _ = _try(tape, network, ties=True)
        finding = other if other.verdict == "correct" else finding
    return finding


def _try(tape: Tape, network: Network, ties: bool) -> tuple[Finding, bool]:
    """The finding, and whether it may depend on which of two equal numbers is the maximum."""
    case = None
    try:
        case = Case(tape, network, ties)
        case.check_replay()
        finding = _judge(case)
    except (CannotTell, CannotReplay) as e:
        finding = Finding("cannot tell", str(e))
    except RuntimeError as e:  # of torch: shapes or types that it does not take as NumPy does
        finding = Finding("cannot tell", f"the step could not be repeated in torch: {e}")
    except Exception as e:
        finding = _failed(e)
    return finding, case is not None and case.tied


def _failed(e: Exception) -> Finding:
    """The script of a stranger may be stranger than this check: that is no verdict on it."""
    return Finding("cannot tell", f"this check itself failed on it, with {type(e).__name__}: {e}")


def _judge(case: Case) -> Finding:
    grown = _grown(case)
    if grown:
        return Finding("wrong", diagnosis=grown)
    if sum(p.nudged for p in case.points) < 2:
        raise CannotTell("the training step takes another branch as soon as a parameter changes")
    fits, perfect = _fits(case)
    if perfect:
        return _correct(case, perfect)
    plain = case.tape.without_small_constants()
    if plain is not None:
        without = Case(plain, case.network, case.ties)
        fits_without, perfect = _fits(without)
        if perfect:
            finding = _correct(without, perfect)
            finding.notes.append(
                "the constants against a division by zero were left out of the check"
            )
            return finding
        if _explained(fits_without) > _explained(fits):
            case, fits = without, fits_without
    explained = any(any(f.explained()) for f in fits if f.loss.kind != "own")
    return _inside_the_optimiser(case, explained) or _wrong(case, fits)


def _explained(fits: list[Fit]) -> int:
    """How many parameters follow one loss, at most."""
    return max((sum(f.in_scale()) for f in fits), default=0)


def _fits(case: Case) -> tuple[list[Fit], Fit | None]:
    """How all losses explain the updates, and the one that explains all of them, if there is."""
    losses = case.losses()
    fits = [fit for loss in losses if (fit := case.fit(loss))]
    perfect = [fit for fit in fits if fit.perfect]
    if not perfect:
        decayed = [fit for loss in losses if (fit := case.fit(loss, penalty=True))]
        perfect = [fit for fit in decayed if fit.perfect and _one_decay(fit)]
    # one sample may allow many losses, with a factor of each step's own
    return fits, min(perfect, key=lambda f: (not f.steady(), ORDER[f.loss.kind]), default=None)


def _inside_the_optimiser(case: Case, explained: bool) -> Finding | None:
    """Adam and the like: the steps follow no gradient, but are computed from one.

    With momentum they are proportional to one, from rest, and there is another way to judge them.
    """
    nodes = gradient_nodes(case)
    if nodes is None:
        return None
    proportional = linear(case, nodes)
    if proportional and explained and not any(s.optimiser for s in case.network.states):
        return None
    inner = Case(case.tape, case.network, case.ties, {at: (n, -1.0) for at, n in nodes.items()})
    found = signs(case, nodes)
    if not isinstance(found, str):
        inner.turn(found)
    fits, perfect = _fits(inner)
    if proportional and not any(any(f.in_scale()) for f in fits):
        return None
    if isinstance(found, str):
        if proportional:
            return None
        raise CannotTell(found)
    if not perfect:
        return _wrong(inner, fits)
    finding = _correct(inner, perfect)
    finding.lr = None
    finding.notes.append(
        "the steps are not proportional to the gradient: an optimiser with a state, or a clipped "
        "gradient; the gradient that goes into it was checked"
    )
    return finding


def _one_decay(fit: Fit) -> bool:
    """Is there one penalty, on all parameters that have one?"""
    some = [d for d in fit.decay if abs(d) > 1e-9 * fit.scale]
    return all(d > 0 and math.isclose(d, some[0], rel_tol=1e-6) for d in some)


# -------------------------------------------------------------------------------- correct


def _correct(case: Case, fit: Fit) -> Finding:
    if not fit.steady() and not _scheduled(case, fit):
        raise CannotTell(
            "each step follows the gradient of a loss, but with a factor that goes up and down; "
            "this check knows no reason for that"
        )
    if (lost := _lost(case)) is not None:
        raise CannotTell(
            f"{case.tape.nodes[lost].name or 'a value'} on {case.where(lost)} was computed by "
            "code that could not be recorded"
        )
    finding = Finding("correct")
    finding.loss, finding.lr = _convention(case, fit)
    step = LossStep(case, fit.loss, case.chosen[0])
    _no_parameter_unseen(step if step.k else LossStep(case, fit.loss, case.chosen[-1]))
    frozen = _never_updated(step) or _left_alone(step)
    if frozen:
        finding.verdict, finding.diagnosis = "wrong", frozen
        if frozen.node is not None:
            name = f"{frozen.variable} step"
            fill(frozen, name, of_constant(case, fit, frozen.node, frozen.shape))
    _compare_with_printed(case, fit, finding)
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
    _describe(case, fit, finding, step)
    return finding


def _scheduled(case: Case, fit: Fit) -> bool:
    """Is the factor, but for a constant, a number of each step: a rate that goes up and down?"""
    (first, factor), *others = fit.factors[fit.in_scale().index(True)].items()
    return any(
        all(
            any(math.isclose(f, factor / c * other, rel_tol=1e-6) for other in _constants(case, k))
            for k, f in others
        )
        for c in _constants(case, first)
        if c
    )


def _lost(case: Case) -> int | None:
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
            if any(other in state.nodes for state in step.case.network.elsewhere):
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
            for m in sorted(step.tainted - used):
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


def _compare_with_printed(case: Case, fit: Fit, finding: Finding) -> None:
    """Is the loss that the script computes the one that its steps follow?"""
    same: list[tuple[int, str, float]] = []
    penalised: list[tuple[int, str, float, list[float]]] = []
    other: list[tuple[int, str]] = []
    for k in sorted({0, *case.chosen[:3]}):
        points = [p for seed in (71, 72, 73) if (p := case.point(k, 10 * k + seed, 0.6))]
        terms = fit.loss.terms.get(k)
        if terms is None:
            terms = [t for loss, t in case.losses_of(k) if loss.place == fit.loss.place]
        if len(points) < 2 or not terms:
            continue
        mine = Loss(fit.loss.kind, (), "", {k: terms})
        for name, line, term in _printed(case, k, terms):
            if any(line == seen for seen, *_ in (*same, *penalised, *other)):
                continue
            relation = _relation(case, points, Loss("own", (), name, {k: [term]}), mine)
            if relation is None:
                continue
            factors, decays, exact, near = relation
            if exact and not any(decays):
                same.append((line, name, factors[0]))
            elif exact:
                penalised.append((line, name, factors[0], decays))
            elif near:  # a constant in it, against log(0)
                same.append((line, name, 0.0))
            else:
                other.append((line, name))
    for line, name, factor, decays in penalised:
        _compare_penalty(case, fit, finding, line, name, factor, decays)
    if same and not penalised:
        _, name, factor = same[0]
        if factor > 0 and not math.isclose(fit.scale / factor, finding.lr or 0.0, rel_tol=1e-6):
            printed = _name_of_multiple(case, fit, factor)
            finding.notes.append(
                f"your printed loss is the {printed}, your steps follow the {finding.loss}: "
                f"equal to {printed} with lr {fit.scale / factor:.6g}"
            )
    if other and not same and not penalised:
        line, name = other[0]
        finding.other_loss = True
        finding.warnings.append(
            f"the script computes another loss than it trains on: {name} on "
            f"{case.tape.code.where(line)} is not, "
            f"up to a constant factor, the {finding.loss} whose gradient the steps follow"
        )
    elif not same and not penalised and not other and finding.loss and "BCE" in finding.loss:
        finding.notes.append(
            "the script computes no loss: its steps are those of cross-entropy, or of squared "
            "errors without the derivative of the output's activation"
        )


def _printed(case: Case, k: int, terms: list[Term]) -> list[tuple[str, int, Term]]:
    """The scalars of a step that look like a loss: of the predictions, used for no update."""
    nodes, step = case.tape.nodes, case.steps[k]
    needed = case.needed(k)
    predicted = {t.source if t.prediction is None else t.prediction for t in terms}
    if any(t.prediction is None for t in terms):
        predicted |= needed
    for n in sorted(step.nodes):
        if predicted & {*nodes[n].inputs}:
            predicted.add(n)
    users = {i for n in step.nodes for i in nodes[n].inputs}
    found = []
    for n in step.nodes:
        node = nodes[n]
        if n in needed or node.dtype != "f" or node.shape not in ((), (1,), (1, 1)):
            continue
        if n not in predicted:  # a weight, or the slope of the line that two of them make
            continue
        if node.name or n not in users:
            found.append((node.name or "a value", node.line, total(n)))
    return [f for f in found if f[0] != "a value"] or found


def _relation(
    case: Case, points: list[Point], printed: Loss, followed: Loss
) -> tuple[list[float], list[float], bool, bool] | None:
    """(factors, decays, exact, near) with d printed = factor * d followed + decay * parameter.

    It is near if it is so to within `NEARLY`, without any decay.
    """
    grads = []
    for p in points:
        a, b = case.gradients(printed, p), case.gradients(followed, p)
        if a is None or b is None:
            return None
        grads.append((p, a, b))
    if not any(float(x.abs().max()) > 0 for _, a, _ in grads for x in a):
        return None
    factors, decays, multiples, exact, near = [], [], [], True, True
    for i in range(len(case.parameters)):
        mine = torch.cat([x[i].reshape(-1) for _, x, _ in grads])
        columns = [
            torch.cat([x[i].reshape(-1) for _, _, x in grads]),
            torch.cat([p.leaves[i].detach().reshape(-1) for p, _, _ in grads]),
        ]
        if not float(columns[0].abs().max()):
            decays.append(0.0)
            continue
        multiples.append(float(columns[0] @ mine / (columns[0] @ columns[0])))
        rest = float((mine - multiples[-1] * columns[0]).abs().max())
        near = near and rest <= NEARLY * float(mine.abs().max())
        solution = torch.linalg.lstsq(torch.stack(columns, 1), mine[:, None]).solution[:, 0]
        off = float((torch.stack(columns, 1) @ solution - mine).abs().max())
        exact = exact and off <= 1e-8 * max(float(mine.abs().max()), 1e-300)
        factors.append(float(solution[0]))
        penalty = abs(float(solution[1])) * float(columns[1].abs().max())
        small = penalty <= 1e-8 * float(mine.abs().max())
        decays.append(0.0 if small else float(solution[1]))
    exact = (
        exact and bool(factors) and all(math.isclose(f, factors[0], rel_tol=1e-6) for f in factors)
    )
    near = (
        near
        and bool(multiples)
        and all(math.isclose(m, multiples[0], rel_tol=NEARLY) for m in multiples)
    )
    return factors, decays, exact, near


def _compare_penalty(
    case: Case, fit: Fit, finding: Finding, line: int, name: str, factor: float, decays: list[float]
) -> None:
    """The printed loss has a penalty on some parameters: do their steps have it too?"""
    if fit.loss.kind == "own":
        return
    lacking = [i for i, d in enumerate(decays) if d and abs(fit.decay[i]) <= 1e-9 * fit.scale]
    if lacking:
        step = LossStep(case, fit.loss, case.chosen[0])
        i = min(lacking, key=lambda i: case.end(step.k, case.parameters[i]))
        at = gradient_node(step, i)
        node = case.tape.nodes[at]
        finding.verdict = "wrong"
        finding.diagnosis = Diagnosis(
            node.line,
            node.name or case.names[i],
            "detached regularisation",
            True,
            [case.names[j] for j in lacking],
            node.shape,
        )
        pairs = of_penalty(case, fit, i, decays[i] / factor)
        fill(finding.diagnosis, f"{case.names[i]} step", pairs)


# ---------------------------------------------------------------------------------- wrong


def _grown(case: Case) -> Diagnosis | None:
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


def _wrong(case: Case, fits: list[Fit]) -> Finding:
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
        key=lambda f: (sum(f.in_scale()), sum(f.explained()), -ORDER[f.loss.kind]), reverse=True
    )
    best, diagnosis, note = fits[0], None, None
    if all(best.in_scale()) and best.loss.kind != "own" and not case.network.elsewhere:
        if not best.scale:
            raise CannotTell(f"no step changes {', '.join(case.names)}")
        return _uphill(case, best)
    if any(best.in_scale()):
        # the same loss may be written in several places: one of them belongs to the backward pass
        alike = [
            f for f in fits if f.loss.kind == best.loss.kind and f.in_scale() == best.in_scale()
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
        best, diagnosis, note = for_any_loss(case, fits)
    step = LossStep(case, best.loss, case.chosen[0])
    _doubt(case, best, diagnosis, step)
    if diagnosis.step is not None:
        with contextlib.suppress(CannotTell, CannotReplay, RuntimeError):
            add_numbers(case, best, diagnosis, diagnosis.step)  # the verdict never depends on them
    finding = Finding("wrong", diagnosis=diagnosis)
    if note is not None:
        finding.notes.append(note)
    if any(best.in_scale()) and best.loss.kind != "delta":
        finding.loss, finding.lr = _convention(case, best)
    elif best.loss.kind != "delta":
        finding.loss = best.loss.name
    _describe(case, best, finding, step)
    return finding


def _doubt(case: Case, fit: Fit, diagnosis: Diagnosis, step: LossStep) -> None:
    """Refuse to accuse where there may be a good reason."""
    clipped = [n for n in sorted(step.tainted) if case.tape.nodes[n].op in ("clip", "minimum")]
    if clipped and not diagnosis.sure:
        raise CannotTell(
            f"derivatives are clipped on {case.where(clipped[0])}, and what comes of that is the "
            "gradient of no loss; without it the script can be checked"
        )
    if not diagnosis.sure:
        errors = [e for e, ok in zip(fit.error, fit.in_scale(), strict=True) if not ok]
        optimiser = any(s.optimiser for s in case.network.states)
        if max(errors) < 1e-5 or optimiser or _lost(case) is not None:
            raise CannotTell(
                f"the steps of {', '.join(diagnosis.spoils)} differ from the gradient of the "
                f"{fit.loss.name}, but from {case.tape.code.where(diagnosis.line)} on it is not "
                "certain that they are meant to follow it"
            )
    if diagnosis.mistake == "scale of one parameter":
        off = [fit.factor(i) / fit.scale for i, ok in enumerate(fit.in_scale()) if not ok]
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
    return any(n in step.tainted for n, _ in changes)


def _uphill(case: Case, fit: Fit) -> Finding:
    """Every step follows the gradient, the wrong way."""
    k = case.chosen[0]
    i = min(case.parameters, key=lambda i: case.end(k, i))
    node, name = case.tape.nodes[case.end(k, i)], case.names[case.parameters.index(i)]
    diagnosis = Diagnosis(node.line, name, "wrong sign", True, list(case.names), node.shape)
    changes = [p.changes[case.parameters.index(i)] for p in case.points if not p.nudged]
    fill(diagnosis, f"{name} step", [(c, -c) for c in changes])
    finding = Finding("wrong", diagnosis=diagnosis)
    finding.loss = fit.loss.name
    _describe(case, fit, finding, LossStep(case, fit.loss, k))
    for p in finding.parameters:
        p.ok = False
    return finding


# -------------------------------------------------------------------------------- in words


def _convention(case: Case, fit: Fit) -> tuple[str, float]:
    """The usual name of the loss with the learning rate that goes with it."""
    if fit.loss.kind == "own":
        return fit.loss.name, fit.scale
    multiples = _multiples(case, fit)
    typed = _constants(case, case.chosen[0])
    rates = {name: fit.scale / multiple for name, multiple in multiples.items()}
    for name, rate in rates.items():
        if any(math.isclose(rate, c, rel_tol=1e-6) for c in typed if c not in (1, 2)):
            return name, rate
    for name, rate in rates.items():
        if math.isclose(rate, 1.0, rel_tol=1e-6):
            return name, rate
    return next(iter(rates.items()))


def _multiples(case: Case, fit: Fit) -> dict[str, float]:
    """The names of a loss's usual multiples."""
    kind = fit.loss.kind
    terms = fit.loss.terms[case.chosen[0]]
    prediction = terms[0].prediction
    shape = () if prediction is None else case.tape.nodes[prediction].shape
    sizes = dict.fromkeys([math.prod(shape), *shape, len(terms)])
    names = {"SSE": 1.0, "1/2 SSE": 0.5} if kind == "SSE" else {kind: 1.0}
    for n in sizes:
        if n > 1:
            names.setdefault("MSE" if kind == "SSE" else f"mean {kind}", 1 / n)
            if kind == "SSE":
                names.setdefault("1/2 MSE", 0.5 / n)
    return names


def _name_of_multiple(case: Case, fit: Fit, factor: float) -> str:
    if fit.loss.kind != "own":
        for name, multiple in _multiples(case, fit).items():
            if math.isclose(multiple, factor, rel_tol=1e-6):
                return name
    return f"{factor:.6g} times the {fit.loss.name}"


def _constants(case: Case, k: int) -> list[float]:
    """Numbers that the step multiplies with: one of them is the learning rate."""
    found = []
    for n in case.steps[k].nodes:
        node = case.tape.nodes[n]
        if node.op == "multiply":
            found += [abs(float(a)) for a in node.args if isinstance(a, int | float)]
            for a in node.args:
                leaf = case.tape.nodes[a.id] if isinstance(a, Ref) else None
                if (
                    leaf is not None
                    and leaf.value is not None
                    and leaf.op == "leaf"
                    and leaf.value.ndim == 0
                ):
                    found.append(abs(float(leaf.value)))
    return found


def _of_the_loss(step: LossStep) -> set[int]:
    """What no update is computed from, but a number is: the loss, not the backward pass."""
    nodes = step.tape.nodes
    needed = step.case.needed(step.k)
    found: set[int] = set()
    for n in reversed(step.step.nodes):
        if n not in needed and (nodes[n].shape in ((), (1,), (1, 1)) or n in found):
            found |= {i for i in nodes[n].inputs if i in step.inside and i not in needed}
    return found


def _named(ours: str, theirs: str) -> str:
    return f"{ours} = {theirs}" if theirs and theirs != ours else ours


def _describe(case: Case, fit: Fit, finding: Finding, step: LossStep) -> None:
    """Parameters, layers and the derivative that each line computes."""
    good = fit.in_scale()
    k = case.chosen[0]
    nodes = case.tape.nodes
    for i, name in enumerate(case.names):
        end, difference = nodes[case.end(k, case.parameters[i])], fit.measured[i]
        known = difference if math.isfinite(difference) else None
        finding.parameters.append(Parameter(name, end.line, known, good[i], end.shape))
    finding.updates = updates(case)
    names = {begin: case.names[n] for begin, n in step.begin.items()}
    for layer in step.layers if step.in_a_row else []:
        names.setdefault(layer.z, f"z{layer.number}")
        names.setdefault(layer.a, f"a{layer.number}")
        weights = ", ".join(case.names[i] for i in dict.fromkeys(layer.weights + layer.biases))
        finding.layers.append(
            f"layer {layer.number}: {weights}; "
            f"{_named(f'z{layer.number}', nodes[layer.z].name)} {nodes[layer.z].shape}, "
            f"{_named(f'a{layer.number}', nodes[layer.a].name)}, {layer.activation}"
        )
    used = [nodes[n].line for n in step.step.nodes if nodes[n].line]
    finding.lines = min(used), max(used)
    for n in sorted(step.tainted - _of_the_loss(step)):
        labels = step.labels(n).keys() & names.keys()
        if labels and nodes[n].line:
            # of several, what the value has the shape of
            v = max(labels, key=lambda v: (nodes[v].shape == nodes[n].shape, v in step.begin, -v))
            _label(finding, nodes[n].line, f"dL/d{names[v]}", True)
    if finding.diagnosis is not None:
        _label_wrong(case, finding, finding.diagnosis, step, names)


def _label(finding: Finding, line: int, words: str, ok: bool) -> None:
    on_line = finding.labels.setdefault(line, [])
    if (words, ok) not in on_line:
        on_line.append((words, ok))


def _label_wrong(
    case: Case, finding: Finding, wrong: Diagnosis, step: LossStep, names: dict[int, str]
) -> None:
    """The first wrong line, and those of the gradients that it spoils."""
    words = "wrong"
    if wrong.derivative and wrong.step:
        of = counterpart(case, wrong.derivative[0], wrong.step.k, step.k)
        for v, name in names.items():
            theirs, mine = step.derivatives.get(v), step.derivatives.get(of or -1)
            if theirs and mine and ratio(mine, theirs) is not None:  # it may be that of -z1
                words = f"dL/d{name} wrong"
    _label(finding, wrong.line, words, False)
    for i, name in enumerate(case.names):
        line = case.tape.nodes[gradient_node(step, i)].line
        right = (f"dL/d{name}", True) in finding.labels.get(line, [])
        if not finding.parameters[i].ok and line != wrong.line and not right:
            _label(finding, line, f"dL/d{name} wrong", False)
