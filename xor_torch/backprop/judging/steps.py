"""Find the parameters and the training steps on a tape, by data flow alone.

A state is a value that is replaced again and again by ``itself + change``. The states that move
together form a family; in a step each of them moves once. Those that the forward pass reads are
parameters, the others belong to the optimiser (a momentum, a running mean).

The file is long because states, families and steps are found in passes over one tape, each of which
needs the one before.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch

from .. import replay
from ..operations import ALGEBRAIC, CUTS, ELEMENTWISE, JOINS, PARTS, SAME_NUMBERS, STEPS
from ..tape import Ref, Tape

CURVED = ELEMENTWISE - ALGEBRAIC - STEPS - CUTS  # exp, tanh: no derivative goes through one
# What may lie between an optimiser's state and the parameter that it moves.
BETWEEN = {*(ELEMENTWISE - CURVED), *SAME_NUMBERS, "getitem", "item", "assign"}
PROJECTIONS = {"clip", "maximum", "minimum"}  # of an update, or of a derivative
MOST_BY_HAND = 1_000  # parameters of an example with one step
# What may lie between two parts of one update.
PIECES = {*SAME_NUMBERS, "add", "subtract", "multiply", "divide", "getitem", "item", "assign"}


@dataclass
class State:
    """A value that moves once in every step."""

    name: str
    nodes: list[int | None]  # its successive values; only the first may be None: unknown
    optimiser: bool = False  # moves a parameter
    accumulator: bool = False  # moves nothing: a sum of losses
    carried: bool = False  # a value of the forward pass that the next step begins with
    replaced: bool = False  # its new value is not ``old + change``
    # update -> what it began with, if that is not the last update: ``w = clip(w, 0, 1)``
    begins: dict[int, int] = field(default_factory=dict)

    @property
    def updates(self) -> list[int]:
        return [n for n in self.nodes[1:] if n is not None]


@dataclass
class Step:
    """One update of all states of a network."""

    start: dict[int, int]  # state number -> the node that the step begins with
    end: dict[int, int]  # state number -> the node that it ends with
    nodes: list[int] = field(default_factory=list)  # all that depends on a parameter, in order


@dataclass
class Network:
    """Parameters that influence each other's updates, and the steps that they made."""

    states: list[State]
    steps: list[Step]
    of_others: list[State] = field(default_factory=list)  # states of other networks

    @property
    def parameters(self) -> list[int]:
        return [i for i, s in enumerate(self.states) if not s.optimiser and not s.carried]


def consumers(tape: Tape) -> dict[int, list[int]]:
    """Who uses each value."""
    users: dict[int, list[int]] = defaultdict(list)
    for node in tape.nodes:
        for i in node.inputs:
            users[i].append(node.id)
    return users


def find_networks(tape: Tape, replaced: bool = False) -> list[Network]:
    """All networks that the script trains, in the order of their first update.

    Args:
        tape: as recorded.
        replaced: look also for values that each step replaces by one that is not ``old + change``.

    """
    users = consumers(tape)
    chains = _chains(tape)
    for c in chains:
        c.nodes = _with_decays(tape, users, c.nodes)
    made = _made_of(tape, chains)
    chains = [_merge(tape, users, c, made) for c in chains]
    for c in chains:
        _leave_out_moves(tape, c)
    chains = [c for c in chains if len(c.updates) >= 2]
    if replaced:
        known = {n for c in chains for n in c.nodes if n is not None}
        others = [c for c in _replaced(tape) if known.isdisjoint(c.nodes)]
        chains += [c for c in others if not moves_others(tape, users, c, known)]
    roots = {c.nodes[0] for c in chains}
    for c in chains:
        c.nodes[0] = _typed(tape, c, roots)
    roots = {c.nodes[0] for c in chains}
    for c in chains:
        # an optimiser's state that begins as a gradient: that is the first update already
        root = c.nodes[0]
        first = root if root is not None and _descends(tape, root, roots - {root}) else None
        while first is not None and tape.nodes[first].op in ("multiply", "divide"):  # by its decay
            inputs = tape.nodes[first].inputs
            first = next((i for i in inputs if _descends(tape, i, roots - {i})), None)
        if first is not None:  # and not as a parameter times 0, which has its shape
            c.nodes[:1] = [None, first]
    for c in chains:
        if _begins_in_a_step(tape, c, chains):
            c.nodes.pop(0)
    networks = []
    while chains:
        family, bounds = _family(chains)
        chains = [c for c in chains if not any(c is f for f in family)]
        networks += _networks(tape, users, family, bounds)
    networks = _trained(tape, networks)
    for network in networks:
        network.of_others = [s for n in networks if n is not network for s in n.states]
    return sorted(networks, key=lambda n: min(n.steps[0].end.values()))


