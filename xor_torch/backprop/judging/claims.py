"""Gradients that the script itself compares: with autograd's, or in a Function of its own.

``(dW - W.grad).abs().max()`` says that dW is meant as the derivative of the loss by W. Each such
claim is judged as the pair of the loss and dW, in float64.
"""

import itertools
from collections import Counter
from typing import NamedTuple

import torch

from .. import replay
from ..operations import PARTS, SAME_NUMBERS
from ..pair import Pair, Round
from ..replay import CannotReplay
from ..tape import Node, Ref, Tape, squeezed
from .findings import Finding
from .judge import SECONDS, judge
from .pairs import judge_pair
from .points import CannotTell, Clock, largest

COMPARED = {"subtract", "equal", "not_equal"}
MOST = 60  # claims
NOT_CHECKED = (
    "the recording ended before the script, which was computing something else by then, on "
    "{where}: if it trains another network there, that was not checked"
)
SLOPE, TINY = 1e-2, 1e-6  # relative and absolute, in float32


class Claim(NamedTuple):
    """A gradient that is compared with autograd's."""

    pair: Pair
    name: str
    of: int  # the value that the loss is differentiated by
    loss: int
    autograd: int  # what autograd gave


def judge_all(tape: Tape, seconds: float = SECONDS, cut_off: bool = False) -> list[Finding]:
    """The findings on what the script trains, on its Functions and on what it compares.

    Args:
        tape: as recorded.
        seconds: for judging it.
        cut_off: did the recording end before the script, and not because it had enough updates?

    """
    clock = Clock(seconds)
    found = judge(tape, clock.left(), ended=not cut_off)
    right = bool(found) and all(f.verdict == "correct" for f in found)
    line = _begun(tape) if cut_off and right else 0
    if line:
        found[-1].warnings.append(NOT_CHECKED.format(where=tape.code.where(line)))
    trained = {f.verdict for f in found}
    found += [_function(tape, pair) for pair in tape.pairs if pair.rounds]
    claims = claimed(tape) if "wrong" not in trained else []
    compared = _first_wrong(tape, claims, clock) if claims else None
    # beside a training that is right, what was compared can only add a mistake
    if compared is not None and (compared.verdict == "wrong" or "correct" not in trained):
        found.append(compared)
    return found


def _begun(tape: Tape) -> int:
    """The line of other work that goes on after the last update; 0 if there is none.

    It uses nothing that was trained, at places of the script that had not run before. It is more
    than all else, as an evaluation uses what was trained, and longer than the training ever went
    without an update.
    """
    ends = sorted({new for _, new in tape.links})
    gaps = [later - end for end, later in itertools.pairwise(ends)]
    if not gaps:
        return 0
    trained = {id for link in tape.links for id in link}
    known = {node.site for node in tape.nodes[: ends[-1]]}
    for node in tape.nodes:
        if not trained.isdisjoint(node.inputs):
            trained.add(node.id)
    after = [n for n in tape.nodes[ends[-1] :] if n.inputs and n.op not in PARTS]
    others = [n for n in after if n.id not in trained and n.site not in known]
    lines = Counter(n.line for n in others if n.line)
    less = max(*gaps, len(after) - len(others))
    return lines.most_common(1)[0][0] if lines.total() > less else 0


def _function(tape: Tape, pair: Pair) -> Finding:
    """A Function of the script, if all that it computes was recorded."""
    lost = [n for n in sorted(_behind(tape, pair)) if tape.nodes[n].op == "lost"]
    if lost:
        where = tape.code.where(tape.nodes[lost[0]].line)
        reason = f"in {pair.name}, a value on {where} could not be recorded"
        return Finding("cannot tell", reason, pair=pair.name)
    return judge_pair(tape, pair)


def _behind(tape: Tape, pair: Pair) -> set[int]:
    """The values that the outputs and gradients of a pair are computed from, up to its inputs."""
    found = set[int]()
    for r in pair.rounds:
        ends = [*r.gradients.values(), *(z for _, z in r.outputs)]
        begin = {*r.inputs.values(), *(d for d, _ in r.outputs if d is not None)}
        found |= tape.behind(ends, {*range(len(tape.nodes))} - begin)
    return found


