"""A run directory, read for the page: its checkpoint and the losses in its event file."""

from pathlib import Path

from ..lit import runs
from .page import Run

LOSS = "loss/mse"  # the tag under which a run logs what the page draws


def read_run(path: str | Path) -> Run:
    """The run at `path`, a run directory or a checkpoint.

    Raises:
        FileNotFoundError: there is no checkpoint.
        OSError: it cannot be read.
        ValueError: it is not a checkpoint of ours.

    """
    from ..lit import checkpoint  # with torch

    found = runs.find_checkpoint(path)
    state = checkpoint.read(found)
    settings = state["hyper_parameters"]
    run_dir = runs.run_of(found)
    return Run(
        name=(run_dir or found).resolve().name,
        seed=settings["seed"],
        hidden=settings["hidden"],
        lr=float(settings["lr"]),
        epochs=state["global_step"],
        weights=checkpoint.network(state).to_numpy(),
        curve=[] if run_dir is None else logged_losses(run_dir),
    )


def logged_losses(run_dir: Path) -> list[tuple[int, float]]:
    """Epoch and loss of each scalar that the run has logged; none if it logged nothing."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_dir), size_guidance={"scalars": 0}).Reload()
    if LOSS not in events.Tags()["scalars"]:
        return []
    return [(scalar.step, scalar.value) for scalar in events.Scalars(LOSS)]
