import numpy as np
import pytest
import torch

from xor_torch.outcome import is_right, predicts_one


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_one_half_is_class_1_as_in_the_notebook(kind):
    below = np.nextafter(0.5, 0)
    assert predicts_one(kind([below, 0.5, 1.0])).tolist() == [False, True, True]


def test_which_rows_are_right():
    prediction = np.array([[0.1, 0.5, 0.9, 0.2], [0.5, 0.4, 0.9, 0.9]])
    expected = [[True, True, True, True], [False, False, True, False]]
    assert is_right(prediction).tolist() == expected
    assert is_right(prediction[0]).tolist() == expected[0]