def single_step(tape: Tape) -> list[Network]:
    """The network of a script that makes one step: an example that somebody works out by hand.

    A running sum and a parameter look alike if they change once. So all that changes must be one
    network, in which no value is an optimiser's state or is carried on by the forward pass.
    """
    made = {new for _, new in tape.links}
    once = len({old for old, _ in tape.links} - made)
    if not max(2, len(tape.links)) <= once <= MOST_BY_HAND:
        return []  # there is only one, or one is replaced twice, or nobody works them out
    names = {old: tape.nodes[old].name or tape.nodes[new].name for old, new in tape.links}
    states = [State(names[old], [old, new]) for old, new in tape.links]
    networks = _networks(tape, consumers(tape), states, [max(made)])
    whole = len(networks) == 1 and len(networks[0].parameters) == len(states)
    return networks if whole else []


def _trained(tape: Tape, networks: list[Network]) -> list[Network]:
    """The networks without what is made within a step of another, or in its evaluation as there."""
    within = [n for n in networks if any(_is_within(tape, n, other) for other in networks)]

    def places(network: Network) -> set[object]:
        return {tape.nodes[n].site for s in network.states for n in s.updates}

    forward = set[object]().union(*map(places, within))
    found = [n for n in networks if n not in within]
    # if nothing is left, it is one training, which goes on after something that was not seen
    return [n for n in found if not places(n) <= forward] or found


def _typed(tape: Tape, chain: State, roots: set[int | None]) -> int | None:
    """The first value of a state; not what is added to it, if it was a list of plain numbers."""
    first, change = tape.nodes[chain.updates[0]], chain.nodes[0]
    plain = [
        i
        for i in first.inputs
        if tape.nodes[i].op == "leaf" and tape.nodes[i].shape == first.shape and i not in roots
    ]
    if change is None or first.op not in ("add", "subtract") or len(plain) != 1:
        return change
    return plain[0] if _descends(tape, change, roots - {change}) else change


def _is_within(tape: Tape, network: Network, other: Network) -> bool:
    """Is it made in one step of another: ``h = h + f(h)``, block after block of a forward pass?"""
    made = {n for s in network.states for n in s.nodes if n is not None}
    first, last = min(made), max(made)
    sites = {tape.nodes[n].site for n in made}
    for state in other.states:
        later = [n for n in state.updates if n > first]
        if not later or later[0] <= last or made & {*later}:
            return False
        begin = state.nodes[0]
        if begin is None and state.updates[0] > last:  # the second step is as long as the first
            again = tape.nodes[state.updates[0] + 1 : state.updates[1]]
            if all(node.site not in sites for node in again):
                return False
        elif begin is not None and begin > first:
            return False
    ends = [min(n for n in s.updates if n > last) for s in other.states]
    return bool(tape.behind(ends, range(first, max(ends) + 1)) & made)


def _begins_in_a_step(tape: Tape, chain: State, chains: list[State]) -> bool:
    """Was the first update under way already where the tape begins?"""
    if len(chain.updates) < 3:
        return False
    begin, (first, second, third) = chain.nodes[0], chain.updates[:3]
    # both began as typed numbers: the first update of another state has read this one's
    for at in (c.updates[0] for c in chains if begin is None is c.nodes[0]):
        if first < at < second and first in tape.behind([at], range(first, at + 1)):
            return False
    # another training may have ended, or not begun
    at_once = (c for c in chains if c.updates[0] <= third and c.updates[-1] >= first)
    others = {n for c in at_once if c is not chain for n in c.nodes}
    # what it depends on, or what an ``if`` asked before it: a perceptron's change is data
    asked, behind = [n for n, _ in tape.branches], list[set[int]]()
    if begin is None:  # a typed number: the last question was asked of this training
        begin = max((i for i in asked if i < chain.updates[0]), default=0) - 1
    for n in chain.updates[:2]:
        behind.append(tape.behind([n, *(i for i in asked if begin < i < n)], range(n + 1)))
        begin = n
    return not behind[0] & others and bool(behind[1] & others)


def _descends(tape: Tape, n: int, others: set[int | None]) -> bool:
    return bool(tape.behind(tape.nodes[n].inputs, range(n)) & others)


