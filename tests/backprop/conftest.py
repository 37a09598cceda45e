"""Lets checks run their script in a forked process, because most of their time starts NumPy.

Questions that only a real start can answer, such as where modules are found, are tested in
``test_check.py`` and by all tests that run the command.
"""

import functools
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from xor_torch.backprop import check
from xor_torch.backprop.recording import main
from xor_torch.backprop.recording.limits import Limits

from ..faults import warm

# Updates that are recorded in a loop: a twentieth of a user's, and still each kind of step many
# times; in the slow tests a fifth.
UPDATES, MORE_UPDATES = 32, 128


def _run(argv, cwd, env, updates):
    main.Limits = functools.partial(Limits, updates=updates)
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    if cwd:
        os.chdir(cwd)
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    sys.path.insert(0, "")  # `main` puts the script's folder in its place
    main.main(argv)


class Forked:
    """The part of `subprocess.Popen` that a check uses."""

    updates = UPDATES

    def __init__(self, command, cwd, env, **streams):
        assert streams.pop("start_new_session")
        assert {*streams.values()} == {subprocess.DEVNULL}
        cwd = cwd or Path.cwd()
        self.process = warm.forked(_run, command[2:], cwd, env, self.updates)
        self.pid, self.kill = self.process.pid, self.process.kill
        self.terminate = self.process.terminate

    def send_signal(self, number):
        if self.process.is_alive():
            os.kill(self.pid, number)

    def wait(self, timeout=None):
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired("a script", timeout)
        return self.process.exitcode


@pytest.fixture
def forked(monkeypatch, request):
    """Run the script of each check in a fork of a process that has imported everything.

    The recordings are short, those of tests that are marked as slow are longer.
    A check without a time limit of its own gets ten times as long as a user's, so that a busy
    machine gives the same answer as a quiet one.
    """
    usual = check.check_file.__defaults__
    longer = tuple(10 * d if type(d) is float and d == 60 else d for d in usual)
    assert longer != usual
    monkeypatch.setattr(check.check_file, "__defaults__", longer)
    if request.node.get_closest_marker("slow"):
        monkeypatch.setattr(Forked, "updates", MORE_UPDATES)
    one = types.SimpleNamespace(**{**vars(subprocess), "Popen": Forked})
    monkeypatch.setattr(check, "subprocess", one)
