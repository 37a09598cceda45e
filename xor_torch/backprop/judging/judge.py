"""From a tape to a verdict: correct, wrong or cannot tell.

Correct needs one objective that explains every update at every point. Wrong needs more than the
lack of one: an objective must explain some updates, or a known mistake all, or one value must be
found that, replaced, makes all updates right. Everything between is "cannot tell".

The file is long because the questions have one order: each takes up what those before it have left
open.
"""

import contextlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from ...threads import one_thread
from ..operations import SUMS
from ..replay import CannotReplay
from ..tape import Tape
from . import (
    afterwards,
    beside,
    elements,
    frozen,
    functions,
    losses,
    mistakes,
    optimisers,
    printed,
    scales,
    soundness,
    symmetry,
    unknown,
)
from .edits import edit
from .expected import worst
from .findings import (
    BY_SIGN,
    CLIMBED,
    LOST,
    ONCE,
    TRUNCATED,
    WITHOUT_CONSTANTS,
    WITHOUT_CUTS,
    Diagnosis,
    Finding,
)
from .fit import Fit, fit
from .losses import Match
from .mistakes import name_of
from .objectives import (
    Objective,
    as_own,
    different,
    heads,
    is_concave,
    is_linear,
    last_used,
    look_ahead,
    own_scalars,
    pairs,
    reads_data,
    sum_of,
    with_constants,
)
from .points import OVER, Bench, CannotTell, Clock, OutOfTime, Point
from .quick import hopeless, quick_points
from .repair import Culprit, Repair
from .steps import (
    Network,
    State,
    backward_cuts,
    find_networks,
    in_turns,
    moved_meanwhile,
    single_step,
)
from .truncated import truncated
from .words import convention, describe, without_objective

SECONDS = 24.0  # for judging a tape
LEAST = 5.0  # for one network of several, or for a last question, as long as there is time
KEPT = 1 / 6  # of a network's time, which is kept for one last question
UNCUT = 2 / 3  # of a network's time, for the steps without a cut of the derivatives
MOST_EDITED = 3  # objectives under which an expression is written another way
MOST_PAIRS = 16  # pairs that are examined at all points
IDLE = "never moves, and its gradient is zero"  # in a reason: all else was explained
RIGID = "the training step takes another branch as soon as a number changes"


@one_thread()
def judge(tape: Tape, seconds: float = SECONDS, ended: bool = True) -> list[Finding]:
    """One finding for each network that the script trains.

    Args:
        tape: as recorded.
        seconds: for all of them.
        ended: does the tape reach the end of the script? Only then a single step may be all.

    """
    clock = Clock(seconds)
    try:
        networks = find_networks(tape)
        for network in networks if not ended else ():  # it may end within the last step
            network.steps = network.steps[:-1] or network.steps
        once = [] if networks or not ended else single_step(tape)
        networks = networks or once
        states = {
            n for w in networks for s in w.steps for n in (*s.start.values(), *s.end.values())
        }
        by_element = elements.followed(tape, states)
        found, least = list[Finding](), math.inf
        for waiting in range(len(networks), 0, -1):
            most = max(clock.left() / waiting, min(clock.left(), LEAST))
            least = min(least, most)
            found.append(_judge_network(by_element, networks[-waiting], most))
        for n, one in enumerate(found):  # the others may have left it more time than its share
            if one.reason == OVER and clock.left() > least:
                found[n] = _judge_network(by_element, networks[n], clock.left())
        if once:  # without an answer it may be no training at all
            found = [
                f
                for f in found
                if f.verdict == "correct" or f.diagnosis is not None or IDLE in str(f.reason)
            ]
            for f in found:
                f.notes.append(ONCE)
            networks = networks if found else []
        lost = [] if networks else _lost_steps(tape)
        if lost:
            return lost
        given = {gradient for gradient, _, _ in tape.gradients}
        found = [  # of what autograd trains, the state of an optimiser is all that is on the tape
            f
            for f, network in zip(found, networks, strict=True)
            if f.verdict != "cannot tell" or not _made_from(tape, network, given)
        ]
        if all(f.verdict in ("cannot tell", "correct") for f in found) and clock.left() > 0:
            found = _replaced(tape, Clock(min(clock.left(), LEAST))) or found
    except Exception as e:
        return [_failed(e)]
    return found


def _made_from(tape: Tape, network: Network, some: set[int]) -> bool:
    """Is the first update of every state computed from one of these values?"""
    among = range(len(tape.nodes))
    return all(some & tape.behind(s.updates[:1], among) for s in network.states)


def _replaced(tape: Tape, clock: Clock) -> list[Finding]:
    """Networks with a parameter that every step replaces by its gradient: ``W = -lr * dW``."""
    found = []
    for network in find_networks(tape, replaced=True):
        ends = {n for s in network.states if s.replaced for n in s.updates}
        ask = ends and clock.left() > 0
        finding = _judge_network(tape, network, clock.left()) if ask else None
        place = finding.diagnosis if finding is not None else None
        if finding is not None and place is not None and place.mistake is None:
            found += [finding] if place.node in ends else []
        products = [s for s in _by_parameters(tape, network) if _is_product(tape, s)]
        if finding is not None and finding.verdict == "cannot tell" and products and not found:
            where = tape.code.where(tape.nodes[products[0].updates[0]].line)
            found.append(
                Finding(
                    "cannot tell",
                    f"each step replaces {products[0].name or 'a number'} on {where}, beside "
                    "parameters that it adds to: it may be a parameter that loses what was learnt",
                )
            )
    return found


def _by_parameters(tape: Tape, network: Network) -> list[State]:
    """The states whose replacement is made of a parameter that the same steps add to.

    A gradient is. The numbers of a series are not: ``y[k] = f(y[k - 1])``, which makes data.
    """
    step = network.steps[-1]
    moved = {step.start[i] for i in network.parameters if not network.states[i].replaced}
    return [
        s
        for i, s in enumerate(network.states)
        if s.replaced and tape.behind([step.end[i]], step.nodes) & moved
    ]


def _is_product(tape: Tape, state: State) -> bool:
    """Does each step put a product with a number in its place, as a rate times a gradient is?

    Two arrays are multiplied in a state of a recurrent network: ``h = o * np.tanh(c)``. A running
    mean loses nothing: ``0.9 * (mean + change)``.
    """
    nodes = tape.nodes
    for old, new in pairwise(state.updates):
        if any(
            nodes[n].op in ("add", "subtract") and old in nodes[n].inputs for n in nodes[new].inputs
        ):
            return False
    return all(
        nodes[n].op in ("multiply", "divide")
        and (
            len(nodes[n].inputs) < 2
            or nodes[n].shape == ()
            or any(math.prod(nodes[i].shape) == 1 for i in nodes[n].inputs)
        )
        for n in state.updates
    )


def _lost_steps(tape: Tape) -> list[Finding]:
    """No parameter ever changes: the script makes new ones in vain.

    They are parameters if the new value of one depends on another, and that of this on the first.
    """
    made = dict(tape.lost_steps)
    behind = {old: tape.behind([new], range(len(tape.nodes))) for old, new in made.items()}
    lost = [a for a in made if any(b != a and b in behind[a] and a in behind[b] for b in made)]
    if not lost:
        return []
    first = tape.nodes[min(made[a] for a in lost)]
    names = [tape.nodes[a].name for a in lost if tape.nodes[made[a]].site == first.site]
    place = Diagnosis(first.line, first.name, "lost step", True, [*filter(None, names)])
    return [Finding("wrong", diagnosis=place)]


