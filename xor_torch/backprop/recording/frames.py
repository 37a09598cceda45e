"""Tells which code is the script's own, and which of its lines and statements is running."""

import ast
import copy
import dis
import functools
import inspect
import itertools
import sys
import types
from pathlib import Path

from ..code import Code, Location
from .smaller import FEW, batch_sizes
from .source import AssignmentRewriter, growing_names

Site = tuple[int, int]  # an instruction: the id of its code, and where it begins there

# Frames of these files stand between the script and the recorder: our own, and `copy`, because
# a deep copy of an array is what the script asked for.
_BETWEEN = frozenset([*map(str, Path(__file__).parent.rglob("*.py")), copy.__file__])


class Frames:
    """Finds the script among the frames that are running."""

    def __init__(self, code: Code) -> None:
        self._code = code
        # file -> line -> column -> what the statement there changes, see `AssignmentRewriter`
        self._changed: dict[str, dict[int, dict[int, list[str]]]] = {}
        # file -> line -> the numbers of the ``if`` statements that decide whether it runs
        self._deciding_ifs: dict[str, dict[int, tuple[int, ...]]] = {}
        self._ifs = 0  # how many of them there are in all files
        self.growing = set[str]()  # the names of what the script adds something to
        self.smaller = False  # Are its batches made smaller?
        self.batches = list[tuple[int, int]]()  # where it types the size of a batch, and which
        self._lines_before: dict[str, int] = {}  # file -> how many lines precede it in `Code`
        self._passed: str | None = None  # the folder given to `pass_through`
        self._held = list[types.CodeType]()  # while we hold them, no other code gets their ids
        # (id of a code, position in it) -> the instruction there, its line in the file, and as in
        # `Code`
        self._instructions: dict[Site, tuple[Site, int, int]] = {}
        # the last caller that `calls` was asked about, where it was, and the answer
        self._caller: tuple[types.FrameType | None, int, tuple[int, ...]] = None, 0, ()

    def pass_through(self, folder: str) -> None:
        """Treat what the files of a folder do as done by the script that calls them."""
        self._passed = folder

    def add(self, filename: str) -> None:
        """Treat a file as the script's own, without rewriting it."""
        self._changed[filename] = {}

    def compile(self, source: str, filename: str, places: list[Location]) -> list[types.CodeType]:
        """Add a file to the script's code and compile it, with calls to the recorder added.

        Returns:
            One code object for a script, one for each cell of a notebook.

        Raises:
            SyntaxError: it is not Python.

        """
        rewriter = AssignmentRewriter(source, self._ifs)
        tree = ast.parse(source, filename)
        self.growing |= growing_names(tree)
        for size in batch_sizes(tree):
            self.batches.append((len(self._code.lines) + size.lineno, int(str(size.value))))
            size.value = FEW if self.smaller else size.value
        tree = ast.fix_missing_locations(rewriter.visit(tree))
        self._changed[filename] = rewriter.changed
        self._deciding_ifs[filename] = rewriter.deciding_ifs
        self._ifs = rewriter.ifs
        self._lines_before[filename] = len(self._code.lines)
        self._code.add(source, places)
        cells = itertools.groupby(tree.body, lambda s: places[s.lineno - 1][0] if places else None)
        parts = [ast.Module(list(body), tree.type_ignores) for _, body in cells]
        codes = [compile(part, filename, "exec", dont_inherit=True) for part in parts]
        self._held += codes
        return codes

    def current(self) -> types.FrameType | None:
        """The innermost frame that is not ours, if it is the script's; None if another package's.

        A folder given to `pass_through` is passed over, as our own files are.
        """
        frame: types.FrameType | None = sys._getframe(1)
        while frame and (
            frame.f_code.co_filename in _BETWEEN
            or (self._passed and frame.f_code.co_filename.startswith(self._passed))
        ):
            frame = frame.f_back
        return frame if frame and frame.f_code.co_filename in self._changed else None

    def site(self, frame: types.FrameType) -> Site:
        """The instruction that is running: the script's, or one in the folder passed through.

        One call of a package's optimiser changes many arrays: the package's own instructions tell
        the changes apart.
        """
        return self.site_and_line(frame)[0]

    def site_and_line(self, frame: types.FrameType) -> tuple[Site, int]:
        """The instruction that is running, and the line of the frame, counted as in `Code`."""
        site, _, line = self._instruction(frame)
        if self._passed:
            inner: types.FrameType | None = sys._getframe(1)
            while inner and inner.f_code.co_filename in _BETWEEN:
                inner = inner.f_back
            site = self._instruction(inner or frame)[0]
        return site, line

    def _instruction(self, frame: types.FrameType) -> tuple[Site, int, int]:
        """The instruction that a frame is at, its line in the file, and as in `Code`.

        To hash a code and to find the line of an instruction takes Python longer than anything
        else here, so each instruction is looked up once.
        """
        code = frame.f_code
        at = id(code), frame.f_lasti
        found = self._instructions.get(at)
        if found is None:
            self._held.append(code)
            site = id(code), _begins(code)[frame.f_lasti // 2]
            line = frame.f_lineno
            found = site, line, self.line_in(code.co_filename, line)
            self._instructions[at] = found
        return found

    def calls(self, frame: types.FrameType) -> tuple[int, ...]:
        """The script's lines that led to the call of a frame, the innermost first."""
        caller = first = frame.f_back
        known, at, calls = self._caller
        if first is None or (first is known and first.f_lasti == at):
            return calls if first else ()
        found = []
        while caller:
            if caller.f_code.co_filename in self._lines_before:
                found.append(self._instruction(caller)[2])
            caller = caller.f_back
        calls = tuple(found)
        # what has called a function stays the same until it returns, but a generator is resumed
        if not first.f_code.co_flags & inspect.CO_GENERATOR:
            self._caller = first, first.f_lasti, calls
        return calls

    def deciding_ifs(self) -> list[int]:
        """The numbers of the ``if`` statements that decide whether the current statement runs.

        Those around the calls that lead to it count as well.
        """
        found, frame = list[int](), self.current()
        while frame:
            on_line = self._deciding_ifs.get(frame.f_code.co_filename)
            if on_line:
                found += on_line.get(self._instruction(frame)[1], ())
            frame = frame.f_back
        return found

    def line(self, frame: types.FrameType) -> int:
        """The line of a frame, counted as in `Code`."""
        return self._instruction(frame)[2]

    def has(self, filename: str) -> bool:
        """Is it a file of the script?"""
        return filename in self._lines_before

    def line_in(self, filename: str, line: int) -> int:
        """A line of a file, counted as in `Code`."""
        return self._lines_before.get(filename, 0) + line

    def targets(self) -> list[str]:
        """The target of the current statement, and what it is a part of: x[i][j], x[i], x."""
        frame = self.current()
        if frame is None:
            return []
        on_line = self._changed[frame.f_code.co_filename].get(self._instruction(frame)[1], {})
        if len(on_line) > 1:  # W -= lr * dW; b -= lr * db
            return on_line.get(_column(frame.f_code, frame.f_lasti), [])
        return next(iter(on_line.values()), [])


@functools.cache
def _begins(code: types.CodeType) -> list[int]:
    """Where the instruction at each position begins; a position has two bytes.

    Python specialises a call that has run a few times. From then on the position may be in the
    cache that follows the instruction, or at the one that prepares it (``PRECALL`` in Python 3.11).
    """
    found = [0] * (len(code.co_code) // 2)
    following = end = len(found)
    for one in reversed([*dis.get_instructions(code)]):
        at = one.offset // 2
        begin = following if one.opname == "PRECALL" else at
        found[at:end] = [2 * begin] * (end - at)
        following = end = at
    return found


@functools.cache
def _column(code: types.CodeType, instruction: int) -> int:
    """The column at which the statement of an instruction begins; -1 before Python 3.11."""
    if sys.version_info < (3, 11):
        return -1
    _, _, column, _ = next(itertools.islice(code.co_positions(), instruction // 2, None))
    return -1 if column is None else column
