"""Find the first wrong line of a backward pass, and name the mistake.

Known are the loss and which parameters do not follow its gradient. A value that is a derivative of
the loss, but for a constant factor, is good (`derivatives`). From a wrong update one walks back
along what depends on the target until everything is good: the first value on that way is where it
goes wrong.

The mistake gets a name only if it explains the numbers: the wrong value is computed as the
mistake would, and must agree in every element.
"""

import itertools
import math

from .. import replay
from ..operations import PARTS, PRODUCTS, SUMS
from ..replay import Tensor
from .case import Case
from .derivatives import ACTIVATIONS, Function, Layer, LossStep, ratio
from .findings import Diagnosis, MistakeName
from .fit import Fit
from .points import CannotTell

# -------------------------------------------------------------------------- the diagnosis


def diagnose(case: Case, fit: Fit) -> Diagnosis | None:
    """The first wrong value, and the name of the mistake; None if it cannot be found."""
    good = fit.share_factor()
    bad = [i for i, ok in enumerate(good) if not ok]
    k = max(case.chosen, key=lambda k: (_moved(case, k, bad), _certain(case, k), -k))
    step = LossStep(case, fit.loss, k)
    if not step.enough or not step.layers:
        return None
    found = _by_scale(step, fit, bad) or _by_value(step, fit, bad)
    if found is not None:
        found.step = step
    return found


def _moved(case: Case, k: int, bad: list[int]) -> int:
    """How many of the parameters a step changes: the sample (0, 0) leaves W1 alone."""
    return sum(
        any(p.step == k and bool(p.changes[i].abs().max() > 0) for p in case.points) for i in bad
    )


def _certain(case: Case, k: int) -> int:
    """At how many points of a step with saturated units the change is certain all the same."""
    asked = [p for p in case.points if p.step == k and (case.is_rounded or case.is_near_one(p))]
    return sum(all(case.certain(p)) for p in asked)


def _by_scale(step: LossStep, fit: Fit, bad: list[int]) -> Diagnosis | None:
    """Parameters that follow the gradient with a factor of their own."""
    explained = fit.explained()
    own = [i for i in bad if explained[i] and not math.isnan(fit.scale)]
    if not own or len(own) < len(bad):
        return None
    usual, rates = {1.0}, set[float]()  # the rates stand in the update itself
    for i in range(len(fit.error)):
        if i not in own:
            of_others = _factors(step, i)
            line = step.tape.nodes[step.step.end[step.case.parameters[i]]].line
            usual.update(f for _, f, _ in of_others)
            rates.update(f for at, f, _ in of_others if step.tape.nodes[at].line == line)
    found = []
    for i in own:
        off = fit.factor(i) / fit.scale
        places = _factors(step, i)
        exact = [at for at, f, sign in places if _near(f * sign, off)]
        odd = [at for at, _, sign in places if sign < 0] if _near(off, -1.0) else []
        unusual = [at for at, f, _ in places if not any(_near(f, u) for u in usual)]
        # a rate that the others have and this one lacks
        lacking = any(_near(f * off, 1.0) for f in rates) and all(_near(f, 1) for _, f, _ in places)
        update = [step.step.end[step.case.parameters[i]]] if lacking else []
        at = (odd or exact or update or unusual or [gradient_node(step, i)])[-1]
        found.append((at, i, off))
    at, _, off = min(found)
    name: MistakeName = "wrong sign" if off < 0 else "scale of one parameter"
    return _report(step, at, name, True, [step.case.names[j] for j in own])


def _factors(step: LossStep, i: int) -> list[tuple[int, float, float]]:
    """(node, factor, sign) of each operation between the delta and the update, in order."""
    number = step.case.parameters[i]
    begin, parts = step.step.start[number], step.case.change_nodes(step.k, number)
    if not parts:
        return []
    n, sign = parts[-1]
    result = [(step.step.end[number], 1.0, -sign)]
    while begin in step.labels(n):
        following = [
            m for m in step.tape.nodes[n].inputs if m in step.depends_on_target and m != begin
        ]
        before = step.labels(following[0]) if following else {}
        if not before:
            break
        change = step.labels(n)[begin] / before.get(begin, next(iter(before.values())))
        result.append((n, abs(change), math.copysign(1.0, change)))
        n = following[0]
    return result[::-1]