def _as_autograd(tape: Tape, claim: Claim) -> None:
    """Does the recorded forward pass have the derivative that autograd gave?

    Raises:
        CannotTell: it does not: code that cannot be recorded is in between.

    """
    value, given = tape.nodes[claim.of].value, tape.nodes[claim.autograd].value
    if value is None or given is None:
        return
    start = replay.tensor(value).double().requires_grad_(True)
    loss = replay.run(tape, [claim.loss], {claim.of: start})[claim.loss]
    slope = torch.autograd.grad(loss, start)[0] if loss.requires_grad else torch.zeros_like(start)
    was = replay.tensor(given).double()
    size = max(largest(was), largest(slope))
    if was.shape != slope.shape or largest(was - slope) > SLOPE * size + TINY:
        raise CannotTell(
            "a part of the forward pass could not be recorded: autograd's gradient of "
            f"{claim.name} is not that of what was"
        )


def claimed(tape: Tape) -> list[Claim]:
    """The claims of a script, in the order in which the gradients were computed."""
    autograd = {leaf: (of, loss) for leaf, of, loss in tape.gradients}
    behind: dict[int, set[int]] = {}
    claims: dict[tuple[int, int], Claim] = {}
    for node in [*tape.nodes]:
        if node.op not in COMPARED or len(node.inputs) != 2:
            continue
        a, b = (tape.origin(i) for i in node.inputs)
        if (a in autograd) == (b in autograd):
            continue
        leaf, given = (a, node.inputs[1]) if a in autograd else (b, node.inputs[0])
        of, loss = autograd[leaf]
        if loss not in behind:
            behind[loss] = tape.behind([loss], range(len(tape.nodes)))
        computed = bool(tape.nodes[tape.origin(given)].inputs)
        if not computed or given in behind[loss] or of not in behind[loss]:
            continue
        name = tape.nodes[of].name or "a value"
        made = _made(tape, given)
        pair = Pair(
            f"{tape.nodes[made].name or 'the gradient'} and the gradient of {name}",
            tape.nodes[made].line,
            [Round({name: of}, {name: _spread(tape, made, of)}, [(None, loss)], {name: ""})],
        )
        claims[made, of] = Claim(pair, name, of, loss, leaf)
    return [claims[key] for key in sorted(claims)][:MOST]


def _made(tape: Tape, id: int) -> int:
    """The named one among the values that have the same numbers."""
    while not tape.nodes[id].name and tape.nodes[id].op in SAME_NUMBERS and tape.nodes[id].inputs:
        id = tape.nodes[id].inputs[0]
    return id


def _spread(tape: Tape, id: int, like: int) -> int:
    """The value, broadcast as the comparison does it: a sum's derivative may have shape (1, n)."""
    node, shape = tape.nodes[id], tape.nodes[like].shape
    try:
        larger = tuple(torch.broadcast_shapes(node.shape, shape)) == shape
    except RuntimeError:
        return id
    if not larger or squeezed(node.shape) == squeezed(shape):
        return id
    made = Node(len(tape.nodes), "broadcast_to", (Ref(id), shape))
    made.line, made.site, made.name, made.shape = node.line, node.site, node.name, shape
    tape.nodes.append(made)
    return made.id


def _first_wrong(tape: Tape, claims: list[Claim], clock: Clock) -> Finding:
    """The first claim that is wrong, with its place; or that all are right."""
    undecided: Finding | None = None
    whole = Finding("correct")
    right = set[int]()  # what the right ones are computed from
    for claim in claims:
        try:
            _as_autograd(tape, claim)
            clock.check()
            finding = judge_pair(tape, claim.pair, right)
        except (CannotTell, CannotReplay) as e:
            finding = Finding("cannot tell", str(e))
        if finding.verdict == "wrong":
            return finding
        if finding.verdict == "cannot tell":
            undecided = undecided or finding
        if finding.verdict == "correct":
            ids = claim.pair.rounds[0].gradients.values()
            right |= tape.behind(ids, range(len(tape.nodes)))
        whole.parameters += finding.parameters
        whole.labels.update(finding.labels)
    if undecided is not None:
        return undecided
    whole.pair = "the gradients by hand and autograd's"
    lines = [p.line for p in whole.parameters]
    whole.lines = (min(lines), max(lines))
    return whole
