"""The command line: flags, messages and exit codes. What a command needs is imported inside it."""

import argparse
import contextlib
import difflib
import gc
import inspect
import io
import json
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, cast

import yaml
from jsonargparse import ArgumentParser, Namespace, set_loader

from .. import __version__, files, memory, signals
from ..data import MAX_BITS, MAX_HIDDEN, MAX_SEED
from ..files import WriteError, quoted, write_out
from ..lit import runs

LOSSES = ("mse", "bce")
MAX_TIMEOUT = 10**6  # seconds; what the system can wait for ends at some 10**9
# Options of Lightning's Trainer that would be something else here than their names say.
_EPOCHS = "--epochs says how long; leave this out"
_CODE = "takes an object, which no flag can give; use xor_torch.fit"
_BATCH = "an epoch here is one batch, the whole table; leave this out"
NOT_THE_TRAINERS = {
    "max_epochs": _EPOCHS,
    "min_epochs": _EPOCHS,
    "max_steps": _EPOCHS,
    "min_steps": _EPOCHS,
    "fast_dev_run": _EPOCHS,
    "callbacks": _CODE,
    "plugins": _CODE,
    "logger": "--views says what is logged; leave this out",
    "default_root_dir": "--log-dir says where runs go; leave this out",
    "limit_train_batches": _BATCH,
    "precision": "every number here is float64; leave this out",
    "num_nodes": "one machine is enough for this network; leave this out",
    "overfit_batches": _BATCH,
    "val_check_interval": "nothing is validated here; leave this out",
}
# What Lightning itself would not refuse.
TRAINER_RANGES: dict[str, tuple[float, float]] = {
    "devices": (1, 64),  # processes, which it would start
    "accumulate_grad_batches": (1, math.inf),
    "gradient_clip_val": (0, math.inf),
}
# Arrays of rows times hidden units that are in memory at once, measured with 16 bits.
ARRAYS = {"train": 4, "check": 16, "compare": 20, "sweep": 8}
VIEWS = ("none", "scalars", "all")
SUCCESS, DIFFERS, BAD_CALL = 0, 1, 2  # 130 and 143 are Ctrl-C and SIGTERM


class UsageError(Exception):
    """A call or an input that cannot be served; its text is for the user."""


class FlagValueError(argparse.ArgumentTypeError, ValueError):
    """A value that a flag does not take: argparse asks for the one class, a YAML for the other."""


# Values are read as `--config` reads them, and not by jsonargparse's YAML.
set_loader("settings", files.load_yaml, exceptions=(ValueError,))


