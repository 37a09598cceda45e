"""How often is the checker right? Runs it over all networks and all planted mistakes.

    python -m benchmarks.backprop.run [TEXT ...] [--jobs N] [--timeout SECONDS] [--json FILE]

It prints a line for each script on which the checker is not right, then a table by category:

right
    "correct" for a right network, "wrong" for a planted mistake. A mistake whose steps follow
    another loss than the script computes may be called correct, if there is a warning.
cannot tell
    No verdict.
false
    A right network accused, or a mistake acquitted.
line
    Of the mistakes that were called wrong, those whose line was found.
name
    Of the mistakes that were called wrong and have a name in docs/mistakes.md, those that got it.
false name
    Mistakes that were called wrong and got a name that is not theirs.

TEXT restricts it to the scripts whose id contains one of the texts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from xor_torch.backprop import check_file

from .mistakes import MISTAKES
from .truth import NETWORKS, source


@dataclass(frozen=True)
class Script:
    """A script of the benchmark with the answers that are right.

    Args:
        id: Unique among the scripts.
        kind: The category in the table.
        source: Its text.
        truth: ``"correct"`` or ``"wrong"``.
        lines: The acceptable lines of a mistake.
        names: The acceptable names of a mistake; the first is None if the catalogue has no name.
        other_loss: "correct" with a warning is as right as "wrong".

    """

    id: str
    kind: str
    source: str
    truth: str
    lines: tuple[int, ...] = ()
    names: tuple[str | None, ...] = ()
    other_loss: bool = False


@dataclass(frozen=True)
class Answer:
    """What the checker said of one script.

    Args:
        id: The script's.
        truth: ``"correct"`` or ``"wrong"``.
        verdict: The checker's, or ``"warned"``: correct, with a warning that is what it deserves.
        line: The line that it names, or None.
        line_found: Is that one of the acceptable lines?
        mistake: The name that it gives, or None.
        named: Was a mistake found that has a name in the catalogue?
        name_found: Is ``mistake`` one of the acceptable names?
        false_name: Is ``mistake`` a name that is not acceptable?
        reason: Why it cannot tell.

    """

    id: str
    truth: str
    verdict: str
    line: int | None
    line_found: bool
    mistake: str | None
    named: bool
    name_found: bool
    false_name: bool
    reason: str | None

    @property
    def right(self) -> bool:
        """Is the verdict the truth?"""
        return self.verdict in (self.truth, "warned")

    @property
    def false(self) -> bool:
        """Is the verdict the opposite of the truth?"""
        return self.verdict in ("correct", "wrong") and not self.right


def scripts(texts: Iterable[str] = ()) -> list[Script]:
    """All scripts of the benchmark, or those whose id contains one of ``texts``."""
    found = [Script(name, net.kind, source(name), "correct") for name, net in NETWORKS.items()]
    found += [
        Script(
            m.id,
            m.kind,
            m.source,
            "wrong",
            (m.line, *m.near),
            (m.name, *m.also),
            m.other_loss,
        )
        for m in MISTAKES
    ]
    texts = tuple(texts)
    return [s for s in found if not texts or any(text in s.id for text in texts)]


def ask(script: Script, timeout: float) -> Answer:
    """Run the checker on one script."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{script.id}.py"
        path.write_text(script.source, encoding="utf-8")
        said = check_file(path, timeout=timeout).to_json()
    wrong = script.truth == said["verdict"] == "wrong"
    warned = script.other_loss and said["verdict"] == "correct" and said["warnings"]
    return Answer(
        id=script.id,
        truth=script.truth,
        verdict="warned" if warned else said["verdict"],
        line=said["line"],
        line_found=wrong and said["line"] in script.lines,
        mistake=said["mistake"],
        named=wrong and script.names[0] is not None,
        name_found=wrong and said["mistake"] in script.names,
        false_name=wrong and said["mistake"] not in (*script.names, None),
        reason=said["reason"],
    )


def complaint(script: Script, answer: Answer) -> str | None:
    """One line on what is not right about an answer, or None."""
    if not answer.right:
        word = "FALSE" if answer.false else "-----"
        return f"{word} {script.id}: {answer.verdict}: {answer.reason or answer.mistake or ''}"
    if answer.verdict == script.truth == "wrong" and not answer.line_found:
        return f"line  {script.id}: line {answer.line}, not {script.lines}"
    if answer.false_name or (answer.named and not answer.name_found):
        return f"name  {script.id}: {answer.mistake}, not {script.names[0]}"
    return None


def table(asked: list[tuple[Script, Answer]]) -> str:
    """The results by category, one line each, and all together."""
    kinds = list(dict.fromkeys(script.kind for script, _ in asked))
    head = ("", "networks", "right", "cannot tell", "false")
    head += ("mistakes", "right", "cannot tell", "false", "line", "name", "false name")
    rows = [head]
    for kind in [*kinds, "all"]:
        here = [a for s, a in asked if kind in (s.kind, "all")]
        row = [kind]
        for truth in ("correct", "wrong"):
            of = [a for a in here if a.truth == truth]
            right, false = sum(a.right for a in of), sum(a.false for a in of)
            row += [str(n) for n in (len(of), right, len(of) - right - false, false)]
        found = [a for a in of if a.verdict == "wrong"]
        row.append(f"{sum(a.line_found for a in found)} of {len(found)}")
        named = [a for a in of if a.named]
        row.append(f"{sum(a.name_found for a in named)} of {len(named)}")
        row.append(str(sum(a.false_name for a in of)))
        rows.append(tuple(row))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join(
        " | ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def main() -> int:
    """Run the benchmark; return the exit code, 1 if there is a false verdict."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backprop.run")
    parser.add_argument(
        "texts", nargs="*", metavar="TEXT", help="only ids that contain one of them"
    )
    parser.add_argument("--jobs", type=int, help="scripts at a time (the number of cores)")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for each (60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all answers to FILE")
    options = parser.parse_args()
    chosen = scripts(options.texts)
    asked = []
    # a worker that was forked from a process with threads, as torch has them, may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        answers = pool.map(partial(ask, timeout=options.timeout), chosen)
        for script, answer in zip(chosen, answers, strict=True):
            asked.append((script, answer))
            if text := complaint(script, answer):
                print(text, flush=True)
    print(table(asked))
    if options.json:
        options.json.write_text(json.dumps([asdict(a) for _, a in asked], indent=1) + "\n")
    return int(any(answer.false for _, answer in asked))


if __name__ == "__main__":
    sys.exit(main())
