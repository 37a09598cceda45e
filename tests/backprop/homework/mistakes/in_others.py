"""Mistakes in the other networks, and in further variations of the styles.

The file is long because it is a list: each mistake takes a few lines.
"""

from ._plant import plant

_DELTA = "delta_h = delta_o * w2 * h * (1 - h)"

_SAMPLE = [
    plant(
        "sample",
        "updated too early",
        [
            (
                f"        {_DELTA}\n\n        w2 += eta * delta_o * h\n",
                f"        w2 += eta * delta_o * h\n        {_DELTA}\n\n",
            )
        ],
        _DELTA,
        "w1 c1",
        near=("w2 += eta * delta_o * h",),
    ),
    plant(
        "sample",
        "derivative taken twice",
        [("w2 * h * (1 - h)", "w2 * act(h) * (1 - act(h))")],
        "delta_h = delta_o * w2 * act(h) * (1 - act(h))",
        "w1 c1",
    ),
    plant(
        "sample",
        "raw error in the hidden delta",
        [("delta_o * w2 * h", "(t - o) * w2 * h")],
        "delta_h = (t - o) * w2 * h * (1 - h)",
        "w1 c1",
        also=("missing output derivative",),
    ),
    plant(
        "sample",
        "scale of one parameter",
        [("c2 += eta * delta_o", "c2 += eta * eta * delta_o")],
        "c2 += eta * eta * delta_o",
        "c2",
    ),
    plant(
        "sample",
        "missing output derivative",
        [("delta_o = (t - o) * o * (1 - o)", "delta_o = t - o")],
        "delta_o = t - o",
        "",
        label="follows BCE",
        answers=("warned",),
    ),
    plant(
        "sample",
        "missing hidden derivative",
        [("w2 * h * (1 - h)", "w2")],
        "delta_h = delta_o * w2",
        "w1 c1",
    ),
    plant(
        "sample",
        "bias never updated",
        [("        c1 += eta * delta_h\n", "")],
        "h = act(x @ w1 + c1)",
        "c1",
        variable="c1",
        near=("c1 = rng.uniform(-1, 1, 3)",),
    ),
    plant(
        "sample",
        "hard-coded sample",
        [("np.outer(x, delta_h)", "np.outer(data[3][0], delta_h)")],
        "w1 += eta * np.outer(data[3][0], delta_h)",
        "w1",
    ),
    plant("sample", "wrong sign", [("c1 += eta", "c1 -= eta")], "c1 -= eta * delta_h", "c1"),
    plant(
        "sample",
        "dot for element-wise product",
        [("delta_o * w2 * h * (1 - h)", "delta_o * np.dot(w2, h) * (1 - h)")],
        "delta_h = delta_o * np.dot(w2, h) * (1 - h)",
        "w1 c1",
    ),
    plant(
        "sample",
        "stale activation",
        [
            ("for epoch in range(10000):\n", "h_last = np.zeros(3)\nfor epoch in range(10000):\n"),
            (
                "        w2 += eta * delta_o * h\n",
                "        w2 += eta * delta_o * h_last\n        h_last = h\n",
            ),
        ],
        "w2 += eta * delta_o * h_last",
        "w2",
        near=("h_last = h",),
    ),
]

_DICTIONARY = [
    plant(
        "dictionary",
        "derivative taken twice",
        [('np.power(cache["A1"], 2)', 'np.power(np.tanh(cache["A1"]), 2)')],
        'dZ1 = dA1 * (1 - np.power(np.tanh(cache["A1"]), 2))',
        'params["W1"] params["b1"]',
    ),
    plant(
        "dictionary",
        "bias summed over the wrong axis",
        [("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ1, axis=0, keepdims=True)")],
        'grads["b1"] = np.sum(dZ1, axis=0, keepdims=True) / m',
        'params["b1"]',
    ),
    plant(
        "dictionary",
        "bias not summed",
        [("np.sum(dZ1, axis=1, keepdims=True) / m", "dZ1 / m")],
        'grads["b1"] = dZ1 / m',
        'params["b1"]',
    ),
    plant(
        "dictionary",
        "scale of one parameter",
        [('dZ2.dot(cache["A1"].T) / m', 'dZ2.dot(cache["A1"].T)')],
        'grads["W2"] = dZ2.dot(cache["A1"].T)',
        'params["W2"]',
    ),
    plant(
        "dictionary",
        "missing hidden derivative",
        [('dZ1 = dA1 * (1 - np.power(cache["A1"], 2))', "dZ1 = dA1")],
        "dZ1 = dA1",
        'params["W1"] params["b1"]',
    ),
    plant(
        "dictionary",
        "bias never updated",
        [
            (
                "        params[name] = params[name] - learning_rate * grads[name]\n",
                '        if name.startswith("W"):\n'
                "            params[name] = params[name] - learning_rate * grads[name]\n",
            )
        ],
        'cache["Z1"] = params["W1"].dot(cache["A0"]) + params["b1"]',
        'params["b1"] params["b2"]',
        variable='params["b1"]',
        near=(
            'params["b" + str(n)] = np.zeros((sizes[n], 1))',
            'cache["Z2"] = params["W2"].dot(cache["A1"]) + params["b2"]',
            'grads["b1"] = np.sum(dZ1, axis=1, keepdims=True) / m',
            'grads["b2"] = np.sum(dZ2, axis=1, keepdims=True) / m',
        ),
    ),
    plant(
        "dictionary",
        "wrong transpose",
        [('dZ2.dot(cache["A1"].T) / m', 'dZ2.dot(cache["A1"]) / m')],
        'grads["W2"] = dZ2.dot(cache["A1"]) / m',
        'params["W2"]',
    ),
    plant(
        "dictionary",
        "dot for element-wise product",
        [
            (
                'dZ1 = dA1 * (1 - np.power(cache["A1"], 2))',
                'dZ1 = dA1.dot(1 - np.power(cache["A1"], 2))',
            )
        ],
        'dZ1 = dA1.dot(1 - np.power(cache["A1"], 2))',
        'params["W1"] params["b1"]',
    ),
    plant(
        "dictionary",
        "derivative of the wrong quantity",
        [('dZ2 = cache["A2"] - Y', 'dZ2 = (cache["A2"] - Y) * cache["A2"] * (1 - cache["A2"])')],
        'dZ2 = (cache["A2"] - Y) * cache["A2"] * (1 - cache["A2"])',
        "",
        answers=("warned",),
        label="follows SSE",
    ),
]

