"""The command line: flags, messages and exit codes. What a command needs is imported inside it."""

import argparse
import contextlib
import difflib
import gc
import math
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from . import __version__, runs
from .data import MAX_BITS, MAX_HIDDEN, MAX_SEED

LOSSES = ("mse", "bce")
VIEWS = ("none", "scalars", "all")
SUCCESS, DIFFERS, BAD_CALL = 0, 1, 2  # 130 and 143 are Ctrl-C and SIGTERM


class UsageError(Exception):
    """A call or an input that cannot be served; its text is for the user."""


class FlagValueError(argparse.ArgumentTypeError, ValueError):
    """A value that a flag does not take: argparse asks for the one class, a YAML for the other."""


class Parser(ArgumentParser):
    """jsonargparse's parser, whose error is one line: the flag, the value, what to do."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            print_config="--print-config",
            **options,
        )

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise UsageError(self._in_flags(" ".join(message.split())))

    def _in_flags(self, message: str) -> str:
        if match := re.match(r"argument (--\S+): (.*)", message):
            return f"{match[1]}: {match[2]}"
        if match := re.match(r'Parser key "([\w.]+)": (.*)', message):
            return f"--{match[1].replace('_', '-')}: {match[2]}"
        if match := re.match(r"unrecognized arguments: (\S+)", message, re.IGNORECASE):
            flag, _, _ = match[1].partition("=")
            return f"{flag}: unknown{self._nearest(flag)}"
        if match := re.match(r"Option '(.+?)' is not accepted", message):
            flag = "--" + match[1].replace("_", "-")
            return f"--config: unknown setting {match[1]}{self._nearest(flag)}"
        return message

    def _nearest(self, flag: str) -> str:
        flags = [name for action in self._actions for name in action.option_strings]
        near = difflib.get_close_matches(flag, flags, n=1, cutoff=0.7)
        return f"; did you mean {near[0]}?" if near else f"; see {self.prog} --help"


def whole(low: int, high: int) -> Callable[[Any], int]:
    """The type of a flag that takes a whole number from `low` to `high`."""

    def parse(value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = low - 1
        if isinstance(value, bool | float) or not low <= number <= high:
            raise FlagValueError(f"must be a whole number from {low} to {high}, got {value}")
        return number

    return parse


def positive(value: Any) -> float:
    """The type of a learning rate, or of a time in seconds."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not 0 < number < math.inf:
        raise FlagValueError(f"must be a positive, finite number, got {value}")
    return number


def add_network_flags(parser: Parser) -> None:
    """The flags of every command that trains: which network, and how."""
    add = parser.add_argument
    add("--seed", type=whole(0, MAX_SEED), default=42, help="of the initial weights (42)")
    add("--epochs", type=whole(1, 10**12), default=10_000, help="descent steps (10000)")
    add("--lr", type=positive, default=0.1, help="learning rate (0.1)")
    add("--hidden", type=whole(1, MAX_HIDDEN), default=2, help="hidden units (2)")
    add("--bits", type=whole(1, MAX_BITS), default=2, help="inputs: 2 is XOR, N is parity (2)")


def train_parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Train the network through Lightning, from NumPy's seed, and report.",
        epilog="exit code: 0 done, 2 bad call or input, 130 interrupted",
    )
    add_network_flags(parser)
    add = parser.add_argument
    add("--log-dir", type=str, default="lightning_logs", help="of the runs (lightning_logs)")
    add("--views", choices=VIEWS, default="all", help=f"{', '.join(VIEWS)}: for TensorBoard (all)")
    add("--check", action="store_true", help="compare with the manual gradients while training")
    add(
        "--resume",
        type=str,
        nargs="?",
        const="",
        metavar="PATH",
        help="go on from a checkpoint or run directory; alone: the newest run",
    )
    add(
        "--trainer",
        type=dict[str, Any],
        default={},
        metavar="{...}",
        help="any option of Lightning's Trainer, as --trainer.NAME VALUE",
    )
    add("--config", action=ActionConfigFile, metavar="FILE", help="a run's config.yaml: repeat it")
    return parser