def own_rates(step: LossStep, fit: Fit) -> tuple[float, float] | None:
    """Two numbers that the updates of a wrong and of a right parameter are multiplied with.

    They are rates of their own if they make the whole difference, and are not one and its square
    (a rate that is there twice) or one and an N-th of it, for an N that an array has.
    """
    good, nodes = fit.share_factor(), step.tape.nodes
    sizes = {n for m in step.step.nodes for n in nodes[m].shape}
    for i, j in itertools.product(range(len(good)), repeat=2):
        if good[j] and not good[i]:
            mine, theirs = ([f for _, f, _ in _factors(step, n) if not _near(f, 1)] for n in (i, j))
            off = fit.factor(i) / fit.scale
            if any(_near(off, n) or _near(off * n, 1) for n in sizes):
                continue
            for a, b in itertools.product(mine, theirs):
                if _near(a / b, off) and not _near(a, b * b):
                    return a, b
    return None


def gradient_node(step: LossStep, i: int) -> int:
    """The last value before the update that bears a name and is the parameter's gradient."""
    number = step.case.parameters[i]
    n, begin = step.step.end[number], step.step.start[number]
    for _ in range(20):
        inputs = [
            m
            for m in step.tape.nodes[n].inputs
            if begin in step.labels(m) and m in step.depends_on_target
        ]
        if not inputs:
            break
        n = inputs[0]
        if step.tape.nodes[n].name:
            return n
    return step.step.end[number]


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b))


def _by_value(step: LossStep, fit: Fit, bad: list[int]) -> Diagnosis | None:
    """The first value on the way to a wrong update that is no derivative."""
    explained = fit.explained()
    wrong = [i for i in bad if not explained[i]] or bad
    sources = {i: _sources(step, i) for i in wrong}
    first = min((n for found in sources.values() for n in found), default=None)
    if first is None:
        return None
    layers = [step.layer_of(i) for i in wrong if first in sources[i]]
    layer = max((la for la in layers if la), key=lambda la: la.number, default=None)
    spoils = [step.case.names[i] for i in bad]
    return _explain(step, _out_of_functions(step, first), layer, spoils)


def _sources(step: LossStep, i: int) -> set[int]:
    """What a wrong update is computed from and is no derivative, where all before is good."""
    number = step.case.parameters[i]
    end, nodes = step.step.end[number], step.tape.nodes
    changes = {n for n, _ in step.case.change_nodes(step.k, number) or ()} or {end}
    region, stack = set[int](), [*changes]
    while stack:
        n = stack.pop()
        if n not in changes and (
            n not in step.depends_on_target or step.labels(n) or _of_part(step, n)
        ):
            continue
        if n not in region and (n in step.depends_on_target or n == end):
            region.add(n)
            stack += nodes[n].inputs
    return {n for n in region - {end} if not region.intersection(nodes[n].inputs)}


def _of_part(step: LossStep, n: int) -> bool:
    """Is it the new value of a part of a parameter, ``W[1] - lr * dW1``, and its step good?"""
    node = step.tape.nodes[n]
    old = [m for m in node.inputs if step.tape.origin(m, PARTS) in step.begin]
    return (
        node.op in ("add", "subtract")
        and len(old) == 1
        and all(step.labels(m) for m in node.inputs if m not in old)
    )


def _out_of_functions(step: LossStep, s: int) -> int:
    """If a function is taken of a delta alone, the last place that puts its result to the delta."""
    nodes = step.tape.nodes
    if any(i in step.inside and i not in step.depends_on_target for i in nodes[s].inputs):
        return s
    derivatives = {
        v for i in nodes[s].inputs if i in step.depends_on_target for v in step.labels(i)
    }
    place, of_delta = s, {s}
    for m in step.step.nodes:
        inputs = {i for i in nodes[m].inputs if i in step.inside}
        deltas = {i for i in inputs & step.depends_on_target if derivatives & step.labels(i).keys()}
        if inputs & of_delta and inputs <= of_delta | deltas:
            of_delta.add(m)
            place = m if deltas else place
    return place


