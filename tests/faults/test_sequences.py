"""Any sequence of commands in one directory leaves what each of them promises.

A state machine of hypothesis calls `train`, `train --resume`, `sweep` and `predict`, kills some of
them at arbitrary moments, and knows after each step which runs and which files there must be, and
what is in them: the numbers of the same network, trained in one go where nothing else happens.
"""

import contextlib
import functools
import io
import os
import shutil
import signal
import tempfile
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from xor_torch import cli, data, manual
from xor_torch.lit import checkpoint, runs
from xor_torch.sweep import sweep

from . import warm
from .test_kill import die_while_writing

EVERY = 4  # epochs from checkpoint to checkpoint
RUNS = Path("lightning_logs")

seeds = st.integers(0, 3)
rates = st.sampled_from([0.1, 2.0])
epochs = st.integers(1, 20)
names = st.sampled_from(["a.npz", "b.npz"])


def call(*words):
    """The exit code of a command in this process, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main([str(word) for word in words])
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return code, out.getvalue(), err.getvalue()


@cache
def trained(seed, lr, done):
    """The weights after `done` epochs, never interrupted, from a directory of their own."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--seed", seed, "--lr", lr, "--epochs", done, "--views", "none"]
        assert call("train", *flags, "--log-dir", folder)[0] == 0
        return warm.weights(Path(folder, "version_0"))


def sweep_without_pictures(count, lr, out, force=False):
    """`sweep` without the command's pictures, which take most of its time; the exit code."""
    try:
        sweep(count, epochs=30, lr=lr, out=out, force=force)
    except FileExistsError:
        return 2
    return 0


@cache
def swept(count, lr):
    """The bytes of an undisturbed sweep."""
    with tempfile.TemporaryDirectory() as folder:
        assert sweep_without_pictures(count, lr, Path(folder, "x.npz")) == 0
        return Path(folder, "x.npz").read_bytes()


