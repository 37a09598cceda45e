"""``%backprop`` and ``%%backprop`` check the backprop of the notebook that is running.

The cells that have run are run once more, in a process of their own, and judged like a file. So
nothing in the notebook changes. A cell that was edited and run again counts as it ran last, at the
place where it ran first. Its number is that of ``In [12]``.
"""

import contextlib
import json
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .assertion import NOTEBOOK
from .check import check_file
from .saying.outline import WHOLE_REPORT
from .saying.terminal import Style
from .verdict import Verdict

USAGE = "%backprop [--strict] [--timeout SECONDS]; %%backprop does the same, and runs its cell"


def add_magic(shell: Any) -> None:
    """Add the magic to an IPython shell."""
    _Magic(shell)


def check_cells(cells: Mapping[int, str], **options: Any) -> Verdict:
    """Run cells in a process of their own, in the current folder, and judge them.

    Args:
        cells: number -> source, as in ``In [number]``, in the order in which they are to run.
        options: of `check_file`.

    """
    some = [{"number": number, **_cell(source)} for number, source in cells.items()]
    with _file_beside() as path:
        path.write_text(json.dumps({"cells": some}), encoding="utf-8")
        verdict = check_file(path, cell="In [{}]", **options)
    verdict.path = NOTEBOOK
    return verdict


def assert_notebook(hint: int = WHOLE_REPORT, **options: Any) -> None:
    """Check the notebook that is running; for a cell of tests, as nbgrader runs it.

    The cells before this one are checked.

    Args:
        hint: how much a failure tells: 1 the layer, 2 the line, 3 the mistake, 4 the whole report.
        options: of `check_file`.

    Raises:
        AssertionError: it is not correct; the text tells as much as the hint allows.

    """
    __tracebackhide__ = True
    from IPython import get_ipython

    shell = get_ipython()  # type: ignore[no-untyped-call, unused-ignore]
    if shell is None:
        raise AssertionError("assert_notebook is for a cell of a notebook; there is none running")
    *history, _ = shell.history_manager.input_hist_raw  # the last one is this cell
    verdict = check_cells({n: source for n, source in enumerate(history) if n}, **options)
    if verdict.verdict != "correct":
        raise AssertionError(verdict.told(hint))


def _cell(source: str) -> dict[str, str]:
    """A cell for the check, without a ``%%backprop`` of its own; its lines stay where they are."""
    first, rest, others = source.partition("\n")
    if first.startswith("%%backprop"):
        source = rest + others
    return {"cell_type": "code", "source": source}


@contextlib.contextmanager
def _file_beside() -> Iterator[Path]:
    """A new file in the current folder, so that the cells find the modules and files in it."""
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(tempfile.TemporaryDirectory())
        for folder in (None, where):  # the current folder may not be writable
            try:
                file = stack.enter_context(
                    tempfile.NamedTemporaryFile(
                        prefix=".backprop-", suffix=".ipynb", dir=folder or Path.cwd()
                    )
                )
                break
            except OSError:
                if folder:
                    raise
        yield Path(file.name)


class _Magic:
    """The magic of one shell, and which of its cells count."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        # identity of a cell -> the numbers that it ran under first and last
        self.runs: dict[str, tuple[int, int]] = {}
        self.left_out: set[int] = set()
        self.identity: str | None = None  # of the cell that is running
        shell.register_magic_function(self.backprop, "line_cell", "backprop")
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)

    def _begin(self, info: Any) -> None:
        if info.store_history:
            self.identity = getattr(info, "cell_id", None)

    def _end(self, result: Any) -> None:
        number = result.execution_count
        if not result.info.store_history or number is None:
            return
        if not result.success:
            self.left_out.add(number)
        elif self.identity is not None:
            first, last = self.runs.get(self.identity, (number, 0))
            self.left_out.add(last)
            self.runs[self.identity] = first, number
        self.identity = None

    def cells(self) -> dict[int, str]:
        """The cells that count: those that ended without an error, each as it ran last.

        They are in the order in which they ran first: a set-up cell that ran again after the
        training loop still comes before it.
        """
        history = [*self.shell.history_manager.input_hist_raw]
        runs, left_out = [*self.runs.values()], {0, *self.left_out}
        if self.identity in self.runs:  # it runs again now
            first, last = self.runs[self.identity]
            runs.append((first, len(history) - 1))
            left_out.add(last)
        began = {last: first for first, last in runs}
        numbers = sorted(range(len(history)), key=lambda n: began.get(n, n))
        return {n: history[n] for n in numbers if n not in left_out}

    def backprop(self, line: str, cell: str | None = None) -> None:
        options = _options(line)
        if options is None:
            print(USAGE, file=sys.stderr)
            return
        verdict = check_cells(self.cells(), mend=True, **options)
        if hasattr(self.shell, "kernel"):
            from IPython.display import display

            display(verdict)  # type: ignore[no-untyped-call, unused-ignore]
        else:
            print(verdict.report(Style.of(sys.stdout)))
        if cell is not None:
            self.shell.run_cell(cell, store_history=False)


def _options(line: str) -> dict[str, Any] | None:
    """The options of `check_file` in a line; None if it has others."""
    found: dict[str, Any] = {}
    words = shlex.split(line)
    while words:
        word = words.pop(0)
        if word == "--strict":
            found["strict"] = True
        elif word == "--timeout" and words:
            with contextlib.suppress(ValueError):
                found["timeout"] = float(words.pop(0))
            if not 0 < found.get("timeout", 0) < 1e6:
                return None
        else:
            return None
    return found
