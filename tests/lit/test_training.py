"""`fit` in odd circumstances: another process's environment, clocks, full streams, odd files."""

import os
import time

import lightning.pytorch as L
import pytest
import torch
import yaml
from lightning.fabric.utilities.rank_zero import rank_zero_only

from xor_torch import XORModule, fit, lit
from xor_torch.lit import runs

from ..common import events

# What jobs leave behind, and the rank that Lightning reads from it when it is imported.
RANKS = [
    (1, {"RANK": "1"}),
    (1, {"LOCAL_RANK": "1"}),
    (1, {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "GROUP_RANK": "1", "NODE_RANK": "1"}),
    (1, {"SLURM_PROCID": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train"}),
    (2, {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "x", "SLURM_PROCID": "2", "SLURM_LOCALID": "2"}),
    (1, {"JSM_NAMESPACE_RANK": "1"}),
]


@pytest.mark.parametrize(("rank", "variables"), RANKS, ids=[" ".join(row) for _, row in RANKS])
def test_what_a_job_left_in_the_environment_changes_nothing(tmp_path, monkeypatch, rank, variables):
    # as if Lightning were imported now; faults/test_environment.py starts a process for it
    monkeypatch.setattr(rank_zero_only, "rank", rank)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert fit(XORModule(), 3, tmp_path, views="scalars").global_step == 3
    run_dir = tmp_path / "version_0"
    assert [event.step for event in events(run_dir).Scalars("loss/mse")] == [0, 2]
    assert (run_dir / runs.CHECKPOINT).is_file()


def test_no_environment_variable_is_an_option(tmp_path, monkeypatch):
    fit(XORModule(), 20, tmp_path, views="none")
    monkeypatch.setenv("PL_TRAINER_GRADIENT_CLIP_VAL", "1e-9")
    monkeypatch.setenv("PL_TRAINER_MAX_STEPS", "7")
    assert fit(XORModule(), 20, tmp_path, views="none").global_step == 20
    states = [
        torch.load(tmp_path / f"version_{k}" / runs.CHECKPOINT, weights_only=True)["state_dict"]
        for k in range(2)
    ]
    for name, value in states[0].items():
        assert torch.equal(states[1][name], value)
    assert yaml.safe_load((tmp_path / "version_1/config.yaml").read_text())["trainer"] == {}


@pytest.mark.parametrize("back", [0, 10_000_000], ids=["the same second", "months"])
def test_a_resumed_run_is_read_last_though_the_clock_was_set_back(tmp_path, monkeypatch, back):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    fit(XORModule(), 120, tmp_path, views="scalars")
    checkpoint = tmp_path / "version_0" / runs.CHECKPOINT
    earlier = checkpoint.read_bytes()
    fit(lit.load(checkpoint), 300, tmp_path, resume=checkpoint, views="scalars")
    checkpoint.write_bytes(earlier)
    monkeypatch.setattr(time, "time", lambda: now - back)
    monkeypatch.setattr(os, "getpid", lambda: 1)  # its file's name sorts before the others
    fit(lit.load(checkpoint), 400, tmp_path, resume=checkpoint, views="scalars")
    steps = [event.step for event in events(tmp_path / "version_0").Scalars("loss/mse")]
    assert steps == [0, 100, 119, 200, 300, 399]
    there = runs.events_dir(tmp_path / "version_0")
    names = sorted(path.name for path in runs.event_files(there))
    assert len(names) == 3
    assert ".1." in names[-1]


@pytest.mark.parametrize("name", ["config.yaml", "output.txt", "checkpoints/last.ckpt"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_a_file_of_the_run_that_is_a_pipe_or_a_link_to_nothing(tmp_path, name, make):
    fit(XORModule(), 3, tmp_path, views="scalars")
    kept = (tmp_path / "version_0" / runs.CHECKPOINT).rename(tmp_path / "kept.ckpt")
    path = tmp_path / "version_0" / name
    path.unlink(missing_ok=True)
    make(path)
    with (
        pytest.raises(ValueError, match=f"{path.name} is not a regular file; move it away"),
        runs.occupy(tmp_path / "version_0", {}),
    ):
        pass
    assert not (tmp_path / "nowhere").exists()
    if name != "checkpoints/last.ckpt":  # it is that run, and no new one is begun
        kept = kept.rename(tmp_path / "version_0" / runs.CHECKPOINT)
        assert runs.run_of(kept) == tmp_path / "version_0"
    assert lit.load(kept).prediction is not None


def test_a_run_is_named_after_what_it_is_and_how_it_ended(tmp_path):
    def name():
        return runs.events_dir(tmp_path / "version_0").name

    class Look(L.Callback):
        def on_train_batch_end(self, trainer, *_):
            seen.append(name())

    seen = []
    fit(XORModule(seed=3, lr=1), 3, tmp_path, callbacks=[Look()])
    assert set(seen) == {"seed3-lr1-width2"}
    first = name()
    assert first.startswith("seed3-lr1-width2-stuck-at-0.25")
    checkpoint = tmp_path / "version_0" / runs.CHECKPOINT
    fit(lit.load(checkpoint), 3, tmp_path, resume=checkpoint)  # nothing is left to do
    assert name() == first
    seen.clear()
    fit(lit.load(checkpoint), 2000, tmp_path, resume=checkpoint, callbacks=[Look()])
    assert set(seen) == {"seed3-lr1-width2"}
    assert name() == "seed3-lr1-width2-solved"
    with pytest.raises(lit.DivergedError):
        fit(XORModule(lr=1e6, bits=3, hidden=4), 300, tmp_path)
    assert runs.events_dir(tmp_path / "version_1").name == "seed42-lr1e+06-width4-bits3-diverged"


def test_a_run_of_an_earlier_version_goes_on_where_it_is(tmp_path):
    fit(XORModule(), 120, tmp_path, views="scalars")
    run_dir = tmp_path / "version_0"
    there = runs.events_dir(run_dir)
    for path in runs.event_files(there):
        path.rename(run_dir / path.name)
    there.rmdir()
    checkpoint = run_dir / runs.CHECKPOINT
    fit(lit.load(checkpoint), 300, tmp_path, resume=checkpoint, views="scalars")
    assert runs.events_dir(run_dir) == run_dir
    steps = [event.step for event in events(run_dir).Scalars("loss/mse")]
    assert steps == [0, 100, 119, 200, 299]
