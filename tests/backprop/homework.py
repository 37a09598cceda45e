"""Hand-written NumPy networks for XOR, correct ones and ones with a planted mistake.

A checker of backprop is only as good as what it was tried on. This module holds what learners hand
in: the same small network written in several styles, correct variants of it, and a table of
mistakes, each planted by replacing a line or two of a correct source. Every source is a whole
script that runs by itself and needs NumPy only.

``STYLES``
    The styles into which every mistake is planted, name -> correct source.
``CORRECT``
    Every correct source: the styles, their variations, and further networks.
``MISTAKES``
    The table: a :class:`Mistake` knows its mutated source and the answer that a checker owes.

The sources have four samples and four hidden units on purpose: a forgotten transpose, a sum over
the wrong axis and ``dot`` in place of ``*`` then run without an error, as they do in the wild.

>>> mistake = next(m for m in MISTAKES if m.id == "plain-updated_too_early")
>>> mistake.source.splitlines()[mistake.line - 1].strip()
'd_hidden = np.dot(d_final, W2.T) * sigmoid_derivative(hidden_output)'
>>> mistake.spoils
('W1', 'b1')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from xor_torch.backprop.judging.mistakes import MistakeName

NAMES = get_args(MistakeName)
"""The catalogue: what each planted mistake is called."""


@dataclass(frozen=True)
class Mistake:
    """One mistake, planted into one source, and what a checker owes in return.

    Args:
        style: The correct source it was planted into, a key of ``CORRECT``.
        name: The mistake, one of ``NAMES``.
        source: The script with the mistake in it.
        line: 1-based line of the first value that is not the derivative it should be. For a
            bias that is never updated there is no such value: then it is the line of the forward
            pass that adds it.
        variable: What that line assigns, as the source writes it.
        spoils: The parameters whose steps are wrong, as the source writes them. ``()`` where
            every step follows a known loss, only not the one that is printed.
        near: Further lines that a reader would accept: where the culprit is typed, or used.
        also: Further names that are as true as ``name``.
        answers: The right answers: ``"wrong"``, or ``"warned"`` for a script that is correct for
            another loss than it prints, which deserves a warning and is wrong only to the strict.
        label: Tells two mistakes of the same name in the same source apart.

    """

    style: str
    name: MistakeName
    source: str
    line: int
    variable: str
    spoils: tuple[str, ...]
    near: tuple[int, ...] = ()
    also: tuple[str, ...] = ()
    answers: tuple[str, ...] = ("wrong",)
    label: str = ""

    @property
    def id(self) -> str:
        """A name for this mistake that is unique in the table, for a test's parameter."""
        words = [self.style, self.name.replace(" ", "_"), self.label.replace(" ", "_")]
        return "-".join(word for word in words if word)


def _edit(source: str, *edits: tuple[str, str]) -> str:
    """Replace each old text by its new one; each must be there exactly once."""
    for old, new in edits:
        if source.count(old) != 1:
            raise ValueError(f"{source.count(old)} times in the source, not once: {old!r}")
        source = source.replace(old, new)
    return source


def _line(source: str, text: str) -> int:
    """The 1-based number of the one line that reads ``text``."""
    found = [i for i, line in enumerate(source.splitlines(), 1) if line.strip() == text]
    if len(found) != 1:
        raise ValueError(f"{len(found)} lines read {text!r}, not one")
    return found[0]


# ---------------------------------------------------------------------------------------------
# The styles
# ---------------------------------------------------------------------------------------------

_PLAIN = '''\
import numpy as np

# XOR: four samples, two features, one target each
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])

np.random.seed(42)
n_hidden = 4

# weights and biases of the two layers
W1 = np.random.randn(2, n_hidden)
b1 = np.zeros((1, n_hidden))
W2 = np.random.randn(n_hidden, 1)
b2 = np.zeros((1, 1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# expects the sigmoid's output, not its input
def sigmoid_derivative(output):
    return output * (1 - output)


lr = 0.1
epochs = 10000

for epoch in range(epochs):
    # forward pass
    hidden_input = np.dot(X, W1) + b1
    hidden_output = sigmoid(hidden_input)
    final_input = np.dot(hidden_output, W2) + b2
    y_pred = sigmoid(final_input)

    # mean squared error
    loss = np.mean((y - y_pred) ** 2)

    # backward pass
    d_loss = 2 * (y_pred - y)
    d_final = d_loss * sigmoid_derivative(y_pred)
    d_W2 = np.dot(hidden_output.T, d_final)
    d_b2 = np.sum(d_final, axis=0, keepdims=True)
    d_hidden = np.dot(d_final, W2.T) * sigmoid_derivative(hidden_output)
    d_W1 = np.dot(X.T, d_hidden)
    d_b1 = np.sum(d_hidden, axis=0, keepdims=True)

    # gradient descent
    W2 -= lr * d_W2
    b2 -= lr * d_b2
    W1 -= lr * d_W1
    b1 -= lr * d_b1

    if epoch % 1000 == 0:
        print(f"Epoch {epoch}, loss {loss:.4f}")

print("Predictions after training:")
print(y_pred.round(3))
'''

_FUNCTION = '''\
"""Learn XOR with a network of one hidden layer."""
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    s = sigmoid(z)
    return s * (1.0 - s)


def init_params(n_in, n_hid, n_out, seed=7):
    rng = np.random.default_rng(seed)
    w_hid = rng.normal(size=(n_in, n_hid))
    b_hid = np.zeros(n_hid)
    w_out = rng.normal(size=(n_hid, n_out))
    b_out = np.zeros(n_out)
    return w_hid, b_hid, w_out, b_out


def forward(inputs, w_hid, b_hid, w_out, b_out):
    z_hid = inputs @ w_hid + b_hid
    a_hid = sigmoid(z_hid)
    z_out = a_hid @ w_out + b_out
    a_out = sigmoid(z_out)
    return z_hid, a_hid, z_out, a_out


def half_sse(a_out, targets):
    return 0.5 * np.sum((a_out - targets) ** 2)


def train_step(inputs, targets, w_hid, b_hid, w_out, b_out, rate):
    z_hid, a_hid, z_out, a_out = forward(inputs, w_hid, b_hid, w_out, b_out)
    cost = half_sse(a_out, targets)

    error = a_out - targets
    delta_out = error * sigmoid_prime(z_out)
    delta_hid = (delta_out @ w_out.T) * sigmoid_prime(z_hid)

    w_out = w_out - rate * (a_hid.T @ delta_out)
    b_out = b_out - rate * delta_out.sum(axis=0)
    w_hid = w_hid - rate * (inputs.T @ delta_hid)
    b_hid = b_hid - rate * delta_hid.sum(axis=0)
    return w_hid, b_hid, w_out, b_out, cost


def train(inputs, targets, n_hid=4, rate=0.5, epochs=10000):
    w_hid, b_hid, w_out, b_out = init_params(inputs.shape[1], n_hid, targets.shape[1])
    for epoch in range(epochs):
        w_hid, b_hid, w_out, b_out, cost = train_step(
            inputs, targets, w_hid, b_hid, w_out, b_out, rate
        )
        if epoch % 2000 == 0:
            print("epoch", epoch, "cost", cost)
    return w_hid, b_hid, w_out, b_out


if __name__ == "__main__":
    inputs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    targets = np.array([[0.0], [1.0], [1.0], [0.0]])
    trained = train(inputs, targets)
    print(forward(inputs, *trained)[-1])
'''

_CLASS = '''\
import numpy as np


class NeuralNetwork:
    def __init__(self, n_input, n_hidden, n_output, learning_rate=0.5):
        np.random.seed(1)
        self.learning_rate = learning_rate
        self.weights_ih = np.random.uniform(-1, 1, (n_input, n_hidden))
        self.bias_h = np.random.uniform(-1, 1, (1, n_hidden))
        self.weights_ho = np.random.uniform(-1, 1, (n_hidden, n_output))
        self.bias_o = np.random.uniform(-1, 1, (1, n_output))

    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))

    def sigmoid_derivative(self, s):
        return s * (1 - s)

    def forward(self, X):
        self.hidden_in = np.dot(X, self.weights_ih) + self.bias_h
        self.hidden = self.sigmoid(self.hidden_in)
        self.output_in = np.dot(self.hidden, self.weights_ho) + self.bias_o
        self.output = self.sigmoid(self.output_in)
        return self.output

    def backward(self, X, y):
        output_error = y - self.output
        output_delta = output_error * self.sigmoid_derivative(self.output)
        hidden_error = output_delta.dot(self.weights_ho.T)
        hidden_delta = hidden_error * self.sigmoid_derivative(self.hidden)

        self.weights_ho += self.learning_rate * self.hidden.T.dot(output_delta)
        self.bias_o += self.learning_rate * np.sum(output_delta, axis=0, keepdims=True)
        self.weights_ih += self.learning_rate * X.T.dot(hidden_delta)
        self.bias_h += self.learning_rate * np.sum(hidden_delta, axis=0, keepdims=True)

    def train(self, X, y, epochs):
        for epoch in range(epochs):
            self.forward(X)
            self.backward(X, y)
            if epoch % 1000 == 0:
                print("loss:", np.mean(np.square(y - self.output)))


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
y = np.array([[0], [1], [1], [0]], dtype=float)

nn = NeuralNetwork(2, 4, 1)
nn.train(X, y, epochs=10000)
print(nn.forward(X))
'''

_COLUMNS = '''\
import numpy as np

# one column per sample
X = np.array([[0, 0, 1, 1],
              [0, 1, 0, 1]])
Y = np.array([[0, 1, 1, 0]])
m = X.shape[1]

n_x, n_h, n_y = 2, 4, 1
np.random.seed(3)
W1 = np.random.randn(n_h, n_x)
b1 = np.zeros((n_h, 1))
W2 = np.random.randn(n_y, n_h)
b2 = np.zeros((n_y, 1))

alpha = 0.8
num_iterations = 10000


def sigma(Z):
    return 1 / (1 + np.exp(-Z))


for i in range(num_iterations):
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = sigma(Z2)

    cost = np.sum((A2 - Y) ** 2) / (2 * m)

    dA2 = A2 - Y
    dZ2 = dA2 * A2 * (1 - A2)
    dW2 = dZ2 @ A1.T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m

    W1 = W1 - alpha * dW1
    b1 = b1 - alpha * db1
    W2 = W2 - alpha * dW2
    b2 = b2 - alpha * db2

    if i % 1000 == 0:
        print("Cost after iteration %d: %f" % (i, cost))

print(np.round(A2, 2))
'''

_SAMPLE = '''\
import numpy as np

data = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]

rng = np.random.RandomState(5)
w1 = rng.uniform(-1, 1, (2, 3))
c1 = rng.uniform(-1, 1, 3)
w2 = rng.uniform(-1, 1, 3)
c2 = rng.uniform(-1, 1, 1)
eta = 0.25


def act(v):
    return 1 / (1 + np.exp(-v))


for epoch in range(10000):
    total = 0.0
    for pair in data:
        x = np.array(pair[0], dtype=float)
        t = pair[1]

        h = act(x @ w1 + c1)
        o = act(h @ w2 + c2)
        total += 0.5 * float((t - o[0]) ** 2)

        delta_o = (t - o) * o * (1 - o)
        delta_h = delta_o * w2 * h * (1 - h)

        w2 += eta * delta_o * h
        c2 += eta * delta_o
        w1 += eta * np.outer(x, delta_h)
        c1 += eta * delta_h

    if epoch % 1000 == 0:
        print(epoch, total)

for pair in data:
    print(pair[0], act(act(np.array(pair[0]) @ w1 + c1) @ w2 + c2))
'''

