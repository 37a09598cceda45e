"""Which epochs are watched, drawn and saved: arithmetic."""

import pytest

from xor_torch.lit import schedule


def watched_epochs(epochs):
    epoch, count = 0, 0
    while epoch < epochs:
        count += 1
        epoch = schedule.next_watched(epoch, epochs)
    return count


@pytest.mark.parametrize(
    ("epochs", "count"), [(10_000, 101), (100_000, 1001), (10**6, 2626), (10**12, 12_598)]
)
def test_how_many_epochs_are_shown(epochs, count):
    assert watched_epochs(epochs) == count


def test_watched_epochs_are_those_that_are_stopped_at():
    epoch = 0
    for _ in range(5000):
        assert schedule.is_watched(epoch, -1)
        epoch = schedule.next_watched(epoch, -1)


@pytest.mark.parametrize("max_steps", [1, 2, 100, 150, 10_000, 10**6])
def test_pictures_are_few_and_of_watched_epochs(max_steps):
    epochs = schedule.picture_epochs(max_steps)
    assert {0, max_steps - 1} <= epochs
    assert len(epochs) <= schedule.PICTURES
    assert all(epoch % schedule.WATCH_EVERY == 0 for epoch in epochs - {max_steps - 1})


@pytest.mark.parametrize(
    ("max_steps", "seen"),
    [(1, [0]), (2, [0, 1]), (100, [0, 99]), (101, [0, 100]), (250, [0, 100, 200, 249])],
)
def test_watched_epochs(max_steps, seen):
    epoch, walked = 0, []
    while epoch < max_steps:
        walked.append(epoch)
        epoch = schedule.next_watched(epoch, max_steps)
    assert walked == seen
    assert epoch == max_steps


def test_watched_epochs_without_an_end():
    assert schedule.next_watched(0, -1) == 100
    assert schedule.next_watched(150, -1) == 200


@pytest.mark.parametrize(("epoch", "stop"), [(0, 100), (900, 1000), (950, 1000), (1000, 1100)])
def test_the_fast_path_stops_at_watched_epochs_and_checkpoints(epoch, stop):
    assert schedule.next_stop(epoch, 10_000) == stop


def test_the_fast_path_stops_at_a_checkpoint_between_watched_epochs():
    far = schedule.DENSE * 64
    assert schedule.watch_every(far) > schedule.CHECKPOINT_EVERY
    assert schedule.next_stop(far, 10**9) == far + schedule.CHECKPOINT_EVERY
    assert schedule.is_saved(far + schedule.CHECKPOINT_EVERY)
