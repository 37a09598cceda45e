"""`assert_backward`, and the pairs of functions that `check_file` finds by itself.

The layers in ``pairs/layers.py`` are right. A mistake is planted by changing one line of them; the
report must name that line and what it assigns.

The file is long because courses write such functions in many ways, and each needs its source here.
"""

import functools
import importlib.util
import json
import re
import sys
from typing import NamedTuple

import numpy as np
import pytest

from xor_torch import assert_backward
from xor_torch.backprop import check_file

from ..common import ROOT
from ..faults import warm
from .pairs import layers
from .test_tools import run_pytest

pytestmark = pytest.mark.usefixtures("forked")

FILE = ROOT / "tests/backprop/pairs/layers.py"
RNG = np.random.default_rng(5)


def draw(*shape):
    return RNG.normal(size=shape)


STEP = (draw(3, 2), draw(3, 4), draw(2, 4), draw(4, 4), draw(4))
NORM = (draw(5, 3), 1 + draw(3) / 5, draw(3))
LABELS = np.array([0, 2, 1, 1])
# forward, backward (None: the gradients come with the loss), inputs
PAIRS = {
    "affine": ("affine_forward", "affine_backward", (draw(4, 2, 2), draw(4, 3), np.zeros(3))),
    "relu": ("relu_forward", "relu_backward", (draw(3, 4),)),
    "dropout": ("dropout_forward", "dropout_backward", (draw(5, 4), 0.6)),
    "batch norm": ("batchnorm_forward", "batchnorm_backward", (*NORM, {})),
    "layer norm": ("layernorm_forward", "layernorm_backward", NORM),
    "convolution": ("conv_forward", "conv_backward", (draw(2, 2, 3, 4), draw(3, 2, 3, 3), draw(3))),
    "max pool": ("max_pool_forward", "max_pool_backward", (draw(2, 2, 4, 4), 2)),
    "RNN step": ("rnn_step_forward", "rnn_step_backward", STEP),
    "RNN": ("rnn_forward", "rnn_backward", (draw(3, 3, 2), *STEP[1:])),
    "LSTM step": (
        *("lstm_step_forward", "lstm_step_backward"),
        (draw(3, 2), draw(3, 4), draw(3, 4), draw(6, 16) / 2, draw(16)),
    ),
    "embedding": (
        "embedding_forward",
        "embedding_backward",
        (np.array([[0, 2], [2, 1]]), draw(3, 4)),
    ),
    "attention": ("attention_forward", "attention_backward", (draw(3, 4), draw(5, 4), draw(5, 2))),
    "softmax": ("softmax_loss", None, (draw(4, 3), LABELS)),
    "SVM": ("svm_loss", None, (draw(4, 3), LABELS)),
}


def check(module, name):
    forward, backward, inputs = PAIRS[name]
    assert_backward(getattr(module, forward), backward and getattr(module, backward), *inputs)


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_pair(name):
    check(layers, name)


class Planted(NamedTuple):
    """A changed line of the layers."""

    layer: str
    right: str
    wrong: str
    variable: str  # what the report says is wrong
    mistake: str = ""  # its name

    def __str__(self):
        return f"{self.layer}: {self.wrong}"


