import functools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from xor_torch import cli
from xor_torch.cli.terminal import loading, tensorboard

from ..common import NOTEBOOK, ROOT, run_cli, script
from ..faults import warm

NO_VIEWS = ("--views", "none")  # for tests that need no pictures, which take most of the time


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_train_prints_what_the_notebook_prints(elsewhere):
    # Python writes a line for each module that it imports
    run = script("train", cwd=elsewhere, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    assert run.returncode == 0
    assert run.stdout == NOTEBOOK
    imported = re.findall(r"import time:[^\n]*\| +(\S+)\n", run.stderr)
    assert "lightning.pytorch" in imported
    assert not {"torch._dynamo.eval_frame", "sympy"} & {*imported}  # torch's compiler waits
    said = re.sub(r"import time:[^\n]*\n", "", run.stderr)
    *bar, where, how = re.split(r"[\r\n]+", said.strip())
    assert where == "Run directory: lightning_logs/version_0"
    assert how == f"To see it:     {tensorboard('lightning_logs')}"
    assert all("epochs/s" in line or not line.strip() for line in bar)
    assert len(bar) < 10  # standard error is a file here: redraws would fill it
    assert "10000/10000" in bar[-1]
    assert "loss 0.1262" in bar[-1]
    assert len(list((elsewhere / "lightning_logs").iterdir())) == 1


def test_the_report_of_another_network(capsys):
    assert (
        run_cli("train", "--bits", 3, "--hidden", 4, "--seed", 1, "--epochs", 1001, *NO_VIEWS) == 0
    )
    out = capsys.readouterr().out
    assert re.match(
        r"Epoch 0, Loss: 0\.\d{4}\nEpoch 1000, Loss: 0\.\d{4}\n\n"
        r"Final Predictions \(rounded\):\n\[\[0\.\d{1,3} *\]\n( \[0\.\d{1,3} *\]\n){6} \[.*\]\]\n"
        r"Predicted classes:\n \[\[.\]\n( \[.\]\n){6} \[.\]\]\n"
        r"True classes:\n \[\[0\]\n \[1\]\n \[1\]\n \[0\]\n \[1\]\n \[0\]\n \[0\]\n \[1\]\]\n$",
        out,
    )


def test_two_parts_of_a_run_print_what_the_whole_prints(capsys):
    assert run_cli("train", "--epochs", 2500, "--log-dir", "whole", *NO_VIEWS) == 0
    whole = capsys.readouterr().out
    assert run_cli("train", "--epochs", 1500, *NO_VIEWS) == 0
    lines = capsys.readouterr().out.split("\nFinal")[0]
    assert run_cli("train", "--resume", "--epochs", 2500, *NO_VIEWS) == 0
    assert lines + capsys.readouterr().out == whole
    # and once more: nothing is left to do, and the closing report is the same
    assert run_cli("train", "--resume", "lightning_logs/version_0") == 0
    assert capsys.readouterr().out == whole[whole.index("\nFinal") :]


def test_config_repeats_a_run(capsys):
    run_cli("train", "--seed", 3, "--lr", 0.5, "--epochs", 150, "--trainer.gradient_clip_val", 1)
    first = capsys.readouterr().out
    saved = Path("lightning_logs/version_0/config.yaml")
    assert yaml.safe_load(saved.read_text()) == {
        "seed": 3, "hidden": 2, "bits": 2, "lr": 0.5, "epochs": 150,
        "log_dir": "lightning_logs", "views": "all", "check": False,
        "trainer": {"gradient_clip_val": 1},
    }  # fmt: skip
    assert run_cli("train", "--config", saved) == 0
    assert capsys.readouterr().out == first
    again = Path("lightning_logs/version_1/config.yaml")
    assert again.read_text() == saved.read_text()


def test_flags_come_over_the_config(capsys):
    Path("some.yaml").write_text("seed: 3\nlr: 0.5\n")
    assert run_cli("train", "--config", "some.yaml", "--lr", 0.25, "--print-config") == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert (printed["seed"], printed["lr"], printed["epochs"]) == (3, 0.25, 10000)
    assert not Path("lightning_logs").exists()


def test_a_resumed_run_keeps_its_network(capsys):
    run_cli("train", "--hidden", 3, "--epochs", 2)
    assert run_cli("train", "--resume", "--hidden", 4) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "--hidden 4: " in message
    assert "was trained with hidden 3" in message
    assert run_cli("train", "--resume", "--epochs", 1) == 2
    assert "has done 2 already" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], *([name] for name in cli.COMMANDS)])