def _failed(e: Exception) -> Finding:
    """The check itself failed, which says nothing about the script."""
    return Finding("cannot tell", f"this check itself failed on it, with {type(e).__name__}: {e}")


def _judge_network(tape: Tape, network: Network, seconds: float) -> Finding:
    uncut = tape.without_cuts(backward_cuts(tape, network))
    clock, over = Clock(seconds, KEPT), False

    def ask(other: Tape) -> Finding:
        """The same question about the tape without something; it may take back "wrong"."""
        nonlocal over
        in_time = clock.left() > 0
        found = (
            _try(other, network, clock, changed=True) if in_time else Finding("cannot tell", OVER)
        )
        over = over or found.reason == OVER
        return found

    finding, plain = Finding("cannot tell"), None
    if uncut is not None:
        finding = _try(uncut, network, Clock(UNCUT * seconds), changed=True)
        where = tape.code.where(tape.nodes[min(uncut.uncut)].line)
        finding.notes.append(WITHOUT_CUTS.format(where=where))
    if finding.verdict == "cannot tell":
        finding = _try(tape, network, clock)
    again = finding.verdict != "correct" and finding.reason != RIGID
    if again:
        lost = _lost(uncut or tape, network, clock)
        if lost is not None:
            return lost
    meanwhile = moved_meanwhile(tape, network) if again else None
    if meanwhile:
        other = ask(tape.holding(meanwhile))
        if other.verdict != "wrong":
            finding, again = other, other.verdict != "correct"
    left = (
        soundness.after_another_pass(uncut or tape, network) if finding.verdict == "wrong" else None
    )
    other = ask(left[0]) if left is not None else finding
    if left is not None and other.verdict != "wrong":
        node = tape.nodes[left[1]]
        return Finding(
            "cannot tell",
            other.reason
            or f"{node.name or 'a value'} on {tape.code.where(node.line)} is left over from "
            "another forward pass, of which no update is made: every update is right if it counts "
            "as a constant",
        )
    signs = beside.without_signs(uncut or tape, network) if again else None
    if signs is not None:
        other = ask(signs)
        if other.verdict == "correct" or finding.verdict == "wrong" == other.verdict:
            finding = other
            finding.notes.append(BY_SIGN)
            again = finding.verdict != "correct"
    if again:
        plain = (uncut or tape).without_small_constants()
    if plain is not None:
        other = ask(plain)
        if other.verdict == "correct" or finding.verdict == "cannot tell" != other.verdict:
            finding = other
            finding.notes.append(WITHOUT_CONSTANTS)
    if over and finding.verdict == "wrong":
        return Finding("cannot tell", OVER)
    before = None
    if finding.verdict == "cannot tell" and finding.reason != RIGID and clock.left() > 0:
        before = afterwards.computed_before(uncut or tape, network)
    if before is not None:
        other = _try(*before, clock, changed=True)
        finding = other if other.verdict != "cannot tell" else finding
    if finding.verdict == "cannot tell" and clock.left() > 0:
        finding = _by_turns(uncut or tape, network, clock) or finding
    return finding


def _by_turns(tape: Tape, network: Network, clock: Clock) -> Finding | None:
    """The finding of a loop that has the code of one step several times, for one sample each.

    Each copy of the code is judged alone. They must have the same loss.
    """
    parts, found = in_turns(tape, network), list[Finding]()
    for n, part in enumerate(parts):
        if clock.left() <= 0:
            return None
        found.append(_try(tape, part, Clock(clock.left() / (len(parts) - n)), changed=True))
    losses = {f.loss for f in found} - {None}  # a copy may not tell which one it is
    if len(losses) != 1 or any(f.verdict == "cannot tell" for f in found):
        return None
    return min(found, key=lambda f: (f.verdict != "wrong", f.loss is None))


def _lost(tape: Tape, network: Network, clock: Clock) -> Finding | None:
    """Would everything be right if ``x[index] += change`` added every change of an element?"""
    ends = {n: i for step in network.steps for i, n in step.end.items()}
    made = tape.adding_repeats([n for step in network.steps for n in step.nodes])
    if made is None or clock.left() < 0:
        return None
    finding = _try(made[0], network, clock, changed=True)
    if finding.verdict != "correct":
        return None
    node = tape.nodes[min(made[1], key=lambda n: (tape.nodes[n].line, n))]
    names = [network.states[ends[n]].name for n in made[1] if n in ends] or [node.name]
    place = Diagnosis(
        node.line, node.name, None, True, [*dict.fromkeys(names)], node.shape, node.id
    )
    where = tape.code.where(node.line)
    finding.verdict, finding.diagnosis, finding.notes = "wrong", place, [LOST.format(where=where)]
    for parameter in finding.parameters:
        parameter.ok, parameter.difference = parameter.name not in names, None
    return finding


def _try(tape: Tape, network: Network, clock: Clock, changed: bool = False) -> Finding:
    """The finding; either of two equal numbers may count as the maximum.

    Args:
        tape: with the network.
        network: one of those on it.
        clock: when it is to end.
        changed: was something left out of the tape that was recorded?

    """
    finding = None
    for ties in (False, True):
        judgement, in_time = Judgement(), True
        try:
            bench = Bench(tape, network, clock, ties)
            found = judgement.of(bench, changed)
        except OutOfTime as e:
            in_time = False
            found = judgement.certain or _in_the_end(judgement) or Finding("cannot tell", str(e))
        except (CannotTell, CannotReplay) as e:
            found = Finding("cannot tell", str(e))
        except RuntimeError as e:  # of torch: shapes or types that it does not take as NumPy does
            found = Finding("cannot tell", f"the step could not be repeated in torch: {e}")
        except Exception as e:
            found = _failed(e)
        # if it is wrong either way, return the finding with a place
        if finding is None or found.verdict != "wrong" or found.diagnosis or not finding.diagnosis:
            finding = found
        if found.verdict == "correct" or not in_time or judgement.bench is None:
            break
        if found.reason == RIGID:  # the numbers are the same, whichever counts
            break
        if ties or not judgement.bench.ties_matter():
            break
    assert finding is not None
    return finding


def _in_the_end(judgement: "Judgement") -> Finding | None:
    """The quick question that needs no loss, in the time that is kept for it."""
    bench = judgement.bench
    if bench is None:
        return None
    bench.clock = Clock(bench.clock.reserve)
    bench.inner, bench.chosen = {}, bench.chosen[:1]
    with contextlib.suppress(CannotTell, CannotReplay, RuntimeError):
        bench.make_points()
        if symmetry.has_target(bench):
            return judgement.no_gradient(bench)
    return None


