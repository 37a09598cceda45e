"""Verdicts as editors, code hosts and graders read them: one remark for each problem."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from .catalogue import MISTAKES, mistake_of
from .outline import WHOLE_REPORT, Outline, printable
from .terminal import Style, text_of

Said = tuple[Outline, Mapping[str, Any]]  # a verdict in words, and as `Verdict.to_json` makes it


def _remarks(said: Said) -> list[tuple[str, str, int, int, int, str, str]]:
    """(level, file, line, column, end column, code, text) of each problem of one file."""
    outline, found = said
    file, line, text = outline.path, found["line"] or 1, outline.headline
    if found["module"] is not None:
        file = str(PurePath(outline.path).parent / found["module"])
    columns = (found["column"] or 1, found["end_column"] or 1)
    if found["cell"] is not None:  # an editor would look for the line in the notebook's JSON
        line, columns, text = 1, (1, 1), f"{outline.where}: {text}"
    code = found["mistake_code"] or found["reason_code"] or ""
    remarks = []
    if outline.verdict != "correct":
        level = "error" if outline.verdict == "wrong" else "warning"
        text = text if level == "error" else f"cannot tell: {text}"
        remarks.append((level, file, line, *columns, code, text))
    for network in outline.networks:
        remarks += [("warning", outline.path, 1, 1, 1, "", words) for words in network.warnings]
    return remarks


def gnu(said: Sequence[Said]) -> str:
    """``file:line:column: error: text [code]``, which editors and problem matchers read."""
    return "\n".join(
        printable(f"{file}:{line}:{column}: {level}: {text}{f' [{code}]' if code else ''}")
        for level, file, line, column, _, code, text in _all(said)
    )


def github(said: Sequence[Said]) -> str:
    """GitHub's workflow commands, which it shows beside the line of a pull request."""
    return "\n".join(
        f"::{level} file={_property(file)},line={line},col={column},endColumn={end},"
        f"title={_property(code or 'backprop')}::{_data(text)}"
        for level, file, line, column, end, code, text in _all(said)
    )


def sarif(said: Sequence[Said], version: str) -> dict[str, Any]:
    """A SARIF 2.1.0 log, which code hosts and editors import."""
    results = []
    for level, file, line, column, end, code, text in _all(said):
        region = {"startLine": line, "startColumn": column, "endColumn": end}
        place = {"artifactLocation": {"uri": _uri(file)}, "region": region}
        results.append(
            {
                "ruleId": code or "warning",
                "level": level,
                "message": {"text": printable(text)},
                "locations": [{"physicalLocation": place}],
            }
        )
    driver = {"name": "xor-torch compare", "version": version, "rules": _rules(results)}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def gradescope(said: Sequence[Said], hint: int = WHOLE_REPORT) -> dict[str, Any]:
    """What Gradescope takes as ``results.json``: a test for each file, worth one point.

    A "cannot tell" gets no point, and its output says that a person has to look.
    """
    tests = []
    for outline, _ in said:
        text = outline.hint(hint) if hint < WHOLE_REPORT else text_of(outline, Style(80))
        if outline.verdict == "cannot tell":
            text += "\nThis is not a fail: a person has to look at it."
        right = outline.verdict == "correct"
        tests.append(
            {
                "name": f"backprop of {printable(PurePath(outline.path).name)}",
                "score": int(right),
                "max_score": 1,
                "status": "passed" if right else "failed",
                "output": text,
                "output_format": "text",
            }
        )
    return {"tests": tests}


def _uri(file: str) -> str:
    """The file's URI: relative to where the command runs if the file's name is."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _rules(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each code means, as code hosts show it beside a finding."""
    mistakes = {mistake.code: mistake for mistake in [*MISTAKES.values(), mistake_of(None)]}
    rules = list[dict[str, Any]]()
    for code in dict.fromkeys(result["ruleId"] for result in results):
        words = (code.replace("-", " "), "", "")
        if mistake := mistakes.get(code):
            why = mistake.why.format(weights="a weight", changed="a line before")
            words = (f"A value {mistake.is_wrong}", why, mistake.mend)
        fields = zip(("shortDescription", "fullDescription", "help"), words, strict=True)
        rules.append({"id": code, **{name: {"text": text or words[0]} for name, text in fields}})
    return rules


def _all(said: Sequence[Said]) -> list[tuple[str, str, int, int, int, str, str]]:
    return [remark for one in said for remark in _remarks(one)]


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
