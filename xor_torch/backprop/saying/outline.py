"""What a report says, in any medium: one `Outline` for the terminal, a page and editors.

The judge's findings may repeat a name or mark one line twice. Here each thing is said once, and a
line is right or wrong, not both. The file is long because every part of a report, from its headline
to its excerpt, has to agree with the others on names and on which values are wrong.
"""

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ..code import Code
from ..judging.findings import Diagnosis, Finding, Parameter
from .catalogue import LOSSES, Mistake, mistake_of
from .script import Script

MOST_LINES = 24  # in an excerpt; of a longer loop, the lines with labels and those near the mistake
LEAST_GAP = 3  # If two lines with labels are nearer, the lines between them are shown, too.
MOST_OF_ALL = 150  # lines of one loop in a full report
AROUND = 2  # lines on both sides of the first wrong one
MOST_LABELS = 2  # on one line
WHOLE_REPORT = 4  # the last hint, which shows the whole report
SAME_DIRECTION = 1e-6  # relative: steps this close to the gradient differ by a factor alone
PAIR_IS_RIGHT = "every gradient that is returned is the derivative"
TITLES = {"correct": "CORRECT", "wrong": "WRONG", "cannot tell": "CANNOT TELL"}


@dataclass
class Line:
    """One line of an excerpt."""

    number: int  # in its file or cell
    text: str
    labels: list[str] = field(default_factory=list)  # the derivatives that it computes
    is_right: bool = True  # are they right?
    is_first: bool = False  # is it the first wrong line?
    after_gap: bool = False  # lines before it are left out
    file: str = ""  # the name of its cell or module
    hover: str = ""  # the numbers of its value

    @property
    def remark(self) -> str:
        """The text beside the line: ``dL/dW1, dL/db1 ok``."""
        return self.last_remarks(len(self.labels))

    def last_remarks(self, most: int) -> str:
        """The same with only the last labels, where there is little room."""
        words = ", ".join(self.labels[-most:] if most else [])
        return f"{words} {'ok' if self.is_right else 'wrong'}" if words else ""


@dataclass
class Network:
    """One network of the script."""

    verdict: str
    headline: str
    lines: list[Line] = field(default_factory=list)
    mistake: Mistake | None = None
    why: str = ""
    evidence: str = ""
    diff: list[str] = field(default_factory=list)  # the correction: lines with -, + or a space
    wrong: list[str] = field(default_factory=list)  # parameters, and how each is wrong
    right: list[str] = field(default_factory=list)  # parameters
    loss: str = ""
    updates: str = ""
    legend: str = ""  # explains names in the labels that the script does not have
    layers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    title: str = ""  # the name of a pair of functions; "" for a network, which has no name


@dataclass
class Outline:
    """A whole report."""

    path: str
    verdict: str
    where: str  # of the first wrong value, in words; "" if it has no place
    headline: str
    networks: list[Network]
    traceback: str = ""
    layer: str = ""  # of the first wrong value, in words

    @property
    def title(self) -> str:
        return TITLES[self.verdict]

    def hint(self, level: int) -> str:
        """A part of the answer: 1 the layer, 2 the line, 3 the mistake."""
        path = printable(self.path)
        if self.verdict != "wrong":
            return f"{self.title}: {self.first_line}"
        if level == 1 or not self.where:
            return printable(f"{self.title}: {path}: look at {self.layer or 'the gradients'}")
        if level == 2:
            return printable(f"{self.title}: {path}: look at {self.where}")
        name = next((n.mistake.name for n in self.networks if n.mistake and n.mistake.page), "")
        mistake = name or "none of the mistakes that have a name"
        return printable(f"{self.title}: {path}, {self.where}: {mistake}")

    @property
    def first_line(self) -> str:
        place = f"{self.path}, {self.where}" if self.where else self.path
        return printable(f"{place}: {self.headline}")


