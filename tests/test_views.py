"""What a run wrote, read back from its event file."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from xor_torch import XORModule, data, fit, lit, manual, views


def events(run_dir):
    accumulator = EventAccumulator(str(run_dir), size_guidance={"scalars": 0})
    return accumulator.Reload()


def test_scalars_are_the_notebooks_by_epoch(tmp_path):
    fit(XORModule(seed=3), 250, tmp_path)
    read = events(tmp_path / "version_0")
    expected = {}
    for epoch in manual.train(*data.truth_table(), data.initial_weights(3), epochs=250):
        if epoch.number in (0, 100, 200, 249):
            values = {"loss/mse": epoch.mse}
            for row, p in zip(("00", "01", "10", "11"), epoch.forward.a2[:, 0], strict=True):
                values[f"prediction/{row}"] = p
            for name, gradient in epoch.backward.gradients._asdict().items():
                values[f"gradient_norm/{name}"] = np.linalg.norm(gradient)
            expected[epoch.number] = values
    assert sorted(read.Tags()["scalars"]) == sorted(expected[0])
    for tag in expected[0]:
        found = {event.step: event.value for event in read.Scalars(tag)}
        assert found == {  # TensorBoard keeps float32
            number: pytest.approx(values[tag], rel=1e-6) for number, values in expected.items()
        }


def test_a_resumed_runs_curves_have_each_epoch_once(tmp_path):
    # what was logged after the checkpoint that is resumed from comes once more
    fit(XORModule(), 120, tmp_path)
    checkpoint = tmp_path / "version_0/checkpoints/last.ckpt"
    earlier = checkpoint.read_bytes()
    fit(lit.load(checkpoint), 300, tmp_path, resume=checkpoint)
    checkpoint.write_bytes(earlier)
    fit(lit.load(checkpoint), 400, tmp_path, resume=checkpoint)
    steps = [event.step for event in events(tmp_path / "version_0").Scalars("loss/mse")]
    assert steps == [0, 100, 119, 200, 300, 399]


@pytest.mark.parametrize(
    ("max_steps", "seen"),
    [(1, [0]), (2, [0, 1]), (100, [0, 99]), (101, [0, 100]), (250, [0, 100, 200, 249])],
)
def test_watched_epochs(max_steps, seen):
    epoch, walked = 0, []
    while epoch < max_steps:
        walked.append(epoch)
        epoch = views.next_watched(epoch, max_steps)
    assert walked == seen
    assert epoch == max_steps


def test_watched_epochs_without_an_end():
    assert views.next_watched(0, -1) == 100
    assert views.next_watched(150, -1) == 200
