"""Does a backward function return the derivatives of its forward function?

The forward pass on the tape is repeated in torch, and autograd gives the derivative of
``sum(upstream * output)`` by each input. Unlike in a training loop, nothing has to be found first:
the objective, the step and every factor are known. If a gradient is wrong, the search of
`repair` finds the first wrong value.

The file is long because all questions about a pair are asked of the same repeated rounds.
"""

import math
from collections.abc import Collection, Iterable, Sequence

import torch

from ...threads import one_thread
from .. import replay
from ..operations import ELEMENTWISE, PARTS, PRODUCTS, SAME_NUMBERS, STEPS
from ..pair import Pair, Round
from ..replay import CannotReplay
from ..tape import Node, Ref, Tape, squeezed
from . import mistakes
from .expected import worst
from .findings import WITHOUT_CONSTANTS, Diagnosis, Finding, MistakeName
from .fit import FLOOR, NOISES, RTOL, Fit, Part, alike
from .objectives import Objective, gradients, noisy_gradients
from .points import REPEATED, Bench, CannotTell, Clock, OutOfTime, Point, Values, View, largest
from .repair import Culprit, Repair
from .steps import Network, State, Step
from .words import describe

Tensor = torch.Tensor
SECONDS = 20.0  # for the search for the first wrong value
SLOPE = 1e-3  # relative: a finite difference and autograd
# The search also needs numbers that no function has seen. They are so near that masks, which code
# that is not recorded may have made, stay as they are.
NEAR, NEAR_SEEDS = 0.05, (1, 2, 3)
MOST_SEARCHES = 2
ROUNDING = 1e-11  # relative to the right value: a smaller value is rounding
ACTIVATIONS = {"tanh", "maximum", "where", "exp", "clip"}
OF_TRAINING = {"hard-coded sample", "stale activation"}  # a pair has no samples and no steps


@one_thread()
def judge_pair(tape: Tape, pair: Pair, right: Collection[int] = ()) -> Finding:
    """The finding for one pair of functions.

    Args:
        tape: with the pair.
        pair: the pair to judge.
        right: values that are known to be right.

    """
    if pair.reason is not None:
        return _about(pair, Finding("cannot tell", pair.reason))
    finding = _try(tape, pair, right)
    plain = tape.without_small_constants() if finding.verdict == "wrong" else None
    if plain is not None:
        other = _try(plain, pair, right, changed=True)
        if other.verdict == "correct":
            finding = other
            finding.notes.append(WITHOUT_CONSTANTS)
    return _about(pair, finding)


def _about(pair: Pair, finding: Finding) -> Finding:
    finding.pair = pair.name
    finding.lines = finding.lines if any(finding.lines) else (pair.line, pair.line)
    return finding


def _try(tape: Tape, pair: Pair, right: Collection[int], changed: bool = False) -> Finding:
    """The finding; either of two equal numbers may count as the maximum."""
    finding = Finding("cannot tell")
    for ties in (False, True):
        matter = False
        try:
            judgement = _Judgement(tape, pair, ties)
            judgement.right = right
            finding = judgement.finding(changed)
            matter = not ties and judgement.bench.ties_matter()
            if finding.verdict == "wrong" and judgement.bench.with_ties:
                judgement.only_clear = True
                clear = judgement.finding(changed)
                finding = clear if clear.verdict == "correct" else finding
        except (CannotTell, CannotReplay) as e:
            finding = Finding("cannot tell", str(e))
        except RuntimeError as e:  # of torch: shapes or types that it does not take as NumPy does
            finding = Finding("cannot tell", f"it could not be repeated in torch: {e}")
        if finding.verdict == "correct" or not matter:
            break
    return finding


class _View(View):
    """A step in which the upstream gradient counts as made from all inputs."""

    def __init__(self, tape: Tape, network: Network, k: int, upstream: set[int]) -> None:
        super().__init__(tape, network, k)
        for n in self.step.nodes:
            if n in upstream:
                self.depends[n] = self.full
            elif n not in self.begin:
                for i in tape.nodes[n].inputs:
                    self.depends[n] |= self.depends.get(i, 0)