MISTAKES = [
    Planted("affine", "db = dout.sum(axis=0)", "db = dout.mean(axis=0)", "db", "scale of one"),
    Planted(
        "affine",
        "dw = x.reshape(len(x), -1).T @ dout",
        "dw = -(x.reshape(len(x), -1).T @ dout)",
        "dw",
        "wrong sign",
    ),
    Planted("affine", "db = dout.sum(axis=0)", "db = dout", "db", "bias not summed"),
    Planted("relu", "dx[x < 0] = 0", "dx[x > 0] = 0", "dx"),
    Planted("relu", "dx[x < 0] = 0", "dx[dout < 0] = 0", "dx"),
    Planted(
        "dropout", 'dx = dout * cache["mask"]', 'dx = dout * cache["mask"] * cache["keep"]', "dx"
    ),
    Planted("dropout", 'dx = dout * cache["mask"]', "dx = dout", "dx"),
    Planted("batch norm", "dgamma = (dout * normed)", "dgamma = (dout * gamma)", "dgamma"),
    Planted(
        "batch norm", "total = n * dnormed - dnormed.sum(axis=0) -", "total = n * dnormed -", "dx"
    ),
    Planted(
        "layer norm",
        "dgamma = np.sum(dout * normed, axis=0)",
        "dgamma = np.sum(dout, axis=0)",
        "dgamma",
    ),
    Planted("layer norm", "dx = inner / std", "dx = inner", "dx"),
    Planted(
        "convolution",
        "db = dout.sum(axis=(0, 2, 3))",
        "db = dout.mean(axis=(0, 2, 3))",
        "db",
        "scale of one",
    ),
    Planted(
        "convolution",
        "dx = dpadded[:, :, pad:-pad, pad:-pad]",
        "dx = dpadded[:, :, : -2 * pad, : -2 * pad]",
        "dx",
    ),
    Planted("max pool", "hit = x[:, :, rows, columns] ==", "hit = x[:, :, rows, columns] <=", "dx"),
    Planted(
        "max pool", "dx[:, :, rows, columns] += hit *", "dx[:, :, rows, columns] += ~hit *", "dx"
    ),
    Planted("RNN step", "dz = dnext_h * (1 - next_h**2)", "dz = dnext_h * (1 - next_h)", "dz"),
    Planted("RNN step", "dWh = prev_h.T @ dz", "dWh = next_h.T @ dz", "dWh"),
    Planted("RNN", "dnext_h = dh[:, t] + dprev_h", "dnext_h = dh[:, t] + 0 * dprev_h", "dnext_h"),
    Planted("RNN", "dWh += dWh_t", "dWh += dWh_t.T", "dWh"),
    Planted("LSTM step", "dzg = dc * i * (1 - g**2)", "dzg = dc * i * (1 - g)", "dzg"),
    Planted("LSTM step", "dc = dnext_c + dnext_h * o *", "dc = dnext_c + dnext_h *", "dc"),
    Planted("embedding", "np.add.at(dW, words, dout)", "dW[words] += dout", "dW"),
    Planted("embedding", "np.add.at(dW, words, dout)", "np.add.at(dW, words, 2 * dout)", "dW"),
    Planted("attention", "dk = dscores.T @ q", "dk = dscores.T @ (p @ k)", "dk"),
    Planted(
        "attention",
        "dscores = p * (dp - (dp * p).sum(axis=1, keepdims=True))",
        "dscores = p * (1 - p) * dp",
        "dscores",
    ),
    Planted(
        "softmax",
        "dx /= n\n    return loss, dx\n\n\ndef svm",
        "dx *= 1\n    return loss, dx\n\n\ndef svm",
        "dx",
    ),
    Planted("softmax", "dx[np.arange(n), y] -= 1", "dx[np.arange(n), y] -= 2", "dx"),
    Planted("SVM", "dx = (margins > 0).astype(float)", "dx = (margins > 1).astype(float)", "dx"),
    Planted("SVM", "dx[np.arange(n), y] -= dx.sum(axis=1)", "dx[np.arange(n), y] -= 1", "dx"),
]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("planted", MISTAKES, ids=str)
def test_a_mistake_is_found_with_its_line(planted, tmp_path):
    text = FILE.read_text()
    assert text.count(planted.right) == 1
    line = text[: text.index(planted.right)].count("\n") + 1
    path = tmp_path / "handed_in.py"
    path.write_text(text.replace(planted.right, planted.wrong))
    with pytest.raises(AssertionError) as error:
        check(load(path), planted.layer)
    said = str(error.value)
    assert said.startswith(f"WRONG: {path}, line "), said
    found = int(re.search(r"line (\d+)", said)[1])
    assert line <= found <= line + 4, said
    assert planted.variable in said.splitlines()[0], said
    assert planted.mistake in said


# ------------------------------------------------------------------------ other ways to write it


X, W, B = draw(4, 3), draw(3, 2), draw(2)


