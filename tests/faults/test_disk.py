"""A full disk, a lost or read-only directory, odd names: the path is named, nothing is lost."""

import contextlib
import functools
import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from xor_torch import lit
from xor_torch.lit import checkpoint, runs

from . import warm

FOREVER = 10**9

slow = pytest.mark.slow


@pytest.fixture
def here(tmp_path):
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def limit(size):
    """No file may grow beyond `size` bytes: writing more fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def assert_goes_on(here, run_dir):
    """Resume the checkpoint that is kept: the run ends bit for bit as it should."""
    done = checkpoint.read(run_dir / runs.CHECKPOINT)["global_step"]
    warm.run("train", "--resume", run_dir, "--epochs", done + 50, "--views", "none", cwd=here)
    straight = here.with_name("straight")
    warm.run("train", "--epochs", done + 50, "--views", "none", cwd=straight)
    warm.assert_same_weights(run_dir, warm.the_run(straight))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="prlimit is Linux's")
@pytest.mark.parametrize(
    ("views", "named"), [("none", f"version_0/{runs.CHECKPOINT}"), ("scalars", "version_0")]
)
def test_the_disk_is_full_while_training(here, views, named):
    with warm.ended(
        warm.Command("train", "--epochs", FOREVER, "--views", views, cwd=here, piped=True)
    ) as command:
        command.until(lambda: "Epoch 2000," in command.stdout)
        resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
        assert command.wait() == 1
    words = command.last_words
    assert words.startswith(f"xor-torch train: cannot write lightning_logs/{named}: File too large")
    assert "; the checkpoint of epoch " in words
    assert " is kept: " in words
    run_dir = warm.the_run(here)
    assert not [path for path in run_dir.rglob(".*") if path.is_file()]
    assert_goes_on(here, run_dir)


def test_the_disk_is_full_before(here):
    setup = functools.partial(limit, 0)
    command = warm.run("train", cwd=here, setup=setup, piped=True, code=2)
    assert command.stderr == (
        "xor-torch train: error: --log-dir lightning_logs: "
        "cannot write lightning_logs/version_0/config.yaml: File too large\n"
    )
    assert not list(here.rglob("version_*"))


@pytest.fixture
def small_disk(here):
    """A file system of 280 kB."""
    disk = here / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=280k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_small_disk_fills_up(here, small_disk):
    command = warm.run("train", "--epochs", FOREVER, "--log-dir", "disk", cwd=here, code=1)
    assert "cannot write disk/version_0" in command.last_words
    assert "No space left on device; the checkpoint of epoch " in command.last_words
    saved = small_disk / "version_0" / runs.CHECKPOINT
    done = checkpoint.read(saved)["global_step"]
    lit.load(saved)
    copy = here / "lightning_logs/version_0"
    shutil.copytree(small_disk / "version_0", copy)
    assert done > 0
    assert_goes_on(here, copy)


@pytest.mark.parametrize("workers", ["one", pytest.param("several", marks=slow)])
def test_the_disk_is_full_in_a_sweep(here, workers):
    seeds = 1000 if workers == "one" else 6000
    flags = ["--seeds", seeds, "--epochs", 5, "--out", "x.npz"]
    setup = functools.partial(limit, 50_000)
    command = warm.run("sweep", *flags, cwd=here, setup=setup, piped=True, code=1)
    assert command.last_words.startswith("xor-torch sweep: error: --out x.npz: ")
    assert "File too large" in command.last_words
    assert not (here / "x.npz").exists()


def test_the_disk_is_full_before_a_sweep(here):
    setup = functools.partial(limit, 0)
    command = warm.run("sweep", "--out", "x.npz", cwd=here, setup=setup, piped=True, code=2)
    words = "xor-torch sweep: error: --out x.npz: cannot write there: File too large"
    assert command.last_words == words


def test_standard_output_is_full(here):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    for flags in (["train", "--epochs", 3], ["compare", "--epochs", 3]):
        command = warm.run(*flags, cwd=here, stdout="/dev/full", code=1)
        assert "cannot write standard output: No space left on device" in command.last_words


def test_the_directory_goes_away(here):
    with warm.ended(warm.Command("train", "--epochs", FOREVER, cwd=here)) as command:
        command.until(lambda: "Epoch 1000," in command.stdout)
        with contextlib.suppress(FileNotFoundError):
            while any((here / "lightning_logs").iterdir()):
                shutil.rmtree(here / "lightning_logs/version_0", ignore_errors=True)
        assert command.wait() == 1
    assert "cannot write lightning_logs/version_0" in command.last_words
    assert command.last_words.endswith("; nothing is kept")
    assert not list((here / "lightning_logs").iterdir())


def as_nobody():
    if os.geteuid() == 0:  # who may write everywhere
        os.setuid(65534)


def test_a_directory_that_cannot_be_written(here):
    (here / "logs").mkdir(mode=0o555)
    here.chmod(0o755)
    command = warm.run("train", "--log-dir", "logs", cwd=here, setup=as_nobody, code=2)
    assert command.stderr == (
        "xor-torch train: error: --log-dir logs: "
        "cannot make a run directory there: Permission denied\n"
    )
    assert not list((here / "logs").iterdir())


NAMES = ['it\'s "quoted"\nin two lines', "~", "ünï 日本"]
MORE_NAMES = ["a b", "$HOME", "a::b", "%s{0}", "-x", "é" * 120]


@pytest.mark.parametrize("name", [*NAMES, *(pytest.param(n, marks=slow) for n in MORE_NAMES)])
def test_odd_names(here, name):
    flags = ["--epochs", 5, f"--log-dir={name}"]
    command = warm.run("train", *flags, cwd=here)
    (run_dir,) = (here / name).iterdir()
    there = sorted(path.name.partition(".")[0] for path in run_dir.iterdir())
    assert there == ["checkpoints", "config", "output", "seed42-lr0"]
    assert list(here.iterdir()) == [here / name]
    # a line of standard error is what a shell takes
    where = command.last_words.partition("--logdir ")[2]
    said = subprocess.run(["bash", "-c", f"printf %s {where}"], capture_output=True, text=True)
    assert said.stdout == name
    resumed = warm.run("train", f"--resume={name}/version_0", "--epochs", 7, cwd=here)
    assert resumed.stdout.startswith("\nFinal")
    assert list((here / name).iterdir()) == [run_dir]


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 2500])
def test_names_that_are_too_long(here, name):
    command = warm.run("train", "--log-dir", name, cwd=here, code=2)
    assert command.stderr == (
        f"xor-torch train: error: --log-dir {name}: "
        "cannot make a run directory there: File name too long\n"
    )
    assert not list(here.iterdir())
