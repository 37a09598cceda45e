"""The numbers do not depend on where, when and beside what a run is made."""

import functools
import locale
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from xor_torch import XORModule, fit

from . import warm

ROOT = Path(__file__).parents[2]
WIDE = ["--bits", 8, "--hidden", 64, "--epochs", 30, "--lr", 0.01]


def threads(number):
    torch.set_num_threads(number)


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
    functools.partial(threads, 1), functools.partial(threads, 4),
    somewhere_else, other_random_state, other_default_type,
]  # fmt: skip


@pytest.mark.parametrize("flags", [["--epochs", 150], WIDE], ids=["xor", "wide"])
def test_the_same_run_in_other_circumstances(tmp_path, flags):
    expected = warm.train_all([*flags, "--views", "none"], tmp_path / "expected", None)
    for number, setup in enumerate(SETUPS):
        cwd = tmp_path / f"other {number}"
        command = warm.train_all([*flags, "--views", "none"], cwd, setup)
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
            subprocess.run(
                [sys.executable, ROOT / "scripts/train.py", *map(str, flags)],
                cwd=tmp_path / name, env={**os.environ, **more}, check=True, capture_output=True,
            )  # fmt: skip
        found[name] = [tmp_path / name / "lightning_logs" / f"version_{k}" for k in range(2)]
    for a, b in zip(*found.values(), strict=True):
        warm.assert_same_weights(a, b)


def test_what_belongs_to_the_user_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        state = [str(np.random.get_state()), torch.get_rng_state().tolist()]
        settings = [Path.cwd(), dict(os.environ), locale.setlocale(locale.LC_ALL), np.geterr()]
        fit(XORModule(bits=3, hidden=3), 120, tmp_path)
        assert [str(np.random.get_state()), torch.get_rng_state().tolist()] == state
        assert torch.get_num_threads() == 2
        assert torch.get_default_dtype() == torch.float32
        assert settings == [
            Path.cwd(), dict(os.environ), locale.setlocale(locale.LC_ALL), np.geterr()
        ]  # fmt: skip
    finally:
        torch.set_num_threads(before)