class _Bench(Bench):
    """The rounds of a pair, as the steps of a network whose rate is 1."""

    def __init__(
        self, tape: Tape, network: Network, clock: Clock, ties: bool, upstream: set[int]
    ) -> None:
        self._upstream = upstream
        self.with_ties = set[int]()  # rounds
        super().__init__(tape, network, clock, ties)

    def view(self, k: int) -> View:
        if k not in self._views:
            self._views[k] = _View(self.tape, self.network, k, self._upstream)
        return self._views[k]

    def _choose(self) -> list[int]:
        return [*range(len(self.steps))]

    def _ties(self, step: Step, values: Values) -> bool:
        """Remember the rounds that compare equal numbers: they may count all the same."""
        if super()._ties(step, values):
            k = self.steps.index(step)
            self.with_ties.add(k)
            self.tied.setdefault((k, False), values)
        return False


class _Repair(Repair):
    """The search with known factors: here a multiple of a derivative is wrong, too."""

    def __init__(self, bench: Bench, one: Fit, factors: Sequence[float]) -> None:
        super().__init__(bench, one)
        self.factors = dict(zip(self.view.begin, factors, strict=True))
        self.scale = 1.0
        self.wanted = []
        for p in self.points:
            grads = gradients(self.objective, self.k, p.values, p.leaves)
            assert grads is not None
            wanted = zip(factors, grads, p.changes, strict=True)
            self.wanted.append([-c * g.reshape(x.shape) for c, g, x in wanted])

    def matches(self, n: int) -> dict[int, float]:
        """As in `Derivatives`, but a value is wrong if it keeps a wrong factor to the end."""
        return {v: c for v, c in self.multiples(n).items() if not self._keeps(n, v, c)}

    def multiples(self, n: int) -> dict[int, float]:
        """{v: c} with: n is c times the derivative by v."""
        self.bench.clock.check()
        return super().matches(n)

    def _keeps(self, n: int, v: int, c: float) -> bool:
        if alike(c, self.factors.get(v, 1.0)):
            return False
        users = [m for m in self.view.users.get(n, ()) if self.view.reaches.get(m)]
        known = {m: self.multiples(m) for m in users if m not in self.view.ends}
        nodes = self.bench.tape.nodes  # what only turns it leaves the factor to it
        return all(
            nodes[m].op in SAME_NUMBERS and self._keeps(m, v, mine[v])
            for m, mine in known.items()
            if v in mine
        )

    def _try(self, ids: list[int]) -> Culprit | None:
        found = super()._try(ids)
        if found is not None:
            actual, expected = largest(found.actual), largest(found.expected)
            if 0 < actual <= ROUNDING * expected:
                return None  # its terms cancel to zero, so it cannot be meant as anything else
        return found

    def has_activation_after(self, v: int) -> bool:
        """Does v, or its product with a weight, go into a function of each element?"""
        nodes, users = self.bench.tape.nodes, self.view.users
        seen, waiting = set[int](), [v]
        found = False
        while waiting:
            for m in {*users.get(waiting.pop(), ())} & self.forward - seen:
                seen.add(m)
                op = nodes[m].op
                if op in PRODUCTS:
                    waiting += [m] if v in nodes[m].inputs else []
                elif op in ELEMENTWISE or op in PARTS:
                    found = found or op in ACTIVATIONS
                    waiting.append(m)
                else:
                    return False  # batch norm, or softmax
        return found