def _chains(tape: Tape) -> list[State]:
    """The longest way along the links from each root that keeps coming back to one place."""
    all_links, projected = _across_projections(tape)
    # b is older than X W in z = X W + b, but the way from z never leads back to that place
    follows: dict[int, set[int]] = defaultdict(set)
    for old, new in all_links:
        follows[tape.nodes[old].site].add(tape.nodes[new].site)
    after = {site: _reachable(follows, site) for site in follows}
    parent: dict[int, int] = {}
    depth: dict[int, int] = {}
    for old, new in all_links:  # in order of time
        place, before = tape.nodes[new].site, tape.nodes[old].site
        if place not in after.get(place, ()):
            continue
        # A state of its own does not become this one: in w = w + v and g = g + rate * w, no v
        # becomes a w, and no w a g.
        if before in after.get(before, ()) and before not in after[place]:
            continue
        if new not in parent:
            parent[new], depth[new] = old, depth.get(old, 0) + 1
    chains, used = [], set()
    for end in sorted(depth, key=lambda n: (-depth[n], n)):
        path = [end]
        while path[-1] in parent and path[-1] not in used:
            path.append(parent[path[-1]])
        if path[0] in used or (len(path) > 1 and path[-1] in used):
            continue
        path.reverse()
        used.update(path)
        places = Counter(tape.nodes[n].site for n in path)
        while path and places[tape.nodes[path[-1]].site] < 2:
            path.pop()
        if len(path) < 2:
            continue
        while path[0] not in parent and _decays(tape, path):
            path[0] = tape.nodes[path[0]].inputs[0]
        # a root that was made where its successors are made is the first update already
        again = any(_same_place(tape, path[0], n) for n in path[1:])
        unknown: list[int | None] = [None] if again else []
        begins = {new: projected[p] for p in pairwise(path) if p in projected for new in p[1:]}
        chains.append(State(_name(tape, path), [*unknown, *path], begins=begins))
    return chains


def _across_projections(
    tape: Tape,
) -> tuple[list[tuple[int, int]], dict[tuple[int, int], int]]:
    """The links, also across ``w = clip(w, 0, 1)`` after an update, and what each then begins with.

    It is the update that should follow the gradient, not what it is cut to.
    """
    made = {new for _, new in tape.links}
    links: list[tuple[int, int]] = []
    projected: dict[tuple[int, int], int] = {}
    for old, new in tape.links:
        n = old
        while n not in made and tape.nodes[n].op in PROJECTIONS:
            same = [i for i in tape.nodes[n].inputs if tape.nodes[i].shape == tape.nodes[n].shape]
            if len(same) != 1:
                break
            n = same[0]
        if n != old and n in made:
            projected[n, new] = old
        links.append((n if n in made else old, new))
    return links, projected


def _decays(tape: Tape, path: list[int]) -> bool:
    """Is the root the first decay of a parameter, as every later update begins with one?"""
    root, nodes = tape.nodes[path[0]], tape.nodes
    if root.op not in ("multiply", "divide") or len(root.inputs) != 1 or len(path) < 3:
        return False
    if nodes[root.inputs[0]].shape != root.shape:
        return False
    return any(nodes[i].site == root.site for i in nodes[path[2]].inputs)


def _replaced(tape: Tape) -> list[State]:
    """Values that a place reads that were made elsewhere at first, and in the loop since then.

    Each is computed from the one before. That is no matter of the parameters that have moved in
    between, with which any value of the forward pass is computed.
    """
    nodes, moved = tape.nodes, {new for _, new in tape.links}
    reads: dict[tuple[object, str, int], list[int]] = defaultdict(list)
    # what reads a typed number at first, ``b = 0``, and not again, as a sum does
    typed: dict[tuple[object, str, int], bool] = {}
    for node in nodes:
        args = node.args or ()
        flat = all(type(x) in (Ref, int, float) for x in args)
        for at, x in enumerate(args if flat else map(Ref, node.inputs)):
            read = reads[node.site, node.op, at]
            if isinstance(x, Ref) and (not read or read[-1] != x.id):
                read.append(x.id)
            elif not isinstance(x, Ref):
                typed[node.site, node.op, at] = not read
    found: dict[int, State] = {}
    for place, (first, *later) in [(place, read) for place, read in reads.items() if read]:
        if len(later) < 3 or sorted({first, *later}) != [first, *later]:
            continue
        begins = typed.get(place, False) and _same_place(tape, first, later[0])
        if nodes[first].dtype != "f" or (_same_place(tape, first, later[0]) and not begins):
            continue
        if any(
            not _same_place(tape, n, later[0]) or nodes[n].shape != nodes[first].shape
            for n in later
        ):
            continue
        if later[0] in tape.behind([later[1]], range(later[0], later[1] + 1), moved):
            made: list[int | None] = [None] if begins else []
            state = State(_name(tape, [first, *later]), [*made, first, *later], replaced=True)
            found.setdefault(later[0], state)
    return list(found.values())


def moves_others(tape: Tape, users: dict[int, list[int]], chain: State, known: set[int]) -> bool:
    """Is it put into other states, number by number: a momentum, that began with a factor of 0?"""
    seen, stack = set[int](), [n for n in chain.nodes[:3] if n is not None]
    while stack:
        for user in users.get(stack.pop(), ()):
            if user in known:
                return True
            if user not in seen and tape.nodes[user].op in BETWEEN and len(seen) < 200:
                seen.add(user)
                stack.append(user)
    return False


def _same_place(tape: Tape, a: int, b: int) -> bool:
    """Did the same operation at the same place of the script make both?

    What is put together from single numbers has one site, and the line of the last of them.
    """
    x, y = tape.nodes[a], tape.nodes[b]
    return (x.site, x.op, x.line) == (y.site, y.op, y.line)


