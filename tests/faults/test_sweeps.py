"""A sweep is killed, doubled, replaced, or its disk fails: nothing is lost, and nothing mixed.

Whatever happens, the file is then whole or absent, and the same call ends with the bytes of an
undisturbed sweep.

The file is long because each interruption needs a process that is stopped at the right moment.
"""

import contextlib
import functools
import importlib
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from xor_torch.sweep import Result, plan, plots, run, sweep, workers
from xor_torch.sweep.blocks import Blocks
from xor_torch.sweep.plan import make_plan, read_plan, write_plan

from . import warm

slow = pytest.mark.slow
linux = pytest.mark.skipif(not warm.LINUX, reason="looks into /proc")

FLAGS = ("sweep", "--seeds", 20, "--out", "x.npz")
SHORT, LONG = ("--epochs", 10), ("--epochs", 300)  # in LONG most of the time goes into training
FOREVER = ("--epochs", 8 * 10**6)  # ten minutes
UNDER_WAY = "--out x.npz: another sweep is under way in x.npz.blocks; "


def small_blocks(processes=1, pictures=False):
    """Four blocks of five seeds, taken by the command itself or by workers."""
    plan.BLOCK = 8
    plan.WORTH_COMPILING = math.inf
    run.cores = lambda: processes
    plots.DPI = 20  # pictures would take most of the time
    if not pictures:
        plots.save_figures = lambda *_: {}
        plots.log_figures = lambda *_: None


with_pictures = functools.partial(small_blocks, pictures=True)


def start(*flags, cwd, setup=small_blocks, **options):
    return warm.Command(*FLAGS, *flags, cwd=cwd, setup=setup, **options)