class _Judgement:
    """The way to the finding of one pair."""

    def __init__(self, tape: Tape, pair: Pair, ties: bool) -> None:
        first = pair.rounds[0]
        self.right: Collection[int] = ()  # values in which no mistake is
        self.only_clear = False  # Leave out the rounds that compare equal numbers.
        self.pair, self.names = pair, list(first.inputs)
        self.tape = _with_ends(tape, pair)
        upstream = {d for r in pair.rounds for d, _ in r.outputs if d is not None}
        self.rounds = [r for r in pair.rounds if [*r.inputs] == self.names]
        network = Network(
            [State(name, [r.inputs[name] for r in self.rounds]) for name in self.names],
            [self._step(r, upstream) for r in self.rounds],
        )
        self.bench = _Bench(self.tape, network, Clock(), ties, upstream)
        self.objective = Objective(
            "pair" if upstream else "own",
            "",
            {k: [(d, z) for d, z in r.outputs] for k, r in enumerate(self.rounds)},
        )

    def _step(self, r: Round, upstream: set[int]) -> Step:
        starts = list(r.inputs.values())
        ends = [self.tape.ends[r.inputs[n], r.gradients[n]] for n in self.names]
        nodes, behind = self.tape.nodes, set[int]()
        among = range(len(nodes))
        behind |= self.tape.behind([*ends, *(z for _, z in r.outputs)], among)
        depends = {*starts, *(d for d, _ in r.outputs if d is not None)}
        for n in sorted(behind):
            if any(i in depends for i in nodes[n].inputs):
                depends.add(n)
        keep = sorted(depends & (behind | upstream | {*starts}))
        return Step(dict(enumerate(starts)), dict(enumerate(ends)), keep)

    # ------------------------------------------------------------------ the verdict

    def finding(self, changed: bool) -> Finding:
        shape = self._shapes()
        if shape is not None:
            return shape
        bench = self.bench
        points = [bench.point(k, None) for k in bench.chosen]
        bench.points = [p for p in points if p is not None]
        if not bench.points:
            raise CannotTell("at these numbers the gradients are not finite: give it others")
        if not changed:
            self._check_replay()
        clear = [p for p in bench.points if p.step not in bench.with_ties]
        if clear and self.only_clear:
            bench.points = clear
        grads = {p.step: self._gradients(p) for p in bench.points}
        if not changed:
            self._check_slopes(grads)
        factors = [self._factor(i, grads) for i in range(len(self.names))]
        mean = self._mean(factors)
        wanted = [mean if mean and c and alike(c, mean) else 1.0 for c in factors]
        ok = [c is not None and alike(c, w) for c, w in zip(factors, wanted, strict=True)]
        flat = [
            i for i, good in enumerate(ok) if not good and not _any(g[i] for g in grads.values())
        ]
        if flat and len(flat) == ok.count(False):
            self._refuse_steps([self.names[i] for i in flat])
        self._refuse_errors(factors)
        one = Fit(self.objective, [self._part(i, grads, ok[i]) for i in range(len(self.names))])
        finding = Finding("correct") if all(ok) else self._wrong(one, wanted)
        if mean and all(ok):
            some = [n for n, c in zip(self.names, wanted, strict=True) if c == mean]
            finding.means = (
                f"the gradients of {', '.join(some)} are means over {round(1 / mean)} samples, "
                "which is right if the upstream gradient is meant as that of each sample's own loss"
            )
            finding.notes.append(finding.means)
        describe(bench, one, finding)
        finding.updates = None
        for p in finding.parameters:
            p.line = self._place(p.name)[0]
        finding.notes += self._not_returned()
        finding.notes += self._not_used() if finding.verdict == "correct" else []
        return finding

    def _returned(self, name: str) -> Node:
        """The value that was returned as the gradient of an input."""
        return self.tape.nodes[self.rounds[0].gradients[name]]

    def _place(self, name: str) -> tuple[int, str]:
        """The line that assigns the gradient of an input, and its name in the script."""
        node, called = self._returned(name), self.rounds[0].called[name]
        for n, alias, line in self.tape.aliases:
            if n == node.id and alias == called and line:  # db = dout
                return line, alias
        return node.line, node.name or called or f"the gradient of {name}"

    def _shapes(self) -> Finding | None:
        """A gradient whose shape is not that of its input."""
        nodes, r = self.tape.nodes, self.rounds[0]
        for name in self.names:
            node, like = nodes[r.gradients[name]], nodes[r.inputs[name]].shape
            if squeezed(node.shape) == squeezed(like):
                continue
            more = math.prod(node.shape) > math.prod(like)
            mistake: MistakeName | None = "bias not summed" if more and self._sums(name) else None
            line, variable = self._place(name)
            finding = Finding(
                "wrong",
                f"{variable} has shape {node.shape}, but {name} has {like}",
                diagnosis=Diagnosis(line, variable, mistake, True, [name], node.shape, node.id),
            )
            finding.notes.append(f"{variable} has shape {node.shape}, but {name} has {like}")
            return finding
        return None

    def _sums(self, name: str) -> bool:
        """Is it the gradient before it is summed over the samples?"""
        r = self.rounds[0]
        values = self.bench.tape.nodes[r.gradients[name]].value
        like = self.tape.nodes[r.inputs[name]].value
        if values is None or like is None:
            return False
        start = replay.tensor(like).double().requires_grad_(True)
        found = replay.run(self.tape, [z for _, z in r.outputs], {r.inputs[name]: start})
        terms = [
            (found[z] * (1.0 if d is None else replay.tensor(self.tape.nodes[d].value))).sum()
            for d, z in r.outputs
        ]
        value = torch.stack(terms).sum()
        if not value.requires_grad:
            return False
        (slope,) = torch.autograd.grad(value, start)
        given = replay.tensor(values).double()
        axes = [a for a in range(given.ndim) if given.shape[a] > 1]
        wanted = slope.reshape(-1)
        for a in axes:
            summed = given.sum(a).reshape(-1)
            if summed.shape == wanted.shape and torch.allclose(summed, wanted, rtol=1e-7):
                return True
        return False

    def _gradients(self, p: Point) -> list[Tensor]:
        found = gradients(self.objective, p.step, p.values, p.leaves)
        if found is None:
            self._refuse_steps(self.names)
            raise CannotTell(
                "the outputs do not depend on the inputs whose gradients were returned, as far as "
                "was recorded"
            )
        return found

    def _refuse_steps(self, names: Sequence[str]) -> None:
        """Is a forward pass in steps the reason why the derivatives by these inputs are zero?

        Raises:
            CannotTell: it is: the backward function is a stand-in, such as a straight-through
                estimator.

        """
        r, nodes = self.rounds[0], self.tape.nodes
        among = range(len(nodes))
        behind = self.tape.behind([z for _, z in r.outputs], among)
        after = {r.inputs[name] for name in names}
        for n in sorted(behind):
            if after & {*nodes[n].inputs}:
                after.add(n)
        steps = [n for n in sorted(after & behind) if nodes[n].op in STEPS]
        if steps:
            op, where = nodes[steps[0]].op, self.tape.code.where(nodes[steps[0]].line)
            raise CannotTell(
                f"the derivative of {self.pair.name.split(' and ')[0]} is zero wherever it has "
                f"one ({op} on {where}): another gradient, as a straight-through estimator "
                "returns, cannot be checked against it"
            )

    def _refuse_errors(self, factors: Sequence[float | None]) -> None:
        """Does every update go up the upstream gradient?

        Raises:
            CannotTell: it does. It was drawn, and the script may mean ``target - output``, which is
                the derivative of a loss, but for its sign.

        """
        r, nodes = self.rounds[0], self.tape.nodes
        updates = [nodes[r.gradients[name]].inputs[:1] == (r.inputs[name],) for name in self.names]
        wanted = [-1.0 if updated else 1.0 for updated in updates]
        up = all(c is not None and alike(c, w) for c, w in zip(factors, wanted, strict=True))
        given = [nodes[d].name for d, _ in r.outputs if d is not None]
        if any(updates) and up and given:
            raise CannotTell(
                f"the updates of {self.pair.name} go up {given[0]}: they are right if "
                "it is the target minus the output, and wrong if it is the derivative of a loss"
            )

    def _check_replay(self) -> None:
        """Are the outputs and gradients, repeated in torch, those that the functions returned?

        Raises:
            CannotTell: they are not; it names the operation.

        """
        for p in self.bench.points:
            r = self.rounds[p.step]
            for n in [*(z for _, z in r.outputs), *r.gradients.values()]:
                was = self.tape.nodes[n].value
                known = was is not None and n in p.values  # a constant depends on nothing
                if known and not replay.tensor(was).allclose(
                    p.values[n].detach(), rtol=REPEATED, atol=REPEATED, equal_nan=True
                ):
                    self.bench.check_replay()

    def _check_slopes(self, grads: dict[int, list[Tensor]]) -> None:
        """Does autograd see what the function itself does when its inputs change?

        Raises:
            CannotTell: it does not: code that cannot be recorded is in between.

        """
        checked, off = 0, 0
        for k, found in grads.items():
            r = self.rounds[k]
            if r.slope is None or not math.isfinite(r.slope):
                continue
            parts = []
            for name, g in zip(self.names, found, strict=True):
                along = self.tape.nodes[r.along[name]].value
                assert along is not None
                parts.append(float((g * replay.tensor(along).reshape(g.shape)).sum()))
            checked += 1
            size = max(abs(r.slope), sum(map(abs, parts)) / max(len(parts), 1))
            off += abs(sum(parts) - r.slope) > SLOPE * size + 1e-6
        if checked and off == checked:
            raise CannotTell(
                f"the forward pass of {self.pair.name} could not be recorded as a whole: by its "
                "own numbers its derivative is another one"
            )

    # ------------------------------------------------------------------ each gradient

    def _factor(self, i: int, grads: dict[int, list[Tensor]]) -> float | None:
        """The factor of an input's gradient; None if it is not a multiple of the derivative."""
        below = above = 0.0
        for p in self.bench.points:
            g, returned = grads[p.step][i], -p.changes[i].reshape(grads[p.step][i].shape)
            below, above = below + float((g * g).sum()), above + float((g * returned).sum())
        multiple = above / below if below else 1.0
        return next(
            (
                c
                for c in (1.0, multiple)
                if all(self._off(i, p, grads, c) <= 0 for p in self.bench.points)
            ),
            None,
        )

    def _off(self, i: int, p: Point, grads: dict[int, list[Tensor]], c: float) -> float:
        """By how much a gradient misses c times the derivative, beyond rounding."""
        g = grads[p.step][i]
        returned = -p.changes[i].reshape(g.shape)
        off, size = largest(returned - c * g), max(largest(returned), abs(c) * largest(g))
        top = max(largest(found[i]) for found in grads.values())
        allowed = RTOL * size + FLOOR * abs(c) * top
        if self.bench.float32:
            allowed += 1e-4 * size
        if off <= allowed or off > 1e-5 * max(size, 1e-9) + 1e-9:
            return off - allowed
        found = noisy_gradients(self.bench, self.objective, p)
        for (_, _, changes), again in zip(self.bench.noisy(p), found, strict=True):
            noise = largest(changes[i] - p.changes[i])
            if again is not None:
                noise += abs(c) * largest(again[i] - g)
            allowed = max(allowed, RTOL * size + NOISES * noise)
        return off - allowed

    def _part(self, i: int, grads: dict[int, list[Tensor]], ok: bool) -> Part:
        worst_of = 0.0
        for p in self.bench.points:
            g = grads[p.step][i]
            returned = -p.changes[i].reshape(g.shape)
            size = max(largest(returned), largest(g))
            worst_of = max(worst_of, largest(returned - g) / size if size else 0.0)
        factors = dict.fromkeys((p.step for p in self.bench.points), 1.0) if ok else {}
        return Part(ok, factors, worst_of, worst_of)

    def _mean(self, factors: Sequence[float | None]) -> float | None:
        """1/m, if the gradients of all parameters are means over the m samples of the others.

        A course hands out ``dW = dZ @ A.T / m`` beside ``dA = W.T @ dZ``: there dZ is meant as the
        derivative of each sample's own loss.
        """
        r, nodes = self.rounds[0], self.tape.nodes
        odd = [i for i, c in enumerate(factors) if c is not None and not alike(c, 1.0)]
        if len(odd) < 2 or None in factors or r.outputs[0][0] is None:
            return None
        c = factors[odd[0]] or 0.0
        sizes = {n for _, z in r.outputs for n in nodes[z].shape if n > 1 and alike(c * n, 1.0)}
        right = [i for i in range(len(factors)) if i not in odd]
        samples = [*(r.inputs[self.names[i]] for i in right), *r.others.values()]
        divided = sizes and all(alike(factors[i] or 0.0, c) for i in odd)
        # the other inputs have an axis of the samples
        if not divided or not samples or any(not sizes & {*nodes[n].shape} for n in samples):
            return None
        return c

    # ------------------------------------------------------------------ what is wrong

    def _wrong(self, one: Fit, factors: Sequence[float]) -> Finding:
        bench, finding = self.bench, Finding("wrong")
        bad = [i for i, p in enumerate(one.parts) if not p.ok]
        run, bench.clock = bench.points, Clock(SECONDS)
        found: Diagnosis | None = None
        for p in run[:MOST_SEARCHES]:
            if found is not None or bench.clock.left() < 0:
                break
            near = [bench.point(p.step, seed, NEAR) for seed in NEAR_SEEDS]
            bench.points = [*run, *(q for q in near if q is not None)]
            try:
                repair = _Repair(bench, one, factors)
                repair.fixed |= {*self.right}
                culprit = repair.search()
                if culprit is not None:
                    found = self._named(one, repair, culprit)
            except (OutOfTime, CannotReplay, RuntimeError, AssertionError):
                continue
        bench.clock = Clock()
        if found is None:
            names = [self.names[i] for i in bad]
            places, node = [self._place(n) for n in names], self._returned(names[0])
            if len({line for line, _ in places}) > 1:
                finding.reason = (
                    f"the gradients of {', '.join(names)} are wrong; where it goes wrong was not "
                    "found"
                )
            else:
                line, variable = places[0]
                found = Diagnosis(line, variable, None, True, names, node.shape, node.id)
                p = run[0]
                grads = self._gradients(p)
                actual = -p.changes[bad[0]].reshape(grads[bad[0]].shape)
                worst(found, variable, actual, factors[bad[0]] * grads[bad[0]])
        finding.diagnosis = found
        return finding

    def _named(self, one: Fit, repair: _Repair, culprit: Culprit) -> Diagnosis:
        found = mistakes.name_of(self.bench, one, repair, culprit)
        v = culprit.values[0]
        returned = {*self.rounds[repair.k].gradients.values()}
        if culprit.nodes[0] in returned and repair.is_part(culprit.nodes[0]):
            # It is right as the derivative by one use, but it is returned in place of their sum.
            for n, alias, line in self.tape.aliases:
                if n == culprit.nodes[0] and line:
                    found.line, found.variable = line, alias
        multiple = repair.multiples(culprit.nodes[0]).get(v)
        if multiple is not None:
            others = any(p.ok for p in one.parts)
            odd: MistakeName | None = "scale of one parameter" if others else None
            found.mistake = "wrong sign" if multiple < 0 and alike(multiple, -1) else odd
        if found.mistake in ("missing output derivative", "missing hidden derivative"):
            # what comes in is not a loss's derivative; and not all that lies between is a slope
            own = self.objective.kind == "own"
            hidden: MistakeName | None = found.mistake if own else "missing hidden derivative"
            e = repair.edges[v][0] if v < 0 else v
            found.mistake = hidden if repair.has_activation_after(e) else None
        nodes = self.bench.tape.nodes
        on_line = {n for n in repair.view.behind(culprit.nodes) if nodes[n].line == found.line}
        if found.mistake == "weights of the wrong layer" and not any(
            nodes[n].op in PRODUCTS for n in on_line
        ):
            found.mistake = None
        if found.mistake in OF_TRAINING:
            found.mistake = None
        return found

    def _not_returned(self) -> list[str]:
        """The inputs that the outputs depend on, and whose gradients are missing."""
        r = self.rounds[0]
        behind = self.tape.behind([z for _, z in r.outputs], range(len(self.tape.nodes)))
        names = [name for name, n in r.others.items() if n in behind]
        if not names:
            return []
        return [f"no gradient of {', '.join(names)} was returned, so none was checked"]

    def _not_used(self) -> list[str]:
        """The upstream gradients from which nothing that was returned is computed."""
        r, nodes = self.rounds[0], self.tape.nodes
        behind = self.tape.behind([*r.gradients.values()], range(len(nodes)))
        unused = [d for d, _ in r.outputs if d is not None and d not in behind]
        names = [nodes[d].name or "the upstream gradient" for d in unused]
        return [f"{name} is not used, which is right only while it is 1" for name in names]


def _any(some: Iterable[Tensor]) -> bool:
    return any(bool(x.any()) for x in some)


class _Ended(Tape):
    """A tape with a step down each gradient: ``input - gradient``."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[tuple[int, int], int] = {}


def _with_ends(tape: Tape, pair: Pair) -> _Ended:
    made = _Ended()
    made.nodes, made.branches = [*tape.nodes], tape.branches
    made.aliases, made.code = tape.aliases, tape.code
    for r in pair.rounds:
        for name, start in r.inputs.items():
            gradient = tape.nodes[r.gradients[name]]
            end = Node(len(made.nodes), "subtract", (Ref(start), Ref(gradient.id)))
            end.line, end.site = gradient.line, f"end of {name}"
            end.name = gradient.name or f"the gradient of {name}"
            end.shape = tape.nodes[start].shape
            made.nodes.append(end)
            made.ends[start, gradient.id] = end.id
    return made