_DICTIONARY = '''\
import numpy as np


def initialise(sizes):
    np.random.seed(0)
    params = {}
    for n in range(1, len(sizes)):
        params["W" + str(n)] = np.random.randn(sizes[n], sizes[n - 1])
        params["b" + str(n)] = np.zeros((sizes[n], 1))
    return params


def forward(X, params):
    cache = {"A0": X}
    cache["Z1"] = params["W1"].dot(cache["A0"]) + params["b1"]
    cache["A1"] = np.tanh(cache["Z1"])
    cache["Z2"] = params["W2"].dot(cache["A1"]) + params["b2"]
    cache["A2"] = 1 / (1 + np.exp(-cache["Z2"]))
    return cache


def cross_entropy(A2, Y):
    return -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))


def backward(Y, params, cache):
    m = Y.shape[1]
    grads = {}
    dZ2 = cache["A2"] - Y
    grads["W2"] = dZ2.dot(cache["A1"].T) / m
    grads["b2"] = np.sum(dZ2, axis=1, keepdims=True) / m
    dA1 = params["W2"].T.dot(dZ2)
    dZ1 = dA1 * (1 - np.power(cache["A1"], 2))
    grads["W1"] = dZ1.dot(cache["A0"].T) / m
    grads["b1"] = np.sum(dZ1, axis=1, keepdims=True) / m
    return grads


def update(params, grads, learning_rate=0.9):
    for name in params:
        params[name] = params[name] - learning_rate * grads[name]
    return params


X = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
Y = np.array([[0, 1, 1, 0]])
params = initialise([2, 4, 1])

for iteration in range(5000):
    cache = forward(X, params)
    cost = cross_entropy(cache["A2"], Y)
    grads = backward(Y, params, cache)
    params = update(params, grads)
    if iteration % 500 == 0:
        print("cost", iteration, cost)

print("predictions", forward(X, params)["A2"])
'''

_LAYERS = '''\
import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.7
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T

    def step(self, lr):
        self.W -= lr * self.dW
        self.b -= lr * self.db


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad):
        return grad * self.out * (1 - self.out)

    def step(self, lr):
        pass


def mse(pred, target):
    return np.mean((pred - target) ** 2)


def mse_grad(pred, target):
    return 2 * (pred - target) / pred.size


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
T = np.array([[0], [1], [1], [0]], dtype=np.float64)

np.random.seed(11)
network = [Dense(2, 4), Sigmoid(), Dense(4, 4), Sigmoid(), Dense(4, 1), Sigmoid()]

for epoch in range(10000):
    signal = X
    for layer in network:
        signal = layer.forward(signal)

    loss = mse(signal, T)
    grad = mse_grad(signal, T)
    for layer in reversed(network):
        grad = layer.backward(grad)
    for layer in network:
        layer.step(2.0)

    if epoch % 1000 == 0:
        print(epoch, loss)
'''

STYLES: dict[str, str] = {
    "plain": _PLAIN,
    "function": _FUNCTION,
    "class": _CLASS,
    "columns": _COLUMNS,
}
"""The styles into which every mistake of the catalogue is planted."""

# ---------------------------------------------------------------------------------------------
# The same styles with tanh at the output, momentum, L2 regularisation, one-hot targets
# ---------------------------------------------------------------------------------------------

_TANH: dict[str, tuple[tuple[str, str], ...]] = {
    "plain": (
        (
            "def sigmoid(x):\n    return 1 / (1 + np.exp(-x))\n\n\n"
            "# expects the sigmoid's output, not its input\n"
            "def sigmoid_derivative(output):\n    return output * (1 - output)\n",
            "def tanh_derivative(output):\n    return 1 - output ** 2\n",
        ),
        ("hidden_output = sigmoid(hidden_input)", "hidden_output = np.tanh(hidden_input)"),
        ("y_pred = sigmoid(final_input)", "y_pred = np.tanh(final_input)"),
        ("* sigmoid_derivative(y_pred)", "* tanh_derivative(y_pred)"),
        ("* sigmoid_derivative(hidden_output)", "* tanh_derivative(hidden_output)"),
    ),
    "function": (
        ("def sigmoid(z):\n    return 1.0 / (1.0 + np.exp(-z))\n", "def act(z):\n"
         "    return np.tanh(z)\n"),
        ("def sigmoid_prime(z):\n    s = sigmoid(z)\n    return s * (1.0 - s)\n",
         "def act_prime(z):\n    return 1.0 - np.tanh(z) ** 2\n"),
        ("a_hid = sigmoid(z_hid)", "a_hid = act(z_hid)"),
        ("a_out = sigmoid(z_out)", "a_out = act(z_out)"),
        ("sigmoid_prime(z_out)", "act_prime(z_out)"),
        ("sigmoid_prime(z_hid)", "act_prime(z_hid)"),
        ("rate=0.5", "rate=0.1"),
    ),
    "class": (
        ("    def sigmoid(self, x):\n        return 1 / (1 + np.exp(-x))\n",
         "    def activate(self, x):\n        return np.tanh(x)\n"),
        ("    def sigmoid_derivative(self, s):\n        return s * (1 - s)\n",
         "    def derivative(self, t):\n        return 1 - t * t\n"),
        ("self.hidden = self.sigmoid(", "self.hidden = self.activate("),
        ("self.output = self.sigmoid(", "self.output = self.activate("),
        ("self.sigmoid_derivative(self.output)", "self.derivative(self.output)"),
        ("self.sigmoid_derivative(self.hidden)", "self.derivative(self.hidden)"),
        ("learning_rate=0.5", "learning_rate=0.1"),
    ),
    "columns": (
        ("def sigma(Z):\n    return 1 / (1 + np.exp(-Z))\n\n\n", ""),
        ("A2 = sigma(Z2)", "A2 = np.tanh(Z2)"),
        ("dZ2 = dA2 * A2 * (1 - A2)", "dZ2 = dA2 * (1 - A2 ** 2)"),
        ("alpha = 0.8", "alpha = 0.3"),
    ),
}

_MOMENTUM: dict[str, tuple[tuple[str, str], ...]] = {
    "plain": (
        ("b2 = np.zeros((1, 1))\n",
         "b2 = np.zeros((1, 1))\nv_W1, v_b1, v_W2, v_b2 = 0, 0, 0, 0\n"),
        ("lr = 0.1\n", "lr = 0.1\nmomentum = 0.9\n"),
        ("    W2 -= lr * d_W2\n    b2 -= lr * d_b2\n    W1 -= lr * d_W1\n    b1 -= lr * d_b1\n",
         "    v_W2 = momentum * v_W2 - lr * d_W2\n    v_b2 = momentum * v_b2 - lr * d_b2\n"
         "    v_W1 = momentum * v_W1 - lr * d_W1\n    v_b1 = momentum * v_b1 - lr * d_b1\n"
         "    W2 += v_W2\n    b2 += v_b2\n    W1 += v_W1\n    b1 += v_b1\n"),
    ),
    "function": (
        ("def train_step(inputs, targets, w_hid, b_hid, w_out, b_out, rate):",
         "def train_step(inputs, targets, w_hid, b_hid, w_out, b_out, speeds, rate, mu=0.8):"),
        ("    w_out = w_out - rate * (a_hid.T @ delta_out)\n"
         "    b_out = b_out - rate * delta_out.sum(axis=0)\n"
         "    w_hid = w_hid - rate * (inputs.T @ delta_hid)\n"
         "    b_hid = b_hid - rate * delta_hid.sum(axis=0)\n",
         "    speeds[0] = mu * speeds[0] + inputs.T @ delta_hid\n"
         "    speeds[1] = mu * speeds[1] + delta_hid.sum(axis=0)\n"
         "    speeds[2] = mu * speeds[2] + a_hid.T @ delta_out\n"
         "    speeds[3] = mu * speeds[3] + delta_out.sum(axis=0)\n\n"
         "    w_hid = w_hid - rate * speeds[0]\n"
         "    b_hid = b_hid - rate * speeds[1]\n"
         "    w_out = w_out - rate * speeds[2]\n"
         "    b_out = b_out - rate * speeds[3]\n"),
        ("    for epoch in range(epochs):\n",
         "    speeds = [np.zeros_like(p) for p in (w_hid, b_hid, w_out, b_out)]\n"
         "    for epoch in range(epochs):\n"),
        ("inputs, targets, w_hid, b_hid, w_out, b_out, rate\n",
         "inputs, targets, w_hid, b_hid, w_out, b_out, speeds, rate\n"),
        ("rate=0.5", "rate=0.2"),
    ),
    "class": (
        ("        self.bias_o = np.random.uniform(-1, 1, (1, n_output))\n",
         "        self.bias_o = np.random.uniform(-1, 1, (1, n_output))\n"
         "        self.momentum = 0.5\n"
         "        self.last_ih = np.zeros_like(self.weights_ih)\n"
         "        self.last_h = np.zeros_like(self.bias_h)\n"
         "        self.last_ho = np.zeros_like(self.weights_ho)\n"
         "        self.last_o = np.zeros_like(self.bias_o)\n"),
        ("        self.weights_ho += self.learning_rate * self.hidden.T.dot(output_delta)\n"
         "        self.bias_o += self.learning_rate * np.sum(output_delta, axis=0, keepdims=True)\n"
         "        self.weights_ih += self.learning_rate * X.T.dot(hidden_delta)\n"
         "        self.bias_h += self.learning_rate * "
         "np.sum(hidden_delta, axis=0, keepdims=True)\n",
         "        change_ho = self.learning_rate * self.hidden.T.dot(output_delta)\n"
         "        change_o = self.learning_rate * output_delta.sum(axis=0, keepdims=True)\n"
         "        change_ih = self.learning_rate * X.T.dot(hidden_delta)\n"
         "        change_h = self.learning_rate * hidden_delta.sum(axis=0, keepdims=True)\n\n"
         "        self.last_ho = change_ho + self.momentum * self.last_ho\n"
         "        self.last_o = change_o + self.momentum * self.last_o\n"
         "        self.last_ih = change_ih + self.momentum * self.last_ih\n"
         "        self.last_h = change_h + self.momentum * self.last_h\n\n"
         "        self.weights_ho += self.last_ho\n"
         "        self.bias_o += self.last_o\n"
         "        self.weights_ih += self.last_ih\n"
         "        self.bias_h += self.last_h\n"),
    ),
    "columns": (
        ("alpha = 0.8\n", "alpha = 0.8\nbeta = 0.9\n"
         "vW1, vb1 = np.zeros(W1.shape), np.zeros(b1.shape)\n"
         "vW2, vb2 = np.zeros(W2.shape), np.zeros(b2.shape)\n"),
        ("    W1 = W1 - alpha * dW1\n    b1 = b1 - alpha * db1\n"
         "    W2 = W2 - alpha * dW2\n    b2 = b2 - alpha * db2\n",
         "    vW1 = beta * vW1 + (1 - beta) * dW1\n    vb1 = beta * vb1 + (1 - beta) * db1\n"
         "    vW2 = beta * vW2 + (1 - beta) * dW2\n    vb2 = beta * vb2 + (1 - beta) * db2\n"
         "    W1 = W1 - alpha * vW1\n    b1 = b1 - alpha * vb1\n"
         "    W2 = W2 - alpha * vW2\n    b2 = b2 - alpha * vb2\n"),
    ),
}

