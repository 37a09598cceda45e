"""The page as one file: the template with the style, the scripts and the data put in."""

import base64
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import NamedTuple

import numpy as np

from .. import colours
from ..data import Parameters, initial_weights
from ..files import write_beside

SEEDS = 1000  # 0 to 999
MOST_HIDDEN = 8
# in the order in which the page needs them
SCRIPTS = (
    "network", "draws", "address", "timeline", "outcome", "surface", "diagram", "charts", "passes",
    "controls",
)  # fmt: skip


class Run(NamedTuple):
    """A run of two inputs, as the page shows it."""

    name: str  #: its name on the page
    seed: int
    hidden: int  #: 1 to 8
    lr: float
    epochs: int  #: how many were done
    weights: Parameters  #: those after the last epoch, in NumPy layout
    curve: list[tuple[int, float]]  #: the logged losses: epoch and mean squared error


def write_page(path: str | Path, run: Run | None = None) -> None:
    """Write the page to `path`, whole or not at all.

    Args:
        path: of the HTML file; a file that exists is replaced.
        run: that the page shows first; by default it shows seed 42.

    Raises:
        WriteError: it cannot be written.
        ValueError: the page cannot show `run`.

    """
    text = make_page(run)
    with write_beside(Path(path)) as beside:
        beside.write_text(text, encoding="utf-8")


def make_page(run: Run | None = None) -> str:
    """The page's HTML, see `write_page`."""
    zero, half, one = colours.LEGEND
    names = ("zero", "half", "one")
    lines = {
        **dict(zip(names, colours.ANSWERS, strict=True)),
        "negative-on-light": colours.NEGATIVE,
        "positive-on-light": colours.POSITIVE,
        "negative-on-dark": colours.NEGATIVE_ON_DARK,
        "positive-on-dark": colours.POSITIVE_ON_DARK,
    }
    data = {
        "draws": base64.b64encode(draws().astype("<f8").tobytes()).decode(),
        "outcomes": _read("outcomes.txt").strip(),
        "run": None if run is None else _run_data(run),
    }
    return Template(_read("page.html")).substitute(
        style=_read("style.css"),
        colours=":root { " + " ".join(f"--{k}: {v};" for k, v in lines.items()) + " }",
        # a run's name may hold anything; `<` would be able to end the script
        data=json.dumps(data, allow_nan=False).replace("<", r"\u003c"),
        scripts="\n".join(
            f"<script>\n{_read(f'{name}.js')}</script>" for name in (*SCRIPTS, "page")
        ),
        answers_0=zero,
        answers_half=half,
        answers_1=one,
    )


def draws() -> np.ndarray:
    """The random numbers of seeds 0 to 999 from which weights are made, (1000, 24) float64.

    `initial_weights` draws W1 row by row and then W2 from one stream, so the first 3 * hidden
    numbers of a seed are the weights of any width up to 8.
    """
    drawn = np.empty((SEEDS, 3 * MOST_HIDDEN))
    for seed in range(SEEDS):
        start = initial_weights(seed, MOST_HIDDEN)
        drawn[seed] = np.concatenate([start.W1.ravel(), start.W2.ravel()])
    return drawn


def _run_data(run: Run) -> dict[str, object]:
    if not 1 <= run.hidden <= MOST_HIDDEN or len(run.weights.W1) != 2:
        raise ValueError(
            f"{run.name} has {len(run.weights.W1)} inputs and {run.hidden} hidden units; "
            f"the page shows networks of 2 inputs and up to {MOST_HIDDEN} hidden units"
        )
    return {
        **run._asdict(),
        "initial": _flat(initial_weights(run.seed, run.hidden)),
        "final": _flat(run.weights),
        "weights": None,
    }


def _flat(parameters: Parameters) -> list[float]:
    """W1 row by row, b1, W2, b2; JSON keeps every bit of a float."""
    return [float(w) for part in parameters for w in part.ravel()]


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
