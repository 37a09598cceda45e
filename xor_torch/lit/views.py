"""What a run writes for TensorBoard: callbacks, the only users of the writer.

Every view looks at an epoch between its backward pass and its update: there the loss, the
predictions, the gradients and the weights that they were computed at are all available. The step
on TensorBoard's axis is the notebook's epoch.

TensorBoard sorts by name, so the names are chosen to be read in their order: loss, network (the
pictures), norm (of each gradient), parity, prediction, solved, spread (the histograms), weight.
"""

import math
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple, cast

import lightning.pytorch as L
import numpy as np
from torch.utils.tensorboard.summary import hparams

from ..data import truth_table
from ..files import quoted
from ..outcome import Outcomes, classify, fraction, in_words, is_right
from .module import XORModule
from .runs import VIEWS
from .saving import RunLogger, writer
from .schedule import is_watched, picture_epochs

MOST_ROWS = 64  # of a larger truth table, only the first rows get a curve
MOST_ANSWERS = 3  # bits; a larger table gets one chart of all answers
TINY = 1e-300  # the logarithm of a gradient that is 0 must be finite
MOST_WEIGHTS = 36  # a network with more gets no curves of its weights
GRADIENT, PEAK = "norm/log10_gradient_W1", "norm/log10_peak_W1"  # the peak is the highest so far
PLAYABLE = 8  # hidden units that the page of `xor-torch play` shows


def choose_views(which: str, check: bool = False) -> list[L.Callback]:
    """The callbacks for one of `runs.VIEWS`, and with `check` the comparison of the gradients.

    Raises:
        ValueError: `which` is not one of `runs.VIEWS`.

    """
    if which not in VIEWS:
        raise ValueError(f"views must be one of {', '.join(VIEWS)}, got {which}")
    chosen: list[L.Callback] = [Check()] if check else []
    if which != "none":
        chosen.append(Scalars())
    if which == "all":
        chosen += [Pictures(), Histograms(), Summary()]
    return chosen


def _log(trainer: L.Trainer, values: Mapping[str, Any], epoch: int) -> None:
    assert trainer.logger is not None
    trainer.logger.log_metrics(dict(values), step=epoch)


def row_names(bits: int) -> list[str]:
    """The rows of the truth table as they are written: 00, 01, 10, 11."""
    return [format(row, f"0{bits}b") for row in range(2**bits)]


class View(L.Callback):
    """Calls `look` in every watched epoch, before its update, on the process that writes."""

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object
    ) -> None:
        epoch = trainer.global_step
        if trainer.is_global_zero and is_watched(epoch, trainer.max_steps):
            self.look(trainer, cast(XORModule, pl_module), epoch)

    def look(self, trainer: L.Trainer, pl_module: XORModule, epoch: int) -> None:
        raise NotImplementedError


def _charts(bits: int) -> dict[str, dict[str, list[object]]]:
    """The tab Custom Scalars: a chart for each answer, so that a line's colour says its run.

    A "Margin" chart is not smoothed, and its axis holds the shade between two more tags, too: what
    stays as high as the peak keeps TensorBoard from cutting the peak off as an outlier.
    """
    charts: dict[str, list[object]] = {
        "loss": _unsmoothed("loss/mse"),
        "log10 of the gradient of W1, shaded up to its peak": _unsmoothed(GRADIENT, PEAK),
    }
    if bits <= MOST_ANSWERS:
        y = truth_table(bits)[1][:, 0]
        for name, target in zip(row_names(bits), y, strict=True):
            charts[f"answer to {name}, should be {target:.0f}"] = _unsmoothed(f"prediction/{name}")
    else:
        charts["answers to all rows"] = ["Multiline", ["prediction/.*"]]
    return {"learning": dict(reversed(charts.items()))}  # TensorBoard shows the last one first


def _unsmoothed(tag: str, upper: str | None = None) -> list[object]:
    return ["Margin", [tag, tag, upper or tag]]  # the line, and the shade's lower and upper end


