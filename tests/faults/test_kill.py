"""kill -9 at any moment loses nothing: the resumed run is the uninterrupted one."""

import functools
import os
import random
import signal
import threading
from pathlib import Path

import pytest

from xor_torch import files, lit
from xor_torch.lit import runs, schedule

from ..common import NOTEBOOK
from . import warm


def checkpoint_every(epochs):
    schedule.CHECKPOINT_EVERY = epochs


def die_while_writing(which, every):
    """A setup: the process kills itself in the middle of its `which`-th checkpoint."""
    checkpoint_every(every)
    write_bytes, count = Path.write_bytes, iter(range(10**9))

    def half(path, data):
        if next(count) == which:
            with path.open("wb") as file:
                file.write(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return write_bytes(path, data)

    Path.write_bytes = half


def die_soon_after(which, every, delay):
    """A setup: the process kills itself `delay` seconds after its `which`-th checkpoint, from 1.

    The moment is arbitrary, but it depends on the work that is done: a clock that starts with the
    process would find a busy machine still importing. 0 stands for the beginning.
    """
    checkpoint_every(every)
    write_bytes, count = Path.write_bytes, iter(range(1, 10**9))

    def start_the_clock():
        clock = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL))
        clock.daemon = True  # a run that comes to its end first is not held up
        clock.start()

    def counted(path, data):
        written = write_bytes(path, data)
        if next(count) == which:
            start_the_clock()
        return written

    Path.write_bytes = counted
    if which == 0:
        start_the_clock()


def die_after_printing(epoch):
    """A setup: the process kills itself when a line is printed and not yet noted."""
    write_out = files.write_out

    def die(text):
        write_out(text)
        lines.append(text)
        if len(lines) * schedule.REPORT_EVERY > epoch:
            os.kill(os.getpid(), signal.SIGKILL)

    lines = []
    files.write_out = die


EVERY = 50  # epochs, a checkpoint


@pytest.fixture(scope="module", params=[pytest.param(10_000, marks=pytest.mark.slow), 2100])
def whole(request, tmp_path_factory):
    """A run that nobody interrupts."""
    epochs = request.param
    cwd = tmp_path_factory.mktemp("whole") / "here"
    setup = functools.partial(checkpoint_every, EVERY)
    command = warm.run("train", *flags_of(epochs), cwd=cwd, setup=setup)
    if epochs == 10_000:
        assert command.stdout == NOTEBOOK
    return epochs, warm.the_run(cwd), command.stdout


def flags_of(epochs):
    return ["--epochs", epochs, "--views", "all" if epochs == 10_000 else "scalars"]


def go_on(cwd, whole, printed, resume=()):
    """Resume the killed run in `cwd` (or start anew if it had not begun), and compare all."""
    epochs, expected, _ = whole
    checkpoint = cwd / "lightning_logs/version_0" / runs.CHECKPOINT
    begun = checkpoint.exists()
    if begun:
        lit.load(checkpoint)
        command = warm.run("train", "--resume", *resume, cwd=cwd)
        found = warm.the_run(cwd)
    else:
        assert printed == ""
        command = warm.run("train", *flags_of(epochs), cwd=cwd)
        found = max((cwd / "lightning_logs").iterdir())
    joined = printed + command.stdout
    warm.assert_same_weights(found, expected)
    assert warm.curves(found) == warm.curves(expected)
    assert not [path for path in found.rglob(".*") if path.is_file()]
    return begun, joined


def without_repetition(text):
    """The output without the line that may be there twice."""
    lines = text.splitlines(keepends=True)
    pairs = zip(["", *lines], lines, strict=False)
    return "".join(new for old, new in pairs if new != old or not new.startswith("Epoch"))


