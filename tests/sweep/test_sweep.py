"""Many seeds at once: the same numbers as alone, in blocks that survive any interruption.

The file is long because it follows a sweep to its end: seeds, blocks, processes, outcomes, table.
"""

import io
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch  # sweeps of one block are computed in this process
from hypothesis import given
from hypothesis import strategies as st

from xor_torch import data, manual
from xor_torch.outcome import classify, fraction, wilson
from xor_torch.sweep import (
    Interrupted,
    Progress,
    Result,
    device,
    grid,
    initial_weights,
    parse_seeds,
    plan,
    progress,
    progress_bar,
    report,
    summary,
    sweep,
    table,
)
from xor_torch.sweep.blocks import Blocks
from xor_torch.sweep.plan import make_plan, write_plan
from xor_torch.sweep.progress import preview
from xor_torch.sweep.work import work

ROOT = Path(plan.__file__).parents[2]


def test_row_k_is_the_single_run_of_seed_k():
    seeds = [7, 3, 2**32 - 1, 0]
    result = sweep(seeds, epochs=300, lr=0.5, hidden=3)
    X, y = data.truth_table()
    for k, seed in enumerate(seeds):
        *_, last = manual.train(X, y, data.initial_weights(seed, hidden=3), 0.5, 300)
        end = manual.descend(last.parameters, last.backward.gradients, 0.5)
        assert result.seed[k] == seed
        for name, row, expected in zip(end._fields, result.parameters, end, strict=True):
            np.testing.assert_allclose(row[k], expected, rtol=1e-12, err_msg=f"seed {seed} {name}")
        np.testing.assert_allclose(result.prediction[k], last.forward.a2[:, 0], rtol=1e-12)
        np.testing.assert_allclose(result.loss[k], last.mse, rtol=1e-12)
        assert result.solved[k] == ((last.forward.a2 > 0.5) == (y > 0.5)).all()


@given(
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5),
    hidden=st.integers(1, 5),
    bits=st.integers(1, 4),
)
def test_initial_weights_are_bit_identical(seeds, hidden, bits):
    before = np.random.get_state()[1].copy()
    many = initial_weights(np.array(seeds), hidden, bits)
    for k, seed in enumerate(seeds):
        for row, expected in zip(many, data.initial_weights(seed, hidden, bits), strict=True):
            np.testing.assert_array_equal(row[k], expected)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.slow
