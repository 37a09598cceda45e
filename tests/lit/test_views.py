"""What a run wrote, read back from its event file."""

from pathlib import Path

import lightning.pytorch as L
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from xor_torch import XORModule, data, fit, lit, manual, parity, play
from xor_torch.files import quoted
from xor_torch.lit import views

from ..common import events

ROWS = [("00", 0), ("01", 1), ("10", 1), ("11", 0)]


def scalars(run_dir, tag):
    return {event.step: event.value for event in events(run_dir).Scalars(tag)}


def test_scalars_are_the_notebooks_by_epoch(tmp_path):
    fit(XORModule(seed=3), 250, tmp_path, views="scalars")
    expected = {}
    for epoch in manual.train(*data.truth_table(), data.initial_weights(3), epochs=250):
        if epoch.number in (0, 100, 200, 249):
            values = {"loss/mse": epoch.mse}
            for row, p in zip(("00", "01", "10", "11"), epoch.forward.a2[:, 0], strict=True):
                values[f"prediction/{row}"] = p
            for name, gradient in epoch.backward.gradients._asdict().items():
                values[f"norm/log10_gradient_{name}"] = np.log10(np.linalg.norm(gradient))
            before = [e["norm/log10_gradient_W1"] for e in expected.values()]
            values["norm/log10_peak_W1"] = max(*before, values["norm/log10_gradient_W1"], -np.inf)
            for name, array in epoch.parameters._asdict().items():
                for i, j in np.ndindex(array.shape):
                    values[f"weight/{name}_{i}_{j}"] = array[i, j]
            expected[epoch.number] = values
    read = events(tmp_path / "version_0")
    tags = {kind: found for kind, found in read.Tags().items() if found}
    assert set(tags) == {"scalars", "tensors"}
    assert tags["tensors"] == ["custom_scalars__config__"]
    assert sorted(tags["scalars"]) == sorted(expected[0])
    for tag in expected[0]:
        assert scalars(tmp_path / "version_0", tag) == {  # TensorBoard keeps float32
            number: pytest.approx(values[tag], rel=1e-6, abs=1e-30)
            for number, values in expected.items()
        }


@pytest.fixture
def stuck(notebook_run):
    return Path(notebook_run[0].log_dir)


def test_pictures(stuck):
    images = events(stuck).Images("network")
    assert [image.step for image in images] == [0, 100, 200, 300, 600, 1000, 1800, 3200, 5600, 9999]
    assert {(image.width, image.height) for image in images} == {(700, images[0].height)}
    assert len({image.encoded_image_string for image in images}) == 10


def test_a_few_weights_have_no_histograms_and_many_have(stuck, tmp_path):
    assert not events(stuck).Tags()["histograms"]
    fit(XORModule(hidden=20), 3, tmp_path)
    read = events(tmp_path / "version_0")
    assert sorted(read.Tags()["histograms"]) == sorted(
        f"spread_{kind}/{name}"
        for kind in ("weight", "gradient")
        for name in ("W1", "b1", "W2", "b2")
    )
    assert [h.step for h in read.Histograms("spread_weight/W1")] == [0, 2]
    assert read.Histograms("spread_weight/W1")[0].histogram_value.num == 40


def charts(run_dir):
    (tensor,) = events(run_dir).Tensors("custom_scalars__config__")
    layout = Layout.FromString(tensor.tensor_proto.string_val[0])
    return [chart for category in layout.category for chart in category.chart]


def test_each_answer_has_a_chart(stuck, tmp_path):
    def titles(run_dir):
        return [chart.title for chart in charts(run_dir)][::-1]  # TensorBoard turns them round

    norm = "log10 of the gradient of W1, shaded up to its peak"
    answers = [f"answer to {row}, should be {y}" for row, y in ROWS]
    assert titles(stuck) == ["loss", norm, *answers]
    fit(XORModule(bits=4), 2, tmp_path)
    assert titles(tmp_path / "version_0") == ["loss", norm, "answers to all rows"]


