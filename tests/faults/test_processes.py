"""Several processes: each with its own run directory, or all in one training run."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import lightning.pytorch as L
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from xor_torch import data
from xor_torch.lit import runs

from ..common import script
from . import follow, warm

slow = pytest.mark.slow


def wait_for_the_gun():
    while not Path("go").exists():
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("rounds", "flags"),
    [
        (1, ["--epochs", 3, "--views", "none"]),
        pytest.param(5, ["--epochs", 1000, "--views", "scalars"], marks=slow),
    ],
)
def test_twenty_at_once_have_a_directory_each(tmp_path, rounds, flags):
    here = tmp_path / "here"
    for number in range(rounds):
        (here / "go").unlink(missing_ok=True)
        commands = [
            warm.Command("train", "--seed", k, *flags, cwd=here, setup=wait_for_the_gun)
            for k in range(20)
        ]
        (here / "go").touch()
        assert [command.wait() for command in commands] == [0] * 20
        names = {f"Run directory: lightning_logs/version_{k}" for k in range(20 * (number + 1))}
        said = {c.stderr.splitlines()[-2] for c in commands}
        assert len(said) == 20
        assert said <= names
        assert {f"version_{k}" for k in range(20 * (number + 1))} == {
            path.name for path in (here / "lightning_logs").iterdir()
        }
        for command in commands:
            run_dir = here / command.stderr.splitlines()[-2].removeprefix("Run directory: ")
            saved = torch.load(run_dir / "checkpoints/last.ckpt", weights_only=True)
            assert saved["hyper_parameters"]["seed"] == commands.index(command)
            assert saved["global_step"] == flags[1]
            assert len(list(run_dir.glob("*/events.*"))) == 1
            assert "Final" in command.stdout


def test_a_run_that_is_under_way_is_left_alone(tmp_path):
    here = tmp_path / "here"
    flags = ["train", "--epochs", 10**9, "--views", "none"]
    with warm.ended(warm.Command(*flags, cwd=here)) as first:
        first.until(lambda: "Epoch 1000," in first.stdout)
        for resume in [], ["lightning_logs/version_0"]:
            second = warm.run("train", "--resume", *resume, cwd=here, code=2)
            assert second.stdout == ""
            assert second.stderr == (
                "xor-torch train: error: lightning_logs/version_0: "
                "another process trains there; stop it, or wait for its end\n"
            )
        first.kill(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
    # and the run can go on from there, whatever has ended it
    checkpoint = warm.the_run(here) / runs.CHECKPOINT
    done = torch.load(checkpoint, weights_only=True)["global_step"]
    warm.run("train", "--resume", "--epochs", done + 10, "--views", "none", cwd=here)


def follow_forked(*arguments):
    process = warm.forked(follow.follow, *arguments)
    process.join(warm.PATIENCE)
    assert process.exitcode == 0


def farthest(path, alone, processes):
    """The largest difference of any weight at any epoch, relative to its array's largest."""
    found, expected = (torch.load(p, weights_only=True) for p in (path, alone))
    assert (found["processes"], expected["processes"]) == (processes, 1)
    return max(
        float((epoch[name] - value).abs().max() / value.abs().max())
        for epoch, wanted in zip(found["epochs"], expected["epochs"], strict=True)
        for name, value in wanted.items()
    )


@pytest.mark.parametrize(
    ("processes", "bits", "epochs"),
    [
        (2, 2, 60),
        (3, 12, 6),
        pytest.param(3, 2, 60, marks=slow),
        pytest.param(2, 12, 6, marks=slow),
    ],
)
def test_a_users_own_trainer_with_processes(tmp_path, processes, bits, epochs):
    follow_forked("auto", 1, bits, epochs, tmp_path / "alone")
    follow_forked("ddp_fork", processes, bits, epochs, tmp_path / "many")
    assert farthest(tmp_path / "many", tmp_path / "alone", processes) < 1e-12


class SharedOut(L.LightningDataModule):
    """A mutant that the check above must catch: each process gets a part of the rows."""

    def train_dataloader(self):
        X, y = map(torch.from_numpy, data.truth_table())
        return DataLoader(TensorDataset(X, y), batch_size=4)


def test_rows_that_are_shared_out_would_be_noticed(tmp_path):
    follow_forked("auto", 1, 2, 10, tmp_path / "alone")
    follow_forked("ddp_fork", 2, 2, 10, tmp_path / "many", SharedOut())
    assert farthest(tmp_path / "many", tmp_path / "alone", 2) > 1e-3


@slow
@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize(("bits", "epochs"), [(2, 300), (12, 10)])
def test_ddp_in_processes_that_are_started_anew(tmp_path, processes, bits, epochs):
    follow_forked("auto", 1, bits, epochs, tmp_path / "alone")
    arguments = ["ddp", processes, bits, epochs, tmp_path / "many"]
    command = [sys.executable, Path(follow.__file__), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)
    assert farthest(tmp_path / "many", tmp_path / "alone", processes) < 1e-12


@slow
@pytest.mark.parametrize("flags", [["--epochs", 150], ["--bits", 12, "--hidden", 3, "--epochs", 5]])
def test_train_with_ddp(tmp_path, flags):
    warm.run("train", *flags, cwd=tmp_path / "alone")
    (tmp_path / "many").mkdir()
    more = ["--trainer.devices", 2, "--trainer.strategy", "ddp"]
    script("train", *flags, *more, cwd=tmp_path / "many", check=True)
    alone, many = (warm.weights(warm.the_run(tmp_path / name)) for name in ("alone", "many"))
    for name, value in alone.items():
        assert (many[name] - value).abs().max() <= 1e-12 * value.abs().max()
