"""The pages: links work, code prints the output that follows it, names are those of the code."""

import contextlib
import html
import importlib.util
import inspect
import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import xor_torch
from xor_torch import manual

from . import pages
from .backprop.homework import CORRECT, NAMES

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), pages.WALK])

needs_docs = pytest.mark.skipif(
    importlib.util.find_spec("myst_nb") is None,
    reason="builds the site: needs pip install -e '.[docs]' and Python 3.11",
)


def prose(path: Path) -> str:
    if path.suffix == ".ipynb":
        cells = json.loads(path.read_text())["cells"]
        return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return path.read_text()


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts and MyST make them."""
    headings = re.findall(r"^#+ (.*)", without_blocks(prose(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def dead_links(path: Path, text: str) -> list[str]:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", without_blocks(text))):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        to = (path.parent / name) if name else path
        if not to.exists() or (anchor and anchor not in anchors(to)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(path):
    assert dead_links(path, prose(path)) == []


def test_a_dead_link_is_noticed():
    text = "[a](none.md) [b](sweep.md#none) [c](sweep.md) ![d](none.png) [e](https://example.org)"
    assert dead_links(ROOT / "docs/x.md", text) == ["none.md", "sweep.md#none", "none.png"]


def test_every_page_is_linked_from_the_index():
    links = set(re.findall(r"\]\(([^)#]+)\)", (ROOT / "docs/index.md").read_text()))
    assert links == {p.name for p in PAGES if p.parent.name == "docs"} - {"index.md"}


PROMISE = re.compile(r"^\| (?!Promise)[^|-].*?\| (.*) \|$", re.MULTILINE)


def untested_promises(page: str) -> list[str]:
    """The rows of docs/reliability.md that name no test, or a test that is not in its file."""
    missing = []
    for tests in PROMISE.findall(page):
        named = []
        for part in re.findall(r"`([^`]+\.py|test_\w+)`", tests):
            if part.endswith(".py"):
                path = ROOT / "tests" / part
                source = path.read_text() if path.exists() else ""
            else:
                named.append(part)
                if not re.search(rf"^def {part}\(", source, re.MULTILINE):
                    missing.append(part)
        if not named:
            missing.append(tests)
    return missing


def test_every_promise_has_a_test():
    page = (ROOT / "docs/reliability.md").read_text()
    assert len(PROMISE.findall(page)) > 20
    assert untested_promises(page) == []


def test_a_promise_without_a_test_is_noticed():
    page = "| It works. | `test_docs.py`: `test_none` |\n| It too. | `test_docs.py` |\n"
    assert untested_promises(page) == ["test_none", "`test_docs.py`"]


EXECUTED = re.compile(r"^```python\n(.*?)^```\n+```text\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", ["api", "derivation"])
def test_code_prints_what_stands_below_it(name):
    names: dict[str, object] = {}
    blocks = EXECUTED.findall((ROOT / f"docs/{name}.md").read_text())
    assert blocks
    for code, output in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == output


def test_the_derivation_quotes_lines_of_manual():
    source = (ROOT / "xor_torch/manual.py").read_text()
    rows = re.findall(r"^\| \$.*?\$ \| `(.*?)` \|", (ROOT / "docs/derivation.md").read_text(), re.M)
    quoted = {line.split(" = ")[0] for line in rows}
    fields = manual.Forward._fields + manual.Backward._fields
    assert quoted == set(fields)
    assert [line for line in rows if f"    {line}" not in source] == []


def test_the_catalogue_has_the_names_of_the_code():
    page = pages.PAGE.read_text()
    names = list(NAMES)
    assert re.findall(r"^## (.*)", page, re.MULTILINE) == ["Does it still learn?", *names]
    assert [pages.BY_ID[id].name for id, _, _ in pages.EXAMPLE.findall(page)] == names
    assert re.findall(r"^\| \[(.*?)\]", page, re.MULTILINE) == names


def test_the_map_shows_the_house():
    (shown,) = (found[0] for found in pages.HOUSE.finditer(pages.GUIDE.read_text()) if found[0])
    assert shown == pages.house(), "python -m tests.pages --house makes the map again"
    named = set(re.findall(r"^ +(\S+)  ", shown, re.MULTILINE))
    assert named >= {"data", "manual", "lit/", "training", "backprop/", "recording/", "recorder"}


EXAMPLES = [found[0] for found in pages.EXAMPLE.finditer(pages.PAGE.read_text())]


@pytest.mark.parametrize(
    "text",
    # each takes a second or two, all of them more than half a minute
    [EXAMPLES[0], *(pytest.param(e, marks=pytest.mark.slow) for e in EXAMPLES[1:])],
    ids=lambda text: re.match(r"<!-- (\S+) -->", text)[1],
)
def test_the_catalogue_shows_what_compare_reports(text):
    assert pages.refresh(text) == text, "python -m tests.pages makes the page again"


def test_the_picture_in_the_readme_shows_the_report_of_compare():
    svg = (ROOT / "docs/report.svg").read_text()
    shown = html.unescape("".join(re.findall(r"<text [^>]*>(.*?)</text>", svg)))
    (block,) = re.findall(
        r"^```\n(WRONG: .*?)^```", (ROOT / "docs/compare.md").read_text(), re.M | re.S
    )
    words = re.sub(r"\s", "", block.replace("docs/my_network.py", "my_network.py"))
    shown = re.sub(r"\s", "", shown.replace("\u2502", "|").replace("\u25b6", ">"))
    title = "xor-torchcomparemy_network.py"
    assert shown == title + words, "python -m tests.pages --reports makes the pictures again"


def test_the_table_counts_who_learns():
    plain = CORRECT["plain"]
    assert pages.learn(plain.replace("epochs = 10000", "epochs = 10"))[0] == 0
    learns = plain.replace("lr = 0.1", "lr = 5").replace("epochs = 10000", "epochs = 500")
    solved, loss = pages.learn(learns)
    assert solved >= 18
    assert loss < 0.01


def without_rounding(text: str) -> str:
    """The text without the last digits, which differ from machine to machine."""
    return re.sub(r"\d\.\de-1\d", "rounding", text)


def printed(cell) -> list[list[str]]:
    """The lines that a cell has printed, and the kinds of its other outputs."""
    outputs = cell["outputs"]
    text = [without_rounding("".join(o.get("text", ""))).splitlines() for o in outputs]
    return text + [sorted(o.get("data", ())) for o in outputs]


@needs_docs
@pytest.mark.slow
def test_the_walk_prints_what_it_shows(tmp_path, monkeypatch):
    import matplotlib.font_manager  # noqa: F401  (says so when it makes its cache, but only once)

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    shown = [c for c in json.loads(pages.WALK.read_text())["cells"] if "outputs" in c]
    made = [c for c in pages.walk(tmp_path).cells if "outputs" in c]
    for was, now in zip(shown, made, strict=True):
        assert printed(now) == printed(was), "python -m tests.pages --walk makes it again"


def test_the_walk_is_clean():
    text = pages.WALK.read_text()
    assert '"stderr"' not in text
    assert '"execution":' not in text  # times of day
    for path in (Path.home(), ROOT, tempfile.gettempdir(), "site-packages"):
        assert f"{path}/" not in text


def is_public(name: str, thing: object) -> bool:
    return name[0] != "_" and getattr(thing, "__module__", "") == manual.__name__


PUBLIC = [
    *(getattr(xor_torch, name) for name in xor_torch.__all__),
    *(thing for name, thing in vars(manual).items() if is_public(name, thing)),
]


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__name__)
def test_public_docstrings_name_every_argument(thing):
    text = inspect.getdoc(thing) or ""
    assert text
    if inspect.isclass(thing) and issubclass(thing, tuple):
        return  # its fields have comments
    arguments = [name for name in inspect.signature(thing).parameters if name != "self"]
    missing = [name for name in arguments if not re.search(rf"\b{name}\b", text)]
    assert missing == []


@needs_docs
@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_loads_nothing(tmp_path):
    sphinx = [sys.executable, "-m", "sphinx", "-qEW", "--keep-going"]
    build = [*sphinx, ROOT / "docs", tmp_path / "site"]
    run = subprocess.run(build, capture_output=True, text=True, cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    built = {path.stem: path.read_text() for path in (tmp_path / "site").glob("*.html")}
    assert {p.stem for p in PAGES if p.parent.name == "docs"} <= set(built)
    loaded = [
        url
        for text in built.values()
        for url in re.findall(r"<(?:script|img|link|iframe)[^>]*?(?:src|href)=\"(\w+:[^\"]+)", text)
    ]
    assert loaded == []
    assert "<math" in built["derivation"]
    assert all(f"xor_torch.{name}" in built["api"] for name in xor_torch.__all__)
