"""A network of two inputs as a picture: what it answers everywhere, and what each unit does."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from ..colours import ANSWERS, LEGEND, TARGETS
from ..data import Array, Parameters, truth_table

# One scale for all epochs and runs; the page and docs/network.png have the same.
SCALE: dict[str, Any] = {
    "cmap": LinearSegmentedColormap.from_list("answers", ANSWERS),
    "vmin": 0,
    "vmax": 1,
}
LOW, HIGH = -0.35, 1.35  # of both inputs: a margin around the four patterns
GRID = 61
MOST_UNITS = 8
COLUMNS = 3
PANEL, HEAD, FOOT = 1.6, 0.4, 0.54  # inches; the head has the title, the foot the legend
# TensorBoard shows an image 350 pixels wide by leaving out pixels, which breaks thin letters. So
# three panels are twice as wide, and the titles are bold.
DOTS = 700 / (3 * PANEL)  # per inch
TITLE: dict[str, Any] = {"fontsize": 11, "fontweight": "bold"}
UNIT_LINES = ("solid", "dashed", "dotted", "dashdot")


class NetworkPicture:
    """Draws one network again and again, each time with other weights, on one figure.

    The first panel shows the prediction over the input square, the others the activation a1 of
    each hidden unit, at most 8 of them. The first input goes to the right, the second upwards. The
    four patterns are a circle for target 0 and a square for target 1, in the colour of the target:
    a pattern is learned where the surface has its colour. Lines show where a unit is undecided:
    z1 = 0 is straight; z2 = 0 is thick and is the network's decision.
    """

    def __init__(self, hidden: int) -> None:
        self.units = min(hidden, MOST_UNITS)
        panels = 1 + self.units
        rows = -(-panels // COLUMNS)
        height = HEAD + PANEL * rows * 1.14 + FOOT  # inches
        self.figure = Figure(figsize=(PANEL * COLUMNS, height), dpi=DOTS)
        self.canvas = FigureCanvasAgg(self.figure)
        self.title = self.figure.suptitle("", x=0.01, ha="left", y=1 - 0.04 / height, **TITLE)
        axes = self.figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        self.figure.subplots_adjust(
            left=0.01, right=0.99, bottom=FOOT / height, wspace=0.04, hspace=0.2,
            top=1 - (HEAD + 0.22) / height,
        )  # fmt: skip
        self.legend = self._legend(height)
        self.foot: NDArray[np.uint8] | None = None  # the legend as drawn: it is always the same
        for ax in axes[panels:]:
            ax.set_axis_off()
        self.axes = axes[:panels]
        self.images = [self._panel(ax) for ax in self.axes]
        # each unit's line in its own panel and in the network's, drawn alike
        self.lines = [
            [ax.plot([], [], "k", lw=1.6, ls=UNIT_LINES[j % 4])[0] for ax in (self.axes[0], own)]
            for j, own in enumerate(self.axes[1:])
        ]
        self.decision = None
        self.side = np.linspace(LOW, HIGH, GRID)
        self.inputs = np.stack(np.meshgrid(self.side, self.side), axis=-1).reshape(-1, 2)

    def _panel(self, ax: Axes) -> AxesImage:
        image = ax.imshow(
            np.full((GRID, GRID), 0.5),
            extent=(LOW, HIGH, LOW, HIGH), origin="lower", interpolation="bilinear", **SCALE,
        )  # fmt: skip
        ax.set(xticks=[], yticks=[], xlim=(LOW, HIGH), ylim=(LOW, HIGH))
        X, y = truth_table(2)
        for target, marker in TARGETS.items():  # by shape too: not all see colours
            rows = X[y[:, 0] == target].T
            ax.scatter(
                rows[0], rows[1], c=[target] * 2, marker=marker, s=110, edgecolors="w", lw=2,
                zorder=3, **SCALE,
            )  # fmt: skip
        return image

    def _legend(self, height: float) -> list[Axes]:
        """The colours of the answers, and under them the shapes of the targets."""
        bar = self.figure.add_axes((0.01, 0.29 / height, 0.98, 0.22 / height))
        bar.imshow(np.linspace(0, 1, 256)[None], aspect="auto", extent=(0, 1, 0, 1), **SCALE)
        bar.set(xticks=[], yticks=[])
        for x, words, align in zip(
            (0.01, 0.5, 0.99), LEGEND, ("left", "center", "right"), strict=True
        ):
            bar.text(x, 0.45, words, ha=align, va="center", **TITLE)
        marks = self.figure.add_axes((0.01, 0.02 / height, 0.98, 0.24 / height))
        marks.set(xlim=(0, 1), ylim=(0, 1))
        marks.set_axis_off()
        for x, (target, marker) in zip((0.2, 0.6), TARGETS.items(), strict=True):
            marks.scatter([x], [0.5], c=[target], marker=marker, s=110, edgecolors="k", **SCALE)
            marks.text(x + 0.03, 0.45, f"should be {target}", va="center", **TITLE)
        return [bar, marks]

    def draw(self, parameters: Parameters, title: str) -> NDArray[np.uint8]:
        """The picture of `parameters` (2 inputs) as an RGB image, (height, width, 3) uint8."""
        W1, b1, W2, b2 = parameters
        with np.errstate(over="ignore", invalid="ignore"):
            a1 = 1 / (1 + np.exp(-(self.inputs @ W1 + b1)))
            z2 = (a1 @ W2 + b2).reshape(GRID, GRID)
            self.images[0].set_data(1 / (1 + np.exp(-z2)))
        self.axes[0].set_title("answer", pad=3, **TITLE)
        if self.decision is not None:
            self.decision.remove()
            self.decision = None
        if z2.min() < 0 < z2.max():
            self.decision = self.axes[0].contour(
                self.side, self.side, z2, levels=[0], colors="k", linewidths=3
            )
        for j in range(self.units):
            self.images[1 + j].set_data(a1[:, j].reshape(GRID, GRID))
            self.axes[1 + j].set_title(f"unit {j + 1} x {W2[j, 0]:+.1f}", pad=3, **TITLE)
            for line in self.lines[j]:
                line.set_data(*_line(W1[:, j], b1[0, j]))
        self.title.set_text(title)
        self.canvas.draw()
        picture = np.asarray(self.canvas.buffer_rgba())[..., :3].copy()
        rows = int(FOOT * DOTS)
        if self.foot is None:
            self.foot = picture[-rows:].copy()
            for ax in self.legend:
                ax.set_visible(False)
        picture[-rows:] = self.foot
        return picture


def _line(w: Array, b: float) -> Array:
    """Two points, far outside the square, of the line ``w[0] x0 + w[1] x1 + b = 0``."""
    length = np.hypot(*w)
    if length == 0:
        return np.full((2, 2), np.nan)
    normal = w / length
    foot = -b / length * normal
    along = np.array([-normal[1], normal[0]])
    ends: Array = foot + np.outer([-10, 10], along)
    return ends.T
