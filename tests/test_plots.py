"""The pictures of a sweep."""

from dataclasses import replace

import numpy as np
import pytest

from xor_torch.sweep import sweep

plots = pytest.importorskip("xor_torch.plots", reason="needs matplotlib", exc_type=ImportError)


@pytest.fixture(scope="module")
def result():
    return sweep(30, epochs=2000, lr=0.5)


def test_pictures_are_written_beside_the_result(result, tmp_path):
    paths = plots.save_figures(result, tmp_path / "s.npz")
    assert [path.name for path in paths] == ["s-loss.png", "s-curves.png", "s-solved.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_levels_that_occur_are_marked(result):
    marks = {text.get_text() for text in plots.figures(result)["loss"].axes[0].texts}
    assert "1/8" in marks


def test_curves_are_labelled_by_class(result):
    labels = [
        text.get_text() for text in plots.figures(result)["curves"].axes[0].get_legend().texts
    ]
    assert labels[0] == f"solved ({result.solved.sum()})"


def test_nothing_but_nan_is_drawn_without_complaint(result, tmp_path):
    nothing = np.full_like(result.loss, np.nan)
    outcome = np.full_like(result.outcome, "diverged")
    plots.save_figures(
        replace(result, loss=nothing, level=nothing, outcome=outcome), tmp_path / "s.npz"
    )
