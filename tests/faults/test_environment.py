"""A run is the same with any environment variables, and with any clock when it is resumed.

Every row of the table is a real process: Lightning reads some of the variables when it is imported.
"""

import os
import shutil
import subprocess
import sys

import pytest

from xor_torch.lit import runs

from ..common import ROOT, script
from . import warm

slow = pytest.mark.slow
FLAGS = ["--epochs", 120, "--views", "scalars"]

TABLE = {
    "a rank": {"RANK": "1"},
    "a local rank": {"LOCAL_RANK": "1"},
    "a launched job": {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "NODE_RANK": "1"},
    "a task of slurm": {"SLURM_PROCID": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train"},
    "four tasks of slurm": {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train"},
    "a task of jsrun": {"JSM_NAMESPACE_RANK": "1"},
    "options of the trainer": {
        "PL_TRAINER_GRADIENT_CLIP_VAL": "1e-9",
        "PL_TRAINER_MAX_STEPS": "7",
        "PL_TRAINER_DEVICES": "2",
        "PL_TRAINER_LOGGER": "false",
    },
    "ascii": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "another language": {"LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE", "TZ": "Pacific/Kiritimati"},
    "a small terminal": {"COLUMNS": "10", "LINES": "3", "TERM": "dumb", "NO_COLOR": "1"},
    "nobody at home": {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"},
    "python": {"PYTHONHASHSEED": "7", "PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1"},
    "unbuffered": {"PYTHONUNBUFFERED": "1"},
    "threads": {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "2"},
    "devices": {"CUDA_VISIBLE_DEVICES": "0,1", "PYTORCH_JIT": "0"},
}
EVERYTHING = {name: value for row in TABLE.values() for name, value in row.items()}
# With this one, Python compiles torch and Lightning again, which takes longer than all the rest.
del EVERYTHING["PYTHONOPTIMIZE"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The run that the others must equal."""
    cwd = tmp_path_factory.mktemp("plain") / "here"
    return warm.run("train", *FLAGS, cwd=cwd), warm.the_run(cwd)


def assert_same_run(done, cwd, plain):
    command, expected = plain
    assert done.returncode == 0, done.stderr
    assert done.stdout == command.stdout
    found = warm.the_run(cwd)
    warm.assert_same_weights(found, expected)
    assert warm.curves(found) == warm.curves(expected)
    assert (found / runs.CONFIG).read_bytes() == (expected / runs.CONFIG).read_bytes()


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(EVERYTHING, id="all of them"),
        *(pytest.param(row, id=name, marks=slow) for name, row in TABLE.items()),
    ],
)
def test_a_run_in_an_environment(variables, plain, tmp_path):
    done = script("train", *FLAGS, cwd=tmp_path, env={**os.environ, **variables})
    assert_same_run(done, tmp_path, plain)


@slow
@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("offset", ["-400d", "-1s", "+400d"])
def test_a_resume_at_another_time(offset, plain, tmp_path):
    first = script("train", "--epochs", 60, "--views", "scalars", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    command = ["faketime", "-f", offset, sys.executable, ROOT / "scripts/train.py"]
    done = subprocess.run(
        [*command, "--resume", "--epochs", "120"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = warm.the_run(tmp_path)
    warm.assert_same_weights(found, plain[1])
    for tag, curve in warm.curves(plain[1]).items():
        steps = dict(warm.curves(found)[tag])
        # the last epoch of the first part is shown too
        assert [(e, steps[e]) for e, _ in curve] == curve, tag
        assert sorted(steps) == [e for e, _ in warm.curves(found)[tag]], tag
