"""What a finding says: the loss and the learning rate, the layers, the derivative of each line."""

import math

from ..tape import Ref
from .case import Case
from .derivatives import LossStep, ratio
from .expected import counterpart
from .findings import Diagnosis, Finding, Parameter
from .fit import Fit
from .mistakes import gradient_node
from .samples import samples_of_updates


def convention(case: Case, fit: Fit) -> tuple[str, float]:
    """The usual name of the loss with the learning rate that goes with it."""
    if fit.loss.kind == "own":
        return fit.loss.name, fit.scale
    typed = constants(case, case.chosen[0])
    rates = {name: fit.scale / multiple for name, multiple in multiples(case, fit).items()}
    for name, rate in rates.items():
        if any(math.isclose(rate, c, rel_tol=1e-6) for c in typed if c not in (1, 2)):
            return name, rate
    for name, rate in rates.items():
        if math.isclose(rate, 1.0, rel_tol=1e-6):
            return name, rate
    return next(iter(rates.items()))


def multiples(case: Case, fit: Fit) -> dict[str, float]:
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


def name_of_multiple(case: Case, fit: Fit, factor: float) -> str:
    if fit.loss.kind != "own":
        for name, multiple in multiples(case, fit).items():
            if math.isclose(multiple, factor, rel_tol=1e-6):
                return name
    return f"{factor:.6g} times the {fit.loss.name}"


def constants(case: Case, k: int) -> list[float]:
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


def describe(case: Case, fit: Fit, finding: Finding, step: LossStep) -> None:
    """Parameters, layers and the derivative that each line computes."""
    good = fit.share_factor()
    k = case.chosen[0]
    nodes = case.tape.nodes
    for i, name in enumerate(case.names):
        end, difference = nodes[case.end(k, case.parameters[i])], fit.measured[i]
        known = difference if math.isfinite(difference) else None
        finding.parameters.append(Parameter(name, end.line, known, good[i], end.shape))
    finding.updates = samples_of_updates(case)
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
    for n in sorted(step.depends_on_target - _of_the_loss(step)):
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
