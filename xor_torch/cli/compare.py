"""``xor-torch compare``: our gradients against autograd's, or a script's or notebook's of yours."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .parser import (
    NETWORK,
    Network,
    Settings,
    fit_in_memory,
    flag,
    pathname,
    positive,
    refuse,
    switch,
)
from .terminal import DIFFERS, SUCCESS, UsageError, loading, out

MAX_MEMORY = 10**6  # gigabytes; in bytes the system takes less than 2**63
MAX_TIMEOUT = 10**6  # seconds; the system cannot wait for much more than 10**9


@dataclass
class UserFile(Settings):
    """A script or notebook to check, and how."""

    file: str | None = flag(
        ".py or .ipynb", pathname, None, positional=True, nargs="?", metavar="FILE"
    )
    timeout: float = flag("seconds to run and judge FILE ({})", positive(MAX_TIMEOUT), 60.0)
    memory: float = flag("gigabytes that FILE may use ({})", positive(MAX_MEMORY), 4.0)
    strict: bool = switch("wrong, too, if FILE computes another loss")
    verbose: bool = switch("show what FILE prints")
    rest: list[str] = field(default_factory=list)  # what comes after --: FILE's own arguments


@dataclass
class Compare(Network, UserFile):  # the fields of the last base come first
    """
    Is the backprop right? Without FILE: our manual NumPy gradients against
    torch autograd, at every epoch of a run. With FILE, a NumPy script or notebook of yours:
    it is EXECUTED, unmodified, and its gradients are compared with autograd's.
    """

    usage: ClassVar[str | None] = "{prog} [FILE] [flags] [-- ARGS]"
    exit_codes: ClassVar[str] = (
        "0 equal or correct, 1 different or wrong, 2 bad call or cannot tell,\n130 interrupted"
    )

    json: bool = switch("one JSON object instead of the report")


def compare(settings: Compare, given: set[str]) -> int:
    """Compare over a whole training run, or check a user's file; print a report or JSON."""
    if settings.file is not None:
        refuse(settings, given, NETWORK, f"{settings.file} has its own; leave it out")
        if Path(settings.file).suffix not in (".py", ".ipynb"):
            raise UsageError(f"{settings.file}: only a .py or .ipynb file is executed")
        return _check_file(settings)
    refuse(settings, given, ("timeout", "memory", "strict", "verbose"), "goes with a FILE to check")
    fit_in_memory(settings.bits, settings.hidden, 20)
    from tqdm import tqdm

    with loading("torch"):
        from .. import model, parity  # noqa: F401  (before the bar starts to count)

    run = {name: getattr(settings, name) for name in NETWORK}
    with tqdm(
        total=settings.epochs,
        unit=" epochs",
        leave=False,
        dynamic_ncols=True,
        disable=None,  # if standard error is not a terminal: redraws would fill a log
    ) as bar:
        parameters = parity.compare(**run, progress=bar.update)
    out((parity.to_json if settings.json else parity.report)(run, parameters))
    return SUCCESS if all(p.ok for p in parameters) else DIFFERS


def _check_file(settings: Compare) -> int:
    assert settings.file is not None
    with loading("torch"):
        from ..backprop import check_file

    verdict = check_file(
        settings.file,
        settings.rest,
        settings.timeout,
        strict=settings.strict,
        verbose=settings.verbose,
        memory=settings.memory,
    )
    out(json.dumps(verdict.to_json(), indent=2) if settings.json else verdict.report())
    return verdict.exit_code
