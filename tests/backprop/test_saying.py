"""What a report says of hand-made findings: order, words, codes, widths. No script runs here.

The file is long because the same hand-made findings are put into every medium.
"""

import io
import json
import re
from importlib.resources import files
from typing import get_args

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xor_torch.backprop import Row, Verdict
from xor_torch.backprop.judging.findings import Diagnosis, MistakeName, Parameter
from xor_torch.backprop.saying import (
    Style,
    catalogue,
    class_pages,
    csv_of,
    github,
    gnu,
    page,
    sarif,
    table_of,
)
from xor_torch.backprop.saying import outline as outlines

from ..common import ROOT
from ..test_docs import anchors
from .saying import SOURCE, contradictions, finding, verdict

SCHEMA = json.loads(files("xor_torch.backprop.saying").joinpath("verdict.schema.json").read_text())

RIGHT = {"verdict": "correct", "diagnosis": None, "labels": {8: [("dL/dW2", True)]}}


def right(**changes):
    found = finding(**RIGHT, **changes)
    for p in found.parameters:
        p.ok = True
    return found


def test_the_report_in_its_order():
    lines = verdict(finding()).report(Style(width=80)).splitlines()
    assert lines[0] == (
        "WRONG: net.py, line 10: delta1 uses weights that this step has already changed"
    )
    marked = next(line for line in lines if line.startswith("> 10 |"))
    assert re.search(r" delta1 = .* \(1 - a1\) {2,}dL/dz1 wrong$", marked)
    starts = [line.split("  ")[0] for line in lines if re.match(r"[a-z]", line)]
    assert starts == [
        *("mistake", "why", "mend", "see", "value", "wrong", "right", "loss", "updates", "names")
    ]
    report = " ".join(" ".join(lines).split())
    assert "line 8 has already changed W2" in report
    assert "delta1[0, 2]: actual 0.06024, expected 0.06196, ratio 0.97224" in report
    assert "W1 (2, 3), updated on line 11: relative difference 3.4e-02" in report
    assert "right W2, b2 loss" in report
    loss = "the 1/2 SSE (the sum of squared errors), learning rate 0.5"
    assert f"the right gradients follow {loss}" in report


def test_what_is_right_takes_one_line_unless_all_is_asked_for():
    said = verdict(right())
    assert said.report() == (
        "CORRECT: net.py: every update follows the gradient of the 1/2 SSE, learning rate 0.5"
    )
    assert "dL/dW2 ok" in said.report(full=True)
    assert "layer    1: W1, b1; z1 (4, 3), a1, sigmoid" in said.report(full=True)


def test_a_line_that_is_right_and_wrong_is_wrong():
    found = finding(labels={10: [("dL/da1", True), ("wrong", False)]})
    (line,) = [x for x in verdict(found).outline().networks[0].lines if x.labels]
    assert (line.number, line.remark, line.is_first) == (10, "delta1 wrong", True)


def test_the_scripts_own_names_stand_in_the_labels():
    layers = ["layer 1: W1; z1 = s (4, 3), a1 = h, tanh", "layer 2: W2; z2 = s (4, 1), a2 = out"]
    labels = {7: [("dL/da1", True)], 10: [("dL/dz1 wrong", False)], 11: [("dL/da2", True)]}
    said = verdict(finding(layers=layers, labels=labels)).outline().networks[0]
    assert [x.labels for x in said.lines if x.labels] == [["dL/dh"], ["dL/dz1"], ["dL/dout"]]
    assert said.legend == "z1, z2, ...: a layer before its activation"


def test_parameters_of_one_name_are_told_apart():
    parameters = [
        Parameter("self.W", 8, 1e-15, True, (8, 1)),
        Parameter("self.W", 8, 0.1, False, (8, 8)),
        Parameter("self.W", 8, 0.2, False, (8, 8)),
        Parameter("b", 8, None, False, (1,)),
    ]
    names = outlines.unique_names(parameters)
    assert names == ["self.W (8, 1)", "self.W (8, 8) #1", "self.W (8, 8) #2", "b"]
    found = finding(parameters=parameters)
    found.diagnosis.spoils = ["self.W", "self.W", "b"]
    said = verdict(found).outline().networks[0]
    assert said.right == ["self.W (8, 1)"]
    assert said.wrong[0] == "self.W (8, 8) #1, updated on line 8: relative difference 1.0e-01"
    assert said.wrong[-1] == "b (1,), updated on line 8"


