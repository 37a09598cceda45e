"""How a mistake is planted into a right network, and what a checker owes in return."""

from __future__ import annotations

from dataclasses import dataclass

from ..truth import NETWORKS, source


@dataclass(frozen=True)
class Mistake:
    """One mistake, planted into one network.

    Args:
        network: The right script, a key of `truth.NETWORKS`.
        label: What is wrong, in a few words; with ``network`` it is unique.
        source: The script with the mistake in it.
        edited: The 1-based lines that the edits have written.
        line: The 1-based line of the first value that is not the derivative it should be.
        near: Further lines that a reader would accept: where the culprit is typed, or used.
        name: What the checker's catalogue calls it; None if the catalogue has no name for it.
        also: Further names that are as true as ``name``. None among them: no name is right, too.
        other_loss: All steps follow one loss, but not the one that the script computes: "correct"
            with a warning is as right as "wrong".

    """

    network: str
    label: str
    source: str
    edited: tuple[int, ...]
    line: int
    near: tuple[int, ...] = ()
    name: str | None = None
    also: tuple[str | None, ...] = ()
    other_loss: bool = False

    @property
    def id(self) -> str:
        """A name for this mistake that is unique in the table."""
        return f"{self.network}-{self.label.replace(' ', '_')}"

    @property
    def kind(self) -> str:
        """The category in the table of results."""
        return NETWORKS[self.network].kind


def plant(
    network: str,
    label: str,
    *edits: tuple[str, str],
    at: str = "",
    near: tuple[str, ...] = (),
    name: str | None = None,
    also: tuple[str | None, ...] = (),
    other_loss: bool = False,
) -> Mistake:
    """Plant a mistake into a network.

    Args:
        network: A key of `truth.NETWORKS`.
        label: What is wrong, in a few words.
        *edits: Pairs of old and new text; each old text must be in the source exactly once.
        at: The text of the line that gives the first wrong value; without it, the first line of
            the first edit's new text.
        near: The texts of further acceptable lines. A line that an edit has written comes before
            an equal one elsewhere.
        name: The catalogue's name, or None.
        also: Further names.
        other_loss: All steps follow one loss, but not the one that the script computes.

    Raises:
        ValueError: An old text or a line is missing, or is in the source twice.

    """
    text = source(network)
    for old, new in edits:
        if text.count(old) != 1:
            raise ValueError(f"{network}: {text.count(old)} times in the source: {old!r}")
        text = text.replace(old, new)
    edited = []
    for _, new in edits:  # the edits are few and apart: their new text is found once in the end
        if new.strip():
            if text.count(new) != 1:
                raise ValueError(f"{network}: {text.count(new)} times in the new source: {new!r}")
            first = text[: text.index(new)].count("\n") + 1
            edited += range(first, first + new.rstrip("\n").count("\n") + 1)
    return Mistake(
        network=network,
        label=label,
        source=text,
        edited=tuple(edited),
        line=_line(text, at, edited) if at else edited[0],
        near=tuple(_line(text, line, edited) for line in near),
        name=name,
        also=also,
        other_loss=other_loss,
    )


def _line(text: str, wanted: str, edited: list[int]) -> int:
    """The 1-based number of the one line that reads ``wanted``, an edited one if there is one."""
    found = [i for i, line in enumerate(text.splitlines(), 1) if line.strip() == wanted]
    found = [i for i in found if i in edited] or found
    if len(found) != 1:
        raise ValueError(f"{len(found)} lines read {wanted!r}, not one")
    return found[0]