class Parser(ArgumentParser):
    """jsonargparse's parser, whose error is one line: the flag, the value, what to do."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parser_mode="settings",
            allow_abbrev=False,
            **options,
        )
        # argparse takes -1 for a value, but -1e5 and -inf for flags
        self._negative_number_matcher = re.compile(r"-(\d|\.\d|inf|nan)")

    def read(self, argv: list[str]) -> tuple[Namespace, Namespace]:
        """All settings, and those of them that flags or ``--config`` give; flags come first.

        Raises:
            UsageError: a flag, a setting or its value is none.

        """
        self._refuse_words(argv)
        given = self.parse_args(argv, defaults=False)
        if "config" in given:
            saved = self._read_config(given.config)
            self.set_defaults(saved)
            given = Namespace({**saved, **given.as_dict()})  # type: ignore[no-untyped-call]
        return self.parse_args(argv), given

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise UsageError(self._in_flags(" ".join(message.split())))

    def _read_config(self, path: str) -> dict[str, Any]:
        actions = {
            action.dest: action
            for action in self._actions
            if action.dest not in ("help", "config", "print_config")
        }
        try:
            settings = files.read_settings(path)
            for name, value in settings.items():
                if name not in actions:
                    hint = _nearest(name, actions) or f"see {self.prog} --help"
                    raise UsageError(f"unknown setting {name}; {hint}")
                action = actions[name]
                if action.nargs == 0 and not isinstance(value, bool):
                    raise UsageError(f"{name}: must be true or false, got {_short(value)}")
                if value == [] or (value is None and action.default is not None):
                    raise UsageError(f"{name}: must have a value, got {_short(value)}")
                if action.nargs == "+" and not isinstance(value, list):
                    settings[name] = [value]
            return cast(dict[str, Any], self.parse_object(settings, defaults=False).as_dict())
        except OSError as error:
            raise UsageError(f"--config {path}: {error.strerror}") from error
        except (UsageError, ValueError) as error:
            raise UsageError(f"--config {path}: {error}") from error

    def _refuse_words(self, argv: list[str]) -> None:
        seen = set()
        for word, following in pairwise([*argv, "--"]):
            flag, equals, value = word.partition("=")
            if not flag.startswith("--"):
                continue
            if flag in seen:
                said = value if equals else "" if following.startswith("--") else following
                raise UsageError(f"{f'{flag} {said}'.strip()}: given twice")
            if value == "--":  # argparse would drop it and go on with no value at all
                raise UsageError(f"{word}: -- is no value")
            seen.add(flag)

    def _in_flags(self, message: str) -> str:
        if match := re.match(r"argument (?:-\w/)?(--\S+): (.*)", message):
            return f"{match[1]}: {match[2]}"
        if match := re.match(r'Parser key "([\w.]+)"(?: element \d+)?: (.*)', message):
            return f"--{match[1].replace('_', '-')}: {match[2]}"
        if match := re.match(r"unrecognized arguments: (\S+)", message, re.IGNORECASE):
            flag, _, _ = match[1].partition("=")
            flags = [name for action in self._actions for name in action.option_strings]
            return f"{flag}: unknown; {_nearest(flag, flags) or f'see {self.prog} --help'}"
        return message


def _nearest(word: str, known: Iterable[str], cutoff: float = 0.7) -> str:
    """Which of the `known` words was meant, as it is asked in a message; "" if none is near."""
    near = difflib.get_close_matches(word, [*known], n=1, cutoff=cutoff)
    return f"did you mean {near[0]}?" if near else ""


def whole(low: int, high: int) -> Callable[[Any], int]:
    """The type of a flag that takes a whole number from `low` to `high`."""

    def parse(value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = low - 1
        if isinstance(value, bool | float) or not low <= number <= high:
            raise FlagValueError(
                f"must be a whole number from {low} to {high}, got {_short(value)}"
            )
        return number

    return parse


def positive(high: float) -> Callable[[Any], float]:
    """The type of a learning rate, or of a time in seconds; `high` may be infinite."""

    def parse(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if isinstance(value, bool) or not 0 < number < math.inf or number > high:
            limit = "" if high == math.inf else f" up to {high:g}"
            raise FlagValueError(f"must be a positive, finite number{limit}, got {_short(value)}")
        return number

    return parse


def pathname(value: Any) -> str:
    """The type of a flag that names a file or a directory."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise FlagValueError(f"must name a file or directory, got {_short(value)}")
    return value


def pathname_or_newest(value: Any) -> str | bool:
    """The type of ``--resume``, which is true if it names nothing."""
    return True if value is True else pathname(value)


