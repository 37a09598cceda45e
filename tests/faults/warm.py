"""Real processes without the seconds of imports: forked from one that has imported everything."""

import contextlib
import functools
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.util
import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import xor_torch
from tests.common import PATIENCE, ROOT, events
from xor_torch.__main__ import main

CONTEXT = multiprocessing.get_context("forkserver")
# The server ignores a wrong name in silence, and then each process would import the room itself. So
# the names are those that are found in the package.
ROOMS = [
    room.name
    for room in pkgutil.walk_packages(xor_torch.__path__, "xor_torch.")
    if not room.name.endswith("__main__")
]
LIBRARIES = ["lightning.pytorch", "jsonargparse", "tensorboard"]
# These libraries import some modules only when they are used: each process would do it again.
LATER = ["attrs", "contourpy", "fsspec.implementations.chained", "torch.utils.serialization.config"]
LATER += [f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")]
# The functions that are called in a process, and pytest: each process would import these, too.
LATER += ["tests.faults.warm", "tests.faults.follow", "tests.backprop.conftest", "pytest.__main__"]
# The garbage collector is off while these are imported, as in the tests themselves.
BEFORE, AFTER = ["tests.conftest", "tests.faults.waiting"], ["tests.faults.imported"]
CONTEXT.set_forkserver_preload([*BEFORE, *ROOMS, *LIBRARIES, *LATER, *AFTER])


def forked(target: Callable[..., object], *args: object) -> multiprocessing.process.BaseProcess:
    """Call a function in a process that has imported everything; return the started process."""
    here = Path.cwd()
    os.chdir(ROOT)  # the server imports `tests` from its own folder, and ignores what fails
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        os.chdir(here)
    process = CONTEXT.Process(target=target, args=args)
    process.start()
    return process


STOPPED = re.compile(
    r"Interrupted after \d+ epochs; to go on: --resume \S+"
    r"|Interrupted; to go on from its last checkpoint: --resume \S+"
    r"|Interrupted; nothing is kept"
    r"|Interrupted before it began; the same command starts it\."
)


NOT_BEGUN = 99  # exit code of a process that Ctrl-C ended before the first line of `main`


def _run(
    argv: list[str],
    cwd: Path,
    out: Path,
    err: Path,
    begun: Path,
    setup: Callable[[], object] | None,
) -> None:
    # as in a process that a user starts; tqdm's lock would outlive a process that is killed
    multiprocessing.set_start_method("fork", force=True)
    os.chdir(cwd)
    for number, path in ((1, out), (2, err)):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(fd, number)
        os.close(fd)
    sys.stdout.reconfigure(line_buffering=False)  # no terminal, wherever the tests are run
    begun.touch()  # before `setup`, which may forbid it
    try:
        if setup:
            setup()
        main(argv)
    except KeyboardInterrupt:  # from Python's handler, which `main` replaces in its first line
        os._exit(NOT_BEGUN)


class Command:
    """``xor-torch FLAGS`` in a process of its own.

    Args:
        flags: of the command line.
        cwd: where it runs; it is made if it is not there.
        stdout: where it prints, by default into a file beside `cwd`.
        piped: standard error goes through a pipe, to which no limit of files applies.
        setup: called in the process before the command.

    """

    count = 0

    def __init__(
        self,
        *flags: object,
        cwd: Path,
        stdout: Path | None = None,
        piped: bool = False,
        setup: Callable[[], object] | None = None,
    ) -> None:
        Command.count += 1
        cwd.mkdir(exist_ok=True)
        self.cwd = cwd
        self.out = stdout or cwd.with_name(f"{cwd.name}.{Command.count}.out")
        self.err = err = cwd.with_name(f"{cwd.name}.{Command.count}.err")
        self.err.touch()
        self.begun = self.err.with_suffix(".begun")  # is there as soon as `main` is called
        self.reader = None
        if piped:
            err = err.with_suffix(".pipe")
            os.mkfifo(err)
            with self.err.open("wb") as file:
                self.reader = subprocess.Popen(["cat", err], stdout=file)
        argv = [str(flag) for flag in flags]
        self.process = forked(_run, argv, cwd, self.out, err, self.begun, setup)

    def kill(self, number: int) -> bool:
        """Send a signal; False if the process had ended."""
        try:
            os.kill(self.process.pid, number)
        except ProcessLookupError:
            return False
        return self.process.exitcode is None

    def wait(self) -> int:
        self.process.join(PATIENCE)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise TimeoutError(f"still running; it said: {self.stderr[-2000:]}")
        if self.reader:
            self.reader.wait(PATIENCE)
        return code

    def until(self, there: Callable[[], object]) -> None:
        """Wait for something to happen while it runs."""
        end = time.monotonic() + PATIENCE
        while not there():
            if self.process.exitcode is not None or time.monotonic() > end:
                raise AssertionError(f"it did not come; {self.process.exitcode}: {self.stderr}")
            time.sleep(0.002)

    @property
    def stdout(self) -> str:
        return self.out.read_text() if self.out.exists() else ""

    @property
    def stderr(self) -> str:
        return self.err.read_text()

    @property
    def last_words(self) -> str:
        """The last line of standard error, which must be whole and not a progress bar."""
        assert self.stderr.endswith("\n"), self.stderr
        assert "Traceback" not in self.stderr, self.stderr
        assert "Exception ignored" not in self.stderr, self.stderr
        return re.split(r"[\r\n]", self.stderr)[-2]


def execute(program: str) -> None:
    """A setup: run the text of a program, as ``python -c`` does, instead of the command."""
    exec(compile(program, "program", "exec"), {"__name__": "__main__"})
    sys.exit(0)


def run(*flags: object, cwd: Path, code: int = 0, **options: object) -> Command:
    """A command that has ended, with exit code `code`."""
    command = Command(*flags, cwd=cwd, **options)
    found = command.wait()
    assert found == code, (found, command.stderr)
    return command


def the_run(cwd: Path) -> Path:
    """The only run directory."""
    (found,) = (cwd / "lightning_logs").iterdir()
    return found


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run_dir / "checkpoints/last.ckpt", weights_only=True)
    return state["state_dict"]