def train(settings: Namespace, given: Namespace) -> int:
    """Train, print the notebook's report, leave a run directory."""
    # Collecting garbage while importing finds none and takes a third of the time; what was
    # imported stays until the end, so it is not looked at again either.
    gc.disable()
    from . import console, lit, parity

    gc.freeze()
    gc.enable()
    console.quiet_lightning()

    checkpoint = None
    if settings.resume is None:
        module = lit.XORModule(settings.seed, settings.hidden, settings.bits, settings.lr)
    else:
        checkpoint = runs.find_checkpoint(settings.resume or None, settings.log_dir)
        module = lit.load(checkpoint)
        settings = _resumed(checkpoint, module.hparams, settings, given)
    _check_trainer_options(settings.trainer)

    run_dir = runs.run_dir_of(checkpoint) if checkpoint else None
    with console.Interrupt(run_dir) as interrupt:
        try:
            trainer = lit.fit(
                module,
                epochs=settings.epochs,
                log_dir=settings.log_dir,
                resume=checkpoint,
                views=settings.views,
                check=settings.check,
                callbacks=[console.Report(), interrupt],
                **settings.trainer,
            )
        except runs.LogDirError as error:
            raise UsageError(f"--log-dir {settings.log_dir}: {error}") from error
        except parity.DifferenceError as error:
            _say(str(error))
            return DIFFERS
        except (lit.DivergedError, runs.WriteError) as error:
            _say(f"xor-torch train: {error}{_what_is_kept(interrupt.run_dir)}")
            return DIFFERS
        if not trainer.is_global_zero:
            return SUCCESS
        run_dir = Path(trainer.logger.log_dir)
        where, log_dir = runs.quoted(run_dir), runs.quoted(run_dir.parent)
        if interrupt.signal:
            _say(f"Interrupted after {trainer.global_step} epochs; to go on: --resume {where}")
            return 128 + interrupt.signal
        console.print_predictions(module.prediction.numpy())
    _say(f"Run directory: {where}")
    _say(f"To see it:     tensorboard --logdir {log_dir}")
    return SUCCESS


def _what_is_kept(run_dir: Path | None) -> str:
    from . import lit

    if run_dir is None or not (run_dir / runs.CHECKPOINT).is_file():
        return "; nothing is kept"
    done = lit.epochs_done(run_dir / runs.CHECKPOINT)
    return f"; kept is the checkpoint of epoch {done}: {runs.quoted(run_dir / runs.CHECKPOINT)}"


def _resumed(checkpoint: Path, saved: Any, settings: Namespace, given: Namespace) -> Namespace:
    """The settings of the run that is resumed, but for what the flags say anew."""
    for name, value in saved.items():
        if name in given and given[name] != value:
            raise UsageError(
                f"--{name} {given[name]}: {checkpoint} was trained with {name} {value}; "
                f"leave the flag out, or train anew without --resume"
            )
    config = runs.load_config(checkpoint)
    settings = settings.clone()
    for name in ("epochs", "views", "check"):
        if name not in given:
            settings[name] = config.get(name, settings[name])
    settings.trainer = {**config.get("trainer", {}), **settings.trainer}
    return settings


def _check_trainer_options(options: dict[str, Any]) -> None:
    import inspect

    from lightning.pytorch import Trainer

    known = list(inspect.signature(Trainer).parameters)
    for name, value in options.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean --trainer.{near[0]}?" if near else ""
            raise UsageError(
                f"--trainer.{name} {value}: Lightning's Trainer has no such option{hint}"
            )


def compare_parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        usage=f"{prog} [FILE] [flags] [-- ARGS]",
        description="Is the backprop right? Without FILE: our manual NumPy gradients against\n"
        "torch autograd, at every epoch of a run. With FILE, a NumPy script or notebook of yours:\n"
        "it is EXECUTED, unmodified, and its gradients are compared with autograd's.",
        epilog="exit code: 0 equal or correct, 1 different or wrong, 2 bad call or cannot tell,\n"
        "130 interrupted",
    )
    add = parser.add_argument
    add("file", nargs="?", default=None, type=str, metavar="FILE", help=".py or .ipynb")
    add("--timeout", type=positive, default=60.0, help="seconds that FILE may run (60)")
    add("--strict", action="store_true", help="wrong, too, if FILE computes another loss")
    add("--verbose", action="store_true", help="show what FILE prints")
    add_network_flags(parser)
    add("--json", action="store_true", help="one JSON object instead of the report")
    add("--config", action=ActionConfigFile, metavar="FILE", help="a YAML of these")
    return parser


def compare(settings: Namespace, given: Namespace) -> int:
    """Compare over a whole training run, or check a user's file; print a report or JSON."""
    of_file, of_run = ("timeout", "strict", "verbose"), ("seed", "epochs", "lr", "hidden", "bits")
    if settings.file is not None:
        for name in of_run:
            if name in given:
                raise UsageError(
                    f"--{name} {given[name]}: {settings.file} has its own; leave it out"
                )
        return _check_file(settings)
    for name in of_file:
        if name in given:
            raise UsageError(f"--{name} goes with a FILE to check")
    from tqdm import tqdm

    from . import model, parity  # noqa: F401  (torch is imported before the bar starts to count)

    run = {name: settings[name] for name in of_run}
    with tqdm(total=settings.epochs, unit=" epochs", leave=False, dynamic_ncols=True) as bar:
        parameters = parity.compare(**run, progress=bar.update)
    _out((parity.to_json if settings.json else parity.report)(run, parameters))
    return SUCCESS if all(p.ok for p in parameters) else DIFFERS