@dataclass
class Judgement:
    """The way to one verdict."""

    bench: Bench | None = None
    certain: Finding | None = None  # wrong, wherever the place is
    reason: str | None = None  # of "cannot tell"
    partly: bool = False  # does a pair explain a part of the steps of a plain function?
    explained: bool = False  # is every update right below deltas of several outputs?

    def of(self, bench: Bench, changed: bool = False) -> Finding:
        self.bench = bench
        grown = soundness.grown(bench)
        if grown is not None:
            return Finding("wrong", diagnosis=grown)
        if not changed:
            bench.check_replay()
        bench.make_points()
        if sum(p.moved for p in bench.points) < 2:
            raise CannotTell(RIGID)
        alone = soundness.moves_without(bench)
        if alone is not None:
            raise CannotTell(alone)
        level: Finding | tuple[list[Fit], list[Fit]] = [], []
        states = any(s.optimiser for s in bench.network.states)
        inner = optimisers.enter(bench) if states else None
        if bench.states_kept and not inner:
            raise CannotTell(
                "each step divides by a state of an optimiser, and the gradient inside it could "
                "not be found"
            )
        if not bench.states_kept and (not inner or optimisers.proportional(bench, inner)):
            level = self._of_updates(bench)
        if isinstance(level, Finding):
            return level
        inner = inner if states else optimisers.enter(bench)
        if inner:
            bench.inner = inner
            between = soundness.optimised(bench) or optimisers.scaled(bench)
            between = between or not optimisers.proportional(bench, inner)
            if between or not level[0] + level[1]:
                bench.make_points()
                entered = self._attempt(bench)
                if isinstance(entered, Finding):
                    entered.lr = None
                    entered.notes.append(
                        "the steps are not proportional to the gradient: an optimiser with a "
                        "state, or a clipped gradient; the gradient that goes into it was checked"
                    )
                    return entered
                level = entered if between else level
            if not between:
                bench.inner = {}
                bench.make_points()
        penalised = None if any(f.some for f in level[0]) else self._penalised(bench, level[1])
        finding = penalised or self._wrong(bench, *level)
        finding = finding or self._of_function(bench, level[0])
        # a scalar may be printed beside steps that go down no loss, as in contrastive divergence
        if finding is None and (level[1] or self.partly or symmetry.has_target(bench)):
            finding = self.no_gradient(bench)
        hidden = self._hidden(bench, level[0]) if finding is not None and not penalised else None
        hidden = hidden or (self._preconditioned(bench, finding, level[0]) if finding else None)
        if hidden is not None:
            raise CannotTell(hidden)
        if finding is None:
            raise CannotTell(
                self.reason
                or bench.tape.doubt
                or symmetry.sampled(bench)
                or functions.doubt(bench, level[0])
            )
        drawn = symmetry.sampled(bench) if finding.verdict == "wrong" else None
        if drawn is not None:
            raise CannotTell(drawn)
        if bench.inner:
            finding.lr = None  # it is the optimiser's
        return finding

    def _of_function(self, bench: Bench, own: list[Fit]) -> Finding | None:
        """What is wrong with the steps down a function that reads no data."""
        found = functions.wrong_term(bench, own)
        if found is None:
            return None
        one, rate, place = found
        finding = Finding("wrong", diagnosis=place, loss=one.objective.name or None, lr=rate)
        describe(bench, one, finding)
        return finding

    def _hidden(self, bench: Bench, own: list[Fit]) -> str | None:
        """A parameter that was not seen, beside which no update can follow a loss of the script."""
        if any(f.some for f in own):
            return None
        found = (soundness.unseen_parameter(bench, f.objective) for f in own)
        return next((words for words in found if words is not None), None)

    def _preconditioned(self, bench: Bench, finding: Finding, own: list[Fit]) -> str | None:
        """Are the gradients right, of which steps that are wrong are made?"""
        objectives = [f.objective for f in own if not f.objective.by_branches][:MOST_EDITED]
        objectives += pairs(bench) if finding.diagnosis is None else []
        found = (scales.preconditioned(bench, one) for one in objectives)
        return next((words for words in found if words is not None), None)

    def _of_updates(self, bench: Bench) -> Finding | tuple[list[Fit], list[Fit]]:
        """The same for the updates themselves; then again so near the run that no clip cuts."""
        level = self._attempt(bench)
        if not isinstance(level, Finding) and soundness.clips(bench):
            points = bench.points
            bench.near_points()
            # perhaps no point is so near that the script takes its branches
            near = self._attempt(bench) if bench.points else level
            if isinstance(near, Finding):
                return near
            bench.points = points
        return level

    def _penalised(self, bench: Bench, found_with: list[Fit]) -> Finding | None:
        """Is everything right beside a penalty that the script puts into its gradients only?

        If nothing is known with the penalty, what is wrong without it counts, too.
        """
        found = beside.penalties(bench)
        if not found or beside.grows(bench, found):
            return None
        points, reason, certain = bench.points, self.reason, self.certain
        bench.left_out = found
        bench.make_points()
        finding: Finding | tuple[list[Fit], list[Fit]] | None = None
        with contextlib.suppress(CannotTell):
            finding = self._attempt(bench) if bench.points else None
            if isinstance(finding, tuple) and not found_with:
                finding = self._wrong(bench, *finding)
        if not isinstance(finding, Finding) or not (
            finding.verdict == "correct" or (finding.diagnosis and not found_with)
        ):
            bench.left_out, bench.points, self.reason, self.certain = {}, points, reason, certain
            return None
        places = dict.fromkeys(bench.where(n) for n in found[min(found)])
        finding.notes.append(
            f"beside the gradient, {', '.join(places)} adds a multiple or another function of the "
            "parameter itself: a penalty, which the check has left out"
        )
        return finding

    # ------------------------------------------------------------------ one level of updates

    def _attempt(self, bench: Bench) -> Finding | tuple[list[Fit], list[Fit]]:
        """A finding if all updates are explained; otherwise how they are explained in part."""
        own = self._own(bench)
        perfect = next((f for f in own if _perfect(f)), None)
        # a loss that is computed in some steps only may not show all parameters
        if perfect is not None and not any(p.idle for p in perfect.parts):
            return self._by_own(bench, perfect, own)
        uphill = next((f for f in own if f.objective.by_branches and f.all_good), None)
        if uphill is not None and uphill.scale < 0:
            loss = uphill.objective.name
            return self._uphill(bench, uphill, Finding("wrong", loss=loss, lr=-uphill.scale))
        found = self._pairs(bench)
        best = [f for f in found if f.all_good]
        best.sort(  # of an evaluation between the steps, the values are equal, but not in each step
            key=lambda f: (
                *(-len(f.objective.terms), not f.objective.name, _first_delta(f)),
                -_last_value(f),  # the output, not what a bias that is still 0 is added to
            )
        )
        finding = self._delta(bench, best[:8], own) if best else self._rewarded(bench)
        for one in _climbed(bench, own) if finding is None else ():
            named = losses.identify_own(bench, one.objective)
            likelihood = named is not None and losses.is_likelihood(bench, named)
            if likelihood or is_concave(bench, one.objective):
                finding = self._correct(bench, one, named, own)
                if finding.lr and finding.lr < 0:
                    finding.lr = -finding.lr
                    finding.notes.append(CLIMBED.format(one.objective.name or "a number"))
                return finding
        if perfect is not None and finding is None:
            return self._by_own(bench, perfect, own)
        finding = finding or self._with_a_constant(bench, own)
        return finding or (None if best else self._of_heads(bench, own)) or (own, found)

    def _rewarded(self, bench: Bench) -> Finding | None:
        """The finding if the steps go down a cross-entropy times a number of each: a reward."""
        for place, numbers in soundness.rewards(bench):
            found = list[Fit]()
            for pair in pairs(bench):
                pair.terms = {k: terms for k, terms in pair.terms.items() if numbers.get(k)}
                pair.weights = {v: numbers[k] for k in pair.terms for v in pair.values(k)}
                one = None if hopeless(bench, pair, False) else fit(bench, pair)
                found += [one] if one is not None and one.all_good else []
            for one, match in _known(bench, found):
                of_choice = match.name in ("CE", "BCE") and not match.is_vague
                downhill = one.scale * match.scale > 0
                if soundness.is_input(bench, one.objective):
                    continue
                if of_choice and not downhill:
                    self.reason = soundness.turns_round(bench) or self.reason
                if of_choice and downhill and _strange_target(bench, one, match) is None:
                    finding = self._correct(bench, one, match, [])
                    finding.lr = None
                    finding.notes.append(
                        "each step follows the gradient times a number of its own, as policy "
                        f"gradients do with a reward: {bench.where(place)} multiplies with it"
                    )
                    return finding
        return None

    def _of_heads(self, bench: Bench, own: list[Fit]) -> Finding | None:
        """The finding for several outputs, each with a delta that is the derivative of a loss.

        If one is that of no known loss, it is remembered as the reason.
        """

        def factors(pair: Objective, i: int) -> dict[int, float]:
            one = fit(bench, pair, noise=False)
            return one.parts[i].factors if one is not None and one.parts[i].ok else {}

        each = heads(bench, factors)
        one = fit(bench, sum_of(each)) if each else None
        if one is None or not one.all_good:
            return None
        found = list[Match]()
        for head in each:
            match = losses.identify(bench, head, losses.LOSSES)
            match = match or losses.identify_with_target(bench, head)
            of_head = replace(one, objective=head)
            downhill = match is not None and match.scale * min(head.weights.values()) > 0
            if match is None or not downhill or _strange_target(bench, of_head, match):
                self.reason, self.explained = _unknown_loss(bench, [of_head]), True
                return None
            found.append(match)
        finding = self._correct(bench, one, None, own)
        finding.loss, finding.lr = " + ".join(match.name for match in found), None
        return finding

    def _with_a_constant(self, bench: Bench, own: list[Fit]) -> Finding | None:
        """Does every update go down a scalar of the script in which a factor is a constant?

        Raises:
            CannotTell: it does, and nothing says that the factor is meant as a constant.

        """
        tried = list[Fit]()
        for objective in (o for f in own for o in with_constants(bench, f.objective)):
            one = fit(bench, objective)
            k = min(objective.constant)
            if one is None or not _perfect(one) or any(p.idle for p in one.parts):
                tried += [one] if one is not None and one.some else []
                continue
            view, (product, factor, other) = bench.view(k), objective.constant[k][0]
            name = f"{view.variable(factor) or 'a factor'} on {bench.where(factor)}"
            held = f"if {name} counts as a constant in the product on {bench.where(product)}"
            # it has parameters of its own, as a critic has, and another term trains them
            if not view.depends[factor] & ~view.depends[other]:
                raise CannotTell(
                    f"every update follows {objective.name or 'a number'} {held}: that is right "
                    "for a reward or a weight of EM, and wrong for a part of the loss"
                )
            finding = self._correct(bench, one, None, own)
            finding.notes.append(f"every update follows the script's own loss {held}")
            return finding
        own += tried
        return None

    def _by_own(self, bench: Bench, perfect: Fit, own: list[Fit]) -> Finding:
        """The finding where every update goes down a scalar that the script computes."""
        named = losses.identify_own(bench, perfect.objective) if reads_data(bench) else None
        if named is not None and losses.is_likelihood(bench, named):
            return self._uphill(bench, perfect, Finding("wrong", loss=named.name))
        return self._correct(bench, perfect, named, own)

    def _own(self, bench: Bench) -> list[Fit]:
        found: list[Fit] = []
        all_points, first = bench.points, _of_one_step(bench)
        scalars = sorted(own_scalars(bench), key=lambda o: o.by_branches)
        for objective in different(scalars, first):
            if objective.by_branches and any(not f.objective.by_branches for f in found):
                break  # the script computes this loss
            bench.points = first
            one = fit(bench, objective)
            bench.points = all_points
            if one is None or any(p.ok or p.silent for p in one.parts):
                one = fit(bench, objective)
            if one is None or all(p.silent and not p.factors for p in one.parts):
                continue
            if not objective.by_branches and is_linear(bench, objective):
                continue
            if not one.all_good and reads_data(bench):  # a decay makes any step follow x ** 2
                decayed = fit(bench, objective, decay=True)
                if (
                    decayed is not None
                    and (_perfect(decayed) or (objective.by_branches and decayed.all_good))
                    and not _inside_another(bench, one, found)
                ):
                    one = decayed
            if _perfect(one) and _inside_another(bench, one, found):
                continue
            found.append(one)
            if _perfect(one):
                break
        return found

    def _pairs(self, bench: Bench) -> list[Fit]:
        """The pairs that explain some updates, the best first; with a decay if none does."""
        all_points, first = bench.points, _of_one_step(bench)
        some: list[Fit] = []
        candidates = pairs(bench)
        bench.points = first
        asked = {id(p): p for pair in candidates for p in quick_points(bench, pair)[:1]}
        for p in asked.values():
            look_ahead(bench, candidates, p)
        for decay in (False, True) if reads_data(bench) else (False,):
            bench.points = first
            screened = []
            for pair in candidates:
                bench.clock.check()
                if hopeless(bench, pair, decay):
                    continue
                one = fit(bench, pair, decay, noise=False)
                if one is not None and one.some:
                    screened.append(one)
            bench.points = all_points
            screened.sort(key=lambda f: -sum(f.good))
            closely = [self._closely(bench, one.objective, decay) for one in screened[:MOST_PAIRS]]
            some += [f for f in closely if f is not None and f.some]
            if not reads_data(bench):  # in a plain function, a value is rarely an error
                self.partly = self.partly or bool(some)
                some = [f for f in some if sum(f.good) > 1 and functions.has_target(bench, f)]
            # with its own decay in it, a delta explains the one parameter that it was made for
            if any(_tells(bench, f) for f in some):
                break
        return sorted(some, key=lambda f: -sum(f.good))

    def _closely(self, bench: Bench, pair: Objective, decay: bool) -> Fit | None:
        """Examine a pair at all points; with a decay, if that explains everything."""
        full = fit(bench, pair, decay)
        if full is not None and full.some and not full.all_good and not decay and reads_data(bench):
            decayed = fit(bench, pair, decay=True)
            full = decayed if decayed is not None and decayed.all_good else full
        return full

    def _correct(self, bench: Bench, one: Fit, match: Match | None, own: list[Fit]) -> Finding:
        unseen = soundness.unseen(bench) or soundness.unseen_parameter(bench, one.objective)
        unseen = unseen or soundness.leaves_out(bench, one, own)
        unseen = unseen or soundness.without_delta(bench, one)
        unseen = unseen or soundness.without_target(bench, one)
        unseen = unseen or soundness.target_that_learns(bench, one)
        unseen = unseen or soundness.moved_by_data(bench, one)
        doubt, place = soundness.sometimes(bench, one) or (bench.tape.doubt, None)
        if unseen or (doubt and place is None):
            raise CannotTell(unseen or str(doubt))
        gone = soundness.replaced(bench, one)
        spoilt, note = next(
            (answer for answer in _spoils(bench, one, gone, place, doubt) if answer[0] is not None),
            (None, ""),
        )
        if spoilt is None and not self._holds_ahead(bench, one):
            raise CannotTell(
                "the forward pass reads the state of the optimiser, as with Nesterov's momentum, "
                "and with a state other than zero the updates are not the gradient"
            )
        idle = [i for i, p in enumerate(one.parts) if p.idle]
        if idle and spoilt is None:
            name = bench.names[idle[0]]
            why = soundness.step_above(bench, one, idle[0]) or "is its input 0?"
            raise CannotTell(f"{name} never moves, and its gradient is zero at every point: {why}")
        finding = Finding("correct" if spoilt is None else "wrong", diagnosis=spoilt)
        finding.loss, finding.lr = convention(bench, one, match)
        if spoilt is None:
            printed.compare(bench, one, match, [f.objective for f in own], finding)
            questions = (
                frozen.never_changed,
                frozen.always_added,
                frozen.zero_added,
                frozen.with_a_gradient,
            )
            still = next(filter(None, (ask(bench, one) for ask in questions)), None)
            finding.warnings += [still] if still else []
        if note:
            finding.notes.append(note)
        if spoilt is None or spoilt is not gone:
            _decay(bench, one, finding)
        if any(s.optimiser for s in bench.network.states):
            finding.notes.append(
                "momentum or other optimiser state: the gradient inside it was checked"
            )
        describe(bench, one, finding, match)
        return finding

    def _holds_ahead(self, bench: Bench, one: Fit) -> bool:
        """Is it right where the forward pass looks ahead by a momentum that is not zero?"""
        k = min(one.objective.terms)
        start, parameters = bench.steps[k].start, bench.parameters
        states = {
            n
            for i, n in start.items()
            if i not in parameters and not bench.network.states[i].carried
        }
        if not states & bench.view(k).behind(one.objective.values(k)):
            return True
        points, inner = bench.points, bench.inner
        try:
            bench.inner = inner or optimisers.enter(bench) or {}
            if not bench.inner:
                return reads_data(bench)
            bench.states_move = True
            bench.make_points()
            again = fit(bench, one.objective)
            return again is None or again.all_good
        except CannotTell:
            return True
        finally:
            bench.states_move, bench.points, bench.inner = False, points, inner

    def _delta(self, bench: Bench, best: list[Fit], own: list[Fit]) -> Finding | None:
        """Everything below a delta is right: is the delta the derivative of a loss?"""
        for one in best:
            rated = self._rated(bench, one)
            if rated is not None:
                return rated
        strange: str | None = None
        for one, match in _known(bench, best):
            alike = losses.in_other_steps(bench, one.objective, match)
            reason = next(filter(None, (_strange_target(bench, one, m) for m in alike)), None)
            if reason is None and not (strange and match.is_vague):
                return self._matched(bench, one, match, own)
            sums = (losses.adds_its_target(bench, one.objective, m) for m in alike if reason)
            added = next((n for n in sums if n is not None), None)
            if added is not None:
                return self._with_target(bench, one, match, added)
            if _is_of(bench, one, match):
                strange = strange or reason
        if strange is not None:
            raise CannotTell(strange)
        mistake = self._mistaken(bench, best)
        if mistake is not None:
            return mistake
        for one in best:
            other = losses.identify_with_target(bench, one.objective)
            if other is not None and losses.has_one_class(bench, one.objective, other):
                return self._matched(bench, one, other, own)
        wrong = unknown.no_derivative(bench, best)
        if wrong is not None:
            finding = self._with_a_constant(bench, own)
            if finding is not None:
                return finding
            one, diagnosis = wrong
            finding = Finding("wrong", diagnosis=diagnosis)
            describe(bench, one, finding)
            return finding
        self.reason = _unknown_loss(bench, best)
        return None

    def _rated(self, bench: Bench, one: Fit) -> Finding | None:
        """The delta is a number and the value is the script's own loss, as in clipping by norm."""
        scalar = as_own(bench, one.objective)
        if scalar is None:
            return None
        number = {k: d or 0 for k, ((d, _),) in one.objective.terms.items()}
        signs = {
            bool(p.values[number[p.step]] * one.scale > 0) for p in bench.points if p.step in number
        }
        if signs != {True}:
            return None
        finding = self._correct(bench, one, losses.identify_own(bench, scalar), [])
        k = min(number)
        finding.lr = None
        finding.notes.append(
            "each step is the gradient times a number that the step computes "
            f"({bench.where(number[k])}), as in clipping by norm"
        )
        return finding

    def _matched(self, bench: Bench, one: Fit, match: Match, own: list[Fit]) -> Finding | None:
        if one.scale * match.scale < 0 and losses.is_no_error(bench, match):
            return None
        turned = one.scale * match.scale < 0 and soundness.turns_round(bench)
        if turned:
            raise CannotTell(turned)
        if one.scale * match.scale < 0 or losses.wrong_axis(bench, match):
            return self._at_output(bench, one, match)
        finding = self._correct(bench, one, match, own)
        penalty = _forgotten(bench, own, one)
        if finding.verdict == "correct" and penalty is not None:
            return self._wrong(bench, [penalty], [])
        if finding.other_loss and match.of_error:  # any value has squares: it may be no error
            return self._wrong(bench, [f for f in own if not f.all_good], []) or finding
        return finding

    # ------------------------------------------------------------------ wrong

    def _wrong(self, bench: Bench, own: list[Fit], found: list[Fit]) -> Finding | None:
        carried = beside.of_earlier_steps(bench)
        if carried is not None:
            return self._without_earlier(bench, *carried)
        output = last_used(bench.view(bench.chosen[0]))
        any_loss = any(f.all_good for f in found)
        climbed = _climbed(bench, own)
        if climbed and not any_loss:
            raise CannotTell(
                f"every update goes up {climbed[0].objective.name or 'a number'} that the script "
                "computes: right if it is a likelihood, and wrong if it is a loss"
            )
        # of two deltas the one of the output, as late as possible
        some = [f for f in found if f.some and not f.all_good and _tells(bench, f)]
        some.sort(key=lambda f: (-f.count, -max(f.objective.values(min(f.objective.terms)))))
        lower = [f for f in some if not f.parts[output].ok]
        some = [f for f in some if f.parts[output].ok] or some
        known = dict[int, Match]()
        for f in some[:6]:
            match = losses.identify(bench, f.objective, losses.LOSSES)
            if match is not None:
                f.downhill = match.scale
                known[id(f)] = match
        # an error, and what is made of it, follow a sum of their own squares, too
        some[:6] = sorted(some[:6], key=lambda f: id(f) in known and known[id(f)].is_vague)
        if not known:
            at_output = [
                f
                for f in some[:4]
                if (f.parts[output].ok and f.parts[output].factors)
                or 2 * sum(f.good) >= len(f.good)
            ]
            mistake = self._mistaken(bench, at_output)
            if mistake is not None:
                return mistake
        # the script's own loss, or a number times it, as in clipping by norm
        times = [f for f in lower if as_own(bench, f.objective) is not None]
        of_own = [f for f in own + times if f.some and not f.all_good]
        blamed = sorted(of_own, key=lambda f: -f.count) + some[:3]
        if not any_loss:
            blamed += [f for f in own[:2] if f not in blamed and not f.objective.by_branches]
        rated, tried = False, list[tuple[Fit, Repair]]()
        best: tuple[Fit, Repair, Culprit] | None = None  # of those that mend only some elements
        last = [f for f in lower[:1] if f not in blamed]  # only beside one that mends less
        for one in [f for f in blamed + last if f.contradicted]:
            if bench.clock.left() < 0 or (one in last and best is None):
                break
            # a delta of no known loss may explain a parameter by chance
            own_loss = one.objective.kind == "own" or as_own(bench, one.objective) is not None
            sure = one.some and (own_loss or id(one) in known)
            if one.some and not all(p.ok for p in one.parts):
                sure = sure or unknown.of_some_loss(bench, one.objective)
            if sure and soundness.wrong_near_the_run_only(bench, one):
                return self._nearby(bench)
            estimated = soundness.straight_through(bench, one) if sure else None
            if estimated is not None:
                raise CannotTell(estimated)
            cut_off = truncated(bench, one) if sure else None
            if cut_off is not None:
                finding = self._correct(bench, cut_off, known.get(id(one)), own)
                finding.notes.append(TRUNCATED.format(cut_off.objective.back))
                return finding
            one_rated = sure and beside.only_rated(bench, one)
            rated = rated or one_rated
            if self.certain is None and sure and not one_rated:
                cut = [symmetry.cuts(bench, p) for p in bench.points if p.moved]
                if None in cut:
                    self.certain = self._somewhere(bench, one)
                else:
                    where = bench.where(next(n for n in cut if n is not None))
                    self.reason = f"derivatives are clipped on {where}, which may be intended"
            try:
                if all(p.ok for p in one.parts) and sure:
                    return self._scaled(bench, one)
                repair = Repair(bench, one)
                tried += [(one, repair)] if sure else []
                culprit = repair.search()
            except (CannotReplay, RuntimeError, AssertionError):
                continue
            except OutOfTime:
                break
            whole = culprit is not None and len(culprit.repaired) == len(repair.bad)
            if culprit is not None and not one.some:
                # a number that is made of the step, as its length is, is no loss that it follows
                made_of = repair.view.behind(one.objective.values(repair.k))
                parts = {m for n in culprit.nodes for m in (n, *bench.tape.nodes[n].inputs)}
                whole = whole and not made_of & parts & repair.view.only_moves
                # a whole step can be replaced by that of any scalar: an optimiser may have made it
                if repair.view.only_moves.issuperset(culprit.nodes):
                    whole = whole and scales.followed_in_part(repair)
            if culprit is not None and sure and not whole and not culprit.repaired:
                if best is None or culprit.share > best[2].share:
                    best = one, repair, culprit
            elif culprit is not None and (whole or (sure and best is None)):
                added = beside.meant(bench, repair, culprit.nodes[0])
                if not {*added} <= {*bench.left_out.get(repair.k, ())}:
                    return self._beside(bench, repair, culprit, added)
                if whole:
                    culprit = _elsewhere(repair, culprit) or culprit
                else:
                    one, repair, culprit = _edited([(one, repair)]) or (one, repair, culprit)
                return self._report(bench, one, repair, culprit)
        if rated and self.certain is None and best is None:
            raise CannotTell(beside.BY_ITS_NORM)
        if best is not None or self.certain is not None:
            best = _edited([best[:2]] if best is not None else tried) or best
        return self._report(bench, *best) if best is not None else self.certain

    def _without_earlier(self, bench: Bench, some: dict[int, list[int]], reason: str) -> Finding:
        """A known mistake, where some values of the step before are added to the gradients.

        Raises:
            CannotTell: there is none, if these values add nothing.

        """
        bench.left_out = some
        bench.make_points()
        finding = self._attempt(bench) if bench.points else None
        if not isinstance(finding, Finding) or finding.verdict != "wrong":
            raise CannotTell(reason)
        return finding

    def no_gradient(self, bench: Bench) -> Finding | None:
        """Are the steps the gradient of no function, whatever the loss is?"""
        nothing = soundness.cancels(bench)
        if nothing is not None:
            finding = Finding("wrong", diagnosis=nothing)
            where = bench.tape.code.where(nothing.line)
            finding.notes.append(
                f"a value minus itself on {where} is 0, so no parameter ever moves"
            )
            finding.parameters = without_objective(bench, [*range(len(bench.names))])
            return finding
        states = any(s.optimiser for s in bench.network.states)
        if (
            self.explained
            or symmetry.sampled(bench)
            or bench.tape.uncut
            or soundness.unseen(bench)
            or not (states or bench.inner or symmetry.no_gradient(bench))
        ):
            return None
        if not bench.inner:
            bench.inner = optimisers.handed_over(bench) or {}
            bench.make_points()
        bad = symmetry.no_gradient(bench) if bench.inner or not states else []
        if not bad:
            return None
        names = ", ".join(dict.fromkeys(bench.names[i] for i in bad))
        finding = Finding(
            "wrong",
            f"the steps of {names} are the gradient of no function, whatever the loss is: their "
            "derivatives by the parameters are not symmetric; where it goes wrong was not found",
        )
        finding.parameters = without_objective(bench, bad)
        return finding

    def _nearby(self, bench: Bench) -> Finding:
        """The finding from points so near the run that values which are not on the tape still hold.

        Raises:
            CannotTell: there is none.

        """
        bench.near_points(1e-4)
        finding = self._attempt(bench)
        if not isinstance(finding, Finding) or finding.verdict != "correct":
            raise CannotTell(
                "every update follows the gradient at the numbers of the run, but not at others: "
                "the script decides by a number that was not seen, such as int(np.argmax(x))"
            )
        return finding

    def _beside(
        self, bench: Bench, repair: Repair, culprit: Culprit, added: list[int]
    ) -> Finding | None:
        """What is wrong if something that is added to a derivative is left out?

        Raises:
            CannotTell: nothing is, so it may be a penalty.

        """
        view, where = repair.view, bench.where(added[0])
        name = view.variable(added[0]) or "a derivative"
        penalty = beside.is_penalty(bench, repair.k, added, culprit)
        others, before = beside.penalties(bench), bench.left_out
        bench.left_out = {
            k: [*dict.fromkeys([*found, *others.get(k, ()), *before.get(k, ())])]
            for k, found in beside.everywhere(bench, repair.k, added).items()
        }
        bench.make_points()
        level = self._attempt(bench) if bench.points else None
        finding = self._wrong(bench, *level) if isinstance(level, tuple) else level
        if finding is None or (finding.verdict == "correct" and not penalty):
            raise CannotTell(
                f"what is added to {name} on {where} does not depend on the target: it may be a "
                "penalty, and the rest of it is right"
            )
        if finding.verdict == "correct":
            finding.notes.append(
                f"beside the derivative, {where} adds that of a convex function of the same value: "
                "a penalty, which the check has left out"
            )
        return finding

    def _somewhere(self, bench: Bench, one: Fit) -> Finding:
        """Wrong, but the place was not found; at best the sum that only one parameter gets."""
        bad = [i for i, ok in enumerate(one.good) if not ok]
        names = ", ".join(bench.names[i] for i in bad)
        finding = Finding(
            "wrong",
            f"the steps of {names} are not the gradient of the loss; where it goes wrong was not "
            "found",
        )
        finding.diagnosis = mistakes.wrong_element(bench, one)
        if finding.diagnosis is not None:
            finding.reason = None
            describe(bench, one, finding)
            return finding
        view, nodes = bench.view(min(one.objective.terms)), bench.tape.nodes
        spoilt = sum(1 << i for i in bad)
        early = [n for n in symmetry.reads_the_new(view) if view.reaches[n] & spoilt]
        if early:
            node, spoils = nodes[early[0]], [bench.names[i] for i in bad]
            finding.reason, name = None, view.variable(node.id)
            finding.diagnosis = Diagnosis(
                node.line, name, "updated too early", True, spoils, node.shape, node.id
            )
            describe(bench, one, finding)
            return finding
        first: dict[int, int] = {}  # what a sum reaches -> the first sum that reaches it alone
        for n in view.step.nodes:
            if nodes[n].op in SUMS:
                first.setdefault(view.reaches.get(n, 0), n)
        if all(1 << i in first for i in bad):
            node = nodes[min(first[1 << i] for i in bad)]
            finding.reason = None
            finding.diagnosis = Diagnosis(
                node.line,
                view.variable(node.id),
                "bias summed over the wrong axis",
                True,
                [bench.names[i] for i in bad],
                node.shape,
                node.id,
            )
        describe(bench, one, finding)
        return finding

    def _mistaken(self, bench: Bench, found: list[Fit]) -> Finding | None:
        """The most special mistake at the output that explains one of some deltas."""
        names = [row.mistake for row in losses.WRONG]
        known = [(one, losses.identify(bench, one.objective, losses.WRONG)) for one in found]
        matches = [(one, match) for one, match in known if match is not None]
        if not matches:
            return None
        return self._at_output(bench, *min(matches, key=lambda m: names.index(m[1].mistake)))

    def _at_output(self, bench: Bench, one: Fit, match: Match) -> Finding:
        """A known mistake explains the delta of the output."""
        k = min(one.objective.terms)
        d, _ = one.objective.terms[k][0]
        node = bench.tape.nodes[d or 0]
        finding = Finding("wrong")
        finding.loss, finding.lr = convention(bench, one, match)
        if losses.wrong_axis(bench, match):
            node = bench.tape.nodes[match.value]
            finding.notes.append(
                "the softmax is taken over the wrong axis: the targets sum to 1 over another"
            )
            finding.diagnosis = Diagnosis(
                node.line, node.name, None, True, list(bench.names), node.shape, node.id
            )
            return finding
        line, name = node.line, node.name
        if match.mistake == "missing output derivative":
            for id, alias, at in bench.tape.aliases:
                if id == node.id:
                    line, name = at, alias
        finding.diagnosis = Diagnosis(
            line, name, match.mistake, True, list(bench.names), node.shape, node.id
        )
        if match.mistake is None:
            return self._uphill(bench, one, finding)
        delta = losses.right_delta(bench, match, node.id)
        if delta is not None and name:
            worst(finding.diagnosis, name, *delta)
        describe(bench, one, finding)
        return finding

    def _with_target(self, bench: Bench, one: Fit, match: Match, added: int) -> Finding:
        """Every update pulls the output to minus its target."""
        node = bench.tape.nodes[added]
        finding = Finding("wrong")
        finding.diagnosis = Diagnosis(
            node.line, node.name, None, True, list(bench.names), node.shape, added
        )
        finding.notes.append(
            f"{bench.where(added)} adds the target to the prediction: the error is their difference"
        )
        describe(bench, one, finding, match)
        return finding

    def _uphill(self, bench: Bench, one: Fit, finding: Finding) -> Finding:
        """Every update goes up the gradient of a loss."""
        end = bench.tape.nodes[min(bench.view(min(one.objective.terms)).ends)]
        finding.diagnosis = Diagnosis(
            end.line, end.name, "wrong sign", True, list(bench.names), end.shape, end.id
        )
        describe(bench, one, finding)
        return finding

    def _scaled(self, bench: Bench, one: Fit) -> Finding:
        """Every step follows the gradient, but not with one factor."""
        match = _match_of(bench, one)
        rates = beside.own_rates(bench, one)
        if rates is not None:
            finding = self._correct(bench, one, match, [])
            finding.notes.append(f"every step follows the gradient, {rates}")
            return finding
        doubt = beside.scheduled(bench, one)
        if doubt is not None:
            raise CannotTell(doubt)
        finding = Finding("wrong")
        finding.loss, finding.lr = convention(bench, one, match)
        finding.diagnosis = scales.scaled(bench, one)
        describe(bench, one, finding, match)
        return finding

    def _report(self, bench: Bench, one: Fit, repair: Repair, culprit: Culprit) -> Finding:
        finding = Finding("wrong")
        finding.diagnosis = name_of(bench, one, repair, culprit)
        match = _match_of(bench, one)
        if one.some:
            finding.loss, finding.lr = convention(bench, one, match)
        describe(bench, one, finding, match)
        return finding


