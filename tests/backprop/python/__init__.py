"""Networks in pure Python, and mistakes that are planted into them.

Each file is a textbook network with the right gradient, written for this test; a mistake is one
change of it. So the truth is known by derivation.
"""

from pathlib import Path

from ..planted import Mistake

FILES = {path.stem: path for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))}


_SUM = (
    "        dx = [sum(self.w[k][i] * d[k] for k in range(len(d))) for i in range(len(self.x))]\n"
)
_STEP = """        for k in range(len(d)):
            for i in range(len(self.x)):
                self.w[k][i] -= rate * d[k] * self.x[i]
            self.b[k] -= rate * d[k]
"""
_DELTA = "            deltas[o] = -(targets[o] - neuron.output) * neuron.slope()\n"
_EARLY = """            for w in range(len(neuron.weights)):
                neuron.weights[w] -= self.RATE * deltas[o] * neuron.inputs[w]
"""
_BACK = "            error = weights[k].turned @ delta\n"
_CHANGES = """            step = (delta @ outputs[k].turned).map(lambda g: 0.5 * g)
            weights[k] = changed(weights[k], step)
"""
MISTAKES = {
    "fires-no input": Mistake("fires", "error * inputs[i]", "error", ("self.weights[i] +=",)),
    "fires-wrong sign of the bias": Mistake("fires", "self.bias += self", "self.bias -= self"),
    "fires-wrong sign": Mistake(
        "fires", "label - self.answer(inputs)", "self.answer(inputs) - label",
        ("self.weights[i] +=",),
    ),
    "fires-input of another weight": Mistake(
        "fires", "error * inputs[i]", "error * inputs[i - 1]", ("self.weights[i] +=",)
    ),
    "answers-wrong sign of the bias": Mistake("answers", "b = b + rate", "b = b - rate"),
    "off-no weight": Mistake("off", "+= error * W2[j] * x[i]", "+= error * x[i]"),
    "sparse-the square of a value": Mistake("sparse", "(error * v -", "(error * v * v -"),
    "neurons-no slope": Mistake(
        "neurons", 'errors[j] * slope(neuron["output"])', "errors[j]",
        ("error +=", "errors.append", "+= rate"),
    ),
    "neurons-wrong sign": Mistake(
        "neurons", 'expected[j] - neuron["output"]', 'neuron["output"] - expected[j]', ("+= rate",)
    ),
    "neurons-wrong slope": Mistake(
        "neurons", "return output * (1.0 - output)", "return output * (1.0 + output)",
        ("errors[j] * slope",),
    ),
    "neurons-bias forgotten": Mistake(
        "neurons", '            neuron["weights"][-1] += rate * neuron["delta"]\n', "",
        ("+= rate", "total = weights[-1]"),
    ),
    "neurons-delta of another neuron": Mistake(
        "neurons", 'error += neuron["weights"][j] * neuron["delta"]',
        'error += neuron["weights"][j] * network[i + 1][0]["delta"]', ("errors[j] * slope",),
    ),
    "neurons-inputs of the wrong layer": Mistake(
        "neurons", "for neuron in network[i - 1]]", "for neuron in network[i]]", ("+= rate",)
    ),
    "neurons-error not from zero": Mistake(
        "neurons", "                error = 0.0\n", "                error = 1.0\n",
        ("error +=", "errors[j] * slope"),
    ),
    "worked-no slope": Mistake(
        "worked", "(d1 * w5 + d2 * w7) * h1 * (1 - h1)", "(d1 * w5 + d2 * w7)"
    ),
    "worked-wrong weight": Mistake("worked", "(d1 * w6 + d2 * w8)", "(d1 * w6 + d2 * w7)"),
    "worked-updated too early": Mistake(
        "worked", "    e1 = (d1", "    w5 = w5 - rate * d1 * h1\n    e1 = (d1", ("e1 = ", "w5 = "),
    ),
    "worked-wrong sign of one": Mistake("worked", "w3 = w3 - rate", "w3 = w3 + rate"),
    "worked-wrong bias": Mistake("worked", "rate * (d1 + d2)", "rate * (d1 + d1)"),
    "objects-no slope": Mistake("objects", "error * neuron.slope()", "error", ("error +=",)),
    "objects-wrong slope": Mistake(
        "objects", "self.output * (1 - self.output)", "self.output * (1 - self.output ** 2)",
        ("neuron.slope()",),
    ),
    "objects-bias forgotten": Mistake(
        "objects", "                neuron.bias -= self.RATE * delta\n", "", undecided=True
    ),
    "objects-updated too early": Mistake(
        "objects", _DELTA, _DELTA + _EARLY, ("error +=", "neuron.weights[w] -=")
    ),
    "matrices-no slope": Mistake(
        "matrices", "lambda e, h: e * h * (1 - h)", "lambda e, h: e", ("return [[sum",)
    ),
    "matrices-wrong factor": Mistake(
        "matrices", "product(transposed(hidden), delta)", "product(transposed(back), delta)",
        ("return [[sum", "v - 0.5"),
    ),
    "matrices-half a slope": Mistake(
        "matrices", "(o - y) * o * (1 - o), output", "(o - y) * o, output"
    ),
    "columns-raw error": Mistake("columns", "turned @ delta", "turned @ error", ("delta @",)),
    "columns-updated too early": Mistake(
        "columns", _BACK + _CHANGES, _CHANGES + _BACK, ("error = weights",)
    ),
    "line-no input": Mistake(
        "line", "-(2 / n) * x * (y", "-(2 / n) * (y", ("m - rate",)
    ),
    "line-wrong sign": Mistake("line", "b - rate * b_grad", "b + rate * b_grad", ("m, b = step",)),
    "logistic-wrong slope": Mistake(
        "logistic", "grad[j] += (p - y) * x[j]", "grad[j] += (p - y) * p * x[j]", ("w - rate",)
    ),
    "logistic-never reset": Mistake(
        "logistic", "    grad_bias = 0.0\n", "    grad_bias = grad_bias if epoch else 0.0\n",
        ("grad_bias",),
    ),
    "layered-wrong slope": Mistake("layered", "(1 - below[j] ** 2))", "(1 - below[j]))"),
    "layered-twice": Mistake(
        "layered", "before.append(total", "before.append(2 * total", ("speeds[l][k][j] =",)
    ),
    "mixed-no slope": Mistake(
        "mixed", "d_out * w_out[j] * h[j] * (1 - h[j])", "d_out * w_out[j]"
    ),
    "mixed-bias forgotten": Mistake(
        "mixed", "        b_hidden[j] -= 0.5 * d_hidden[j]\n", "        pass\n", undecided=True
    ),
    "softmax-updated too early": Mistake("softmax", _SUM + _STEP, _STEP + _SUM, ("dx = ",)),
    "softmax-mask of the gradient": Mistake(
        "softmax", "g if s > 0 else 0.0", "g if g > 0 else 0.0"
    ),
    "softmax-no mask": Mistake("softmax", "g if s > 0 else 0.0", "g", ("self.w[k][i] -=",)),
    "softmax-label": Mistake(
        "softmax", "d[label] -= 1\n", "d[label] -= 0.5\n", ("self.b[k]", "self.w[k][i]")
    ),
    "recurrent-no chain": Mistake("recurrent", "d_h = d_z * wh", "d_h = d_z"),
    "recurrent-wrong state": Mistake("recurrent", "d_wh += d_z * hs[t]", "d_wh += d_z * hs[t + 1]"),
    "slots-no slope": Mistake(
        "slots", "* (1 - hidden[k] * hidden[k])", "", ("g_units[k]", "unit.")
    ),
    "appended-no slope": Mistake("appended", " * hidden[i] * (1 - hidden[i]))", ")"),
    "engine-wrong tanh": Mistake("engine", "(1 - out.data**2)", "(1 - out.data)"),
    "engine-overwritten": Mistake(
        "engine", "            self.grad += other.data * out.grad\n",
        "            self.grad = other.data * out.grad\n", ("grad",),
    ),
    "boxes-no slope": Mistake(
        "boxes", "error.times(values[k + 1].with_each(lambda v: v * (1 - v)))",
        "error.times(values[k + 1].with_each(lambda v: v if k else v * (1 - v)))",
        ("return Matrix(", "sum(x * y"),
    ),
    "boxes-updated too early": Mistake(
        "boxes",
        """            error = delta.dot(self.weights[k].turned())
            self.weights[k], self.biases[k] = self.moved(k, values[k], delta, rate)
""",
        """            self.weights[k], self.biases[k] = self.moved(k, values[k], delta, rate)
            error = delta.dot(self.weights[k].turned())
""",
        ("return Matrix(", "sum(x * y"),
    ),
    "passed-no slope": Mistake("passed", "e = d * v * h * (1 - h)", "e = d * v"),
    "passed-wrong sign": Mistake("passed", "new_b = b - 0.5", "new_b = b + 0.5"),
    "last_change-no slope": Mistake(
        "last_change", "below.append((1 - h**2) * error)", "below.append(error)"
    ),
    "adam-no mask": Mistake("adam", " * (1 if z[j] > 0 else 0)", "", ("grads[", "m[i] =")),
}  # fmt: skip