def _check_file(settings: Namespace) -> int:
    import json

    from .check import check_file

    verdict = check_file(
        settings.file,
        settings.rest,
        settings.timeout,
        strict=settings.strict,
        verbose=settings.verbose,
    )
    _out(json.dumps(verdict.to_json(), indent=2) if settings.json else verdict.report())
    return verdict.exit_code


def sweep_parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Train many seeds at once: who solves it, who gets stuck, and where.\n"
        "Several values for a flag sweep their product.",
        epilog="exit code: 0 done, 2 bad call or input, 130 interrupted",
    )
    add = parser.add_argument
    add("--seeds", type=str, nargs="+", default=["1000"], help="N, A:B or a list (1000)")
    add("--epochs", type=whole(1, 10**12), nargs="+", default=[10_000], help="steps (10000)")
    add("--lr", type=positive, nargs="+", default=[0.1], help="learning rate (0.1)")
    add("--hidden", type=whole(1, MAX_HIDDEN), nargs="+", default=[2], help="hidden units (2)")
    add("--bits", type=whole(1, MAX_BITS), nargs="+", default=[2], help="inputs (2)")
    add("--loss", choices=LOSSES, nargs="+", default=["mse"], help="mse or bce (mse)")
    add("--out", type=str, metavar="FILE.npz", help="result; its pictures go beside it")
    add("--force", action="store_true", help="overwrite FILE.npz")
    add(
        "--log-dir", type=str, default="lightning_logs", help="pictures for TensorBoard, with --out"
    )
    add("--json", action="store_true", help="one JSON object instead of the tables")
    add("--config", action=ActionConfigFile, metavar="FILE", help="a YAML of these")
    return parser


def sweep(settings: Namespace, given: Namespace) -> int:
    """Sweep the product of the flags, print a table or JSON for each."""
    import json

    from . import sweep as sweeps

    names = ("epochs", "lr", "hidden", "bits", "loss")
    if settings.out and Path(settings.out).suffix != ".npz":
        raise UsageError(f"--out {settings.out}: the name must end in .npz")
    cells = sweeps.grid(settings.out, **{name: settings[name] for name in names})
    for _, out in cells:
        if out and out.exists() and not settings.force:
            raise UsageError(f"--out {out} exists; --force overwrites it")
        if out and not out.parent.is_dir():
            raise UsageError(f"--out {out}: there is no directory {out.parent}")
    seeds = sweeps.parse_seeds(settings.seeds)
    found = []
    for cell, out in cells:
        code = SUCCESS
        try:
            with sweeps.progress_bar() as show:
                result = sweeps.sweep(seeds, **cell, out=out, force=settings.force, progress=show)
        except sweeps.Interrupted as stopped:
            code, result = _code_of(stopped.__context__), stopped.result
            _say(
                "Interrupted; what is finished:" if result else "Interrupted, nothing is finished."
            )
            if stopped.kept:
                _say(f"The same command goes on from {shlex.quote(str(stopped.kept))}")
        except FileExistsError:
            raise
        except OSError as error:  # a full disk, here or in a worker
            if out is None:
                raise
            _say(f"xor-torch sweep: error: --out {out}: {error.strerror or error}")
            return DIFFERS
        if result is None:
            return code  # likewise on a torchrun process that does not merge
        label = "  ".join(f"{name} {value}" for name, value in cell.items())
        if settings.json:
            found.append({**cell, "seeds": len(result.seed), "outcomes": sweeps.summary(result)})
        else:
            _out(f"{len(result.seed)} seeds  {label}\n{sweeps.table(result)}")
        if code:
            break
        timing = result.timing
        rate_ns = 1e9 * timing.seconds / len(result.seed) / cell["epochs"]
        _say(
            f"{timing.seconds:.1f} s, of these {timing.compile_seconds:.1f} s to get ready; "
            f"{rate_ns:.3g} ns per network and epoch"
        )
        if timing.note:
            _say(timing.note)
        if out:
            _say(f"Result: {shlex.quote(str(out))}")
            _picture(result, out, settings.log_dir)
    if settings.json:
        _out(json.dumps({"sweeps": found}, indent=2))
    return code


