"""The outcome for one file, and the ways to say it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .code import Code
from .judging.findings import Finding
from .saying import catalogue, page, terminal
from .saying.outline import WHOLE_REPORT, Outline, difference, outline, variable
from .saying.script import Script
from .saying.terminal import Style

EXIT_CODES = {"correct": 0, "wrong": 1, "cannot tell": 2}
JSON_VERSION = 1  # grows when the meaning of a key changes, not when a key is added


@dataclass(repr=False)
class Verdict:
    """The outcome for one file."""

    path: str
    verdict: str  #: "correct", "wrong" or "cannot tell"
    reason: str | None = None  #: when it cannot tell
    findings: list[Finding] = field(default_factory=list)
    traceback: str | None = None  #: the script's own, if it crashed
    code: Code = field(default_factory=Code)  #: the code that the findings are about
    strict: bool = False
    #: the source, and the source with one correction that makes it correct
    correction: tuple[str, str] | None = None

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def decisive(self) -> Finding | None:
        """The finding that the verdict rests on."""
        same = [f for f in self.findings if f.verdict == self.verdict]
        return next(iter(same or self.findings), None)

    def outline(self, full: bool = False) -> Outline:
        """What there is to say; `full` shows the lines of right networks, too."""
        return outline(
            self.path,
            self.verdict,
            self.reason,
            self.findings,
            self.decisive,
            self.code,
            self.traceback,
            self.correction,
            full,
        )

    def report(self, style: Style | None = None, full: bool = False) -> str:
        """The text for a reader: without colour and 100 columns wide if no style is given."""
        return terminal.text_of(self.outline(full), style or Style(wraps=False))

    def told(self, hint: int = WHOLE_REPORT, style: Style | None = None) -> str:
        """As much as a hint tells: 1 the layer, 2 the line, 3 the mistake, 4 the whole report."""
        return self.report(style) if hint >= WHOLE_REPORT else self.outline().hint(hint)

    def _repr_html_(self) -> str:
        """The report under a notebook's cell."""
        return page.fragment(self.outline(full=True))

    def __repr__(self) -> str:
        return f"<Verdict: {self.outline().title}: {self.outline().first_line}>"

    def to_json(self) -> Mapping[str, object]:
        """A JSON object; saying/verdict.schema.json describes its keys.

        `line` and `column` count from 1 in the file, or in the `cell` of a notebook. `module` is
        the script's own module that the line is in, null for the script itself. `shape` is that of
        the wrong value. `actual`, `expected` and `ratio` belong to its worst element, or to that of
        the step of a parameter that it spoils: `value` and `index` tell which. They are null if the
        right value is not known. The codes of mistakes and reasons stay the same in later versions;
        their texts may change.
        """
        finding = self.decisive
        d = finding.diagnosis if finding and finding.verdict == "wrong" else None
        part, line = self.code.place(d.line) if d else (None, None)
        script = Script(self.code)
        name = (variable(d, script) if d.called else d.variable) if d else None
        columns = script.columns(d.line, name) if d and name is not None else None
        wrong = self.verdict == "wrong"
        return {
            "version": JSON_VERSION,
            "path": self.path,
            "verdict": self.verdict,
            "line": line,
            "column": columns[0] if columns else None,
            "end_column": columns[1] if columns else None,
            "cell": part if isinstance(part, int) else None,
            "module": part if isinstance(part, str) else None,
            "variable": name,
            "mistake": d.mistake if d else None,
            "mistake_code": catalogue.mistake_of(d.mistake).code if d and wrong else None,
            "correction": difference(*self.correction) if self.correction else None,
            "shape": list(d.shape) if d else None,
            "value": ("a part of " * d.part + d.of if d.of else None) if d else None,
            "index": list(d.index) if d and d.of else None,
            "actual": d.actual if d else None,
            "expected": d.expected if d else None,
            "ratio": d.ratio if d else None,
            "reason": self.reason,
            "reason_code": catalogue.code_of_reason(self.reason),
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