def outline(
    path: str,
    verdict: str,
    reason: str | None,
    findings: Sequence[Finding],
    decisive: Finding | None,
    code: Code,
    traceback: str | None = None,
    correction: tuple[str, str] | None = None,
    full: bool = False,
) -> Outline:
    """Decide what the report says; `full` shows whole loops, also those of right networks."""
    script = Script(code)
    networks = [_network(finding, script, full) for finding in findings]
    where = ""
    if verdict == "wrong" and decisive is not None and decisive.diagnosis is not None:
        where = code.where(decisive.diagnosis.line)
    main = next((n for f, n in zip(findings, networks, strict=True) if f is decisive), None)
    if main is not None and correction is not None:
        main.diff = difference(*correction)
    headline = main.headline if main and main.verdict == verdict else reason or ""
    if verdict == "wrong" and main is not None and main.mistake is None and reason:
        headline = reason
    if verdict == "correct" and decisive is not None and decisive.pair:
        number = len(networks)
        some = decisive.pair if number == 1 else f"{number} pairs of functions"
        headline = f"{some}: {PAIR_IS_RIGHT}"
    elif verdict == "correct" and len(networks) > 1:
        headline = f"every update of {len(networks)} networks follows the gradient of its loss"
    layer = _layer(decisive) if decisive is not None and verdict == "wrong" else ""
    return Outline(path, verdict, where, headline, networks, (traceback or "").rstrip(), layer)


def _layer(finding: Finding) -> str:
    """The layer that the first wrong value belongs to: the last one with a spoilt parameter."""
    spoilt = finding.diagnosis.spoils if finding.diagnosis else []
    spoilt = spoilt or [p.name for p in finding.parameters if not p.ok]
    count = Counter(p.name for p in finding.parameters)
    for number, layer in reversed([*enumerate(finding.layers, 1)]):
        names, _, values = layer.partition(":")[2].partition(";")
        found = {name.strip() for name in names.split(", ")} & {*spoilt}
        units = {int(n) for n in re.findall(r"\d+(?=[,)])", values.partition(")")[0] + ")")}
        if any(count[name] < 2 or _has_units(finding, name, units) for name in found):
            return f"layer {number}"
    return f"the gradient of {', '.join(dict.fromkeys(spoilt))}" if spoilt else ""


def _has_units(finding: Finding, name: str, units: set[int]) -> bool:
    """Does a wrong parameter, one of several with a name, belong to a layer of this size?"""
    wrong = [p.shape for p in finding.parameters if p.name == name and not p.ok]
    return any({*shape} & (units - {1}) for shape in wrong)


def _network(finding: Finding, script: Script, full: bool) -> Network:
    d, code = finding.diagnosis, script.code
    names = unique_names(finding.parameters)
    spoilt = _spoilt(finding)
    wrong = [not p.ok or p.name in spoilt for p in finding.parameters]
    right = [n for n, bad in zip(names, wrong, strict=True) if not bad]
    name = finding.loss or "loss"
    rate = _rate(finding, script)
    if (kind := name.split()[-1]) in LOSSES:
        loss = f"{name} ({LOSSES[kind]})"
    elif finding.loss and re.search(rf"\b{re.escape(name)}\b", "\n".join(code.lines)):
        loss = name = f"script's own {name}"
    else:
        loss = name
    network = Network(
        finding.verdict,
        finding.reason or "",
        title=finding.pair or "",
        right=right,
        loss=f"{loss}{rate}" if finding.loss else "",
        updates=finding.updates or "",
        notes=[*dict.fromkeys(finding.notes)],
        warnings=[*dict.fromkeys(finding.warnings)],
    )
    if finding.verdict == "correct":
        network.headline = f"every update follows the gradient of the {name}{rate}"
        if finding.pair:
            network.headline = PAIR_IS_RIGHT
    own = own_names(finding.layers)
    if finding.verdict == "wrong" and d is not None:
        network.mistake = mistake_of(d.mistake)
        network.headline = f"{variable(d, script) or 'a value'} {network.mistake.is_wrong}"
        network.why = _why(network.mistake, d, finding, script)
        network.evidence = _evidence(d, script)
    if finding.verdict == "wrong":
        parameters = zip(names, finding.parameters, wrong, strict=True)
        network.wrong = [_how_wrong(n, p, script, finding) for n, p, bad in parameters if bad]
        if not network.wrong and d is not None:
            network.wrong = [*dict.fromkeys(d.spoils)]
    if full:
        network.layers = list(finding.layers)
    if finding.verdict != "correct" or full:
        network.lines = _excerpt(finding, script, own, full)
        network.legend = _legend(network.lines)
    return network