def seed_words(value: Any) -> str:
    """The type of ``--seeds``, which `sweep.parse_seeds` reads."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise FlagValueError(f"must be a number N, a range A:B or a list, got {_short(value)}")
    return str(value)


def _short(value: object) -> str:
    """A value as it is quoted in a message."""
    text = str(value) if str(value).strip() else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def add_config_flags(parser: Parser) -> None:
    """The flags that read and show the settings as a whole."""
    parser.add_argument("--config", type=pathname, metavar="FILE", help="settings in YAML")
    parser.add_argument(
        "--print-config", action="store_true", help="print the settings as YAML, do nothing else"
    )


def add_network_flags(parser: Parser) -> None:
    """The flags of the commands that train one network: which one, and how."""
    add = parser.add_argument
    add("--seed", type=whole(0, MAX_SEED), default=42, help="of the initial weights (42)")
    add("--epochs", type=whole(1, 10**12), default=10_000, help="descent steps (10000)")
    add("--lr", type=positive(math.inf), default=0.1, help="learning rate (0.1)")
    add("--hidden", type=whole(1, MAX_HIDDEN), default=2, help="hidden units (2)")
    add("--bits", type=whole(1, MAX_BITS), default=2, help="inputs: 2 is XOR, N is parity (2)")


def train_parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Train the network through Lightning, from NumPy's seed, and report.",
        epilog="exit code: 0 done, 1 stopped while training (diverged, a full disk, --check),\n"
        "2 bad call or input, 130 interrupted",
    )
    add_network_flags(parser)
    add = parser.add_argument
    add("--log-dir", type=pathname, default="lightning_logs", help="of the runs (lightning_logs)")
    add("--views", choices=VIEWS, default="all", help=f"{', '.join(VIEWS)}: for TensorBoard (all)")
    add("--check", action="store_true", help="compare with the manual gradients while training")
    add(
        "--resume",
        type=pathname_or_newest,
        nargs="?",
        const=True,
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
    add_config_flags(parser)
    return parser


def train(settings: Namespace, given: Namespace) -> int:
    """Train, print the notebook's report, leave a run directory."""
    # Collecting garbage while importing finds none and takes a third of the time; what was
    # imported stays until the end, so it is not looked at again either.
    gc.disable()
    from .. import lit, parity
    from ..lit import checkpoint, console, training  # noqa: F401  (Lightning, before gc.freeze)

    gc.freeze()
    gc.enable()

    resume = None
    if settings.resume is None:
        _fit_in_memory(settings, ARRAYS["check" if settings.check else "train"])
        module = lit.XORModule(settings.seed, settings.hidden, settings.bits, settings.lr)
    else:
        said = "" if settings.resume is True else settings.resume
        try:
            resume = (
                runs.find_checkpoint(said) if said else runs.newest_checkpoint(settings.log_dir)
            )
        except FileNotFoundError as error:
            raise UsageError(f"--resume {said}: {error}") from error
        state = checkpoint.read(resume)
        settings = _resumed(resume, state, settings, given)
        module = lit.load(resume)
    _check_trainer_options(settings.trainer)

    run_dir = runs.run_of(resume) if resume else None
    with console.Interrupt(run_dir) as interrupt:
        try:
            trainer = lit.fit(
                module,
                epochs=settings.epochs,
                log_dir=settings.log_dir,
                resume=resume,
                views=settings.views,
                check=settings.check,
                callbacks=[console.Report(), interrupt],
                **settings.trainer,
            )
        except lit.TrainerOptionError as error:
            said = " ".join(f"--trainer.{k} {_short(v)}" for k, v in settings.trainer.items())
            raise UsageError(f"{said}: {error}") from error
        except parity.DifferenceError as error:
            _say(str(error))
            return DIFFERS
        except (lit.DivergedError, WriteError) as error:
            if interrupt.is_first:  # of several processes one says it
                _say(f"xor-torch train: {error}{_what_is_kept(interrupt.run_dir)}")
            return DIFFERS
        if not trainer.is_global_zero:
            return SUCCESS
        assert trainer.logger is not None  # trainer.log_dir waits for the other processes
        run_dir = Path(str(trainer.logger.log_dir))
        where, log_dir = quoted(run_dir), quoted(run_dir.parent)
        if interrupt.signal:
            _say(f"Interrupted after {trainer.global_step} epochs; to go on: --resume {where}")
            return 128 + interrupt.signal
        if module.prediction is None:
            _say(
                f"xor-torch train: --trainer.max_time has ended it before its first epoch: {where}"
            )
            return DIFFERS
        console.print_predictions(module.prediction.numpy())
    _say(f"Run directory: {where}")
    _say(f"To see it:     tensorboard --logdir {log_dir}")
    return SUCCESS


def _what_is_kept(run_dir: Path | None) -> str:
    from ..lit.checkpoint import read

    if run_dir is None or not (run_dir / runs.CHECKPOINT).is_file():
        return "; nothing is kept"
    done = read(run_dir / runs.CHECKPOINT)["global_step"]
    return f"; kept is the checkpoint of epoch {done}: {quoted(run_dir / runs.CHECKPOINT)}"


