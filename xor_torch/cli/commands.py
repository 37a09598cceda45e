"""The commands by name, and `main`, which runs one and turns what goes wrong into an exit code."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

from .. import __version__, signals
from ..files import WriteError
from ..lit import runs
from .compare import Compare, compare
from .networks import Explain, Export, Predict, explain, export, predict
from .parser import Parser, Settings, as_yaml, nearest
from .sweep import Sweep, sweep
from .terminal import BAD_CALL, DIFFERS, SUCCESS, UsageError, exit_code, one_line, say, short
from .train import Train, train

COMMANDS: dict[str, tuple[type[Settings], Callable[[Any, set[str]], int]]] = {
    "train": (Train, train),
    "compare": (Compare, compare),
    "sweep": (Sweep, sweep),
    "explain": (Explain, explain),
    "predict": (Predict, predict),
    "export": (Export, export),
}

USAGE = f"""usage: xor-torch COMMAND [FLAGS]

The XOR network by hand in NumPy and by autograd in Lightning, from the same seed.

commands (xor-torch COMMAND --help tells more):
  train      train through Lightning, print the notebook's report, leave a TensorBoard run
  compare    is the backprop right? ours, or that of a script or notebook of yours
  sweep      train thousands of seeds at once: who solves it, who gets stuck, where
  explain    say why one network is where it is, and try what would help
  predict    what a trained network answers to inputs
  export     a trained network as a NumPy or ONNX file

options:
  -h, --help     show this and exit
  --version      show the version ({__version__}) and exit
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``xor-torch`` with `argv`, by default the process's own, and return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    command, *flags = argv or ["--help"]
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return SUCCESS if argv else BAD_CALL
    if command == "--version":
        print(f"xor-torch {__version__}")
        return SUCCESS
    if command not in COMMANDS:
        hint = nearest(command, COMMANDS, cutoff=0.6) or "see xor-torch --help"
        say(one_line(f"xor-torch: error: {short(command)}: unknown command; {hint}"))
        return BAD_CALL
    kind, run = COMMANDS[command]
    parser = Parser(kind, f"xor-torch {command}")
    end = flags.index("--") if "--" in flags else len(flags)
    flags, rest = flags[:end], flags[end + 1 :]
    try:
        settings, given = parser.read(flags)
        if "print_config" in given:
            print(as_yaml(settings), end="")
            return SUCCESS
        if rest:
            if not isinstance(settings, Compare) or settings.file is None:
                raise UsageError(f"-- {' '.join(rest)}: arguments go with a FILE of compare")
            settings.rest = rest
        # training catches the signals itself: it saves a checkpoint first
        with contextlib.nullcontext() if run is train else signals.listening(_interrupt):
            return run(settings, given)
    except SystemExit as done:  # --help
        return int(done.code or 0)
    except BrokenPipeError:  # as in `xor-torch train | head`: nobody reads on
        sys.stdout = None
        return DIFFERS
    except WriteError as error:
        say(f"{parser.prog}: error: {error}")
        return DIFFERS
    except (UsageError, OSError, ValueError) as error:
        where = (
            f"--log-dir {settings.as_dict()['log_dir']}: "
            if isinstance(error, runs.LogDirError)
            else ""
        )
        say(one_line(f"{parser.prog}: error: {where}{error}"))
        return BAD_CALL
    except KeyboardInterrupt as interrupt:
        say("\nInterrupted.")
        return exit_code(interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Raise KeyboardInterrupt: worker processes are ended, and what is finished is kept."""
    raise KeyboardInterrupt(number)