def test_a_method_that_leaves_its_gradients_in_its_object():
    layer = layers.Dense(W, B)
    assert_backward(layer.forward, layer.backward, X)
    assert layer.params["W"] is W
    assert not layer.grads


class HalfDense(layers.Dense):
    def backward(self, dout):
        dx = super().backward(dout)
        self.grads["b"] = self.grads["b"] / 2
        return dx


def test_a_wrong_gradient_in_an_object():
    layer = HalfDense(W, B)
    with pytest.raises(AssertionError, match=r'self.grads\["b"\] has a factor that the other'):
        assert_backward(layer.forward, layer.backward, X)


def test_a_network_whose_loss_comes_with_all_gradients():
    net = layers.TwoLayerNet(draw(3, 5), draw(5), draw(5, 3), draw(3))
    assert_backward(net.loss, None, X, LABELS, reg=0.3)


class WithPlaces:
    """A layer that makes the places of its gradients before its backward pass."""

    def __init__(self, adds, factor):
        self.W, self.b, self.adds, self.factor = W, B, adds, factor
        self.grad_W, self.grads = np.zeros(W.shape), {"b": np.zeros(B.shape)}

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        if self.adds:
            self.grad_W += self.factor * (self.x.T @ dout)
            self.grads["b"] += dout.sum(axis=0)
        else:
            self.grad_W = self.factor * (self.x.T @ dout)
            self.grads["b"] = dout.sum(axis=0)
        return dout @ self.W.T


class InLists:
    """The gradients are put into arrays that are there from the beginning."""

    def __init__(self, factor):
        self.params, self.grads = [W, B], [np.ones(W.shape), np.ones(B.shape)]
        self.factor = factor

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout=1):
        self.grads[0][...] = self.factor * (self.x.T @ dout)
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ self.params[0].T


class ReturnsNothing:
    """Output and gradients are left in the object."""

    def __init__(self, factor):
        self.weights, self.delta, self.factor = W, np.zeros(W.shape[1]), factor

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.tanh(inputs @ self.weights)

    def backward(self, dvalues):
        self.delta = dvalues * (1 - self.output**2)
        self.dweights = self.factor * (self.inputs.T @ self.delta)
        self.dinputs = self.delta @ self.weights.T


@pytest.mark.parametrize("layer", [InLists, ReturnsNothing])
def test_what_a_layer_leaves_where_it_was(layer):
    right, wrong = layer(1), layer(2)
    assert_backward(right.forward, right.backward, X)
    with pytest.raises(AssertionError, match="has a factor that the other"):
        assert_backward(wrong.forward, wrong.backward, X)


@pytest.mark.parametrize("adds", [False, True])
def test_the_place_of_a_gradient_is_no_input(adds):
    right, wrong = WithPlaces(adds, 1), WithPlaces(adds, -1)
    assert_backward(right.forward, right.backward, X)
    with pytest.raises(AssertionError, match=r"self\.grad_W has the wrong sign"):
        assert_backward(wrong.forward, wrong.backward, X)


def test_a_step_that_adds_the_gradients_of_long_ago_does_not_pass(tmp_path):
    source = """
import numpy as np
class Layer:
    def __init__(self):
        self.W, self.dW = np.full((3, 2), 0.5), np.zeros((3, 2))
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T
layer, x, t = Layer(), np.eye(3), np.ones((3, 2))
W, dW = layer.W, layer.dW
for step in range(5):
    layer.backward(layer.forward(x) - t)
    W -= 0.1 * dW
"""
    (tmp_path / "layer.py").write_text(source)
    found = check_file(tmp_path / "layer.py")
    assert found.verdict == "cannot tell"
    assert "each step adds 0 to W on line 16" in found.reason
    (tmp_path / "layer.py").write_text(source.replace("0.1 * dW", "0.1 * layer.dW"))
    assert check_file(tmp_path / "layer.py").verdict == "correct"


class WithRate:
    """A layer that updates itself in its backward pass."""

    def __init__(self, factor):
        self.W, self.factor = W, factor

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, output_gradient, learning_rate):
        dx = output_gradient @ self.W.T
        self.W = self.W - learning_rate * self.factor * (self.x.T @ output_gradient)
        return dx