def test_help_fits_a_screen(command, capsys):
    assert cli.main([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= 40
    assert max(map(len, out.splitlines())) <= 80


def test_every_command_has_its_script():
    others = {"frames", "network_pictures", "play_seeds", "screenshots"}
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert {s for s in scripts if not s.startswith("benchmark")} == {*cli.COMMANDS, *others}
    for name in cli.COMMANDS:
        assert f'main(["{name}", *sys.argv[1:]])' in (ROOT / "scripts" / f"{name}.py").read_text()


def test_no_command_is_a_bad_call(capsys):
    assert cli.main([]) == 2
    assert "usage: xor-torch COMMAND" in capsys.readouterr().out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert re.fullmatch(r"xor-torch \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_compare_says_equal(capsys):
    assert run_cli("compare", "--epochs", 50) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "EQUAL: W1, b1, W2 and b2 at all 50 epochs, except for rounding"


def test_compare_says_different(capsys, monkeypatch):
    from xor_torch import manual

    backward = manual.backward
    monkeypatch.setattr(
        manual, "backward", lambda *a: (g := backward(*a))._replace(db1=g.db1 * 1.001)
    )
    assert run_cli("compare", "--epochs", 5) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "DIFFERENT: the gradient of b1"
    assert re.search(r"^b1\[0, \d\]: actual .*, expected .*, ratio (1.001|0.999)", out, re.M)


def test_compare_json_is_all_there_is(capsys):
    assert run_cli("compare", "--epochs", 5, "--seed", 7, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["equal"] is True
    assert found["seed"] == 7
    assert [p["name"] for p in found["parameters"]] == ["W1", "b1", "W2", "b2"]
    assert {"ok", "gradient", "gradient_epoch", "drift", "drift_epoch", "drift_allowed"} < set(
        found["parameters"][0]
    )


def test_an_interrupted_run_can_go_on(elsewhere):
    with warm.ended(warm.Command("train", "--epochs", 10**9, *NO_VIEWS, cwd=elsewhere)) as run:
        run.until(lambda: run.stdout == "Epoch 0, Loss: 0.2558\n")
        run.kill(signal.SIGINT)  # SIGTERM: faults/test_signals.py
        assert run.wait() == 130
    match = re.fullmatch(
        r"Interrupted after (\d+) epochs; to go on: --resume lightning_logs/version_0",
        run.last_words,
    )
    assert match
    assert run_cli("train", "--resume", "--epochs", int(match[1]) + 10, *NO_VIEWS) == 0


def test_ctrl_c_while_importing(elsewhere):
    code = """
import builtins, os, signal, sys
from xor_torch.cli import main
real = builtins.__import__
def slow(name, *rest):
    if name == "torch":
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest)
builtins.__import__ = slow
sys.exit(main(["train"]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, capture_output=True, text=True
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "\nInterrupted.\n")
    assert not list(elsewhere.iterdir())


def leave():
    """Standard output is a pipe whose reader is gone, as in ``xor-torch compare | true``."""
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)
    sys.stdout = os.fdopen(1, "w")  # the one before writes to a file, where it may seek


def test_a_reader_that_leaves(elsewhere):
    command = warm.run("compare", "--epochs", 5, cwd=elsewhere, setup=leave, code=1)
    assert command.stderr == ""


def as_script(*words):
    """A setup: Lightning starts the other process with the words of this one."""
    sys.argv = [str(ROOT / "scripts/train.py"), *words]


def test_of_two_processes_one_writes(elsewhere, capsys):
    words = ["train", "--epochs", "150", "--trainer.devices", "2"]
    run = warm.run(*words, cwd=elsewhere, setup=functools.partial(as_script, *words[1:]))
    assert run_cli("train", "--epochs", 150, "--log-dir", "alone") == 0
    assert run.stdout == capsys.readouterr().out
    (run_dir,) = (elsewhere / "lightning_logs").iterdir()
    assert len(list(run_dir.rglob("events.*"))) == 1
    first, second = (
        torch.load(path / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for path in (run_dir, elsewhere / "alone/version_0")
    )
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-12, atol=0)


def test_check_that_fails_is_exit_code_1(monkeypatch, capsys):
    from xor_torch import parity

    def fail(*_):
        raise parity.DifferenceError("epoch 0: W1 differs")

    monkeypatch.setattr(parity, "check", fail)
    assert run_cli("train", "--check", "--epochs", 3) == 1
    assert capsys.readouterr().err.endswith("epoch 0: W1 differs\n")


def test_sweep_prints_a_table_and_leaves_a_file_and_pictures(capsys, elsewhere):
    assert run_cli("sweep", "--seeds", 8, "--epochs", 50, "--lr", 0.1, 2, "--out", "a b.npz") == 0
    out = capsys.readouterr().out
    assert out.count("8 seeds  epochs 50") == 2
    assert out.count("outcome  level") == 2
    names = sorted(p.name for p in elsewhere.iterdir() if p.is_file())
    assert names == [
        f"a b-lr={lr}{end}"
        for lr in ("0.1", "2.0")
        for end in ("-curves.png", "-loss.png", "-solved.png", ".npz")
    ]
    assert len(list(Path("lightning_logs").glob("version_*/events.*"))) == 2


def test_sweep_json_is_all_there_is(capsys):
    assert run_cli("sweep", "--seeds", "3,42", "--epochs", 20, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)["sweeps"]
    assert found["seeds"] == 2
    assert sum(entry["count"] for entry in found["outcomes"]) == 2


def test_explain_a_seed_and_a_checkpoint(capsys):
    assert run_cli("explain", "--seed", 3, "--epochs", 300) == 0
    assert capsys.readouterr().out.startswith("seed 3, after 300 epochs at lr 0.1: ")
    run_cli("train", "--seed", 3, "--epochs", 300, *NO_VIEWS)
    capsys.readouterr()
    assert run_cli("explain", "lightning_logs/version_0") == 0
    assert capsys.readouterr().out.startswith("seed 3, after 300 epochs at lr 0.1: ")


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 2])
def test_torchrun_shares_a_sweep(nodes, elsewhere):
    call = ["--seeds", "20000", "--epochs", "50", "--out"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={nodes}"]
    torchrun += [f"--nproc-per-node={2 // nodes}", f"--master-port={port}"]
    launched = [
        subprocess.Popen(
            [*torchrun, f"--node-rank={node}", ROOT / "scripts/sweep.py", *call, "two.npz"],
            cwd=elsewhere,
            stderr=subprocess.DEVNULL,
        )
        for node in range(nodes)
    ]
    try:
        assert [process.wait(timeout=200) for process in launched] == [0] * nodes
    finally:
        for process in launched:
            process.kill()
            process.wait()
    assert script("sweep", *call, "one.npz", cwd=elsewhere).returncode == 0
    assert Path("one.npz").read_bytes() == Path("two.npz").read_bytes()
    assert not Path("two.npz.blocks").exists()


def test_the_hint_names_a_tensorboard_that_is_there(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    python = shlex.quote(sys.executable)  # the folder may have a space
    assert tensorboard("a b") == f"{python} -m tensorboard.main --logdir 'a b'"
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/tensorboard")
    assert tensorboard("logs") == "tensorboard --logdir logs"


def test_loading_is_said_on_a_terminal_alone(monkeypatch, capsys):
    with loading("torch"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with loading("torch"):
        assert capsys.readouterr().err == "Loading torch ..."
    assert capsys.readouterr().err == f"\r{' ' * 17}\r"  # and it is gone again


def test_a_directory_of_runs_means_its_newest(capsys):
    for seed in 3, 4:
        assert run_cli("train", "--seed", seed, "--epochs", 5, "--views", "none") == 0
    capsys.readouterr()
    assert run_cli("predict", "lightning_logs/version_1", 0, 1) == 0
    newest = capsys.readouterr().out
    assert run_cli("predict", "lightning_logs", 0, 1) == 0
    answer = capsys.readouterr()
    assert answer.out == newest
    assert answer.err == "The newest run in lightning_logs: lightning_logs/version_1\n"
    assert run_cli("predict", "lightning_logs/version_0", 0, 1) == 0
    assert capsys.readouterr().out != newest
    assert run_cli("predict", "lightning_logs", 0) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1  # a bad call says what is bad, no more
