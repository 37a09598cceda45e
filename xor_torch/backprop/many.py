"""Checks many files, on several cores: a file that fails changes only its own row."""

import ast
import contextlib
import glob
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .check import check_file
from .recording.process import end_with_parent
from .recording.source import fingerprint, read_source
from .saying.formats import Said
from .saying.table import Row
from .verdict import Verdict

SUFFIXES = (".py", ".ipynb")
# A worker imports this package from where it is, and nothing from the directory in which the
# command was started. (`python -P` is newer than Python 3.10.)
_START = """
import sys
sys.path[0] = sys.argv[1]
from xor_torch.backprop.many import serve
serve()
"""
# A worker that has not answered this long after its file's time limit hangs, and is ended.
GRACE_SECONDS = 30.0


def find_files(paths: Iterable[str]) -> list[Path]:
    """The scripts and notebooks that paths, folders and patterns name, each once, in order.

    A folder stands for all files in it and below it, except those in hidden folders, caches and
    virtual environments.

    Raises:
        ValueError: one of them names nothing; the message says which.

    """
    found = dict[Path, None]()
    for name in paths:
        path = Path(name)
        if path.is_dir():
            some = [*_below(path)]
            what = "there is no .py or .ipynb file in it"
        elif not path.exists() and any(c in name for c in "*?["):
            matches = glob.glob(name, recursive=True)  # noqa: PTH207 - Path.glob: no absolute names
            named = [Path(match) for match in sorted(matches)]
            some = [p for p in named if p.suffix in SUFFIXES and "__pycache__" not in p.parts]
            what = "no .py or .ipynb file has such a name"
        else:
            some = [path] if path.suffix in SUFFIXES else []
            what = "only a .py or .ipynb file is executed"
        if not some:
            raise ValueError(f"{name}: {what}")
        found.update(dict.fromkeys(some))
    return [*found]


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")):
            continue
        if path.is_dir():
            if not (path / "pyvenv.cfg").exists():
                yield from _below(path)
        elif path.suffix in SUFFIXES:
            yield path


def check_files(
    paths: Sequence[Path],
    jobs: int = 1,
    done: Callable[[Row], object] = lambda row: None,
    timeout: float = 60.0,
    **options: Any,
) -> list[Row]:
    """Check each file as `check_file` does, run from the folder that it is in.

    Args:
        paths: of scripts and notebooks.
        jobs: how many are checked at once.
        done: called with each row, in the order in which the files are done.
        timeout: seconds for each file.
        options: further ones of `check_file`.

    Returns:
        A row for each path, in the order of the paths. A file with the same code as one before it
        is checked too, because its folder may differ; its row names the file that it is a copy of.

    """
    copies = find_copies(paths)
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    finished: queue.SimpleQueue[tuple[int, Said, float]] = queue.SimpleQueue()
    for k in range(len(paths)):
        waiting.put(k)
    options = {**options, "timeout": timeout, "in_its_folder": True}
    workers = [_Worker() for _ in range(min(jobs, len(paths)))]
    threads = [
        threading.Thread(
            target=_work, args=(worker, paths, waiting, finished, options), daemon=True
        )
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    rows: list[Row | None] = [None] * len(paths)
    try:
        for _ in paths:
            k, said, seconds = finished.get()
            row = rows[k] = Row(*said, seconds, copies.get(k))
            done(row)
    finally:
        for worker in workers:
            worker.end()
        for thread in threads:
            thread.join()
    return [row for row in rows if row is not None]


def find_copies(paths: Sequence[Path]) -> dict[int, str]:
    """Number of a file -> the first file whose code differs in comments and spaces alone."""
    first, copies = dict[str, str](), dict[int, str]()
    for k, path in enumerate(paths):
        with contextlib.suppress(Exception):  # if it cannot be read, its own row tells
            same = fingerprint(ast.dump(ast.parse(read_source(path)[0])))
            if same in first:
                copies[k] = first[same]
            first.setdefault(same, str(path))
    return copies


class _Worker:
    """A process that checks one file after another; it has imported torch once."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.ended = False

    def check(self, path: Path, options: dict[str, Any]) -> Said:
        process = self.process = self.process or self._start()
        assert process.stdin is not None and process.stdout is not None
        watch = threading.Timer(options["timeout"] + GRACE_SECONDS, process.kill)
        watch.start()
        try:
            pickle.dump((path, options), process.stdin)
            process.stdin.flush()
            said: Said = pickle.load(process.stdout)
            return said
        except (EOFError, OSError, pickle.UnpicklingError):
            self._kill()
            why = f"its process ended with exit code {process.returncode}"
            return _said(Verdict(str(path), "cannot tell", f"this check was ended: {why}"))
        finally:
            watch.cancel()

    def _start(self) -> "subprocess.Popen[bytes]":
        root = str(Path(__file__).parents[2])
        command = [sys.executable, "-c", _START, root]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _kill(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # what was not sent yet
                    pipe.close()  # type: ignore[union-attr]

    def end(self) -> None:
        self.ended = True
        self._kill()


def _work(
    worker: _Worker,
    paths: Sequence[Path],
    waiting: "queue.SimpleQueue[int]",
    finished: "queue.SimpleQueue[tuple[int, Said, float]]",
    options: dict[str, Any],
) -> None:
    """Let one worker check the files that are waiting, until there are none."""
    while not worker.ended:
        try:
            k = waiting.get_nowait()
        except queue.Empty:
            return
        begin = time.monotonic()
        try:
            said = worker.check(paths[k], options)
        except (OSError, RuntimeError) as error:  # no process, or no thread, can be started
            why = f"this check was ended: it could not start a process: {error}"
            said = _said(Verdict(str(paths[k]), "cannot tell", why))
        finished.put((k, said, time.monotonic() - begin))


def serve() -> None:
    """Be a worker: check what comes in on standard input, until the other side is gone."""
    end_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed must not get among the answers
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            path, options = pickle.load(sys.stdin.buffer)
            pickle.dump(_said(check_file(path, **options)), answers)
            answers.flush()


def _said(verdict: Verdict) -> Said:
    return verdict.outline(full=True), verdict.to_json()