def test_a_layer_that_updates_itself():
    right, wrong = WithRate(1), WithRate(2)
    assert_backward(right.forward, right.backward, X)
    assert right.W is W
    with pytest.raises(AssertionError, match=r"self\.W \(3, 2\), gradient on line"):
        assert_backward(wrong.forward, wrong.backward, X)


def linear_forward(A, W, b):
    return W @ A + b, (A, W)


def linear_backward(dZ, cache):
    A, W = cache
    m = A.shape[1]
    return W.T @ dZ, dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m


LINEAR = (draw(3, 4), draw(2, 3), draw(2, 1))


def test_means_over_the_samples_are_a_convention():
    assert_backward(linear_forward, linear_backward, *LINEAR)
    with pytest.raises(AssertionError, match="gradients of W, b are means over 4 samples"):
        assert_backward(linear_forward, linear_backward, *LINEAR, strict=True)


def half_a_mean(dZ, cache):
    A, W = cache
    return W.T @ dZ, dZ @ A.T / A.shape[1], dZ.sum(axis=1, keepdims=True)


def test_a_mean_of_one_gradient_alone_is_wrong():
    with pytest.raises(AssertionError, match="has a factor that the other parameters do not have"):
        assert_backward(linear_forward, half_a_mean, *LINEAR)


def exits(dZ, cache):
    sys.exit(0)


def test_a_function_that_ends_the_process_does_not_pass():
    with pytest.raises(AssertionError, match=r"cannot tell: a function ended .* with sys\.exit"):
        assert_backward(linear_forward, exits, *LINEAR)


def relu_in_place(x):
    mask = x > 0
    x *= mask
    return x, mask


def relu_in_place_backward(dout, mask):
    dout *= mask
    return dout


def test_work_in_place_changes_no_argument():
    x = draw(3, 4)
    before = x.copy()
    assert_backward(relu_in_place, relu_in_place_backward, x)
    np.testing.assert_array_equal(x, before)


def zeros_of_relu(x):
    return np.maximum(x, 0), x


def test_equal_numbers_have_either_derivative():
    """At 0 both 0 and 1 are right for relu; elsewhere they are not."""
    x = np.array([[0.0, 1.0, -1.0, 0.0]])
    assert_backward(zeros_of_relu, lambda dout, x: dout * (x > 0), x)
    assert_backward(zeros_of_relu, lambda dout, x: dout * (x >= 0), x)
    with pytest.raises(AssertionError, match="WRONG"):
        assert_backward(zeros_of_relu, lambda dout, x: dout * (x >= -2), x)


def by_a_library(x):
    return np.fft.irfft(np.fft.rfft(x)) * x, x


def test_a_forward_pass_that_cannot_be_followed_is_not_called_wrong():
    with pytest.raises(AssertionError, match=r"^CANNOT TELL"):
        assert_backward(by_a_library, lambda dout, x: 2 * dout * x, draw(3, 4))


def test_the_random_state_of_the_process_stays():
    before = np.random.get_state()[1].copy()
    check(layers, "dropout")
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert layers.np is np


def test_one_array_for_two_inputs():
    def product(a, b):
        return a * b, (a, b)

    def product_backward(d, cache):
        return d * cache[1], d * cache[0]

    assert_backward(product, product_backward, X, X)


@pytest.mark.parametrize(
    ("forward", "backward", "inputs", "words"),
    [
        (
            None,
            layers.affine_backward,
            (X,),
            "forward must be a function written in Python, got None",
        ),
        (layers.affine_forward, len, (X, W, B), "backward must be a function written in Python"),
        (layers.relu_forward, None, (X,), "returns no number and gradients"),
        (layers.relu_forward, lambda dout, y, cache: dout, (X,), "Put a function around each"),
        (
            layers.relu_forward,
            lambda dout, cache: None,
            (X,),
            "no gradient of an input was returned",
        ),
        (lambda x: x * 2, lambda dout: dout, (np.arange(3),), "give it inputs of floats"),
        (lambda a, b: a * b, lambda d: (d, d, d), (X, X + 1), "no gradient|cannot be told"),
    ],
)
def test_it_refuses_in_words(forward, backward, inputs, words):
    with pytest.raises(AssertionError, match=words):
        assert_backward(forward, backward, *inputs)