def die_soon(delay):
    """A setup: the process kills itself `delay` seconds after its beginning."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, delay)


class Commands(RuleBasedStateMachine):
    """One directory, and what must be in it."""

    def __init__(self):
        super().__init__()
        self.before = Path.cwd()
        self.here = Path(tempfile.mkdtemp(), "here")
        self.here.mkdir()
        os.chdir(self.here)
        self.runs = {}  # number -> (seed, lr, epochs that were asked for)
        self.files = {}  # name of a finished sweep -> its bytes
        self.begun = {}  # name of a killed sweep -> (count, lr)

    def teardown(self):
        os.chdir(self.before)
        shutil.rmtree(self.here.parent)

    # --- what is known of the runs -----------------------------------------------------------

    def done(self, number):
        """The epochs that a run has done; None if it was killed before its first checkpoint."""
        path = RUNS / f"version_{number}" / runs.CHECKPOINT
        return checkpoint.read(path)["global_step"] if path.exists() else None

    def can_go_on(self):
        return [number for number in self.runs if self.done(number) is not None]

    def new_run(self, seed, lr, asked):
        """Note that the only new directory belongs to this run."""
        there = {int(path.name.removeprefix("version_")) for path in RUNS.glob("version_*")}
        (number,) = there - {*self.runs}
        self.runs[number] = (seed, lr, asked)
        return number

    # --- the commands ------------------------------------------------------------------------

    @rule(seed=seeds, lr=rates, asked=epochs)
    def train(self, seed, lr, asked):
        flags = ["--seed", seed, "--lr", lr, "--epochs", asked, "--views", "none"]
        code, out, _ = call("train", *flags)
        assert code == 0
        assert out.startswith("Epoch 0, Loss: ")
        assert self.done(self.new_run(seed, lr, asked)) == asked

    @rule(seed=seeds, lr=rates, asked=epochs, which=st.integers(0, 7))
    def train_and_kill(self, seed, lr, asked, which):
        flags = ["--seed", seed, "--lr", lr, "--epochs", asked, "--views", "none"]
        setup = functools.partial(die_while_writing, which, EVERY)
        with warm.ended(warm.Command("train", *flags, cwd=self.here, setup=setup)) as command:
            code = command.wait()
        assert code in (0, -signal.SIGKILL), command.stderr
        number = self.new_run(seed, lr, asked)
        if code == 0:
            assert self.done(number) == asked

    @precondition(lambda self: self.can_go_on())
    @rule(choice=st.randoms(use_true_random=False), more=st.integers(1, 9))
    def resume(self, choice, more):
        number = choice.choice(self.can_go_on())
        done = self.done(number)
        code, out, _ = call(
            "train", "--resume", RUNS / f"version_{number}", "--epochs", done + more
        )
        assert code == 0
        assert out.count("Final Predictions") == 1
        seed, lr, _ = self.runs[number]
        self.runs[number] = (seed, lr, done + more)
        assert self.done(number) == done + more

    @precondition(lambda self: self.can_go_on())
    @rule(choice=st.randoms(use_true_random=False), more=st.integers(1, 9), which=st.integers(0, 2))
    def resume_and_kill(self, choice, more, which):
        number = choice.choice(self.can_go_on())
        done = self.done(number)
        flags = ["--resume", RUNS / f"version_{number}", "--epochs", done + more]
        setup = functools.partial(die_while_writing, which, EVERY)
        with warm.ended(warm.Command("train", *flags, cwd=self.here, setup=setup)) as command:
            assert command.wait() in (0, -signal.SIGKILL), command.stderr
        seed, lr, _ = self.runs[number]
        self.runs[number] = (seed, lr, done + more)
        assert done <= self.done(number) <= done + more

    @precondition(lambda self: any(self.done(n) > 1 for n in self.can_go_on()))
    @rule()
    def resume_to_what_is_done_already(self):
        number = next(n for n in self.can_go_on() if self.done(n) > 1)
        done = self.done(number)
        code, out, err = call("train", "--resume", RUNS / f"version_{number}", "--epochs", done - 1)
        assert (code, out, len(err.splitlines())) == (2, "", 1), err
        assert self.done(number) == done

    @precondition(lambda self: self.can_go_on())
    @rule(row=st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1)]))
    def predict(self, row):
        number = self.can_go_on()[0]
        code, out, _ = call("predict", RUNS / f"version_{number}", *row)
        seed, lr, _ = self.runs[number]
        w = trained(seed, lr, self.done(number)) if self.done(number) else None
        if w is None:
            parameters = data.initial_weights(seed)
        else:
            order = ("hidden.weight", "hidden.bias", "output.weight", "output.bias")
            W1, b1, W2, b2 = (w[name].numpy() for name in order)
            parameters = data.Parameters(W1.T, b1[None], W2.T, b2[None])
        X, _ = data.truth_table()
        p = float(manual.forward(X, parameters).a2[2 * row[0] + row[1], 0])
        assert (code, out) == (0, f"{p:.6g}  class {int(p >= 0.5)}\n")

    @rule(name=names, count=st.sampled_from([3, 40]), lr=rates, force=st.booleans())
    def sweep(self, name, count, lr, force):
        code = sweep_without_pictures(count, lr, name, force)
        another = self.begun.get(name, (count, lr)) != (count, lr)
        if not force and (name in self.files or another):
            assert code == 2
            return
        assert code == 0
        self.files[name] = swept(count, lr)
        self.begun.pop(name, None)

    @rule(name=names, lr=rates, delay=st.floats(0.001, 0.1))
    def sweep_and_kill(self, name, lr, delay):
        if name in self.files or name in self.begun:
            return
        setup = functools.partial(die_soon, delay)
        flags = ["--seeds", 40, "--epochs", 30, "--lr", lr, "--out", name, "--log-dir", "pictures"]
        with warm.ended(warm.Command("sweep", *flags, cwd=self.here, setup=setup)) as command:
            code = command.wait()
        assert code in (0, -signal.SIGKILL), command.stderr
        if Path(name).exists():
            self.files[name] = swept(40, lr)
        elif Path(f"{name}.blocks/plan.json").exists():  # before that, any sweep may begin there
            self.begun[name] = (40, lr)

    # --- what must be true after each of them ------------------------------------------------

    @invariant()
    def every_run_is_there_and_is_the_uninterrupted_one(self):
        there = {path.name for path in RUNS.glob("*")}
        assert there == {f"version_{number}" for number in self.runs}
        for number, (seed, lr, asked) in self.runs.items():
            done = self.done(number)
            if done is None:
                continue
            assert done <= asked
            if done:
                found = warm.weights(RUNS / f"version_{number}")
                for name, value in trained(seed, lr, done).items():
                    assert torch.equal(found[name], value), (number, name)

    @invariant()
    def every_finished_sweep_is_whole(self):
        assert {path.name for path in Path.cwd().glob("*.npz")} == {*self.files}
        for name, expected in self.files.items():
            assert Path(name).read_bytes() == expected


@pytest.mark.parametrize(
    ("examples", "steps"), [(3, 8), pytest.param(25, 30, marks=pytest.mark.slow)]
)
def test_any_sequence(examples, steps):
    run = settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        derandomize=examples < 10,
        suppress_health_check=[*HealthCheck],
    )
    machine = type("Sequence", (Commands,), {})
    machine.TestCase.settings = run
    machine.TestCase().runTest()


def test_a_run_that_forgets_an_epoch_is_noticed(monkeypatch):
    """A mutant: the checkpoint after a resume says one epoch more than was trained."""
    read = checkpoint.read

    def one_more(path):
        state = read(path)
        return {**state, "global_step": state["global_step"] + 1}

    machine = Commands()
    try:
        machine.train(3, 2.0, 6)
        machine.every_run_is_there_and_is_the_uninterrupted_one()
        monkeypatch.setattr(checkpoint, "read", one_more)
        machine.runs[0] = (3, 2.0, 9)
        with pytest.raises(AssertionError):
            machine.every_run_is_there_and_is_the_uninterrupted_one()
    finally:
        machine.teardown()


def test_a_finished_sweep_that_changes_is_noticed():
    machine = Commands()
    try:
        machine.sweep("a.npz", 3, 0.1, False)
        machine.every_finished_sweep_is_whole()
        Path("a.npz").write_bytes(swept(3, 2.0))
        with pytest.raises(AssertionError):
            machine.every_finished_sweep_is_whole()
    finally:
        machine.teardown()
