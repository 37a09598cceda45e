"""A report for the terminal: as wide as the terminal, and in colour if that is wanted.

rich lays the text out and pygments colours the code. Both are imported when there is something to
say; together they take 50 to 90 ms.
"""

import contextlib
import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from .highlight import words_of
from .outline import MOST_LABELS, Line, Network, Outline, common_indent, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

LEAST_WIDTH, USUAL_WIDTH, MOST_WIDTH = 60, 100, 200
TRIED = "Tried: with this change the file is judged CORRECT."
DIFF = {"-": "red", "+": "green"}
NO_MISTAKE = "none of those that have a name"
COLOURS = {"correct": "bold green", "wrong": "bold red", "cannot tell": "bold yellow"}
# kind of word in `highlight` -> a colour of the user's own palette
CODE = {
    "keyword": "blue",
    "name": "cyan",
    "number": "magenta",
    "string": "yellow",
    "comment": "bright_black",
}


@dataclass(frozen=True)
class Style:
    """What the medium can show."""

    width: int = USUAL_WIDTH
    colour: bool = False
    unicode: bool = False
    wraps: bool = True  # wrap the first line, too; not in a file or a pipe, for `grep`

    @classmethod
    def of(cls, stream: TextIO) -> "Style":
        """What a stream can show; ``NO_COLOR``, ``FORCE_COLOR`` and ``COLUMNS`` are obeyed."""
        is_terminal = stream.isatty()
        dumb = os.environ.get("TERM") == "dumb"
        colour = is_terminal and not dumb
        if os.environ.get("FORCE_COLOR"):
            colour = os.environ["FORCE_COLOR"] != "0"
        if os.environ.get("NO_COLOR"):
            colour = False
        width = USUAL_WIDTH
        if os.environ.get("COLUMNS", "").isdecimal():
            width = int(os.environ["COLUMNS"])
        elif is_terminal:
            with contextlib.suppress(OSError, ValueError):
                width = os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
        try:
            "│▶✓✗⋮━".encode(stream.encoding or "ascii")
            fits = is_terminal and not dumb
        except (UnicodeEncodeError, LookupError):
            fits = False
        return cls(min(max(width, LEAST_WIDTH), MOST_WIDTH), colour, fits, is_terminal)


def console(style: Style) -> "Console":
    """A console of rich's that writes into a string, ``.file.getvalue()``."""
    from rich.console import Console

    return Console(
        file=io.StringIO(),
        width=style.width,
        color_system="standard" if style.colour else None,
        force_terminal=style.colour,
        force_jupyter=False,  # rich would show the text under the cell, and leave the file empty
        no_color=not style.colour,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )


def finished(page: "Console") -> str:
    """What was printed on a console of `console`, without spaces at the ends of lines."""
    written = page.file
    assert isinstance(written, io.StringIO)
    return "\n".join(line.rstrip() for line in written.getvalue().rstrip("\n").split("\n"))


def text_of(outline: Outline, style: Style) -> str:
    """The whole report."""
    from rich.text import Text

    page = console(style)
    head = Text(outline.title, COLOURS[outline.verdict])
    head.append(f": {outline.first_line}", "bold" if outline.verdict != "correct" else "")
    if style.wraps:
        page.print(head)
    else:
        page.print(head, no_wrap=True, overflow="ignore", crop=False)
    several = len(outline.networks) > 1
    for number, network in enumerate(outline.networks, 1):
        if several:
            name = network.title or f"Network {number} of {len(outline.networks)}"
            title = Text(f"\n{printable(name)}: ", "bold")
            title.append(network.verdict, COLOURS[network.verdict])
            if network.headline != outline.headline:
                title.append(f", {printable(network.headline)}")
            page.print(title)
        _print_network(page, network, style)
    if outline.traceback:
        page.print(Text(f"\n{printable(outline.traceback)}"), soft_wrap=True)
    return finished(page)


def _print_network(page: "Console", network: Network, style: Style) -> None:
    from rich.table import Table
    from rich.text import Text

    if network.lines:
        page.print()
        page.print(_listing(network.lines, style))
        page.print()
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, words, colour in facts_of(network):
        facts.add_row(name, Text(printable(words), colour))
        if name == "mend":
            for line in network.diff:
                facts.add_row("", Text(line, DIFF.get(line[:1], "")))
            if network.diff:
                facts.add_row("", Text(TRIED, "green"))
    if facts.row_count:
        page.print(facts)


def facts_of(network: Network) -> list[tuple[str, str, str]]:
    """(name, text, colour) of each line below the excerpt."""
    facts = list[tuple[str, str, str]]()
    mistake = network.mistake
    if mistake is not None and network.why:
        facts.append(("mistake", mistake.name if mistake.page else NO_MISTAKE, "red"))
        facts += [("why", network.why, ""), ("mend", mistake.mend, "")]
        if mistake.page:
            facts.append(("see", mistake.page, "cyan"))
    if network.evidence:
        facts.append(("value", network.evidence, ""))
    facts += [("wrong" if i == 0 else "", words, "red") for i, words in enumerate(network.wrong)]
    if network.verdict == "wrong" and network.right:
        facts.append(("right", ", ".join(network.right), "green"))
    if network.verdict == "wrong" and network.loss:
        facts.append(("loss", f"the right gradients follow the {network.loss}", ""))
    facts += [("layer", layer.removeprefix("layer "), "") for layer in network.layers]
    if network.updates and (network.verdict == "wrong" or network.layers):
        facts.append(("updates", network.updates, ""))
    if network.legend:
        facts.append(("names", network.legend, ""))
    facts += [("warning", words, "yellow") for words in network.warnings]
    facts += [("note", words, "") for words in network.notes]
    return facts


def _listing(lines: list[Line], style: Style) -> Any:
    from rich.table import Table
    from rich.text import Text

    indent = common_indent(lines)
    bar, gap, arrow = ("│", "⋮", "▶") if style.unicode else ("|", "...", ">")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    longest = max(len(line.text[indent:]) for line in lines)
    remarks = max(len(line.remark) for line in lines)
    most = MOST_LABELS if len(">  99 |") + longest + 4 + remarks <= style.width else 1
    file, coloured = "", _coloured(lines, style)
    for line, code in zip(lines, coloured, strict=True):
        if line.file != file:
            table.add_row("", Text(f"{line.file}:" if line.file else "", "bold"), "")
            file = line.file
        elif line.after_gap:
            table.add_row(Text(gap, "bright_black"), "", "")
        colour = "green" if line.is_right else "bold red" if line.is_first else "red"
        colour = colour if line.labels else ""
        number = Text(f"{arrow if line.is_first else ' '} {line.number}")
        number.stylize("bold red" if line.is_first else "bright_black")
        number.append(f" {bar}", "bright_black")
        table.add_row(number, code[indent:], Text(printable(line.last_remarks(most)), colour))
    return table


def _coloured(lines: list[Line], style: Style) -> list["Text"]:
    from rich.text import Text

    found = [Text(line.text) for line in lines]
    for line, text in zip(lines, found, strict=True):
        at = 0
        for kind, word in words_of(line.text) if style.colour else ():
            if kind:
                text.stylize(CODE[kind], at, at + len(word))
            at += len(word)
    return found