def test_killed_at_random_moments(whole, tmp_path):
    epochs, _, output = whole
    kills, moments = 100 if epochs == 10_000 else 3, random.Random(7)
    begun, half, exact, tried = 0, 0, 0, 0
    while tried < kills:
        cwd = tmp_path / f"{epochs}.{random.randbytes(4).hex()}"
        # one of three in the beginning, when there may be no checkpoint
        which = moments.randrange(1, epochs // EVERY) if tried % 3 else 0
        setup = functools.partial(die_soon_after, which, EVERY, moments.uniform(0, 0.1))
        with warm.ended(warm.Command("train", *flags_of(epochs), cwd=cwd, setup=setup)) as first:
            if first.wait() != -signal.SIGKILL or first.stdout == output:
                continue  # it had come to its end
        tried += 1
        half += any((cwd / "lightning_logs").rglob(".last.ckpt.*"))
        in_the_middle, joined = go_on(cwd, whole, first.stdout)
        assert in_the_middle or which == 0
        begun += in_the_middle
        exact += joined == output
        assert without_repetition(joined) == output
    print(f"\n{tried} kills, {begun} of them with a checkpoint, {half} while one was written,")
    print(f"{exact} joined exactly")
    assert exact >= tried - 1  # see `console.Report`


RUN = "lightning_logs/version_0"


@pytest.mark.parametrize("resume", [[], [RUN], [f"{RUN}/{runs.CHECKPOINT}"]])
def test_killed_while_a_checkpoint_is_written(whole, tmp_path, resume):
    epochs, _, output = whole
    which = random.Random(len(str(resume))).randrange(1, epochs // EVERY)
    cwd = tmp_path / "here"
    setup = functools.partial(die_while_writing, which, EVERY)
    first = warm.run("train", *flags_of(epochs), cwd=cwd, setup=setup, code=-signal.SIGKILL)
    assert any(warm.the_run(cwd).rglob(".last.ckpt.*"))
    begun, joined = go_on(cwd, whole, first.stdout, resume)
    assert begun
    assert joined == output


def test_killed_several_times(whole, tmp_path):
    epochs, _, output = whole
    cwd = tmp_path / "here"
    printed = ""
    for which, resume in ((20, []), (15, ["--resume"]), (0, ["--resume"])):
        command = warm.run(
            "train", *(resume or flags_of(epochs)), cwd=cwd, code=-signal.SIGKILL,
            setup=functools.partial(die_while_writing, which, EVERY),
        )  # fmt: skip
        printed += command.stdout
    _, joined = go_on(cwd, whole, printed)
    assert joined == output


def test_killed_between_a_line_and_its_note(whole, tmp_path):
    # the one moment that cannot be told: the line comes twice, and none is lost
    epochs, _, output = whole
    cwd = tmp_path / "here"
    setup = functools.partial(die_after_printing, 2000)
    first = warm.run("train", *flags_of(epochs), cwd=cwd, setup=setup, code=-signal.SIGKILL)
    again = first.stdout.splitlines(keepends=True)[-1]
    assert again.startswith("Epoch 2000, ")
    _, joined = go_on(cwd, whole, first.stdout)
    assert joined == output.replace(again, again * 2)
    assert without_repetition(joined) == output


def assert_survives(call, how, which, cwd, whole):
    """A system call of a run fails, or a signal comes with it: the run can go on undisturbed."""
    epochs, _, output = whole
    setup = functools.partial(
        warm.after, functools.partial(checkpoint_every, EVERY), warm.wait_for_go
    )
    with warm.ended(
        warm.Command("train", *flags_of(epochs), cwd=cwd, setup=setup, piped=True)
    ) as command:
        code = warm.inject(command, call, how, which)
    assert "Traceback" not in command.stderr, (call, how, which, command.stderr)
    assert code in warm.ENDS[how.partition("=")[0]], (call, how, which, code, command.stderr)
    if code == 0:
        assert command.stdout == output
    else:
        go_on(cwd, whole, command.stdout)
    return code


@pytest.mark.parametrize(
    ("call", "how", "which"),
    [
        ("rename", "signal=KILL", "3"),
        ("unlink", "error=EACCES", "2"),
        ("mkdir", "error=EIO", "2"),
        ("write", "error=ENOSPC", "30+"),
    ],
)
def test_a_system_call_of_a_run_fails(call, how, which, whole, tmp_path):
    assert_survives(call, how, which, tmp_path / "here", whole)


@pytest.mark.slow
@pytest.mark.parametrize("call", warm.CALLS)
def test_any_system_call_of_a_run_fails(call, whole, tmp_path):
    moments = random.Random(call)
    codes = []
    for number in range(10):
        how = moments.choice(warm.HOWS)
        which = f"{moments.randint(1, 120)}{moments.choice(['', '+'])}"
        codes.append(assert_survives(call, how, which, tmp_path / f"here{number}", whole))
    print(f"\n{call}: exit codes {codes}")