def _spoilt(finding: Finding) -> set[str]:
    """The names whose parameters are all made from the wrong value, even by right lines."""
    if finding.diagnosis is None or finding.verdict != "wrong":
        return set()
    spoilt = Counter(finding.diagnosis.spoils)
    there = Counter(p.name for p in finding.parameters)
    return {name for name, n in spoilt.items() if n >= there[name]}


def unique_names(parameters: Sequence[Parameter]) -> list[str]:
    """A name for each parameter that no other has: with its shape, or with a number too."""
    names = [p.name for p in parameters]
    for with_shape in (True, False):
        count, seen = Counter(names), dict[str, int]()
        for i, (name, p) in enumerate(zip(names, parameters, strict=True)):
            seen[name] = seen.get(name, 0) + 1
            if count[name] > 1:
                names[i] = f"{name} {shape(p.shape)}" if with_shape else f"{name} #{seen[name]}"
    return names


def shape(sizes: Sequence[int]) -> str:
    return str(tuple(sizes))


def own_names(layers: Sequence[str]) -> dict[str, str]:
    """The script's names for z1, a1, ..., except a name that stands for several of them."""
    pairs = [
        pair
        for layer in layers
        for pair in re.findall(r"\b([za]\d+) = ([^\s,;]+(?:\[[^]]*\])?)", layer)
    ]
    count = Counter(theirs for _, theirs in pairs)
    return {ours: theirs for ours, theirs in pairs if count[theirs] == 1}


def _rate(finding: Finding, script: Script) -> str:
    """The factor of the steps in words; as a learning rate if the script has such a number."""
    if finding.lr is None:
        return ""
    sizes = {
        int(n) for n in re.findall(r"\b\d+\b", " ".join([finding.updates or "", *finding.layers]))
    }
    typed = script.typed_rate(finding.lr, sizes)
    if typed is not None:
        return f", learning rate {typed}"
    return f", times {finding.lr:.6g}" + " in one of the steps" * finding.rates_differ


def _why(mistake: Mistake, d: Diagnosis, finding: Finding, script: Script) -> str:
    read = script.names(d.line)
    changed = [p for p in finding.parameters if p.name in read and p.line < d.line]
    one = max(changed, key=lambda p: p.line, default=None)
    return mistake.why.format(
        weights=one.name if one else "them",
        changed=script.code.where(one.line) if one else "this step",
    )


def variable(d: Diagnosis, script: Script) -> str:
    """The name of the wrong value.

    A function may compute it, which has a name of its own for it. In a function that was called,
    and not run as a script, values have no names on the tape. Then the diagnosis names what is
    made from the value, and the value's own name is on its line.
    """
    names = script.assigned(d.line)
    # the line only reads a bias
    read = d.mistake == "bias never updated"
    own = read or (d.variable in script.text(d.line) and not d.called)
    return names[0] if len(names) == 1 and not own else d.variable


def _evidence(d: Diagnosis, script: Script) -> str:
    if d.actual is None or d.expected is None:
        return ""
    of = variable(d, script) if d.of == d.variable else d.of
    name, is_step = of.removesuffix(" step"), of.endswith(" step")
    at = f"{name}[{', '.join(map(str, d.index))}]" if d.index else name
    actual, expected = apart(d.actual, d.expected)
    ratio = "" if d.ratio is None else f", ratio {apart(d.ratio, 1.0)[0]}"
    what = "the step of " if is_step else "a part of " if d.part else ""
    return f"{what}{at}: actual {actual}, expected {expected}{ratio}"