def assert_same_weights(run_dir: Path, expected: Path) -> None:
    actual, wanted = weights(run_dir), weights(expected)
    assert list(actual) == list(wanted)
    for name, value in wanted.items():
        assert torch.equal(actual[name], value), name


def curves(run_dir: Path) -> dict[str, list[tuple[int, float]]]:
    """Each curve as TensorBoard shows it, and the steps of pictures and histograms."""
    read = events(run_dir)
    found = {}
    for tag in read.Tags()["scalars"]:
        found[tag] = [(event.step, event.value) for event in read.Scalars(tag)]
    for tag in read.Tags()["images"]:
        found[tag] = [(event.step, 0.0) for event in read.Images(tag)]
    for tag in read.Tags()["histograms"]:
        found[tag] = [(event.step, 0.0) for event in read.Histograms(tag)]
    return found


@contextlib.contextmanager
def ended(command: Command) -> Iterator[Command]:
    """End the command's process with the block, whatever the test finds."""
    try:
        yield command
    finally:
        if command.process.exitcode is None:
            command.process.kill()
            command.process.join()


ENDED = signal.SIGPROF  # what `die_after` ends a process with


def die_after(seconds: float) -> None:
    """Let this process end after this much of its processor time, as by kill -9.

    The system ends it, and no code of the process runs any more. By the clock on the wall, a
    process would still be at its beginning on a busy machine, and at its end on an idle one.
    """
    signal.signal(ENDED, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, max(seconds, 1e-6))


def tell_seconds(path: Path) -> None:
    """Let this process write into `path`, at its end, its processor time from now on."""
    begin = time.process_time()
    multiprocessing.util.Finalize(
        None, lambda: path.write_text(str(time.process_time() - begin)), exitpriority=0
    )


def after(first: Callable[[], object], then: Callable[[], object]) -> None:
    """A setup: two other setups, one after the other."""
    first()
    then()


def cpu_seconds(pid: int) -> float | None:
    """The processor time that a process has taken so far (Linux), None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


LINUX = sys.platform == "linux"


# --- a system that fails ---------------------------------------------------------------------

CALLS = {
    "rename": "rename,renameat,renameat2",
    "unlink": "unlink,unlinkat,rmdir",
    "mkdir": "mkdir,mkdirat",
    "write": "write,pwrite64,writev",
    "fsync": "fsync,fdatasync",
    "open": "openat,open,creat",
}
HOWS = [f"error={name}" for name in ("EIO", "ENOSPC", "EACCES", "EROFS", "EDQUOT")]
HOWS += ["signal=KILL", "signal=TERM"]
ENDS = {"error": (0, 1, 2), "signal": (0, 1, -signal.SIGKILL, 128 + signal.SIGTERM)}


@functools.cache
def may_trace() -> bool:
    """Whether strace is there and may look at a process."""
    if not shutil.which("strace"):
        return False
    trial = subprocess.run(["strace", "-f", "-e", "trace=none", "true"], capture_output=True)
    return trial.returncode == 0


def wait_for_go() -> None:
    """A setup: wait for a file `go` in the current directory."""
    while not Path("go").exists():
        time.sleep(0.001)


def inject(command: Command, call: str, how: str, which: str) -> int:
    """Let a system call of a command fail, or send a signal at the call; return the exit code.

    Args:
        command: its setup is `wait_for_go`, in its `cwd`: only calls after that may fail.
        call: one of CALLS.
        how: in strace's words, such as "error=EIO" or "signal=KILL".
        which: the number of the call; with a +, also all later ones.

    """
    if not may_trace():
        pytest.skip("strace is missing or not allowed here")
    pid, go = command.process.pid, command.cwd / "go"
    command.until(command.begun.exists)
    trace = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", os.devnull, "-p", str(pid),
         "-e", f"trace={CALLS[call]}",
         "-e", f"inject={CALLS[call]}:{how}:when={which}"],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        command.until(lambda: traced(pid) or trace.poll() is not None)
        if trace.poll() is not None:
            pytest.skip(f"strace cannot attach: {trace.stderr.read().decode()}")
        go.touch()
        return command.wait()
    finally:
        trace.terminate()
        trace.communicate()
        go.unlink(missing_ok=True)


def traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return not re.search(r"TracerPid:\s+0\n", status)
