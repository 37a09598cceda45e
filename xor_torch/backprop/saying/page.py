"""A report as HTML: a fragment for a notebook, and pages that need no network."""

import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import PurePath

from .highlight import words_of
from .outline import Line, Network, Outline, common_indent, printable
from .table import Row, mistakes, names_of, short_place, summary
from .terminal import TRIED, facts_of

HEAD = ("verdict", "line", "mistake, or reason", "time")
CLASSES = {"correct": "correct", "wrong": "wrong", "cannot tell": "cannot"}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ margin: 2em; }}</style></head>
<body>{body}</body></html>
"""


def fragment(outline: Outline) -> str:
    """The report as a ``<div>`` that brings its style with it."""
    parts = [
        f'<h3><span class="{CLASSES[outline.verdict]}">{outline.title}</span> '
        f"{_text(outline.first_line)}</h3>"
    ]
    several = len(outline.networks) > 1
    for number, network in enumerate(outline.networks, 1):
        if several:
            name = network.title or f"Network {number} of {len(outline.networks)}"
            words = f"{name}: {network.verdict}"
            if network.headline != outline.headline:
                words += f", {network.headline}"
            parts.append(f'<h3 class="{CLASSES[network.verdict]}">{_text(words)}</h3>')
        parts.append(_network(network))
    if outline.traceback:
        parts.append(f"<pre>{_text(outline.traceback)}</pre>")
    return _whole("".join(parts))


def page(outline: Outline) -> str:
    """The report as a page of its own."""
    title = f"{outline.title}: {PurePath(outline.path).name}"
    return PAGE.format(title=_text(title), body=fragment(outline))


def _whole(inner: str) -> str:
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return f'<div class="backprop"><style>{style}</style>{inner}</div>'


def _text(words: str) -> str:
    return escape(printable(words))


def _network(network: Network) -> str:
    rows, file = list[str](), ""
    indent = common_indent(network.lines)
    for line in network.lines:
        if line.file != file:
            rows.append(f'<tr><td></td><td class="dim">{_text(line.file)}</td><td></td></tr>')
            file = line.file
        elif line.after_gap:
            rows.append("<tr><td>⋮</td><td></td><td></td></tr>")
        rows.append(_row(line, indent))
    listing = f'<div class="code"><table>{"".join(rows)}</table></div>' if rows else ""
    facts = "".join(
        f"<dt>{_text(name)}</dt><dd>{_text(words)}{_diff(network) if name == 'mend' else ''}</dd>"
        for name, words, _ in facts_of(network)
    )
    return listing + (f"<dl>{facts}</dl>" if facts else "")


def _diff(network: Network) -> str:
    kinds = {"-": "wrong", "+": "correct"}
    lines = [
        f'<span class="{kinds.get(line[:1], "dim")}">{_text(line)}</span>' for line in network.diff
    ]
    return f"<pre>{'<br>'.join(lines)}</pre>{TRIED}" if lines else ""


def _row(line: Line, indent: int) -> str:
    kind = "first" if line.is_first else "bad" if not line.is_right else "ok" if line.labels else ""
    code = "".join(
        f'<span class="{kind}">{escape(word)}</span>' if kind else escape(word)
        for kind, word in words_of(line.text[indent:])
    )
    hover = f' title="{_text(line.hover)}"' if line.hover else ""
    return (
        f'<tr class="{kind}"{hover}><td>{line.number}</td><td>{code}</td>'
        f"<td>{_text(line.remark)}</td></tr>"
    )


# --------------------------------------------------------------------------------- a class


def class_pages(rows: Sequence[Row]) -> dict[str, str]:
    """File name -> page: one for each script, and ``index.html``, which leads to them."""
    names = [_page_name(row.path) for row in rows]
    found = {name: page(row.outline) for name, row in zip(names, rows, strict=True)}
    found["index.html"] = PAGE.format(title=_text(summary(rows)), body=_whole(_index(rows, names)))
    return found


def _page_name(path: str) -> str:
    """A name for a file's page that no other path has."""
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in PurePath(path).name)
    return f"{name[:60]}-{hashlib.sha256(path.encode(errors='surrogatepass')).hexdigest()[:8]}.html"


def _index(rows: Sequence[Row], names: Sequence[str]) -> str:
    body = []
    first, files = names_of(rows)
    for row, name, file in zip(rows, names, files, strict=True):
        words = row.json["mistake"] or row.json["reason"] or ""
        words = row.outline.headline if row.verdict == "wrong" and not words else words
        copy = f"the same code as {row.copy_of}" if row.copy_of else ""
        body.append(
            f'<tr><td><a href="{name}">{_text(file)}</a></td>'
            f'<td class="{CLASSES[row.verdict]}">{row.verdict}</td>'
            f"<td>{_text(short_place(row))}</td>"
            f"<td>{_text('; '.join(filter(None, (words, copy))))}</td>"
            f"<td>{row.seconds:.1f} s</td></tr>"
        )
    head = "".join(f"<th>{name}</th>" for name in (_text(first), *HEAD))
    return (
        f"<h3>{_text(summary(rows))}</h3>{_bars(mistakes(rows))}"
        f'<table class="class"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    )


def _bars(counts: Sequence[tuple[str, int]]) -> str:
    """The mistakes of a class as a bar chart."""
    if not counts:
        return ""
    most, bars = max(n for _, n in counts), []
    for k, (name, n) in enumerate(counts):
        y, width = 26 * k, 380 * n / most
        bars.append(
            f'<text x="290" y="{y + 17}" text-anchor="end">{_text(name)}</text>'
            f'<rect x="300" y="{y + 4}" width="{width:.0f}" height="18" rx="3" fill="var(--bad)"/>'
            f'<text x="{308 + width:.0f}" y="{y + 17}">{n}</text>'
        )
    return (
        f'<svg role="img" aria-label="how often each mistake was made" width="720" '
        f'height="{26 * len(counts) + 8}">{"".join(bars)}</svg>'
    )
