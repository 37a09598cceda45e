"""The process that runs a stranger's file and leaves a tape.

python -m xor_torch.backprop.recording FILE DIRECTORY SECONDS [ARGS...]
"""

import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from .limits import Limits
from .recorder import Recorder
from .script import Run
from .source import read_source


def main(argv: list[str]) -> None:
    """Run ``FILE DIRECTORY SECONDS [ARGS...]`` and write the tape into the directory."""
    file, directory, seconds, *rest = argv
    folder, path = Path(directory), Path(file)
    owner, exit_now = os.getpid(), os._exit

    def save(**outcome: Any) -> None:
        if os.getpid() == owner:  # not a child that the script has forked
            recorder.tape.save(folder, left=recorder.rounds.left, **outcome)

    def leave(end: str = "full") -> None:
        recorder.full = True
        save(end=end)
        exit_now(0)

    # A loop in C, or a process that is killed, leaves us no time: what is enough is saved at once.
    limits = Limits(seconds=float(seconds))
    recorder = Recorder(limits, when_full=leave, when_enough=lambda: save(end="full"))
    source, places = read_source(path)
    sys.argv = [file, *rest]
    sys.path[0] = str(path.resolve().parent)
    watch = threading.Timer(limits.seconds, leave, ["time"])
    watch.daemon = True
    watch.start()
    os._exit = lambda status: leave("exit")  # type: ignore[assignment, return-value]
    outcome: dict[str, Any] = {"end": "ran"}
    try:
        Run(recorder).script(source, file, places)
    except SystemExit as e:
        outcome = {"end": "exit", "message": str(e.code)}
    except BaseException as e:
        outcome = {
            "end": "crash",
            "traceback": _own_traceback(e),
            "error": type(e).__name__,
            "module": getattr(e, "name", None),
        }
    watch.cancel()
    recorder.full = True
    save(**outcome)
    sys.stdout.flush()
    exit_now(0)


def _own_traceback(error: BaseException) -> str:
    """A traceback without our frames."""
    here = Path(__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent != here]
    text = ["Traceback (most recent call last):\n", *traceback.format_list(own)]
    return "".join(text + traceback.format_exception_only(type(error), error))


if __name__ == "__main__":
    main(sys.argv[1:])
