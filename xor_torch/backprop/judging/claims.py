"""Gradients that the script itself compares: with autograd's, or in a Function of its own.

``(dW - W.grad).abs().max()`` says that dW is meant as the derivative of the loss by W. Each such
claim is judged as the pair of the loss and dW, in float64.
"""

from ..operations import SAME_NUMBERS
from ..pair import Pair, Round
from ..tape import Tape
from .findings import Finding
from .judge import judge
from .pairs import SECONDS, judge_pair
from .points import Clock

COMPARED = {"subtract", "equal", "not_equal"}
MOST = 60  # claims


def judge_all(tape: Tape) -> list[Finding]:
    """The findings on what the script trains, on its Functions and on what it compares."""
    found = judge(tape)
    decided = any(f.verdict != "cannot tell" for f in found)
    return found + judge_claims(tape, comparisons=not decided)


def judge_claims(
    tape: Tape, seconds: float = SECONDS, comparisons: bool = True
) -> list[Finding]:
    """A finding for each Function, and one for all comparisons with autograd, if these count."""
    clock = Clock(seconds)
    found = [judge_pair(tape, pair, clock.left()) for pair in tape.pairs if pair.rounds]
    claims = claimed(tape) if comparisons else []
    if claims:
        found.append(_first_wrong(tape, claims, clock))
    return found


def claimed(tape: Tape) -> list[Pair]:
    """The claims of a script, in the order in which the gradients were computed."""
    autograd = {leaf: (of, loss) for leaf, of, loss in tape.gradients}
    behind: dict[int, set[int]] = {}
    claims: dict[tuple[int, int], Pair] = {}
    for node in tape.nodes:
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
        claims[made, of] = Pair(
            f"{tape.nodes[made].name or 'the gradient'} and the gradient of {name}",
            tape.nodes[made].line,
            [Round({name: of}, {name: made}, [(None, loss)])],
        )
    return [claims[key] for key in sorted(claims)][:MOST]


def _made(tape: Tape, id: int) -> int:
    """The value that has a name, of those that have the same numbers."""
    while not tape.nodes[id].name and tape.nodes[id].op in SAME_NUMBERS and tape.nodes[id].inputs:
        id = tape.nodes[id].inputs[0]
    return id


def _first_wrong(tape: Tape, claims: list[Pair], clock: Clock) -> Finding:
    """The first claim that is wrong, with its place; or that all are right."""
    undecided: Finding | None = None
    whole = Finding("correct")
    for claim in claims:
        finding = judge_pair(tape, claim, clock.left())
        if finding.verdict == "wrong":
            return finding
        if finding.verdict == "cannot tell":
            undecided = undecided or finding
        whole.parameters += finding.parameters
        whole.labels.update(finding.labels)
    if undecided is not None:
        return undecided
    whole.pair = "the gradients by hand and autograd's"
    lines = [p.line for p in whole.parameters]
    whole.lines = (min(lines), max(lines))
    return whole
