"""From a tape to a verdict: correct, wrong or cannot tell.

Correct needs a loss that explains every update at every point. Wrong needs more than that none
does: a loss must explain the output layer, or a known mistake must explain the wrong numbers in
every element. Everything between is "cannot tell", with the reason.
"""

from ...threads import one_thread
from ..replay import CannotReplay
from ..tape import Tape
from .candidates import losses
from .case import Case
from .correct import correct
from .findings import Finding
from .optimisers import gradient_nodes, linear, signs
from .points import CannotTell
from .steps import Network, find_networks
from .trial import Tried, try_losses
from .wrong import grown, wrong


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
    diagnosis = grown(case)
    if diagnosis:
        return Finding("wrong", diagnosis=diagnosis)
    if sum(p.perturbed for p in case.points) < 2:
        raise CannotTell("the training step takes another branch as soon as a parameter changes")
    found = try_losses(case, losses(case))
    perfect = found.perfect(case)
    if perfect:
        return correct(case, perfect)
    plain = case.tape.without_small_constants()
    if plain is not None:
        without = Case(plain, case.network, case.ties)
        found_without = try_losses(without, losses(without))
        perfect = found_without.perfect(without)
        if perfect:
            finding = correct(without, perfect)
            finding.notes.append(
                "the constants against a division by zero were left out of the check"
            )
            return finding
        if found_without.most_explained() > found.most_explained():
            case, found = without, found_without
    return _inside_the_optimiser(case, found) or wrong(case, found)


def _inside_the_optimiser(case: Case, tried: Tried) -> Finding | None:
    """Adam and the like: the steps follow no gradient, but are computed from one.

    With momentum they are proportional to one, from rest, and there is another way to judge them.
    """
    nodes = gradient_nodes(case, tried.losses)
    if nodes is None:
        return None
    proportional = linear(case, nodes)
    explained = any(any(f.explained()) for f in tried.fits if f.loss.kind != "own")
    if proportional and explained and not any(s.optimiser for s in case.network.states):
        return None
    signs_or_reason = signs(case, nodes)
    if isinstance(signs_or_reason, str):
        if proportional:
            return None
        raise CannotTell(signs_or_reason)
    inside = {at: (n, signs_or_reason[at]) for at, n in nodes.items()}
    inner = Case(case.tape, case.network, case.ties, inside, case)
    found = try_losses(inner, tried.losses)
    if proportional and not found.most_explained():
        return None
    perfect = found.perfect(inner)
    if not perfect:
        return wrong(inner, found)
    finding = correct(inner, perfect)
    finding.lr = None
    finding.notes.append(
        "the steps are not proportional to the gradient: an optimiser with a state, or a clipped "
        "gradient; the gradient that goes into it was checked"
    )
    return finding