def test_what_is_made_from_a_wrong_value_is_not_right():
    found = finding()
    found.diagnosis.spoils = ["W2", "W1", "b1"]
    said = verdict(found).outline().networks[0]
    assert said.right == ["b2"]
    assert said.wrong[0] == "W2 (3, 1), updated on line 8"
    assert [x.remark for x in said.lines if x.number == 8] == ["dL/dW2 wrong"]


@pytest.mark.parametrize(
    ("lr", "updates", "words"),
    [
        (0.5, "", "learning rate 0.5"),
        (0.5 / 32, "mini-batch: each sees 32 of 320", "learning rate 0.5 / 32"),
        (0.5 * 4, "full batch: each sees all 4 rows", "learning rate 0.5 * 4"),
        (0.5 / 31, "mini-batch: each sees 32 of 320", "times 0.016129"),
        (0.37, "", "times 0.37"),
    ],
)
def test_a_learning_rate_is_one_that_the_script_types(lr, updates, words):
    assert verdict(right(lr=lr, updates=updates)).report().endswith(f"SSE, {words}")


def test_numbers_that_differ_look_different():
    assert outlines.apart(0.25, 0.2500000001) == ("0.25", "0.2500000001")
    assert outlines.apart(1 / 3, 0.5) == ("0.333333", "0.5")
    assert outlines.apart(0.5, 0.5) == ("0.5", "0.5")


def test_a_reason_shows_the_lines_that_it_names():
    found = finding(verdict="cannot tell", diagnosis=None, labels={}, parameters=[])
    found.reason = "delta2 on line 7 is not finite"
    said = verdict(found)
    assert said.report().startswith("CANNOT TELL: net.py: delta2 on line 7 is not finite\n\n")
    assert "\n   7 |      delta2 =" in said.report()
    assert said.report().count("not finite") == 1


def test_several_networks_say_each_its_own():
    other = finding(verdict="cannot tell", diagnosis=None, labels={}, reason="no step changes V")
    report = verdict(right(), other).report()
    assert report.splitlines()[0] == "CANNOT TELL: net.py: no step changes V"
    assert "Network 1 of 2: correct, every update follows" in report
    assert "Network 2 of 2: cannot tell\n" in f"{report}\n"
    assert report.count("no step changes V") == 1
    both = verdict(right(), right()).report()
    assert "every update of 2 networks follows the gradient of its loss" in both


def test_a_long_loop_is_shown_around_what_counts():
    source = "for _ in range(9):\n" + "".join(f"    x{n} = {n}\n" for n in range(2, 101))
    labels = {60: [("dL/dW2", True)], 90: [("dL/dz1 wrong", False)]}
    found = finding(labels=labels, parameters=[])
    found.diagnosis.line = 90
    lines = verdict(found, source=source).outline().networks[0].lines
    assert [x.number for x in lines] == [1, 60, 88, 89, 90, 91, 92]
    assert [x.number for x in lines if x.after_gap] == [60, 88]
    report = verdict(found, source=source).report(Style(80, False, True))
    assert report.count("⋮") == 2
    whole = verdict(found, source=source).outline(full=True).networks[0].lines
    assert len(whole) == 100


# ------------------------------------------------------------------ nothing contradicts itself

names = st.sampled_from(["W1", "b1", "W2", "b2", "delta1", "a1"])
parameters = st.builds(
    Parameter,
    names,
    st.integers(1, 12),
    st.none() | st.floats(0, 10),
    st.booleans(),
    st.sampled_from([(2, 3), (3,), (3, 1), ()]),
)
labels = st.dictionaries(
    st.integers(1, 12),
    st.lists(
        st.tuples(names.map("dL/d{}".format), st.just(True))
        | st.tuples(names.map("dL/d{} wrong".format), st.just(False))
        | st.just(("wrong", False)),
        max_size=4,
    ),
)
diagnoses = st.builds(
    Diagnosis,
    st.integers(1, 12),
    names,
    st.none() | st.sampled_from(get_args(MistakeName)),
    st.booleans(),
    st.lists(names, max_size=4),
    of=names | names.map("{} step".format),
    index=st.lists(st.integers(0, 9), max_size=2).map(tuple),
    actual=st.none() | st.floats(-10, 10),
    expected=st.none() | st.floats(-10, 10),
)
findings = st.builds(
    finding,
    verdict=st.sampled_from(["correct", "wrong", "cannot tell"]),
    lr=st.none() | st.floats(1e-3, 10),
    parameters=st.lists(parameters, max_size=5),
    labels=labels,
    diagnosis=st.none() | diagnoses,
    reason=st.just("it is so on line 7"),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(findings, min_size=1, max_size=3), st.booleans())
