"""The benchmarks of `scripts/` measure what they say; no test says how fast anything is."""

import shutil
import sys
from pathlib import Path

import benchmark_commands
import benchmark_growth
import benchmark_sweep
import numpy as np
import pytest

from xor_torch.backprop.check import check_file

from .common import PATIENCE, ROOT


@pytest.mark.parametrize(("a", "b", "k"), [(0, 2, 1), (1, 0.5, 1.5), (3, 1e-3, 2)])
def test_the_fit_finds_what_grows(a, b, k):
    sizes = [2**n for n in range(10)]
    assert benchmark_growth.fitted(sizes, [a + b * n**k for n in sizes]) == pytest.approx(
        (a, b, k), rel=1e-6, abs=1e-9
    )


def test_the_fit_never_says_less_than_nothing():
    sizes = [1, 2, 4, 8]
    noise = np.array([0.9, 1.1, 0.9, 1.1])
    a, _, k = benchmark_growth.fitted(sizes, [*(noise * sizes)])
    assert a >= 0
    assert 0.8 < k < 1.2


def test_the_deep_script_is_one_that_the_judge_can_tell(tmp_path):
    path = tmp_path / "deep.py"
    path.write_text(benchmark_growth.DEEP.format(layers=3))
    assert check_file(path, timeout=PATIENCE).verdict == "correct"


def test_the_script_in_pure_python_is_right(tmp_path):
    path = tmp_path / "python.py"
    path.write_text(benchmark_commands.PYTHON)
    assert check_file(path, timeout=PATIENCE).verdict == "correct"


def test_a_process_costs_something(tmp_path):
    cost = benchmark_commands.cost(["-c", "print(sum(range(10**6)))"], str(tmp_path))
    assert cost.processors > 0
    assert cost.memory > 1
    with pytest.raises(SystemExit, match="ended with 3"):
        benchmark_commands.cost(["-c", "raise SystemExit(3)"], str(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no terminals of this kind")
def test_the_first_word_is_waited_for_and_no_more(tmp_path):
    endless = "import time; print('x', flush=True); time.sleep(10**6)"
    assert benchmark_commands.first_word(["-c", endless], str(tmp_path)).clock > 0


def test_the_floor_is_sigmoids_in_the_loop_of_a_kernel():
    text = benchmark_sweep.floor()
    assert "<load>" not in text and "for (int64_t epoch = 0" in text
    assert text.count(".exp()") == text.count(" / (V(1.0) + ") == benchmark_sweep.SIGMOIDS
    assert text.count(".store(") == text.count("V::loadu(") == benchmark_sweep.SIGMOIDS


@pytest.fixture
def page(tmp_path):
    """A copy of docs/speed.md, to be written into."""
    return Path(shutil.copy(ROOT / "docs/speed.md", tmp_path))


def test_tables_and_fits_are_written_into_the_page(page):
    before = page.read_text().splitlines()
    commands = {
        name: {"clock": 1, "processors": 2, "memory": 3, "bar": 4}
        for name in benchmark_commands.ROWS
    }
    rows = benchmark_commands.rows_of_table(commands)
    benchmark_commands.replace_table(page.parent, benchmark_commands.HEAD, rows)
    benchmark_commands.replace_table(page.parent, benchmark_sweep.HEAD, ["| none | 1 |"])
    for name in benchmark_growth.GROWTHS:
        benchmark_growth.replace_fit(page.parent, name, (0.25, 2, 1.5))
    after = page.read_text().splitlines()
    assert {*rows} < {*after}
    # each line of the table has its place in the benchmark, and the other way round
    names = {line.split("|")[1] for line in before if line.count("|") == 6}
    assert {line.split("|")[1] for line in after if line.count("|") == 6} == names
    fits = [line for line in after if line.startswith("`0.25 s + 2 s n^1.50`, for n ")]
    assert len(fits) == len(benchmark_growth.GROWTHS)
    assert "| none | 1 |" in after
    assert not any(line.startswith("| eager ") for line in after)


def test_a_table_that_is_not_there_is_noticed(page):
    with pytest.raises(AssertionError, match="no table with the head"):
        benchmark_commands.replace_table(page.parent, "| nothing |", [])
    with pytest.raises(AssertionError, match=r"no growth-nothing\.svg"):
        benchmark_growth.replace_fit(page.parent, "nothing", (1, 2, 3))
