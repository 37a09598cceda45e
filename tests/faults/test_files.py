"""Files that are broken, foreign or hostile: the message names them, or they load as saved.

The file is long because each kind of damage is tried on each kind of file.
"""

import json
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
import zlib
from collections import Counter
from dataclasses import fields
from pathlib import Path

import lightning.pytorch as L
import numpy as np
import pytest
import torch
import yaml

from xor_torch import XORModule, cli, files, fit, lit, sweep
from xor_torch.lit import checkpoint, runs
from xor_torch.sweep import Interrupted, Result
from xor_torch.sweep.blocks import Blocks
from xor_torch.sweep.plan import read_plan

from ..common import patience

CUTS = 64
FLIPS = 1000


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run directory with a checkpoint in the middle of a run."""
    logs = tmp_path_factory.mktemp("logs")
    fit(XORModule(seed=3), 40, logs)
    return logs / "version_0"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "s.npz"
    sweep.sweep(4, epochs=5, out=out, workers=1)
    return out


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def same(actual, expected):
    """Equal in every key, type, shape and bit."""
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, torch.Tensor):
        return actual.dtype == expected.dtype and torch.equal(actual, expected)
    if isinstance(expected, np.ndarray):
        return actual.dtype == expected.dtype and actual.tobytes() == expected.tobytes()
    if isinstance(expected, dict):
        return [*actual] == [*expected] and all(same(actual[k], expected[k]) for k in expected)
    if isinstance(expected, list | tuple):
        return len(actual) == len(expected) and all(map(same, actual, expected))
    return actual == expected or (actual != actual and expected != expected)


def flips(data, count):
    """`count` versions of `data` with one bit turned, each another bit; all bits if None."""
    bits = range(8 * len(data))
    for bit in bits if count is None else random.Random(0).sample(bits, count):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def outcomes(path, versions, load, expected):
    """How many of a file's `versions` are refused, loaded as saved, or loaded otherwise."""
    count = Counter()
    for data in versions:
        path.write_bytes(data)
        try:
            loaded = load(path)
        except ValueError as error:
            assert str(path) in str(error)
            count["refused"] += 1
        else:
            count["same" if same(loaded, expected) else "other"] += 1
    return count


