"""How a mistake is planted into a correct network, and what a checker owes in return."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from xor_torch.backprop.judging.findings import MistakeName

NAMES = get_args(MistakeName)
"""The catalogue: what each planted mistake is called."""

CORRECT: dict[str, str] = {
    path.stem.replace("_", "-"): path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parents[1] / "networks").glob("*.py"))
}
"""Every correct source: name of the file, with ``-`` for ``_`` -> text of the script."""


@dataclass(frozen=True)
class Mistake:
    """One mistake, planted into one source, and what a checker owes in return.

    Args:
        style: The correct source it was planted into, a key of ``CORRECT``.
        name: The mistake, one of ``NAMES``.
        source: The script with the mistake in it.
        line: 1-based line of the first value that is not the derivative it should be. A bias that
            is never updated has no such value: then it is the line of the forward pass that adds
            the bias.
        variable: What that line assigns, as the source writes it.
        spoils: The parameters whose steps are wrong, as the source writes them. ``()`` if every
            step follows a known loss, but not the one that the script prints.
        near: Further lines that a reader would accept: where the culprit is typed, or used.
        also: Further names that are as true as ``name``.
        answers: The right answers: ``"wrong"``, or ``"warned"`` for a script that is correct for
            another loss than it prints: it deserves a warning, and only ``strict`` calls it wrong.
        label: Tells two mistakes of the same name in the same source apart.

    """

    style: str
    name: MistakeName
    source: str
    line: int
    variable: str
    spoils: tuple[str, ...]
    near: tuple[int, ...] = ()
    also: tuple[str, ...] = ()
    answers: tuple[str, ...] = ("wrong",)
    label: str = ""

    @property
    def id(self) -> str:
        """A name for this mistake that is unique in the table, for a test's parameter."""
        words = [self.style, self.name.replace(" ", "_"), self.label.replace(" ", "_")]
        return "-".join(word for word in words if word)


def plant(
    style: str,
    name: MistakeName,
    edits: list[tuple[str, str]],
    at: str,
    spoils: str,
    *,
    near: tuple[str, ...] = (),
    **more,
) -> Mistake:
    """Plant a mistake into the correct source ``style``.

    Args:
        style: A key of ``CORRECT``.
        name: One of ``NAMES``.
        edits: Pairs of old and new text; each old text must be in the source exactly once.
        at: The line of the changed source that gives the first wrong value.
        spoils: The spoilt parameters, with spaces between.
        near: Further acceptable lines.
        **more: ``variable`` if it is not what ``at`` assigns, and the other fields.

    Raises:
        ValueError: An old text or a line is missing, or is in the source twice.

    """
    source = CORRECT[style]
    for old, new in edits:
        if source.count(old) != 1:
            raise ValueError(f"{style}: {source.count(old)} times in the source, not once: {old!r}")
        source = source.replace(old, new)
    variable = more.pop("variable", at.split("=")[0].rstrip("+-*/ "))
    return Mistake(
        style=style,
        name=name,
        source=source,
        line=_line(source, at),
        variable=variable,
        spoils=tuple(spoils.split()),
        near=tuple(_line(source, text) for text in near),
        **more,
    )


def _line(source: str, text: str) -> int:
    """The 1-based number of the one line that reads ``text``."""
    found = [i for i, line in enumerate(source.splitlines(), 1) if line.strip() == text]
    if len(found) != 1:
        raise ValueError(f"{len(found)} lines read {text!r}, not one")
    return found[0]
