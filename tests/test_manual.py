import numpy as np
import pytest
from hypothesis import given

from xor_torch import manual
from xor_torch.data import Parameters, initial_weights, truth_table
from xor_torch.parity import rounding_bound

from .strategies import random_parameters

# One step for the rows 10 and 11, worked by hand with scalars at 40 digits.
WEIGHTS = Parameters(
    W1=np.array([[0.5, -1.0], [0.25, 2.0]]),
    b1=np.array([[0.1, -0.2]]),
    W2=np.array([[1.5], [-0.5]]),
    b2=np.array([[0.3]]),
)
X = np.array([[1.0, 0.0], [1.0, 1.0]])
Y = np.array([[1.0], [0.0]])
FORWARD = manual.Forward(
    z1=[[0.6, -1.2], [0.85, 0.8]],
    a1=[[0.64565630622579545, 0.23147521650098236], [0.70056714247397295, 0.68997448112761244]],
    z2=[[1.152746851088202], [1.0058634731471532]],
    a2=[[0.76001228281066586], [0.73220984438108748]],
)
BACKWARD = manual.Backward(
    da2=[[-0.47997543437866828], [1.464419688762175]],
    dz2=[[-0.087544453525616366], [0.28714134506451544]],
    dW2=[[0.14463816310407534], [0.17785582923787152]],
    db2=[[0.19959689153889907]],
    da1=[[-0.13131668028842455, 0.043772226762808183], [0.43071201759677315, -0.14357067253225772]],
    dz1=[[-0.030043186959076912, 0.0077868357958349], [0.090351675124857712, -0.03071115899058982]],
    dW1=[[0.0603084881657808, -0.022924323194754919], [0.090351675124857712, -0.03071115899058982]],
    db1=[[0.0603084881657808, -0.022924323194754919]],
)
AFTER = Parameters(
    W1=[[0.49396915118342192, -0.99770756768052451], [0.24096483248751423, 2.003071115899059]],
    b1=[[0.09396915118342192, -0.19770756768052451]],
    W2=[[1.4855361836895925], [-0.51778558292378715]],
    b2=[[0.28004031084611009]],
)


def test_one_step_worked_by_hand():
    step = manual.forward(X, WEIGHTS)
    grad = manual.backward(X, Y, WEIGHTS, step)
    after = manual.descend(WEIGHTS, grad.gradients, lr=0.1)
    for found, expected in (step, FORWARD), (grad, BACKWARD), (after, AFTER):
        for field, a, e in zip(expected._fields, found, expected, strict=True):
            assert a.shape == np.shape(e), field
            np.testing.assert_allclose(a, e, rtol=1e-12, err_msg=field)


def summed_loss(X, y, parameters):
    return np.sum((manual.forward(X, parameters).a2 - y) ** 2)


def moved(parameters, name, index, by):
    array = getattr(parameters, name).astype(np.result_type(by, float))
    array[index] += by
    return parameters._replace(**{name: array})


@given(random_parameters())
def test_gradients_are_finite_differences(parameters):
    X, y = truth_table(len(parameters.W1))
    gradients = manual.backward(X, y, parameters, manual.forward(X, parameters)).gradients
    h = 1e-5  # error h^2/6 f''' + u/h: both about 1e-10 for a loss of order N
    for name, gradient in gradients._asdict().items():
        for index in np.ndindex(gradient.shape):
            up = summed_loss(X, y, moved(parameters, name, index, h))
            down = summed_loss(X, y, moved(parameters, name, index, -h))
            assert abs((up - down) / (2 * h) - gradient[index]) <= 1e-9 * len(X)


@given(random_parameters())
def test_gradients_are_complex_step_derivatives(parameters):
    # Im f(w + ih) / h has no difference that cancels, so it is the derivative to rounding
    # (Squire and Trapp, SIAM Review 40, 1998)
    X, y = truth_table(len(parameters.W1))
    gradients = manual.backward(X, y, parameters, manual.forward(X, parameters)).gradients
    bounds = rounding_bound(X, y, parameters)
    for name, gradient, bound in zip(Parameters._fields, gradients, bounds, strict=True):
        for index in np.ndindex(gradient.shape):
            nudged = summed_loss(X, y, moved(parameters, name, index, 1e-100j))
            assert abs(nudged.imag / 1e-100 - gradient[index]) <= bound[index]


def test_the_notebooks_losses_and_predictions():
    X, y = truth_table()
    losses = []
    for epoch in manual.train(X, y, initial_weights()):
        if epoch.number % 1000 == 0:
            losses.append(f"{epoch.mse:.4f}")
    assert " ".join(losses) == (
        "0.2558 0.2455 0.1532 0.1336 0.1298 0.1282 0.1274 0.1269 0.1266 0.1264"
    )
    np.testing.assert_array_equal(epoch.forward.a2[:, 0].round(3), [0.03, 0.498, 0.971, 0.501])


def test_descent_leaves_its_arguments_alone():
    X, y = truth_table()
    start = initial_weights()
    list(manual.train(X, y, start, epochs=3))
    for now, before in zip(start, initial_weights(), strict=True):
        np.testing.assert_array_equal(now, before)


def test_sigmoid_at_the_ends_of_the_range():
    np.testing.assert_array_equal(manual.sigmoid(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])


def test_targets_that_would_be_broadcast_are_refused():
    X, y = truth_table()
    step = manual.forward(X, initial_weights())
    with pytest.raises(ValueError, match=r"prediction has shape \(4, 1\) and y has shape \(4,\)"):
        manual.backward(X, y[:, 0], initial_weights(), step)
    with pytest.raises(ValueError, match="must be equal"):
        manual.mean_squared_error(step.a2, y[:, 0])
