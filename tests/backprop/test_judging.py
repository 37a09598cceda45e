"""The rooms of the judge, each by itself: points, fits, the trial at three points."""

import contextlib
import io
import math

import numpy as np
import pytest
import torch

from xor_torch.backprop.judging.candidates import losses
from xor_torch.backprop.judging.case import Case
from xor_torch.backprop.judging.fit import (
    difference,
    factor_of,
    fit,
    is_possible,
    least_squares,
    telling_steps,
    trial_points,
)
from xor_torch.backprop.judging.points import Place, Point, begin, places, without_diverged
from xor_torch.backprop.judging.steps import find_networks
from xor_torch.backprop.judging.trial import try_losses
from xor_torch.backprop.recording.script import record
from xor_torch.backprop.tape import Tape

from .homework import CORRECT, MISTAKES


def case_of(source, folder):
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        _, tape = record(source, "homework.py")
    tape.save(folder, end="ran")
    tape, _ = Tape.load(folder)
    (network,) = find_networks(tape)
    return Case(tape, network)


def point(change, step=0, perturbed=True):
    change = torch.as_tensor(change, dtype=torch.float64)
    return Point(step, perturbed, {}, [torch.ones_like(change)], [change], [0.0])


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


# --------------------------------------------------------------------------------- points


def test_a_place_always_means_the_same_parameters(tmp_path):
    case = case_of(CORRECT["plain"], tmp_path)
    (k, *_) = case.chosen
    here, again, there = (begin(case.tape, case.network, Place(k, seed, 0.6)) for seed in (5, 5, 6))
    assert all(torch.equal(here[n], again[n]) for n in here)
    assert not any(torch.equal(here[n], there[n]) for n in here)
    run = begin(case.tape, case.network, Place(k))
    assert all(np.array_equal(run[n].detach(), case.tape.nodes[n].value) for n in run)


def test_each_step_is_examined_where_the_run_was_and_elsewhere():
    plans = places(range(40))
    assert [plan[0] for plan in plans[:40]] == [Place(k) for k in range(40)]
    assert len(plans) == 40 + 2 * 12
    assert len(places([3])) == 1 + 2 + 2  # of a single step more perturbed points


def test_a_point_where_training_diverges_is_dropped():
    points = [point([size]) for size in (1.0, 2.0, 1e7, 3.0)]
    assert without_diverged(points) == [points[0], points[1], points[3]]


@pytest.mark.parametrize("name", ["sample", "plain-momentum"])
def test_a_case_answers_the_same_in_any_order(name, tmp_path):
    one, other = (case_of(CORRECT[name], tmp_path) for _ in range(2))
    first = [fit(one, loss) for loss in losses(one)]
    other.certain(other.point(Place(other.chosen[0], 9, 0.6)))
    last = [fit(other, loss) for loss in reversed(losses(other))][::-1]
    assert [f and (f.factors, f.error) for f in first] == [f and (f.factors, f.error) for f in last]
    assert one.tied == other.tied
    assert len(one.points) == len(other.points)


# ----------------------------------------------------------------------------------- fits


def test_least_squares():
    x, y = numbers(1, 2, 3), numbers(1, 0, -1)
    factors, left = least_squares([x, y], 2 * x - 5 * y + numbers(1, -2, 1))
    assert factors == pytest.approx([2, -5], rel=1e-12)
    assert left.tolist() == pytest.approx([1, -2, 1], rel=1e-12)


def test_the_factor_of_a_step():
    own = [(point([0.0]), numbers(1, 2)), (point([0.0]), numbers(-1, 0))]
    changes = [-0.1 * g for _, g in own]
    assert factor_of(changes, own, 2.0) == pytest.approx(0.1, rel=1e-12)
    assert factor_of(changes, [(p, 0 * g) for p, g in own], 2.0) is None


def test_one_point_of_each_step_tells_nothing():
    alone = {k: [(point([1.0]), numbers(1.0))] for k in range(3)}
    assert telling_steps(alone, 1.0) is None
    assert telling_steps(alone | {3: alone[0] * 2}, 1.0) == {0, 1, 2, 3}
    tiny = [(point([1.0]), numbers(1e-7))]  # too small a gradient
    assert telling_steps(alone | {3: alone[0] + tiny}, 1.0) is None


def test_a_difference_is_relative_and_has_a_floor():
    actual, expected = numbers(1.0, 2.0), numbers(1.0, 2.0 + 2e-6)
    assert difference(actual, expected, 0.0) == pytest.approx((1e-6, 1e-6), rel=1e-4)
    assert difference(actual, expected, 1e-5) == pytest.approx((0.0, 1e-6), rel=1e-4)
    assert difference(numbers(1.0), numbers(0.0), 0.0)[0] == pytest.approx(1e3)
    assert difference(numbers(0.0), numbers(0.0), 0.0) == (0.0, 0.0)
    assert difference(numbers(0.0), numbers(0.0), -1.0)[0] == math.inf


# -------------------------------------------------------------------------- three points

SOURCES = {
    **{name: CORRECT[name] for name in ("bce", "sample", "plain-l2")},
    **{
        m.id: m.source
        for m in MISTAKES
        if m.id == "plain-wrong_transpose" or m.id.startswith("class-wrong_sign")
    },
}


@pytest.mark.parametrize("name", SOURCES)
def test_what_three_points_rule_out_all_points_do(name, tmp_path):
    case = case_of(SOURCES[name], tmp_path)
    ruled_out = 0
    for loss in losses(case):
        found = fit(case, loss)
        if not is_possible(case, loss):
            ruled_out += 1
            assert found is None or not any(found.explained())
        decayed = fit(case, loss, penalty=True)
        if not is_possible(case, loss, penalty=True):
            assert decayed is None or not decayed.perfect
    assert ruled_out > len(losses(case)) / 3
    assert len(trial_points(case)) == 3


def test_the_trial_can_be_completed(tmp_path):
    case = case_of(CORRECT["plain"], tmp_path)
    tried = try_losses(case, losses(case))
    assert tried.ruled_out
    whole = [f for loss in tried.losses if (f := fit(case, loss))]
    completed = tried.complete(case)
    assert [f.loss for f in completed] == [f.loss for f in whole]
    assert [f.error for f in completed] == [f.error for f in whole]