_LAYERS = [
    plant(
        "layers",
        "updated too early",
        [
            (
                "        self.db = grad.sum(axis=0)\n        return",
                "        self.db = grad.sum(axis=0)\n        self.W -= 2.0 * self.dW\n"
                "        return",
            ),
            ("        self.W -= lr * self.dW\n", ""),
        ],
        "return grad @ self.W.T",
        "network[0].W network[0].b network[2].W network[2].b",
        variable="grad",
        near=("self.W -= 2.0 * self.dW", "grad = layer.backward(grad)"),
    ),
    plant(
        "layers",
        "derivative taken twice",
        [
            (
                "return grad * self.out * (1 - self.out)",
                "s = 1 / (1 + np.exp(-self.out))\n        return grad * s * (1 - s)",
            )
        ],
        "return grad * s * (1 - s)",
        "network[0].W network[0].b network[2].W network[2].b network[4].W network[4].b",
        variable="grad",
        near=("s = 1 / (1 + np.exp(-self.out))", "grad = layer.backward(grad)"),
    ),
    plant(
        "layers",
        "stale activation",
        [("        self.x = x\n", '        if not hasattr(self, "x"):\n            self.x = x\n')],
        "self.dW = self.x.T @ grad",
        "network[2].W network[4].W",
        near=("self.x = x",),
    ),
]