def _spoils(
    bench: Bench,
    one: Fit,
    gone: Diagnosis | None,
    sometimes: Diagnosis | None,
    how: str | None,
) -> list[tuple[Diagnosis | None, str]]:
    """Things that make a network wrong although every update is right, with a remark on each."""
    crossed, growing = soundness.broadcast(bench), soundness.growing(bench)

    def of(place: Diagnosis | None, words: str) -> tuple[Diagnosis | None, str]:
        if place is None:
            return None, ""
        where = bench.tape.code.where(place.line)
        return place, words.format(name=place.variable, where=where, shape=place.shape)

    return [
        (soundness.lost(bench, one), ""),
        (soundness.never_updated(bench, one), ""),
        of(
            soundness.accumulated(bench),
            "{name} on {where} is never set back to zero, so each step repeats the gradients of "
            "all steps before it",
        ),
        of(
            soundness.of_another(bench),
            "{name} on {where} goes on from the momentum of another parameter, not from its own",
        ),
        (frozen.left_alone(bench, one), ""),
        soundness.by_the_sample(bench, one),
        of(
            soundness.never_read(bench),
            "{where} updates {name} as it does the parameters, but the forward pass never reads it",
        ),
        of(
            crossed,
            "{name} on {where} puts a column and a row together: they broadcast to {shape}, so "
            "each number meets every other, a prediction the targets of all samples or an error "
            "the inputs of all, and only means are learnt",
        ),
        of(
            gone,
            "{where} replaces {name} by a multiple of its gradient, so what was learnt before is "
            "lost; a step subtracts it",
        ),
        of(
            growing,
            "{name} on {where} still holds the gradients of the steps before, which each step "
            "subtracts again",
        ),
        (sometimes, how or ""),
    ]


