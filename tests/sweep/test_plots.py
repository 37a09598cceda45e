"""The pictures of a sweep."""

from dataclasses import replace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from xor_torch.sweep import sweep

plots = pytest.importorskip("xor_torch.sweep.plots", exc_type=ImportError)
image = pytest.importorskip("matplotlib.image")


@pytest.fixture(scope="module")
def result():
    return sweep(30, epochs=2000, lr=0.5)


def test_pictures_are_written_beside_the_result(result, tmp_path):
    paths = plots.save_figures(result, tmp_path / "s.npz")
    assert [p.name for p in paths.values()] == ["s-loss.png", "s-curves.png", "s-solved.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths.values())


def test_tensorboard_has_the_same_pictures_and_the_table(result, tmp_path):
    paths = plots.save_figures(result, tmp_path / "s.npz")
    plots.log_figures(result, paths, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    for name, path in paths.items():
        (logged,) = events.Images(f"sweep/{name}")
        assert logged.encoded_image_string == path.read_bytes()
        assert image.imread(path).shape == (logged.height, logged.width, 4)
    (text,) = events.Tensors("sweep")
    assert "solved" in text.tensor_proto.string_val[0].decode()


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