_OTHER = [
    plant(
        "plain-momentum",
        "updated too early",
        [
            (
                "    d_hidden = np.dot(d_final, W2.T)",
                "    v_W2 = momentum * v_W2 - lr * d_W2\n    W2 += v_W2\n"
                "    d_hidden = np.dot(d_final, W2.T)",
            ),
            (
                "    # gradient descent\n    v_W2 = momentum * v_W2 - lr * d_W2\n",
                "    # gradient descent\n",
            ),
            ("    W2 += v_W2\n    b2 += v_b2\n", "    b2 += v_b2\n"),
        ],
        "d_hidden = np.dot(d_final, W2.T) * sigmoid_derivative(hidden_output)",
        "W1 b1",
        near=("W2 += v_W2",),
    ),
    plant(
        "plain-momentum",
        "scale of one parameter",
        [("v_b2 = momentum * v_b2 - lr * d_b2", "v_b2 = momentum * v_b2 - lr * lr * d_b2")],
        "v_b2 = momentum * v_b2 - lr * lr * d_b2",
        "b2",
        near=("b2 += v_b2",),
    ),
    plant(
        "columns-small",
        "missing hidden derivative",
        [("dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)", "dZ1 = W2.T @ dZ2")],
        "dZ1 = W2.T @ dZ2",
        "W1 b1",
    ),
    plant(
        "columns-small",
        "derivative taken twice",
        [("(1 - A1 ** 2)", "(1 - np.tanh(A1) ** 2)")],
        "dZ1 = (W2.T @ dZ2) * (1 - np.tanh(A1) ** 2)",
        "W1 b1",
    ),
    plant(
        "columns-adam",
        "missing hidden derivative",
        [("dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)", "dZ1 = W2.T @ dZ2")],
        "dZ1 = W2.T @ dZ2",
        "W1 b1",
    ),
    plant(
        "three-layers",
        "updated too early",
        [
            (
                "    delta2 = delta3 @ W3.T * df(z2)\n",
                "    W3 -= lr * (a2.T @ delta3)\n    delta2 = delta3 @ W3.T * df(z2)\n",
            ),
            ("    gW3 = a2.T @ delta3\n", ""),
            ("    W3 -= lr * gW3\n", ""),
        ],
        "delta2 = delta3 @ W3.T * df(z2)",
        "W1 b1 W2 b2",
        near=("W3 -= lr * (a2.T @ delta3)",),
    ),
    plant(
        "three-layers",
        "derivative of the wrong quantity",
        [("df(z1)\n", "df(z2)\n")],
        "delta1 = delta2 @ W2.T * df(z2)",
        "W1 b1",
    ),
    plant(
        "three-layers",
        "wrong transpose",
        [("delta2 @ W2.T", "delta2 @ W2")],
        "delta1 = delta2 @ W2 * df(z1)",
        "W1 b1",
    ),
    plant(
        "three-layers",
        "derivative of the wrong quantity",
        [("gW2 = a1.T @ delta2", "gW2 = a2.T @ delta2")],
        "gW2 = a2.T @ delta2",
        "W2",
        label="activation of another layer",
        also=("stale activation",),
    ),
    plant(
        "no-bias",
        "updated too early",
        [
            (
                "    l1_error = l2_delta.dot(syn1.T)\n",
                "    syn1 += l1.T.dot(l2_delta)\n    l1_error = l2_delta.dot(syn1.T)\n",
            ),
            ("    syn1 += l1.T.dot(l2_delta)\n    syn0", "    syn0"),
        ],
        "l1_error = l2_delta.dot(syn1.T)",
        "syn0",
        near=("syn1 += l1.T.dot(l2_delta)",),
    ),
    plant(
        "no-bias",
        "raw error in the hidden delta",
        [("l2_delta.dot(syn1.T)", "l2_error.dot(syn1.T)")],
        "l1_error = l2_error.dot(syn1.T)",
        "syn0",
        also=("missing output derivative",),
    ),
    plant(
        "bce",
        "derivative taken twice",
        [("(dz2 @ W2.T) * a1 * (1 - a1)", "(dz2 @ W2.T) * sigmoid(a1) * (1 - sigmoid(a1))")],
        "dz1 = (dz2 @ W2.T) * sigmoid(a1) * (1 - sigmoid(a1))",
        "W1 b1",
    ),
    plant(
        "relu",
        "derivative of the wrong quantity",
        [("grad_h[h < 0] = 0", "grad_h[grad_h < 0] = 0")],
        "grad_h[grad_h < 0] = 0",
        "w1 b1",
        variable="grad_h",
        near=("grad_h = grad_h_relu.copy()",),
    ),
    plant(
        "softmax",
        "missing hidden derivative",
        [("dz1 = da1 * (z1 > 0)", "dz1 = da1")],
        "dz1 = da1",
        "W1 b1",
    ),
    plant(
        "softmax",
        "scale of one parameter",
        [("db2 = np.sum(dz2, axis=0, keepdims=True)", "db2 = np.sum(dz2, axis=0) / len(X)")],
        "db2 = np.sum(dz2, axis=0) / len(X)",
        "b2",
    ),
    plant(
        "mini-batch",
        "updated too early",
        [
            (
                "        d_hidden = d_logit @ W2.T\n",
                "        W2 -= lr * hidden.T @ d_logit\n        d_hidden = d_logit @ W2.T\n",
            ),
            ("        W2 -= lr * hidden.T @ d_logit\n        b2", "        b2"),
        ],
        "d_hidden = d_logit @ W2.T",
        "W1 b1",
        near=("W2 -= lr * hidden.T @ d_logit", "d_pre = d_hidden * (1 - hidden ** 2)"),
    ),
    plant(
        "mini-batch",
        "scale of one parameter",
        [("b1 -= lr * d_pre.sum(0)", "b1 -= lr * d_pre.mean(0)")],
        "b1 -= lr * d_pre.mean(0)",
        "b1",
    ),
]

_OPTIMISERS = [
    mistake
    for style in (
        "plain-rmsprop",
        "plain-adagrad",
        "plain-nesterov",
        "plain-clip",
        "plain-norm",
    )
    for mistake in (
        plant(
            style,
            "missing hidden derivative",
            [(" * sigmoid_derivative(hidden_output)", "")],
            "d_hidden = np.dot(d_final, W2.T)",
            "W1 b1",
        ),
        plant(
            style,
            "bias summed over the wrong axis",
            [("np.sum(d_hidden, axis=0, keepdims=True)", "np.sum(d_hidden, axis=1)[None]")],
            "d_b1 = np.sum(d_hidden, axis=1)[None]",
            "b1",
        ),
        plant(
            style,
            "scale of one parameter",
            [("np.dot(X.T, d_hidden)", "np.dot(X.T, d_hidden) / 4")],
            "d_W1 = np.dot(X.T, d_hidden) / 4",
            "W1",
        ),
    )
]

MISTAKES = [*_SAMPLE, *_DICTIONARY, *_LAYERS, *_OTHER, *_OPTIMISERS]
