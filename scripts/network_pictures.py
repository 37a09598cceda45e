"""Make docs/network.png, its dark twin and docs/network.webp: python scripts/network_pictures.py

Two cards: seed 42, which is stuck at loss 1/8, and seed 3, which solves XOR, after 10,000 epochs
of the notebook's training. The animated picture shows both while they learn. The colours and the
words are those of the page and of TensorBoard, see xor_torch/colours.py.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image

from xor_torch import colours, initial_weights, manual, truth_table
from xor_torch.outcome import TIE, predicts_one

DOCS = Path(__file__).parents[1] / "docs"
SIZE = (9.2, 5.2)  # inches
DOTS = 200  # for each inch; the README shows the picture at half its pixels
GRID = 201
LOW, HIGH = -0.35, 1.35  # of both inputs
EPOCHS = 10_000
SCALE = LinearSegmentedColormap.from_list("answers", colours.ANSWERS)
CARDS = {42: "stuck at 1/8", 3: "solved"}
LEVELS = {1 / 8: "1/8", 1 / 4: "1/4"}
# the epochs of the film: none twice, and more of the early ones, where most happens
FRAMES = [*np.unique(np.geomspace(1, EPOCHS, 60).astype(int) - 1).tolist()]
FRAME_TIME, LAST_TIME = 90, 2500  # milliseconds


class Theme(NamedTuple):
    """The colours around the surfaces, which are the same on every page."""

    page: str
    card: str
    ink: str
    soft: str
    line: str
    curve: str


LIGHT = Theme("#ffffff", "#f4f5f7", "#1b1f24", "#57606a", "#d0d5db", colours.NEGATIVE)
DARK = Theme("#0d1117", "#1f242a", "#eef1f4", "#a9b4c0", "#3a424b", colours.NEGATIVE_ON_DARK)


def draw(runs: dict[int, list[manual.Epoch]], epoch: int, theme: Theme) -> Image.Image:
    """Both networks before the update of `epoch`, counted from 0."""
    figure = Figure(figsize=SIZE, dpi=DOTS, facecolor=theme.page)
    canvas = FigureCanvasAgg(figure)
    for (seed, outcome), left in zip(CARDS.items(), (0.01, 0.505), strict=True):
        _card(figure, left, seed, outcome, runs[seed], epoch, theme)
    _legend(figure, theme)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _card(
    figure: Figure,
    left: float,
    seed: int,
    outcome: str,
    run: list[manual.Epoch],
    epoch: int,
    theme: Theme,
) -> None:
    now = run[epoch]
    last = epoch == len(run) - 1
    figure.add_artist(
        FancyBboxPatch(
            (left, 0.1), 0.485, 0.885, boxstyle="round,pad=0,rounding_size=0.012",
            facecolor=theme.card, edgecolor=theme.line, transform=figure.transFigure,
            zorder=-1,  # behind the axes
        )
    )  # fmt: skip
    title = f"seed {seed}: {outcome}" if last else f"seed {seed}"
    figure.text(left + 0.015, 0.925, title, color=theme.ink, fontsize=15, weight="bold")
    figure.text(
        left + 0.47, 0.928, f"epoch {now.number + 1:,}", color=theme.soft, fontsize=10, ha="right"
    )

    width = 0.315
    ax = figure.add_axes((left + 0.015, 0.35, width, width * SIZE[0] / SIZE[1]))
    _surface(ax, now, theme)
    _predictions(figure, left + 0.345, now, theme)
    _curve(figure.add_axes((left + 0.055, 0.16, 0.415, 0.13)), run, epoch, theme)


def _surface(ax, now: manual.Epoch, theme: Theme) -> None:
    side = np.linspace(LOW, HIGH, GRID)
    inputs = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    answer = manual.forward(inputs, now.parameters).a2.reshape(GRID, GRID)
    ax.imshow(
        answer, extent=(LOW, HIGH, LOW, HIGH), origin="lower", cmap=SCALE, vmin=0, vmax=1,
        interpolation="bilinear",
    )  # fmt: skip
    ax.set(xlim=(LOW, HIGH), ylim=(LOW, HIGH), xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_color(theme.line)
    if answer.min() < 0.5 < answer.max():
        ax.contour(side, side, answer, levels=[0.5], colors="#111111", linewidths=1.8)
    X, y = truth_table()
    for (x0, x1), (target,), (said,) in zip(X, y, now.forward.a2, strict=True):
        ax.scatter(
            [x0], [x1], c=[target], cmap=SCALE, vmin=0, vmax=1, marker=colours.TARGETS[int(target)],
            s=90, edgecolors="#111111", lw=1.4, zorder=3,
        )  # fmt: skip
        ax.text(
            x0, x1 - 0.1, f"{x0:.0f}{x1:.0f}: should be {target:.0f},\nanswers {said:.2f}",
            ha="center", va="top", fontsize=8.2, color="#111111", linespacing=1.1, zorder=4,
            bbox={"boxstyle": "round,pad=0.15", "fc": "#ffffffd0", "ec": "none"},
        )  # fmt: skip
    _point_at_one_half(ax, answer)


def _point_at_one_half(ax, answer: np.ndarray) -> None:
    """Point at the widest place where the answer is one half, if there is one."""
    near = np.abs(answer - 0.5) < 0.03
    # not under a pattern's label, and not at the edge
    rows = [r for r in range(GRID) if 0.62 < LOW + (HIGH - LOW) * r / GRID < 0.72]
    columns = np.flatnonzero(near[rows].all(axis=0))
    if len(columns) < GRID / 5:
        return
    x = LOW + (HIGH - LOW) * columns.mean() / GRID
    y = LOW + (HIGH - LOW) * np.mean(rows) / GRID
    ax.annotate(
        colours.LEGEND[1], (x, y), (0.5, 1.27), ha="center", va="center", fontsize=9,
        weight="bold", color="#111111", zorder=5,
        arrowprops={"arrowstyle": "-|>", "color": "#111111", "lw": 1.3},
        bbox={"boxstyle": "round,pad=0.15", "fc": "#ffffffd0", "ec": "none"},
    )  # fmt: skip


def _predictions(figure: Figure, left: float, now: manual.Epoch, theme: Theme) -> None:
    """Write the answer to each pattern beside the surface, in words."""
    top = 0.82
    figure.text(left, top + 0.055, "x0 x1", color=theme.soft, fontsize=8.5)
    X, y = truth_table()
    for n, (row, (target,), (said,)) in enumerate(zip(X, y, now.forward.a2, strict=True)):
        half = abs(said - 0.5) < TIE
        words = "one half" if half else "right" if predicts_one(said) == target else "wrong"
        height = top - 0.115 * n
        figure.add_artist(
            Rectangle(
                (left, height - 0.035), 0.125 * float(said), 0.018, facecolor=SCALE(float(said)),
                edgecolor=theme.soft, lw=0.6, transform=figure.transFigure,
            )
        )  # fmt: skip
        bits = f"{row[0]:.0f}  {row[1]:.0f}"
        weight = "bold" if words != "right" else "normal"
        figure.text(left, height, bits, color=theme.ink, fontsize=10.5)
        figure.text(
            left + 0.125, height, words, color=theme.ink, fontsize=10.5, weight=weight, ha="right"
        )


def _curve(ax, run: list[manual.Epoch], epoch: int, theme: Theme) -> None:
    losses = [e.mse for e in run]
    ax.set_facecolor("none")
    ax.set(xlim=(0, len(run)), ylim=(0, 0.29), xticks=[0, len(run)], yticks=[0, *LEVELS])
    ax.set_yticklabels(["0", *LEVELS.values()])
    ax.set_xticklabels(["epoch 0", f"{len(run):,}"])
    ax.tick_params(colors=theme.soft, labelsize=8, length=0)
    for label, align in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
        label.set_ha(align)
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(theme.line)
    for level in LEVELS:
        ax.axhline(level, color=theme.soft, lw=0.8, ls=(0, (2, 3)))
    ax.plot(losses[: epoch + 1], color=theme.curve, lw=2)
    ax.plot([epoch], [losses[epoch]], "o", color=theme.curve, ms=6, clip_on=False)
    ax.text(
        len(run) * 0.985, 0.262, f"loss {losses[epoch]:.4f}", color=theme.ink, fontsize=9,
        weight="bold", ha="right", va="bottom",
    )  # fmt: skip


def _legend(figure: Figure, theme: Theme) -> None:
    ax = figure.add_axes((0.4, 0.052, 0.2, 0.022))
    ax.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=SCALE, vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_color(theme.line)
    zero, half, one = colours.LEGEND
    for x, words, align in ((0.39, zero, "right"), (0.61, one, "left")):
        figure.text(x, 0.063, words, color=theme.ink, fontsize=10, ha=align, va="center")
    figure.text(0.5, 0.018, half, color=theme.ink, fontsize=10, ha="center", va="bottom")
    marks = figure.add_axes((0.74, 0.02, 0.25, 0.085))
    marks.set_axis_off()
    marks.set(xlim=(0, 10), ylim=(0, 2))
    for y, target in ((1.45, 0), (0.55, 1)):
        marks.scatter(
            [4.9], [y], c=[target], cmap=SCALE, vmin=0, vmax=1, marker=colours.TARGETS[target],
            s=60, edgecolors=theme.soft,
        )  # fmt: skip
        marks.text(5.5, y, f"should be {target}", color=theme.ink, fontsize=9, va="center")


def main() -> None:
    runs = {
        seed: list(manual.train(*truth_table(), initial_weights(seed), epochs=EPOCHS))
        for seed in CARDS
    }
    for theme, name in ((LIGHT, "network.png"), (DARK, "network-dark.png")):
        picture = draw(runs, EPOCHS - 1, theme)
        # 256 colours are enough for two of them and greys, and a third of the size
        picture.quantize(256, dither=Image.Dither.NONE).save(DOCS / name, optimize=True)
    for theme, name in ((LIGHT, "network.webp"), (DARK, "network-dark.webp")):
        film = [draw(runs, epoch, theme) for epoch in FRAMES]
        times = [FRAME_TIME] * (len(film) - 1) + [LAST_TIME]
        film[0].save(
            DOCS / name, save_all=True, append_images=film[1:], duration=times, loop=0,
            quality=40, method=6,  # under 1 MB
        )  # fmt: skip


if __name__ == "__main__":
    main()