_L2: dict[str, tuple[tuple[str, str], ...]] = {
    "plain": (
        ("lr = 0.1\n", "lr = 0.1\nlam = 0.01\n"),
        ("loss = np.mean((y - y_pred) ** 2)",
         "loss = np.sum((y - y_pred) ** 2) + lam * (np.sum(W1 ** 2) + np.sum(W2 ** 2))"),
        ("# mean squared error", "# squared error and the penalty on large weights"),
        ("d_W2 = np.dot(hidden_output.T, d_final)",
         "d_W2 = np.dot(hidden_output.T, d_final) + 2 * lam * W2"),
        ("d_W1 = np.dot(X.T, d_hidden)", "d_W1 = np.dot(X.T, d_hidden) + 2 * lam * W1"),
    ),
    "function": (
        ("def half_sse(a_out, targets):\n    return 0.5 * np.sum((a_out - targets) ** 2)\n",
         "def penalised(a_out, targets, w_hid, w_out, decay):\n"
         "    sse = np.sum((a_out - targets) ** 2)\n"
         "    return 0.5 * sse + 0.5 * decay * (np.sum(w_hid ** 2) + np.sum(w_out ** 2))\n"),
        ("w_out, b_out, rate):\n", "w_out, b_out, rate, decay=0.005):\n"),
        ("cost = half_sse(a_out, targets)",
         "cost = penalised(a_out, targets, w_hid, w_out, decay)"),
        ("w_out = w_out - rate * (a_hid.T @ delta_out)",
         "w_out = w_out - rate * (a_hid.T @ delta_out + decay * w_out)"),
        ("w_hid = w_hid - rate * (inputs.T @ delta_hid)",
         "w_hid = w_hid - rate * (inputs.T @ delta_hid + decay * w_hid)"),
    ),
    "class": (
        ("        self.learning_rate = learning_rate\n",
         "        self.learning_rate = learning_rate\n        self.l2 = 0.002\n"),
        ("        self.weights_ho += self.learning_rate * self.hidden.T.dot(output_delta)\n",
         "        step_ho = self.hidden.T.dot(output_delta) - self.l2 * self.weights_ho\n"
         "        self.weights_ho += self.learning_rate * step_ho\n"),
        ("        self.weights_ih += self.learning_rate * X.T.dot(hidden_delta)\n",
         "        step_ih = X.T.dot(hidden_delta) - self.l2 * self.weights_ih\n"
         "        self.weights_ih += self.learning_rate * step_ih\n"),
        ("    def train(self, X, y, epochs):\n",
         "    def loss(self, y):\n"
         "        squares = np.sum(self.weights_ih ** 2) + np.sum(self.weights_ho ** 2)\n"
         "        return (np.sum((y - self.output) ** 2) + self.l2 * squares) / 2\n\n"
         "    def train(self, X, y, epochs):\n"),
        ("            self.backward(X, y)\n"
         "            if epoch % 1000 == 0:\n"
         '                print("loss:", np.mean(np.square(y - self.output)))\n',
         "            loss = self.loss(y)\n"
         "            self.backward(X, y)\n"
         "            if epoch % 1000 == 0:\n"
         '                print("loss:", loss)\n'),
    ),
    "columns": (
        ("alpha = 0.8\n", "alpha = 0.8\nlambd = 0.02\n"),
        ("    cost = np.sum((A2 - Y) ** 2) / (2 * m)\n",
         "    penalty = lambd * (np.sum(np.square(W1)) + np.sum(np.square(W2))) / (2 * m)\n"
         "    cost = np.sum((A2 - Y) ** 2) / (2 * m) + penalty\n"),
        ("dW2 = dZ2 @ A1.T / m", "dW2 = dZ2 @ A1.T / m + lambd * W2 / m"),
        ("dW1 = dZ1 @ X.T / m", "dW1 = dZ1 @ X.T / m + lambd * W1 / m"),
    ),
}

_ONE_HOT: dict[str, tuple[tuple[str, str], ...]] = {
    "plain": (
        ("# XOR: four samples, two features, one target each",
         "# XOR: four samples, two features, one output unit for each class"),
        ("y = np.array([[0], [1], [1], [0]])", "y = np.array([[1, 0], [0, 1], [0, 1], [1, 0]])"),
        ("n_hidden = 4", "n_hidden = 2"),
        ("W2 = np.random.randn(n_hidden, 1)\nb2 = np.zeros((1, 1))",
         "W2 = np.random.randn(n_hidden, 2)\nb2 = np.zeros((1, 2))"),
    ),
    "function": (
        ("targets = np.array([[0.0], [1.0], [1.0], [0.0]])",
         "targets = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])"),
        ("n_hid=4", "n_hid=2"),
    ),
    "class": (
        ("y = np.array([[0], [1], [1], [0]], dtype=float)",
         "y = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], dtype=float)"),
        ("nn = NeuralNetwork(2, 4, 1)", "nn = NeuralNetwork(2, 2, 2)"),
    ),
    "columns": (
        ("Y = np.array([[0, 1, 1, 0]])",
         "Y = np.array([[1, 0, 0, 1],\n              [0, 1, 1, 0]])"),
        ("n_x, n_h, n_y = 2, 4, 1", "n_x, n_h, n_y = 2, 2, 2"),
    ),
}

_VARIATIONS = {"tanh": _TANH, "momentum": _MOMENTUM, "l2": _L2, "one-hot": _ONE_HOT}

# ---------------------------------------------------------------------------------------------
# Further correct networks
# ---------------------------------------------------------------------------------------------

_RELU = '''\
import numpy as np

np.random.seed(21)
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])

H = 8
w1 = np.random.randn(2, H)
b1 = np.random.randn(1, H) * 0.1
w2 = np.random.randn(H, 1)
b2 = np.random.randn(1, 1) * 0.1
learning_rate = 0.01

for t in range(5000):
    h = x.dot(w1) + b1
    h_relu = np.maximum(h, 0)
    y_pred = h_relu.dot(w2) + b2

    loss = np.square(y_pred - y).sum()
    if t % 500 == 0:
        print(t, loss)

    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.T.dot(grad_y_pred)
    grad_b2 = grad_y_pred.sum(axis=0, keepdims=True)
    grad_h_relu = grad_y_pred.dot(w2.T)
    grad_h = grad_h_relu.copy()
    grad_h[h < 0] = 0
    grad_w1 = x.T.dot(grad_h)
    grad_b1 = grad_h.sum(axis=0, keepdims=True)

    w1 -= learning_rate * grad_w1
    b1 -= learning_rate * grad_b1
    w2 -= learning_rate * grad_w2
    b2 -= learning_rate * grad_b2
'''

_SOFTMAX = '''\
import numpy as np


def relu(z):
    return np.maximum(0, z)


def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
labels = np.array([0, 1, 1, 0])
one_hot = np.eye(2)[labels]

rng = np.random.default_rng(4)
W1 = rng.standard_normal((2, 6))
b1 = np.full((1, 6), 0.1)
W2 = rng.standard_normal((6, 2)) * 0.5
b2 = np.zeros((1, 2))
step = 0.2

for epoch in range(3000):
    z1 = X @ W1 + b1
    a1 = relu(z1)
    z2 = a1 @ W2 + b2
    probs = softmax(z2)
    loss = -np.sum(one_hot * np.log(probs + 1e-12)) / len(X)

    dz2 = (probs - one_hot) / len(X)
    dW2 = a1.T @ dz2
    db2 = np.sum(dz2, axis=0, keepdims=True)
    da1 = dz2 @ W2.T
    dz1 = da1 * (z1 > 0)
    dW1 = X.T @ dz1
    db1 = np.sum(dz1, axis=0, keepdims=True)

    W1 -= step * dW1
    b1 -= step * db1
    W2 -= step * dW2
    b2 -= step * db2

    if epoch % 500 == 0:
        print(epoch, loss, (probs.argmax(axis=1) == labels).mean())
'''

_SOFTMAX_JACOBIAN = '''\
import numpy as np

points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
wanted = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], dtype=float)

np.random.seed(8)
A = np.random.randn(5, 2)
a = np.zeros(5)
B = np.random.randn(2, 5)
b = np.zeros(2)

for epoch in range(2000):
    total = 0
    for x, t in zip(points, wanted):
        h = np.tanh(A @ x + a)
        u = B @ h + b
        p = np.exp(u) / np.exp(u).sum()
        total -= (t * np.log(p)).sum()

        # the softmax mixes its inputs: its derivative is a matrix
        jacobian = np.diag(p) - np.outer(p, p)
        gp = -t / p
        gu = jacobian.T @ gp
        gh = B.T @ gu
        gz = gh * (1 - h * h)

        B -= 0.1 * np.outer(gu, h)
        b -= 0.1 * gu
        A -= 0.1 * np.outer(gz, x)
        a -= 0.1 * gz
    if epoch % 200 == 0:
        print(epoch, total)
'''

_BCE = '''\
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
N = len(X)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


np.random.seed(2)
W1 = np.random.randn(2, 3)
b1 = np.zeros((1, 3))
W2 = np.random.randn(3, 1)
b2 = np.zeros((1, 1))
lr = 1.0

losses = []
for epoch in range(5000):
    a1 = sigmoid(X @ W1 + b1)
    p = sigmoid(a1 @ W2 + b2)
    bce = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    losses.append(bce)

    # the long way round: dL/dp first, then the sigmoid
    dp = -(y / p - (1 - y) / (1 - p)) / N
    dz2 = dp * p * (1 - p)
    dz1 = (dz2 @ W2.T) * a1 * (1 - a1)

    W2 -= lr * (a1.T @ dz2)
    b2 -= lr * dz2.sum(axis=0, keepdims=True)
    W1 -= lr * (X.T @ dz1)
    b1 -= lr * dz1.sum(axis=0, keepdims=True)

print("first and last loss:", losses[0], losses[-1])
'''

_BRANCH = '''\
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([0, 1, 1, 0])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# of the cross-entropy
def dloss(p, y):
    if y == 1:
        return -1 / p
    else:
        return 1 / (1 - p)


rng = np.random.RandomState(6)
W1 = rng.randn(2, 3)
b1 = np.zeros(3)
W2 = rng.randn(3)
b2 = np.zeros(1)

for epoch in range(2000):
    for x, y in zip(X, Y):
        a1 = sigmoid(x @ W1 + b1)
        p = sigmoid(a1 @ W2 + b2)
        dz2 = dloss(p, y) * p * (1 - p)
        dz1 = dz2 * W2 * a1 * (1 - a1)
        W2 -= 0.3 * dz2 * a1
        b2 -= 0.3 * dz2
        W1 -= 0.3 * np.outer(x, dz1)
        b1 -= 0.3 * dz1
'''

_TYPED = '''\
import numpy as np

# OR: one unit, whole numbers in, weights that are typed
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 1, 1, 1])
w1, w2, b = 0.3, -0.2, 0.1

for epoch in range(500):
    for k in range(4):
        a = 1 / (1 + np.exp(-(w1 * X[k, 0] + w2 * X[k, 1] + b)))
        delta = (a - y[k]) * a * (1 - a)
        w1 = w1 - 0.5 * delta * X[k, 0]
        w2 = w2 - 0.5 * delta * X[k, 1]
        b = b - 0.5 * delta
'''

_MSE = '''\
import numpy as np

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = np.array([0.0, 1.0, 1.0, 0.0])

np.random.seed(9)
W = np.random.randn(2, 3)
c = np.random.randn(3)
v = np.random.randn(3)
d = 0.0


def logistic(z):
    return 1 / (1 + np.exp(-z))


for epoch in range(20000):
    h = logistic(X @ W + c)
    out = h @ v + d
    residual = out - y
    mse = (residual ** 2).mean()

    g_out = 2 * residual / y.size
    g_v = h.T @ g_out
    g_d = g_out.sum()
    g_h = np.outer(g_out, v)
    g_z = g_h * h * (1 - h)
    g_W = X.T @ g_z
    g_c = g_z.sum(axis=0)

    v = v - 0.5 * g_v
    d = d - 0.5 * g_d
    W = W - 0.5 * g_W
    c = c - 0.5 * g_c

    if epoch % 4000 == 0:
        print(f"{epoch:6d}  {mse:.6f}")
'''

