"""``xor-torch train``: train through Lightning, print the notebook's report, keep the run."""

import builtins
import inspect
import math
import types
import typing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, get_args, get_origin

from ..files import WriteError, quoted
from ..lit import runs
from .parser import Network, Plain, choice, fit_in_memory, flag, nearest, pathname, switch
from .postponed import postpone
from .terminal import (
    DIFFERS,
    SUCCESS,
    UsageError,
    find_checkpoint,
    loading,
    say,
    short,
    tensorboard,
)

# Options of Lightning's Trainer that would not do here what their names say.
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
# The values that make sense; Lightning itself would take others, too.
TRAINER_RANGES: dict[str, tuple[float, float]] = {
    "devices": (1, 64),  # processes, which it would start
    "accumulate_grad_batches": (1, math.inf),
    "gradient_clip_val": (0, math.inf),
}


def pathname_or_newest(value: Any) -> str | bool:
    """What ``--resume`` takes; true if it is given alone."""
    return True if value is True else pathname(value)


@dataclass
class Train(Network):
    """Train the network through Lightning, from NumPy's seed, and report."""

    exit_codes: ClassVar[str] = (
        "0 done, 1 stopped while training (diverged, a full disk, --check),\n"
        "2 bad call or input, 130 interrupted"
    )

    log_dir: str = flag("directory of the runs ({})", pathname, "lightning_logs")
    views: str = choice(f"{', '.join(runs.VIEWS)}: for TensorBoard ({{}})", runs.VIEWS, "all")
    check: bool = switch("compare with the manual gradients while training")
    resume: str | bool | None = flag(
        "go on from a checkpoint or run directory; alone: the newest run",
        pathname_or_newest,
        None,
        nargs="?",
        const=True,
        metavar="PATH",
    )
    trainer: dict[str, Any] = flag(
        "options of Lightning's Trainer; one alone as --trainer.NAME VALUE",
        dict[str, Plain],
        {},
        metavar="OPTIONS",
    )


