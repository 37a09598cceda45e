"""The benchmarks of `scripts/` measure what they say; how fast anything is, no test says."""

import sys

import benchmark_commands
import benchmark_growth
import numpy as np
import pytest

from xor_torch.backprop.check import check_file

from .common import PATIENCE


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