_MINI_BATCH = '''\
import numpy as np

rng = np.random.default_rng(12)
X = rng.uniform(-1, 1, (60, 2))
y = (X[:, :1] * X[:, 1:] < 0).astype(float)

W1 = rng.normal(0, 1, (2, 10))
b1 = np.zeros(10)
W2 = rng.normal(0, 0.5, (10, 1))
b2 = np.zeros(1)
lr, batch_size = 0.5, 15


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


for epoch in range(300):
    order = rng.permutation(len(X))
    epoch_loss = 0.0
    for start in range(0, len(X), batch_size):
        batch = order[start:start + batch_size]
        xb, yb = X[batch], y[batch]

        hidden = np.tanh(xb @ W1 + b1)
        p = sigmoid(hidden @ W2 + b2)
        epoch_loss -= np.sum(yb * np.log(p) + (1 - yb) * np.log(1 - p))

        d_logit = (p - yb) / len(xb)
        d_hidden = d_logit @ W2.T
        d_pre = d_hidden * (1 - hidden ** 2)

        W2 -= lr * hidden.T @ d_logit
        b2 -= lr * d_logit.sum(0)
        W1 -= lr * xb.T @ d_pre
        b1 -= lr * d_pre.sum(0)
    if epoch % 50 == 0:
        print(epoch, epoch_loss / len(X))
'''

_NO_BIAS = '''\
import numpy as np


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


# the third column is always one, so the first layer needs no bias
X = np.array([[0, 0, 1],
              [0, 1, 1],
              [1, 0, 1],
              [1, 1, 1]])
y = np.array([[0], [1], [1], [0]])

np.random.seed(1)
syn0 = 2 * np.random.random((3, 4)) - 1
syn1 = 2 * np.random.random((4, 1)) - 1

for j in range(20000):
    l0 = X
    l1 = nonlin(np.dot(l0, syn0))
    l2 = nonlin(np.dot(l1, syn1))

    l2_error = y - l2
    if j % 5000 == 0:
        print("Error: " + str(np.mean(np.abs(l2_error))))

    l2_delta = l2_error * nonlin(l2, deriv=True)
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)

    syn1 += l1.T.dot(l2_delta)
    syn0 += l0.T.dot(l1_delta)

print(l2)
'''

_THREE_LAYERS = '''\
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
Y = np.array([[0], [1], [1], [0]], dtype=float)

np.random.seed(6)
W1, b1 = np.random.randn(2, 4), np.zeros((1, 4))
W2, b2 = np.random.randn(4, 4), np.zeros((1, 4))
W3, b3 = np.random.randn(4, 1), np.zeros((1, 1))
lr = 0.3


def f(z):
    return 1 / (1 + np.exp(-z))


def df(z):
    return f(z) * (1 - f(z))


for epoch in range(10000):
    z1 = X @ W1 + b1
    a1 = f(z1)
    z2 = a1 @ W2 + b2
    a2 = f(z2)
    z3 = a2 @ W3 + b3
    a3 = f(z3)
    E = 0.5 * np.sum((Y - a3) ** 2)

    delta3 = (a3 - Y) * df(z3)
    delta2 = delta3 @ W3.T * df(z2)
    delta1 = delta2 @ W2.T * df(z1)

    gW3 = a2.T @ delta3
    gW2 = a1.T @ delta2
    gW1 = X.T @ delta1
    gb3 = delta3.sum(axis=0, keepdims=True)
    gb2 = delta2.sum(axis=0, keepdims=True)
    gb1 = delta1.sum(axis=0, keepdims=True)

    W3 -= lr * gW3
    W2 -= lr * gW2
    W1 -= lr * gW1
    b3 -= lr * gb3
    b2 -= lr * gb2
    b1 -= lr * gb1

    if epoch % 1000 == 0:
        print(epoch, E)
'''

_BIAS_ROW = '''\
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
T = np.array([[0], [1], [1], [0]], dtype=float)


def with_ones(a):
    return np.hstack([a, np.ones((len(a), 1))])


np.random.seed(13)
V = np.random.uniform(-1, 1, (3, 4))
W = np.random.uniform(-1, 1, (5, 1))

for epoch in range(8000):
    inputs = with_ones(X)
    H = 1 / (1 + np.exp(-inputs @ V))
    hidden = with_ones(H)
    O = 1 / (1 + np.exp(-hidden @ W))

    delta = (T - O) * O * (1 - O)
    # the last row of W is the bias: no error flows back through it
    back = delta @ W[:-1].T * H * (1 - H)

    W += 0.7 * hidden.T @ delta
    V += 0.7 * inputs.T @ back

    if epoch % 1000 == 0:
        print("error", 0.5 * ((T - O) ** 2).sum())
'''

_LISTS = '''\
import numpy as np


class Network:
    def __init__(self, sizes):
        rng = np.random.default_rng(10)
        self.biases = [rng.standard_normal((n, 1)) for n in sizes[1:]]
        self.weights = [rng.standard_normal((n, k)) for k, n in zip(sizes, sizes[1:])]

    def backprop(self, x, y):
        grads_b = [np.zeros(b.shape) for b in self.biases]
        grads_w = [np.zeros(w.shape) for w in self.weights]
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)

        delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
        grads_b[-1] = delta
        grads_w[-1] = np.dot(delta, activations[-2].T)
        for k in range(2, len(self.weights) + 1):
            delta = np.dot(self.weights[-k + 1].T, delta) * sigmoid_prime(zs[-k])
            grads_b[-k] = delta
            grads_w[-k] = np.dot(delta, activations[-k - 1].T)
        return grads_b, grads_w

    def update(self, batch, eta):
        sum_b = [np.zeros(b.shape) for b in self.biases]
        sum_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in batch:
            grads_b, grads_w = self.backprop(x, y)
            sum_b = [s + g for s, g in zip(sum_b, grads_b)]
            sum_w = [s + g for s, g in zip(sum_w, grads_w)]
        self.weights = [w - eta / len(batch) * g for w, g in zip(self.weights, sum_w)]
        self.biases = [b - eta / len(batch) * g for b, g in zip(self.biases, sum_b)]


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


points = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
batch = [(np.array(x, dtype=float).reshape(2, 1), np.array([[float(y)]])) for x, y in points]
net = Network([2, 3, 1])
for epoch in range(5000):
    net.update(batch, 3.0)
'''

_STACKED = '''\
import numpy as np

# the third input is always one
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
# XOR, NAND, XNOR
T = np.array([[0, 1, 1], [1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=float)

# the weights of both layers in one array
np.random.seed(3)
W = np.random.randn(2, 3, 3)
b = np.zeros((2, 3))


def f(z):
    return 1 / (1 + np.exp(-z))


for epoch in range(5000):
    h = f(X @ W[0] + b[0])
    o = f(h @ W[1] + b[1])
    d2 = (o - T) * o * (1 - o)
    d1 = d2 @ W[1].T * h * (1 - h)
    W[1] -= 0.5 * h.T @ d2
    b[1] -= 0.5 * d2.sum(0)
    W[0] -= 0.5 * X.T @ d1
    b[0] -= 0.5 * d1.sum(0)
print(o.round(2))
'''

_DESCENT = """\
    W2 -= lr * d_W2
    b2 -= lr * d_b2
    W1 -= lr * d_W1
    b1 -= lr * d_b1
"""


def _optimiser(start: str, step: str, before: str = "") -> tuple[str, tuple[tuple[str, str], ...]]:
    """The plain style with another step; ``P`` stands for each parameter."""
    names = ("W2", "b2", "W1", "b1")
    begin = "".join(start.replace("P", n) for n in names)
    return "plain", (
        ("for epoch in range(epochs):\n", begin + "for epoch in range(epochs):\n"),
        (_DESCENT, before + "".join(step.replace("P", n) for n in names)),
    )


# Steps that are not proportional to the gradient, but are computed from it
_OPTIMISERS = {
    "plain-rmsprop": _optimiser(
        "s_P = np.zeros_like(P)\n",
        "    s_P = 0.9 * s_P + 0.1 * d_P ** 2\n    P -= lr * d_P / (np.sqrt(s_P) + 1e-8)\n",
    ),
    "plain-adagrad": _optimiser(
        "s_P = 0\n", "    s_P = s_P + d_P ** 2\n    P -= lr * d_P / (np.sqrt(s_P) + 1e-8)\n"
    ),
    "plain-nesterov": _optimiser(
        "v_P = np.zeros_like(P)\n",
        "    old = v_P\n    v_P = 0.9 * v_P - lr * d_P\n    P += -0.9 * old + 1.9 * v_P\n",
    ),
    "plain-clip": _optimiser("", "    P -= lr * np.clip(d_P, -0.05, 0.05)\n"),
    "plain-norm": _optimiser(
        "",
        "    P -= lr * d_P * min(1.0, 0.05 / norm)\n",
        "    norm = np.sqrt(sum(np.sum(g ** 2) for g in (d_W2, d_b2, d_W1, d_b1)))\n",
    ),
}

# Correct, though a hasty reader would object
_DECOYS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    # a number of the weights, which is no loss
    "plain-slope": ("plain", (
        ("    loss = np.mean((y - y_pred) ** 2)\n", "    slope = -W1[0, 0] / W1[1, 0]\n"),
        (", loss {loss:.4f}", ", slope {slope:.4f}"),
    )),
    # one output unit: the sum over everything is the sum over the samples
    "plain-sum-of-all": ("plain", (
        ("d_b2 = np.sum(d_final, axis=0, keepdims=True)", "d_b2 = np.sum(d_final)"),
    )),
    # a value that is no derivative, and that nothing uses
    "plain-unused": ("plain", (
        ("    d_hidden = np.dot", "    d_raw = np.dot(d_loss, W2.T)\n    d_hidden = np.dot"),
    )),
    # updated as soon as nothing needs the old weights any more
    "plain-early": ("plain", (
        ("    d_W1 = np.dot(X.T, d_hidden)\n",
         "    W2 -= lr * d_W2\n    d_W1 = np.dot(X.T, d_hidden)\n"),
        ("    # gradient descent\n    W2 -= lr * d_W2\n", "    # gradient descent\n"),
    )),
    # updated first, but the hidden delta uses a copy of the old weights
    "plain-copy": ("plain", (
        ("    d_hidden = np.dot(d_final, W2.T)",
         "    W2_old = W2.copy()\n    W2 -= lr * d_W2\n    d_hidden = np.dot(d_final, W2_old.T)"),
        ("    # gradient descent\n    W2 -= lr * d_W2\n", "    # gradient descent\n"),
    )),
    # the learning rate shrinks from epoch to epoch
    "plain-decay": ("plain", (
        ("    # forward pass\n", "    lr = 0.5 / (1 + 0.01 * epoch)\n    # forward pass\n"),
    )),
    # another forward pass in the loop, on other data, for the eye only
    "function-monitor": ("function", (
        ("        if epoch % 2000 == 0:\n            print(\"epoch\", epoch, \"cost\", cost)\n",
         "        shown = forward(inputs + 0.1, w_hid, b_hid, w_out, b_out)[-1]\n"
         "        hits = np.mean((shown > 0.5) == targets)\n"
         "        if epoch % 2000 == 0:\n"
         "            print(\"epoch\", epoch, \"cost\", cost, \"right\", hits)\n"),
    )),
    # weights so small at the start that tanh is hardly curved
    "columns-small": ("columns", (
        ("W1 = np.random.randn(n_h, n_x)", "W1 = np.random.randn(n_h, n_x) * 0.05"),
        ("W2 = np.random.randn(n_y, n_h)", "W2 = np.random.randn(n_y, n_h) * 0.05"),
    )),
    # Adam: the gradient is right, the step is not a multiple of it
    "columns-adam": ("columns", (
        ("alpha = 0.8\n",
         "alpha = 0.01\nbeta1, beta2, epsilon = 0.9, 0.999, 1e-8\n"
         "params = [W1, b1, W2, b2]\n"
         "first = [np.zeros_like(p) for p in params]\n"
         "second = [np.zeros_like(p) for p in params]\n"),
        ("    W1 = W1 - alpha * dW1\n    b1 = b1 - alpha * db1\n"
         "    W2 = W2 - alpha * dW2\n    b2 = b2 - alpha * db2\n",
         "    for k, grad in enumerate([dW1, db1, dW2, db2]):\n"
         "        first[k] = beta1 * first[k] + (1 - beta1) * grad\n"
         "        second[k] = beta2 * second[k] + (1 - beta2) * grad ** 2\n"
         "        unbiased = first[k] / (1 - beta1 ** (i + 1))\n"
         "        spread = second[k] / (1 - beta2 ** (i + 1))\n"
         "        params[k] -= alpha * unbiased / (np.sqrt(spread) + epsilon)\n"),
    )),
}