def apart(a: float, b: float) -> tuple[str, str]:
    """Two numbers with at least six digits, and as many as it takes to tell them apart."""
    for digits in (6, 9, 12, 17):
        words = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if words[0] != words[1]:
            break
    return words


def _how_wrong(name: str, p: Parameter, script: Script, finding: Finding) -> str:
    done, d = "updated" if finding.pair is None else "gradient", finding.diagnosis
    text = name if shape(p.shape) in name else f"{name} {shape(p.shape)}"
    if script.has(p.line):  # `assert_backprop` makes the updates itself
        text += f", {done} on {script.code.where(p.line)}"
    if p.difference is None or p.ok:  # right, except for the wrong value that it is made from
        return text
    if p.difference < SAME_DIRECTION:
        climbs = d is not None and d.mistake == "wrong sign"
        way = "with the wrong sign" if climbs else "with a factor of its own"
        return f"{text}: follows the gradient, {way}"
    return f"{text}: relative difference {p.difference:.1e}"


# -------------------------------------------------------------------------------- the excerpt


def mentioned(text: str, script: Script) -> list[int]:
    """The lines that a text names as `Code.where` does."""
    cell = re.escape(script.code.cell).replace(r"\{\}", r"(\d+)")
    named = re.findall(rf"(?:{cell}, )?line (\d+)(?: of ([^\s,;:]+))?", text)
    places = {(int(cell) if cell else module or None, int(at)) for cell, at, module in named}
    lines = range(1, len(script.code.lines) + 1)
    return [n for n in lines if script.code.place(n) in places] if places else []


def _excerpt(finding: Finding, script: Script, own: dict[str, str], full: bool) -> list[Line]:
    d = finding.diagnosis if finding.verdict == "wrong" else None
    known = finding.labels
    if not known:  # at least the lines of the updates are known
        known = {p.line: [] for p in finding.parameters}
        spoilt = _spoilt(finding)
        for p in finding.parameters:
            known[p.line].append((p.name, p.ok and p.name not in spoilt))
    labels = {n: _labels(known[n], n, finding, own, script) for n in known if script.has(n)}
    labels = {n: found for n, found in labels.items() if found[0]}
    if d is not None and script.has(d.line):
        labels.setdefault(d.line, ([variable(d, script) or "value"], False))
    at = d.line if d is not None else None
    some = [*labels, *mentioned(finding.reason or "", script)]
    some = sorted({*some}) or [n for n in finding.lines if n]
    lines = list[Line]()
    for numbers in _ranges(some, at, script, full):
        for before, n in zip([0, *numbers], numbers, strict=False):
            part, number = script.code.place(n)
            words, is_right = labels.get(n, ([], True))
            hover = "; ".join(
                _how_wrong(p.name, p, script, finding) for p in finding.parameters if p.line == n
            )
            if d is not None and n == at:
                hover = _evidence(d, script) or hover
            gap = bool(before) and n > before + 1
            text = printable(script.text(n).expandtabs(4)).rstrip()
            file = script.code.cell.format(part) if isinstance(part, int) else part or ""
            lines.append(Line(number, text, words, is_right, n == at, gap, printable(file), hover))
    return lines


def _labels(
    known: Sequence[tuple[str, bool]],
    line: int,
    finding: Finding,
    own: dict[str, str],
    script: Script,
) -> tuple[list[str], bool]:
    """The derivatives that a line computes, right or wrong: the wrong ones, if there are any."""
    d, spoilt = finding.diagnosis, _spoilt(finding)
    # A parameter may follow from a wrong value; one line of a loop may update several of one name.
    bad = {
        f"dL/d{p.name}"
        for p in finding.parameters
        if (p.ok and p.name in spoilt) or (not p.ok and p.line == line)
    }
    found = [*dict.fromkeys((name, ok and name not in bad) for name, ok in known)]
    wrong = [name for name, ok in found if not ok]
    if d is not None and line == d.line and not wrong:
        wrong = ["wrong"]
    if finding.verdict != "wrong":  # all is right, or nobody can tell
        wrong = []
    words = wrong or [name for name, ok in found if ok]
    name = (variable(d, script) if d else "") or "value"
    # the judge says "dL/dW1 wrong", or "wrong" of a value that it has no name for
    words = [name if word == "wrong" else word.removesuffix(" wrong") for word in words]
    return [*dict.fromkeys(_renamed(word, own) for word in words)][-MOST_LABELS:], not wrong


