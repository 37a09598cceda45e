r"""Backpropagation by hand, in NumPy.

The network has one hidden layer; N rows x of `bits` inputs are trained at once::

    z1 = X W1 + b1      a1 = sigmoid(z1)
    z2 = a1 W2 + b2     a2 = sigmoid(z2)      the prediction
    loss = sum of (a2 - y)^2 over the rows    what descent follows
    mse  = loss / N                           what is printed

The chain rule, read from the loss back to the weights. Write ``dv`` for the gradient of the
loss with respect to ``v``; it has the shape of ``v``. Since the derivative of the sigmoid is
``sigmoid'(z) = a (1 - a)`` with ``a = sigmoid(z)``::

    da2 = 2 (a2 - y)
    dz2 = da2 * a2 (1 - a2)      both layers have a sigmoid: z is one factor behind a
    dW2 = a1^T dz2               z2 is linear in W2, with factor a1; ^T sums over the rows
    db2 = sum of dz2 over the rows
    da1 = dz2 W2^T               every z2 reaches back to all hidden units
    dz1 = da1 * a1 (1 - a1)
    dW1 = X^T dz1
    db1 = sum of dz1 over the rows

All gradients are taken at the same weights; only then does a step move them:
``W -= lr * dW``. Two conventions to know: the loss that is followed is the SUM of squares,
without 1/N and without 1/2, so a library that averages must use ``N * lr`` for the same
steps; and ``dz2 = a2 - y``, seen in many texts, belongs to cross-entropy, not to this loss.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating
errors", Nature 323 (1986).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .data import Array, Parameters, check_equal_shapes


class Forward(NamedTuple):
    """Every intermediate of the forward pass, float64."""

    z1: Array  #: (N, hidden)
    a1: Array  #: (N, hidden)
    z2: Array  #: (N, 1)
    a2: Array  #: (N, 1), the prediction


class Backward(NamedTuple):
    """Every intermediate of the backward pass, float64: the gradients of the SUM of squares."""

    da2: Array  #: (N, 1)
    dz2: Array  #: (N, 1)
    dW2: Array  #: (hidden, 1)
    db2: Array  #: (1, 1)
    da1: Array  #: (N, hidden)
    dz1: Array  #: (N, hidden)
    dW1: Array  #: (bits, hidden)
    db1: Array  #: (1, hidden)

    @property
    def gradients(self) -> Parameters:
        """The four gradients that a descent step needs, each in its parameter's place."""
        return Parameters(W1=self.dW1, b1=self.db1, W2=self.dW2, b2=self.db2)


class Epoch(NamedTuple):
    """One epoch of `train`, seen before its update."""

    number: int  #: from 0
    parameters: Parameters  #: those that everything else was computed at
    forward: Forward
    backward: Backward
    mse: float  #: the printed loss, see `mean_squared_error`


def sigmoid(z: Array) -> Array:
    """``1 / (1 + exp(-z))``, element by element, for `z` of any shape."""
    with np.errstate(over="ignore"):  # exp overflows to inf below z = -709: 1 / inf is the limit
        return 1 / (1 + np.exp(-z))


def sigmoid_derivative(a: Array) -> Array:
    """The derivative of the sigmoid at z, from its VALUE `a` = ``sigmoid(z)``, not from z."""
    return a * (1 - a)


def mean_squared_error(prediction: Array, y: Array) -> float:
    """The loss that is printed: the mean of ``(y - prediction)**2``.

    Args:
        prediction: (N, 1).
        y: targets, (N, 1).

    Raises:
        ValueError: the shapes differ; (N, 1) minus (N,) would broadcast to (N, N).

    """
    check_equal_shapes(prediction.shape, y.shape)
    return float(np.mean((y - prediction) ** 2))


def forward(X: Array, parameters: Parameters) -> Forward:
    """The forward pass.

    Args:
        X: inputs, (N, bits).
        parameters: of the network.

    """
    W1, b1, W2, b2 = parameters
    z1 = np.dot(X, W1) + b1  # (N, bits) (bits, hidden) -> (N, hidden)
    a1 = sigmoid(z1)
    z2 = np.dot(a1, W2) + b2  # (N, hidden) (hidden, 1) -> (N, 1)
    a2 = sigmoid(z2)
    return Forward(z1, a1, z2, a2)


def backward(X: Array, y: Array, parameters: Parameters, step: Forward) -> Backward:
    """The backward pass: the gradient of the SUM of squared errors, see above.

    Args:
        X: inputs, (N, bits).
        y: targets, (N, 1).
        parameters: those of the forward pass.
        step: what `forward` returned for them.

    Raises:
        ValueError: `y` does not have the shape of the prediction.

    """
    check_equal_shapes(step.a2.shape, y.shape)
    da2 = 2 * (step.a2 - y)  # (N, 1)
    dz2 = da2 * sigmoid_derivative(step.a2)  # (N, 1)
    dW2 = np.dot(step.a1.T, dz2)  # (hidden, N) (N, 1) -> (hidden, 1)
    db2 = np.sum(dz2, axis=0, keepdims=True)  # (1, 1)
    da1 = np.dot(dz2, parameters.W2.T)  # (N, 1) (1, hidden) -> (N, hidden)
    dz1 = da1 * sigmoid_derivative(step.a1)  # (N, hidden)
    dW1 = np.dot(X.T, dz1)  # (bits, N) (N, hidden) -> (bits, hidden)
    db1 = np.sum(dz1, axis=0, keepdims=True)  # (1, hidden)
    return Backward(da2, dz2, dW2, db2, da1, dz1, dW1, db1)


def descend(parameters: Parameters, gradients: Parameters, lr: float) -> Parameters:
    """One step of gradient descent, ``W - lr * dW`` for each; the arguments are left as they are.

    Args:
        parameters: of the network.
        gradients: ``Backward.gradients``, in the places of their parameters.
        lr: learning rate.

    """
    W1, b1, W2, b2 = parameters
    dW1, db1, dW2, db2 = gradients
    return Parameters(W1 - lr * dW1, b1 - lr * db1, W2 - lr * dW2, b2 - lr * db2)


def train(
    X: Array, y: Array, parameters: Parameters, lr: float = 0.1, epochs: int = 10_000
) -> Iterator[Epoch]:
    """The notebook's training loop, one `Epoch` at a time.

    Every epoch is handed out before its update, with the weights that it was computed at, so
    the last one holds the notebook's final predictions. The weights after it are
    ``descend(last.parameters, last.backward.gradients, lr)``.

    Args:
        X: inputs, (N, bits).
        y: targets, (N, 1).
        parameters: to start from.
        lr: learning rate.
        epochs: how many; each is one descent step on all rows.

    Raises:
        ValueError: `y` does not have the shape of the prediction.

    """
    for number in range(epochs):
        step = forward(X, parameters)
        gradient = backward(X, y, parameters, step)
        yield Epoch(number, parameters, step, gradient, mean_squared_error(step.a2, y))
        parameters = descend(parameters, gradient.gradients, lr)
