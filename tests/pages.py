"""Makes the outputs that the pages show, so that they cannot go stale.

    python -m tests.pages --house    CONTRIBUTING.md: the map of the house, from the docstrings
    python -m tests.pages            and docs/mistakes.md: what `compare` reports, what differs
    python -m tests.pages --learn    its table too: minutes, for every script is trained
    python -m tests.pages --reports  docs/report*.svg: the pictures of reports
    python -m tests.pages --walk     docs/walk.ipynb: executed, in a directory of its own

In docs/mistakes.md a comment with the id of a planted mistake (see `tests.backprop.homework`)
stands before a ``diff`` and a ``text`` block; both are replaced, and nothing else is.
"""

import ast
import contextlib
import difflib
import io
import re
import shutil
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from xor_torch.backprop.check import check_file
from xor_torch.backprop.saying import Style

from .backprop.homework import CORRECT, MISTAKES, Mistake

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDE = ROOT / "CONTRIBUTING.md"
PAGE = DOCS / "mistakes.md"
WALK = DOCS / "walk.ipynb"
SEEDS = range(20)
BY_ID = {mistake.id: mistake for mistake in MISTAKES}

# of docs/compare.md
PICTURES = [
    "plain-updated_too_early",
    "plain-derivative_taken_twice-hidden",
    "plain-missing_hidden_derivative",
    "plain-bias_not_summed",
    "plain-wrong_transpose",
]

EXAMPLE = re.compile(r"<!-- (\S+) -->\n+```diff\n(.*?)```\n+```text\n(.*?)```\n", re.DOTALL)
TABLE = re.compile(r"(?<=<!-- table -->\n\n)(\|.*\n)*")
HOUSE = re.compile(r"(?<=<!-- house -->\n\n```text\n)(.*\n)*?(?=```\n)")


def house(package: Path = ROOT / "xor_torch", depth: int = 0) -> str:
    """A line for each room and wing: its name, and the first line of its docstring."""

    def line(name: str, path: Path) -> str:
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        return f"{'  ' * depth + name:21}{said.partition(chr(10))[0]}".rstrip() + "\n"

    rooms = sorted(path for path in package.glob("*.py") if path.stem != "__init__")
    wings = sorted(path.parent for path in package.glob("*/__init__.py"))
    result = "" if depth else line(f"{package.name}/", package / "__init__.py")
    depth += 1
    for path in rooms:
        result += line(path.stem, path)
    for path in wings:
        result += line(f"{path.name}/", path / "__init__.py") + house(path, depth)
    return result


def refresh(page: str) -> str:
    """`page` with the diff and the report of every example as they are now."""
    return EXAMPLE.sub(lambda found: example(BY_ID[found[1]]), page)


def example(mistake: Mistake) -> str:
    """One example as it stands on the page."""
    changes, lines = "\n".join(diff(mistake)), "\n".join(report(mistake))
    return f"<!-- {mistake.id} -->\n\n```diff\n{changes}\n```\n\n```text\n{lines}\n```\n"


