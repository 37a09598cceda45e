"""Ctrl-C and SIGTERM at any moment: a checkpoint, one line on how to go on, no traceback."""

import functools
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from xor_torch.lit import runs, saving

from ..common import ROOT
from . import warm

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("whole") / "here"
    warm.run("train", "--epochs", 1, cwd=cwd.with_name("first"))  # which waits for the imports
    begin = time.monotonic()
    command = warm.run("train", "--epochs", 2100, cwd=cwd)
    return warm.the_run(cwd), command.stdout, time.monotonic() - begin


def finish(cwd, whole, printed):
    """Resume the stopped run, and find it as if it had not been stopped."""
    expected, output, _ = whole
    if (cwd / "lightning_logs/version_0" / runs.CHECKPOINT).exists():
        command = warm.run("train", "--resume", "--epochs", 2100, cwd=cwd)
        warm.assert_same_weights(warm.the_run(cwd), expected)
    else:
        command = warm.run("train", "--epochs", 2100, cwd=cwd)
    assert printed + command.stdout == output


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=slow)])
def test_stopped_at_random_moments(whole, tmp_path, times):
    stopped, codes, most = 0, {130: 0, 143: 0}, 0.0
    moments = random.Random(11)
    while stopped < times:
        cwd = tmp_path / str(sum(1 for _ in tmp_path.iterdir()))
        number = list(SIGNALS)[stopped % 2]
        with warm.ended(warm.Command("train", "--epochs", 2100, cwd=cwd)) as command:
            command.until(command.begun.exists)  # on a busy machine that alone takes a while
            time.sleep(moments.uniform(0.1, 0.9) * whole[2])
            before = warm.cpu_seconds(command.process.pid) if warm.LINUX else 0.0
            if before is None or not command.kill(number):
                continue
            taken = 0.0
            while warm.LINUX and (now := warm.cpu_seconds(command.process.pid)) is not None:
                taken = now - before
                time.sleep(0.01)
            code = command.wait()
        if code == 0 and command.stdout == whole[1]:  # it had come to its end
            continue
        if code in (-number, warm.NOT_BEGUN) and not any(cwd.iterdir()):
            continue
        assert code == SIGNALS[number], command.stderr
        assert warm.STOPPED.fullmatch(command.last_words), command.stderr
        assert taken < 2  # seconds of processor time from the signal to the end
        stopped += 1
        codes[code] += 1
        most = max(most, taken)
        finish(cwd, whole, command.stdout)
    print(f"\n{stopped} stopped, exit codes {codes}, at most {most:.2f} s of processor time")


IMPORTS = ["yaml", "numpy.linalg", "torch.nn", "lightning.fabric", "xor_torch.lit"]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    "module", [pytest.param(m, marks=[] if m == "torch.nn" else slow) for m in IMPORTS]
)
def test_stopped_while_importing(tmp_path, module, number):
    command = [sys.executable, "-X", "importtime", ROOT / "scripts/train.py", "--epochs", "100"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # Python writes a line for each module that it has imported
        for line in process.stderr:
            if line.rpartition("|")[2].strip() == module:
                break
        process.send_signal(number)
        out, err = process.communicate()
    said = [line for line in err.splitlines() if line and not line.startswith("import time:")]
    assert process.returncode == SIGNALS[number]
    assert out == ""
    assert len(said) == 1, said
    assert warm.STOPPED.fullmatch(said[0])
    assert not list(tmp_path.rglob("last.ckpt"))


def again_while_saving():
    """A second Ctrl-C comes while the last checkpoint of a stopped run is written."""
    save = saving.BesideCheckpointIO.save_checkpoint

    def interrupted(self, *arguments, **options):
        if signal.getsignal(signal.SIGINT).__self__.signal:
            os.kill(os.getpid(), signal.SIGINT)
        save(self, *arguments, **options)

    saving.BesideCheckpointIO.save_checkpoint = interrupted


def test_twice_ends_at_once(whole, tmp_path):
    cwd = tmp_path / "here"
    command = warm.Command("train", "--epochs", 10**9, cwd=cwd, setup=again_while_saving)
    with warm.ended(command):
        command.until(lambda: "Epoch 1000," in command.stdout)
        command.kill(signal.SIGINT)
        assert command.wait() == 130
    assert command.last_words == (
        "Interrupted; to go on from its last checkpoint: --resume lightning_logs/version_0"
    )
    assert "Epoch 2000" not in command.stdout
    finish(cwd, whole, command.stdout)


def test_before_the_first_epoch_nothing_is_kept_or_all(whole, tmp_path):
    cwd = tmp_path / "here"
    with warm.ended(warm.Command("train", "--epochs", 2100, cwd=cwd)) as command:
        command.until(lambda: list(cwd.rglob("version_0")))
        command.kill(signal.SIGTERM)
        assert command.wait() == 143
    assert warm.STOPPED.fullmatch(command.last_words), command.stderr
    finish(cwd, whole, command.stdout)


def test_ignored_signals_stay_ignored(tmp_path):
    # as under nohup, or in the background of a script
    cwd = tmp_path / "here"
    setup = functools.partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    flags = ["train", "--epochs", 1100, "--views", "none"]
    with warm.ended(warm.Command(*flags, cwd=cwd, setup=setup)) as command:
        command.until(lambda: command.stdout)
        command.kill(signal.SIGINT)
        assert command.wait() == 0


def test_sigterm_ends_a_sweep_as_ctrl_c_does(tmp_path):
    cwd = tmp_path / "here"
    flags = ["sweep", "--seeds", 2, "--epochs", 10**5, "--out", "x.npz"]
    with warm.ended(warm.Command(*flags, cwd=cwd)) as command:
        command.until(lambda: list(cwd.glob("x.npz.blocks/*.claim")))
        command.kill(signal.SIGTERM)
        assert command.wait() == 143
    assert "goes on from x.npz.blocks" in command.last_words
