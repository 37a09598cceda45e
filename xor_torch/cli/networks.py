"""The commands for one network: ``explain``, ``predict`` and ``export``."""

import contextlib
import io
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from .. import memory
from ..files import quoted
from ..ranges import LOSSES
from .parser import NETWORK, Network, Settings, choice, flag, pathname, refuse, switch, word
from .terminal import (
    SUCCESS,
    UsageError,
    doing,
    find_checkpoint,
    loading,
    out,
    refuse_output,
    say,
    say_newest,
)

LONGEST = 2**16  # characters of a line on standard input: a row of 16 numbers and more


@dataclass
class OwnNetwork(Settings):
    """A network that was trained, if one is named."""

    checkpoint: str | None = flag(
        "a run's checkpoint or directory; without one, --seed is trained",
        pathname,
        None,
        positional=True,
        nargs="?",
        metavar="CHECKPOINT",
    )


@dataclass
class Explain(Network, OwnNetwork):  # the fields of the last base come first
    """Say why a network is where it is, and try what would help."""

    exit_codes: ClassVar[str] = "0 done, 2 bad call or input, 130 interrupted"

    loss: str = choice("mse or bce ({})", LOSSES, "mse")


def explain(settings: Explain, given: set[str]) -> int:
    """Train or load, explain, print."""
    network = {name: getattr(settings, name) for name in (*NETWORK, "loss")}
    if settings.checkpoint is not None:
        its_own = ("seed", "hidden", "bits", "lr", "loss")
        refuse(settings, given, its_own, "the checkpoint has its own; leave it out")
        path = find_checkpoint(settings.checkpoint)
        with loading("torch"):
            from ..lit import checkpoint

        state = checkpoint.read(path)
        parameters = checkpoint.network(state).to_numpy()
        network.update(state["hyper_parameters"], parameters=parameters)
        if "epochs" not in given:
            network["epochs"] = max(state["global_step"], 1)
    bits, hidden = network["bits"], network["hidden"]
    P = (bits + 2) * hidden + 1  # the Hessian is (P, P), from P rows of derivatives at once
    memory.check(f"--bits {bits} --hidden {hidden}", 8 * P * (8 * 2**bits * hidden + 4 * P))
    with loading("torch"):
        from ..explain import Explanation
        from ..explain import explain as find_out

    if settings.checkpoint is not None:
        say_newest(settings.checkpoint, path)
    told = ""
    with contextlib.ExitStack() as line:

        def tell(so_far: Explanation) -> None:
            """Print what has come since the last call."""
            nonlocal told
            line.close()
            text = str(so_far)
            if text != told:
                out(text[len(told) :].removeprefix("\n"))
            told = text
            line.enter_context(doing("Trying what would help"))

        line.enter_context(doing(f"Training for {network['epochs']} epochs"))
        tell(find_out(**network, progress=tell))
    return SUCCESS


@dataclass
class Trained(Settings):
    """A network that was trained."""

    exit_codes: ClassVar[str] = "0 done, 2 bad call or input"
    configurable: ClassVar[bool] = False

    checkpoint: str = flag(
        "a run's checkpoint or directory", pathname, positional=True, metavar="CHECKPOINT"
    )


@dataclass
class Predict(Trained):
    """
    What does a trained network answer? Each row of inputs gets a line: the
    prediction and its class. Give a row as VALUEs, one number for each input, or
    rows on standard input, one a line, with blanks or commas between the numbers.
    """

    usage: ClassVar[str | None] = "{prog} CHECKPOINT [VALUE ...]"

    row: list[str] = flag("one row", word, [], positional=True, nargs="*", metavar="VALUE")


def predict(settings: Predict, given: set[str]) -> int:
    """Predict the row of the call, or each row of standard input as soon as it is there."""
    path = find_checkpoint(settings.checkpoint)
    rows = iter([("VALUEs", settings.row)]) if settings.row else _rows()
    # before torch is imported, so that an endless line, or no line, is refused at once
    first = next(rows, None)
    if first is None:
        raise UsageError("no row on standard input; give one there or as VALUEs")
    with loading("torch"):
        import torch

        from ..lit import checkpoint
        from ..outcome import predicts_one

    state = checkpoint.read(path)
    network, bits = checkpoint.network(state), state["hyper_parameters"]["bits"]
    said = False
    with torch.no_grad():
        for where, words in itertools.chain([first], rows):
            row = torch.tensor([_row(where, words, bits)], dtype=torch.float64)
            prediction = network(row).item()
            if not said:
                say_newest(settings.checkpoint, path)
                said = True
            out(f"{prediction:.6g}  class {int(predicts_one(prediction))}")
    return SUCCESS


def _rows() -> Iterator[tuple[str, list[str]]]:
    """The place and the words of each line of standard input that is not empty."""
    stdin = sys.stdin or io.StringIO()  # None where it is closed
    if stdin.isatty():
        say("Rows, one a line; Ctrl-D ends them:")
    try:
        for number in itertools.count(1):
            line = stdin.readline(LONGEST)
            if not line:
                return
            where = f"standard input, line {number}"
            if len(line) == LONGEST:
                raise UsageError(f"{where}: is longer than {LONGEST} characters")
            if words := line.replace(",", " ").split():
                yield where, words
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not text: {error}") from error


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


@dataclass
class Export(Trained):
    """
    Write a trained network to a file that other programs read, float64.
    FILE.npz: the weights W1, b1, W2, b2 in the notebook's layout, for numpy.load.
    FILE.onnx: the whole network, for onnxruntime and others.
    """

    usage: ClassVar[str | None] = "{prog} CHECKPOINT FILE [flags]"

    file: str = flag(
        ".npz, or .onnx (needs the extra onnx)", pathname, positional=True, metavar="FILE"
    )
    force: bool = switch("overwrite FILE")


def export(settings: Export, given: set[str]) -> int:
    """Write the network in the format that the file's name ends in."""
    out = Path(settings.file)
    if out.suffix not in (".npz", ".onnx"):
        raise UsageError(f"{out}: the name must end in .npz or .onnx")
    refuse_output(f"{out}", out, settings.force)
    if out.suffix == ".onnx" and not find_spec("onnx"):
        raise UsageError(f"{out}: needs a package that is missing: pip install 'xor_torch[onnx]'")
    path = find_checkpoint(settings.checkpoint)
    with loading("torch"):
        from ..export import save_npz, save_onnx
        from ..lit import checkpoint

    parameters = checkpoint.network(checkpoint.read(path)).to_numpy()
    (save_npz if out.suffix == ".npz" else save_onnx)(out, parameters)
    say_newest(settings.checkpoint, path)
    say(f"Network: {quoted(out)}")
    return SUCCESS
