"""Refuse work that cannot fit into memory before anything is allocated."""

import contextlib
import os
from pathlib import Path


def total() -> float:
    """The most bytes of memory that this process may use; infinite if that is not known."""
    limits = [float("inf")]
    with contextlib.suppress(AttributeError, OSError, ValueError):  # not on Windows
        limits.append(float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    # the limit of a container, where asking for more ends the process without a word
    with contextlib.suppress(OSError, ValueError):
        limits.append(float(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits)


def check(what: str, need: float) -> None:
    """Refuse work that needs more memory than this process may use.

    Args:
        what: the flags or arguments that ask for the work; the message names them.
        need: in bytes.

    Raises:
        ValueError: `need` is more than `total`.

    """
    if need > total():
        raise ValueError(
            f"{what}: would need about {need / 1e9:,.0f} GB of memory, "
            f"this process may use {total() / 1e9:,.0f} GB"
        )