def test_pytest_shows_the_test_and_the_report(tmp_path):
    (tmp_path / "layers.py").write_text(FILE.read_text().replace("(1 - next_h**2)", "1"))
    (tmp_path / "test_layers.py").write_text(
        "import layers, numpy as np\nfrom xor_torch import assert_backward\n\n"
        "def test_it():\n    x, w = np.ones((2, 3)), np.ones((3, 3)) / 9\n"
        "    assert_backward(layers.rnn_step_forward, layers.rnn_step_backward, x, x, w, w, w[0])\n"
    )
    code, said = run_pytest(tmp_path)
    assert code == 1
    assert "layers.py, line 138: dz lacks the slope of the hidden activation" in said
    assert "assert_backward(layers.rnn_step_forward" in said
    assert "xor_torch/backprop" not in said


def test_pytest_shows_no_source_of_ours_where_a_function_raises(tmp_path):
    (tmp_path / "test_layers.py").write_text(
        "import numpy as np\nfrom xor_torch import assert_backprop, assert_backward\n"
        "def broken(*args):\n    return 1 / 0\n"
        "def test_a():\n    assert_backward(broken, broken, np.ones(2))\n"
        "def test_b():\n    assert_backward(lambda x: (x, x), broken, np.ones(2))\n"
        "def test_c():\n    assert_backprop(broken, np.ones(2), np.ones(2), {'w': np.ones(2)})\n"
    )
    _, said = run_pytest(tmp_path)
    assert said.count("ZeroDivisionError: division by zero") >= 3
    assert "3 failed" in said
    assert not re.search(r"xor_torch/|recording|_call", said), said


def test_a_notebook_is_named_by_its_cell(tmp_path):
    pytest.importorskip("IPython")
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "def run(text):\n    return shell.run_cell(text, store_history=True)\n"
        "run('import numpy as np\\nfrom xor_torch import assert_backward')\n"
        "run('def f(x, w):\\n    return x @ w, (x, w)')\n"
        "run('def g(dout, cache):\\n    x, w = cache\\n    dx = dout @ w.T\\n"
        "    dw = x.T @ dout * 3\\n    return dx, dw')\n"
        "result = run('assert_backward(f, g, np.ones((2, 3)), np.ones((3, 2)))')\n"
        "print(result.error_in_exec)\n"
    )
    run = warm.run(cwd=tmp_path / "here", setup=functools.partial(warm.execute, code))
    assert "WRONG: this notebook, In [3], line 4: dw has a factor" in run.stdout, run.stdout
    assert "> 4 |      dw = x.T @ dout * 3" in run.stdout


