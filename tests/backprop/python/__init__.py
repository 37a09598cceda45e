"""Networks in pure Python, all of them right, and mistakes that are planted into them.

The truth of each is known by its derivation: the files are textbook gradients, written for this
test; a mistake is one change of one line.
"""

from pathlib import Path
from typing import NamedTuple

FILES = {path.stem: path for path in Path(__file__).parent.glob("[a-z]*.py")}


class Mistake(NamedTuple):
    """One wrong line."""

    file: str
    right: str
    wrong: str
    #: Further lines that may be named, by a part of their text: where the wrong number goes.
    near: tuple[str, ...] = ()


MISTAKES = {
    "missing derivative of the hidden layer": Mistake(
        "neurons", "errors[j] * slope(neuron", "errors[j] * (slope(neuron", ()
    ),
}
MISTAKES = {
    "neurons-no slope": Mistake(
        "neurons",
        'errors[j] * slope(neuron["output"])',
        "errors[j]",
        ("expected[j] - neuron",),
    ),
    "neurons-wrong sign": Mistake(
        "neurons",
        'expected[j] - neuron["output"]',
        'neuron["output"] - expected[j]',
        ("rate * neuron",),
    ),
    "neurons-slope of the sum": Mistake(
        "neurons",
        "return output * (1.0 - output)",
        "return output * (1.0 + output)",
        ("errors[j] * slope",),
    ),
    "neurons-bias forgotten": Mistake(
        "neurons",
        '            neuron["weights"][-1] += rate * neuron["delta"]\n',
        "",
        ('neuron["weights"][j] += ', "total = weights[-1]", "rate * neuron"),
    ),
    "neurons-delta of the wrong layer": Mistake(
        "neurons",
        'error += neuron["weights"][j] * neuron["delta"]',
        'error += neuron["weights"][j] * network[i + 1][0]["delta"]',
        ("error",),
    ),
    "neurons-inputs of the wrong layer": Mistake(
        "neurons",
        "for neuron in network[i - 1]]",
        "for neuron in network[i]]",
        ('neuron["weights"][j] +=',),
    ),
    "neurons-a network that sums too much": Mistake(
        "neurons",
        "                error = 0.0\n",
        "                error = 1.0\n",
        ("error",),
    ),
    "worked-missing derivative": Mistake(
        "worked",
        "e1 = (d1 * w5 + d2 * w7) * h1 * (1 - h1)",
        "e1 = (d1 * w5 + d2 * w7)",
    ),
    "worked-wrong weight": Mistake(
        "worked", "e2 = (d1 * w6 + d2 * w8)", "e2 = (d1 * w6 + d2 * w7)"
    ),
    "worked-updated too early": Mistake(
        "worked",
        "    d1 = (o1 - o1",
        "    w5 = w5 - rate * (o1 - o1_wanted) * o1 * (1 - o1) * h1\n    d1 = (o1 - o1",
        ("e1 = ", "w5 = "),
    ),
    "worked-wrong sign of one": Mistake("worked", "w3 = w3 - rate", "w3 = w3 + rate"),
    "worked-bias of one": Mistake("worked", "b2 - rate * (d1 + d2)", "b2 - rate * (d1 + d1)"),
    "objects-no slope": Mistake("objects", "error * neuron.slope()", "error"),
    "objects-wrong slope": Mistake(
        "objects",
        "self.output * (1 - self.output)",
        "self.output * (1 - self.output ** 2)",
        ("neuron.slope()",),
    ),
    "objects-bias forgotten": Mistake(
        "objects",
        "                neuron.bias -= self.RATE * delta\n",
        "",
        ("self.bias",),
    ),
    "objects-updated too early": Mistake(
        "objects",
        "            deltas[o] = -(targets[o] - neuron.output) * neuron.slope()\n",
        "            deltas[o] = -(targets[o] - neuron.output) * neuron.slope()\n"
        "            for w in range(len(neuron.weights)):\n"
        "                neuron.weights[w] -= self.RATE * deltas[o] * neuron.inputs[w]\n",
        ("error +=", "neuron.weights[w] -="),
    ),
    "matrices-no slope": Mistake("matrices", "lambda e, h: e * h * (1 - h)", "lambda e, h: e"),
    "matrices-not the hidden layer": Mistake(
        "matrices",
        "dV = product(transposed(hidden), delta)",
        "dV = product(transposed(back), delta)",
        ("return [[sum", "v - 0.5"),
    ),
    "matrices-error of the output": Mistake(
        "matrices",
        "(o - y) * o * (1 - o), output",
        "(o - y) * o, output",
    ),
    "line-missing x": Mistake(
        "line", "-(2 / n) * x * (y", "-(2 / n) * (y", ("m - rate", "m_gradient")
    ),
    "line-wrong sign": Mistake("line", "b - rate * b_gradient", "b + rate * b_gradient"),
    "logistic-squared": Mistake(
        "logistic",
        "grad[j] += (p - y) * x[j]",
        "grad[j] += (p - y) * p * x[j]",
        ("w - rate",),
    ),
    "logistic-never reset": Mistake(
        "logistic",
        "    grad_bias = 0.0\n    loss",
        "    grad_bias = 0.0 if epoch == 0 else grad_bias\n    loss",
        ("grad_bias",),
    ),
    "layered-slope of tanh": Mistake(
        "layered",
        "before.append(total * (1 - below[j] ** 2))",
        "before.append(total * (1 - below[j]))",
    ),
    "layered-too early": Mistake(
        "layered",
        "before.append(total",
        "before.append(2 * total",
    ),
    "mixed-no slope": Mistake(
        "mixed",
        "d_out * w_out[j] * h[j] * (1 - h[j])",
        "d_out * w_out[j]",
    ),
    "mixed-bias forgotten": Mistake(
        "mixed",
        "        b_hidden[j] -= 0.5 * d_hidden[j]\n",
        "        pass\n",
        ("h = ",),
    ),
    "softmax-updated too early": Mistake(
        "softmax",
        "        dx = [sum(self.w[k][i] * d[k] for k in range(len(d))) for i in range(len(self.x))]\n"
        "        for k in range(len(d)):\n            for i in range(len(self.x)):\n"
        "                self.w[k][i] -= rate * d[k] * self.x[i]\n            self.b[k] -= rate * d[k]\n",
        "        for k in range(len(d)):\n            for i in range(len(self.x)):\n"
        "                self.w[k][i] -= rate * d[k] * self.x[i]\n            self.b[k] -= rate * d[k]\n"
        "        dx = [sum(self.w[k][i] * d[k] for k in range(len(d))) for i in range(len(self.x))]\n",
        ("dx = ",),
    ),
    "softmax-mask": Mistake("softmax", "g if s > 0 else 0.0", "g", ()),
    "softmax-label": Mistake(
        "softmax", "d[label] -= 1\n", "d[label] -= 0.5\n", ("self.b", "self.w")
    ),
}