def refused_by_cli(capsys, call, name, *, code=2):
    """The command prints one line that names the file, and changes nothing on disk."""
    before = snapshot()
    assert cli.main([str(word) for word in call]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1, captured.err
    assert str(name) in captured.err
    assert snapshot() == before
    return captured.err


def snapshot():
    """All files, and when each was changed; of a directory only that it is there.

    A lock file in a directory may have come and gone.
    """
    return {p: p.is_dir() or p.stat().st_mtime_ns for p in Path.cwd().rglob("*")}


# --- checkpoints: their bytes ----------------------------------------------------------------


def as_dict(path):
    result = Result.load(path)
    return {f.name: getattr(result, f.name) for f in fields(result)}


LOADERS = {
    "checkpoint": (checkpoint.read, lambda path: torch.load(path, weights_only=True)),
    "sweep": (as_dict, as_dict),
}


@pytest.fixture(params=LOADERS)
def kind(request, saved, swept, elsewhere):
    """For each kind of file: a copy, its bytes, its loader, its content."""
    original = {"checkpoint": saved / "checkpoints/last.ckpt", "sweep": swept}[request.param]
    load, trusted = LOADERS[request.param]
    data = original.read_bytes()
    return elsewhere / original.name, data, load, trusted(original)


def test_the_whole_file_is_loaded_as_it_was_saved(kind):
    path, data, load, expected = kind
    assert outcomes(path, [data], load, expected) == {"same": 1}


def test_a_part_of_a_file_is_refused(kind):
    path, data, load, expected = kind
    parts = [data[: len(data) * k // CUTS] for k in range(CUTS)]
    assert outcomes(path, parts, load, expected) == {"refused": CUTS}


def test_a_turned_bit_changes_nothing_or_is_refused(kind):
    path, data, load, expected = kind
    count = outcomes(path, flips(data, FLIPS), load, expected)
    print(dict(count))
    assert count["other"] == 0
    assert count["refused"] > FLIPS / 2


@pytest.mark.slow
def test_every_turned_bit_changes_nothing_or_is_refused(kind):
    path, data, load, expected = kind
    count = outcomes(path, flips(data, None), load, expected)
    print(dict(count))
    assert count["other"] == 0


def test_without_the_checksums_turned_bits_get_through(kind, monkeypatch):
    # the tests above would find a loader that does not check
    monkeypatch.setattr(zipfile.ZipExtFile, "_update_crc", lambda *_: None)
    path, data, load, expected = kind
    some = FLIPS // 5
    assert outcomes(path, flips(data, some), load, expected)["other"] > some / 10


def test_other_bytes_are_refused(kind, capsys):
    path, data, load, expected = kind
    noise = random.Random(0).randbytes
    others = [
        b"", b"\0", b"not a file of ours", noise(5000), data + data[:50], data[::-1], b"PK\x03\x04",
    ]  # fmt: skip
    count = outcomes(path, others, load, expected)
    assert count["other"] == 0
    assert count["refused"] >= len(others) - 1  # zip allows a comment at the end


def test_what_is_loaded_is_what_was_checked(saved, elsewhere):
    # One bit of the archive's table says that a record is a directory. Python's zipfile does not
    # care; torch does not read it, and returns the memory as it finds it.
    original = saved / "checkpoints/last.ckpt"
    data, expected = bytearray(original.read_bytes()), torch.load(original, weights_only=True)
    data[data.rindex(b"/data/0") - len("archive") - 46 + 38] ^= 0x10
    path = elsewhere / "x.ckpt"
    path.write_bytes(data)
    assert same(checkpoint.read(path), expected)
    weights = XORModule.load_from_checkpoint(path).state_dict()["hidden.weight"]
    assert same(weights, expected["state_dict"]["hidden.weight"])
    assert not same(torch.load(path, weights_only=True), expected)  # else this can go


@pytest.mark.parametrize("call", [["train", "--resume"], ["explain"]])
def test_the_commands_refuse_a_damaged_checkpoint(call, saved, elsewhere, capsys):
    data = (saved / "checkpoints/last.ckpt").read_bytes()
    path = elsewhere / "x.ckpt"
    for damaged in [data[:-1], data[: len(data) // 2], *flips(data[:2500], 3)]:
        path.write_bytes(damaged)
        assert "take another copy" in refused_by_cli(capsys, [*call, path], path)


# --- checkpoints: their content --------------------------------------------------------------


class Canary:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def at(*keys, value):
    def change(state):
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value(state.get(keys[-1])) if callable(value) else value

    return change


def without(*keys):
    def change(state):
        for key in keys[:-1]:
            state = state[key]
        del state[keys[-1]]

    return change


def spoil(index, number):
    def change(weights):
        weights = weights.clone()
        weights.view(-1)[index] = number
        return weights

    return change


PROGRESS = ("loops", "fit_loop", "epoch_loop.automatic_optimization.optim_progress")
FOREIGN = {
    "other hidden size": (at("hyper_parameters", "hidden", value=3), "has the shape"),
    "absurd hidden size": (at("hyper_parameters", "hidden", value=10**9), "hidden must be from 1"),
    "other bits": (at("hyper_parameters", "bits", value=3), "has the shape"),
    "absurd bits": (at("hyper_parameters", "bits", value=64), "bits must be from 1 to 16"),
    "bits as text": (at("hyper_parameters", "bits", value="2"), "bits is of the type str"),
    "seed outside": (at("hyper_parameters", "seed", value=2**32), "seed must be from 0"),
    "seed true": (at("hyper_parameters", "seed", value=True), "seed is of the type bool"),
    "lr as text": (at("hyper_parameters", "lr", value="0.1"), "lr is of the type str"),
    "lr nan": (at("hyper_parameters", "lr", value=float("nan")), "lr"),
    "lr negative": (at("hyper_parameters", "lr", value=-0.1), "lr"),
    "no lr": (without("hyper_parameters", "lr"), "hyperparameters are"),
    "more hyperparameters": (at("hyper_parameters", "depth", value=3), "hyperparameters are"),
    "float32": (at("state_dict", "hidden.weight", value=torch.Tensor.float), "torch.float32"),
    "float32 bias": (at("state_dict", "output.bias", value=torch.Tensor.float), "torch.float32"),
    "sparse": (at("state_dict", "hidden.weight", value=torch.Tensor.to_sparse), "not an array"),
    "meta": (at("state_dict", "hidden.weight", value=lambda w: w.to("meta")), "hidden.weight"),
    "complex": (at("state_dict", "hidden.weight", value=lambda w: w + 0j), "complex"),
    "a list": (at("state_dict", "hidden.weight", value=torch.Tensor.tolist), "type list"),
    "no bias": (without("state_dict", "hidden.bias"), "its weights are"),
    "third layer": (at("state_dict", "third.weight", value=torch.zeros(2)), "its weights are"),
    "nan": (at("state_dict", "hidden.weight", value=spoil(0, float("nan"))), "not finite"),
    "inf": (at("state_dict", "output.weight", value=spoil(1, float("-inf"))), "not finite"),
    "wrong shape": (at("state_dict", "hidden.bias", value=lambda b: b[None]), "has the shape"),
    "prediction of others": (at("prediction", value=lambda p: p[:3]), "prediction has the shape"),
    "prediction nan": (at("prediction", value=spoil(3, float("nan"))), "not finite"),
    "prediction as text": (at("prediction", value="high"), "prediction is of the type str"),
    "no prediction": (without("prediction"), "lacks prediction"),
    "no weights": (without("state_dict"), "lacks state_dict"),
    "no hyperparameters": (without("hyper_parameters"), "lacks hyper_parameters"),
    "no step": (without("global_step"), "lacks global_step"),
    "no loops": (without("loops"), "lacks loops"),
    "no format": (without("format"), "lacks format"),
    "extra key": (at("notes", value="hello"), "it holds notes"),
    "extra number": (at(17, value="hello"), "it holds 17"),
    "newer format": (at("format", value=checkpoint.FORMAT + 1), "upgrade it"),
    "format of text": (at("format", value="1"), "format is of the type str"),
    "a Lightning of words": (at("pytorch-lightning_version", value="new"), "Invalid version"),
    "no Lightning": (without("pytorch-lightning_version"), "not a Lightning checkpoint"),
    "negative step": (at("global_step", value=-1), "global_step is -1"),
    "step of text": (at("global_step", value="40"), "global_step is of the type str"),
    "no settings": (at("settings", value={}), "its settings are"),
    "epochs of text": (at("settings", "epochs", value="40"), "epochs is of the type str"),
    "epochs 0": (at("settings", "epochs", value=0), "its epochs are 0"),
    "trainer of text": (at("settings", "trainer", value="fast"), "trainer is of the type str"),
}
# The weights are unchanged: `explain` may use them, but a run cannot go on from them.
NOT_TO_RESUME = {
    "newer Lightning": (at("pytorch-lightning_version", value="99.1"), "upgrade Lightning"),
    "no optimizer": (without("optimizer_states"), "lacks optimizer_states"),
    "no callbacks": (without("callbacks"), "lacks callbacks"),
    "other rate": (at("optimizer_states", value=lambda s: [s[0] | {"state": {0: 1}}]), "its opt"),
    "no optimizers": (at("optimizer_states", value=[]), "optimizer"),
    "a schedule": (at("lr_schedulers", value=[{"step": 3}]), "schedule"),
    "other step": (at("global_step", value=39), "are not at epoch 39"),
    "loop missing": (without("loops", "fit_loop"), "loops"),
    "loops of words": (at("loops", "fit_loop", value="all"), "loops"),
    "step of words": (
        at(*PROGRESS, "optimizer", "step", "total", "completed", value="40"), "loops",
    ),
    "step negative": (
        at(*PROGRESS, "optimizer", "step", "total", "completed", value=-40), "loops",
    ),
    "callbacks of words": (at("callbacks", "Summary", value="solved"), "callback Summary"),
    "callback without": (at("callbacks", "Summary", value={}), "callback Summary"),
}  # fmt: skip


def changed(saved, path, change):
    state = torch.load(saved / "checkpoints/last.ckpt", weights_only=True)
    change(state)
    torch.save(state, path)
    return path


@pytest.mark.parametrize("case", FOREIGN)
def test_a_checkpoint_of_something_else_is_refused(case, saved, elsewhere, capsys):
    change, reason = FOREIGN[case]
    path = changed(saved, elsewhere / "foreign.ckpt", change)
    for load in checkpoint.read, lit.load, XORModule.load_from_checkpoint:
        whose = r"foreign\.ckpt is not a checkpoint of an XORModule: "
        with pytest.raises(ValueError, match=whose) as refused:
            load(path)
        assert reason in str(refused.value)
    for call in ["train", "--resume", path], ["explain", path]:
        assert reason in refused_by_cli(capsys, call, path)


@pytest.mark.parametrize("case", NOT_TO_RESUME)
def test_a_checkpoint_that_cannot_go_on_is_refused(case, saved, elsewhere, capsys):
    change, reason = NOT_TO_RESUME[case]
    path = changed(saved, elsewhere / "foreign.ckpt", change)
    assert reason in refused_by_cli(capsys, ["train", "--resume", path, "--epochs", "60"], path)
    assert same(lit.load(path).to_numpy(), lit.load(saved / "checkpoints/last.ckpt").to_numpy())


def test_no_checkpoint_at_all():
    with pytest.raises(FileNotFoundError):
        lit.load("none.ckpt")


def test_a_network_of_other_settings_does_not_go_on(saved, elsewhere):
    with pytest.raises(ValueError, match=r"last\.ckpt is of .*'seed': 3.* not of"):
        fit(XORModule(seed=4), 60, elsewhere, resume=saved / "checkpoints/last.ckpt")
    assert not [*elsewhere.iterdir()]


def overlapping(path, records=200, kernel=200_000):
    """An archive of `kernel` bytes and `records` stored records; each holds all that follow it."""
    local, central = zipfile.structFileHeader, zipfile.structCentralDir
    data, entries = bytes(kernel), []
    for k in range(records):
        name, crc, size = f"r{k:04d}".encode(), zlib.crc32(data), len(data)
        head = struct.pack(local, b"PK\3\4", 20, 0, 0, 0, 0, 0, crc, size, size, len(name), 0)
        data = head + name + data
        entries.append((name, crc, size, len(data)))
    table = b"".join(
        struct.pack(
            central, b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 0, crc, size, size, len(name), 0, 0, 0, 0, 0,
            len(data) - begin,
        ) + name
        for name, crc, size, begin in entries
    )  # fmt: skip
    end = struct.pack(
        zipfile.structEndArchive, b"PK\5\6", 0, 0, records, records, len(table), len(data), 0
    )
    path.write_bytes(data + table + end)


def sparse(path):
    """A file of 3 GB that takes no space on the disk."""
    with path.open("wb") as file:
        file.truncate(3 * 10**9)


def endless(path):
    path.symlink_to("/dev/zero")


BOMBS = {overlapping: "larger than the file", sparse: "bytes; at most", endless: "not a regular"}


@pytest.mark.parametrize("make", BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(make, elsewhere):
    path = elsewhere / "bomb.ckpt"
    make(path)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"bomb\.ckpt") as refused:
            checkpoint.read(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert BOMBS[make] in str(refused.value.__cause__ or refused.value)
    assert most < 20e6


def test_bombs_are_refused_before_torch_is_imported(elsewhere):
    # which alone takes a second and 200 MB
    for make in BOMBS:
        make(elsewhere / f"{make.__name__}.ckpt")
    commands = ["predict"], ["explain"], ["play"], ["train", "--resume"], ["export"]
    calls = [
        [*words, f"{make.__name__}.ckpt", *(["x.npz"] if words == ["export"] else [])]
        for words in commands
        for make in BOMBS
    ]
    code = (
        "import sys; sys.modules.update(torch=None, lightning=None);"
        "from xor_torch.cli import main;"
        f"print([main(call) for call in {calls}])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == f"{[2] * len(calls)}\n", run.stderr
    said = run.stderr.splitlines()
    assert len(said) == len(calls)
    for call, line in zip(calls, said, strict=True):
        name = next(word for word in call if word.endswith(".ckpt"))
        assert (
            f"{name} is not a whole checkpoint file" in line or f"no checkpoint at {name}" in line
        )


def test_a_tuple_of_itself_is_not_hashed(saved, elsewhere):
    # t = (t, t), 60 times, as a key: hashing it would never end
    t = "a"
    for _ in range(60):
        t = (t, t)
    deep = pickle.dumps(t, protocol=2).removeprefix(b"\x80\x02").removesuffix(b".")
    path = elsewhere / "x.ckpt"
    with (
        zipfile.ZipFile(saved / "checkpoints/last.ckpt") as good,
        zipfile.ZipFile(path, "w") as bad,
    ):
        for name in good.namelist():
            bomb = name.endswith("data.pkl")
            bad.writestr(name, b"\x80\x02}" + deep + b"K\x01s." if bomb else good.read(name))
    with pytest.raises(ValueError, match=r"x\.ckpt .*: a tuple occurs twice"):
        checkpoint.read(path)


def test_the_largest_network_is_not_refused(elsewhere):
    # as an epoch leaves it, which would take half a minute
    module = XORModule(hidden=4096, bits=16)
    module.prediction = torch.full((2**16, 1), 0.5, dtype=torch.float64)
    path = checkpoint_of(module, elsewhere / "last.ckpt")
    assert path.stat().st_size < runs.MOST / 2
    state = checkpoint.read(path)
    assert state["hyper_parameters"]["hidden"] == 4096
    assert state["prediction"].shape == (2**16, 1)


def checkpoint_of(module, path):
    """The checkpoint that `fit` would save of a module, without training."""
    trainer = L.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path, weights_only=False)
    return path


def test_a_pipe_is_not_waited_for(elsewhere):
    os.mkfifo(elsewhere / "pipe.ckpt")
    with pytest.raises(ValueError, match=r"pipe\.ckpt is not a regular file"):
        files.read_zip(elsewhere / "pipe.ckpt")


def many_records(path):
    """An archive of 2,000 empty records."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2000):
            archive.writestr(str(number), "")


def test_many_records_are_refused(elsewhere):
    path = elsewhere / "many.ckpt"
    many_records(path)
    with pytest.raises(ValueError, match="it has 2000 records"):
        files.read_zip(path)


def test_a_checkpoint_is_refused_without_a_warning(saved, elsewhere):
    # torch warns of a pickle of another protocol: that would be a second line
    path = elsewhere / "x.ckpt"
    with (
        zipfile.ZipFile(saved / "checkpoints/last.ckpt") as good,
        zipfile.ZipFile(path, "w") as bad,
    ):
        for name in good.namelist():
            new = name.endswith("data.pkl")
            bad.writestr(name, b"\x80\x04N." if new else good.read(name))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match=r"x\.ckpt is not a checkpoint"):
            checkpoint.read(path)
    assert warned == []


PLANTED = {"class_path": "planted.Profiler", "init_args": {}}
NOT_PLAIN = {
    "a class": {"profiler": PLANTED},
    "a class as a list": {"gradient_clip_val": [PLANTED]},
    "a name": {"gradient_clip_val": "planted.value"},
    "a number as text": {"accumulate_grad_batches": "2"},
    "true for a number": {"accumulate_grad_batches": True},
}


@pytest.mark.parametrize("case", NOT_PLAIN)
def test_a_checkpoint_has_no_code_imported(case, saved, elsewhere, capsys, monkeypatch):
    (elsewhere / "planted.py").write_text("raise SystemExit('it was imported')")
    monkeypatch.syspath_prepend(elsewhere)
    path = changed(saved, elsewhere / "x.ckpt", at("settings", "trainer", value=NOT_PLAIN[case]))
    call = ["train", "--resume", path, "--epochs", "60"]
    assert "its trainer option" in refused_by_cli(capsys, call, path)
    assert "planted" not in sys.modules


def test_a_checkpoint_starts_no_processes(saved, elsewhere):
    options = {
        "devices": 64, "strategy": "planted.Strategy", "num_nodes": 3,
        "profiler": "planted.Profiler", "gradient_clip_val": 0.5,
    }  # fmt: skip
    path = changed(saved, elsewhere / "x.ckpt", at("settings", "trainer", value=options))
    assert checkpoint.read(path)["settings"]["trainer"] == {"gradient_clip_val": 0.5}
    assert cli.main(["train", "--resume", str(path), "--epochs", "60"]) == 0
    config = yaml.safe_load((elsewhere / "lightning_logs/version_0/config.yaml").read_text())
    assert config["trainer"] == {"gradient_clip_val": 0.5}


def test_many_settings_of_one_name_are_refused_at_once():
    # comparing each with all others would take many seconds
    keys = "".join(f"k{number}: 1\n" for number in range(20_000))
    with pytest.raises(ValueError, match="k7 is given twice"):
        files.load_yaml(f"{keys}k7: 1\n")


def hostile(how, path, canary):
    """A file whose reader runs code, unless it reads with `weights_only`."""
    bomb = Canary(canary)
    if how == "in a checkpoint":
        torch.save({"pytorch-lightning_version": "2.6.6", "state_dict": bomb}, path)
    elif how == "the checkpoint":
        torch.save(bomb, path)
    elif how == "of the old format":
        torch.save(bomb, path, _use_new_zipfile_serialization=False)
    elif how == "a bare pickle":
        path.write_bytes(pickle.dumps(bomb))
    elif how == "an array of objects":
        with path.open("wb") as file:
            np.savez(file, W1=np.array([bomb], dtype=object))
    return path


HOSTILE = {
    "in a checkpoint": "checkpoint of numbers and names alone",
    "the checkpoint": "checkpoint of numbers and names alone",
    "of the old format": "whole checkpoint file",
    "a bare pickle": "whole checkpoint file",
    "an array of objects": "checkpoint of numbers and names alone",
}


@pytest.mark.parametrize("how", HOSTILE)
def test_no_code_of_a_file_runs(how, elsewhere, capsys, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0")
    canary = elsewhere / "canary"
    path = hostile(how, elsewhere / "evil.ckpt", canary)
    for load in checkpoint.read, lit.load, XORModule.load_from_checkpoint:
        with pytest.raises(ValueError, match=rf"evil\.ckpt is not a {HOSTILE[how]}"):
            load(path)
    with pytest.raises(ValueError, match=r"evil\.ckpt"):
        Result.load(path)
    for call in ["train", "--resume", path], ["explain", path]:
        refused_by_cli(capsys, call, path)
    assert not canary.exists()


def test_the_canary_sings(elsewhere):
    path = hostile("the checkpoint", elsewhere / "evil.ckpt", elsewhere / "canary")
    torch.load(path, weights_only=False).close()
    assert (elsewhere / "canary").exists()


def test_an_archive_that_would_grow_is_refused(elsewhere):
    path = elsewhere / "grows.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("grows/data.pkl", bytes(10**6))
    with pytest.raises(ValueError, match="compressed"):
        files.read_zip(path)


def test_the_weights_of_any_trainer_are_explained(saved, elsewhere, capsys):
    def weights_only(state):
        for key in checkpoint.TRAINING:
            del state[key]
        state["settings"] = None

    path = changed(saved, elsewhere / "weights.ckpt", weights_only)
    assert cli.main(["explain", str(path)]) == 0
    assert capsys.readouterr().out.startswith("seed 3, after 40 epochs")


def test_a_run_goes_on_as_it_was_told_whatever_its_config_says(saved, elsewhere, capsys):
    shutil.copytree(saved, elsewhere / "version_0")
    assert cli.main(["train", "--resume", "version_0", "--epochs", "60"]) == 0
    expected = capsys.readouterr().out
    shutil.rmtree("version_0")
    shutil.copytree(saved, elsewhere / "version_0")
    for text in "epochs: 7\ntrainer: 3\n", "- 1\n", "\0", "[" * 100_000:
        (elsewhere / "version_0/config.yaml").write_text(text)
        assert cli.main(["train", "--resume", "version_0"]) == 0
    (elsewhere / "version_0/config.yaml").write_text("")
    assert cli.main(["train", "--resume", "version_0", "--epochs", "60"]) == 0
    assert capsys.readouterr().out.endswith(expected)


def test_whatever_is_in_the_output_of_a_run_it_goes_on(elsewhere, capsys):
    # A file with too many bytes is not read, and a line that somebody has added is ignored.
    call = ["train", "--views", "none", "--epochs"]
    assert cli.main([*call, "1002"]) == 0
    whole = capsys.readouterr().out
    assert cli.main([*call, "1000"]) == 0
    begin = capsys.readouterr().out.partition("\nFinal")[0]
    output = elsewhere / "lightning_logs/version_1" / runs.OUTPUT
    first = output.read_bytes()
    with output.open("r+b") as file:
        file.truncate(3 * 10**9)
        file.seek(0, os.SEEK_END)
        file.write(b"\n\xff\n" + first)
    tracemalloc.start()
    try:
        code = cli.main(["train", "--resume", "lightning_logs/version_1", "--epochs", "1002"])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        output.unlink()
    assert code == 0
    assert most < 50e6
    assert begin + capsys.readouterr().out == whole


# --- sweeps ----------------------------------------------------------------------------------


def rewritten(path, change):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    change(arrays)
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


ROWS = {
    "float32": at("W1", value=lambda a: a.astype(np.float32)),
    "another hidden size": at("W1", value=lambda a: np.repeat(a, 2, axis=2)),
    "of fewer seeds": at("b1", value=lambda a: a[:-1]),
    "flat": at("W2", value=np.ravel),
    "nan": at("b2", value=lambda a: a * np.nan),
    "nan loss": at("loss", value=lambda a: a * np.nan),
    "no prediction": without("prediction"),
    "another array": at("W3", value=lambda a: np.zeros(3)),
    "a seed twice": at("seed", value=lambda a: a * 0),
    "a seed outside": at("seed", value=lambda a: a + 2**32),
    "seeds that are no integers": at("seed", value=lambda a: a + 0.5),
    "an outcome of its own": at("outcome", value=lambda a: np.full(a.shape, "won")),
    "solved and not": at("solved", value=np.logical_not),
    "other curves": at("curve_solved", value=lambda a: a[:-1]),
}
SETTINGS = {
    "epochs of words": at("epochs", value=lambda a: np.array("many")),
    "rates": at("lr", value=lambda a: np.array([0.1, 0.2])),
    "another loss": at("criterion", value=lambda a: np.array("mae")),
}


@pytest.mark.parametrize("case", [*ROWS, *SETTINGS])
def test_a_sweep_of_something_else_is_refused(case, swept, elsewhere):
    path = elsewhere / "s.npz"
    shutil.copy(swept, path)
    rewritten(path, {**ROWS, **SETTINGS}[case])
    with pytest.raises(ValueError, match=r"s\.npz is not a sweep's file: "):
        Result.load(path)


def test_a_seed_that_has_diverged_is_loaded(elsewhere):
    result = sweep.sweep(6, epochs=30, lr=1e308, loss="bce", out=elsewhere / "s.npz", workers=1)
    assert "diverged" in result.outcome
    assert same(as_dict("s.npz")["W1"], result.W1)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The directory of a sweep that was stopped after some blocks, and the sweep's whole result."""
    here = tmp_path_factory.mktemp("stopped")

    def stop(now):
        if now.finished >= 8:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xor_torch.sweep.plan.BLOCK", 4)
        with pytest.raises(Interrupted):
            sweep.sweep(20, epochs=20, out=here / "s.npz", workers=1, progress=stop)
        sweep.sweep(20, epochs=20, out=here / "whole.npz", workers=1)
    return here / "s.npz.blocks", (here / "whole.npz").read_bytes()


@pytest.fixture
def interrupted(stopped, elsewhere, monkeypatch):
    """A copy of that directory, in which the call is made, and the sweep's whole result."""
    monkeypatch.setattr("xor_torch.sweep.plan.BLOCK", 4)
    directory, whole = stopped
    return Path(shutil.copytree(directory, elsewhere / directory.name)), whole


CALL = ["sweep", "--seeds", "20", "--epochs", "20", "--out", "s.npz"]


@pytest.mark.parametrize("case", [*ROWS, "truncated", "a turned bit", "of other seeds", "empty"])
def test_a_block_of_something_else_is_refused_and_computed_again(case, interrupted, capsys):
    directory, whole = interrupted
    path = directory / "0.npz"
    data = path.read_bytes()
    if case in ROWS:
        rewritten(path, ROWS[case])
    elif case == "truncated":
        path.write_bytes(data[:-100])
    elif case == "a turned bit":
        middle = len(data) // 3
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :])
    elif case == "of other seeds":
        shutil.copy(directory / "1.npz", path)
    elif case == "empty":
        path.write_bytes(b"")
    message = refused_by_cli(capsys, CALL, "s.npz.blocks/0.npz")
    assert "delete it, and the same command computes it again" in message
    path.unlink()
    sweep.sweep(20, epochs=20, out="s.npz", workers=1)
    assert Path("s.npz").read_bytes() == whole


PLANS = ["", "[", "3", "{}", '{"seeds": 3}', "[" * 100_000, "\0", "null"]
ODD_SETTINGS = [{"width": 0}, {"width": "3"}, {"epochs": 20.0}]


@pytest.mark.parametrize("text", [*PLANS, *ODD_SETTINGS])
def test_a_plan_of_something_else_is_refused(text, interrupted, capsys):
    directory, whole = interrupted
    plan = directory / "plan.json"
    if isinstance(text, dict):
        text = json.dumps(json.loads(plan.read_text()) | text)
    plan.write_text(text)
    assert "--force" in refused_by_cli(capsys, CALL, "s.npz.blocks/plan.json")
    sweep.sweep(20, epochs=20, out="s.npz", workers=1, force=True)
    assert Path("s.npz").read_bytes() == whole


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_plan_or_a_claim_without_an_end_is_not_read(make, interrupted, capsys):
    directory, whole = interrupted
    make(directory / "2.claim")
    with patience():
        assert Blocks(directory, read_plan(directory)).in_work() == {}
    (directory / "plan.json").unlink()
    make(directory / "plan.json")
    with patience():
        assert "--force" in refused_by_cli(capsys, CALL, "plan.json is not a regular file")
        sweep.sweep(20, epochs=20, out="s.npz", workers=1, force=True)
    assert Path("s.npz").read_bytes() == whole


def test_a_plan_with_other_blocks_does_not_mix_the_seeds(interrupted, capsys):
    directory, _ = interrupted
    plan = json.loads((directory / "plan.json").read_text())
    (directory / "plan.json").write_text(json.dumps({**plan, "width": plan["width"] + 1}))
    assert "it is of another plan" in refused_by_cli(capsys, CALL, "s.npz.blocks/0.npz")


CLAIMS = ["", "3", "{}", "[", "[" * 100_000, '{"host": 3, "pid": "x", "done": []}', "null"]


@pytest.mark.parametrize("text", CLAIMS)
def test_a_claim_of_something_else_is_no_block(text, interrupted, monkeypatch):
    directory, whole = interrupted
    (directory / "0.claim").write_text(text)
    (directory / "x.claim").write_text(text)
    (directory / "worker.7.json").write_text(text)
    monkeypatch.setattr("xor_torch.sweep.blocks.SILENCE", -1.0)  # it is silent
    sweep.sweep(20, epochs=20, out="s.npz", workers=1)
    assert Path("s.npz").read_bytes() == whole


def test_a_damaged_program_is_compiled_anew_and_not_run(elsewhere, monkeypatch):
    from xor_torch import batch, kernel

    monkeypatch.setenv("XDG_CACHE_HOME", str(elsewhere))
    built, loaded = [], []

    def build(text, language, path):
        built.append(text)
        path.write_bytes(b"a program")

    monkeypatch.setattr(kernel, "build", build)
    monkeypatch.setattr(kernel, "load", lambda path: loaded.append(path.read_bytes()))
    problem = batch.Problem(2, 2, "mse")
    batch.compiled_epochs(problem, kernel.CPP)
    (program,) = Path(elsewhere, "xor_torch").glob("*.so")
    batch.compiled_epochs(problem, kernel.CPP)
    assert len(built) == 1
    for number, damaged in enumerate([b"a progran", b"", b"a program "], start=2):
        program.write_bytes(damaged)
        batch.compiled_epochs(problem, kernel.CPP)
        assert len(built) == number
    assert loaded == [b"a program"] * 5
    monkeypatch.setattr(batch, "__file__", kernel.__file__)  # another version of the package
    batch.compiled_epochs(problem, kernel.CPP)
    assert len(built) == 5


# --- settings --------------------------------------------------------------------------------

CONFIGS = {
    "empty": (b"", "holds no settings"),
    "a number": (b"3\n", "holds no settings"),
    "a list": (b"- 1\n", "holds no settings"),
    "not text": (bytes(range(128, 256)), "utf-8"),
    "zeros": (b"\0" * 100, "not the YAML"),
    "half": (b"lr: [0.1, ", "not the YAML"),
    "tabs": (b"lr:\n\t- 3\n", "not the YAML"),
    "two documents": (b"seed: 3\n---\nseed: 4\n", "single document"),
    "twice": (b"seed: 3\nseed: 4\n", "seed is given twice"),
    "deep": (b"lr: " + b"[" * 3000 + b"]" * 3000, "nested too deeply"),
    "deeper": (b"[" * 60_000, "nested too deeply"),
    "a million laughs": (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchor a"),
    "itself": (b"a: &a [*a]\n", "anchor a"),
    "code": (b"seed: !!python/object/apply:os.system ['touch canary']\n", "tag"),
    "a tag": (b"seed: !!int '3'\n", "tag"),
    "merged": (b"<<: {seed: 3}\n", "unknown setting <<"),
    "large": (b"# " + b"x" * 2**16, "more than 65536 bytes"),
    "unknown": (b"sed: 3\n", "unknown setting sed; did you mean seed?"),
    "of another command": (b"seeds: 3\n", "unknown setting seeds; did you mean seed?"),
    "as a flag": (b"log-dir: x\n", "unknown setting log-dir; did you mean log_dir?"),
    "itself again": (b"config: x.yaml\n", "unknown setting config"),
    "help": (b"help: true\n", "unknown setting help"),
    "a number as key": (b"3: 4\n", "3 is not the name"),
    "a list for a number": (b"lr: [1, 2]\n", "--lr: must be"),
    "base sixty": (b"seed: 1:30\n", "got 1:30"),
    "a float": (b"seed: 3.0\n", "got 3.0"),
    "true": (b"epochs: true\n", "got True"),
    "null": (b"seed: null\n", "seed: must have a value"),
    "nothing": (b"lr:\n", "lr: must have a value"),
    "an empty list": (b"lr: []\n", "lr: must have a value, got []"),
    "nan": (b"lr: .nan\n", "got nan"),
    "inf": (b"lr: .inf\n", "got inf"),
    "overflow": (b"lr: 1e999\n", "got inf"),
    "negative zero": (b"lr: -0.0\n", "got -0.0"),
    "huge": (b"seed: " + b"9" * 5000, "--seed: must be"),
    "yes": (b"check: yes\n", "check: must be true or false, got yes"),
    "no mapping": (b"trainer: 3\n", "--trainer: "),
    "a typo": (b"trainer: {max_tme: 3}\n", "did you mean --trainer.max_time?"),
    "dotted": (b"trainer.devices: 2\n", "unknown setting trainer.devices"),
    "no path": (b"log_dir: 3\n", "--log-dir: must name"),
    "a zero in a path": (b'log_dir: "a\\0b"\n', "--log-dir: must name"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_settings_that_are_none_are_refused(case, elsewhere, capsys):
    data, reason = CONFIGS[case]
    path = elsewhere / "some.yaml"
    path.write_bytes(data)
    named = "--trainer." if "trainer." in reason and case == "a typo" else path
    assert reason in refused_by_cli(capsys, ["train", "--config", path], named)
    assert not (elsewhere / "canary").exists()


def test_settings_are_what_they_look_like(elsewhere, capsys):
    text = "seed: 010\nlr: 1e-3\nlog_dir: 'yes'\ntrainer: {max_time: 00:00:01:00}\n"
    Path("some.yaml").write_text(text)
    assert cli.main(["train", "--config", "some.yaml", "--print-config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["seed"] == 10
    assert printed["lr"] == 0.001
    assert printed["log_dir"] == "yes"
    assert printed["trainer"] == {"max_time": "00:00:01:00"}


def test_half_a_config_is_refused_or_says_what_it_says(saved, elsewhere, capsys):
    data = (saved / "config.yaml").read_bytes()
    path = elsewhere / "some.yaml"
    count = Counter()
    for part in [data[: len(data) * k // CUTS] for k in range(CUTS)] + [*flips(data, 100)]:
        path.write_bytes(part)
        code = cli.main(["train", "--config", str(path), "--print-config"])
        captured = capsys.readouterr()
        if code == 0:  # text that is settings, if other ones; it is what was said
            said, printed = yaml.load(part, yaml.BaseLoader), yaml.safe_load(captured.out)
            assert {*said} <= {*printed}
            assert all(str(printed[k]) == v for k, v in said.items() if k in ("seed", "epochs"))
        else:
            assert code == 2
            assert captured.out == ""
            assert len(captured.err.splitlines()) == 1
            assert "some.yaml" in captured.err
        count[code] += 1
    print(dict(count))