def code_of(page, heading):
    """The examples under a heading of a page."""
    text = (ROOT / "docs" / page).read_text()
    section = text[text.index(f"\n## {heading}\n") :].partition("\n## ")[2].partition("\n## ")[0]
    return re.findall(r"^```(?:python|text)?\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


def test_the_example_for_graders(tmp_path):
    homework, test = code_of("grading.md", "Layers: a forward and a backward function")
    (tmp_path / "layers.py").write_text(homework)
    (tmp_path / "test_layers.py").write_text(test)
    code, said = run_pytest(tmp_path)
    assert code == 1
    assert "WRONG: layers.py, line 10: db has a factor that the other parameters do" in said


# ------------------------------------------------------------------------ in a file


def test_the_example_of_a_file(tmp_path, monkeypatch):
    script, said = code_of("compare.md", "Functions without a training loop")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layers.py").write_text(script)
    assert check_file("layers.py").report().splitlines()[0] == said.strip()


CALLS = """
rng = np.random.default_rng(0)
x, w = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
out, cache = affine_forward(x, w, np.zeros(4))
print(affine_backward(rng.normal(size=out.shape), cache))
Dense(w, np.zeros(4)).forward(x)
print(softmax_loss(rng.normal(size=(4, 3)), np.array([0, 1, 2, 0])))
"""
ALONE = FILE.read_text().partition("def relu_forward")[0]
LOSS = FILE.read_text()[FILE.read_text().index("def softmax_loss") :]
SCRIPT = f"{ALONE}{LOSS.partition('def svm_loss')[0]}{LOSS[LOSS.index('class Dense') :]}"
SCRIPT = SCRIPT.partition("class TwoLayerNet")[0]


def verdict_of(tmp_path, text):
    (tmp_path / "script.py").write_text(text)
    return check_file(tmp_path / "script.py")


def test_the_pairs_of_a_file_are_checked_on_its_own_arguments(tmp_path):
    verdict = verdict_of(tmp_path, SCRIPT + CALLS)
    assert verdict.verdict == "correct", verdict.report()
    names = [f.pair for f in verdict.findings]
    assert names == [
        "affine_forward and affine_backward",
        "softmax_loss",
        "Dense.forward and Dense.backward",
    ]
    assert "3 pairs of functions: every gradient that is returned" in verdict.report()


def test_a_wrong_pair_of_a_file(tmp_path):
    text = SCRIPT.replace("db = dout.sum(axis=0)", "db = dout.sum(axis=0) / 3") + CALLS
    verdict = verdict_of(tmp_path, text)
    said = verdict.to_json()
    line = text[: text.index("/ 3")].count("\n") + 1
    assert (said["verdict"], said["line"], said["variable"]) == ("wrong", line, "db")
    assert "softmax_loss: correct" in verdict.report()


def test_what_a_file_never_calls_is_said(tmp_path):
    verdict = verdict_of(tmp_path, ALONE)
    assert (verdict.verdict, verdict.to_json()["reason_code"]) == ("cannot tell", "not-called")
    assert "assert_backward(affine_forward, affine_backward, x, w, b)" in str(verdict.reason)


def test_a_module_beside_the_file(tmp_path):
    (tmp_path / "homework.py").write_text(SCRIPT.replace("dx /= n", "dx *= 1"))
    verdict = verdict_of(tmp_path, f"from homework import *\n{CALLS}")
    said = verdict.to_json()
    assert (said["verdict"], said["module"], said["variable"]) == ("wrong", "homework.py", "dx")


def test_a_targets_name_is_no_upstream_gradient(tmp_path):
    """A backward pass that begins with its own loss is not mistaken for one with a gradient."""
    text = (
        "import numpy as np\ndef forward(X, W):\n    return X @ W, (X, W)\n"
        "def backward(A, Y, cache):\n    X, W = cache\n    return X.T @ (A - Y)\n"
        "X, W, Y = np.eye(3), np.ones((3, 2)), np.zeros((3, 2))\n"
        "A, cache = forward(X, W)\nprint(backward(A, Y, cache))\n"
    )
    verdict = verdict_of(tmp_path, text)
    assert (verdict.verdict, verdict.to_json()["reason_code"]) == ("cannot tell", "not-a-pair")


def findings_of(tmp_path, text):
    """{pair: (verdict, reason)} of a script."""
    verdict = verdict_of(tmp_path, f"import numpy as np\n{text}")
    return {f.pair: (f.verdict, f.reason) for f in verdict.findings}


TWO_STATES = """
def step_forward(x, c, w):
    a = np.tanh(x @ w)
    next_c = c * a
    return np.tanh(next_c), next_c, (x, c, w, a, next_c)


def step_backward(dnext_h, dnext_c, cache):
    x, c, w, a, next_c = cache
    dnext_c += (1 - np.tanh(next_c) ** 2) * dnext_h
    da = dnext_c * c * (1 - a**2)
    return da @ w.T, dnext_c * a, x.T @ da


rng = np.random.default_rng(0)
x, c, w = rng.normal(size=(3, 2)), rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
h, c, cache = step_forward(x, c, w)
step_backward(rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), cache)
"""


def test_two_upstream_gradients_and_the_cache_that_the_script_gave(tmp_path):
    assert findings_of(tmp_path, TWO_STATES) == {
        "step_forward and step_backward": ("correct", None)
    }
    wrong = TWO_STATES.replace("dnext_c +=", "dnext_c = 2 * dnext_c +")
    verdict = verdict_of(tmp_path, f"import numpy as np\n{wrong}")
    assert (verdict.verdict, verdict.to_json()["variable"]) == ("wrong", "dnext_c")


@pytest.mark.parametrize("forward", ["relu", "relu_cached"])
def test_a_forward_function_is_known_by_its_stem_or_by_the_cache_that_it_made(tmp_path, forward):
    text = (
        f"def {forward}(x):\n    return np.maximum(x, 0), x\n"
        "def relu_backward(dout, cache):\n    return dout * (cache > 0)\n"
        f"out, cache = {forward}(np.array([1.0, -2, 3]))\nrelu_backward(np.ones(3), cache)\n"
    )
    assert findings_of(tmp_path, text) == {f"{forward} and relu_backward": ("correct", None)}


def test_a_count_beside_loss_and_gradient_is_no_gradient(tmp_path):
    text = (
        "def masked_loss(scores, mask):\n    loss, count = np.sum(scores**2 * mask), np.sum(mask)\n"
        "    dscores = 2 * scores * mask\n    return loss, count, dscores\n"
        "masked_loss(np.array([1.0, -2, 3]), np.array([1.0, 0, 1]))\n"
    )
    assert findings_of(tmp_path, text) == {"masked_loss": ("correct", None)}


@pytest.mark.parametrize(("sign", "verdict"), [("-", "correct"), ("", "wrong")])
def test_one_hot_targets_are_no_input_whose_gradient_is_returned(tmp_path, sign, verdict):
    path = tmp_path / "script.py"
    path.write_text(
        "import numpy as np\nclass CrossEntropy:\n    def forward(self, p, t):\n"
        "        self.p, self.t = p, t\n        return -np.sum(t * np.log(p))\n"
        f"    def backward(self):\n        return {sign}self.t / self.p\n"
        "p, loss = np.random.rand(4, 3), CrossEntropy()\n"
        "loss.forward(p / p.sum(1, keepdims=True), np.eye(3)[[0, 2, 1, 0]])\nloss.backward()\n"
    )
    assert check_file(path).verdict == verdict


def test_whole_numbers_may_be_a_prediction(tmp_path):
    """Without names it cannot be told which of two inputs the gradient is of."""
    path = tmp_path / "script.py"
    path.write_text(
        "import numpy as np\nclass MSE:\n    def forward(self, a, b):\n"
        "        self.a, self.b = a, b\n        return np.mean((a - b) ** 2)\n"
        "    def backward(self):\n        return 2 * (self.a - self.b) / self.a.size\n"
        "mse = MSE()\nmse.forward(np.array([1.0, 2, 3]), np.array([1.5, 2.5, 3.5]))\n"
        "mse.backward()\n"
    )
    assert check_file(path).verdict == "cannot tell"


def test_an_exercise_that_nobody_has_done_is_not_judged(tmp_path):
    text = (
        "def softmax_loss(W, x):\n    loss = 0.0\n    dW = np.zeros_like(W)\n    return loss, dW\n"
        "softmax_loss(np.ones((2, 3)), np.ones((4, 2)))\n"
    )
    ((verdict, reason),) = findings_of(tmp_path, text).values()
    assert verdict == "cannot tell"
    assert "do not depend on the inputs" in str(reason)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import nothing_of_this_name", "the script needs the package nothing_of_this_name"),
        ("1 / 0", "crashed with ZeroDivisionError before it called affine_forward"),
        ("affine_forward(np.ones(3), np.ones(2), 0)", "affine_forward raised ValueError"),
    ],
)
def test_a_script_that_ends_too_early_says_so(tmp_path, line, words):
    ((verdict, reason),) = findings_of(tmp_path, f"{ALONE}\n{line}\n").values()
    assert verdict == "cannot tell"
    assert words in str(reason)


