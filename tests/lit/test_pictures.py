import numpy as np
import pytest

from xor_torch import initial_weights
from xor_torch.data import Parameters
from xor_torch.lit.pictures import HIGH, LOW, NetworkPicture, _line


def test_the_height_follows_the_width_of_the_network():
    heights = []
    for hidden in (1, 2, 3, 8, 20):
        image = NetworkPicture(hidden).draw(initial_weights(1, hidden), "a title")
        assert image.dtype == np.uint8
        assert image.shape[1:] == (700, 3)
        heights.append(image.shape[0])
    assert heights[0] == heights[1] < heights[2] < heights[3] == heights[4]
    assert NetworkPicture(20).units == 8


def test_equal_weights_are_equal_pictures_and_leave_nothing_behind():
    picture = NetworkPicture(2)
    first = picture.draw(initial_weights(3), "seed 3")
    picture.draw(initial_weights(42), "seed 42")
    np.testing.assert_array_equal(picture.draw(initial_weights(3), "seed 3"), first)


@pytest.mark.parametrize(("sign", "brighter"), [(1, "right"), (-1, "left")])
def test_the_first_input_goes_to_the_right(sign, brighter):
    # one unit that follows the first input; the prediction follows the unit
    weights = Parameters(
        np.array([[20.0 * sign], [0.0]]), np.array([[-10.0 * sign]]),
        np.array([[10.0]]), np.array([[-5.0]]),
    )  # fmt: skip
    picture = NetworkPicture(1)
    picture.draw(weights, "")
    for image in picture.images:
        values = np.asarray(image.get_array())
        low, high = values[:, 5].mean(), values[:, -5].mean()
        assert (high > 0.9 > 0.1 > low) if brighter == "right" else (low > 0.9 > 0.1 > high)


def test_lines_are_where_a_unit_is_undecided():
    w, b = np.array([2.0, -3.0]), 0.7
    ends = _line(w, b)
    np.testing.assert_allclose(w @ ends + b, 0, atol=1e-12)
    assert np.abs(ends).max() > HIGH - LOW
    assert np.isnan(_line(np.zeros(2), 1.0)).all()


def test_weights_beyond_all_bounds_are_drawn():
    huge = Parameters(*(1e300 * w for w in initial_weights(1)))
    assert NetworkPicture(2).draw(huge, "").any()