def finish(cwd, *flags, code=0, setup=small_blocks):
    """Make the call in `cwd`, which must end with `code`."""
    command = start(*flags, cwd=cwd, setup=setup)
    found = command.wait()
    assert found == code, (found, command.stderr)
    return command


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of an undisturbed sweep, by its flags."""

    @functools.cache
    def of(*flags):
        cwd = tmp_path_factory.mktemp("whole") / "here"
        finish(cwd, *flags)
        return (cwd / "x.npz").read_bytes()

    return of


def assert_goes_on(cwd, expected, *flags, setup=small_blocks):
    """The file is whole or absent; the same call gives the expected bytes and no other file."""
    out = cwd / "x.npz"
    if out.exists():
        assert out.read_bytes() == expected
        again = finish(cwd, *flags, code=2)
        assert "--out x.npz exists" in again.last_words
        finish(cwd, *flags, "--force", setup=setup)
    else:
        finish(cwd, *flags)
    assert out.read_bytes() == expected
    pictures = {f"x-{name}.png" for name in ("loss", "curves", "solved")}
    there = {path.name for path in cwd.iterdir()} - pictures
    assert there == {"x.npz", "lightning_logs"}


# --- killed at a moment of its choice --------------------------------------------------------

MOMENTS = {
    "before the plan": ("run.write_plan", "before"),
    "with the plan": ("run.write_plan", "after"),
    "before the first block": ("blocks.Blocks.claims", "before"),
    "with the first claim": ("blocks.Claim.beat", "after"),
    "before a block is written": ("blocks.Claim.finish", "before"),
    "while a block is written": ("blocks.write_arrays", "half"),
    "between blocks": ("blocks.Claim.finish", "after"),
    "before the merge": ("blocks.Blocks.merge", "before"),
    "after the merge": ("blocks.Blocks.merge", "after"),
    "while the file is written": ("result.write_arrays", "half"),
    "with the file": ("result.Result.save", "after"),
    "before clearing": ("run.clear", "before"),
    "after clearing": ("run.clear", "after"),
    "before the pictures": ("plots.save_figures", "before"),
    "while a picture is written": ("plots.Figure.savefig", "after"),
    "with the pictures": ("plots.save_figures", "after"),
    "with their event file": ("plots.log_figures", "after"),
}


def blocks_for(moment):
    """With pictures for moments that concern them: half a picture is drawn again, too."""
    return with_pictures if "picture" in moment or "event" in moment else small_blocks


def die_at(moment, number):
    """A setup: the process sends itself a signal when it first reaches one of MOMENTS."""
    blocks_for(moment)()
    name, when = MOMENTS[moment]
    module, *owners, attribute = name.split(".")
    owner = importlib.import_module(f"xor_torch.sweep.{module}")
    for inner in owners:
        owner = getattr(owner, inner)
    original = getattr(owner, attribute)
    write_bytes = Path.write_bytes

    def die():
        setattr(owner, attribute, original)
        Path.write_bytes = write_bytes
        os.kill(os.getpid(), number)

    def half(path, data):
        write_bytes(path, data[: len(data) // 2])
        die()
        return write_bytes(path, data)

    def dying(*args, **kwargs):
        if when == "before":
            die()
        if when == "half":
            Path.write_bytes = half
        found = original(*args, **kwargs)
        if when == "after":
            die()
        return found

    setattr(owner, attribute, dying)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at(moment, tmp_path, whole):
    cwd = tmp_path / "here"
    setup = functools.partial(die_at, moment, signal.SIGKILL)
    with warm.ended(start(*SHORT, cwd=cwd, setup=setup)) as command:
        assert command.wait() == -signal.SIGKILL, command.stderr
    assert_goes_on(cwd, whole(*SHORT), *SHORT, setup=blocks_for(moment))


INTERRUPTED = ["before the plan", "with the first claim", "between blocks", "after the merge"]
LATER = ["while the file is written", "before clearing", "before the pictures"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [*INTERRUPTED, *LATER])
def test_interrupted_at(moment, number, tmp_path, whole):
    cwd = tmp_path / "here"
    setup = functools.partial(die_at, moment, number)
    with warm.ended(start(*SHORT, cwd=cwd, setup=setup)) as command:
        assert command.wait() == 128 + number, command.stderr
    assert "nterrupted" in command.stderr
    if moment in INTERRUPTED[1:]:
        assert command.last_words == "The same command goes on from x.npz.blocks"
    assert_goes_on(cwd, whole(*SHORT), *SHORT, setup=blocks_for(moment))


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=slow)])
def test_killed_at_random_moments(kills, tmp_path, whole):
    """From the first line of the command to its last; one in ten draws pictures, too."""
    moments = random.Random(kills)

    def seconds(setup):
        path = tmp_path / "seconds"
        tell = functools.partial(warm.after, setup, functools.partial(warm.tell_seconds, path))
        finish(tmp_path / "quiet", *LONG, "--force", setup=tell)
        return float(path.read_text())

    least, most = seconds(small_blocks), seconds(with_pictures)
    tried, plans, blocks, files = 0, 0, 0, 0
    while tried < kills:
        cwd = tmp_path / f"killed{tried}"
        shutil.rmtree(cwd, ignore_errors=True)
        setup, end = (with_pictures, most) if tried % 10 == 2 else (small_blocks, least)
        die = functools.partial(warm.die_after, moments.uniform(0, end))
        with warm.ended(
            start(*LONG, cwd=cwd, setup=functools.partial(warm.after, setup, die))
        ) as command:
            if command.wait() != -warm.ENDED:
                continue  # it had come to its end
        tried += 1
        plans += (cwd / "x.npz.blocks/plan.json").exists()
        blocks += any(cwd.glob("x.npz.blocks/*.npz"))
        files += (cwd / "x.npz").exists()
        assert_goes_on(cwd, whole(*LONG), *LONG, setup=setup)
    print(f"\n{tried} kills: {plans} with a plan, {blocks} with blocks, {files} with the file")


# --- its processes ---------------------------------------------------------------------------


def holders(cwd):
    """The processes that hold a block."""
    found = set()
    for path in (cwd / "x.npz.blocks").glob("*.claim"):
        with contextlib.suppress(FileNotFoundError, ValueError):
            found.add(json.loads(path.read_text())["pid"])
    return found


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def state(pid):
    """R: it runs; T: it is stopped; Z or X: it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def gone(pid):
    return state(pid) in "ZX"


def until(condition):
    end = time.monotonic() + warm.PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


two_workers = functools.partial(small_blocks, 2)