def _early(step: LossStep, s: int) -> bool:
    """Is `s` computed from a parameter's new value, where the old one makes it right?"""
    order, _ = replay.needed(step.tape, [s], dict.fromkeys(step.step.start.values()))
    for n in order:
        if n in step.ends and n != s:
            number = step.case.parameters[step.ends[n]]
            values = []
            for point in step.points:
                given = {m: point.values[m].detach() for m in step.step.start.values()}
                given[n] = point.values[step.step.start[number]].detach()
                values.append(replay.run(step.tape, [s], given, step.case.ties)[s])
            if step.matches(values):
                return True
    return False


def _explain(step: LossStep, s: int, layer: Layer | None, spoils: list[str]) -> Diagnosis:
    """Say what is wrong with the first wrong value, `s`."""
    if _early(step, s):
        return _report(step, s, "updated too early", True, spoils)
    inputs = step.tape.nodes[s].inputs
    deltas = [n for n in inputs if n in step.depends_on_target and step.labels(n)]
    plain = [n for n in inputs if n not in step.depends_on_target]
    if step.tape.nodes[s].op in ("add", "subtract") and deltas and plain:
        raise CannotTell(
            f"on {step.case.where(s)} something that does not depend on the target is added to a "
            "right derivative: a penalty perhaps; with it in the loss, and the loss computed in "
            "the training loop and assigned to a variable, it can be checked"
        )
    if layer is not None and deltas:
        of_layers = (_from_weights, _from_inputs) if step.in_a_row else ()
        for explain in (_missing, *of_layers, _from_slope):
            found = explain(step, s, deltas[0], plain, layer)
            if found:
                name, sure, at = found
                report = _report(step, at, name, sure, spoils)
                scale = step.labels(deltas[0]).get(layer.a)
                if scale is not None:
                    report.derivative = layer.z, scale
                return report
    return _report(step, s, None, False, spoils)


Found = tuple[MistakeName, bool, int] | None


def _missing(step: LossStep, s: int, delta: int, plain: list[int], layer: Layer) -> Found:
    """A parameter's gradient is made from dL/da where dL/dz belongs."""
    labels = step.labels(delta)
    if layer.z in labels or layer.a not in labels or not _makes_gradient(step, s, plain, layer):
        return None
    last = layer is step.layers[-1]
    name: MistakeName = "missing output derivative" if last else "missing hidden derivative"
    right = [n for n in step.depends_on_target if layer.z in step.labels(n)]
    return name, True, s if right else delta


def _makes_gradient(step: LossStep, s: int, plain: list[int], layer: Layer) -> bool:
    """Is `s` made from a delta and what the layer reads, or from a delta alone?"""
    node = step.tape.nodes[s]
    origins = [step.origin(n) for n in plain]
    read = step.origin(layer.x)
    if any(n in step.begin or (n in step.inside and n != read) for n in origins):
        return False
    if sum(n in step.depends_on_target for n in node.inputs) > 1:
        return False
    return node.op in PRODUCTS | SUMS | {"multiply", "divide"}


def _from_weights(step: LossStep, s: int, delta: int, plain: list[int], layer: Layer) -> Found:
    """A delta is taken back through weights."""
    used = [step.begin[o] for n in plain if (o := step.origin(n)) in step.begin]
    if not used:
        inner = [
            m
            for n in plain
            if step.tape.nodes[n].op in PRODUCTS and n not in step.forward
            for m in step.tape.nodes[n].inputs
        ]
        if any(step.origin(m) in step.begin for m in inner):
            return "dot for element-wise product", True, s
        return None
    labels = step.labels(delta)
    following = next((la for la in step.layers if la.number == layer.number + 1), None)
    if following is None or not any(i in following.weights for i in used):
        return "weights of the wrong layer", True, s
    if following.z in labels:
        return "wrong transpose", True, s
    if following.a in labels:
        if following is step.layers[-1] and not any(
            following.z in step.labels(n) for n in step.depends_on_target
        ):
            return "missing output derivative", True, delta
        return "raw error in the hidden delta", True, s
    return None


