"""Reads files that are not trusted: only regular ones, only up to a size, and without waiting."""

import os
import stat
from pathlib import Path


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a regular file.

    A pipe, a device or a folder is not opened for reading, and no more than `most` bytes are read,
    whatever size the file claims to have.

    Raises:
        ValueError: it is not a regular file, or it has more than `most` bytes.
        OSError: it cannot be opened.

    """
    # Without O_NONBLOCK, to open a pipe waits for a writer.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is not a regular file")
        raw = file.read(most + 1)
    if len(raw) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return raw