def _resumed(path: Path, state: dict[str, Any], settings: Namespace, given: Namespace) -> Namespace:
    """The settings of the run that is resumed, but for what the flags say anew."""
    for name, value in state["hyper_parameters"].items():
        if name in given and given[name] != value:
            raise UsageError(
                f"--{name} {given[name]}: {path} was trained with {name} {value}; "
                f"leave the flag out, or train anew without --resume"
            )
    run_dir = runs.run_of(path)
    if run_dir and "log_dir" in given and run_dir.parent.resolve() != Path(given.log_dir).resolve():
        raise UsageError(
            f"--log-dir {given.log_dir}: {path} goes on where it is, in {run_dir}; "
            "leave the flag out, or resume from a copy of the checkpoint"
        )
    saved = state["settings"] or {}
    settings = settings.clone()
    for name in ("epochs", "views", "check"):
        if name not in given and name in saved:
            settings[name] = saved[name]
    if settings.epochs < state["global_step"]:
        raise UsageError(
            f"--epochs {settings.epochs}: {path} has done {state['global_step']} already"
        )
    settings.trainer = {**saved.get("trainer", {}), **settings.trainer}
    return settings


def _refuse(given: Namespace, flags: Iterable[str], why: str) -> None:
    """Refuse `flags` that do not go with the rest of the call."""
    for flag in flags:
        if flag in given:
            value = "" if isinstance(given[flag], bool) else f" {given[flag]}"
            raise UsageError(f"--{flag.replace('_', '-')}{value}: {why}")


def _refuse_output(said: str, path: Path, force: bool) -> None:
    """Refuse a file to write that `said` names, if it cannot be made, or must be kept."""
    if path.is_dir():
        raise UsageError(f"{said}: is a directory")
    if path.exists() and not force:
        raise UsageError(f"{said} exists; --force overwrites it")
    if not path.parent.is_dir():
        raise UsageError(f"{said}: there is no directory {path.parent}")


def _fit_in_memory(settings: Mapping[str, Any] | Namespace, arrays: int) -> None:
    """Refuse a network whose work needs more than the machine has."""
    bits, hidden = settings["bits"], settings["hidden"]
    memory.check(f"--bits {bits} --hidden {hidden}", arrays * 8 * 2**bits * (hidden + 1))


def _check_trainer_options(options: dict[str, Any]) -> None:
    """Refuse what Lightning's Trainer has not, or would not take, or would take amiss."""
    if not options:
        return
    from lightning.pytorch import Trainer

    known = inspect.signature(Trainer).parameters
    types = Parser(exit_on_error=False)
    types.add_class_arguments(Trainer, "trainer", skip={*NOT_THE_TRAINERS})
    for name, value in options.items():
        said = f"--trainer.{name} {_short(value)}"
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"; did you mean --trainer.{near[0]}?" if near else ""
            raise UsageError(f"{said}: Lightning's Trainer has no such option{hint}")
        if name in NOT_THE_TRAINERS:
            raise UsageError(f"{said}: {NOT_THE_TRAINERS[name]}")
        try:
            if value is None and known[name].default is not None:
                raise UsageError
            types.parse_object({"trainer": {name: value}}, defaults=False)
        except UsageError as error:
            raise UsageError(
                f"{said}: of no type that Lightning's Trainer takes there, {known[name].annotation}"
            ) from error
        low, high = TRAINER_RANGES.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value <= high:
            raise UsageError(f"{said}: must be from {low} to {high}")


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
    add("file", nargs="?", default=None, type=pathname, metavar="FILE", help=".py or .ipynb")
    add(
        "--timeout", type=positive(MAX_TIMEOUT), default=60.0, help="seconds that FILE may run (60)"
    )
    add("--strict", action="store_true", help="wrong, too, if FILE computes another loss")
    add("--verbose", action="store_true", help="show what FILE prints")
    add_network_flags(parser)
    add("--json", action="store_true", help="one JSON object instead of the report")
    add_config_flags(parser)
    return parser