def _of_one_step(bench: Bench) -> list[Point]:
    """The points of the first step, if they are enough to rule something out.

    It is the first of those that change the most parameters, counted at each point: a sample may
    have a zero for an input.
    """
    changing = Counter[int]()
    for p in bench.points:
        changing[p.step] += p.changing
    step = max((p.step for p in bench.points), key=changing.__getitem__)
    first = [p for p in bench.points if p.step == step]
    return first if len(first) > 2 else bench.points


def _tells(bench: Bench, one: Fit) -> bool:
    """Does it explain more than the one parameter that its delta was made for, or is it of a loss?

    Any number is the derivative of something by the bias that it is added to.
    """
    k = min(one.objective.terms)
    d, _ = one.objective.terms[k][0]
    good = sum(1 << i for i, ok in enumerate(one.good) if ok)
    if d is None or good.bit_count() > 1 or good != bench.view(k).reaches.get(d):
        return True
    match = losses.identify(bench, one.objective, losses.LOSSES)
    return match is not None and not match.of_error


def _perfect(one: Fit) -> bool:
    """Is every update explained, downhill, by one factor and one decay?"""
    if not one.all_good or not one.scale > 0:
        return False
    some = [p.decay for p in one.parts if p.decay > 1e-6 * one.scale]
    return all(abs(d - some[0]) <= 1e-6 * some[0] for d in some)


