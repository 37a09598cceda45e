"""Many files at once: which are found, copies, and that a bad file changes only its own row."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from xor_torch.backprop import check_files, find_files, many

from ..common import patience
from ..faults import warm
from .homework import CORRECT, MISTAKES
from .test_check import ended, needs_linux


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_which_files_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["b.py", "a.ipynb", "sub/c.py", "d.txt", ".hidden/e.py", "__pycache__/f.py"]
    names += ["env/pyvenv.cfg", "env/g.py", "sub/.ipynb_checkpoints/h.ipynb", "__init__.py"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(p) for p in find_files(["."])] == ["a.ipynb", "b.py", "sub/c.py"]
    assert [str(p) for p in find_files(["sub", "b.py", "sub/c.py"])] == ["sub/c.py", "b.py"]
    assert [str(p) for p in find_files(["*/*.py"])] == ["env/g.py", "sub/c.py"]
    assert [str(p) for p in find_files(["none.py"])] == ["none.py"]  # its row says that it is not
    for bad, words in {
        "d.txt": "only a .py or .ipynb file is executed",
        "*.x": "no .py or .ipynb file has such a name",
    }.items():
        with pytest.raises(ValueError, match=words):
            find_files(["b.py", bad])


def test_a_copy_is_one_but_for_comments_and_spaces(tmp_path):
    write(tmp_path, a_dot_py="x = 1\n", b_dot_py="x  =  1  # mine\n\n", c_dot_py="x = 2\n")
    write(tmp_path, bad_dot_py="def f(:\n", worse_dot_py="def f(:\n")
    paths = sorted(tmp_path.glob("*.py"))
    assert many.find_copies([*paths, tmp_path / "none.py"]) == {1: str(paths[0])}


class Worker:
    """The process of a worker, forked from one that has imported torch."""

    def __init__(self, folder):
        ways = [folder / f"{name}.{id(self)}" for name in ("asked", "answered")]
        for way in ways:
            os.mkfifo(way)
        self.process = warm.forked(_serve, *ways)
        self.stdin, self.stdout = ways[0].open("wb"), ways[1].open("rb")
        self.kill, self.wait = self.process.kill, self.process.join

    @property
    def returncode(self):
        return self.process.exitcode


def _serve(asked, answered):
    for number, way, how in (0, asked, os.O_RDONLY), (1, answered, os.O_WRONLY):
        os.dup2(os.open(way, how), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    many.serve()


@pytest.fixture
def warm_workers(tmp_path_factory, monkeypatch):
    """Workers need not import torch; `test_compare.py` checks with real ones."""
    folder = tmp_path_factory.mktemp("workers")
    monkeypatch.setattr(many._Worker, "_start", lambda self: Worker(folder))


@pytest.mark.usefixtures("warm_workers")
def test_each_file_has_its_row_and_runs_in_its_own_folder(tmp_path):
    """A file that ends its parent and itself, a broken one, a wrong one: the others are judged."""
    mistake = next(m for m in MISTAKES if m.id == "plain-missing_hidden_derivative")
    wrong, right = (
        source.replace("epochs = 10000", "epochs = 50")
        for source in (mistake.source, CORRECT["plain"])
    )
    reads = "open('data.txt').read()\n"
    kills = (
        "import os, signal\nfor p in (os.getppid(), os.getpid()):\n    os.kill(p, signal.SIGKILL)\n"
    )
    write(
        tmp_path,
        b__kills_dot_py=kills,
        c__broken_dot_py="def f(:\n",
        d__right_dot_py=reads + right,
        d__data_dot_txt="",
        e__wrong_dot_py=wrong,
        f__copy_dot_py=wrong,
    )
    paths, seen = find_files([str(tmp_path)]), []
    rows = check_files(paths, 2, seen.append)
    assert [row.path for row in rows] == [str(p) for p in paths]
    assert sorted(map(id, seen)) == sorted(map(id, rows))
    assert [row.verdict for row in rows] == ["cannot tell"] * 2 + ["correct"] + ["wrong"] * 2
    assert rows[1].json["reason_code"] == "syntax-error"
    assert [row.copy_of for row in rows[3:]] == [None, str(paths[3])]
    assert rows[3].json["mistake"] == "missing hidden derivative"


@pytest.mark.usefixtures("warm_workers")
def test_a_script_that_hangs_costs_one_row(tmp_path):
    write(tmp_path, a_dot_py="while True:\n    pass\n", b_dot_py="def f(:\n")
    rows = check_files(find_files([str(tmp_path)]), timeout=1.0)
    assert [row.json["reason_code"] for row in rows] == ["timeout", "syntax-error"]


def test_a_worker_that_dies_costs_one_row(tmp_path, monkeypatch):
    write(tmp_path, a_dot_py="x = 1\n", b_dot_py="def f(:\n")
    start = many._Worker._start

    def start_and_die(worker):
        process = start(worker)
        if not started:
            os.kill(process.pid, signal.SIGKILL)
        started.append(process)
        return process

    started = []
    monkeypatch.setattr(many._Worker, "_start", start_and_die)
    rows = check_files(find_files([str(tmp_path)]))
    assert "this check was ended: its process ended with exit code -9" in rows[0].json["reason"]
    assert rows[0].json["reason_code"] == "checker-failed"
    assert rows[1].json["reason_code"] == "syntax-error"
    assert all(process.poll() is not None for process in started)  # none outlives the call


def test_no_process_can_be_started(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    write(tmp_path, a_dot_py="x = 1\n", b_dot_py="x = 2\n")
    monkeypatch.setattr(many._Worker, "_start", fail)
    with patience():
        rows = check_files(find_files([str(tmp_path)]))
    assert [row.json["reason_code"] for row in rows] == ["checker-failed"] * 2
    assert "it could not start a process" in rows[0].json["reason"]


@needs_linux
def test_a_folders_scripts_end_with_the_check(tmp_path):
    note = f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    write(tmp_path, a_dot_py=note + "time.sleep(600)\n")
    code = (
        "from pathlib import Path; from xor_torch.backprop import check_files;"
        f"check_files([Path({str(tmp_path / 'a.py')!r})], timeout=600)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as checking, patience():
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.02)
        checking.kill()
    assert ended(tmp_path / "pid")