def test_what_a_chart_needs_is_written_in_one_record(stuck):
    # TensorBoard refuses to draw a chart whose three tags do not have the same steps, and it reads
    # the file while it is written
    series = [chart.margin.series[0] for chart in charts(stuck)]
    needed = [{s.value, s.lower, s.upper} for s in series]
    (file,) = stuck.glob("*/events*")
    records = [{v.tag for v in event.summary.value} for event in EventFileLoader(str(file)).Load()]
    for tags in needed:
        assert sum(tags <= record for record in records) == 101
        assert not any(tags & record for record in records if not tags <= record)


def test_the_peak_of_a_resumed_run_is_that_of_the_whole_run(tmp_path):
    fit(XORModule(seed=3), 1700, tmp_path / "a", views="scalars")
    checkpoint = tmp_path / "a/version_0/checkpoints/last.ckpt"
    fit(lit.load(checkpoint), 2500, tmp_path / "a", resume=checkpoint, views="scalars")
    fit(XORModule(seed=3), 2500, tmp_path / "b", views="scalars")
    resumed, whole = (scalars(tmp_path / run, views.PEAK) for run in ("a/version_0", "b/version_0"))
    assert whole.items() <= resumed.items()  # which has a point at its first end, too
    assert whole[2499] > scalars(tmp_path / "b/version_0", views.GRADIENT)[2499]


def test_a_resumed_run_of_an_earlier_version_has_no_peak(tmp_path):
    fit(XORModule(), 150, tmp_path, views="scalars")
    path = tmp_path / "version_0/checkpoints/last.ckpt"
    earlier = torch.load(path, weights_only=True)
    del earlier["callbacks"]["Scalars"]
    torch.save(earlier, path)
    fit(lit.load(path), 400, tmp_path, resume=path, views="scalars")
    assert scalars(tmp_path / "version_0", views.GRADIENT).keys() == {0, 100, 149, 200, 300, 399}
    assert scalars(tmp_path / "version_0", views.PEAK).keys() == {0, 100, 149}


def text(run_dir):
    tensors = events(run_dir).Tensors("summary/text_summary")
    return tensors[-1].tensor_proto.string_val[0].decode()


def test_the_summary_of_a_run_that_is_stuck(stuck):
    words = text(stuck)
    assert "**Not solved: stuck on the plateau at loss 1/8.**" in words
    assert "does not tell the rows 01, 11 apart: it answers about 1/2" in words
    assert "| 01 | 1 | 0.498 (wrong) |" in words
    assert "| seed | 42 |" in words
    first, second = words.split("\n\n")[:2]  # what is seen without scrolling
    assert "stuck" in first
    assert second.endswith(
        f"nor cut off, write its page and open it: `xor-torch play {quoted(stuck)}`"
    )
    assert "pictures" not in words


def test_a_run_that_the_page_cannot_show_does_not_send_to_it(tmp_path):
    assert views.PLAYABLE == play.MOST_HIDDEN
    fit(XORModule(hidden=9), 2, tmp_path)
    assert "xor-torch play" not in text(tmp_path / "version_0")


def test_the_summary_of_a_run_that_learns(tmp_path):
    fit(XORModule(seed=3), 2000, tmp_path)
    assert "**Solved.**" in text(tmp_path / "version_0")
    solved = scalars(tmp_path / "version_0", "solved/0_or_1")
    first = min(epoch for epoch, value in solved.items() if value)
    assert scalars(tmp_path / "version_0", "solved/first_epoch") == {1999: first}
    assert f"first seen at epoch {first}" in text(tmp_path / "version_0")


def test_when_it_was_solved_is_remembered_by_a_resumed_run(tmp_path):
    fit(XORModule(seed=3), 1700, tmp_path)
    checkpoint = tmp_path / "version_0/checkpoints/last.ckpt"
    before = scalars(tmp_path / "version_0", "solved/first_epoch")[1699]
    assert before > 0
    fit(lit.load(checkpoint), 2000, tmp_path, resume=checkpoint)
    assert scalars(tmp_path / "version_0", "solved/first_epoch")[1999] == before