def _inside_another(bench: Bench, one: Fit, found: list[Fit]) -> bool:
    """Is it a part of another scalar that was tried before and that explains less?"""
    for other in found:
        if other.objective.kind != "own":
            continue
        for k in one.objective.terms.keys() & other.objective.terms.keys():
            behind = bench.view(k).behind(other.objective.values(k))
            if {*one.objective.values(k)} <= behind - {*other.objective.values(k)}:
                return True
    return False


def _climbed(bench: Bench, own: list[Fit]) -> list[Fit]:
    """The scalars that every update goes up, without the terms of others."""
    found = [f for f in own if f.all_good and f.scale < 0 and not f.objective.by_branches]
    return [f for f in found if not _inside_another(bench, f, own)]


def _forgotten(bench: Bench, own: list[Fit], one: Fit) -> Fit | None:
    """An own scalar that has a penalty beside what the updates follow."""
    for other in own:
        if not other.all_good and not other.scale < 0:
            penalised = printed.penalised(bench, other.objective, one.objective)
            if penalised:
                return other
    return None


def _decay(bench: Bench, one: Fit, finding: Finding) -> None:
    least = 1e-6 * abs(one.scale)
    both = zip(bench.names, one.parts, strict=True)
    shrunk = [*dict.fromkeys(name for name, p in both if p.decay > least)]  # each name once
    if shrunk and finding.lr:
        most = max(p.decay for p in one.parts)
        finding.notes.append(
            f"the steps also shrink {', '.join(shrunk)}: an L2 penalty, weight decay "
            f"{most / finding.lr:.6g} times the parameter"
        )