def _picture(result: Any, out: Path, log_dir: str) -> None:
    from importlib.util import find_spec

    if not find_spec("matplotlib"):
        _say("No pictures: pip install matplotlib for them.")
        return
    from . import plots

    for path in plots.save_figures(result, out):
        _say(f"Picture: {shlex.quote(str(path))}")
    try:
        run_dir = runs.claim(log_dir)
    except runs.LogDirError as error:
        raise UsageError(f"--log-dir {log_dir}: {error}") from error
    plots.log_figures(result, run_dir)
    _say(f"To see them:   tensorboard --logdir {shlex.quote(str(log_dir))}")


def explain_parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Say why a network is where it is, and try what would help.",
        epilog="exit code: 0 done, 2 bad call or input, 130 interrupted",
    )
    parser.add_argument(
        "checkpoint", nargs="?", default=None, type=str, metavar="CHECKPOINT",
        help="a run's checkpoint or directory; without one, --seed is trained",
    )  # fmt: skip
    add_network_flags(parser)
    parser.add_argument("--loss", choices=LOSSES, default="mse", help="mse or bce (mse)")
    parser.add_argument("--config", action=ActionConfigFile, metavar="FILE", help="a YAML of these")
    return parser


def explain(settings: Namespace, given: Namespace) -> int:
    """Train or load, explain, print."""
    network = {name: settings[name] for name in ("seed", "epochs", "lr", "hidden", "bits", "loss")}
    if settings.checkpoint is not None:
        for name in ("seed", "hidden", "bits", "lr", "loss"):
            if name in given:
                raise UsageError(
                    f"--{name} {given[name]}: the checkpoint has its own; leave it out"
                )
        from . import lit

        path = runs.find_checkpoint(settings.checkpoint, "lightning_logs")
        module = lit.load(path)
        network.update(module.hparams, parameters=module.to_numpy())
        if "epochs" not in given:
            network["epochs"] = max(lit.epochs_done(path), 1)
    from .explain import explain as find_out

    _out(find_out(**network))
    return SUCCESS


COMMANDS = {
    "train": (train_parser, train),
    "compare": (compare_parser, compare),
    "sweep": (sweep_parser, sweep),
    "explain": (explain_parser, explain),
}

USAGE = f"""usage: xor-torch COMMAND [FLAGS]

The XOR network by hand in NumPy and by autograd in Lightning, from the same seed.

commands (xor-torch COMMAND --help tells more):
  train      train through Lightning, print the notebook's report, leave a TensorBoard run
  compare    is the backprop right? ours, or that of a script or notebook of yours
  sweep      train thousands of seeds at once: who solves it, who gets stuck, where
  explain    say why one network is where it is, and try what would help

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
        near = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else "see xor-torch --help"
        _say(f"xor-torch: error: {command}: unknown command; {hint}")
        return BAD_CALL
    make_parser, run = COMMANDS[command]
    parser = make_parser(f"xor-torch {command}")
    flags, rest = _split(flags)
    try:
        settings, given = parser.parse_args(flags), parser.parse_args(flags, defaults=False)
        settings.rest = rest
        if rest and not settings.get("file"):
            raise UsageError(f"-- {' '.join(rest)}: arguments go with a FILE of compare")
        with contextlib.nullcontext() if run is train else _sigterm_as_ctrl_c():
            return run(settings, given)
    except SystemExit as done:  # --help and --print-config
        return done.code
    except BrokenPipeError:  # as in `xor-torch train | head`: nobody reads on
        sys.stdout = None
        return DIFFERS
    except runs.WriteError as error:
        if error.filename == runs.STANDARD_OUTPUT:
            sys.stdout = None  # what it still holds would fail once more at exit
        _say(f"{parser.prog}: error: {error}")
        return DIFFERS
    except (UsageError, OSError, ValueError) as error:
        _say(f"{parser.prog}: error: {' '.join(str(error).split())}")
        return BAD_CALL
    except KeyboardInterrupt as interrupt:
        _say("\nInterrupted.")
        return _code_of(interrupt)


@contextlib.contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Both raise KeyboardInterrupt: worker processes are ended, and what is finished is kept."""

    def stop(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt(number)

    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _code_of(interrupt: BaseException | None) -> int:
    number = interrupt.args[0] if interrupt and interrupt.args else signal.SIGINT
    return 128 + int(number)


def _split(flags: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and after the first ``--``."""
    at = flags.index("--") if "--" in flags else len(flags)
    return flags[:at], flags[at + 1 :]


def _out(text: str) -> None:
    runs.write_out(f"{text}\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