def _reachable(follows: dict[int, set[int]], begin: int) -> set[int]:
    seen: set[int] = set()
    stack = [begin]
    while stack:
        for site in follows.get(stack.pop(), set()) - seen:
            seen.add(site)
            stack.append(site)
    return seen


def _name(tape: Tape, path: list[int]) -> str:
    names = [tape.nodes[n].name for n in path[1:] if tape.nodes[n].name]
    return max(set(names), key=names.count) if names else tape.nodes[path[0]].name


def _with_decays(
    tape: Tape, users: dict[int, list[int]], nodes: list[int | None]
) -> list[int | None]:
    """The values of a state, with those that some steps only shrink: ``W = (1 - rate * c) * W``.

    An SVM does so where the margin is wide enough. The forward pass reads them as it does others.
    """
    known = [n for n in nodes if n is not None]
    read = {(tape.nodes[m].site, tape.nodes[m].op) for n in known for m in users.get(n, ())}
    found: list[list[int]] = []
    for a, b in pairwise(nodes):
        between: list[int] = []
        at = a
        while at is not None:
            shrunk = [
                m
                for m in users.get(at, ())
                if (b is None or m < b)
                and tape.nodes[m].op in ("multiply", "divide")
                and tape.nodes[m].shape == tape.nodes[at].shape
                and len(tape.nodes[m].inputs) == 1
                and any((tape.nodes[u].site, tape.nodes[u].op) in read for u in users.get(m, ()))
                # not a term of a penalty that is printed, ``c * w @ w``
                and (b is None or m in tape.behind([b], range(m, b + 1)))
            ]
            at = shrunk[0] if len(shrunk) == 1 else None
            between += shrunk if at is not None else []
        found.append(between)
    if all(found) or not any(found):
        return nodes
    return [nodes[0], *(n for some, b in zip(found, nodes[1:], strict=True) for n in (*some, b))]


def _made_of(tape: Tape, chains: list[State]) -> dict[int, int | None]:
    """Every value of a state, with the number of its chain; all that is made of one, with None."""
    made: dict[int, int | None] = {
        n: k for k, c in enumerate(chains) for n in c.nodes if n is not None
    }
    for node in tape.nodes:
        if not made.keys().isdisjoint(node.inputs):
            made.setdefault(node.id, None)
    return made


def _goes_on(tape: Tape, n: int, following: int, made: dict[int, int | None]) -> bool:
    """Does an update go on with the next element, by a derivative that was there before?

    The factors of a matrix move in one loop: `P[i, k] += rate * (error * Q[j, k] - c * P[i, k])`.
    A forward pass in between would read several elements of one array, or make its own error.
    """
    before, node = tape.nodes[n], tape.nodes[following]
    paths = before.args[1:2], node.args[1:2]
    if node.op != "assign" or before.site != node.site or paths[0] == paths[1]:
        return False
    read: dict[int, set[str]] = defaultdict(set)
    seen, stack, given = set[int](), [*node.inputs[1:]], False
    while stack:
        i = stack.pop()
        if i <= n:
            given = given or (i in made and made[i] is None)
            continue
        if i in seen:
            continue
        seen.add(i)
        one = tape.nodes[i]
        source = made.get(one.inputs[0]) if one.inputs else None
        if one.op in PARTS and source is not None:
            read[source].add(repr(one.args[1:]))
        elif one.op in PIECES:
            stack += one.inputs
        else:
            return False
    return given and all(len(elements) == 1 for elements in read.values())


def _merge(
    tape: Tape, users: dict[int, list[int]], chain: State, made: dict[int, int | None]
) -> State:
    """Leave out values that lead only to the next: parts of one update."""

    def is_part(n: int, following: int) -> bool:
        before, node = tape.nodes[n], tape.nodes[following]
        again = before.site == node.site
        # to the element that is changed, as far as it is not gone yet; None leads to others
        way = node.args[1] if node.op == "assign" and before.args[1:2] != node.args[1:2] else None
        seen, stack = {following}, [(n, way)]
        if node.op == "assign":
            seen.add(node.inputs[-1])
        while stack:
            value, way = stack.pop()
            for user in users.get(value, ()):
                if user in seen:
                    continue
                read = tape.nodes[user]
                left = way
                if way and read.op in PARTS:
                    here = (read.op, read.args[1:], read.kwargs) == way[0]
                    left = way[1:] if here else None
                # the next element of the same array, perhaps with a penalty made of its old value,
                # or the gradient of the next sample at the old weights; a sum may be the answer of
                # the next step
                own = not again or left == ()
                if read.op not in (PIECES if own else PARTS) or len(seen) > 200:
                    return False
                seen.add(user)
                stack.append((user, left))
        return True

    updates = chain.updates
    pairs = enumerate(pairwise(updates))
    at = [k for k, pair in pairs if not (is_part(*pair) or _goes_on(tape, *pair, made))]
    at.append(len(updates) - 1)
    sizes = [b - a for a, b in pairwise([-1, *at])]
    if len(at) > 1 and sizes[-1] < sizes[-2]:
        at.pop()  # the tape ends while one element after the other is updated
    elif len(at) > 1 and sizes[-1] > sizes[-2]:  # or before anything reads an update of a step
        at[-1] -= sizes[-1] - sizes[-2]
    nodes = tape.nodes
    while len(at) > 1 and nodes[updates[at[-1]]].shape != nodes[updates[at[-2]]].shape:
        at.pop()  # or within the update of a view
    return State(chain.name, [chain.nodes[0], *(updates[k] for k in at)], begins=chain.begins)