def compare(settings: Namespace, given: Namespace) -> int:
    """Compare over a whole training run, or check a user's file; print a report or JSON."""
    of_run = ("seed", "epochs", "lr", "hidden", "bits")
    if settings.file is not None:
        _refuse(given, of_run, f"{settings.file} has its own; leave it out")
        return _check_file(settings)
    _refuse(given, ("timeout", "strict", "verbose"), "goes with a FILE to check")
    _fit_in_memory(settings, ARRAYS["compare"])
    from tqdm import tqdm

    from .. import model, parity  # noqa: F401  (torch is imported before the bar starts to count)

    run = {name: settings[name] for name in of_run}
    with tqdm(total=settings.epochs, unit=" epochs", leave=False, dynamic_ncols=True) as bar:
        parameters = parity.compare(**run, progress=bar.update)
    _out((parity.to_json if settings.json else parity.report)(run, parameters))
    return SUCCESS if all(p.ok for p in parameters) else DIFFERS


def _check_file(settings: Namespace) -> int:
    from ..backprop.check import check_file

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
    add("--seeds", type=seed_words, nargs="+", default=["1000"], help="N, A:B or a list (1000)")
    add("--epochs", type=whole(1, 10**12), nargs="+", default=[10_000], help="steps (10000)")
    add("--lr", type=positive(math.inf), nargs="+", default=[0.1], help="learning rate (0.1)")
    add("--hidden", type=whole(1, MAX_HIDDEN), nargs="+", default=[2], help="hidden units (2)")
    add("--bits", type=whole(1, MAX_BITS), nargs="+", default=[2], help="inputs (2)")
    add("--loss", choices=LOSSES, nargs="+", default=["mse"], help="mse or bce (mse)")
    add("--out", type=pathname, metavar="FILE.npz", help="result; its pictures go beside it")
    add("--force", action="store_true", help="overwrite FILE.npz")
    add(
        "--log-dir",
        type=pathname,
        default="lightning_logs",
        help="pictures for TensorBoard, with --out",
    )
    add("--json", action="store_true", help="one JSON object instead of the tables")
    add_config_flags(parser)
    return parser


def sweep(settings: Namespace, given: Namespace) -> int:
    """Sweep the product of the flags, print a table or JSON for each."""
    from .. import sweep as sweeps

    names = ("epochs", "lr", "hidden", "bits", "loss")
    if settings.out is None:
        _refuse(given, ("force", "log_dir"), "goes with --out FILE.npz")
    elif Path(settings.out).suffix != ".npz":
        raise UsageError(f"--out {settings.out}: the name must end in .npz")
    cells = sweeps.grid(settings.out, **{name: settings[name] for name in names})
    for _, out in cells:
        if out:
            _refuse_output(f"--out {out}", out, settings.force)
            sweeps.check_out(out, settings.force)
    if settings.out is not None:
        _check_log_dir(settings.log_dir)
    seeds = sweeps.parse_seeds(settings.seeds)
    for cell, _ in cells:
        workers = min(os.cpu_count() or 1, len(seeds))
        _fit_in_memory(cell, ARRAYS["sweep"] * workers)
        memory.check(f"--seeds {' '.join(settings.seeds)}", len(seeds) * sweeps.row_bytes(**cell))
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
                _say(f"The same command goes on from {quoted(stopped.kept)}")
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
        assert timing is not None
        rate_ns = 1e9 * timing.seconds / len(result.seed) / cell["epochs"]
        ready = timing.compile_seconds
        compiling = f", {ready:.1f} of them to compile or load" if ready else ""
        _say(f"{timing.seconds:.1f} s{compiling}; {rate_ns:.3g} ns per network and epoch")
        if timing.note:
            _say(timing.note)
        if out:
            _say(f"Result: {quoted(out)}")
            _picture(result, out, settings.log_dir)
    if settings.json:
        _out(json.dumps({"sweeps": found}, indent=2))
    return code


def _check_log_dir(log_dir: str) -> None:
    """Refuse, before anything is computed, where no run directory can be made."""
    there = next(
        path for path in [Path(log_dir), *Path(log_dir).absolute().parents] if os.path.lexists(path)
    )
    if not there.exists():
        raise UsageError(f"--log-dir {log_dir}: {there} is a link that leads nowhere")
    if not there.is_dir():
        raise UsageError(f"--log-dir {log_dir}: {there} is a file")
    if not os.access(there, os.W_OK):
        raise UsageError(f"--log-dir {log_dir}: {there} cannot be written")


