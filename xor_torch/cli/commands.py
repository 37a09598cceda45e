"""The commands by name, and `main`, which runs one and turns each error into an exit code."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

from .. import __version__, signals
from ..files import WriteError, write_out
from ..lit import runs
from .compare import Compare, compare
from .networks import Explain, Export, Predict, explain, export, predict
from .parser import Parser, Settings, as_yaml, nearest
from .play import Play, play
from .sweep import Sweep, sweep
from .terminal import BAD_CALL, DIFFERS, SUCCESS, UsageError, exit_code, one_line, out, say, short
from .train import Train, train

COMMANDS: dict[str, tuple[type[Settings], Callable[[Any, set[str]], int]]] = {
    "train": (Train, train),
    "compare": (Compare, compare),
    "sweep": (Sweep, sweep),
    "explain": (Explain, explain),
    "predict": (Predict, predict),
    "export": (Export, export),
    "play": (Play, play),
}

NO_PROCESS = "cannot start another process or thread: the limit is reached, see ulimit -u"

USAGE = f"""usage: xor-torch COMMAND [FLAGS]

The XOR network by hand in NumPy and by autograd in Lightning, from one seed.

commands (xor-torch COMMAND --help tells more):
  train      train through Lightning and report; leave a run for TensorBoard
  compare    is the backprop right, of your script or notebook, or of ours?
  sweep      train thousands of seeds at once: who gets stuck, and where?
  explain    say why one network is where it is, and try what would help
  predict    what a trained network answers to inputs
  export     a trained network as a NumPy or ONNX file
  play       a page for the browser: see a network learn, and change it

options:
  -h, --help     show this and exit
  --version      show the version ({__version__}) and exit
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``xor-torch`` with `argv`, by default the process's own, and return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    program = f"xor-torch {argv[0]}" if argv and argv[0] in COMMANDS else "xor-torch"
    try:
        if sys.stdout is None:
            raise UsageError("standard output is closed; send it to /dev/null instead")
        return _run(argv)
    except BrokenPipeError:  # as in `xor-torch train | head`: nobody reads on
        sys.stdout = None
        return DIFFERS
    except WriteError as error:
        say(one_line(f"{program}: error: {error}"))
        return DIFFERS
    except BlockingIOError:  # of a fork
        say(f"{program}: error: {NO_PROCESS}")
        return DIFFERS
    except RuntimeError as error:
        if str(error) != "can't start new thread":  # Python has no class for it
            raise
        say(f"{program}: error: {NO_PROCESS}")
        return DIFFERS
    except (UsageError, OSError, ValueError) as error:
        say(one_line(f"{program}: error: {error}"))
        return BAD_CALL
    except KeyboardInterrupt as interrupt:
        say("\nInterrupted.")
        return exit_code(interrupt)


def _run(argv: list[str]) -> int:
    command, *flags = argv or ["--help"]
    if command in ("-h", "--help"):
        write_out(USAGE)
        return SUCCESS if argv else BAD_CALL
    if command == "--version":
        out(f"xor-torch {__version__}")
        return SUCCESS
    if command not in COMMANDS:
        hint = nearest(command, COMMANDS, cutoff=0.6) or "see xor-torch --help"
        raise UsageError(f"{short(command)}: unknown command; {hint}")
    kind, run = COMMANDS[command]
    end = flags.index("--") if "--" in flags else len(flags)
    flags, rest = flags[:end], flags[end + 1 :]
    try:
        settings, given = Parser(kind, f"xor-torch {command}").read(flags)
    except SystemExit as done:  # --help
        write_out("")  # argparse leaves its text in the buffer, and a full disk to Python's exit
        return int(done.code or 0)
    if "print_config" in given:
        write_out(as_yaml(settings))
        return SUCCESS
    if rest:
        if not isinstance(settings, Compare) or not settings.files:
            raise UsageError(f"-- {' '.join(rest)}: arguments go with a FILE of compare")
        settings.rest = rest
    try:
        # training catches the signals itself: it saves a checkpoint first
        with contextlib.nullcontext() if run is train else signals.listening(_interrupt):
            return run(settings, given)
    except runs.LogDirError as error:
        raise UsageError(f"--log-dir {settings.as_dict()['log_dir']}: {error}") from error


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Raise KeyboardInterrupt: worker processes are ended, and what is finished is kept."""
    raise KeyboardInterrupt(number)
