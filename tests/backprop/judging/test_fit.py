"""The fit of one parameter's changes to one gradient, on numbers with a known answer."""

import torch

from xor_torch.backprop.judging.fit import Sample, fit_part


def samples(change, steps=(0, 0, 1, 1), size=(3, 2), noise=(0.0, 0.0)):
    draw = torch.Generator().manual_seed(0)
    found = []
    for k in steps:
        g, w = (torch.randn(size, generator=draw, dtype=torch.float64) for _ in "gw")
        found.append(Sample(k, change(k, g, w), g, w, True, lambda: noise))
    return found


def test_one_factor_for_each_step_is_found():
    part = fit_part(samples(lambda k, g, w: -(0.1 + k) * g))
    assert part.ok
    assert torch.allclose(
        torch.tensor([part.factors[0], part.factors[1]]), torch.tensor([0.1, 1.1])
    )


def test_a_factor_that_differs_within_a_step_is_no_fit():
    assert not fit_part(samples(lambda k, g, w: -g * w.abs().max())).ok


def test_one_number_at_one_point_of_each_step_proves_nothing():
    part = fit_part(samples(lambda k, g, w: -g * w, steps=(0, 1, 2), size=(1,)))
    assert not part.ok


def test_a_decay_is_found_and_only_if_it_is_asked_for():
    made = samples(lambda k, g, w: -0.1 * g - 0.01 * w)
    assert not fit_part(made).ok
    part = fit_part(made, decay=True)
    assert part.ok
    assert abs(part.decay - 0.01) < 1e-9


def test_rounding_on_both_sides_is_no_mistake_but_on_one_side_it_is():
    tiny = samples(lambda k, g, w: 1e-17 * w, noise=(1e-17, 1e-17))
    for s in tiny:
        s.gradient = 1e-17 * s.gradient
    assert fit_part(tiny).ok
    real = samples(lambda k, g, w: 1e-3 * w, noise=(1e-19, 1e-17))
    for s in real:
        s.gradient = 1e-17 * s.gradient
    assert not fit_part(real).ok


def test_a_change_without_a_gradient_is_wrong_and_nothing_of_both_is_silent():
    assert not fit_part(samples(lambda k, g, w: w, noise=(0.0, 0.0))).ok
    nothing = samples(lambda k, g, w: 0 * w)
    for s in nothing:
        s.gradient = 0 * s.gradient
    assert fit_part(nothing).silent


def test_what_is_left_beside_a_penalty_of_the_whole_change_is_rounding():
    """A loss with a gradient of 1e9 would explain it by a factor of 1e-31, of any sign."""
    for sign in (-1, 1):
        made = samples(lambda k, g, w, sign=sign: -2e-8 * w + sign * 1e-24 * g)
        for s in made:
            s.gradient = 1e9 * s.gradient
        part = fit_part(made, decay=True)
        assert not (part.ok and part.factors)
