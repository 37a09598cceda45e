"""Trains under a user's own Trainer with several processes; the first one saves every epoch.

As a script, for strategies that start it anew: ``follow.py STRATEGY DEVICES BITS EPOCHS FILE``.
"""

import importlib
import logging
import sys
import warnings

import lightning.pytorch as L
import torch

from xor_torch import XORDataModule, XORModule


class Trajectory(L.Callback):
    """Keeps the weights after every epoch in a file."""

    def __init__(self, path):
        self.path, self.epochs = path, []

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.epochs.append({k: v.clone() for k, v in pl_module.state_dict().items()})

    def on_train_end(self, trainer, pl_module):
        if trainer.is_global_zero:
            torch.save({"epochs": self.epochs, "processes": trainer.world_size}, self.path)


def follow(strategy, devices, bits, epochs, path, data=None):
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    if strategy == "ddp_fork":  # each process needs it, and would take a second to import it
        importlib.import_module("torch._dynamo.eval_frame")
    trainer = L.Trainer(
        accelerator="cpu", strategy=strategy, devices=devices, max_epochs=epochs, logger=False,
        callbacks=[Trajectory(path)], enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(XORModule(seed=3, bits=bits, hidden=bits), data or XORDataModule())


if __name__ == "__main__":
    strategy, devices, bits, epochs, path = sys.argv[1:]
    follow(strategy, int(devices), int(bits), int(epochs), path)