def _picture(result: Any, out: Path, log_dir: str) -> None:
    if not find_spec("matplotlib"):
        _say("No pictures: pip install matplotlib for them.")
        return
    from ..sweep import plots

    pictures = plots.save_figures(result, out)
    for path in pictures.values():
        _say(f"Picture: {quoted(path)}")
    plots.log_figures(result, pictures, runs.claim(log_dir))
    _say(f"To see them:   tensorboard --logdir {quoted(log_dir)}")


def explain_parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Say why a network is where it is, and try what would help.",
        epilog="exit code: 0 done, 2 bad call or input, 130 interrupted",
    )
    parser.add_argument(
        "checkpoint", nargs="?", default=None, type=pathname, metavar="CHECKPOINT",
        help="a run's checkpoint or directory; without one, --seed is trained",
    )  # fmt: skip
    add_network_flags(parser)
    parser.add_argument("--loss", choices=LOSSES, default="mse", help="mse or bce (mse)")
    add_config_flags(parser)
    return parser


def explain(settings: Namespace, given: Namespace) -> int:
    """Train or load, explain, print."""
    network = {name: settings[name] for name in ("seed", "epochs", "lr", "hidden", "bits", "loss")}
    if settings.checkpoint is not None:
        its_own = ("seed", "hidden", "bits", "lr", "loss")
        _refuse(given, its_own, "the checkpoint has its own; leave it out")
        from ..lit import checkpoint

        state = checkpoint.read(runs.find_checkpoint(settings.checkpoint))
        parameters = checkpoint.network(state).to_numpy()
        network.update(state["hyper_parameters"], parameters=parameters)
        if "epochs" not in given:
            network["epochs"] = max(state["global_step"], 1)
    bits, hidden = network["bits"], network["hidden"]
    P = (bits + 2) * hidden + 1  # the Hessian is (P, P), from P rows of derivatives at once
    memory.check(f"--bits {bits} --hidden {hidden}", 8 * P * (8 * 2**bits * hidden + 4 * P))
    from ..explain import explain as find_out

    _out(str(find_out(**network)))
    return SUCCESS


def predict_parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        usage=f"{prog} CHECKPOINT [VALUE ...]",
        description="What does a trained network answer? Each row of inputs gets a line: the\n"
        "prediction and its class. A row is given as VALUEs, any numbers, one for each input;\n"
        "or rows come on standard input, one a line, their values apart by blanks or commas.",
        epilog="exit code: 0 done, 2 bad call or input",
    )
    add = parser.add_argument
    add("checkpoint", type=pathname, metavar="CHECKPOINT", help="a run's checkpoint or directory")
    add("row", nargs="*", type=str, default=[], metavar="VALUE", help="of the one row")
    return parser


def predict(settings: Namespace, given: Namespace) -> int:
    """Predict the row of the call, or all of standard input."""
    path = runs.find_checkpoint(settings.checkpoint)
    if settings.row:
        rows = {"VALUEs": settings.row}
    else:
        stdin = sys.stdin or io.StringIO()  # None where it is closed
        if stdin.isatty():
            _say("Rows, one a line; Ctrl-D ends them:")
        lines = (line.replace(",", " ").split() for line in stdin)
        try:
            rows = {f"standard input, line {n}": row for n, row in enumerate(lines, 1) if row}
        except UnicodeDecodeError as error:
            raise UsageError(f"standard input is not text: {error}") from error
    import torch

    from ..lit import checkpoint
    from ..outcome import predicts_one

    state = checkpoint.read(path)
    X = [_row(where, row, state["hyper_parameters"]["bits"]) for where, row in rows.items()]
    if not X:
        raise UsageError("no row on standard input; give one there or as VALUEs")
    with torch.no_grad():
        network = checkpoint.network(state)
        predictions = network(torch.tensor(X, dtype=torch.float64))[:, 0].tolist()
    for prediction in predictions:
        _out(f"{prediction:.6g}  class {int(predicts_one(prediction))}")
    return SUCCESS


