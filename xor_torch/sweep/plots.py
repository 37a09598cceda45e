"""Pictures of a sweep. Needs matplotlib: ``pip install 'xor_torch[plots]'``.

`figures` returns matplotlib figures, for a notebook; `save_figures` writes them beside the
result; `log_figures` shows the written ones in TensorBoard. pyplot's global state stays as it is.
"""

import time
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..files import remove_halves, write_beside
from ..outcome import fraction
from .report import table
from .result import Result

WIDTH, HEIGHT, DPI = 7, 4.2, 120  # of a picture, in inches and dots per inch


def figures(result: Result) -> dict[str, Figure]:
    """The pictures of a sweep by name: "loss", "curves" and "solved"."""
    return {"loss": _loss(result), "curves": _curves(result), "solved": _solved(result)}


def save_figures(result: Result, out: Path | str) -> dict[str, Path]:
    """Write ``OUT-NAME.png`` for each picture beside the file `out`, whole or not at all.

    Returns:
        The paths by the names of `figures`.

    Raises:
        WriteError: a picture cannot be written.

    """
    out = Path(out)
    paths = {}
    for name, figure in figures(result).items():
        paths[name] = out.with_name(f"{out.stem}-{name}.png")
        remove_halves(paths[name])
        with write_beside(paths[name]) as beside:
            figure.savefig(beside, dpi=DPI, format="png")
    return paths


def log_figures(result: Result, pictures: dict[str, Path], run_dir: Path) -> None:
    """Write saved pictures and the table into an event file in `run_dir`, for TensorBoard.

    TensorBoard's own writer is used: torch's SummaryWriter and `xor_torch.lit.views` would import
    torch, which takes longer than all that a sweep does after its last epoch.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    size = {"width": round(WIDTH * DPI), "height": round(HEIGHT * DPI), "colorspace": 4}
    images = [
        Summary.Value(
            tag=f"sweep/{name}",
            image=Summary.Image(encoded_image_string=path.read_bytes(), **size),
        )
        for name, path in pictures.items()
    ]
    text = text_pb("sweep", "\n".join(f"    {line}" for line in table(result).splitlines()))
    writer = EventFileWriter(str(run_dir))
    try:
        for summary in (Summary(value=images), text):
            writer.add_event(Event(wall_time=time.time(), summary=summary))
    finally:
        writer.close()


def _levels(result: Result) -> list[float]:
    """The levels of the plateaus that occur, ascending."""
    levels: list[float] = np.unique(result.level[np.isfinite(result.level)].round(12)).tolist()
    return levels


def _classes(result: Result) -> dict[str, np.ndarray]:
    """The members of each class, (S,) bool: the outcomes, with a class for each plateau level."""
    classes = {"solved": result.outcome == "solved"}
    for level in _levels(result):
        classes[f"plateau {fraction(level)}"] = np.isclose(result.level, level, rtol=1e-9)
    for name in ("moving", "stuck"):
        classes[name] = result.outcome == name
    return {name: members for name, members in classes.items() if members.any()}


def _axes(result: Result, title: str, **labels: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot(**labels)
    axes.set_title(
        f"{title}\n{result.seed.size} seeds, {result.W1.shape[1]} bits, "
        f"{result.W1.shape[2]} hidden, lr {result.lr:g}, {result.criterion}",
        fontsize="medium",
    )
    return figure, axes


def _loss(result: Result) -> Figure:
    figure, axes = _axes(
        result, f"Loss after {result.epochs} epochs", xlabel="loss", ylabel="seeds"
    )
    loss = result.loss[np.isfinite(result.loss) & (result.loss > 0)]
    if loss.size:
        low, high = loss.min(), max(loss.max(), loss.min() * 1.01)
        axes.hist(loss, bins=np.geomspace(low, high, 101).tolist(), color="tab:blue")
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=1)
    for level in _levels(result):
        axes.axvline(level, color="tab:red", linewidth=0.8)
        axes.annotate(
            fraction(level), (level, 1), xycoords=("data", "axes fraction"), xytext=(-2, -10),
            textcoords="offset points", ha="right", color="tab:red",
        )  # fmt: skip
    return figure


def _curves(result: Result) -> Figure:
    figure, axes = _axes(
        result, "Loss by outcome: median, and the middle half", xlabel="epoch", ylabel="loss"
    )
    shown = result.curve_loss.shape[1]  # only the curves of the first seeds are kept
    for name, members in _classes(result).items():
        curves = result.curve_loss[:, members[:shown]]
        if curves.shape[1]:
            low, middle, high = np.percentile(curves, [25, 50, 75], axis=1)
            (line,) = axes.plot(result.curve_epoch, middle, label=f"{name} ({members.sum()})")
            axes.fill_between(result.curve_epoch, low, high, alpha=0.25, color=line.get_color())
    axes.set_yscale("log")
    if axes.lines:
        axes.legend(fontsize="small")
    return figure


def _solved(result: Result) -> Figure:
    figure, axes = _axes(
        result, "Share of seeds that answer every row correctly", xlabel="epoch", ylabel="share"
    )
    axes.plot(result.curve_epoch, result.curve_solved / result.seed.size)
    axes.set_ylim(0, 1)
    return figure
