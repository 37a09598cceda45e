"""Which epochs of a run are watched, drawn and saved. Epochs count from 0."""

import numpy as np

CHECKPOINT_EVERY = 1000
REPORT_EVERY = 1000
WATCH_EVERY = 100
DENSE = 100_000  # from this epoch on, the distance between watched epochs grows
PICTURES = 10  # TensorBoard keeps this many of a tag


def watch_every(epoch: int) -> int:
    """The distance between watched epochs at `epoch`: 100, after 100,000 at most a 250th of it.

    Every doubling of the epochs adds 500 watched ones, so an event file stays small: 2,626 for a
    million epochs, 12,598 for 10**12, the most that there can be.
    """
    return WATCH_EVERY << (epoch // DENSE).bit_length()


def is_watched(epoch: int, epochs: int) -> bool:
    """Whether the curves have a point at `epoch`: every `watch_every`, and at the last one.

    Args:
        epoch: the epoch in question.
        epochs: how many the run has, -1 if it has no end.

    """
    return epoch % watch_every(epoch) == 0 or epoch == epochs - 1


def next_watched(epoch: int, epochs: int) -> int:
    """The first watched epoch after `epoch`, or `epochs` if none is left (-1: no end)."""
    every = watch_every(epoch)
    following = (epoch // every + 1) * every
    if epochs == -1:
        return following
    last = epochs - 1
    return min(following, last if epoch < last else epochs)


def is_saved(done: int) -> bool:
    """Whether a checkpoint is saved after `done` epochs."""
    return done % CHECKPOINT_EVERY == 0


def next_stop(epoch: int, epochs: int) -> int:
    """The first epoch after `epoch` that is watched, or before which a checkpoint is saved."""
    checkpoint = (epoch // CHECKPOINT_EVERY + 1) * CHECKPOINT_EVERY
    return min(next_watched(epoch, epochs), checkpoint)


def picture_epochs(epochs: int) -> set[int]:
    """The first epoch, the last, and up to eight between: most of the story is early.

    The distances between the eight grow by a constant ratio, rounded to watched epochs.
    """
    last = epochs - 1 if epochs > 0 else 10**9
    chosen = {0, last}
    for epoch in np.geomspace(WATCH_EVERY, max(last, WATCH_EVERY), PICTURES - 1):
        every = watch_every(int(epoch))
        nearest = round(epoch / every) * every
        if nearest < last - every / 2:
            chosen.add(nearest)
    return chosen