def _renamed(label: str, own: dict[str, str]) -> str:
    return re.sub(r"(?<=^dL/d)[za]\d+$", lambda found: own.get(found[0], found[0]), label)


def _ranges(labelled: list[int], at: int | None, script: Script, full: bool) -> list[list[int]]:
    """The lines to show, of each file by itself."""
    files: dict[str | None, list[int]] = {}
    for n in sorted(labelled):
        if script.has(n):
            part, _ = script.code.place(n)
            files.setdefault(part if isinstance(part, str) else None, []).append(n)
    return [_shown(some, at, script, full) for some in files.values()]


def _shown(labelled: list[int], at: int | None, script: Script, full: bool) -> list[int]:
    """The loop or function around all labelled lines of one file, or those around each."""
    block = script.block(labelled)
    blocks = [block] if block else [script.block([n]) or (n, n) for n in labelled]
    whole = sorted({n for first, last in blocks for n in range(first, last + 1)})
    most = MOST_OF_ALL if full else MOST_LINES
    middle = at if at in labelled and at is not None else labelled[0]
    if len(whole) > most:
        heads = {script.head(n) for n in labelled}
        near = {*range(middle - AROUND, middle + AROUND + 1)}
        whole = [n for n in whole if n in {*labelled} | heads | near]
    if len(whole) > most:
        whole = sorted(sorted(whole, key=lambda n: abs(n - middle))[:most])
    for before, after in pairwise([*whole]):
        if after - before <= LEAST_GAP:  # a mark for a gap would be as long
            whole += range(before + 1, after)
    whole.sort()
    return [
        n
        for n, following in zip(whole, [*whole[1:], 0], strict=True)
        if script.text(n).strip() or following == n + 1
    ]


def _legend(lines: Sequence[Line]) -> str:
    """What z1 and a1 mean, if a label has such a name and the script does not."""
    text = "\n".join(line.text for line in lines)
    made = [
        name
        for line in lines
        for name in re.findall(r"^dL/d([za]\d+)$", "\n".join(line.labels), re.MULTILINE)
        if not re.search(rf"\b{name}\b", text)
    ]
    if not made:
        return ""
    kinds = {name[0] for name in made}
    words = {"z": "z1, z2, ...: a layer before its activation", "a": "a1, a2, ...: after it"}
    if kinds == {"a"}:
        return "a1, a2, ...: a layer after its activation"
    return "; ".join(words[kind] for kind in ("z", "a") if kind in kinds)


def difference(before: str, after: str) -> list[str]:
    """The lines that a correction changes, with - and +, and those that stand between them."""
    old, new, found = before.splitlines(), after.splitlines(), list[str]()
    changes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (kind, a, b, c, d) in enumerate(changes):
        if kind != "equal":
            found += [f"- {line}" for line in old[a:b]] + [f"+ {line}" for line in new[c:d]]
        elif 0 < number < len(changes) - 1:
            found += [f"  {line}" for line in old[a:b]]
    return [printable(line.expandtabs(4)).rstrip() for line in found]


def common_indent(lines: Sequence[Line]) -> int:
    """How many spaces all lines begin with."""
    indents = (len(line.text) - len(line.text.lstrip()) for line in lines if line.text.strip())
    return min(indents, default=0)


def printable(text: str) -> str:
    """A text without control characters, which a script could use to rewrite the terminal."""
    return "".join(
        c
        if c in "\n\t" or unicodedata.category(c)[0] != "C"
        else c.encode("unicode_escape").decode()
        for c in text
    )