def _match_of(bench: Bench, one: Fit) -> Match | None:
    """The usual name of what some of the steps follow."""
    if one.objective.kind == "own":
        return losses.identify_own(bench, one.objective)
    return losses.identify(bench, one.objective, losses.LOSSES)


def _elsewhere(repair: Repair, culprit: Culprit) -> Culprit | None:
    """An earlier expression that, written another way, makes all updates right, too."""
    if mistakes.Wrong(repair.bench, repair, culprit).name() == "updated too early":
        return None  # the order is wrong, and the expression that reads the new value is right
    nodes, found = repair.bench.tape.nodes, edit(repair)
    if found is None:
        return None
    n, m = found.nodes[0], culprit.nodes[0]
    if found.alias is not None:
        n = found.alias[2]
    elif nodes[n].line == nodes[m].line or repair.matches(n):
        return None  # what is a derivative already needs no mending
    return found if n < m else None


def _edited(tried: list[tuple[Fit, Repair]]) -> tuple[Fit, Repair, Culprit] | None:
    """An objective under which one expression, written another way, makes everything right.

    The one that leaves the fewest elements wrong comes first.
    """
    tried = sorted(tried, key=lambda t: sum(t[1].wanted[0][i].numel() for i in t[1].bad))
    found = ((one, repair, edit(repair)) for one, repair in tried[:MOST_EDITED])
    return next(((one, repair, x) for one, repair, x in found if x is not None), None)


