"""Streams that are closed, full, or of few characters: an exit code, one line, no traceback."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from xor_torch import XORModule, fit

from ..common import ROOT, run_cli

SHORT = ["train", "--epochs", "3", "--views", "none"]


def shell(redirect, *flags, cwd, **environment):
    """``xor-torch FLAGS REDIRECT`` in a shell."""
    command = f'"$0" -m xor_torch "$@" {redirect}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable, *flags],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def test_a_closed_standard_output_is_refused_before_anything_is_done(tmp_path):
    run = shell(">&-", *SHORT, cwd=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith("xor-torch train: error: standard output is closed; send it")
    assert len(run.stderr.splitlines()) == 1
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_training_goes_on_without_standard_error(redirect, tmp_path):
    run = shell(redirect, *SHORT, cwd=tmp_path)
    assert run.returncode == 0
    assert run.stdout.startswith("Epoch 0, Loss: 0.2558\n")
    assert "True classes" in run.stdout
    assert (tmp_path / "lightning_logs/version_0/checkpoints/last.ckpt").is_file()


def test_an_error_is_not_a_result(tmp_path):
    run = shell("2>&-", "train", "--seed", "-1", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize("flags", ["--help", "train --help", "--version", "train --print-config"])
def test_a_full_standard_output_is_said_in_one_line(flags, tmp_path):
    run = shell(">/dev/full", *flags.split(), cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr.endswith("error: cannot write standard output: No space left on device\n")
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_verdict_is_said_in_every_encoding(encoding, tmp_path):
    # the weights get a name that neither ASCII nor cp1252 has
    source = (ROOT / "docs/my_network.py").read_text(encoding="utf-8")
    (tmp_path / "wrong.py").write_text(source.replace("W2", "größe\u0142"), encoding="utf-8")
    run = shell("", "compare", "wrong.py", cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert run.returncode == 1, run.stderr
    assert "WRONG" in run.stdout
    assert run.stderr == ""


def test_no_further_thread_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    # as with ulimit -u, which does not hold for root
    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threading.Thread, "start", refused)
    assert run_cli("train", "--epochs", 3) == 1
    assert (
        "error: cannot start another process or thread" in capsys.readouterr().err.splitlines()[-1]
    )


def test_predict_answers_each_row_as_it_comes(tmp_path):
    fit(XORModule(seed=3), 5, tmp_path, views="none")
    command = [sys.executable, "-m", "xor_torch", "predict", str(tmp_path / "version_0")]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for row in "0 1", "1,1":
            process.stdin.write(f"{row}\n")
            process.stdin.flush()
            assert "class" in process.stdout.readline()  # before the next row is there
        process.stdin.close()
        assert process.wait() == 0


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
def test_a_line_without_end_is_refused(tmp_path):
    fit(XORModule(seed=3), 5, tmp_path, views="none")
    run = shell("</dev/zero", "predict", str(tmp_path / "version_0"), cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert "line 1: is longer than" in run.stderr