@linux
@pytest.mark.parametrize("early", [True, False])
def test_workers_end_with_their_parent(early, tmp_path, whole):
    # their blocks would last for ever
    cwd = tmp_path / "here"
    with warm.ended(start(*FOREVER, cwd=cwd, setup=two_workers)) as command:
        command.until(lambda: len(children(command.process.pid)) == 2)
        if not early:  # they are done with their imports
            command.until(lambda: len(holders(cwd)) == 2)
        workers = children(command.process.pid)
        command.kill(signal.SIGKILL)
        assert command.wait() == -signal.SIGKILL
    until(lambda: all(map(gone, workers)))
    finish(cwd, *SHORT, "--force")
    assert (cwd / "x.npz").read_bytes() == whole(*SHORT)


def test_a_worker_ends_where_the_system_does_not_end_it():
    code = (
        "import threading, time; from xor_torch.parent import end_with_input;"
        "threading.Thread(target=end_with_input, daemon=True).start();"
        "print('up', flush=True); time.sleep(1000)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"up\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(warm.PATIENCE) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def start_worker(tmp_path, numpy):
    """A worker that finds `numpy` in place of NumPy, its first import that takes long."""
    (tmp_path / "numpy.py").write_text(numpy)
    command, environment = workers.command(0, tmp_path)
    return subprocess.Popen(
        command, env={**environment, "PYTHONPATH": str(tmp_path)}, stdin=subprocess.PIPE
    )


PR_GET_PDEATHSIG = 2


@linux
def test_a_worker_asks_for_its_end_before_it_imports_what_takes_long(tmp_path):
    asks = (
        "import ctypes, os; number = ctypes.c_int();"
        f"ctypes.CDLL(None).prctl({PR_GET_PDEATHSIG}, ctypes.byref(number));"
        "os._exit(number.value)"
    )
    with start_worker(tmp_path, asks) as process:
        assert process.wait(warm.PATIENCE) == signal.SIGKILL


def test_a_worker_whose_parent_ended_while_it_started_imports_nothing(tmp_path):
    with start_worker(tmp_path, "import os; os._exit(9)") as process:
        process.stdin.close()
        assert process.wait(warm.PATIENCE) == 1


@linux
@pytest.mark.parametrize("killed", [1, 2])
def test_killed_workers(killed, tmp_path, whole):
    cwd = tmp_path / "here"
    with warm.ended(start(*SHORT, cwd=cwd, setup=two_workers)) as command:
        command.until(lambda: len(children(command.process.pid)) == 2)
        for pid in children(command.process.pid)[:killed]:
            os.kill(pid, signal.SIGKILL)
        code = command.wait()
    if killed == 1:
        assert code == 0
        assert (cwd / "x.npz").read_bytes() == whole(*SHORT)
    else:
        assert code == 1
        words = "the workers ended without a message, with exit codes -9, -9"
        assert command.last_words == f"xor-torch sweep: error: --out x.npz: {words}"
        assert_goes_on(cwd, whole(*SHORT), *SHORT)


def torchrun_rank(rank):
    """One of torchrun's two processes, without torchrun; it stops when it has a block."""
    die_at("with the first claim", signal.SIGSTOP)
    os.environ.update(TORCHELASTIC_RUN_ID="t", RANK=str(rank), WORLD_SIZE="2")


@linux
@pytest.mark.parametrize("killed", [0, 1])
def test_a_rank_of_torchrun_is_killed(killed, tmp_path, whole):
    # while each has a block: if one did all before the other began, nothing would be proved
    cwd = tmp_path / "here"
    ranks = [
        start(*SHORT, cwd=cwd, setup=functools.partial(torchrun_rank, rank)) for rank in (0, 1)
    ]
    dies, lives = ranks[killed], ranks[1 - killed]
    with warm.ended(dies), warm.ended(lives):
        for rank in ranks:
            rank.until(lambda pid=rank.process.pid: state(pid) == "T")
        assert holders(cwd) == {dies.process.pid, lives.process.pid}
        dies.kill(signal.SIGKILL)
        assert dies.wait() == -signal.SIGKILL
        lives.kill(signal.SIGCONT)
        assert lives.wait() == 0, lives.stderr  # it does the rest of the work
    if killed == 0:  # nobody has merged
        assert not (cwd / "x.npz").exists()
        finish(cwd, *SHORT)
    assert (cwd / "x.npz").read_bytes() == whole(*SHORT)
    assert not (cwd / "x.npz.blocks").exists()


# --- two sweeps on one file ------------------------------------------------------------------


@pytest.mark.parametrize("flags", [(), ("--lr", 1), ("--lr", 1, "--force"), ("--force",)])
def test_a_sweep_that_is_under_way_is_left_alone(flags, tmp_path, whole):
    cwd = tmp_path / "here"
    with warm.ended(start(*FOREVER, cwd=cwd)) as first:
        first.until(lambda: holders(cwd))
        second = finish(cwd, *FOREVER, *flags, code=2)
        assert second.last_words.startswith(f"xor-torch sweep: error: {UNDER_WAY}")
        assert second.stdout == ""
        assert read_plan(cwd / "x.npz.blocks").lr == 0.1
        until(lambda: holders(cwd) == {first.process.pid})  # it writes its claim again and again
        first.kill(signal.SIGKILL)
        first.wait()
    # the lock has ended with its process
    network = flags[:2] if "--lr" in flags else ()
    finish(cwd, *SHORT, *network, "--force")
    assert (cwd / "x.npz").read_bytes() == whole(*SHORT, *network)


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=slow)])
@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("rates", [(0.1, 0.1, 0.1), (0.1, 1, 2)])
def test_sweeps_that_start_together(rates, force, rounds, tmp_path, whole):
    for number in range(rounds):
        cwd = tmp_path / f"here{number}"
        calls = [(*SHORT, "--lr", rate, *force) for rate in rates]
        setup = functools.partial(warm.after, small_blocks, warm.wait_for_go)
        commands = [start(*call, cwd=cwd, setup=setup) for call in calls]
        (cwd / "go").touch()
        codes = [command.wait() for command in commands]
        won = [rate for rate, code in zip(rates, codes, strict=True) if code == 0]
        assert won
        assert len(won) == 1 or force  # one after the other
        for code, command in zip(codes, commands, strict=True):
            if code:
                assert code == 2
                assert re.search("is under way in|exists|goes on", command.last_words)
        found = (cwd / "x.npz").read_bytes()
        assert found in [whole(*SHORT, "--lr", rate) for rate in won]
        assert not (cwd / "x.npz.blocks").exists()


