"""Streams that are closed, full, or encode few characters: an exit code, a line, no traceback."""

import errno
import functools
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from xor_torch import XORModule, fit
from xor_torch.backprop import check

from ..common import ROOT, run_cli
from ..faults import warm

SHORT = ["train", "--epochs", "3", "--views", "none"]


def close_standard_error():
    os.close(2)
    sys.stderr = None  # as Python finds it closed at its start


def fill_standard_error():
    os.dup2(os.open("/dev/full", os.O_WRONLY), 2)


def read_from(path):
    sys.stdin = os.fdopen(os.open(path, os.O_RDONLY))


def speak(encoding):
    """Set the encoding as Python does at its start; try no correction, which would take long."""
    check.MOST_TO_TRY = check.mending.MOST = 0
    os.environ["PYTHONIOENCODING"] = encoding  # for the script's process
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=encoding)


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


def assert_trained(stdout, cwd):
    assert stdout.startswith("Epoch 0, Loss: 0.2558\n")
    assert "True classes" in stdout
    assert (cwd / "lightning_logs/version_0/checkpoints/last.ckpt").is_file()


def test_training_goes_on_with_standard_output_alone(tmp_path):
    run = shell("<&- 2>&-", *SHORT, cwd=tmp_path)
    assert run.returncode == 0
    assert_trained(run.stdout, tmp_path)


@pytest.mark.parametrize("setup", [close_standard_error, fill_standard_error])
def test_training_goes_on_without_standard_error(setup, tmp_path):
    command = warm.run(*SHORT, cwd=tmp_path / "here", setup=setup)
    assert_trained(command.stdout, tmp_path / "here")


def test_an_error_is_not_a_result(tmp_path):
    run = shell("2>&-", "train", "--seed", "-1", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize("flags", ["--help", "train --help", "--version", "train --print-config"])
def test_a_full_standard_output_is_said_in_one_line(flags, tmp_path):
    run = shell(">/dev/full", *flags.split(), cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr.endswith("error: cannot write standard output: No space left on device\n")
    assert len(run.stderr.splitlines()) == 1


@pytest.fixture
def odd_script(tmp_path):
    """A wrong script, whose weights have a name that neither ASCII nor cp1252 has."""
    source = (ROOT / "docs/my_network.py").read_text(encoding="utf-8")
    path = tmp_path / "wrong.py"
    path.write_text(source.replace("W2", "größe\u0142"), encoding="utf-8")
    return path


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_verdict_is_said_in_every_encoding(encoding, odd_script):
    cwd = odd_script.with_name("here")
    command = warm.run(
        "compare", odd_script, cwd=cwd, setup=functools.partial(speak, encoding), code=1
    )
    assert "WRONG" in command.out.read_text(encoding=encoding)
    assert command.stderr == ""


def test_no_further_thread_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    # like ulimit -u, which does not limit root
    def refused(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threading.Thread, "start", refused)
    assert run_cli("train", "--epochs", 3) == 1
    assert (
        "error: cannot start another process or thread" in capsys.readouterr().err.splitlines()[-1]
    )


def test_no_further_process_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    def refused(*_, **__):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xor_torch.sweep.workers.subprocess.Popen", refused)
    monkeypatch.setattr("xor_torch.sweep.run.cores", lambda: 2)
    monkeypatch.setattr("xor_torch.sweep.plan.BLOCK", 4)
    assert run_cli("sweep", "--seeds", 20, "--epochs", 3, "--out", "x.npz") == 1
    assert (
        capsys.readouterr().err.splitlines()[-1]
        == "xor-torch sweep: error: cannot start another process or thread: the limit is reached, "
        "see ulimit -u"
    )


@pytest.fixture
def run_dir(tmp_path):
    fit(XORModule(seed=3), 5, tmp_path, views="none")
    return tmp_path / "version_0"


def test_predict_answers_each_row_as_it_comes(run_dir, tmp_path):
    rows = tmp_path / "rows"
    os.mkfifo(rows)
    setup = functools.partial(read_from, rows)
    command = warm.Command("predict", run_dir, cwd=tmp_path / "here", setup=setup)
    with warm.ended(command), rows.open("w") as pipe:
        for number, row in enumerate(["0 1", "1,1"], 1):
            print(row, file=pipe, flush=True)  # the next row is not there before the answer is
            command.until(lambda lines=number: command.stdout.count("class") == lines)
        pipe.close()
        assert command.wait() == 0


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
@pytest.mark.parametrize(
    ("stream", "said"), [("/dev/zero", "line 1: is longer than"), (os.devnull, "no row on")]
)
def test_no_row_is_refused_before_torch_is_imported(stream, said, run_dir, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would fail
    with Path(stream).open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert run_cli("predict", run_dir) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1
