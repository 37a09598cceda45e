"""The numbers of a run do not depend on its place, its time and the programs beside it."""

import functools
import locale
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from xor_torch import XORModule, fit

from ..common import script
from . import warm

WIDE = ["--bits", 8, "--hidden", 64, "--epochs", 30, "--lr", 0.01]


def somewhere_else():
    os.environ.update(TZ="Pacific/Kiritimati", LC_ALL="tr_TR.UTF-8", LANG="tr_TR.UTF-8")
    time.tzset()
    for name in ("tr_TR.UTF-8", "de_DE.UTF-8", "C"):
        try:
            locale.setlocale(locale.LC_ALL, name)
            break
        except locale.Error:  # not installed here
            continue


def other_random_state():
    np.random.seed(5)
    torch.manual_seed(5)
    torch.rand(3)


def other_default_type():
    torch.set_default_dtype(torch.float32)
    np.seterr(all="raise")


SETUPS = [
    functools.partial(torch.set_num_threads, 1), functools.partial(torch.set_num_threads, 4),
    somewhere_else, other_random_state, other_default_type,
]  # fmt: skip


@pytest.mark.parametrize("flags", [["--epochs", 150], WIDE], ids=["xor", "wide"])
def test_the_same_run_in_other_circumstances(tmp_path, flags):
    flags = [*flags, "--views", "none"]
    expected = warm.run("train", *flags, cwd=tmp_path / "expected")
    for number, setup in enumerate(SETUPS):
        cwd = tmp_path / f"other {number}"
        command = warm.run("train", *flags, cwd=cwd, setup=setup)
        assert command.stdout == expected.stdout
        warm.assert_same_weights(warm.the_run(cwd), warm.the_run(tmp_path / "expected"))


@pytest.mark.slow
def test_in_processes_of_their_own(tmp_path):
    found = {}
    for name, more in {
        "a": {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC", "OMP_NUM_THREADS": "1"},
        "b": {
            "PYTHONHASHSEED": "2",
            "LC_ALL": "C.UTF-8",
            "TZ": "Asia/Tokyo",
            "OMP_NUM_THREADS": "4",
        },
    }.items():
        (tmp_path / name).mkdir()
        for flags in (["--epochs", 1200], WIDE):
            script("train", *flags, cwd=tmp_path / name, env={**os.environ, **more}, check=True)
        found[name] = [tmp_path / name / "lightning_logs" / f"version_{k}" for k in range(2)]
    for a, b in zip(*found.values(), strict=True):
        warm.assert_same_weights(a, b)


def what_belongs_to_the_user():
    random_states = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()
    return *random_states, Path.cwd(), {**os.environ}, locale.setlocale(locale.LC_ALL), np.geterr()


def test_what_belongs_to_the_user_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        state = what_belongs_to_the_user()
        fit(XORModule(bits=3, hidden=3), 300, tmp_path)
        XORModule.load_from_checkpoint(tmp_path / "version_0/checkpoints/last.ckpt")
        assert what_belongs_to_the_user() == state
        assert torch.get_num_threads() == 2
        assert torch.get_default_dtype() == torch.float32
    finally:
        torch.set_num_threads(before)
