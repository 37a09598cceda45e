"""The Lightning run is the notebook's, bit for bit a raw torch loop's, and resumes as one."""

import errno
from pathlib import Path

import lightning.pytorch as L
import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import ModelCheckpoint

from xor_torch import XOR, XORDataModule, XORModule, data, files, fit, lit, manual, squared_error
from xor_torch.lit import saving


def raw_torch(epochs, seed=42, hidden=2, bits=2, lr=0.1):
    """The usual training loop in plain torch."""
    X, y = map(torch.from_numpy, data.truth_table(bits))
    net = XOR(seed, hidden, bits)
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    for _ in range(epochs):
        prediction = net(X)
        optimizer.zero_grad()
        squared_error(prediction, y).backward()
        optimizer.step()
    return net, prediction.detach()


def assert_same_weights(actual: XOR, expected: XOR):
    for name, value in expected.state_dict().items():
        assert torch.equal(actual.state_dict()[name], value), name


def test_the_free_runs_stay_together(notebook_run):
    _, module, weights = notebook_run
    X, y = data.truth_table()
    for epoch in manual.train(X, y, data.initial_weights()):
        if epoch.number % 1000 == 0:
            for a, e in zip(weights[epoch.number], epoch.parameters, strict=True):
                assert np.abs(a - e).max() <= 1e-13
    end = manual.descend(epoch.parameters, epoch.backward.gradients, 0.1)
    for a, e in zip(module.to_numpy(), end, strict=True):
        assert np.abs(a - e).max() <= 1e-13
    np.testing.assert_allclose(module.prediction.numpy(), epoch.forward.a2, rtol=0, atol=1e-13)
    assert sorted(weights) == list(range(0, 10_000, 1000))


def test_the_run_is_a_raw_torch_loop_bit_for_bit(notebook_run):
    _, module, _ = notebook_run
    net, prediction = raw_torch(10_000)
    assert_same_weights(module, net)
    assert torch.equal(module.prediction, prediction)
    for now, start in zip(module.to_numpy(), data.initial_weights(), strict=True):
        assert (now != start).all()


def test_the_run_directory(notebook_run):
    run_dir = Path(notebook_run[0].log_dir)
    assert run_dir.name == "version_0"
    names = sorted(str(p.relative_to(run_dir)) for p in run_dir.rglob("*"))
    assert names[:3] == ["checkpoints", "checkpoints/last.ckpt", "config.yaml"]
    name = "seed42-lr0.1-width2-stuck-at-0.125"
    assert names[3] == name
    assert names[4].startswith(f"{name}/events.out.tfevents.")
    assert len(names) == 5
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    assert config.pop("log_dir") == str(run_dir.parent)
    assert config == {
        "seed": 42, "hidden": 2, "bits": 2, "lr": 0.1, "epochs": 10_000, "views": "all",
        "check": True, "trainer": {},
    }  # fmt: skip


def test_the_checkpoint_is_the_contracts(notebook_run):
    trainer, module, _ = notebook_run
    path = trainer.log_dir + "/checkpoints/last.ckpt"
    state = torch.load(path, weights_only=True)
    assert list(state["state_dict"]) == [
        "hidden.weight", "hidden.bias", "output.weight", "output.bias",
    ]  # fmt: skip
    assert {t.dtype for t in state["state_dict"].values()} == {torch.float64}
    assert state["global_step"] == 10_000
    assert_same_weights(XORModule.load_from_checkpoint(path), module)
    assert_same_weights(lit.load(path), module)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    module = XORModule(seed=3, hidden=3, lr=0.5)
    fit(module, 1200, tmp_path_factory.mktemp("whole"))
    return module


@pytest.mark.parametrize(
    ("first", "views"), [(1, "none"), (250, "all"), (300, "none"), (1000, "scalars")]
)
def test_resumed_is_uninterrupted_bit_for_bit(whole, tmp_path, first, views):
    """With any pictures drawn meanwhile; the uninterrupted run draws all of them."""
    fit(XORModule(seed=3, hidden=3, lr=0.5), first, tmp_path / "parts", views=views)
    checkpoint = tmp_path / "parts/version_0/checkpoints/last.ckpt"
    part = lit.load(checkpoint)
    trainer = fit(part, 1200, tmp_path / "parts", resume=checkpoint, views=views)
    assert trainer.global_step == 1200
    assert trainer.log_dir == str(tmp_path / "parts/version_0")
    assert_same_weights(part, whole)
    assert torch.equal(part.prediction, whole.prediction)


class StopAt(L.Callback):
    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step >= self.step:
            trainer.should_stop = True