def test_nothing_contradicts_itself(found, full):
    assert contradictions(verdict(*found), full) == []


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda n: n.right.append("W1"), "W1 is right and wrong"),
        (lambda n: n.right.append("W3"), "W3 is not in the script"),
        (lambda n: n.right.append("W2"), "W2 is there twice"),
        (lambda n: n.lines[-1].labels.append("dL/dV"), "V is not in the script"),
        (lambda n: n.lines[-1].labels.append("b1 ok,"), "line 12 is ok and wrong"),
        (lambda n: n.lines[:] and n.lines.clear(), "10 is in the headline alone"),
        (lambda n: setattr(n, "loss", "SSE, learning rate 0.7"), "the script types no 0.7"),
    ],
)
def test_a_contradiction_is_noticed(edit, complaint, monkeypatch):
    made = outlines._network

    def changed(*args):
        network = made(*args)
        edit(network)
        return network

    monkeypatch.setattr(outlines, "_network", changed)
    assert complaint in contradictions(verdict(finding()))


# ------------------------------------------------------------------ the terminal


def stream(is_terminal, encoding="utf-8"):
    found = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    found.isatty = lambda: is_terminal
    return found


@pytest.mark.parametrize(
    ("is_terminal", "environment", "style"),
    [
        (True, {}, (100, True, True)),
        (False, {}, (100, False, False)),
        (True, {"NO_COLOR": "1"}, (100, False, True)),
        (True, {"NO_COLOR": ""}, (100, True, True)),
        (False, {"FORCE_COLOR": "1"}, (100, True, False)),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, (100, False, False)),
        (True, {"FORCE_COLOR": "0"}, (100, False, True)),
        (True, {"TERM": "dumb"}, (100, False, False)),
        (True, {"COLUMNS": "72"}, (72, True, True)),
        (True, {"COLUMNS": "7"}, (60, True, True)),
        (True, {"COLUMNS": "999"}, (200, True, True)),
    ],
)
def test_the_style_of_a_stream(is_terminal, environment, style, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Style.of(stream(is_terminal)) == Style(*style, wraps=is_terminal)


def test_the_first_line_is_one_line_for_grep_unless_a_terminal_would_break_it():
    one = verdict(finding())
    one.path = "a/long path/" * 10 + "net.py"
    assert one.report().splitlines()[0].endswith("that this step has already changed")
    assert max(map(len, one.report(Style(80)).splitlines())) <= 80


def test_no_unicode_where_the_terminal_has_none():
    assert not Style.of(stream(True, "ascii")).unicode
    assert not Style.of(stream(True, "cp1252")).unicode
    assert verdict(finding()).report(Style(unicode=False)).isascii()
    assert "▶ 10 │" in verdict(finding()).report(Style(unicode=True))


def test_colour_is_added_and_changes_nothing_else():
    plain = verdict(finding()).report(Style(80, False, True))
    coloured = verdict(finding()).report(Style(80, True, True))
    assert "\x1b[" not in plain
    assert "\x1b[1;31mWRONG" in coloured
    stripped = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert [x.rstrip() for x in stripped.splitlines()] == plain.splitlines()


def test_no_line_of_the_script_reaches_the_terminal_raw():
    source = SOURCE.replace("    delta1 =", "    '\x1b[2J\u202e'; delta1 =")
    for style in (Style(), Style(80, True, True)):
        report = re.sub(r"\x1b\[[\d;]*m", "", verdict(finding(), source=source).report(style))
        assert "\\x1b[2J\\u202e" in report
        assert "\x1b" not in report


# ------------------------------------------------------------------ hints


def test_hints_tell_no_more_than_was_asked():
    hint = verdict(finding()).outline().hint
    assert hint(1) == "WRONG: net.py: look at layer 1"
    assert hint(2) == "WRONG: net.py: look at line 10"
    assert hint(3) == "WRONG: net.py, line 10: updated too early"
    nameless = finding(layers=[])
    nameless.diagnosis.mistake = None
    hint = verdict(nameless).outline().hint
    assert hint(1) == "WRONG: net.py: look at the gradient of W1, b1"
    assert hint(3) == "WRONG: net.py, line 10: none of the mistakes that have a name"
    layers = [
        "layer 1: w[k]; z1 (6, 1), a1",
        "layer 2: w[k]; z2 (5, 1), a2",
        "layer 3: w[k]; z3 (3, 1)",
    ]
    in_a_loop = finding(layers=layers)
    in_a_loop.parameters = [
        Parameter("w[k]", 11, 0.1, n < 2, shape)
        for n, shape in ((1, (3, 5)), (2, (5, 6)), (3, (6, 4)))
    ]
    in_a_loop.diagnosis.spoils = ["w[k]", "w[k]"]
    assert verdict(in_a_loop).outline().hint(1) == "WRONG: net.py: look at layer 2"
    assert verdict(right()).outline().hint(1).startswith("CORRECT: net.py: every update")


# ------------------------------------------------------------------ the catalogue


def test_each_mistake_has_its_words_and_its_page():
    assert {*catalogue.MISTAKES} == {*get_args(MistakeName)}
    there = anchors(ROOT / "docs/mistakes.md")
    for mistake in catalogue.MISTAKES.values():
        assert mistake.code in there
        assert all((mistake.is_wrong, mistake.why, mistake.mend))
        assert mistake.page == f"docs/mistakes.md#{mistake.code}"
    assert catalogue.mistake_of("a new one").code == "a-new-one"
    assert catalogue.mistake_of(None).code == "not-the-derivative"
    assert catalogue.mistake_of(None).page == ""


# ------------------------------------------------------------------ JSON


def test_json_keeps_its_schema():
    said = [
        verdict(finding()),
        verdict(right()),
        verdict(finding(verdict="cannot tell", diagnosis=None, reason="the optimiser of W ...")),
        Verdict("x.py", "cannot tell", "there is no such file"),
    ]
    for one in said:
        jsonschema.validate(one.to_json(), SCHEMA)
    rows = [Row(one.outline(), one.to_json(), 1.234, None) for one in said]
    jsonschema.validate({"version": 1, "files": [row.to_json() for row in rows]}, SCHEMA)
    wrong = said[0].to_json()
    assert (wrong["line"], wrong["column"], wrong["end_column"]) == (10, 5, 43)
    assert (wrong["mistake_code"], wrong["reason_code"]) == ("updated-too-early", None)
    assert said[2].to_json()["reason_code"] == "optimiser"
    assert said[3].to_json()["reason_code"] == "no-such-file"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**wrong, "verdict": "maybe"}, SCHEMA)