def _first_delta(one: Fit) -> int:
    return min(d or 0 for d, _ in one.objective.terms[min(one.objective.terms)])


def _known(bench: Bench, best: list[Fit]) -> Iterator[tuple[Fit, Match]]:
    """Those of a known loss; squares of an error come last, for any value has squares."""
    of_errors = list[tuple[Fit, Match]]()
    for one in best:
        match = losses.identify(bench, one.objective, losses.LOSSES)
        if match is not None and match.of_error:
            of_errors.append((one, match))
        elif match is not None:
            yield one, match
    yield from of_errors


def _last_value(one: Fit) -> int:
    return max(one.objective.values(min(one.objective.terms)))


def _is_of(bench: Bench, one: Fit, match: Match) -> bool:
    """Is the delta computed from the value that its loss depends on, not from a similar one?"""
    d = one.objective.terms[match.step][0][0]
    return d is None or match.value in bench.view(match.step).behind([d])


def _strange_target(bench: Bench, one: Fit, match: Match) -> str | None:
    """Why a loss of a usual name is not that of the script: its targets are not in the data."""
    d = one.objective.terms[match.step][0][0]
    reversed = one.scale * match.scale < 0 or losses.wrong_axis(bench, match)
    if d is None or reversed or soundness.broadcast(bench) is not None:
        return None
    name = bench.view(match.step).variable(d) or "the delta"
    if not losses.has_one_class(bench, one.objective, match):
        return (
            f"{name} on {bench.where(d)} is p - t with targets t that do not sum to 1: the "
            "derivative of the cross-entropy of a softmax p is p * t.sum() - t"
        )
    if losses.known_target(bench, match, d):
        return None
    return (
        f"every update follows a {match.name}, but with targets that are not in the data "
        f"({name} on {bench.where(d)}); computing the loss in the training loop may help"
    )


def _unknown_loss(bench: Bench, best: list[Fit]) -> str:
    one = min(best, key=_first_delta)
    k, d = min(one.objective.terms), _first_delta(one)
    name = bench.view(k).variable(d) or "the value"
    ((_, z), *_) = one.objective.terms[k]
    flat = losses.saturated(bench, k, bench.more_points(k), z, d)
    if flat is not None:
        return (
            f"from {name} on {bench.where(d)} on, every update is right, but "
            f"{bench.view(k).variable(flat) or 'the prediction'} on {bench.where(flat)} is "
            "saturated wherever the step is repeated, so any loss fits; smaller weights may help"
        )
    return (
        f"from {name} on {bench.where(d)} on, every update is right, but {name} is the derivative "
        "of no loss that this check knows, and of none that the script computes; computing the "
        "loss in the training loop may help"
    )