def _leave_out_moves(tape: Tape, chain: State) -> None:
    """Leave out updates that add a difference of two earlier values: they follow no gradient.

    The step after ``theta = w + beta * (w - before)``, Nesterov's look ahead, begins with theta.
    """
    known = {n for n in chain.nodes if n is not None}
    moves = {new for new in chain.updates if _is_move(tape, new, known)}
    for move, following in pairwise(chain.updates):
        if move in moves and following not in moves:
            chain.begins[following] = move
    chain.nodes = [n for n in chain.nodes if n not in moves]


def _is_move(tape: Tape, new: int, known: set[int]) -> bool:
    """Is an update made of two earlier values, and nothing new if these are equal?"""
    nodes, seen, read = tape.nodes, set[int](), set[int]()
    stack = [*nodes[new].inputs]
    while stack and len(seen) < 20:
        n = stack.pop()
        if n in known:
            read.add(n)
        elif nodes[n].shape and n not in seen:
            if nodes[n].op not in ALGEBRAIC:
                return False
            seen.add(n)
            stack += nodes[n].inputs
    if stack or len(read) < 2:
        return False
    same = torch.linspace(1, 2, math.prod(nodes[new].shape), dtype=torch.float64)
    same = same.reshape(nodes[new].shape)
    if any(nodes[n].shape != nodes[new].shape for n in read):
        return False
    made = replay.run(tape, [new], dict.fromkeys(read, same), False)[new]
    return torch.allclose(made, same, rtol=1e-9)


