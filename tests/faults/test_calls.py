"""A bad call exits with 2, prints one line that says why, and changes nothing on disk.

The file is long because it is a table: one row for each bad call.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xor_torch import XORModule, cli, fit

from ..common import script

SEED = "must be a whole number from 0 to 4294967295, got"
EPOCHS = "must be a whole number from 1 to 1000000000000, got"
POSITIVE = "must be a positive, finite number"
PATH = "must name a file or directory, got"

# call -> how its line goes on after "xor-torch COMMAND: error: " and, after a \n, how it ends.
# Spaces divide the words of a call; '' is an empty word.
CALLS = {
    # no command
    "trian": "trian: unknown command; did you mean train?",
    "TRAIN": "TRAIN: unknown command; see xor-torch --help",
    "--seed 3": "--seed: unknown command; see xor-torch --help",
    "''": "'': unknown command; see xor-torch --help",
    # seeds
    "train --seed -1": f"--seed: {SEED} -1",
    "train --seed 4294967296": f"--seed: {SEED} 4294967296",
    "train --seed 1e3": f"--seed: {SEED} 1e3",
    "train --seed 1.0": f"--seed: {SEED} 1.0",
    "train --seed 0x10": f"--seed: {SEED} 0x10",
    "train --seed nan": f"--seed: {SEED} nan",
    "train --seed inf": f"--seed: {SEED} inf",
    "train --seed -inf": f"--seed: {SEED} -inf",
    "train --seed true": f"--seed: {SEED} true",
    "train --seed null": f"--seed: {SEED} null",
    "train --seed [3]": f"--seed: {SEED} [3]",
    "train --seed=": f"--seed: {SEED} ''",
    "train --seed ''": f"--seed: {SEED} ''",
    "train --seed": "--seed: expected one argument",
    "train --seed 3=4": f"--seed: {SEED} 3=4",
    f"train --seed {'9' * 5000}": f"--seed: {SEED} {'9' * 77}...",
    "compare --seed -1": f"--seed: {SEED} -1",
    "explain --seed 4294967296": f"--seed: {SEED} 4294967296",
    # epochs
    "train --epochs 0": f"--epochs: {EPOCHS} 0",
    "train --epochs -0": f"--epochs: {EPOCHS} -0",
    "train --epochs -5": f"--epochs: {EPOCHS} -5",
    "train --epochs 1e-3": f"--epochs: {EPOCHS} 1e-3",
    "train --epochs 1e13": f"--epochs: {EPOCHS} 1e13",
    "train --epochs 1e30": f"--epochs: {EPOCHS} 1e30",
    "train --epochs 1000000000001": f"--epochs: {EPOCHS} 1000000000001",
    "train --epochs ten": f"--epochs: {EPOCHS} ten",
    "explain --epochs 0": f"--epochs: {EPOCHS} 0",
    "sweep --epochs 5 0": f"--epochs: {EPOCHS} 0",
    # learning rates
    "train --lr 0": f"--lr: {POSITIVE}, got 0",
    "train --lr 0.0": f"--lr: {POSITIVE}, got 0.0",
    "train --lr -0.0": f"--lr: {POSITIVE}, got -0.0",
    "train --lr -0.1": f"--lr: {POSITIVE}, got -0.1",
    "train --lr -1e5": f"--lr: {POSITIVE}, got -1e5",
    "train --lr -.5": f"--lr: {POSITIVE}, got -.5",
    "train --lr nan": f"--lr: {POSITIVE}, got nan",
    "train --lr inf": f"--lr: {POSITIVE}, got inf",
    "train --lr -inf": f"--lr: {POSITIVE}, got -inf",
    "train --lr 1e400": f"--lr: {POSITIVE}, got 1e400",
    "train --lr 1e-400": f"--lr: {POSITIVE}, got 1e-400",
    "train --lr 0,1": f"--lr: {POSITIVE}, got 0,1",
    "train --lr 10%": f"--lr: {POSITIVE}, got 10%",
    "train --lr 1/10": f"--lr: {POSITIVE}, got 1/10",
    "compare --lr nan": f"--lr: {POSITIVE}, got nan",
    "sweep --lr 0.1 nan": f"--lr: {POSITIVE}, got nan",
    "sweep --lr": "--lr: expected at least one argument",
    # sizes
    "train --hidden 0": "--hidden: must be a whole number from 1 to 4096, got 0",
    "train --hidden 4097": "--hidden: must be a whole number from 1 to 4096, got 4097",
    "train --hidden 100000000": "--hidden: must be a whole number from 1 to 4096, got 100000000",
    "train --hidden 2.5": "--hidden: must be a whole number from 1 to 4096, got 2.5",
    "train --bits 0": "--bits: must be a whole number from 1 to 16, got 0",
    "train --bits 40": "--bits: must be a whole number from 1 to 16, got 40",
    "sweep --bits 2 17": "--bits: must be a whole number from 1 to 16, got 17",
    "explain --bits -2": "--bits: must be a whole number from 1 to 16, got -2",
    # more than there is memory for: here that is 2 GB
    "train --bits 16 --hidden 4096": "--bits 16 --hidden 4096: would need about 9 GB of memory",
    "train --check --bits 16 --hidden 4096": "--bits 16 --hidden 4096: would need about 34 GB of "
    "memory, this process may use 2 GB",
    "compare --bits 16 --hidden 4096": "--bits 16 --hidden 4096: would need about 43 GB",
    "explain --hidden 4096": "--bits 2 --hidden 4096: would need about 26 GB",
    "explain --bits 16 --hidden 16": "--bits 16 --hidden 16: would need about 19 GB",
    "sweep --seeds 2 --bits 16 --hidden 4096": "--bits 16 --hidden 4096: would need about",
    "sweep --seeds 4294967296": "--seeds 4294967296: would need about 1,168 GB of memory",
    "sweep --seeds 0:100000000": "--seeds 0:100000000: would need about 27 GB of memory",
    "sweep --seeds 100000 --bits 12": "--seeds 100000: would need about 13 GB of memory",
    # flags that are none
    "train --sed 3": "--sed: unknown; did you mean --seed?",
    "train --see 3": "--see: unknown; did you mean --seed?",
    "train --epoch 3": "--epoch: unknown; did you mean --epochs?",
    "train --log_dir x": "--log_dir: unknown; did you mean --log-dir?",
    "train --learning-rate 3": "--learning-rate: unknown; see xor-torch train --help",
    "train --nonsense=7": "--nonsense: unknown; see xor-torch train --help",
    "train -s 3": "-s: unknown; see xor-torch train --help",
    "train --Seed 3": "--Seed: unknown; did you mean --seed?",
    "train --seeds 3": "--seeds: unknown; did you mean --seed?",
    "train stray": "stray: unknown; see xor-torch train --help",
    f"train {'x' * 5000}": f"{'x' * 77}...: unknown; see xor-torch train --help",
    "train --check 3": "3: unknown; see xor-torch train --help",
    "train --check=3": "--check: ignored explicit argument '3'",
    "train --no-check": "--no-check: unknown; did you mean --check?",
    "train -- x": "-- x: arguments go with a FILE of compare",
    "sweep --seed 3": "--seed: unknown; did you mean --seeds?",
    "compare --views all": "--views: unknown; see xor-torch compare --help",
    "compare a.py b.txt": "b.txt: only a .py or .ipynb file is executed",
    "compare a.py b.py --hint 5": "--hint: must be a whole number from 1 to 4, got 5",
    "compare a.py --hint 2 --json": "--json: it tells more than the hint",
    "compare a.py --json --format gnu": "--format gnu: --json is another format",
    "compare *.none": "*.none: no .py or .ipynb file has such a name",
    "compare a.py --csv none/a.csv": "--csv none/a.csv: there is no directory none",
    "compare a.py --html none/a": "--html none/a: there is no directory none",
    "compare --html pages": "--html pages: goes with a FILE to check",
    "explain a b": "b: unknown; see xor-torch explain --help",
    # choices
    "train --views some": "--views: invalid choice: 'some' (choose from",
    "train --views ALL": "--views: invalid choice: 'ALL' (choose from",
    "train --views=": "--views: invalid choice: '' (choose from",
    "sweep --device gpu": "--device: invalid choice: 'gpu' (choose from",
    "sweep --loss mae": "--loss: invalid choice: 'mae' (choose from",
    "explain --loss MSE": "--loss: invalid choice: 'MSE' (choose from",
    # twice
    "train --seed 3 --seed 4": "--seed 4: given twice",
    "train --seed=3 --seed=3": "--seed 3: given twice",
    "train --check --check": "--check: given twice",
    "train --config good.yaml --config good.yaml": "--config good.yaml: given twice",
    "train --trainer.devices 1 --trainer.devices 2": "--trainer.devices 2: given twice",
    "sweep --lr 0.1 --lr 0.2": "--lr 0.2: given twice",
    # argparse drops it
    "sweep --bits=--": "--bits=--: -- is not a value",
    "sweep --json --lr=--": "--lr=--: -- is not a value",
    "train --views=--": "--views=--: -- is not a value",
    # contradictions
    "train --trainer.max_epochs 3": "--trainer.max_epochs 3: --epochs says how long",
    "train --epochs 5 --trainer.max_steps 3": "--trainer.max_steps 3: --epochs says how long",
    "train --trainer.min_epochs 3": "--trainer.min_epochs 3: --epochs says how long",
    "train --trainer.fast_dev_run true": "--trainer.fast_dev_run True: --epochs says how long",
    "train --trainer.limit_train_batches 0": "--trainer.limit_train_batches 0: an epoch here is",
    "train --trainer.precision 16-true": "--trainer.precision 16-true: every number here is",
    "train --trainer.logger false": "--trainer.logger False: --views says what is logged",
    "train --trainer.callbacks x": "--trainer.callbacks x: takes an object",
    "train --trainer.default_root_dir x": "--trainer.default_root_dir x: --log-dir says where",
    "train --resume run --seed 4": "--seed 4: run/checkpoints/last.ckpt was trained with seed 3",
    "train --resume run --hidden 3": "--hidden 3: run/checkpoints/last.ckpt was trained with",
    "train --resume run --lr 1": "--lr 1.0: run/checkpoints/last.ckpt was trained with lr 0.1",
    "train --resume run --epochs 4": "--epochs 4: run/checkpoints/last.ckpt has done 5 already",
    "train --resume run --log-dir x": "--log-dir x: run/checkpoints/last.ckpt goes on where it is",
    # in a directory of runs the newest is taken; a refusal does not say so
    "train --resume logs/version_0 --seed 4": "--seed 4: logs/version_0/checkpoints/last.ckpt was",
    "explain logs --seed 3": "--seed 3: the checkpoint has its own; leave it out",
    "predict logs 0": "VALUEs: 1 given, the network has 2 inputs\n",
    "explain run --seed 3": "--seed 3: the checkpoint has its own; leave it out",
    "explain run --lr 1": "--lr 1.0: the checkpoint has its own; leave it out",
    "compare some.py --seed 3": "--seed 3: some.py has its own; leave it out",
    "compare some.py --epochs 3": "--epochs 3: some.py has its own; leave it out",
    "compare --timeout 5": "--timeout 5.0: goes with a FILE to check",
    "compare --strict": "--strict: goes with a FILE to check",
    "compare --verbose": "--verbose: goes with a FILE to check",
    "sweep --force": "--force: goes with --out FILE.npz",
    "sweep --log-dir x": "--log-dir x: goes with --out FILE.npz",
    "sweep --lr 0.1 0.1": "--lr 0.1 0.1: a value occurs twice",
    "sweep --hidden 2 2 --out x.npz": "--hidden 2 2: a value occurs twice",
    # times
    "compare some.py --timeout 0": f"--timeout: {POSITIVE} up to 1e+06, got 0",
    "compare some.py --timeout -1": f"--timeout: {POSITIVE} up to 1e+06, got -1",
    "compare some.py --timeout nan": f"--timeout: {POSITIVE} up to 1e+06, got nan",
    "compare some.py --timeout 1e300": f"--timeout: {POSITIVE} up to 1e+06, got 1e300",
    # the Trainer's
    "train --trainer.max_stps 3": "--trainer.max_stps 3: Lightning's Trainer has no such option; "
    "did you mean --trainer.max_steps?",
    "train --trainer.a.b 3": "--trainer.a.b 3: Lightning's Trainer has no such option",
    "train --trainer 3": "--trainer: Expected a <class 'dict'>. Got value: 3",
    "train --trainer.": "--trainer: expected one argument",
    "train --trainer.devices two": "--trainer.devices two: Lightning's Trainer refuses",
    "train --trainer.devices 0": "--trainer.devices 0: must be from 1 to 64",
    "train --trainer.devices 1000": "--trainer.devices 1000: must be from 1 to 64",
    "train --trainer.devices []": "--trainer.devices []: ",
    "train --trainer.num_nodes 2": "--trainer.num_nodes 2: one machine is enough",
    "train --trainer.accelerator tpu": "--trainer.accelerator tpu: Lightning's Trainer refuses",
    "train --trainer.strategy x": "--trainer.strategy x: Lightning's Trainer refuses",
    "train --trainer.max_time soon": "--trainer.max_time soon: Lightning's Trainer refuses",
    "train --trainer.max_time 3": "--trainer.max_time 3: not of the type that Lightning's Trainer",
    "train --trainer.detect_anomaly maybe": "--trainer.detect_anomaly maybe: not of the type that",
    "train --trainer.accumulate_grad_batches 0": "--trainer.accumulate_grad_batches 0: must be",
    "train --trainer.gradient_clip_val -1": "--trainer.gradient_clip_val -1: must be from 0",
    "train --trainer.gradient_clip_val nan": "--trainer.gradient_clip_val nan: not of the type",
    # no code is imported because a flag or a file names it
    'train --trainer.profiler {"class_path":"planted.Profiler"}': "--trainer.profiler {'class",
    "train --trainer.profiler.class_path planted.Profiler": "--trainer.profiler.class_path planted",
    "train --trainer.profiler planted.Profiler": "--trainer.profiler planted.Profiler: Lightning's",
    "train --trainer.strategy planted.Strategy": "--trainer.strategy planted.Strategy: Lightning's",
    "train --config class.yaml": "--trainer.profiler {'class_path': 'planted.Profiler'}: not of",
    # settings
    "train --config": "--config: expected one argument",
    "train --config none.yaml": "--config none.yaml: No such file or directory",
    "train --config run": "--config run: Is a directory",
    "train --config pipe.npz": "--config pipe.npz: pipe.npz is not a regular file",
    "train --config ''": f"--config: {PATH} ''",
    "train --config bad.yaml": "--config bad.yaml: unknown setting sed; did you mean seed?",
    "train --config wrong.yaml": f"--config wrong.yaml: --lr: {POSITIVE}, got fast",
    "sweep --config wrong.yaml": f"--config wrong.yaml: --lr: {POSITIVE}, got fast",
    "train --print-config --seed -1": f"--seed: {SEED} -1",
    # places
    "train --log-dir ''": f"--log-dir: {PATH} ''",
    "train --log-dir file": "--log-dir file: cannot make a run directory there: File exists",
    "train --log-dir file/logs": "--log-dir file/logs: cannot make a run directory there: Not a",
    "train --resume ''": f"--resume: {PATH} ''",
    "train --resume none": "--resume none: no checkpoint at none",
    "train --resume": "--resume : no checkpoint at lightning_logs/version_*",
    "train --resume --log-dir x": "--resume : no checkpoint at x/version_*",
    "train --resume file": "file is not a whole checkpoint file: take another copy",
    "explain ''": f"argument CHECKPOINT: {PATH} ''",
    "explain none": "no checkpoint at none",
    "compare ''": f"argument FILE: {PATH} ''",
    "sweep --out ''": f"--out: {PATH} ''",
    "sweep --out file": "--out file: the name must end in .npz",
    "sweep --out .npz": "--out .npz: the name must end in .npz",
    "sweep --out there.npz": "--out there.npz exists; --force overwrites it",
    "sweep --out dangling.npz": "--out dangling.npz exists; --force overwrites it",
    "sweep --out pipe.npz --force": "--out pipe.npz: is not a regular file",
    "sweep --out x.npz --log-dir dangling.npz": "--log-dir dangling.npz: dangling.npz is a link",
    "export run dangling.npz": "dangling.npz exists; --force overwrites it",
    "export run pipe.npz": "pipe.npz: is not a regular file",
    "compare /etc/hostname": "/etc/hostname: only a .py or .ipynb file is executed",
    "compare none": "none: only a .py or .ipynb file is executed",
    "sweep --out directory.npz": "--out directory.npz: is a directory",
    "sweep --out directory.npz --force": "--out directory.npz: is a directory",
    "sweep --out none/x.npz": "--out none/x.npz: there is no directory none",
    "sweep --out file/x.npz": "--out file/x.npz: there is no directory file",
    "sweep --out x.npz --log-dir file": "--log-dir file: file is a file",
    "predict": "the following arguments are required: checkpoint\n",
    "predict none": "no checkpoint at none\n",
    "predict ''": f"argument CHECKPOINT: {PATH} ''",
    "predict run 0": "VALUEs: 1 given, the network has 2 inputs\n",
    "predict run 0 1 0": "VALUEs: 3 given, the network has 2 inputs\n",
    "predict run 0 nan": "VALUEs: nan is not a finite number\n",
    "predict run 0 1e999": "VALUEs: 1e999 is not a finite number",
    "predict run 0 one": "VALUEs: one is not a finite number\n",
    "predict run 0 1 --seed 3": "--seed: unknown; see xor-torch predict --help",
    "predict file 0 1": "file is not a whole checkpoint file: take another copy",
    "play none": "no checkpoint at none\n",
    "play file": "file is not a whole checkpoint file: take another copy",
    "play --out there.npz": "--out there.npz exists; --force overwrites it",
    "play --out none/x.html": "--out none/x.html: there is no directory none\n",
    "play --out directory.npz --force": "--out directory.npz: is a directory",
    "play run two": "two: unknown",
    "export run": "the following arguments are required: file\n",
    "export run there.npz": "there.npz exists; --force overwrites it",
    "export run x.txt": "x.txt: the name must end in .npz or .onnx\n",
    "export run none/x.npz": "none/x.npz: there is no directory none\n",
    "export run directory.npz --force": "directory.npz: is a directory",
    "export none x.npz": "no checkpoint at none\n",
    "export run ''": f"argument FILE: {PATH} ''",
    "export file x.npz": "file is not a whole checkpoint file: take another copy",
    # seeds of a sweep
    "sweep --seeds 0": "--seeds 0 is an empty range",
    "sweep --seeds -3": "--seeds -3 is an empty range",
    "sweep --seeds 5:3": "--seeds 5:3 is an empty range",
    "sweep --seeds 5:5": "--seeds 5:5 is an empty range",
    "sweep --seeds 1e3": "--seeds 1e3 is neither a number N, nor a range A:B, nor a list",
    "sweep --seeds 1.5": "--seeds 1.5 is neither",
    "sweep --seeds some": "--seeds some is neither",
    "sweep --seeds 1:2:3": "--seeds 1:2:3 is neither",
    "sweep --seeds ''": "--seeds is neither a number N, nor a range A:B, nor a list A,B,C",
    "sweep --seeds ,": "--seeds , has no seed",
    "sweep --seeds 3,3": "--seeds 3,3: seed 3 occurs twice",
    "sweep --seeds 3 4 3": "--seeds 3 4 3: seed 3 occurs twice",
    "sweep --seeds -1,2": "--seeds -1,2: seed -1 is outside 0 to 4294967295",
    "sweep --seeds 4294967296,": "--seeds 4294967296,: seed 4294967296 is outside",
    "sweep --seeds 4294967297": "--seeds 4294967297: seed 4294967296 is outside",
    "sweep --seeds": "--seeds: expected at least one argument",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    fit(XORModule(seed=3), 5, logs, views="none")
    return logs / "version_0"


@pytest.fixture
def here(tmp_path, monkeypatch, saved):
    monkeypatch.chdir(tmp_path)
    Path("run").symlink_to(saved)
    Path("logs").mkdir()
    Path("logs/version_0").symlink_to(saved)
    Path("file").write_text("not a checkpoint")
    Path("good.yaml").write_text("seed: 3\n")
    Path("much.yaml").write_text("epochs: 1e5\n")
    Path("class.yaml").write_text("trainer: {profiler: {class_path: planted.Profiler}}\n")
    Path("dangling.npz").symlink_to("nowhere")
    os.mkfifo("pipe.npz")
    Path("bad.yaml").write_text("sed: 3\n")
    Path("wrong.yaml").write_text("lr: fast\n")
    Path("there.npz").touch()
    Path("directory.npz").mkdir()
    Path("some.py").write_text("raise SystemExit(7)")
    Path("planted.py").write_text("open('imported', 'w').close()\nraise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def words(call):
    return ["" if word == "''" else word for word in call.split()]


def contents(directory):
    """All files in a folder, and when each was changed."""
    return {path: path.lstat().st_mtime_ns for path in directory.rglob("*")}


def assert_refused(call, message, code, out, err, before, after):
    assert code == 2, call
    assert out == "", call
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1, err
    program = " ".join(["xor-torch", *(word for word in words(call)[:1] if word in cli.COMMANDS)])
    assert err.startswith(f"{program}: error: {message}"), err
    assert after == before, call


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_call_is_one_line_and_nothing_is_done(call, here, saved, capsys, monkeypatch):
    monkeypatch.setattr("xor_torch.memory.total", lambda: 2e9)
    before = contents(here), contents(saved)
    code = cli.main(words(call))
    captured = capsys.readouterr()
    assert_refused(
        call, CALLS[call], code, captured.out, captured.err, before,
        (contents(here), contents(saved)),
    )  # fmt: skip


def test_there_are_enough():
    assert len(CALLS) >= 80
    assert {call.split()[0] for call in CALLS} > {*cli.COMMANDS}


def test_a_line_that_does_not_name_the_value_is_found(here):
    call, said = "train --lr 0", "xor-torch train: error: --lr: expected one argument\n"
    with pytest.raises(AssertionError):
        assert_refused(call, CALLS[call], 2, "", said, {}, {})


@pytest.mark.parametrize(
    "call", ["train --lr nan", "compare --timeout 5", "sweep --seeds 0", "explain --sed 3"]
)
def test_a_bad_call_in_a_process_of_its_own(call, here, saved):
    before = contents(here)
    command, *flags = words(call)
    run = script(command, *flags, cwd=here)
    assert_refused(
        call, CALLS.get(call, ""), run.returncode, run.stdout, run.stderr, before, contents(here)
    )


def test_what_needs_too_much_is_refused_before_it_is_asked_for(here):
    # really with 2 GB of memory for the process, not only in words
    call = "import sys; from xor_torch.cli import main; sys.exit(main(sys.argv[1:]))"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({2 * 10**9},) * 2); {call}"
    for flags in ["--seeds", "4294967295"], ["--seeds", "3000000000"]:
        run = subprocess.run(
            [sys.executable, "-c", limited, "sweep", *flags],
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 2, run.stderr
        assert "of memory, this process may use" in run.stderr


def test_a_run_without_an_epoch_is_a_failure(here, capsys):
    flags = ["--epochs", "3", "--views", "none", "--trainer.max_time", "00:00:00:00"]
    assert cli.main(["train", *flags]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "max_time has ended it before its first epoch" in captured.err


# Values that look odd and are valid.
FINE = {
    "train --seed 0": ("seed", 0),
    "train --seed 4294967295": ("seed", 4294967295),
    "train --seed -0": ("seed", 0),
    "train --lr 1e-3": ("lr", 0.001),
    "train --lr .5": ("lr", 0.5),
    "train --lr=5e-324": ("lr", 5e-324),
    "train --epochs 1e4": ("epochs", 10000),
    "train --config much.yaml": ("epochs", 100000),
    "train --epochs 1000000000000": ("epochs", 10**12),
    "train --log-dir nan": ("log_dir", "nan"),
    "train --log-dir 3": ("log_dir", "3"),
    "train --resume": ("resume", True),
    "train --resume yes": ("resume", "yes"),
    "train --trainer.devices 1": ("trainer", {"devices": 1}),
    "train --config good.yaml": ("seed", 3),
    "train --config good.yaml --seed 4": ("seed", 4),
    "train --seed 4 --config good.yaml": ("seed", 4),
    "sweep --lr 0.1 0.2": ("lr", [0.1, 0.2]),
    "sweep --seeds 5:20": ("seeds", ["5:20"]),
}


@pytest.mark.parametrize("call", FINE)
def test_a_good_call_means_what_it_says(call, here, capsys):
    import yaml

    name, value = FINE[call]
    assert cli.main([*words(call), "--print-config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)[name] == value
