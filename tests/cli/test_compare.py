"""``compare FILE``: what is printed and written for one file and for many."""

import csv
import functools
import json
import os
import pty
import re
import select
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from tqdm import tqdm

from xor_torch.backprop.saying import outline
from xor_torch.cli import compare

from ..common import ROOT, run_cli
from ..faults import warm

SCHEMA = json.loads(files("xor_torch.backprop.saying").joinpath("verdict.schema.json").read_text())
WRONG = ROOT / "docs/my_network.py"


@pytest.fixture
def handed_in(tmp_path, monkeypatch):
    """A folder with two files that take no time: they do not parse."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "anna.py").write_text("def f(:\n")
    (folder / "ben.py").write_text("\n\nx = = 3\n")
    return folder


@pytest.mark.usefixtures("forked")
def test_a_wrong_file_in_each_form(capsys):
    assert run_cli("compare", WRONG, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    assert (found["line"], found["mistake_code"]) == (26, "updated-too-early")
    assert run_cli("compare", WRONG, "--format", "gnu") == 1
    assert capsys.readouterr().out.startswith(f"{WRONG}:26:5: error: delta1 uses weights")
    assert run_cli("compare", WRONG, "--hint", 2) == 1
    assert capsys.readouterr().out == f"WRONG: {WRONG}: look at line 26\n"


def test_a_folder_is_a_table(handed_in, capsys):
    assert run_cli("compare", "work") == 2
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split()[:4] == ["file", "in", "work", "verdict"]
    assert [line.split()[:3] for line in lines[1:3]] == [
        ["anna.py", "cannot", "tell"],
        ["ben.py", "cannot", "tell"],
    ]
    assert "2 files: 2 cannot tell" in lines
    done = sorted(re.sub(r"^\[\d/2\] ", "", line) for line in captured.err.splitlines())
    assert [line.split(":")[1] for line in done] == [" work/anna.py", " work/ben.py"]


def test_the_files_of_a_class(handed_in, capsys):
    call = ["compare", "work", "--json", "--csv", "class.csv", "--html", "pages"]
    assert run_cli(*call) == 2
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    assert [one["reason_code"] for one in found["files"]] == ["syntax-error"] * 2
    with Path("class.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [row["file"] for row in rows] == ["work/anna.py", "work/ben.py"]
    index = (handed_in.parent / "pages/index.html").read_text()
    for name in re.findall(r'href="([^"]*)"', index):
        assert (handed_in.parent / "pages" / name).is_file()
    assert run_cli(*call) == 2
    assert "class.csv exists; --force overwrites it" in capsys.readouterr().err
    assert run_cli(*call, "--force") == 2


def test_sarif_and_github_of_many(handed_in, capsys):
    assert run_cli("compare", "work/*.py", "--format", "sarif") == 2
    log = json.loads(capsys.readouterr().out)
    assert [r["ruleId"] for r in log["runs"][0]["results"]] == ["syntax-error"] * 2
    assert run_cli("compare", "work", "--format", "github") == 2
    assert capsys.readouterr().out.startswith("::warning file=work/anna.py,line=1,")


def sit_at(terminal):
    """A setup: standard input, output and error are a terminal of 70 columns."""
    for number in range(3):
        os.dup2(os.open(terminal, os.O_RDWR), number)
    sys.stdout, sys.stderr = (open(fd, "w", closefd=False) for fd in (1, 2))  # noqa: SIM115
    os.environ.update(TERM="xterm", COLUMNS="70")
    os.environ.pop("NO_COLOR", None)


def test_a_terminal_gets_colour_and_a_word_at_once(tmp_path):
    """On a real terminal of 70 columns, and no line of the report is wider."""
    ours, theirs = pty.openpty()
    setup = functools.partial(sit_at, os.ttyname(theirs))
    command = warm.Command("compare", WRONG, cwd=tmp_path / "here", setup=setup)
    command.until(lambda: select.select([ours], [], [], 0)[0])
    os.close(theirs)
    text = b""
    while chunk := _read(ours):
        text += chunk
    os.close(ours)
    assert command.wait() == 1
    shown = text.decode()
    begin = shown.index("WRONG")
    assert "Loading the checker" in shown[:begin]
    assert "running my_network.py" in shown[:begin] or "judging" in shown[:begin]
    report = shown[shown.rindex("\x1b[1;31mWRONG") :]
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", report).splitlines()
    assert max(map(len, plain)) <= 70
    assert any(line.startswith("▶ 26 │") for line in plain)


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side is closed
        return b""


def test_the_last_hint_of_the_command_is_the_whole_report():
    assert compare.WHOLE_REPORT == outline.WHOLE_REPORT


def test_the_bar_needs_no_thread(monkeypatch, capsys):
    # where none can be started, tqdm would warn of it
    def fail(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("tqdm.std.TMonitor", fail)
    monkeypatch.setattr(tqdm, "monitor", None)
    monkeypatch.setattr(tqdm, "monitor_interval", 10)
    assert run_cli("compare", "--epochs", 3) == 0
    assert capsys.readouterr().err == ""