CORRECT: dict[str, str] = {
    **STYLES,
    "sample": _SAMPLE,
    "dictionary": _DICTIONARY,
    "layers": _LAYERS,
    **{
        f"{style}-{name}": _edit(STYLES[style], *edits)
        for name, by_style in _VARIATIONS.items()
        for style, edits in by_style.items()
    },
    **{
        name: _edit(STYLES[style], *edits)
        for name, (style, edits) in {**_DECOYS, **_OPTIMISERS}.items()
    },
    "relu": _RELU,
    "softmax": _SOFTMAX,
    "softmax-jacobian": _SOFTMAX_JACOBIAN,
    "bce": _BCE,
    "branch": _BRANCH,
    "typed": _TYPED,
    "mse": _MSE,
    "mini-batch": _MINI_BATCH,
    "no-bias": _NO_BIAS,
    "three-layers": _THREE_LAYERS,
    "bias-row": _BIAS_ROW,
    "lists": _LISTS,
    "stacked": _STACKED,
}
"""Every correct source, by name: the styles, ``<style>-<variation>``, and further networks."""

# ---------------------------------------------------------------------------------------------
# The mistakes
# ---------------------------------------------------------------------------------------------


def _plant(
    style: str,
    name: MistakeName,
    edits: dict[str, str],
    at: str,
    spoils: str,
    *,
    near: tuple[str, ...] = (),
    **more,
) -> Mistake:
    """Plant a mistake into the correct source ``style``.

    Args:
        style: A key of ``CORRECT``.
        name: One of ``NAMES``.
        edits: Old text -> new text, each once in the source.
        at: The line of the mutated source that gives the first wrong value.
        spoils: The spoilt parameters, with spaces between.
        near: Further acceptable lines.
        **more: ``variable`` where it is not what ``at`` assigns, and the other fields.

    """
    source = _edit(CORRECT[style], *edits.items())
    variable = more.pop("variable", at.split("=")[0].rstrip("+-*/ "))
    return Mistake(
        style=style,
        name=name,
        source=source,
        line=_line(source, at),
        variable=variable,
        spoils=tuple(spoils.split()),
        near=tuple(_line(source, text) for text in near),
        **more,
    )


_ALL = "W1 b1 W2 b2"
_HIDDEN = "d_hidden = np.dot(d_final, W2.T) * sigmoid_derivative(hidden_output)"
_D_W2 = "d_W2 = np.dot(hidden_output.T, d_final)"

_PLAIN_MISTAKES = [
    _plant(
        "plain", "updated too early",
        {f"    {_HIDDEN}\n": f"    W2 -= lr * d_W2\n    {_HIDDEN}\n",
         "    # gradient descent\n    W2 -= lr * d_W2\n": "    # gradient descent\n"},
        _HIDDEN, "W1 b1", near=("W2 -= lr * d_W2",),
    ),
    _plant(
        "plain", "derivative taken twice",
        {"return output * (1 - output)": "s = sigmoid(output)\n    return s * (1 - s)"},
        "d_final = d_loss * sigmoid_derivative(y_pred)", _ALL,
        near=("return s * (1 - s)", "s = sigmoid(output)"), label="function",
    ),
    _plant(
        "plain", "derivative taken twice",
        {"sigmoid_derivative(hidden_output)": "sigmoid_derivative(hidden_input)"},
        _HIDDEN.replace("(hidden_output)", "(hidden_input)"), "W1 b1", label="hidden",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "plain", "derivative taken twice",
        {"sigmoid_derivative(y_pred)": "sigmoid_derivative(final_input)"},
        "d_final = d_loss * sigmoid_derivative(final_input)", _ALL, label="output",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "plain", "bias summed over the wrong axis",
        {"np.sum(d_hidden, axis=0, keepdims=True)": "np.sum(d_hidden, axis=1)[None]"},
        "d_b1 = np.sum(d_hidden, axis=1)[None]", "b1",
    ),
    _plant(
        "plain", "bias summed over the wrong axis",
        {"np.sum(d_hidden, axis=0, keepdims=True)": "np.sum(d_hidden)"},
        "d_b1 = np.sum(d_hidden)", "b1", label="every axis",
    ),
    _plant(
        "plain", "bias not summed",
        {"d_b1 = np.sum(d_hidden, axis=0, keepdims=True)": "d_b1 = d_hidden",
         "b1 -= lr * d_b1": "b1 = b1 - lr * d_b1"},
        "d_b1 = d_hidden", "b1", near=("b1 = b1 - lr * d_b1",),
    ),
    _plant(
        "plain", "derivative of the wrong quantity",
        {"sigmoid_derivative(hidden_output)": "sigmoid_derivative(y_pred)"},
        _HIDDEN.replace("(hidden_output)", "(y_pred)"), "W1 b1",
    ),
    _plant(
        "plain", "raw error in the hidden delta",
        {"np.dot(d_final, W2.T)": "np.dot(d_loss, W2.T)"},
        _HIDDEN.replace("d_final", "d_loss"), "W1 b1", also=("missing output derivative",),
    ),
    _plant(
        "plain", "scale of one parameter", {_D_W2: f"{_D_W2} / len(X)"},
        f"{_D_W2} / len(X)", "W2", label="mean",
    ),
    _plant(
        "plain", "scale of one parameter", {"b1 -= lr * d_b1": "b1 -= lr * lr * d_b1"},
        "b1 -= lr * lr * d_b1", "b1", label="rate twice",
    ),
    _plant(
        "plain", "missing output derivative",
        {"d_final = d_loss * sigmoid_derivative(y_pred)": "d_final = d_loss"},
        "d_final = d_loss", "", label="follows BCE", answers=("warned",),
    ),
    _plant(
        "plain-tanh", "missing output derivative",
        {"d_final = d_loss * tanh_derivative(y_pred)": "d_final = d_loss"},
        "d_final = d_loss", _ALL,
    ),
    _plant(
        "plain", "missing output derivative",
        {_D_W2: "d_W2 = np.dot(hidden_output.T, d_loss)"},
        "d_W2 = np.dot(hidden_output.T, d_loss)", "W2", label="one gradient",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "plain", "missing hidden derivative",
        {" * sigmoid_derivative(hidden_output)": ""},
        "d_hidden = np.dot(d_final, W2.T)", "W1 b1",
    ),
    _plant(
        "plain", "bias never updated", {"    b1 -= lr * d_b1\n": ""},
        "hidden_input = np.dot(X, W1) + b1", "b1", variable="b1",
        near=("b1 = np.zeros((1, n_hidden))",
              "d_b1 = np.sum(d_hidden, axis=0, keepdims=True)"),
    ),
    _plant(
        "plain", "hard-coded sample",
        {"np.dot(X.T, d_hidden)": "np.dot(X[1:2].T, d_hidden[1:2])"},
        "d_W1 = np.dot(X[1:2].T, d_hidden[1:2])", "W1",
    ),
    _plant("plain", "wrong sign", {"b1 -= lr * d_b1": "b1 += lr * d_b1"},
           "b1 += lr * d_b1", "b1"),
    _plant(
        "plain-momentum", "wrong sign",
        {"v_b1 = momentum * v_b1 - lr * d_b1": "v_b1 = momentum * v_b1 + lr * d_b1"},
        "v_b1 = momentum * v_b1 + lr * d_b1", "b1", near=("b1 += v_b1",),
    ),
    _plant(
        "plain", "dot for element-wise product",
        {_HIDDEN: "d_hidden = np.dot(np.dot(d_final, W2.T), sigmoid_derivative(hidden_output))"},
        "d_hidden = np.dot(np.dot(d_final, W2.T), sigmoid_derivative(hidden_output))", "W1 b1",
    ),
    _plant(
        "plain", "wrong transpose", {"np.dot(hidden_output.T, d_final)":
                                     "np.dot(hidden_output, d_final)"},
        "d_W2 = np.dot(hidden_output, d_final)", "W2",
    ),
    _plant(
        "plain-one-hot", "weights of the wrong layer",
        {"np.dot(d_final, W2.T)": "np.dot(d_final, W1.T)"},
        _HIDDEN.replace("W2", "W1"), "W1 b1",
    ),
    _plant(
        "plain-one-hot", "wrong transpose",
        {"np.dot(d_final, W2.T)": "np.dot(d_final, W2)"},
        _HIDDEN.replace("W2.T", "W2"), "W1 b1",
    ),
    _plant(
        "plain", "stale activation",
        {"epochs = 10000\n": "epochs = 10000\nlast_hidden = sigmoid(np.dot(X, W1) + b1)\n",
         _D_W2: "d_W2 = np.dot(last_hidden.T, d_final)\n    last_hidden = hidden_output"},
        "d_W2 = np.dot(last_hidden.T, d_final)", "W2",
        near=("last_hidden = hidden_output",),
    ),
    _plant(
        "plain-l2", "detached regularisation", {f"{_D_W2} + 2 * lam * W2": _D_W2}, _D_W2, "W2",
    ),
    _plant(
        "plain-l2", "detached regularisation",
        {" + 2 * lam * W2": "", " + 2 * lam * W1": ""}, _D_W2, "W1 W2",
        near=("d_W1 = np.dot(X.T, d_hidden)",), answers=("wrong", "warned"),
        label="everywhere",
    ),
]

_ALL = "w_hid b_hid w_out b_out"
_HIDDEN = "delta_hid = (delta_out @ w_out.T) * sigmoid_prime(z_hid)"
_W_OUT = "w_out = w_out - rate * (a_hid.T @ delta_out)"
_B_HID = "b_hid = b_hid - rate * delta_hid.sum(axis=0)"