def test_the_column_of_the_second_statement_on_a_line():
    found = finding()
    found.diagnosis = Diagnosis(8, "b2", "wrong sign", True, ["b2"])
    said = verdict(found).to_json()
    line = SOURCE.splitlines()[7]
    assert line[said["column"] - 1 : said["end_column"] - 1] == "b2 -= 0.5 * delta2.sum(0)"


# ------------------------------------------------------------------ formats


def said_of(*verdicts):
    return [(one.outline(), one.to_json()) for one in verdicts]


def test_gnu_lines():
    warned = right(warnings=["it computes another loss"])
    told = Verdict("x y.py", "cannot tell", "there is no such file")
    assert gnu(said_of(verdict(finding()), verdict(right()), verdict(warned), told)).split(
        "\n"
    ) == [
        "net.py:10:5: error: delta1 uses weights that this step has already changed "
        "[updated-too-early]",
        "net.py:1:1: warning: it computes another loss",
        "x y.py:1:1: warning: cannot tell: there is no such file [no-such-file]",
    ]
    assert gnu(said_of(verdict(right()))) == ""


def test_github_commands_are_escaped():
    one = verdict(finding())
    one.path = "a,b:c%\x1b[31m.py"
    assert github(said_of(one)) == (
        "::error file=a%2Cb%3Ac%25\\x1b[31m.py,line=10,col=5,endColumn=43,title=updated-too-early::"
        "delta1 uses weights that this step has already changed"
    )


def test_a_cell_and_a_module_in_the_formats():
    one = verdict(finding())
    one.code.places = [(3, n) for n in range(1, 13)]
    assert gnu(said_of(one)).startswith("net.py:1:1: error: cell 3, line 10: delta1 uses")
    one.code.places = [("parts/deep.py", n) for n in range(1, 13)]
    one.path = "work/net.py"
    assert gnu(said_of(one)).startswith("work/parts/deep.py:10:5: error: delta1 uses")


