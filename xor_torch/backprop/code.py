"""Where the lines of a recorded script are: in the script, a notebook's cell or a module."""

import re
from dataclasses import dataclass, field

# Where a line is: in which cell of a notebook or in which module, and its number there.
Location = tuple[int | str | None, int]


@dataclass
class Code:
    """The lines of a script and, after them, of its own modules, counted from 1."""

    lines: list[str] = field(default_factory=list)
    places: list[Location] = field(default_factory=list)
    cell: str = "cell {}"  # the name of a notebook's cell; {} stands for its number

    def add(self, text: str, places: list[Location]) -> None:
        """Append the lines of a file."""
        self.lines += text.splitlines()
        self.places += places

    def place(self, line: int) -> Location:
        """The cell or module of a line (None: the script itself), and its number there."""
        return self.places[line - 1] if 0 < line <= len(self.places) else (None, line)

    def where(self, line: int) -> str:
        """A line in words."""
        part, at = self.place(line)
        if part is None:
            return f"line {at}"
        if isinstance(part, int):
            return f"{self.cell.format(part)}, line {at}"
        return f"line {at} of {part}"

    def function_of(self, line: int) -> str:
        """The name of the innermost function that a line is in; "" if it is in none."""
        depth = _indent(self.lines[line - 1])
        for text in reversed(self.lines[: line - 1]):
            if not depth:
                break
            if text.strip() and _indent(text) < depth:
                depth = _indent(text)
                found = re.match(r"\s*(?:async )?def (\w+)", text)
                if found:
                    return found[1]
        return ""


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