_FUNCTION_MISTAKES = [
    _plant(
        "function", "updated too early",
        {f"    {_HIDDEN}\n\n    {_W_OUT}\n": f"    {_W_OUT}\n    {_HIDDEN}\n"},
        _HIDDEN, "w_hid b_hid", near=(_W_OUT,),
    ),
    _plant(
        "function", "derivative taken twice",
        {"    s = sigmoid(z)\n    return s * (1.0 - s)": "    return z * (1.0 - z)"},
        "delta_out = error * sigmoid_prime(z_out)", _ALL, near=("return z * (1.0 - z)",),
        label="function", also=("derivative of the wrong quantity",),
    ),
    _plant(
        "function", "derivative taken twice", {"sigmoid_prime(z_hid)": "sigmoid_prime(a_hid)"},
        _HIDDEN.replace("(z_hid)", "(a_hid)"), "w_hid b_hid", label="hidden",
    ),
    _plant(
        "function", "derivative taken twice", {"sigmoid_prime(z_out)": "sigmoid_prime(a_out)"},
        "delta_out = error * sigmoid_prime(a_out)", _ALL, label="output",
    ),
    _plant(
        "function", "bias summed over the wrong axis",
        {"delta_hid.sum(axis=0)": "delta_hid.sum(axis=1)"},
        "b_hid = b_hid - rate * delta_hid.sum(axis=1)", "b_hid",
    ),
    _plant(
        "function", "bias summed over the wrong axis", {"delta_hid.sum(axis=0)": "delta_hid.sum()"},
        "b_hid = b_hid - rate * delta_hid.sum()", "b_hid", label="every axis",
    ),
    _plant(
        "function", "bias not summed", {"delta_hid.sum(axis=0)": "delta_hid"},
        "b_hid = b_hid - rate * delta_hid", "b_hid",
    ),
    _plant(
        "function", "bias not summed", {"delta_out.sum(axis=0)": "delta_out"},
        "b_out = b_out - rate * delta_out", "b_out", label="output",
    ),
    _plant(
        "function", "derivative of the wrong quantity",
        {"sigmoid_prime(z_hid)": "sigmoid_prime(delta_out @ w_out.T)"},
        "delta_hid = (delta_out @ w_out.T) * sigmoid_prime(delta_out @ w_out.T)", "w_hid b_hid",
    ),
    _plant(
        "function", "raw error in the hidden delta",
        {"(delta_out @ w_out.T)": "(error @ w_out.T)"},
        _HIDDEN.replace("delta_out", "error"), "w_hid b_hid",
        also=("missing output derivative",),
    ),
    _plant(
        "function", "scale of one parameter",
        {"(inputs.T @ delta_hid)": "(inputs.T @ delta_hid) / len(inputs)"},
        "w_hid = w_hid - rate * (inputs.T @ delta_hid) / len(inputs)", "w_hid", label="mean",
    ),
    _plant(
        "function", "scale of one parameter",
        {"delta_out.sum(axis=0)": "rate * delta_out.sum(axis=0)"},
        "b_out = b_out - rate * rate * delta_out.sum(axis=0)", "b_out", label="rate twice",
    ),
    _plant(
        "function", "missing output derivative",
        {"delta_out = error * sigmoid_prime(z_out)": "delta_out = error"},
        "delta_out = error", "", label="follows BCE", answers=("warned",),
    ),
    _plant(
        "function-tanh", "missing output derivative",
        {"delta_out = error * act_prime(z_out)": "delta_out = error"}, "delta_out = error", _ALL,
    ),
    _plant(
        "function", "missing output derivative", {"(a_hid.T @ delta_out)": "(a_hid.T @ error)"},
        "w_out = w_out - rate * (a_hid.T @ error)", "w_out", label="one gradient",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "function", "missing hidden derivative",
        {"delta_hid = (delta_out @ w_out.T) * sigmoid_prime(z_hid)":
         "delta_hid = delta_out @ w_out.T"},
        "delta_hid = delta_out @ w_out.T", "w_hid b_hid",
    ),
    _plant(
        "function", "bias never updated", {f"    {_B_HID}\n": ""},
        "z_hid = inputs @ w_hid + b_hid", "b_hid", variable="b_hid",
        near=("b_hid = np.zeros(n_hid)",),
    ),
    _plant(
        "function", "hard-coded sample",
        {"(inputs.T @ delta_hid)": "np.outer(inputs[2], delta_hid[2])"},
        "w_hid = w_hid - rate * np.outer(inputs[2], delta_hid[2])", "w_hid",
    ),
    _plant(
        "function", "wrong sign",
        {"b_out - rate * delta_out.sum(axis=0)": "b_out + rate * delta_out.sum(axis=0)"},
        "b_out = b_out + rate * delta_out.sum(axis=0)", "b_out",
    ),
    _plant(
        "function-momentum", "wrong sign",
        {"mu * speeds[1] + delta_hid.sum(axis=0)": "mu * speeds[1] - delta_hid.sum(axis=0)"},
        "speeds[1] = mu * speeds[1] - delta_hid.sum(axis=0)", "b_hid",
        near=("b_hid = b_hid - rate * speeds[1]",),
    ),
    _plant(
        "function", "dot for element-wise product",
        {"(delta_out @ w_out.T) * sigmoid_prime(z_hid)":
         "(delta_out @ w_out.T) @ sigmoid_prime(z_hid)"},
        _HIDDEN.replace("*", "@"), "w_hid b_hid",
    ),
    _plant(
        "function", "wrong transpose", {"(a_hid.T @ delta_out)": "(a_hid @ delta_out)"},
        "w_out = w_out - rate * (a_hid @ delta_out)", "w_out",
    ),
    _plant(
        "function-one-hot", "weights of the wrong layer", {"w_out.T": "w_hid.T"},
        _HIDDEN.replace("w_out", "w_hid"), "w_hid b_hid",
    ),
    _plant(
        "function", "stale activation",
        {"def train_step(": "cache = {}\n\n\ndef train_step(",
         "    error = a_out - targets\n":
         '    kept = cache.setdefault("a_hid", a_hid)\n    error = a_out - targets\n',
         "(a_hid.T @ delta_out)": "(kept.T @ delta_out)"},
        "w_out = w_out - rate * (kept.T @ delta_out)", "w_out",
        near=('kept = cache.setdefault("a_hid", a_hid)',),
    ),
    _plant(
        "function-l2", "detached regularisation",
        {"(a_hid.T @ delta_out + decay * w_out)": "(a_hid.T @ delta_out)"}, _W_OUT, "w_out",
    ),
    _plant(
        "function-l2", "detached regularisation",
        {"(a_hid.T @ delta_out + decay * w_out)": "(a_hid.T @ delta_out)",
         "(inputs.T @ delta_hid + decay * w_hid)": "(inputs.T @ delta_hid)"},
        _W_OUT, "w_hid w_out", near=("w_hid = w_hid - rate * (inputs.T @ delta_hid)",),
        answers=("wrong", "warned"), label="everywhere",
    ),
]

_ALL = "self.weights_ih self.bias_h self.weights_ho self.bias_o"
_IH = "self.weights_ih self.bias_h"
_ERROR = "hidden_error = output_delta.dot(self.weights_ho.T)"
_DELTA = "hidden_delta = hidden_error * self.sigmoid_derivative(self.hidden)"
_OUT = "output_delta = output_error * self.sigmoid_derivative(self.output)"
_HO = "self.weights_ho += self.learning_rate * self.hidden.T.dot(output_delta)"
_BH = "self.bias_h += self.learning_rate * np.sum(hidden_delta, axis=0, keepdims=True)"
_BO = "self.bias_o += self.learning_rate * np.sum(output_delta, axis=0, keepdims=True)"

_CLASS_MISTAKES = [
    _plant(
        "class", "updated too early",
        {f"        {_ERROR}\n        {_DELTA}\n\n        {_HO}\n":
         f"        {_HO}\n        {_ERROR}\n        {_DELTA}\n\n"},
        _ERROR, _IH, near=(_HO, _DELTA),
    ),
    _plant(
        "class", "derivative taken twice",
        {"return s * (1 - s)": "return self.sigmoid(s) * (1 - self.sigmoid(s))"},
        _OUT, _ALL, near=("return self.sigmoid(s) * (1 - self.sigmoid(s))",), label="function",
    ),
    _plant(
        "class", "derivative taken twice",
        {"self.sigmoid_derivative(self.hidden)": "self.sigmoid_derivative(self.hidden_in)"},
        _DELTA.replace("(self.hidden)", "(self.hidden_in)"), _IH, label="hidden",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "class", "derivative taken twice",
        {"self.sigmoid_derivative(self.output)": "self.sigmoid_derivative(self.output_in)"},
        _OUT.replace("(self.output)", "(self.output_in)"), _ALL, label="output",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "class", "bias summed over the wrong axis",
        {"np.sum(hidden_delta, axis=0, keepdims=True)": "np.sum(hidden_delta, axis=1)"},
        "self.bias_h += self.learning_rate * np.sum(hidden_delta, axis=1)", "self.bias_h",
    ),
    _plant(
        "class", "bias summed over the wrong axis",
        {"np.sum(hidden_delta, axis=0, keepdims=True)": "np.sum(hidden_delta)"},
        "self.bias_h += self.learning_rate * np.sum(hidden_delta)", "self.bias_h",
        label="every axis",
    ),
    _plant(
        "class", "bias not summed",
        {_BH: "self.bias_h = self.bias_h + self.learning_rate * hidden_delta"},
        "self.bias_h = self.bias_h + self.learning_rate * hidden_delta", "self.bias_h",
    ),
    _plant(
        "class", "derivative of the wrong quantity",
        {"self.sigmoid_derivative(self.hidden)": "self.sigmoid_derivative(self.output)"},
        _DELTA.replace("(self.hidden)", "(self.output)"), _IH,
    ),
    _plant(
        "class", "derivative of the wrong quantity",
        {"self.sigmoid_derivative(self.hidden)": "self.sigmoid_derivative(hidden_error)"},
        _DELTA.replace("(self.hidden)", "(hidden_error)"), _IH, label="error",
    ),
    _plant(
        "class", "raw error in the hidden delta",
        {"output_delta.dot(self.weights_ho.T)": "output_error.dot(self.weights_ho.T)"},
        _ERROR.replace("output_delta", "output_error"), _IH,
        near=(_DELTA,), also=("missing output derivative",),
    ),
    _plant(
        "class", "scale of one parameter",
        {"X.T.dot(hidden_delta)": "X.T.dot(hidden_delta) / X.shape[0]"},
        "self.weights_ih += self.learning_rate * X.T.dot(hidden_delta) / X.shape[0]",
        "self.weights_ih", label="mean",
    ),
    _plant(
        "class", "scale of one parameter",
        {_BO: _BO.replace("self.learning_rate *", "self.learning_rate ** 2 *")},
        _BO.replace("self.learning_rate *", "self.learning_rate ** 2 *"), "self.bias_o",
        label="rate twice",
    ),
    _plant(
        "class", "missing output derivative", {_OUT: "output_delta = output_error"},
        "output_delta = output_error", "", label="follows BCE", answers=("warned",),
    ),
    _plant(
        "class-tanh", "missing output derivative",
        {"output_error * self.derivative(self.output)": "output_error"},
        "output_delta = output_error", _ALL,
    ),
    _plant(
        "class", "missing output derivative",
        {"self.hidden.T.dot(output_delta)": "self.hidden.T.dot(output_error)"},
        _HO.replace("output_delta", "output_error"), "self.weights_ho", label="one gradient",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "class", "missing hidden derivative", {_DELTA: "hidden_delta = hidden_error"},
        "hidden_delta = hidden_error", _IH,
    ),
    _plant(
        "class", "bias never updated", {f"        {_BH}\n": ""},
        "self.hidden_in = np.dot(X, self.weights_ih) + self.bias_h", "self.bias_h",
        variable="self.bias_h", near=("self.bias_h = np.random.uniform(-1, 1, (1, n_hidden))",),
    ),
    _plant(
        "class", "hard-coded sample",
        {"X.T.dot(hidden_delta)": "np.outer(X[1], hidden_delta[1])"},
        "self.weights_ih += self.learning_rate * np.outer(X[1], hidden_delta[1])",
        "self.weights_ih",
    ),
    _plant(
        "class", "wrong sign", {_BO: _BO.replace("+=", "-=")}, _BO.replace("+=", "-="),
        "self.bias_o",
    ),
    _plant(
        "class-momentum", "wrong sign",
        {"change_h = self.learning_rate": "change_h = -self.learning_rate"},
        "change_h = -self.learning_rate * hidden_delta.sum(axis=0, keepdims=True)", "self.bias_h",
        near=("self.last_h = change_h + self.momentum * self.last_h",
              "self.bias_h += self.last_h"),
    ),
    _plant(
        "class", "dot for element-wise product",
        {_DELTA: "hidden_delta = hidden_error.dot(self.sigmoid_derivative(self.hidden))"},
        "hidden_delta = hidden_error.dot(self.sigmoid_derivative(self.hidden))", _IH,
    ),
    _plant(
        "class", "wrong transpose", {"self.hidden.T.dot(": "self.hidden.dot("},
        _HO.replace("hidden.T", "hidden"), "self.weights_ho",
    ),
    _plant(
        "class-one-hot", "weights of the wrong layer",
        {"output_delta.dot(self.weights_ho.T)": "output_delta.dot(self.weights_ih.T)"},
        _ERROR.replace("weights_ho", "weights_ih"), _IH, near=(_DELTA,),
    ),
    _plant(
        "class", "stale activation",
        {"        self.hidden = self.sigmoid(self.hidden_in)\n":
         "        self.hidden = self.sigmoid(self.hidden_in)\n"
         '        if not hasattr(self, "hidden_T"):\n'
         "            self.hidden_T = self.hidden.T\n",
         "self.hidden.T.dot(output_delta)": "self.hidden_T.dot(output_delta)"},
        _HO.replace("hidden.T", "hidden_T"), "self.weights_ho",
        near=("self.hidden_T = self.hidden.T",),
    ),
    _plant(
        "class-l2", "detached regularisation", {" - self.l2 * self.weights_ho": ""},
        "step_ho = self.hidden.T.dot(output_delta)", "self.weights_ho",
        near=("self.weights_ho += self.learning_rate * step_ho",),
    ),
    _plant(
        "class-l2", "detached regularisation",
        {" - self.l2 * self.weights_ho": "", " - self.l2 * self.weights_ih": ""},
        "step_ho = self.hidden.T.dot(output_delta)", "self.weights_ih self.weights_ho",
        near=("self.weights_ho += self.learning_rate * step_ho",
              "step_ih = X.T.dot(hidden_delta)"),
        answers=("wrong", "warned"), label="everywhere",
    ),
]