def train(settings: Train, given: set[str]) -> int:
    """Train, print the notebook's report, write a run directory."""
    resume = _checkpoint(settings)
    with loading("torch and Lightning"):
        postpone()
        from .. import lit, parity
        from ..lit import checkpoint, console

        train_into = lit.fit  # the face imports Lightning when it is asked for this

    if resume is None:
        fit_in_memory(settings.bits, settings.hidden, 16 if settings.check else 4)
        module = lit.XORModule(settings.seed, settings.hidden, settings.bits, settings.lr)
    else:
        state = checkpoint.read(resume)
        settings = _resumed(resume, state, settings, given)
        module = lit.load(resume)
    _check_trainer_options(settings.trainer)

    run_dir = runs.run_of(resume) if resume else None
    with console.Interrupt(run_dir) as interrupt:
        try:
            trainer = train_into(
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
            said = " ".join(f"--trainer.{k} {short(v)}" for k, v in settings.trainer.items())
            raise UsageError(f"{said}: {error}") from error
        except parity.DifferenceError as error:
            say(str(error))
            return DIFFERS
        except (lit.DivergedError, WriteError) as error:
            if interrupt.is_first:  # of several processes one says it
                say(f"xor-torch train: {error}{_what_is_kept(interrupt.run_dir)}")
            return DIFFERS
        if not trainer.is_global_zero:
            return SUCCESS
        assert trainer.logger is not None  # trainer.log_dir waits for the other processes
        run_dir = Path(str(trainer.logger.log_dir))
        where = quoted(run_dir)
        if interrupt.signal:
            say(f"Interrupted after {trainer.global_step} epochs; to go on: --resume {where}")
            return 128 + interrupt.signal
        if module.prediction is None:
            say(f"xor-torch train: --trainer.max_time has ended it before its first epoch: {where}")
            return DIFFERS
        console.print_predictions(module.prediction.numpy())
    say(f"Run directory: {where}")
    say(f"To see it:     {tensorboard(run_dir.parent)}")
    return SUCCESS


def _checkpoint(settings: Train) -> Path | None:
    """The checkpoint to go on from, if there is to be one."""
    if settings.resume is None:
        return None
    said = "" if settings.resume is True else str(settings.resume)
    try:
        return find_checkpoint(said or str(runs.newest_checkpoint(settings.log_dir)))
    except FileNotFoundError as error:
        raise UsageError(f"--resume {said}: {error}") from error


def _what_is_kept(run_dir: Path | None) -> str:
    from ..lit.checkpoint import read

    if run_dir is None or not (run_dir / runs.CHECKPOINT).is_file():
        return "; nothing is kept"
    done = read(run_dir / runs.CHECKPOINT)["global_step"]
    return f"; the checkpoint of epoch {done} is kept: {quoted(run_dir / runs.CHECKPOINT)}"


def _resumed(path: Path, state: dict[str, Any], settings: Train, given: set[str]) -> Train:
    """The settings of the run that is resumed, except for what the flags set anew."""
    for name, value in state["hyper_parameters"].items():
        if name in given and getattr(settings, name) != value:
            raise UsageError(
                f"--{name} {getattr(settings, name)}: {path} was trained with {name} {value}; "
                f"leave the flag out, or train anew without --resume"
            )
    run_dir = runs.run_of(path)
    if (
        run_dir
        and "log_dir" in given
        and run_dir.parent.resolve() != Path(settings.log_dir).resolve()
    ):
        raise UsageError(
            f"--log-dir {settings.log_dir}: {path} goes on where it is, in {run_dir}; "
            "leave the flag out, or resume from a copy of the checkpoint"
        )
    saved = state["settings"] or {}
    anew = {n: saved[n] for n in ("epochs", "views", "check") if n in saved and n not in given}
    trainer = {**saved.get("trainer", {}), **settings.trainer}
    settings = replace(settings, **anew, trainer=trainer)
    if settings.epochs < state["global_step"]:
        raise UsageError(
            f"--epochs {settings.epochs}: {path} has done {state['global_step']} already"
        )
    return settings


def _check_trainer_options(options: dict[str, Any]) -> None:
    """Refuse an option that Lightning's Trainer lacks, refuses, or would misunderstand here."""
    if not options:
        return
    from lightning.pytorch import Trainer

    known = inspect.signature(Trainer).parameters
    for name, value in options.items():
        said = f"--trainer.{name} {short(value)}"
        if name not in known:
            near = nearest(str(name), known, cutoff=0.6, prefix="--trainer.")
            hint = f"; {near}" if near else ""
            raise UsageError(f"{said}: Lightning's Trainer has no such option{hint}")
        if name in NOT_THE_TRAINERS:
            raise UsageError(f"{said}: {NOT_THE_TRAINERS[name]}")
        kind = known[name].annotation
        if not _fits(value, kind) or (value is None and known[name].default is not None):
            raise UsageError(f"{said}: not of the type that Lightning's Trainer takes, {kind}")
        low, high = TRAINER_RANGES.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value <= high:
            raise UsageError(f"{said}: must be from {low} to {high}")


def _fits(value: Any, kind: Any) -> bool:
    """Whether a plain value is of the type `kind`.

    Plain are text, numbers, true, false, null, and lists and mappings of them. An object, such as
    a profiler or a strategy, is never plain: to make one, code would be imported because a file
    or a flag names it.
    """
    within = get_args(kind)
    match get_origin(kind) or kind:
        case typing.Union | types.UnionType:
            return any(_fits(value, one) for one in within)
        case typing.Literal:
            return type(value) in map(type, within) and value in within
        case builtins.list:
            return isinstance(value, list) and all(_fits(one, within[0]) for one in value)
        case builtins.dict:
            return isinstance(value, dict) and all(
                _fits(part, one)
                for item in value.items()
                for part, one in zip(item, within, strict=True)
            )
        case builtins.float:
            return type(value) in (int, float)
        case plain:
            return plain in (bool, int, str, type(None)) and type(value) is plain
