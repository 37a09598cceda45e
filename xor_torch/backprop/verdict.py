"""Say what was found in a file: as text for a reader and as JSON for a program."""

import ast
import contextlib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field

from .code import Code
from .judging.findings import Finding

MOST_LINES = 150  # of one loop in a listing
EXIT_CODES = {"correct": 0, "wrong": 1, "cannot tell": 2}


@dataclass
class Verdict:
    """The outcome for one file."""

    path: str
    verdict: str  #: "correct", "wrong" or "cannot tell"
    reason: str | None = None  #: when it cannot tell
    findings: list[Finding] = field(default_factory=list)
    traceback: str | None = None  #: the script's own, if it crashed
    code: Code = field(default_factory=Code)  #: that the findings speak of
    strict: bool = False

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def decisive(self) -> Finding | None:
        """The finding that the verdict rests on."""
        same = [f for f in self.findings if f.verdict == self.verdict]
        return next(iter(same or self.findings), None)

    def to_json(self) -> dict[str, object]:
        """A JSON object; `line` counts from 1 in the file, in a notebook in its `cell`.

        `module` is the file of the script's own that the line is in, if it is not the script.
        `shape` is that of the wrong value. `actual`, `expected` and `ratio` are of its worst
        element, or of that of a spoilt parameter's step, as `value` and `index` say; they are
        null where it is not determined what the value should be.
        """
        finding = self.decisive
        d = finding.diagnosis if finding else None
        part, line = self.code.place(d.line) if d else (None, None)
        return {
            "verdict": self.verdict,
            "line": line,
            "cell": part if isinstance(part, int) else None,
            "module": part if isinstance(part, str) else None,
            "variable": d.variable if d else None,
            "mistake": d.mistake if d else None,
            "shape": list(d.shape) if d else None,
            "value": (d.of or None) if d else None,
            "index": list(d.index) if d and d.of else None,
            "actual": d.actual if d else None,
            "expected": d.expected if d else None,
            "ratio": d.ratio if d else None,
            "reason": self.reason,
            "loss": finding.loss if finding else None,
            "lr": finding.lr if finding else None,
            "updates": finding.updates if finding else None,
            "warnings": [w for f in self.findings for w in f.warnings],
            "notes": [n for f in self.findings for n in f.notes],
            "layers": [layer for f in self.findings for layer in f.layers],
            "parameters": [
                {
                    "name": p.name,
                    "line": self.code.place(p.line)[1],
                    "largest_relative_difference": p.difference,
                }
                for f in self.findings
                for p in f.parameters
            ],
        }

    def report(self) -> str:
        """The text for a reader."""
        lines = []
        for number, f in enumerate(self.findings, 1):
            if len(self.findings) > 1:
                lines.append(f"Network {number} of {len(self.findings)}")
            lines += self._network(f)
        if self.traceback:
            lines.append(self.traceback.rstrip())
        lines.append(self._verdict_line())
        return printable("\n".join(lines))

    def _network(self, f: Finding) -> list[str]:
        lines = [f"  {layer}" for layer in f.layers]
        for p in f.parameters:
            difference = p.difference
            off = "" if difference is None else f", largest relative difference {difference:.1e}"
            if p.ok:
                state = "ok"
            elif difference is not None and difference < 1e-6:
                state = "follows another multiple of the gradient"
            else:
                state = "does not follow the gradient"
            lines.append(
                f"  {p.name} {p.shape}: updated on {self.code.where(p.line)}{off}, {state}"
            )
        if f.updates:
            lines.append(f"  updates: {f.updates}")
        if f.loss:
            rate = "" if f.lr is None else f", lr {f.lr:.6g}"
            lines.append(f"  loss that the steps follow: {f.loss}{rate}")
        lines += [f"  note: {n}" for n in f.notes]
        lines += [f"  WARNING: {w}" for w in f.warnings]
        if f.diagnosis:
            d = f.diagnosis
            lines.append(
                f"  first wrong value: {d.variable} {d.shape} on {self.code.where(d.line)}"
            )
            if d.actual is not None and d.expected is not None:
                ratio = "" if d.ratio is None else f", ratio {d.ratio:.6g}"
                lines.append(
                    f"  {d.of} {list(d.index)}: actual {d.actual:.6g}, "
                    f"expected {d.expected:.6g}{ratio}"
                )
            lines.append(
                f"  mistake: {d.mistake or 'none of the known ones'}; spoils {', '.join(d.spoils)}"
            )
        if f.verdict == "cannot tell":
            lines.append(f"  cannot tell: {f.reason}")
        lines += self._listing(f)
        return lines

    def _listing(self, f: Finding) -> list[str]:
        lines, file = [], None
        for n in self._numbers(f):
            part, at = self.code.place(n)
            if isinstance(part, str) and part != file:
                lines.append(f"  {part}:")
            file = part
            labels = f.labels.get(n, [])
            words = ", ".join(name if not ok else f"{name} ok" for name, ok in labels[-3:])
            line = f"  {at:>5} | {self.code.lines[n - 1]:<70}"
            lines.append(f"{line}  # {words}" if words else line.rstrip())
        return lines

    def _numbers(self, f: Finding) -> list[int]:
        """The lines to show: of each file the loop or function that all labelled ones are in."""
        files: dict[str | None, list[int]] = {}
        for n in sorted(f.labels or {*f.lines}):
            if 0 < n <= len(self.code.lines):
                part, _ = self.code.place(n)
                files.setdefault(part if isinstance(part, str) else None, []).append(n)
        numbers = list[int]()
        for some in files.values():
            first, last = self._loop(some) or (some[0], some[-1])
            numbers += some if last - first > MOST_LINES else range(first, last + 1)
        return numbers

    def _loop(self, labels: Collection[int]) -> tuple[int, int] | None:
        """The lines of the innermost loop or function that all the labelled lines are in."""
        # a notebook's magics; source that is nested too deep
        with contextlib.suppress(SyntaxError, RecursionError, MemoryError):
            around = [
                (node.lineno, node.end_lineno or node.lineno)
                for node in ast.walk(ast.parse("\n".join(self.code.lines)))
                if isinstance(node, ast.For | ast.While | ast.FunctionDef)
            ]
            whole = [(a, b) for a, b in around if all(a <= n <= b for n in labels)]
            return max(whole, default=None)
        return None

    def _verdict_line(self) -> str:
        if self.verdict == "correct":
            return f"CORRECT: {self.path}: every update follows the gradient of the loss"
        if self.verdict == "wrong":
            d = self.decisive.diagnosis if self.decisive else None
            if d is None:
                return f"WRONG: {self.path}: {self.reason}"
            what = d.mistake or "not the derivative"
            return f"WRONG: {self.path}, {self.code.where(d.line)}: {d.variable}: {what}"
        return f"CANNOT TELL: {self.path}: {self.reason}"


def printable(text: str) -> str:
    """A text without control characters, which a script could use to rewrite the terminal."""
    return "".join(
        c
        if c in "\n\t" or unicodedata.category(c)[0] != "C"
        else c.encode("unicode_escape").decode()
        for c in text
    )