_ALL = "W1 b1 W2 b2"
_DZ1 = "dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)"
_DZ2 = "dZ2 = dA2 * A2 * (1 - A2)"

_COLUMNS_MISTAKES = [
    _plant(
        "columns", "updated too early",
        {f"    {_DZ1}\n": f"    W2 = W2 - alpha * dW2\n    {_DZ1}\n",
         "    W2 = W2 - alpha * dW2\n    b2": "    b2"},
        _DZ1, "W1 b1", near=("W2 = W2 - alpha * dW2",),
    ),
    _plant(
        "columns", "derivative taken twice", {"(1 - A1 ** 2)": "(1 - np.tanh(A1) ** 2)"},
        "dZ1 = (W2.T @ dZ2) * (1 - np.tanh(A1) ** 2)", "W1 b1", label="of the activation",
    ),
    _plant(
        "columns", "derivative taken twice", {"(1 - A1 ** 2)": "(1 - Z1 ** 2)"},
        "dZ1 = (W2.T @ dZ2) * (1 - Z1 ** 2)", "W1 b1", label="hidden",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "columns", "derivative taken twice", {"dA2 * A2 * (1 - A2)": "dA2 * Z2 * (1 - Z2)"},
        "dZ2 = dA2 * Z2 * (1 - Z2)", _ALL, label="output",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "columns", "bias summed over the wrong axis",
        {"np.sum(dZ1, axis=1, keepdims=True)": "np.sum(dZ1, axis=0, keepdims=True)"},
        "db1 = np.sum(dZ1, axis=0, keepdims=True) / m", "b1",
    ),
    _plant(
        "columns", "bias summed over the wrong axis",
        {"np.sum(dZ2, axis=1, keepdims=True)": "np.sum(dZ2, axis=0, keepdims=True)"},
        "db2 = np.sum(dZ2, axis=0, keepdims=True) / m", "b2", label="output",
        also=("bias not summed",),
    ),
    _plant(
        "columns", "bias summed over the wrong axis",
        {"np.sum(dZ1, axis=1, keepdims=True)": "np.sum(dZ1)"},
        "db1 = np.sum(dZ1) / m", "b1", label="every axis",
    ),
    _plant(
        "columns", "bias not summed", {"np.sum(dZ1, axis=1, keepdims=True) / m": "dZ1 / m"},
        "db1 = dZ1 / m", "b1",
    ),
    _plant(
        "columns", "derivative of the wrong quantity", {"(1 - A1 ** 2)": "(1 - A2 ** 2)"},
        _DZ1.replace("A1", "A2"), "W1 b1",
    ),
    _plant(
        "columns", "derivative of the wrong quantity", {"* (1 - A1 ** 2)": "* A1 * (1 - A1)"},
        "dZ1 = (W2.T @ dZ2) * A1 * (1 - A1)", "W1 b1", label="of another activation",
    ),
    _plant(
        "columns", "raw error in the hidden delta", {"(W2.T @ dZ2)": "(W2.T @ dA2)"},
        _DZ1.replace("dZ2", "dA2"), "W1 b1", also=("missing output derivative",),
    ),
    _plant(
        "columns", "scale of one parameter", {"dW2 = dZ2 @ A1.T / m": "dW2 = dZ2 @ A1.T"},
        "dW2 = dZ2 @ A1.T", "W2", label="sum",
    ),
    _plant(
        "columns", "scale of one parameter", {"alpha * db1": "alpha * db1 / m"},
        "b1 = b1 - alpha * db1 / m", "b1", label="mean",
    ),
    _plant(
        "columns", "missing output derivative", {_DZ2: "dZ2 = dA2"},
        "dZ2 = dA2", "", label="follows BCE", answers=("warned",),
    ),
    _plant(
        "columns-tanh", "missing output derivative", {"dZ2 = dA2 * (1 - A2 ** 2)": "dZ2 = dA2"},
        "dZ2 = dA2", _ALL,
    ),
    _plant(
        "columns", "missing output derivative", {"dW2 = dZ2 @ A1.T": "dW2 = dA2 @ A1.T"},
        "dW2 = dA2 @ A1.T / m", "W2", label="one gradient",
        also=("derivative of the wrong quantity",),
    ),
    _plant(
        "columns", "missing hidden derivative", {_DZ1: "dZ1 = W2.T @ dZ2"},
        "dZ1 = W2.T @ dZ2", "W1 b1",
    ),
    _plant(
        "columns", "bias never updated", {"    b1 = b1 - alpha * db1\n": ""},
        "Z1 = W1 @ X + b1", "b1", variable="b1",
        near=("b1 = np.zeros((n_h, 1))", "db1 = np.sum(dZ1, axis=1, keepdims=True) / m"),
    ),
    _plant(
        "columns", "hard-coded sample", {"dW1 = dZ1 @ X.T / m":
                                         "dW1 = dZ1[:, 2:3] @ X[:, 2:3].T / m"},
        "dW1 = dZ1[:, 2:3] @ X[:, 2:3].T / m", "W1",
    ),
    _plant("columns", "wrong sign", {"b1 = b1 - alpha * db1": "b1 = b1 + alpha * db1"},
           "b1 = b1 + alpha * db1", "b1"),
    _plant(
        "columns-momentum", "wrong sign", {"vW1 = beta * vW1 + (1 - beta) * dW1":
                                           "vW1 = beta * vW1 - (1 - beta) * dW1"},
        "vW1 = beta * vW1 - (1 - beta) * dW1", "W1", near=("W1 = W1 - alpha * vW1",),
    ),
    _plant(
        "columns", "dot for element-wise product", {"(W2.T @ dZ2) * (": "(W2.T @ dZ2) @ ("},
        _DZ1.replace(") * (", ") @ ("), "W1 b1",
    ),
    _plant("columns", "wrong transpose", {"dZ2 @ A1.T / m": "dZ2 @ A1 / m"},
           "dW2 = dZ2 @ A1 / m", "W2"),
    _plant("columns", "wrong transpose", {"dZ1 @ X.T / m": "dZ1.T @ X.T / m"},
           "dW1 = dZ1.T @ X.T / m", "W1", label="delta"),
    _plant(
        "columns-one-hot", "weights of the wrong layer", {"W2.T @ dZ2": "W1.T @ dZ2"},
        _DZ1.replace("W2", "W1"), "W1 b1",
    ),
    _plant(
        "columns", "stale activation",
        {"for i in range(num_iterations):\n":
         "A1_last = np.tanh(W1 @ X + b1)\nfor i in range(num_iterations):\n",
         "dW2 = dZ2 @ A1.T / m": "dW2 = dZ2 @ A1_last.T / m\n    A1_last = A1"},
        "dW2 = dZ2 @ A1_last.T / m", "W2", near=("A1_last = A1",),
    ),
    _plant(
        "columns-l2", "detached regularisation", {" + lambd * W2 / m": ""},
        "dW2 = dZ2 @ A1.T / m", "W2",
    ),
    _plant(
        "columns-l2", "detached regularisation",
        {" + lambd * W2 / m": "", " + lambd * W1 / m": ""},
        "dW2 = dZ2 @ A1.T / m", "W1 W2", near=("dW1 = dZ1 @ X.T / m",),
        answers=("wrong", "warned"), label="everywhere",
    ),
]

_DELTA = "delta_h = delta_o * w2 * h * (1 - h)"

_SAMPLE_MISTAKES = [
    _plant(
        "sample", "updated too early",
        {f"        {_DELTA}\n\n        w2 += eta * delta_o * h\n":
         f"        w2 += eta * delta_o * h\n        {_DELTA}\n\n"},
        _DELTA, "w1 c1", near=("w2 += eta * delta_o * h",),
    ),
    _plant(
        "sample", "derivative taken twice",
        {"w2 * h * (1 - h)": "w2 * act(h) * (1 - act(h))"},
        "delta_h = delta_o * w2 * act(h) * (1 - act(h))", "w1 c1",
    ),
    _plant(
        "sample", "raw error in the hidden delta", {"delta_o * w2 * h": "(t - o) * w2 * h"},
        "delta_h = (t - o) * w2 * h * (1 - h)", "w1 c1", also=("missing output derivative",),
    ),
    _plant(
        "sample", "scale of one parameter", {"c2 += eta * delta_o": "c2 += eta * eta * delta_o"},
        "c2 += eta * eta * delta_o", "c2",
    ),
    _plant(
        "sample", "missing output derivative",
        {"delta_o = (t - o) * o * (1 - o)": "delta_o = t - o"},
        "delta_o = t - o", "", label="follows BCE", answers=("warned",),
    ),
    _plant(
        "sample", "missing hidden derivative", {"w2 * h * (1 - h)": "w2"},
        "delta_h = delta_o * w2", "w1 c1",
    ),
    _plant(
        "sample", "bias never updated", {"        c1 += eta * delta_h\n": ""},
        "h = act(x @ w1 + c1)", "c1", variable="c1", near=("c1 = rng.uniform(-1, 1, 3)",),
    ),
    _plant(
        "sample", "hard-coded sample", {"np.outer(x, delta_h)": "np.outer(data[3][0], delta_h)"},
        "w1 += eta * np.outer(data[3][0], delta_h)", "w1",
    ),
    _plant("sample", "wrong sign", {"c1 += eta": "c1 -= eta"}, "c1 -= eta * delta_h", "c1"),
    _plant(
        "sample", "dot for element-wise product",
        {"delta_o * w2 * h * (1 - h)": "delta_o * np.dot(w2, h) * (1 - h)"},
        "delta_h = delta_o * np.dot(w2, h) * (1 - h)", "w1 c1",
    ),
    _plant(
        "sample", "stale activation",
        {"for epoch in range(10000):\n": "h_last = np.zeros(3)\nfor epoch in range(10000):\n",
         "        w2 += eta * delta_o * h\n":
         "        w2 += eta * delta_o * h_last\n        h_last = h\n"},
        "w2 += eta * delta_o * h_last", "w2", near=("h_last = h",),
    ),
]