def test_sarif():
    one = verdict(finding())
    one.path = "my work/net#1.py"
    other = Verdict("/b.py", "cannot tell", "there is no such file")
    log = sarif(said_of(one, verdict(right()), other), "1.0")
    assert (log["version"], [*log["runs"][0]["tool"]["driver"]]) == (
        "2.1.0",
        ["name", "version", "rules"],
    )
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [result["ruleId"] for result in run["results"]]
    for rule in rules:  # what code hosts ask for
        for name in ("shortDescription", "fullDescription", "help"):
            assert rule[name]["text"]
            assert "{" not in rule[name]["text"]
    first, second = run["results"]
    assert (first["level"], second["level"]) == ("error", "warning")
    places = [r["locations"][0]["physicalLocation"] for r in (first, second)]
    assert places[0]["region"] == {"startLine": 10, "startColumn": 5, "endColumn": 43}
    uris = [place["artifactLocation"]["uri"] for place in places]
    assert uris == ["my%20work/net%231.py", "file:///b.py"]


# ------------------------------------------------------------------ a class


def rows():
    third = Verdict("=c.py", "cannot tell", "there is no such file")
    return [
        Row(one.outline(full=True), one.to_json(), 2.0, copy)
        for one, copy in ((verdict(finding()), None), (verdict(right()), "net.py"), (third, None))
    ]


def test_the_table_of_a_class():
    lines = table_of(rows(), Style(100)).splitlines()
    assert lines[0].split() == ["file", "verdict", "line", "mistake,", "or", "reason", "time"]
    assert lines[1].split() == ["net.py", "wrong", "10", "updated", "too", "early", "2.0", "s"]
    assert "the same code as net.py" in lines[2]
    assert "3 files: 1 correct, 1 wrong, 1 cannot tell" in lines
    assert "   1  updated too early" in lines


def test_the_table_says_the_common_folder_once_and_each_file_on_one_line():
    some = rows()
    for row, path in zip(some, ("work/a.py", "work/sub/b.py", "work/c.py"), strict=True):
        row.outline.path = path
    some[2].json = {**some[2].json, "reason": "very long " * 50}
    for unicode in (False, True):
        lines = table_of(some, Style(80, False, unicode)).splitlines()
        assert lines[0].startswith("file in work")
        assert [line.split()[0] for line in lines[1:4]] == ["a.py", "sub/b.py", "c.py"]
        assert lines[4] == ""
        assert max(map(len, lines)) <= 80


def test_files_without_a_common_folder_keep_their_paths():
    some, paths = rows(), ("a.py", "/elsewhere/b.py", "sub/c.py")  # one whole, the others relative
    for row, path in zip(some, paths, strict=True):
        row.outline.path = path
    lines = table_of(some, Style(80)).splitlines()
    assert tuple(line.split()[0] for line in lines[:4]) == ("file", *paths)


@pytest.mark.parametrize("hint", [1, 2, 3])
def test_the_table_with_hints(hint):
    text = table_of(rows(), Style(100), hint)
    assert ("layer 1" in text, " 10 " in text, "updated too early" in text) == (
        hint == 1,
        hint >= 2,
        hint == 3,
    )


def test_the_csv_of_a_class():
    lines = csv_of(rows()).splitlines()
    assert lines[0].startswith("file,verdict,line,cell,module,variable,mistake,mistake_code")
    assert lines[1].startswith("net.py,wrong,10,,,delta1,updated too early,updated-too-early")
    assert lines[3].startswith("'=c.py,cannot tell")  # no formula for a spreadsheet


def test_the_pages_of_a_class():
    some = rows()
    some[1].outline.path = "b/net.py"  # of the same name as another, in another folder
    pages = class_pages(some)
    assert len(pages) == 4
    index = pages.pop("index.html")
    for name in pages:
        assert index.count(f'href="{name}"') == 1
    assert "updated too early</text>" in index
    assert all("http" not in text and "src=" not in text for text in [index, *pages.values()])


def test_a_factor_of_what_a_line_assigns_is_said_to_be_a_part():
    found = finding()
    found.diagnosis.part = True
    assert "a part of delta1[0, 2]: actual 0.06024" in verdict(found).report()
    assert verdict(found).to_json()["value"] == "a part of delta1"


def test_a_page_escapes_what_the_script_says():
    source = SOURCE.replace("    delta1 =", "    '<script>alert(1)</script>'; delta1 =")
    one = verdict(finding(), source=source)
    one.path = "<b>.py"
    text = one._repr_html_()
    assert "<script>" not in text and "<b>" not in text
    assert "&lt;script&gt;" in text
    assert 'title="delta1[0, 2]: actual 0.06024, expected 0.06196, ratio 0.97224"' in text
    assert page.page(one.outline()).startswith("<!doctype html>")


def test_a_verdict_is_short_at_a_prompt():
    assert repr(verdict(right())).startswith("<Verdict: CORRECT: net.py: every update follows")