class Scalars(View):
    """The loss, the norm of each gradient, the prediction for each row, and each weight.

    The norms are logarithms: they range over powers of ten, and TensorBoard by default would cut
    off most of a peak, which is where a network learns, as outliers.
    """

    def __init__(self) -> None:
        # The largest value of GRADIENT so far. A resumed run of an earlier version does not know
        # it, and TensorBoard would show an error for a tag with a part of the other's steps.
        self.peak: float | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"peak": self.peak}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.peak = state_dict["peak"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.global_step == 0:
            self.peak = -math.inf
        if trainer.is_global_zero:
            writer(trainer).add_custom_scalars(_charts(pl_module.hparams["bits"]))

    def look(self, trainer: L.Trainer, pl_module: XORModule, epoch: int) -> None:
        assert pl_module.prediction is not None
        values = {"loss/mse": float(pl_module.mse)}
        for name, gradient in pl_module.gradients()._asdict().items():
            norm = max(float(np.linalg.norm(gradient)), TINY)
            values[f"norm/log10_gradient_{name}"] = math.log10(norm)
        if self.peak is not None:
            self.peak = values[PEAK] = max(self.peak, values[GRADIENT])
        rows = pl_module.prediction[:MOST_ROWS, 0].tolist()
        for row, p in zip(row_names(pl_module.hparams["bits"]), rows, strict=False):
            values[f"prediction/{row}"] = p
        weights = pl_module.to_numpy()
        if sum(w.size for w in weights) <= MOST_WEIGHTS:
            for name, array in weights._asdict().items():
                for index, w in np.ndenumerate(array):
                    values[f"weight/{name}_{'_'.join(map(str, index))}"] = w
        _log(trainer, values, epoch)


class Pictures(View):
    """What the network answers over the input square, at a few epochs; two inputs only."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.picture = None
        self.epochs = picture_epochs(trainer.max_steps)
        if pl_module.hparams["bits"] == 2 and find_spec("matplotlib"):
            from .pictures import NetworkPicture

            self.picture = NetworkPicture(pl_module.hparams["hidden"])

    def look(self, trainer: L.Trainer, pl_module: XORModule, epoch: int) -> None:
        if self.picture and epoch in self.epochs:
            title = f"seed {pl_module.hparams['seed']}"
            if epoch == trainer.max_steps - 1:
                found = Seen.of(pl_module).ended(epoch + 1, pl_module.hparams["lr"])
                title += f": {in_words(found)}"
                if groups := _tied(found, row_names(2)):
                    title += f": one answer to {' and one to '.join(map(', '.join, groups))}"
            title += f"\nepoch {epoch:,}, loss {pl_module.mse:.4f}"
            image = self.picture.draw(pl_module.to_numpy(), title)
            writer(trainer).add_image("network", image, epoch, dataformats="HWC")


class Histograms(View):
    """The distribution of each parameter and of its gradient, for more than `MOST_WEIGHTS` weights.

    A histogram of a few numbers says less than their curves, which `Scalars` draws.
    """

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.epochs = picture_epochs(trainer.max_steps)
        if sum(p.numel() for p in pl_module.parameters()) <= MOST_WEIGHTS:
            self.epochs = set()

    def look(self, trainer: L.Trainer, pl_module: XORModule, epoch: int) -> None:
        if epoch in self.epochs:
            to = writer(trainer)
            for kind, arrays in (
                ("weight", pl_module.to_numpy()),
                ("gradient", pl_module.gradients()),
            ):
                for name, array in arrays._asdict().items():
                    to.add_histogram(f"spread_{kind}/{name}", array, epoch)


class Seen(NamedTuple):
    """A network at an epoch that was looked at."""

    prediction: "np.ndarray[Any, np.dtype[np.float64]]"  #: (N,)
    mse: float
    gradient_norm: float

    @classmethod
    def of(cls, pl_module: XORModule) -> "Seen":
        """`pl_module` between its backward pass and its update."""
        assert pl_module.prediction is not None
        norm = np.sqrt(sum((g**2).sum() for g in pl_module.gradients()))
        return cls(pl_module.prediction[:, 0].numpy(), float(pl_module.mse), float(norm))

    def ended(self, epochs: int, lr: float) -> Outcomes:
        """What has become of the network after `epochs`."""
        norm = np.array([self.gradient_norm])
        return classify(self.prediction[None], np.array([self.mse]), norm, epochs, lr)


def _tied(found: Outcomes, names: list[str]) -> list[list[str]]:
    """The rows that get one answer although their targets differ, in groups."""
    tied = found.tied[0]
    return [
        [name for name, t in zip(names, tied, strict=True) if t == group]
        for group in range(1, tied.max() + 1)
    ]


class Summary(View):
    """Whether it is solved; at the end, the run in words and its line in the HParams table."""

    def __init__(self) -> None:
        self.first_solved: int | None = None
        self.seen: Seen | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"first_solved": self.first_solved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.first_solved = state_dict["first_solved"]

    def look(self, trainer: L.Trainer, pl_module: XORModule, epoch: int) -> None:
        self.seen = Seen.of(pl_module)
        solved = bool(is_right(self.seen.prediction).all())
        if self.first_solved is None and solved:
            self.first_solved = epoch
        _log(trainer, {"solved/0_or_1": solved}, epoch)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.seen is None:
            return
        epochs = trainer.global_step
        settings = {**pl_module.hparams, "epochs": epochs}
        found = self.seen.ended(epochs, settings["lr"])
        if isinstance(trainer.logger, RunLogger):
            level = f"-at-{found.level[0]:.3g}" if found.outcome[0] == "plateau" else ""
            trainer.logger.ended = f"{found.outcome[0]}{level}".replace("plateau", "stuck")
        to = writer(trainer)
        # trainer.log_dir waits for all processes
        folder = getattr(trainer.logger, "log_dir", None)
        text = _summary(settings, self.seen, self.first_solved, found, folder)
        to.add_text("summary", text, epochs)
        # the table shows the last value of each of these tags, and the parallel coordinates
        # leave out a run that lacks one: -1 stands for never
        first = -1 if self.first_solved is None else self.first_solved
        _log(trainer, {"solved/first_epoch": first}, epochs - 1)
        metrics = dict.fromkeys(("solved/0_or_1", "solved/first_epoch", "loss/mse"), 0.0)
        # Whole numbers as text, because TensorBoard would show 42.000. The end stands among the
        # settings, because the columns of the metrics begin beyond the edge of most screens.
        shown = {
            "ended": in_words(found),
            "epochs": str(epochs),
            "lr": settings["lr"],
            "network": f"{settings['bits']}-{settings['hidden']}-1",
            "seed": str(settings["seed"]),
        }
        for part in hparams(shown, metrics):
            to._get_file_writer().add_summary(part)


def _summary(
    settings: Mapping[str, Any],
    seen: Seen,
    first_solved: int | None,
    found: Outcomes,
    folder: str | None,
) -> str:
    """The run in words and tables, in Markdown; `folder` is the run directory."""
    bits, epochs = settings["bits"], settings["epochs"]
    task = "XOR" if bits == 2 else f"{bits}-bit parity"
    outcome, level = found.outcome[0], found.level[0]
    names = row_names(bits)
    y = truth_table(bits)[1][:, 0]
    if outcome == "solved":
        words = f"**Solved.** Every prediction is on the right side of 1/2 after {epochs} epochs"
        words += f"; first seen at epoch {first_solved}."
    elif outcome == "plateau":
        words = f"**Not solved: stuck on the plateau at loss {fraction(level)}.**"
        for rows in _tied(found, names):
            answer = fraction(float(np.mean([y[int(row, 2)] for row in rows])))
            words += (
                f" The network does not tell the rows {', '.join(rows)} apart: it answers about"
                f" {answer} to all of them, the mean of their targets."
            )
        words += " No such answers have a smaller loss, and the gradient has nearly vanished."
    elif outcome == "moving":
        words = "**Not solved, still moving.** The loss is falling: more epochs may solve it."
    elif outcome == "diverged":
        words = "**Diverged.** A number is no longer finite; a smaller lr may help."
    else:
        words = "**Not solved, and it hardly moves**, for instance because units are saturated."
    lines = [f"{task}, seed {settings['seed']}: {words}"]
    if folder and bits == 2 and settings["hidden"] <= PLAYABLE:
        lines += [
            "",
            "To see this run learn and to change it, with its loss and gradient neither smoothed"
            f" nor cut off, write its page and open it: `xor-torch play {quoted(folder)}`",
        ]
    lines += ["", "| setting | value |", "|---|---|"]
    lines += [f"| {name} | {settings[name]} |" for name in settings]
    lines += [f"| loss (mean of squares) | {seen.mse:.6g} |"]
    lines += [f"| norm of the gradient | {seen.gradient_norm:.3g} |"]
    lines += ["", "| row | target | prediction |", "|---|---|---|"]
    right = is_right(seen.prediction)
    shown = list(zip(names, y, seen.prediction, right, strict=True))[:MOST_ROWS]
    lines += [
        f"| {name} | {target:.0f} | {p:.3f}{'' if right else ' (wrong)'} |"
        for name, target, p, right in shown
    ]
    if len(names) > MOST_ROWS:
        lines += [
            "",
            f"Only the first {MOST_ROWS} of {len(names)} rows are shown here and as curves.",
        ]
    if bits != 2:
        lines += ["", "There are no pictures: the input square is for two inputs."]
    elif not find_spec("matplotlib"):
        lines += ["", "There are no pictures: `pip install matplotlib` for them."]
    return "\n".join(lines)


class Check(View):
    """Compares the hand-written NumPy gradient with autograd's, at the current weights.

    Raises:
        parity.DifferenceError: a gradient differs by more than rounding allows.

    """

    def look(self, trainer: L.Trainer, pl_module: XORModule, epoch: int) -> None:
        from .. import parity  # only a run that compares needs the hand-written side

        found = parity.check(pl_module.to_numpy(), pl_module.gradients())
        values = {f"parity/{d.name}": d.relative for d in found}
        _log(trainer, values, epoch)
        wrong = [str(d) for d in found if not d.ok]
        if wrong:
            raise parity.DifferenceError(
                f"epoch {epoch}: autograd and the manual gradient differ\n" + "\n".join(wrong)
            )