def test_resumed_from_a_checkpoint_on_the_way(tmp_path):
    fit(XORModule(), 3000, tmp_path, callbacks=[StopAt(1500)], views="none")
    checkpoint = tmp_path / "version_0/checkpoints/last.ckpt"
    assert torch.load(checkpoint, weights_only=True)["global_step"] == 1500
    module = lit.load(checkpoint)
    fit(module, 3000, tmp_path, resume=checkpoint, views="none")
    assert_same_weights(module, raw_torch(3000)[0])


class Steps(L.Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen.append(trainer.global_step)


@pytest.mark.parametrize("epochs", [1, 2, 99, 100, 101, 102, 250])
def test_global_step_counts_the_notebooks_epochs(tmp_path, epochs):
    # Lightning's counter is not documented: this holds it to what max_steps, a checkpoint's
    # global_step and every_n_train_steps go by
    module, steps = XORModule(), Steps()
    saved = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=100, save_top_k=-1)
    trainer = fit(module, epochs, tmp_path, callbacks=[steps, saved], views="none")
    assert trainer.global_step == epochs
    assert steps.seen == sorted({*range(100, epochs, 100), max(epochs - 1, 1), epochs})
    names = sorted(p.name for p in tmp_path.glob("step*.ckpt"))
    assert names == sorted(f"step={n}.ckpt" for n in range(100, epochs + 1, 100))
    assert_same_weights(module, raw_torch(epochs)[0])


def test_max_steps_of_the_trainer_is_obeyed(tmp_path):
    module = XORModule()
    assert fit(module, 1000, tmp_path, max_steps=130, views="none").global_step == 130
    assert_same_weights(module, raw_torch(130)[0])


class WithMomentum(XORModule):
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"], momentum=0.9)


def test_another_optimizer_is_not_replaced_by_plain_descent(tmp_path):
    module = WithMomentum()
    fit(module, 150, tmp_path, views="none")
    assert not module.fast
    net = XOR()
    X, y = map(torch.from_numpy, data.truth_table())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(150):
        optimizer.zero_grad()
        squared_error(net(X), y).backward()
        optimizer.step()
    assert_same_weights(module, net)


def test_clipping_goes_through_lightnings_hooks(tmp_path):
    clipped = XORModule()
    fit(clipped, 150, tmp_path, gradient_clip_val=1e-3, views="none")
    assert not clipped.fast
    moved = np.abs(clipped.to_numpy().W1 - data.initial_weights().W1).max()
    assert 0 < moved <= 150 * 0.1 * 1e-3


# Lightning's own, from its internals; gone when it follows torch 2.13
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*smaller than the logging interval")
def test_any_trainer_takes_the_module(tmp_path):
    module = XORModule(seed=7)
    trainer = L.Trainer(
        max_epochs=60, default_root_dir=tmp_path, accelerator="cpu", enable_progress_bar=False
    )
    trainer.fit(module, XORDataModule())
    assert trainer.global_step == 60
    assert_same_weights(module, raw_torch(60, seed=7)[0])
    mse = ((raw_torch(60, seed=7)[1] - torch.tensor([[0], [1], [1], [0]])) ** 2).mean()
    assert trainer.logged_metrics["loss/mse"].item() == pytest.approx(mse.item(), rel=1e-12)
    loaded = XORModule.load_from_checkpoint(trainer.checkpoint_callback.best_model_path)
    assert dict(loaded.hparams) == {"seed": 7, "hidden": 2, "bits": 2, "lr": 0.1}
    assert_same_weights(loaded, module)


def test_a_checkpoint_from_before_the_first_step(tmp_path):
    trainer = L.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.strategy.connect(XORModule(seed=5))
    trainer.save_checkpoint(tmp_path / "start.ckpt", weights_only=False)
    assert_same_weights(lit.load(tmp_path / "start.ckpt"), XOR(seed=5))


@pytest.mark.parametrize("lr", [0.0, -0.1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(lr):
    with pytest.raises(ValueError, match=f"lr must be positive and finite, got {lr}"):
        XORModule(lr=lr)


def test_a_refused_option_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match=r"refuses \{'devices': 'two'\}: "):
        fit(XORModule(), 10, tmp_path, devices="two")
    assert not list(tmp_path.iterdir())


def test_no_checkpoint_where_none_is_wanted(tmp_path):
    fit(XORModule(), 10, tmp_path, enable_checkpointing=False, views="none")
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_checkpoint_is_whole_or_not_there(tmp_path, monkeypatch):
    fit(XORModule(), 2, tmp_path, views="none")
    checkpoint = tmp_path / "version_0/checkpoints/last.ckpt"
    before = checkpoint.read_bytes()

    def half(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")  # it does not name the file

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(files.WriteError, match=r"cannot write .*last\.ckpt: No space left"):
        saving.BesideCheckpointIO().save_checkpoint({"a": torch.zeros(5)}, checkpoint)
    assert checkpoint.read_bytes() == before
    assert list(checkpoint.parent.iterdir()) == [checkpoint]