def _from_inputs(step: LossStep, s: int, delta: int, plain: list[int], layer: Layer) -> Found:
    """A right delta, put together with the wrong thing."""
    node, labels = step.tape.nodes[s], step.labels(delta)
    if layer.z not in labels:
        return None
    if node.op in SUMS:
        return "bias summed over the wrong axis", True, s
    if node.op in ("getitem", "item"):
        return "hard-coded sample", True, s
    if node.op not in PRODUCTS | {"multiply"}:
        return None
    if not plain:  # but numbers, as if every sample were that one
        typed = any(isinstance(a, list) for a in node.args)
        return ("hard-coded sample", True, s) if typed and layer.x not in step.inside else None
    operand = step.origin(plain[0])
    if operand == step.origin(layer.x):
        return "wrong transpose", True, s
    if operand not in step.inside:
        if step.from_earlier(operand):
            return "stale activation", True, s
        return ("hard-coded sample", True, s) if layer.x not in step.inside else None
    if step.from_earlier(operand):
        return "stale activation", True, s
    return "derivative of the wrong quantity", True, s


def _from_slope(step: LossStep, s: int, delta: int, plain: list[int], layer: Layer) -> Found:
    """dL/da times what is not the derivative of the activation."""
    labels = step.labels(delta)
    own = next((la for la in step.layers if la.a in labels), None)
    if own is None:
        return None
    node = step.tape.nodes[s]
    upstream = step.derivatives[own.a]
    if node.op in PRODUCTS and plain and (factor := step.values(plain[0])):
        with_star = [u * f for u, f in zip(upstream, factor, strict=True) if u.shape == f.shape]
        if len(with_star) == len(upstream) and ratio(with_star, step.derivatives[own.z]):
            return "dot for element-wise product", True, s
    z, a = step.values(own.z) or [], step.values(own.a) or []
    of_z, of_a = ACTIVATIONS.get(own.activation, ACTIVATIONS["linear"])[1:]
    twice = ((of_z, a), (of_a, z)) if own.activation in ("sigmoid", "tanh") else ()
    slopes = [f for functions in ACTIVATIONS.values() for f in functions[1:]]
    quantities = [x for q in step.forward if (x := step.values(q))]
    for mine in filter(None, map(step.values, _statement(step, s))):
        if any(_agrees(mine, upstream, f, x) for f, x in twice):
            return "derivative taken twice", True, s
        if any(_agrees(mine, upstream, f, x) for x in quantities for f in slopes):
            return "derivative of the wrong quantity", True, s
    if node.op in PRODUCTS:
        return None
    return "derivative of the wrong quantity", False, s


def _agrees(mine: list[Tensor], upstream: list[Tensor], f: Function, x: list[Tensor]) -> bool:
    try:
        product = [u * f(v) for u, v in zip(upstream, x, strict=True)]
    except RuntimeError:  # shapes
        return False
    return ratio(mine, product) is not None


def _statement(step: LossStep, s: int) -> list[int]:
    """`s` and what the same line, or the next, computes from it by multiplying."""
    found = [s]
    for m in step.step.nodes:
        node = step.tape.nodes[m]
        if (
            m > s
            and node.op in ("multiply", "assign", "copy", "divide")
            and found[-1] in node.inputs
        ):
            found.append(m)
            if node.name:
                break
    return found[::-1]


def _report(
    step: LossStep, at: int, mistake: MistakeName | None, sure: bool, spoils: list[str]
) -> Diagnosis:
    node = step.tape.nodes[at]
    line, variable = node.line, _variable(step, at)
    # the mistake is where a good value gets the name of another: d_final = d_loss
    if mistake in ("missing output derivative", "missing hidden derivative") and step.labels(at):
        for id, name, alias_line in step.tape.aliases:
            if id == at:
                line, variable = alias_line, name
                break
    return Diagnosis(line, variable, mistake, sure, spoils, node.shape, at)


def _variable(step: LossStep, n: int) -> str:
    """What the statement assigns that computes this value."""
    nodes = step.tape.nodes
    seen = {n}
    if nodes[n].name:
        return nodes[n].name
    for m in [m for m in step.step.nodes if m > n]:
        if any(i in seen for i in nodes[m].inputs):
            seen.add(m)
            if nodes[m].name:
                return nodes[m].name
    return ""