def test_a_traceback_of_a_notebook_names_the_cell(tmp_path):
    cells = [
        {"cell_type": "code", "source": s}
        for s in ("import numpy as np", "x = 1\n\nnp.ones(3) @ np.ones(2)")
    ]
    file = tmp_path / "book.ipynb"
    file.write_text(json.dumps({"cells": cells}))
    traceback = check_file(file).traceback
    assert "cell 2, line 3, in <module>\n    np.ones(3) @ np.ones(2)\n" in traceback


def test_a_cell_that_is_not_python_does_not_end_a_notebook(tmp_path):
    cells = [
        {"cell_type": "code", "source": s}
        for s in ("import numpy as np", "  dW1 =   # TODO", TWO_STATES)
    ]
    file = tmp_path / "book.ipynb"
    file.write_text(json.dumps({"cells": cells}))
    assert check_file(file).verdict == "correct"
    file.write_text(json.dumps({"cells": cells[1:2]}))
    assert "syntax error on cell 1, line 1" in str(check_file(file).reason)


@pytest.mark.parametrize(
    ("layer", "right", "wrong"),
    [
        ("batch norm", "total = n * dnormed - dnormed.sum(axis=0) -", "total = dnormed -"),
        ("embedding", "np.add.at(dW, words, dout)", "dW[words] = dout"),
    ],
)
def test_no_mistake_of_training_is_named_where_none_can_be(tmp_path, layer, right, wrong):
    text = FILE.read_text()
    assert text.count(right) == 1
    path = tmp_path / "handed_in.py"
    path.write_text(text.replace(right, wrong))
    with pytest.raises(AssertionError, match="none of those that have a name"):
        check(load(path), layer)