def test_three_inputs_have_no_pictures_and_the_text_says_so(tmp_path):
    fit(XORModule(bits=3, hidden=4), 3, tmp_path)
    read = events(tmp_path / "version_0")
    assert not read.Tags()["images"]
    assert "no pictures: the input square is for two inputs" in text(tmp_path / "version_0")
    assert "prediction/011" in read.Tags()["scalars"]


def test_a_large_table_is_cut_short_and_the_text_says_so(tmp_path):
    fit(XORModule(bits=7, hidden=2), 2, tmp_path)
    tags = events(tmp_path / "version_0").Tags()["scalars"]
    assert sum(tag.startswith("prediction/") for tag in tags) == views.MOST_ROWS
    assert "Only the first 64 of 128 rows" in text(tmp_path / "version_0")


def test_hparams_have_no_placeholder(stuck):
    scalar_tags = events(stuck).Tags()["scalars"]
    assert "hp_metric" not in scalar_tags
    assert "epoch" not in scalar_tags
    plugin = events(stuck).summary_metadata["_hparams_/experiment"].plugin_data
    for name in (b"loss/mse", b"solved/0_or_1", b"solved/first_epoch", b"seed", b"network"):
        assert name in plugin.content
    start = events(stuck).summary_metadata["_hparams_/session_start_info"].plugin_data.content
    for value in (b"42", b"2-2-1", b"10000", b"stuck at 1/8"):
        assert value in start


def test_check_logs_what_little_differs(stuck):
    for name in ("W1", "b1", "W2", "b2"):
        found = scalars(stuck, f"parity/{name}")
        assert len(found) == 101
        assert max(found.values()) < 1e-9


def test_check_stops_at_a_gradient_that_is_wrong(tmp_path, monkeypatch):
    gradients = XORModule.gradients

    def wrong_after_200(self):
        right = gradients(self)
        return right._replace(b1=right.b1 * 1.001) if self.trainer.global_step >= 200 else right

    monkeypatch.setattr(XORModule, "gradients", wrong_after_200)
    with pytest.raises(
        parity.DifferenceError, match=r"epoch 200: .*\nb1\[0, \d\]: actual .* ratio 1.001"
    ):
        fit(XORModule(), 1000, tmp_path, check=True, views="none")
    assert sorted(scalars(tmp_path / "version_0", "parity/b1")) == [0, 100, 200]


def test_no_views_leave_no_tags(tmp_path):
    fit(XORModule(), 3, tmp_path, views="none")
    assert not any(events(tmp_path / "version_0").Tags()[kind] for kind in ("scalars", "images"))


def test_an_unknown_choice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="views must be one of none, scalars, all, got some"):
        fit(XORModule(), 3, tmp_path, views="some")
    assert not list(tmp_path.iterdir())


class Stop(L.Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        raise KeyError("as if it were killed")


def test_an_interrupted_run_can_be_read(tmp_path):
    with pytest.raises(KeyError):
        fit(XORModule(), 1000, tmp_path, callbacks=[Stop()], views="scalars")
    assert scalars(tmp_path / "version_0", "loss/mse").keys() == {0}


def test_a_resumed_runs_curves_have_each_epoch_once(tmp_path):
    # what was logged after the checkpoint that is resumed from comes once more
    fit(XORModule(), 120, tmp_path, views="scalars")
    checkpoint = tmp_path / "version_0/checkpoints/last.ckpt"
    earlier = checkpoint.read_bytes()
    fit(lit.load(checkpoint), 300, tmp_path, resume=checkpoint, views="scalars")
    checkpoint.write_bytes(earlier)
    fit(lit.load(checkpoint), 400, tmp_path, resume=checkpoint, views="scalars")
    steps = [event.step for event in events(tmp_path / "version_0").Scalars("loss/mse")]
    assert steps == [0, 100, 119, 200, 300, 399]