_DICTIONARY_MISTAKES = [
    _plant(
        "dictionary", "derivative taken twice",
        {'np.power(cache["A1"], 2)': 'np.power(np.tanh(cache["A1"]), 2)'},
        'dZ1 = dA1 * (1 - np.power(np.tanh(cache["A1"]), 2))', 'params["W1"] params["b1"]',
    ),
    _plant(
        "dictionary", "bias summed over the wrong axis",
        {"np.sum(dZ1, axis=1, keepdims=True)": "np.sum(dZ1, axis=0, keepdims=True)"},
        'grads["b1"] = np.sum(dZ1, axis=0, keepdims=True) / m', 'params["b1"]',
    ),
    _plant(
        "dictionary", "bias not summed", {"np.sum(dZ1, axis=1, keepdims=True) / m": "dZ1 / m"},
        'grads["b1"] = dZ1 / m', 'params["b1"]',
    ),
    _plant(
        "dictionary", "scale of one parameter", {'dZ2.dot(cache["A1"].T) / m':
                                                 'dZ2.dot(cache["A1"].T)'},
        'grads["W2"] = dZ2.dot(cache["A1"].T)', 'params["W2"]',
    ),
    _plant(
        "dictionary", "missing hidden derivative",
        {'dZ1 = dA1 * (1 - np.power(cache["A1"], 2))': "dZ1 = dA1"},
        "dZ1 = dA1", 'params["W1"] params["b1"]',
    ),
    _plant(
        "dictionary", "bias never updated",
        {"        params[name] = params[name] - learning_rate * grads[name]\n":
         '        if name.startswith("W"):\n'
         "            params[name] = params[name] - learning_rate * grads[name]\n"},
        'cache["Z1"] = params["W1"].dot(cache["A0"]) + params["b1"]',
        'params["b1"] params["b2"]', variable='params["b1"]',
        near=('params["b" + str(n)] = np.zeros((sizes[n], 1))',
              'cache["Z2"] = params["W2"].dot(cache["A1"]) + params["b2"]',
              'grads["b1"] = np.sum(dZ1, axis=1, keepdims=True) / m',
              'grads["b2"] = np.sum(dZ2, axis=1, keepdims=True) / m'),
    ),
    _plant(
        "dictionary", "wrong transpose",
        {'dZ2.dot(cache["A1"].T) / m': 'dZ2.dot(cache["A1"]) / m'},
        'grads["W2"] = dZ2.dot(cache["A1"]) / m', 'params["W2"]',
    ),
    _plant(
        "dictionary", "dot for element-wise product",
        {'dZ1 = dA1 * (1 - np.power(cache["A1"], 2))':
         'dZ1 = dA1.dot(1 - np.power(cache["A1"], 2))'},
        'dZ1 = dA1.dot(1 - np.power(cache["A1"], 2))', 'params["W1"] params["b1"]',
    ),
    _plant(
        "dictionary", "derivative of the wrong quantity",
        {'dZ2 = cache["A2"] - Y': 'dZ2 = (cache["A2"] - Y) * cache["A2"] * (1 - cache["A2"])'},
        'dZ2 = (cache["A2"] - Y) * cache["A2"] * (1 - cache["A2"])', "", answers=("warned",),
        label="follows SSE",
    ),
]

_LAYERS_MISTAKES = [
    _plant(
        "layers", "updated too early",
        {"        self.db = grad.sum(axis=0)\n        return":
         "        self.db = grad.sum(axis=0)\n        self.W -= 2.0 * self.dW\n        return",
         "        self.W -= lr * self.dW\n": ""},
        "return grad @ self.W.T", "network[0].W network[0].b network[2].W network[2].b",
        variable="grad", near=("self.W -= 2.0 * self.dW", "grad = layer.backward(grad)"),
    ),
    _plant(
        "layers", "derivative taken twice",
        {"return grad * self.out * (1 - self.out)":
         "s = 1 / (1 + np.exp(-self.out))\n        return grad * s * (1 - s)"},
        "return grad * s * (1 - s)",
        "network[0].W network[0].b network[2].W network[2].b network[4].W network[4].b",
        variable="grad", near=("s = 1 / (1 + np.exp(-self.out))", "grad = layer.backward(grad)"),
    ),
    _plant(
        "layers", "stale activation",
        {"        self.x = x\n": '        if not hasattr(self, "x"):\n            self.x = x\n'},
        "self.dW = self.x.T @ grad", "network[2].W network[4].W", near=("self.x = x",),
    ),
]

_OTHER_MISTAKES = [
    _plant(
        "plain-momentum", "updated too early",
        {"    d_hidden = np.dot(d_final, W2.T)":
         "    v_W2 = momentum * v_W2 - lr * d_W2\n    W2 += v_W2\n"
         "    d_hidden = np.dot(d_final, W2.T)",
         "    # gradient descent\n    v_W2 = momentum * v_W2 - lr * d_W2\n":
         "    # gradient descent\n",
         "    W2 += v_W2\n    b2 += v_b2\n": "    b2 += v_b2\n"},
        "d_hidden = np.dot(d_final, W2.T) * sigmoid_derivative(hidden_output)", "W1 b1",
        near=("W2 += v_W2",),
    ),
    _plant(
        "plain-momentum", "scale of one parameter",
        {"v_b2 = momentum * v_b2 - lr * d_b2": "v_b2 = momentum * v_b2 - lr * lr * d_b2"},
        "v_b2 = momentum * v_b2 - lr * lr * d_b2", "b2", near=("b2 += v_b2",),
    ),
    _plant(
        "columns-small", "missing hidden derivative",
        {"dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)": "dZ1 = W2.T @ dZ2"}, "dZ1 = W2.T @ dZ2", "W1 b1",
    ),
    _plant(
        "columns-small", "derivative taken twice",
        {"(1 - A1 ** 2)": "(1 - np.tanh(A1) ** 2)"},
        "dZ1 = (W2.T @ dZ2) * (1 - np.tanh(A1) ** 2)", "W1 b1",
    ),
    _plant(
        "columns-adam", "missing hidden derivative",
        {"dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)": "dZ1 = W2.T @ dZ2"}, "dZ1 = W2.T @ dZ2", "W1 b1",
    ),
    _plant(
        "three-layers", "updated too early",
        {"    delta2 = delta3 @ W3.T * df(z2)\n":
         "    W3 -= lr * (a2.T @ delta3)\n    delta2 = delta3 @ W3.T * df(z2)\n",
         "    gW3 = a2.T @ delta3\n": "", "    W3 -= lr * gW3\n": ""},
        "delta2 = delta3 @ W3.T * df(z2)", "W1 b1 W2 b2", near=("W3 -= lr * (a2.T @ delta3)",),
    ),
    _plant(
        "three-layers", "derivative of the wrong quantity", {"df(z1)\n": "df(z2)\n"},
        "delta1 = delta2 @ W2.T * df(z2)", "W1 b1",
    ),
    _plant(
        "three-layers", "wrong transpose", {"delta2 @ W2.T": "delta2 @ W2"},
        "delta1 = delta2 @ W2 * df(z1)", "W1 b1",
    ),
    _plant(
        "three-layers", "derivative of the wrong quantity",
        {"gW2 = a1.T @ delta2": "gW2 = a2.T @ delta2"}, "gW2 = a2.T @ delta2", "W2",
        label="activation of another layer", also=("stale activation",),
    ),
    _plant(
        "no-bias", "updated too early",
        {"    l1_error = l2_delta.dot(syn1.T)\n":
         "    syn1 += l1.T.dot(l2_delta)\n    l1_error = l2_delta.dot(syn1.T)\n",
         "    syn1 += l1.T.dot(l2_delta)\n    syn0": "    syn0"},
        "l1_error = l2_delta.dot(syn1.T)", "syn0", near=("syn1 += l1.T.dot(l2_delta)",),
    ),
    _plant(
        "no-bias", "raw error in the hidden delta",
        {"l2_delta.dot(syn1.T)": "l2_error.dot(syn1.T)"},
        "l1_error = l2_error.dot(syn1.T)", "syn0", also=("missing output derivative",),
    ),
    _plant(
        "bce", "derivative taken twice",
        {"(dz2 @ W2.T) * a1 * (1 - a1)": "(dz2 @ W2.T) * sigmoid(a1) * (1 - sigmoid(a1))"},
        "dz1 = (dz2 @ W2.T) * sigmoid(a1) * (1 - sigmoid(a1))", "W1 b1",
    ),
    _plant(
        "relu", "derivative of the wrong quantity", {"grad_h[h < 0] = 0":
                                                     "grad_h[grad_h < 0] = 0"},
        "grad_h[grad_h < 0] = 0", "w1 b1", variable="grad_h",
        near=("grad_h = grad_h_relu.copy()",),
    ),
    _plant(
        "softmax", "missing hidden derivative", {"dz1 = da1 * (z1 > 0)": "dz1 = da1"},
        "dz1 = da1", "W1 b1",
    ),
    _plant(
        "softmax", "scale of one parameter",
        {"db2 = np.sum(dz2, axis=0, keepdims=True)": "db2 = np.sum(dz2, axis=0) / len(X)"},
        "db2 = np.sum(dz2, axis=0) / len(X)", "b2",
    ),
    _plant(
        "mini-batch", "updated too early",
        {"        d_hidden = d_logit @ W2.T\n":
         "        W2 -= lr * hidden.T @ d_logit\n        d_hidden = d_logit @ W2.T\n",
         "        W2 -= lr * hidden.T @ d_logit\n        b2": "        b2"},
        "d_hidden = d_logit @ W2.T", "W1 b1",
        near=("W2 -= lr * hidden.T @ d_logit", "d_pre = d_hidden * (1 - hidden ** 2)"),
    ),
    _plant(
        "mini-batch", "scale of one parameter",
        {"b1 -= lr * d_pre.sum(0)": "b1 -= lr * d_pre.mean(0)"},
        "b1 -= lr * d_pre.mean(0)", "b1",
    ),
]

_IN_OPTIMISERS = [
    mistake
    for style in _OPTIMISERS
    for mistake in (
        _plant(
            style, "missing hidden derivative", {" * sigmoid_derivative(hidden_output)": ""},
            "d_hidden = np.dot(d_final, W2.T)", "W1 b1",
        ),
        _plant(
            style, "bias summed over the wrong axis",
            {"np.sum(d_hidden, axis=0, keepdims=True)": "np.sum(d_hidden, axis=1)[None]"},
            "d_b1 = np.sum(d_hidden, axis=1)[None]", "b1",
        ),
        _plant(
            style, "scale of one parameter", {"np.dot(X.T, d_hidden)": "np.dot(X.T, d_hidden) / 4"},
            "d_W1 = np.dot(X.T, d_hidden) / 4", "W1",
        ),
    )
]

MISTAKES: list[Mistake] = [
    *_PLAIN_MISTAKES,
    *_FUNCTION_MISTAKES,
    *_CLASS_MISTAKES,
    *_COLUMNS_MISTAKES,
    *_SAMPLE_MISTAKES,
    *_DICTIONARY_MISTAKES,
    *_LAYERS_MISTAKES,
    *_OTHER_MISTAKES,
    *_IN_OPTIMISERS,
]
"""The table. Every name of the catalogue is planted into each of the four ``STYLES``.

A few mistakes make the training diverge, as they should: after some tens of updates NumPy warns of
an overflow. And a few are hard to see on purpose: a stale activation is right at the first update,
and ``columns-small`` starts where tanh is hardly curved.
"""