def _row(where: str, values: Sequence[str], bits: int) -> list[float]:
    if len(values) != bits:
        raise UsageError(f"{where}: {len(values)} given, the network has {bits} inputs")
    row = []
    for value in values:
        try:
            row.append(float(value))
        except ValueError:
            row.append(math.nan)
        if not math.isfinite(row[-1]):
            raise UsageError(f"{where}: {value} is not a finite number")
    return row


def export_parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        usage=f"{prog} CHECKPOINT FILE [flags]",
        description="Write a trained network to a file that other programs read, float64.\n"
        "FILE.npz: the weights W1, b1, W2, b2 in the notebook's layout, for numpy.load.\n"
        "FILE.onnx: the whole network, for onnxruntime and others.",
        epilog="exit code: 0 done, 2 bad call or input",
    )
    add = parser.add_argument
    add("checkpoint", type=pathname, metavar="CHECKPOINT", help="a run's checkpoint or directory")
    add("file", type=pathname, metavar="FILE", help=".npz, or .onnx (needs the extra onnx)")
    add("--force", action="store_true", help="overwrite FILE")
    return parser


def export(settings: Namespace, given: Namespace) -> int:
    """Write the network in the format that the file's name ends in."""
    out = Path(settings.file)
    if out.suffix not in (".npz", ".onnx"):
        raise UsageError(f"{out}: the name must end in .npz or .onnx")
    _refuse_output(f"{out}", out, settings.force)
    if out.suffix == ".onnx" and not find_spec("onnx"):
        raise UsageError(f"{out}: needs a package that is missing: pip install 'xor_torch[onnx]'")
    path = runs.find_checkpoint(settings.checkpoint)
    from ..export import save_npz, save_onnx
    from ..lit import checkpoint

    parameters = checkpoint.network(checkpoint.read(path)).to_numpy()
    (save_npz if out.suffix == ".npz" else save_onnx)(out, parameters)
    _say(f"Network: {quoted(out)}")
    return SUCCESS


COMMANDS = {
    "train": (train_parser, train),
    "compare": (compare_parser, compare),
    "sweep": (sweep_parser, sweep),
    "explain": (explain_parser, explain),
    "predict": (predict_parser, predict),
    "export": (export_parser, export),
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
        hint = _nearest(command, COMMANDS, cutoff=0.6) or "see xor-torch --help"
        _say(_line(f"xor-torch: error: {_short(command)}: unknown command; {hint}"))
        return BAD_CALL
    make_parser, run = COMMANDS[command]
    parser = make_parser(f"xor-torch {command}")
    end = flags.index("--") if "--" in flags else len(flags)
    flags, rest = flags[:end], flags[end + 1 :]
    try:
        settings, given = parser.read(flags)
        if settings.pop("print_config", False):
            settings.pop("config")
            print(yaml.safe_dump(settings.as_dict(), sort_keys=False), end="")
            return SUCCESS
        settings.rest = rest
        if rest and not settings.get("file"):
            raise UsageError(f"-- {' '.join(rest)}: arguments go with a FILE of compare")
        with contextlib.nullcontext() if run is train else signals.listening(_stop):
            return run(settings, given)
    except SystemExit as done:  # --help and --print-config
        return int(done.code or 0)
    except BrokenPipeError:  # as in `xor-torch train | head`: nobody reads on
        sys.stdout = None
        return DIFFERS
    except WriteError as error:
        _say(f"{parser.prog}: error: {error}")
        return DIFFERS
    except (UsageError, OSError, ValueError) as error:
        where = f"--log-dir {settings.log_dir}: " if isinstance(error, runs.LogDirError) else ""
        _say(_line(f"{parser.prog}: error: {where}{error}"))
        return BAD_CALL
    except KeyboardInterrupt as interrupt:
        _say("\nInterrupted.")
        return _code_of(interrupt)


def _stop(number: int, frame: object) -> NoReturn:
    """For both signals: worker processes are ended, and what is finished is kept."""
    raise KeyboardInterrupt(number)


def _code_of(interrupt: BaseException | None) -> int:
    number = interrupt.args[0] if interrupt and interrupt.args else signal.SIGINT
    return 128 + int(number)


def _line(text: str) -> str:
    """`text` as one line, with nothing in it that a terminal would obey."""
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in words)


def _out(text: str) -> None:
    write_out(f"{text}\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