def interrupt(now):
    if now.finished:
        raise KeyboardInterrupt


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Begin two sweeps with different rates; each has some blocks of its own."""
    monkeypatch.setattr(plan, "BLOCK", 4)
    monkeypatch.chdir(tmp_path)
    found = []
    for name, lr in (("a", 0.1), ("b", 1.0)):
        with pytest.raises(run.Interrupted):
            sweep(40, epochs=50, lr=lr, out=f"{name}.npz", workers=1, progress=interrupt)
        found.append(Path(f"{name}.npz.blocks"))
    return found


def test_a_block_of_another_plan_is_refused(begun):
    a, b = begun
    shutil.copy(b / "0.npz", a / "0.npz")
    with pytest.raises(ValueError, match=r"0\.npz is not block 0 of this sweep: it is of another"):
        sweep(40, epochs=50, out="a.npz", workers=1)
    (a / "0.npz").unlink()
    assert sweep(40, epochs=50, out="a.npz", workers=1).lr == 0.1


def test_a_process_writes_no_block_into_another_sweep(begun):
    a, b = begun
    blocks = Blocks(a, read_plan(a))
    claims = blocks.claims()
    claim = next(claims)
    write_plan(read_plan(b), a)
    claim.finish(seed=np.arange(4))
    assert not blocks.path(claim.number).exists()
    assert [*claims] == []
    shutil.rmtree(a)
    claim.beat(3)
    claim.finish(seed=np.arange(4))
    assert not a.exists()


def test_blocks_of_an_earlier_version_are_refused(begun):
    a, _ = begun
    settings = json.loads((a / "plan.json").read_text())
    del settings["format"]
    (a / "plan.json").write_text(json.dumps(settings))
    before = sorted(a.iterdir())
    words = r"plan\.json is not the plan of a sweep: another version of xor_torch has written it; "
    with pytest.raises(ValueError, match=words + "--force drops the blocks beside it, another"):
        sweep(40, epochs=50, out="a.npz", workers=1)
    assert sorted(a.iterdir()) == before
    assert sweep(40, epochs=50, out="a.npz", workers=1, force=True).seed.size == 40


def test_every_setting_is_in_the_hash_of_a_plan():
    arguments = ("3", 5, 0.1, 2, 2, "mse", False)
    others = ("4", 6, 0.2, 3, 3, "bce", True)
    found = {make_plan(*arguments)[0].hash}
    for k, other in enumerate(others):
        found.add(make_plan(*arguments[:k], other, *arguments[k + 1 :])[0].hash)
    assert len(found) == 1 + len(others)


def test_what_a_sweep_has_not_written_is_not_deleted(begun):
    a, _ = begun
    (a / "notes.txt").write_text("mine")
    sweep(40, epochs=50, out="a.npz", workers=1)
    assert [path.name for path in a.iterdir()] == ["notes.txt"]
    assert Result.load("a.npz").seed.size == 40


# --- outputs that are not files --------------------------------------------------------------


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("kind", ["fifo", "dangling", "blocks is a link", "blocks is a file"])
def test_odd_outputs_are_refused_at_once(kind, force, tmp_path):
    cwd = tmp_path / "here"
    cwd.mkdir()
    if kind == "fifo":
        os.mkfifo(cwd / "x.npz")
    elif kind == "dangling":
        (cwd / "x.npz").symlink_to("nowhere/y.npz")
    elif kind == "blocks is a link":
        (cwd / "x.npz.blocks").symlink_to(".")
    else:
        (cwd / "x.npz.blocks").write_text("mine")
    before = sorted(cwd.iterdir())
    command = finish(cwd, *FOREVER, *force, code=2)
    assert command.last_words.startswith("xor-torch sweep: error: --out x.npz")
    assert sorted(cwd.iterdir()) == before


def test_a_log_directory_that_leads_nowhere_is_refused_at_once(tmp_path):
    cwd = tmp_path / "here"
    cwd.mkdir()
    (cwd / "logs").symlink_to("nowhere/logs")
    for log_dir in ("logs", "logs/deeper"):
        command = finish(cwd, *FOREVER, "--log-dir", log_dir, code=2)
        assert command.last_words.startswith(f"xor-torch sweep: error: --log-dir {log_dir}: ")
        assert command.last_words.endswith("logs is a link that leads nowhere")
    assert [path.name for path in cwd.iterdir()] == ["logs"]


# --- a system that fails ---------------------------------------------------------------------


def faults(*rows):
    return [(call, how, which) for call, hows, whiches in rows for how in hows for which in whiches]


FAULTS = faults(
    ("rename", ("error=EIO", "error=EACCES"), ("1", "2", "9", "10")),
    ("unlink", ("error=EIO", "error=EPERM"), ("1", "4", "16+")),
    ("mkdir", ("error=ENOSPC",), ("1",)),
    ("mkdir", ("error=EACCES",), ("1+",)),
    ("write", ("error=ENOSPC",), ("1+", "5+", "20", "32+")),
    ("write", ("error=EIO",), ("24",)),
    ("fsync", ("error=EIO",), ("1+",)),
    ("open", ("error=EIO",), ("1",)),
    ("open", ("error=EACCES",), ("20+",)),
    ("unlink", ("signal=KILL",), ("3", "17")),
    ("write", ("signal=KILL", "signal=TERM"), ("12",)),
)


@pytest.mark.parametrize(("call", "how", "which"), FAULTS)
def test_a_system_call_fails(call, how, which, tmp_path, whole):
    assert_survives(call, how, which, tmp_path / "here", whole)


@slow
@pytest.mark.parametrize("call", warm.CALLS)
def test_any_system_call_fails(call, tmp_path, whole):
    moments = random.Random(call)
    codes = []
    for number in range(25):
        how = moments.choice(warm.HOWS)
        which = f"{moments.randint(1, 80)}{moments.choice(['', '+'])}"
        codes.append(assert_survives(call, how, which, tmp_path / f"here{number}", whole))
    print(f"\n{call}: exit codes {codes}")


def assert_survives(call, how, which, cwd, whole):
    """A system call of a sweep fails: its exit code is a documented one, and it can go on."""
    setup = functools.partial(warm.after, small_blocks, warm.wait_for_go)
    with warm.ended(start(*SHORT, cwd=cwd, setup=setup, piped=True)) as command:
        code = warm.inject(command, call, how, which)
    said = command.stderr
    assert "Traceback" not in said, (call, how, which, said)
    assert code in warm.ENDS[how.partition("=")[0]], (call, how, which, code, said)
    assert_goes_on(cwd, whole(*SHORT), *SHORT)
    return code
