"""A run that can no longer learn ends at that epoch, says so, and keeps the last finite state."""

import lightning.pytorch as L
import numpy as np
import pytest
import torch

from xor_torch import XORModule, data, fit, lit
from xor_torch.lit import module as room
from xor_torch.lit import runs
from xor_torch.lit.checkpoint import read

from . import warm


def test_a_learning_rate_of_a_million(tmp_path):
    command = warm.run("train", "--lr", "1e6", cwd=tmp_path / "here", code=1)
    assert command.stdout == "Epoch 0, Loss: 0.2558\n"
    assert command.last_words == (
        "xor-torch train: diverged at epoch 1: every prediction is exactly 0 or 1, 2 of 4 are "
        "wrong, and the gradient is exactly 0; the checkpoint of epoch 0 is kept: "
        "lightning_logs/version_0/checkpoints/last.ckpt"
    )
    kept = lit.load(warm.the_run(tmp_path / "here") / runs.CHECKPOINT).to_numpy()
    for a, e in zip(kept, data.initial_weights(), strict=True):
        np.testing.assert_array_equal(a, e)


class Spoil(L.Callback):
    """Make a weight nan before a chosen epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_batch_start(self, trainer, pl_module, *_):
        if trainer.global_step == self.epoch:
            with torch.no_grad():
                pl_module.output.weight[0, 0] = torch.nan


def test_nan_on_the_way(tmp_path):
    with pytest.raises(lit.DivergedError, match="diverged at epoch 1200: the loss is nan"):
        fit(XORModule(), 3000, tmp_path, callbacks=[Spoil(1200)], views="none")
    kept = tmp_path / "version_0" / runs.CHECKPOINT
    assert read(kept)["global_step"] == 1000
    assert all(np.isfinite(p).all() for p in lit.load(kept).to_numpy())
    # and from there it goes on
    module, whole = lit.load(kept), XORModule()
    fit(module, 1500, tmp_path, resume=kept, views="none")
    fit(whole, 1500, tmp_path / "whole", views="none")
    for a, e in zip(module.to_numpy(), whole.to_numpy(), strict=True):
        np.testing.assert_array_equal(a, e)


@pytest.mark.parametrize("epoch", [0, 37, 99, 100])
def test_the_epoch_is_the_right_one(tmp_path, monkeypatch, epoch):
    # also between those that Lightning sees
    squared_error = room.squared_error
    count = iter(range(10**6))

    def spoiled(prediction, y):
        loss = squared_error(prediction, y)
        return loss * torch.nan if next(count) == epoch else loss

    monkeypatch.setattr(room, "squared_error", spoiled)
    with pytest.raises(lit.DivergedError, match=f"diverged at epoch {epoch}: the loss is nan"):
        fit(XORModule(), 300, tmp_path, views="none")


def test_weights_that_overflow_in_the_last_update(tmp_path):
    class Overflow(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            if trainer.global_step == 1500:
                with torch.no_grad():
                    pl_module.hidden.bias[0] = torch.inf

    with pytest.raises(
        lit.DivergedError, match=r"diverged before epoch 1500: hidden\.bias is not finite"
    ):
        fit(XORModule(), 1500, tmp_path, callbacks=[Overflow()], views="none")
    assert read(tmp_path / "version_0" / runs.CHECKPOINT)["global_step"] == 1000


def test_nan_in_a_state_that_is_resumed(tmp_path):
    fit(XORModule(), 200, tmp_path, views="none")
    kept = tmp_path / "version_0" / runs.CHECKPOINT
    module = lit.load(kept)
    with pytest.raises(lit.DivergedError, match="diverged at epoch 200: the loss is nan"):
        fit(module, 300, tmp_path, resume=kept, callbacks=[Spoil(200)], views="none")
    assert read(kept)["global_step"] == 200


@pytest.mark.parametrize(("seed", "lr"), [(3, 0.5), (42, 10.0), (0, 100.0)])
def test_what_has_not_diverged_goes_on(tmp_path, seed, lr):
    # (0, 100.0): nearly saturated, the largest gradient is 1e-21, which is not 0
    assert fit(XORModule(seed=seed, lr=lr), 1200, tmp_path, views="none").global_step == 1200
