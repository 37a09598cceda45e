"""Train the blocks of a sweep: what its workers, and each process of torchrun, do."""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..batch import Trained, train
from ..outcome import classify
from ..threads import one_thread
from .blocks import Blocks, Claim
from .plan import BLOCK, NOT_COMPILED, Plan
from .progress import Progress, Watch
from .seeds import initial_weights


def work(blocks: Blocks, progress: Callable[[Progress], None] | None = None) -> None:
    """Take unfinished blocks until all are finished, by this process or others.

    Args:
        blocks: in a directory that has their plan.
        progress: called twice a second.

    Raises:
        WriteError: a block cannot be written, as on a full disk.

    """
    plan = blocks.plan
    watch = Watch(blocks)
    if plan.device == "cuda":
        take_gpu()

    def run(seeds: np.ndarray, epochs: int, compiled: bool, **more: Any) -> Trained:
        start = initial_weights(seeds, plan.hidden, plan.bits)
        return train(
            start, epochs, plan.lr, plan.loss, compiled=compiled, device=plan.device, **more
        )

    with one_thread():
        compiled = plan.compiled
        if compiled:
            begin = time.monotonic()
            note = ""
            try:
                run(np.arange(2), 2, compiled=True)
            except Exception as error:
                # Python's headers are missing, the disk is full, this torch cannot do it yet:
                # each compiler has its own errors
                compiled = False
                note = f"{NOT_COMPILED[plan.device]}: {str(error).strip().splitlines()[0]}"
            report = {"compile_seconds": time.monotonic() - begin, "note": note}
            (blocks.directory / f"worker.{os.getpid()}.json").write_text(json.dumps(report))

        for claim in blocks.claims():
            seeds = plan.block(claim.number)

            def tick(epochs: int, claim: Claim = claim, size: int = seeds.size) -> None:
                claim.beat(epochs * size)
                if progress:
                    progress(watch())

            curve = [epoch - 1 for epoch in plan.curve]
            trained = run(seeds, plan.epochs, compiled, curve=curve, tick=tick)
            claim.finish(**_rows(plan, claim.number, trained))
            if progress:
                progress(watch())


def take_gpu() -> None:
    """Take one of the machine's GPUs: processes of the same machine take them in turn.

    Raises:
        RuntimeError: torch finds none.

    """
    number = int(os.environ.get("LOCAL_RANK", "0"))  # set by torchrun, and by `employ`
    torch.cuda.set_device(number % max(1, torch.cuda.device_count()))


def _rows(plan: Plan, number: int, trained: Trained) -> dict[str, np.ndarray]:
    """What is kept of a trained block."""
    finite = np.all([np.isfinite(p).all(axis=(1, 2)) for p in trained.parameters], axis=0)
    outcomes = classify(
        trained.prediction, trained.loss, trained.gradient_norm,
        plan.epochs, plan.lr, plan.loss, finite,
    )  # fmt: skip
    return {
        "seed": plan.block(number),
        **trained.parameters._asdict(),
        "loss": trained.loss,
        "prediction": trained.prediction,
        "solved": outcomes.outcome == "solved",
        "gradient_norm": trained.gradient_norm,
        **outcomes._asdict(),
        # one block's curves are enough to show the classes; a million seeds' would fill disks
        "curve_loss": trained.curve_loss[:, : BLOCK if number == 0 else 0],
        "curve_solved": trained.curve_solved.sum(axis=1),
    }