def diff(mistake: Mistake) -> list[str]:
    """The wrong lines with -, the right ones with +, and those that lie close between them."""
    wrong, right = mistake.source.splitlines(), CORRECT[mistake.style].splitlines()
    hunks = "\n".join([*difflib.unified_diff(wrong, right, lineterm="")][2:])
    result = []
    for hunk in re.split(r"^@@.*\n", hunks, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines()
        changed = [i for i, line in enumerate(lines) if line[0] in "+-"]
        lines = [line for line in lines[changed[0] : changed[-1] + 1] if line.strip()]
        result += [f"{line[0]} {line[1:].strip()}" for line in lines]
    return result


def report(mistake: Mistake) -> list[str]:
    """The lines of the real report that say what is wrong; the diff shows the script's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "my_network.py")
        path.write_text(mistake.source)
        verdict = check_file(path, timeout=600)  # however busy the machine is
    verdict.path = path.name
    lines = verdict.report(Style(width=80, wraps=False)).splitlines()
    assert verdict.verdict == "wrong", lines[0]
    begin = next(n for n, line in enumerate(lines) if line.startswith("mistake"))
    wanted, is_wanted = lines[:1], False
    for line in lines[begin:]:
        if not line.startswith(" "):
            is_wanted = line.split()[0] in ("why", "mend", "value", "wrong")
        if is_wanted:
            wanted.append(line)
    return wanted


def picture(source: str, id: str) -> str:
    """The report on a script as a terminal shows it, as SVG without a font from the network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "my_network.py")
        path.write_text(source)
        verdict = check_file(path, mend=True, timeout=600)  # however busy the machine is
    assert verdict.correction, verdict.outline().first_line
    verdict.path = path.name
    width = 88
    terminal = Console(record=True, file=io.StringIO(), width=width, force_terminal=True)
    terminal.print(Text.from_ansi(verdict.report(Style(width, colour=True, unicode=True))))
    svg = terminal.export_svg(title="xor-torch compare my_network.py", unique_id=id)
    return re.sub(r"@font-face \{.*?\}\n|<!--.*?-->\n", "", svg, flags=re.DOTALL)


def table(page: str) -> str:
    """How often each example of `page` learns XOR, beside its correct twin."""
    rows = [
        "| Mistake | Spoils | Learns XOR | Median loss | Right twin | Median loss |",
        "|---|---|---|---|---|---|",
    ]
    for found in EXAMPLE.finditer(page):
        mistake = BY_ID[found[1]]
        solved, loss = learn(mistake.source)
        twin, twin_loss = learn(CORRECT[mistake.style])
        rows.append(
            f"| [{mistake.name}](#{mistake.name.replace(' ', '-')}) | {', '.join(mistake.spoils)} "
            f"| {solved} of {len(SEEDS)} | {loss:.2g} | {twin} of {len(SEEDS)} | {twin_loss:.2g} |"
        )
    return "\n".join(rows) + "\n"


@cache
def learn(source: str) -> tuple[int, float]:
    """How many of `SEEDS` end on the right side of 1/2 in every row; the median loss (MSE)."""
    assert source.count("seed(42)") == 1
    solved, losses = 0, []
    for seed in SEEDS:
        names: dict[str, np.ndarray] = {}
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an overflow, if the mistake makes it diverge
            exec(source.replace("seed(42)", f"seed({seed})"), names)
        y, prediction = names["y"], names["y_pred"]
        solved += bool(((prediction > 0.5) == (y > 0.5)).all())
        losses.append(np.mean((prediction - y) ** 2))
    return solved, float(np.median(losses))


def walk(folder: Path):
    """Execute docs/walk.ipynb in `folder`; of the outputs, only what the cells print is kept."""
    import nbformat
    from nbclient import NotebookClient

    shutil.copy(DOCS / "my_network.py", folder)
    notebook = nbformat.read(WALK, 4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=600, resources=resources, record_timing=False, coalesce_streams=True
    ).execute()
    return notebook


def main() -> None:
    GUIDE.write_text(HOUSE.sub(lambda _: house(), GUIDE.read_text(), count=1))
    if "--house" in sys.argv:
        return
    if "--reports" in sys.argv:
        for id in PICTURES:
            name = f"report-{id.replace('_', '-')}.svg"
            (DOCS / name).write_text(picture(BY_ID[id].source, id))
        (DOCS / "report.svg").write_text(picture((DOCS / "my_network.py").read_text(), "report"))
        return
    page = refresh(PAGE.read_text())
    if "--learn" in sys.argv:
        page = TABLE.sub(lambda _: table(page), page)
    PAGE.write_text(page)
    if "--walk" in sys.argv:
        import nbformat

        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(walk(Path(folder)), WALK)


if __name__ == "__main__":
    main()