def test_the_two_thousand_seeds_of_the_notebook():
    result = sweep(2000)
    near = np.isclose(result.loss[:, None], [1 / 8, 1 / 6], rtol=0.05)
    assert result.solved.sum() == 1480
    assert [*near.sum(axis=0)] == [461, 44]
    assert (result.loss > 0.2).sum() == 14
    names, counts = np.unique(result.outcome, return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {"moving": 2, "plateau": 518, "solved": 1480}
    assert not result.solved[42]
    assert fraction(result.level[42]) == "1/8"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", [0, 1, 2]),
        (3, [0, 1, 2]),
        ("2:5", [2, 3, 4]),
        ("9,4", [9, 4]),
        ("42,", [42]),
        (["9", "4"], [9, 4]),
        ("4294967295:4294967296", [2**32 - 1]),
    ],
)
def test_seeds_as_a_user_writes_them(text, expected):
    seeds = parse_seeds(text)
    assert seeds.dtype == np.int64
    assert seeds.tolist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "--seeds 0 is an empty range"),
        ("5:5", "--seeds 5:5 is an empty range"),
        ("7:3", "--seeds 7:3 is an empty range"),
        ("1,2,1", "--seeds 1,2,1: seed 1 occurs twice"),
        ("-3,4", "--seeds -3,4: seed -3 is outside 0 to 4294967295"),
        ("4294967296,", "seed 4294967296 is outside"),
        (str(2**70), "is outside"),
        ("-1:3", "--seeds -1:3: seed -1 is outside"),
        (",", "--seeds , has no seed"),
        ("ten", "--seeds ten is neither a number N, nor a range A:B, nor a list A,B,C"),
        ("1:2:3", "--seeds 1:2:3 is neither"),
    ],
)
def test_seeds_that_are_refused(text, message):
    with pytest.raises(ValueError) as error:
        parse_seeds(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": 0}, "--lr must be a positive number, got 0"),
        ({"lr": -0.1}, "--lr must be a positive number, got -0.1"),
        ({"lr": float("nan")}, "--lr must be a positive number, got nan"),
        ({"lr": float("inf")}, "--lr must be a positive number, got inf"),
        ({"hidden": 0}, "--hidden must be from 1 to 4096, got 0"),
        ({"bits": 17}, "--bits must be from 1 to 16, got 17"),
        ({"epochs": 0}, "--epochs must be at least 1, got 0"),
        ({"device": "gpu"}, "--device must be one of auto, cpu, cuda, got gpu"),
        ({"loss": "l1"}, "--loss must be one of mse, bce, got l1"),
        ({"workers": 0}, "--workers must be at least 1, got 0"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(arguments, message, tmp_path):
    with pytest.raises(ValueError) as error:
        sweep(3, out=tmp_path / "s.npz", **arguments)
    assert str(error.value) == message
    assert not [*tmp_path.iterdir()]


def test_the_file_holds_the_result(tmp_path):
    out = tmp_path / "s.npz"
    result = sweep("5:9", epochs=20, bits=3, hidden=2, out=out)
    with np.load(out) as file:
        shapes = {name: file[name].shape for name in file.files}
    expected = {
        "seed": (4,),
        "W1": (4, 3, 2),
        "b1": (4, 1, 2),
        "W2": (4, 2, 1),
        "b2": (4, 1, 1),
        "loss": (4,),
        "prediction": (4, 8),
        "solved": (4,),
    }
    assert expected.items() <= shapes.items()
    loaded = Result.load(out)
    for f in fields(Result):
        if f.name != "timing":
            np.testing.assert_array_equal(getattr(loaded, f.name), getattr(result, f.name))
    assert loaded.lr == 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["s.npz"]


def test_an_existing_file_is_not_overwritten_without_force(tmp_path):
    out = tmp_path / "s.npz"
    out.write_text("precious")
    with pytest.raises(FileExistsError, match=r"--out .*s.npz exists: --force overwrites it"):
        sweep(3, epochs=5, out=out)
    assert out.read_text() == "precious"
    sweep(3, epochs=5, out=out, force=True)
    assert Result.load(out).seed.tolist() == [0, 1, 2]


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="--out"):
        sweep(3, epochs=5, out=tmp_path / "nowhere" / "s.npz")


@pytest.fixture
def small_blocks(monkeypatch):
    """Eight blocks for a few seeds, so that there is something to interrupt."""
    monkeypatch.setattr(plan, "BLOCK", 4)


def test_an_interrupted_sweep_keeps_what_is_finished_and_goes_on(tmp_path, small_blocks):
    out = tmp_path / "s.npz"

    def interrupt(now):
        if now.finished >= 8:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as interrupted:
        sweep(20, epochs=50, out=out, workers=1, progress=interrupt)
    partial = interrupted.value.result
    assert 8 <= partial.seed.size < 20
    assert interrupted.value.kept == tmp_path / "s.npz.blocks"
    assert not out.exists()

    finished = []
    sweep(20, epochs=50, out=out, workers=1, progress=lambda now: finished.append(now.finished))
    assert finished[0] >= 8
    sweep(20, epochs=50, out=tmp_path / "other.npz", workers=1)
    assert out.read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_blocks_of_another_sweep_are_not_mixed_in(tmp_path, small_blocks):
    def interrupt(now):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        sweep(20, epochs=50, out=tmp_path / "s.npz", workers=1, progress=interrupt)
    with pytest.raises(FileExistsError, match="another sweep"):
        sweep(20, epochs=50, lr=0.2, out=tmp_path / "s.npz", workers=1)
    sweep(20, epochs=50, lr=0.2, out=tmp_path / "s.npz", workers=1, force=True)


def test_a_seed_that_diverges_is_an_outcome(small_blocks):
    result = sweep(20, epochs=30, lr=1e308, loss="bce", workers=1)
    assert "diverged" in result.outcome
    assert not result.solved[result.outcome == "diverged"].any()


# --- several processes -----------------------------------------------------------------------


def environment(**more):
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def test_own_workers_give_the_bytes_of_one(tmp_path, small_blocks, monkeypatch):
    # and import nothing from where they are started
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in "random", "xor_torch":
        Path(f"{name}.py").write_text(f"raise SystemExit('the wrong {name}')")
    sweep(40, epochs=100, out=tmp_path / "one.npz", workers=1)
    seen = []
    sweep(40, epochs=100, out=tmp_path / "two.npz", workers=2, progress=seen.append)
    assert seen[-1].done == seen[-1].total == 4000
    assert seen[-1].finished == 40
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_the_first_seed_is_shown_while_the_others_get_ready():
    small, _ = make_plan(3, 5000, 0.1, 2, 2, "mse", True)
    shown = preview(small)
    assert next(shown).startswith("seed 0: loss 0.")
    assert [next(shown) for _ in range(60)][-1].endswith(" after 5000 epochs")
    large, _ = make_plan(3, 5000, 0.1, 64, 10, "mse", False)
    assert next(preview(large)) == ""


def test_in_a_file_the_bar_is_a_line_now_and_then(monkeypatch):
    clock = iter([0.0, 0.0, 1.0, 12.0, 12.0, 13.0, 14.0, 14.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    file = io.StringIO()
    with progress_bar(file) as show:
        for done in 0, 10, 20, 30:
            show(Progress(done, 40, 0, 0, "seed 0: loss 0.25"))
        show(Progress(40, 40, 4, 3))
    lines = file.getvalue().splitlines()
    assert "\r" not in file.getvalue()
    assert [line.split("|")[0].strip() for line in lines] == ["0%", "50%", "100%"]
    assert "seed 0: loss 0.25" in lines[0]
    assert "3 of 4 seeds solved" in lines[-1]


def test_at_a_terminal_the_bar_is_drawn_over():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    file = Terminal()
    with progress_bar(file) as show:
        show(Progress(0, 40, 0, 0, "seed 0: loss 0.25"))
        show(Progress(40, 40, 4, 3))
    assert file.getvalue().count("\r") >= 3
    assert "seed 0: loss 0.25" in file.getvalue()


def test_something_is_shown_before_torch_is_imported():
    """A sweep of one block leaves torch to a worker, unless this process has it already.

    And it does not import what it does not need.
    """
    code = """if True:
        import sys
        sys.modules.update(lightning=None, tensorboard=None, matplotlib=None)
        from xor_torch.sweep import sweep
        shown = []
        sweep(3, epochs=5, workers=1, progress=lambda now: shown.append(now))
        assert "torch" not in sys.modules
        assert shown[0].first.startswith("seed 0: loss 0."), shown
    """
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


def test_a_sweep_shows_something_before_it_imports_torch(tmp_path):
    seen = []

    def show(now):
        if not seen:
            assert not list(tmp_path.glob("*.blocks/*.claim"))  # no block is taken yet
        seen.append(now)

    sweep(3, epochs=5, out=tmp_path / "s.npz", workers=1, progress=show)
    assert (seen[0].done, seen[0].finished, seen[-1].finished) == (0, 0, 3)
    assert seen[0].first.startswith("seed 0: loss ")


def test_a_failing_worker_is_quoted_and_nothing_is_lost(tmp_path, small_blocks, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "torch.py").write_text("raise MemoryError('no memory for torch')")
    with pytest.raises(ChildProcessError, match="no memory for torch"):
        sweep(40, epochs=100, out=tmp_path / "s.npz", workers=2)
    assert (tmp_path / "s.npz.blocks" / "plan.json").exists()


def _refuse(*args, **kwargs):
    raise PermissionError(13, "Permission denied")


def test_a_claim_that_cannot_be_written_does_not_stay(tmp_path, monkeypatch):
    """An empty claim names no holder, so that the same command would wait a minute for it."""
    plan, _ = make_plan(3, 5, 0.1, 2, 2, "mse", False)
    write_plan(plan, tmp_path)
    monkeypatch.setattr(Path, "write_text", _refuse)
    with pytest.raises(PermissionError):
        next(Blocks(tmp_path, plan).claims())
    assert not list(tmp_path.glob("*.claim"))


def test_the_claim_of_a_dead_process_is_taken_over(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    one, _ = make_plan(3, 5, 0.1, 2, 2, "mse", False)
    write_plan(one, tmp_path)
    blocks = Blocks(tmp_path, one)
    for claim in blocks.claims():
        claim.beat(3)
        path = tmp_path / "0.claim"
        text = path.read_text()
        break
    path.write_text(text.replace(f'"pid": {os.getpid()}', f'"pid": {dead.pid}'))
    for claim in blocks.claims():
        claim.finish(x=np.arange(3))
    assert np.load(tmp_path / "0.npz")["x"].tolist() == [0, 1, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.npz", "plan.json"]


def test_without_a_compiler_eager_serves_and_says_so(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(plan, "WORTH_COMPILING", 1)
    assert sweep(3, epochs=5).timing.note == ""  # nothing is lost that anybody would feel
    monkeypatch.setattr(plan, "MUCH", 1)
    result = sweep(3, epochs=5)
    assert "there is no C++ compiler no-such-compiler" in result.timing.note


def test_a_compiler_that_fails_is_survived(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXX", "false")
    # in this process, which has imported torch
    monkeypatch.setattr("xor_torch.sweep.run.employ", lambda workers, *rest: work(*rest))
    result = sweep(3, epochs=5, compiled=True)
    assert result.timing.note.startswith("not compiled, four times as slow: ")
    reference = sweep(3, epochs=5)
    np.testing.assert_array_equal(result.W1, reference.W1)


def test_the_command_needs_torch_in_its_workers_only():
    code = "import sys, xor_torch.sweep; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


# --- a GPU -----------------------------------------------------------------------------------

XOR = (2, 2, "mse", None)  # bits, hidden, loss, compiled: the last arguments of `make_plan`


@pytest.fixture
def gpu(monkeypatch):
    """Let plans believe that there is a GPU of 132 multiprocessors."""
    monkeypatch.setattr(plan, "multiprocessors", lambda: (132, ""))


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(plan, "multiprocessors", lambda: (0, "this machine has no NVIDIA driver"))


def test_a_gpu_that_is_not_there_is_refused(no_gpu, tmp_path):
    with pytest.raises(ValueError) as error:
        sweep(3, device="cuda", out=tmp_path / "s.npz")
    message = "--device cuda: this machine has no NVIDIA driver; leave it out, and the CPU computes"
    assert str(error.value) == message
    assert not [*tmp_path.iterdir()]


def test_without_a_gpu_auto_is_the_cpu(no_gpu):
    for seeds in 10, 1_000_000:
        assert make_plan(seeds, 10_000, 0.1, *XOR, "auto") == make_plan(seeds, 10_000, 0.1, *XOR)


@pytest.mark.parametrize(
    ("seeds", "hidden", "device"),
    [
        (1_000_000, 2, "cuda"),
        (1000, 2, "cpu"),  # less work than it takes to start a GPU
        (1_000_000, 40, "cpu"),  # a network that is too long for the kernel
    ],
)
def test_auto_takes_the_gpu_for_work_that_is_worth_it(gpu, seeds, hidden, device):
    found, _ = make_plan(seeds, 10_000, 0.1, hidden, 2, "mse", None, "auto")
    assert found.device == device


def test_blocks_fill_the_gpu(gpu):
    million, _ = make_plan(1_000_000, 10_000, 0.1, *XOR, "cuda")
    assert million.compiled
    assert million.blocks == 8
    assert 100_000 < million.width <= 132 * 1024
    few, _ = make_plan(20_000, 100, 0.1, *XOR, "cuda")
    assert (few.blocks, few.compiled) == (1, True)
    large, _ = make_plan(20_000, 100, 0.1, 16, 8, "mse", None, "cuda")
    assert large.width < 400  # so that its intermediates fit the memory of a GPU
    assert not large.compiled


def test_a_sweep_on_the_gpu_has_the_rows_of_the_cpu(gpu, monkeypatch, tmp_path):
    """Tests all except the arithmetic, which tests/test_kernel.py tests."""
    from xor_torch.sweep import work

    devices = []

    def on_cpu(*arguments, device, **more):
        devices.append(device)
        return train(*arguments, **more)

    train = work.train
    monkeypatch.setattr(work, "take_gpu", lambda: devices.append("taken"))
    monkeypatch.setattr(work, "train", on_cpu)
    monkeypatch.setattr(work, "BLOCK", 7)
    settings = {"epochs": 60, "compiled": False, "workers": 1}
    result = sweep(20, **settings, device="cuda", out=tmp_path / "s.npz")
    assert devices == ["taken", "cuda"]
    expected = sweep(20, **settings)
    np.testing.assert_array_equal(result.W1, expected.W1)
    np.testing.assert_array_equal(result.curve_solved, expected.curve_solved)
    assert result.curve_loss.shape[1] == 7  # a block of a GPU is large: not all curves are kept


def test_a_sweep_that_began_on_a_gpu_needs_one_to_go_on(monkeypatch, tmp_path):
    monkeypatch.setattr(plan, "multiprocessors", lambda: (132, ""))
    begun, _ = make_plan(20, 50, 0.1, *XOR, "cuda")
    (tmp_path / "s.npz.blocks").mkdir()
    write_plan(begun, tmp_path / "s.npz.blocks")
    monkeypatch.setattr(plan, "multiprocessors", lambda: (0, "this machine has no NVIDIA driver"))
    with pytest.raises(
        ValueError, match="blocks of a GPU, and this machine has no NVIDIA driver: --force"
    ):
        sweep(20, epochs=50, out=tmp_path / "s.npz")
    assert sweep(20, epochs=50, out=tmp_path / "s.npz", force=True).seed.size == 20


def test_a_sweep_that_began_on_the_cpu_stays_there(gpu, tmp_path):
    begun, _ = make_plan(20, 50, 0.1, *XOR)
    (tmp_path / "s.npz.blocks").mkdir()
    write_plan(begun, tmp_path / "s.npz.blocks")
    assert sweep(20, epochs=50, device="cuda", out=tmp_path / "s.npz").seed.size == 20


def test_processes_take_gpus_in_turn(monkeypatch):
    from xor_torch.sweep.work import take_gpu

    taken = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    for rank in "0", "1", "2":
        monkeypatch.setenv("LOCAL_RANK", rank)
        take_gpu()
    assert taken == [0, 1, 0]


class Driver:
    """NVIDIA's driver, whose `failing` function returns 100."""

    def __init__(self, failing):
        for name in "cuInit", "cuDeviceGet", "cuDeviceGetAttribute":
            setattr(self, name, lambda *_, name=name: 100 if name == failing else 0)

        def attribute(found, number, device):
            found._obj.value = {16: 132}[number]
            return 0

        if failing != "cuDeviceGetAttribute":
            self.cuDeviceGetAttribute = attribute


@pytest.mark.parametrize(
    ("failing", "torch_has_cuda", "found"),
    [
        ("", True, (132, "")),
        ("cuInit", True, (0, "the NVIDIA driver offers no device (its error 100)")),
        ("cuDeviceGet", True, (0, "the NVIDIA driver offers no device (its error 100)")),
        ("", False, (0, "the installed torch is a build without CUDA")),
    ],
)
def test_the_driver_is_asked(monkeypatch, failing, torch_has_cuda, found):
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: Driver(failing))
    monkeypatch.setattr(device, "_torch_has_cuda", lambda: torch_has_cuda)
    assert device.multiprocessors() == found


def test_without_a_driver(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(device.ctypes, "CDLL", missing)
    assert device.multiprocessors() == (0, "this machine has no NVIDIA driver")


def test_how_torch_was_built_is_read_without_importing_it():
    assert device._torch_has_cuda() == (torch.version.cuda is not None)


# --- outcomes --------------------------------------------------------------------------------


def one(prediction, loss, gradient_norm=1e-4, lr=0.1, **more):
    outcome, level, tied = classify(
        np.array([prediction]), np.array([loss]), np.array([gradient_norm]), 10_000, lr, **more
    )
    return outcome[0], level[0], tied[0].tolist()


def test_outcomes():
    assert one([0.04, 0.95, 0.5, 0.51], 0.1262) == ("plateau", 0.125, [0, 0, 1, 1])
    outcome, level, tied = one([0.03, 0.66, 0.66, 0.67], 0.168)
    assert (outcome, tied) == ("plateau", [0, 1, 1, 1])
    assert fraction(level) == "1/6"
    assert one([0.5, 0.5, 0.5, 0.5], 0.25) == ("plateau", 0.25, [1, 1, 1, 1])
    assert one([0.1, 0.9, 0.9, 0.1], 0.01)[0] == "solved"
    assert one([0.5, 0.5, 0.5, 0.52], 0.249, gradient_norm=0.1)[0] == "moving"
    assert one([1.0, 1.0, 1.0, 1e-9], 0.25)[0] == "stuck"
    assert one([0.5, np.nan, 0.5, 0.5], 0.25)[0] == "diverged"
    assert one([0.1, 0.9, 0.9, 0.1], 0.01, finite=np.array([False]))[0] == "diverged"


def test_levels_of_cross_entropy():
    outcome, level, _ = one([0.0, 1.0, 0.5, 0.5], np.log(2) / 2 * 1.01, criterion="bce")
    assert outcome == "plateau"
    assert level == pytest.approx(np.log(2) / 2)


def test_two_pairs_of_ties_are_told_apart_in_three_bits():
    # 000 and 001 answered by 1/2; 110 and 111 and 011 by 1/3
    prediction = [0.5, 0.5, 1.0, 1 / 3, 1.0, 0.0, 1 / 3, 1 / 3]
    outcome, level, tied = one(prediction, (2 / 4 + 2 / 3) / 8)
    assert outcome == "plateau"
    assert level == pytest.approx((2 / 4 + 2 / 3) / 8)
    assert tied == [2, 2, 0, 1, 0, 0, 1, 1]


def test_wilson():
    assert wilson(1480, 2000) == pytest.approx((0.7203, 0.7588), abs=1e-4)
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == pytest.approx(1)


def test_classification_is_of_each_network_alone():
    predictions = np.random.RandomState(0).rand(50, 4)
    loss = np.full(50, 0.2)
    many = classify(predictions, loss, loss, 10, 0.1)
    for k in range(50):
        alone = classify(predictions[[k]], loss[[k]], loss[[k]], 10, 0.1)
        assert alone.outcome[0] == many.outcome[k]
        np.testing.assert_array_equal(alone.tied[0], many.tied[k])


# --- what is printed -------------------------------------------------------------------------


def test_summary_counts_every_seed_once():
    result = sweep(60, epochs=3000, lr=0.5)
    entries = summary(result)
    assert sum(entry["count"] for entry in entries) == 60
    assert entries[0]["outcome"] == "solved"
    assert entries[0]["count"] == result.solved.sum()
    assert entries[0]["seeds"] == result.seed[result.solved][:5].tolist()
    plateau = next(entry for entry in entries if entry["outcome"] == "plateau")
    assert plateau["level"] == 0.125
    assert plateau["low"] < plateau["share"] < plateau["high"]
    lines = table(result).splitlines()
    assert lines[0].split()[:5] == ["outcome", "level", "tied", "seeds", "share"]
    assert len(lines) == 1 + len(entries)
    assert any("1/8" in line for line in lines)


def test_rows_are_numbered_by_what_they_hold():
    """Also if there are more combinations than an integer can number."""
    columns = [*np.random.RandomState(0).randint(0, 9, size=(40, 30))]
    columns = [np.append(column, column) for column in columns]
    number = report._number_rows(columns)
    np.testing.assert_array_equal(number[:30], number[30:])
    assert np.unique(number).size == 30


def test_several_values_are_a_product(tmp_path):
    cells = grid(tmp_path / "s.npz", lr=[0.1, 0.5], hidden=[2, 3], epochs=10)
    assert [cell for cell, _ in cells] == [
        {"lr": lr, "hidden": hidden, "epochs": 10} for lr in (0.1, 0.5) for hidden in (2, 3)
    ]
    assert cells[3][1] == tmp_path / "s-lr=0.5-hidden=3.npz"
    assert grid(tmp_path / "s.npz", lr=0.1)[0][1] == tmp_path / "s.npz"
    with pytest.raises(ValueError, match=r"--lr .*: a value occurs twice"):
        grid(lr=[0.1, 0.1])
