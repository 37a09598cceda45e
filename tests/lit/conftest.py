"""The notebook's run through Lightning, trained once for all tests of this wing."""

import lightning.pytorch as L
import pytest

from xor_torch import XORModule, fit


class Collect(L.Callback):
    """The weights before the update of every 1000th epoch."""

    def __init__(self):
        self.weights = {}

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if trainer.global_step % 1000 == 0:
            self.weights[trainer.global_step] = pl_module.to_numpy()


@pytest.fixture(scope="session")
def notebook_run(tmp_path_factory):
    """The trainer, the module, and the weights of every 1000th epoch. Not to be changed."""
    module, collect = XORModule(), Collect()
    logs = tmp_path_factory.mktemp("notebook")
    trainer = fit(module, 10_000, logs, check=True, callbacks=[collect])
    return trainer, module, collect.weights
