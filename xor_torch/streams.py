"""Standard input, output and error of the process, so that none of them can end a command."""

import contextlib
import io
import os
import sys


class _Lossy(io.FileIO):
    """A stream for messages. A message that cannot be written is lost without an error."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        with contextlib.suppress(OSError):
            super().write(data)
        return len(data)


def settle() -> None:
    """Prepare the streams of a process that has just begun.

    - A closed stream becomes ``/dev/null``. Otherwise the next file that is opened would take its
      number, and get what is meant for the stream. `sys.stdout` stays None if it was closed.
    - A character that standard output cannot encode is written as an escape: in ASCII or cp1252 a
      report must not fail over a name with an umlaut.
    - Standard error never raises: a message that nobody can read is no reason to stop.
    """
    with contextlib.suppress(OSError):  # without /dev/null, a closed stream stays closed
        null = os.open(os.devnull, os.O_RDWR)
        while null < 3:  # the lowest free numbers are those of closed streams
            os.set_inheritable(null, True)
            null = os.dup(null)
        os.close(null)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    encoding = sys.stderr.encoding if sys.stderr else "utf-8"
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Lossy(2, "w", closefd=False)),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
