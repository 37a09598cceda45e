"""What a report needs to know of a script's text: its loops, its statements, its numbers."""

import ast
import contextlib
import math
from collections.abc import Iterable, Iterator

from ..code import Code


class Script:
    """The text of a recorded script, parsed once; lines count from 1 through all of its files."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.nodes: list[ast.AST] = []
        # it may have a notebook's magics, or be nested too deep
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            self.nodes = [*ast.walk(ast.parse("\n".join(code.lines)))]

    def has(self, line: int) -> bool:
        return 0 < line <= len(self.code.lines)

    def text(self, line: int) -> str:
        return self.code.lines[line - 1] if self.has(line) else ""

    def block(self, lines: Iterable[int]) -> tuple[int, int] | None:
        """First and last line of the innermost loop or function that all `lines` are in."""
        lines = [*lines]
        around = [
            (node.lineno, node.end_lineno or node.lineno)
            for node in self.nodes
            if isinstance(node, ast.For | ast.While | ast.FunctionDef)
        ]
        whole = [(a, b) for a, b in around if all(a <= n <= b for n in lines)]
        return max(whole, default=None)

    def head(self, line: int) -> int:
        """The line that begins the innermost loop or function around `line`."""
        block = self.block([line])
        return block[0] if block else line

    def _statements(self, line: int) -> Iterator[ast.stmt]:
        """The simple statements that begin on a line, or that it is in, from left to right."""
        simple = [
            node
            for node in self.nodes
            if isinstance(node, ast.stmt) and not hasattr(node, "body")
            if node.lineno <= line <= (node.end_lineno or node.lineno)
        ]
        yield from sorted(simple, key=lambda node: (node.lineno, node.col_offset))

    def columns(self, line: int, variable: str) -> tuple[int, int] | None:
        """The columns of the statement on a line that assigns `variable`, counted from 1.

        The second number is the column after its end on this line.
        """
        found = None
        for node in self._statements(line):
            targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
            names = {ast.unparse(name) for target in targets if target for name in ast.walk(target)}
            if found is None or variable.replace(" ", "") in {n.replace(" ", "") for n in names}:
                found = node
        if found is None:
            text = self.text(line)
            return (len(text) - len(text.lstrip()) + 1, len(text) + 1) if text.strip() else None
        text = self.text(line)
        begin = 0 if found.lineno < line else _characters(text, found.col_offset)
        last = found.end_lineno == line and found.end_col_offset is not None
        end = _characters(text, found.end_col_offset or 0) if last else len(text)
        begin = begin or len(text) - len(text.lstrip())
        return begin + 1, end + 1

    def assigned(self, line: int) -> list[str]:
        """What the statements of a line assign."""
        return [
            ast.unparse(target)
            for node in self._statements(line)
            for target in getattr(node, "targets", None) or [getattr(node, "target", None)]
            if target is not None
        ]

    def names(self, line: int) -> set[str]:
        """Everything that the statements of a line read by a name: ``W2``, ``self.W[i]``."""
        return {
            ast.unparse(node)
            for statement in self._statements(line)
            for node in ast.walk(statement)
            if isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
            and isinstance(node.ctx, ast.Load)
        }

    def typed_rate(self, rate: float, sizes: Iterable[int] = ()) -> str | None:
        """A rate as the script types it: "0.05", "0.05 / 32" or "0.05 * 32" if 32 is in `sizes`."""
        typed = {
            abs(float(node.value))
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
        }
        for n in sorted({1, *sizes}):
            for number in sorted(typed):
                if n > 1 and number.is_integer():  # a whole number may be anything
                    continue
                if n and math.isclose(number / n, rate, rel_tol=1e-6):
                    return f"{number:.6g}" if n == 1 else f"{number:.6g} / {n}"
                if math.isclose(number * n, rate, rel_tol=1e-6):
                    return f"{number:.6g} * {n}"
        return None


def _characters(text: str, size: int) -> int:
    """The number of characters in the first `size` bytes."""
    return len(text.encode()[:size].decode(errors="replace"))