def _family(chains: list[State]) -> tuple[list[State], list[int]]:
    """The longest chain, and all that move exactly once in a step; and where each step ends."""
    longest = max(chains, key=lambda c: len(c.updates))
    first_round = [
        c
        for c in chains
        if longest.updates[0] <= c.updates[0] < longest.updates[1]
        and len(c.updates) >= len(longest.updates) - 1
    ]
    last = max(first_round, key=lambda c: c.updates[0])
    bounds = last.updates
    family = []
    for c in chains:
        counts: dict[int, int] = defaultdict(int)
        for n in c.updates:
            counts[bisect_left(bounds, n)] += 1  # number of the step
        # a momentum may begin some steps later; the tape may end within the last step, and nothing
        # tells the last updates of single elements apart
        begin, end = max(1, min(counts)), min(len(bounds) - 1, max(counts))
        complete = [counts[k] for k in range(begin, max(2, end))]
        whole = complete and all(n == 1 for n in complete) and counts[0] <= 1
        whole = whole and 4 * end >= 3 * (len(bounds) - 1)
        if c is last or (whole and begin <= len(bounds) // 2):
            family.append(c)
    return family, bounds


def _networks(
    tape: Tape, users: dict[int, list[int]], family: list[State], bounds: list[int]
) -> list[Network]:
    steps = []
    # of each state, how many updates the steps before have made
    updates = (c.updates for c in family)
    made = [[bisect_right(mine, bound) for bound in (-1, *bounds)] for mine in updates]
    for k in range(len(bounds)):
        start: dict[int, int] = {}
        end: dict[int, int] = {}
        for i, c in enumerate(family):
            before, after = made[i][k : k + 2]
            old, new = (c.nodes[n] for n in (before, after))
            if after - before == 1 and old is not None and new is not None:
                start[i], end[i] = c.begins.get(new, old), new
        if len(end) == len(family):
            steps.append(Step(start, end))
    if not steps:
        return []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        _collect(tape, step, following)
    step = steps[min(1, len(steps) - 1)]
    influence, asked = _influence(tape, step)
    waiting, found = {*range(len(family))} - asked, [-1]
    while found:  # a state may move others of the same optimiser: Adadelta, AMSGrad
        places = {tape.nodes[step.end[i]].site for i, s in enumerate(family) if s.optimiser}
        found = [
            i
            for i in waiting
            if tape.nodes[step.end[i]].site in places
            or _moves_numbers(tape, step, i, family, influence)
        ]
        waiting -= {*found}
        for i in found:
            family[i].optimiser = True
    for i, state in enumerate(family):
        state.accumulator = influence[i] <= {i} and _only_elementwise(tape, step, i)
    _classify(tape, step, family)
    for i, state in enumerate(family):  # a weight of a recurrent value is no optimiser's state
        if any(family[j].carried for j in influence[i] - {i}):
            state.optimiser = False
    steps = _at_once(tape, family, steps)
    # states that move each other are one network, except those that move in turns
    turns = _turns(tape, step, family)
    moves = {
        i: max(influence[i] - {i}, default=i) if s.optimiser else i for i, s in enumerate(family)
    }
    group = list(range(len(family)))
    for i, reached in influence.items():
        for j in reached:
            if {(moves[i], moves[j]), (moves[j], moves[i])} & turns:
                continue
            a, b = group[i], group[j]
            group = [a if g == b else g for g in group]
    networks = []
    for g in sorted(set(group)):
        members = [i for i in range(len(family)) if group[i] == g and not family[i].accumulator]
        # of the states of another turn, the forward pass reads what they were, or have become
        already = {i for i, j in turns if j in members and i not in members}
        later = {j for i, j in turns if i in members and j not in members} - already
        own = []
        for one in steps:
            held = [one.end[i] for i in sorted(already)] + [one.start[i] for i in sorted(later)]
            starts = [one.start[i] for i in members] + held
            finished = [one.end[i] for i in members] + held
            own.append(Step(dict(enumerate(starts)), dict(enumerate(finished)), one.nodes))
        numbers = [
            State(family[i].name, [], carried=True) for i in (*sorted(already), *sorted(later))
        ]
        network = Network([*(family[i] for i in members), *numbers], own)
        if members and network.parameters:
            networks.append(network)
    return networks


def _at_once(tape: Tape, family: list[State], steps: list[Step]) -> list[Step]:
    """The same steps, where a parameter moves by what an optimiser's state was: one step late.

    ``w -= v; v = rate * dw + 0.9 * v``: a step then ends with the next value of the parameter.
    """
    inputs = {i: {*tape.nodes[n].inputs} for i, n in steps[0].end.items()}
    late = [
        i
        for i, s in enumerate(family)
        if not s.optimiser
        and steps[0].start[i] in inputs[i]
        and any(
            inputs[i] == {steps[0].start[i], steps[0].start[j]}
            for j, other in enumerate(family)
            if other.optimiser
        )
    ]
    if not late:
        return steps
    found = []
    for one, following in pairwise(steps):
        ends = {i: following.end[i] for i in late}
        nodes = sorted({*one.nodes, *ends.values()})
        found.append(Step(one.start, {**one.end, **ends}, nodes))
    return found


def _turns(tape: Tape, step: Step, family: list[State]) -> set[tuple[int, int]]:
    """Pairs of states: the second moves by what the first has become, and not by what it was.

    So the two are never moved by one gradient: matrix factors by turns, one network after another.
    """
    first = {i for i, s in enumerate(family) if not (s.optimiser or s.accumulator or s.carried)}
    ends = {step.end[i] for i in first}
    was = {n: 1 << i if i in first else 0 for i, n in step.start.items()}
    become = {step.end[i]: 1 << i for i in first}  # what reads a value has met what it is
    met: dict[int, int] = {}
    for n in step.nodes:
        before = after = 0
        for i in tape.nodes[n].inputs:
            before |= was.get(i, 0) if i not in ends else 0
            after |= met.get(i, 0) | become.get(i, 0)
        was.setdefault(n, before)
        met[n] = after
    return {
        (i, j)
        for j, s in enumerate(family)
        for i in numbers_of(met[step.end[j]] & ~was[step.end[j]] & ~(1 << j))
        if not s.accumulator
    }


def _classify(tape: Tape, step: Step, family: list[State]) -> None:
    """Which states belong to an optimiser, and which are carried by the forward pass?"""
    nodes, ends = tape.nodes, {n: i for i, n in step.end.items()}
    for i, state in enumerate(family):
        # the whole change of another: Nesterov's velocity, which the forward pass reads as well
        for j, end in step.end.items():
            node = nodes[end]
            if j != i and node.op in ("add", "subtract") and len(node.inputs) == 2:
                read = {tape.origin(n) for n in node.inputs}
                if step.end[i] in {*read, *node.inputs} and step.start[j] in read:
                    state.optimiser = True
    plain = [i for i, s in enumerate(family) if not s.optimiser and not s.accumulator]
    depends = {step.start[i]: 1 << i for i in plain}
    for n in step.nodes:
        if n not in depends:
            mask = 0
            for a in nodes[n].inputs:
                mask |= depends.get(a, 0)
            depends[n] = mask
    for i in plain:
        others = sum(1 << j for j in plain) & ~(1 << i)
        lacks = others & ~depends.get(step.end[i], others)
        if lacks and nodes[step.end[i]].op not in ("assign",):
            behind: set[int] = {step.end[i]}
            for n in step.nodes:
                if n > step.end[i] and n not in ends and behind & {*nodes[n].inputs}:
                    behind.add(n)
            # the forward pass goes on: it meets a parameter that was not yet in it
            new = {step.start[j] for j in numbers_of(lacks)}
            goes_on = any(
                behind & {*nodes[n].inputs}
                and new & {tape.origin(a, PARTS) for a in nodes[n].inputs}
                for n in behind - {step.end[i]}
            )
            # a parameter that is moved in another turn has moved, with others, before that
            moved = [n for j, n in step.end.items() if j != i and j in plain]
            before = [
                n
                for n in moved
                if depends.get(n, 0) >> i & 1 and behind.isdisjoint(nodes[n].inputs)
            ]
            whole = any(not others & ~depends.get(n, 0) for n in behind)
            if goes_on and whole and not before:
                family[i].carried = True


def _collect(tape: Tape, step: Step, following: Step | None) -> None:
    """All nodes that depend on what the step begins with, until the next step."""
    depends, ends = set(step.start.values()), set(step.end.values())
    last = max(ends)
    stop = last if following is None else max(following.end.values())
    for node in tape.nodes[min(depends) : last]:
        # also what uses a new value within the step: updated too early
        if node.id in ends or not depends.isdisjoint(node.inputs):
            depends.add(node.id)
    depends.add(last)
    after, before = set[int](), depends - ends
    for node in tape.nodes[last + 1 : stop + 1]:
        if not (ends.isdisjoint(node.inputs) and after.isdisjoint(node.inputs)):
            after.add(node.id)
        elif not before.isdisjoint(node.inputs):
            before.add(node.id)
            depends.add(node.id)
    step.nodes = sorted(depends)


def in_turns(tape: Tape, network: Network) -> list[Network]:
    """A network for each copy of a step's code: in one loop, or in one loop after the other."""

    def places(step: Step) -> frozenset[object]:
        read = {i for n in step.end.values() for i in tape.nodes[n].inputs}
        inside = read & {*step.nodes} - {*step.start.values()}
        return frozenset(tape.nodes[n].site for n in inside if tape.nodes[n].inputs)

    steps = network.steps[1:-1]  # the tape may begin or end within one
    kinds = [places(step) for step in steps]
    loops = _loops(steps, kinds)
    if len(loops) > 1:
        return [replace(network, steps=some) for some in loops]
    copies = next((n for n in range(1, len(kinds)) if kinds[n] == kinds[0]), 1)
    if copies < 2 or len(kinds) < 3 * copies or kinds[copies:] != kinds[:-copies]:
        return []
    if len(frozenset[object]().union(*kinds)) < sum(map(len, kinds[:copies])):
        return []  # they share some of their code: an ``if`` may choose between them
    return [replace(network, steps=steps[n::copies]) for n in range(copies)]


def _loops(steps: list[Step], kinds: list[frozenset[object]]) -> list[list[Step]]:
    """The steps of each loop, if one loop after the other has made them: they share no code."""
    found, places = list[list[Step]](), list[set[object]]()
    for step, kind in zip(steps, kinds, strict=True):
        known = [n for n, some in enumerate(places) if some & kind]
        if known and known != [len(places) - 1]:
            return []  # back in an earlier one
        if not known:
            found.append([])
            places.append(set())
        found[-1].append(step)
        places[-1] |= kind
    return found if all(len(some) > 2 for some in found) else []


def backward_cuts(tape: Tape, network: Network) -> set[int]:
    """The values of `clip` in the steps that no activation is taken of: derivatives, perhaps."""
    found = set[int]()
    for step in network.steps:
        curved, ends = set[int](), {*step.end.values()}
        for n in reversed(step.nodes):
            node = tape.nodes[n]
            if node.op in PROJECTIONS and n not in curved:
                found.add(n)
            if n not in ends and (n in curved or node.op in CURVED):
                curved.update(node.inputs)
    return found


def moved_meanwhile(tape: Tape, network: Network) -> set[int]:
    """The updates of other networks that the steps of a network have in them: ``old + change``.

    No derivative is taken through such a change: it is another step, which has been made.
    """
    inside = {n for step in network.steps for n in step.nodes}
    return {
        n
        for s in network.of_others
        if not (s.optimiser or s.accumulator or s.carried)
        for n in s.updates
        if n in inside and tape.nodes[n].op in ("add", "subtract", "assign")
        if tape.nodes[n].inputs[0] in s.nodes or tape.nodes[n].op == "assign"
    }


def _influence(tape: Tape, step: Step) -> tuple[dict[int, set[int]], set[int]]:
    """Which states' new values depend on what each state began with; those that are only asked.

    Influence stops at the first state reached: what that one moves in its turn does not count. The
    states that a branch asks about move those whose change is data: ``if f(x) <= 0: w += x``.
    """
    reached = {n: 1 << i for i, n in step.start.items()}
    ends = _moved(tape, step)
    influence: dict[int, set[int]] = defaultdict(set)
    for id in step.nodes:
        if id not in reached:
            mask = 0
            for i in tape.nodes[id].inputs:
                mask |= reached.get(i, 0)
            if id in ends:
                for j in numbers_of(mask):
                    influence[j].add(ends[id])
                mask &= 1 << ends[id]
            reached[id] = mask
    asked = 0
    for n, _ in tape.branches:
        asked |= reached.get(n, 0)
    moved = set[int]().union(*(others - {j} for j, others in influence.items()))
    only = {j for j in numbers_of(asked) if influence[j] <= {j}}
    for j in numbers_of(asked):
        influence[j] |= step.end.keys() - moved
    return influence, only


def _moved(tape: Tape, step: Step) -> dict[int, int]:
    """The new value of each state, and the new numbers that it is put together from."""
    found = dict[int, int]()
    for i, end in step.end.items():
        node = tape.nodes[end]
        if node.op in JOINS | SAME_NUMBERS and len(node.inputs) > 1:
            found |= dict.fromkeys(node.inputs, i)
    return found | {end: i for i, end in step.end.items()}


def numbers_of(mask: int) -> list[int]:
    """The places of the ones of a number in the binary system."""
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def _moves_numbers(
    tape: Tape, step: Step, i: int, family: list[State], influence: dict[int, set[int]]
) -> bool:
    """Does a state move one parameter at most, or rows of it several, number by number?"""
    # where all are single numbers, everything is elementwise: an optimiser's state moves first
    alone = math.prod(tape.nodes[step.start[i]].shape) == 1 and not _moves_another(tape, step, i)
    others = influence[i] - {i}
    parameters = [j for j in others if not family[j].optimiser]
    if alone or len(family) == 1:
        return False
    return _only_elementwise(tape, step, i, bool(others), len(parameters) > 1)


def _moves_another(tape: Tape, step: Step, i: int) -> bool:
    """Is the new value of a state what another one is moved by, or its old value all of that?"""
    others = {n: j for j, n in step.end.items() if j != i}
    late = ({step.start[i], step.start[j]} == {*tape.nodes[n].inputs} for n, j in others.items())
    return step.end[i] in tape.behind(others, {*step.nodes}) or any(late)


def _only_elementwise(
    tape: Tape, step: Step, i: int, moves: bool = False, several: bool = False
) -> bool:
    """Is the state used, number by number, only for a parameter of its own size?

    The shapes may differ: (3,) and (1, 3), or rows of one long array. If it moves a parameter,
    rows of it may move the same rows, and it may be a single number in an array of its own. If it
    moves several, each gets rows of its own.
    """
    begin, rows = step.start[i], False
    shape, starts = tape.nodes[begin].shape, set(step.start.values())
    # what is made of it -> of which of its rows
    reached: dict[int, frozenset[str]] = {begin: frozenset()}
    size = math.prod(shape)
    of_others = {n for n, j in _moved(tape, step).items() if j != i}
    for id in step.nodes:
        node = tape.nodes[id]
        read = [n for n in node.inputs if n in reached]
        if id not in starts and read:
            alike = math.prod(node.shape) == size and (size > 1 or moves or node.shape == shape)
            part = size > 1 and not alike and _is_row(tape, id, read)
            if node.op not in BETWEEN or (not (alike or part) and id > begin):
                return False
            rows = rows or part
            made_of = {reached[n] for n in read} - {frozenset()}
            if len(made_of) > 1 and node.op in ELEMENTWISE:  # w[0] * x + w[1] * y
                return False
            if node.op in PARTS and part and math.prod(tape.nodes[read[0]].shape) == size:
                made_of = {frozenset([repr(node.args[1:])])}
            if id not in of_others:
                reached[id] = frozenset[str]().union(*made_of)
    return _apart(tape, step, i, {*reached}) if rows and moves else not rows and not several


def _is_row(tape: Tape, n: int, read: list[int]) -> bool:
    """Is it a part of what it reads, or as many numbers as there are in such a part?"""
    node, size = tape.nodes[n], math.prod(tape.nodes[n].shape)
    return node.op in PARTS or all(math.prod(tape.nodes[i].shape) == size for i in read)


def _apart(tape: Tape, step: Step, i: int, reached: set[int]) -> bool:
    """Does the state come into its own update once only, as in ``s[i] += g ** 2``?

    A parameter comes into its own gradient as well.
    """
    begin, nodes = step.start[i], tape.nodes
    mine = tape.behind([step.end[i]], reached, {begin}) - {begin}
    return all(
        len(reached & {*nodes[n].inputs[nodes[n].op == "assign" :]}) <= 1
        for n in sorted(mine)
        if nodes[n].op not in SAME_NUMBERS  # different numbers of it, which are put together
    )