def test_a_wrong_factor_is_named_where_it_comes_in(tmp_path):
    text = (
        "def scale_forward(x, gamma):\n    return x * gamma, x\n"
        "def scale_backward(dout, cache):\n    dgamma = np.mean(dout * cache, axis=(0, 2))\n"
        "    dgamma = np.reshape(dgamma, (1, 3, 1))\n    return None, dgamma\n"
        "out, cache = scale_forward(np.ones((2, 3, 4)), np.ones((1, 3, 1)))\n"
        "scale_backward(out, cache)\n"
    )
    said = verdict_of(tmp_path, f"import numpy as np\n{text}").to_json()
    assert (said["verdict"], said["line"], said["variable"]) == ("wrong", 5, "dgamma")


def test_a_sum_that_is_overwritten_is_not_blamed_on_its_last_term(tmp_path):
    text = FILE.read_text().replace("        dWh += dWh_t\n", "        dWh = dWh_t\n")
    path = tmp_path / "handed_in.py"
    path.write_text(text)
    with pytest.raises(AssertionError) as error:
        check(load(path), "RNN")
    found = int(re.search(r"line (\d+)", str(error.value))[1])
    begin = text[: text.index("def rnn_backward")].count("\n") + 1
    assert begin < found <= text[: text.index("dWh = dWh_t\n")].count("\n") + 1


UNIT = """
class Unit:
    def __init__(self):
        self.weights = np.array([0.3, -0.2, 0.5])
    def forward(self, x):
        self.x, self.out = x, np.tanh(np.dot(x, self.weights))
        return self.out
    def backward(self, error, rate):
        delta = error * (1 - self.out**2)
        self.weights = self.weights + rate * delta * self.x
        return delta
unit, x = Unit(), np.array([1.0, 2.0, 3.0])
unit.backward(0.9 - unit.forward(x), 0.2)
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("error", "error", "the updates of Unit.forward and Unit.backward go up error"),
        ("error", "gradient", "the updates of Unit.forward and Unit.backward go up gradient"),
        ("error * (1", "error * 2 * (1", None),
        ("(1 - self.out**2)", "(1 - self.out)", None),
    ],
)
def test_a_unit_whose_error_may_be_the_target_minus_the_output(old, new, words, tmp_path):
    """Its rate is no input, and the delta that it returns is not the gradient of all its inputs."""
    ((_, (verdict, reason)),) = findings_of(tmp_path, UNIT.replace(old, new)).items()
    assert verdict == ("cannot tell" if words else "wrong")
    assert words is None or words in reason
