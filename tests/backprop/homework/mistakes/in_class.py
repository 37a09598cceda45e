"""The catalogue's mistakes, planted into the style `class` and its variations."""

from ._plant import plant

_ALL = "self.weights_ih self.bias_h self.weights_ho self.bias_o"
_IH = "self.weights_ih self.bias_h"
_ERROR = "hidden_error = output_delta.dot(self.weights_ho.T)"
_DELTA = "hidden_delta = hidden_error * self.sigmoid_derivative(self.hidden)"
_OUT = "output_delta = output_error * self.sigmoid_derivative(self.output)"
_HO = "self.weights_ho += self.learning_rate * self.hidden.T.dot(output_delta)"
_BH = "self.bias_h += self.learning_rate * np.sum(hidden_delta, axis=0, keepdims=True)"
_BO = "self.bias_o += self.learning_rate * np.sum(output_delta, axis=0, keepdims=True)"

MISTAKES = [
    plant(
        "class",
        "updated too early",
        [
            (
                f"        {_ERROR}\n        {_DELTA}\n\n        {_HO}\n",
                f"        {_HO}\n        {_ERROR}\n        {_DELTA}\n\n",
            )
        ],
        _ERROR,
        _IH,
        near=(_HO, _DELTA),
    ),
    plant(
        "class",
        "derivative taken twice",
        [("return s * (1 - s)", "return self.sigmoid(s) * (1 - self.sigmoid(s))")],
        _OUT,
        _ALL,
        near=("return self.sigmoid(s) * (1 - self.sigmoid(s))",),
        label="function",
    ),
    plant(
        "class",
        "derivative taken twice",
        [("self.sigmoid_derivative(self.hidden)", "self.sigmoid_derivative(self.hidden_in)")],
        _DELTA.replace("(self.hidden)", "(self.hidden_in)"),
        _IH,
        label="hidden",
        also=("derivative of the wrong quantity",),
    ),
    plant(
        "class",
        "derivative taken twice",
        [("self.sigmoid_derivative(self.output)", "self.sigmoid_derivative(self.output_in)")],
        _OUT.replace("(self.output)", "(self.output_in)"),
        _ALL,
        label="output",
        also=("derivative of the wrong quantity",),
    ),
    plant(
        "class",
        "bias summed over the wrong axis",
        [("np.sum(hidden_delta, axis=0, keepdims=True)", "np.sum(hidden_delta, axis=1)")],
        "self.bias_h += self.learning_rate * np.sum(hidden_delta, axis=1)",
        "self.bias_h",
    ),
    plant(
        "class",
        "bias summed over the wrong axis",
        [("np.sum(hidden_delta, axis=0, keepdims=True)", "np.sum(hidden_delta)")],
        "self.bias_h += self.learning_rate * np.sum(hidden_delta)",
        "self.bias_h",
        label="every axis",
    ),
    plant(
        "class",
        "bias not summed",
        [(_BH, "self.bias_h = self.bias_h + self.learning_rate * hidden_delta")],
        "self.bias_h = self.bias_h + self.learning_rate * hidden_delta",
        "self.bias_h",
    ),
    plant(
        "class",
        "derivative of the wrong quantity",
        [("self.sigmoid_derivative(self.hidden)", "self.sigmoid_derivative(self.output)")],
        _DELTA.replace("(self.hidden)", "(self.output)"),
        _IH,
    ),
    plant(
        "class",
        "derivative of the wrong quantity",
        [("self.sigmoid_derivative(self.hidden)", "self.sigmoid_derivative(hidden_error)")],
        _DELTA.replace("(self.hidden)", "(hidden_error)"),
        _IH,
        label="error",
    ),
    plant(
        "class",
        "raw error in the hidden delta",
        [("output_delta.dot(self.weights_ho.T)", "output_error.dot(self.weights_ho.T)")],
        _ERROR.replace("output_delta", "output_error"),
        _IH,
        near=(_DELTA,),
        also=("missing output derivative",),
    ),
    plant(
        "class",
        "scale of one parameter",
        [("X.T.dot(hidden_delta)", "X.T.dot(hidden_delta) / X.shape[0]")],
        "self.weights_ih += self.learning_rate * X.T.dot(hidden_delta) / X.shape[0]",
        "self.weights_ih",
        label="mean",
    ),
    plant(
        "class",
        "scale of one parameter",
        [(_BO, _BO.replace("self.learning_rate *", "self.learning_rate ** 2 *"))],
        _BO.replace("self.learning_rate *", "self.learning_rate ** 2 *"),
        "self.bias_o",
        label="rate twice",
    ),
    plant(
        "class",
        "missing output derivative",
        [(_OUT, "output_delta = output_error")],
        "output_delta = output_error",
        "",
        label="follows BCE",
        answers=("warned",),
    ),
    plant(
        "class-tanh",
        "missing output derivative",
        [("output_error * self.derivative(self.output)", "output_error")],
        "output_delta = output_error",
        _ALL,
    ),
    plant(
        "class",
        "missing output derivative",
        [("self.hidden.T.dot(output_delta)", "self.hidden.T.dot(output_error)")],
        _HO.replace("output_delta", "output_error"),
        "self.weights_ho",
        label="one gradient",
        also=("derivative of the wrong quantity",),
    ),
    plant(
        "class",
        "missing hidden derivative",
        [(_DELTA, "hidden_delta = hidden_error")],
        "hidden_delta = hidden_error",
        _IH,
    ),
    plant(
        "class",
        "bias never updated",
        [(f"        {_BH}\n", "")],
        "self.hidden_in = np.dot(X, self.weights_ih) + self.bias_h",
        "self.bias_h",
        variable="self.bias_h",
        near=("self.bias_h = np.random.uniform(-1, 1, (1, n_hidden))",),
    ),
    plant(
        "class",
        "hard-coded sample",
        [("X.T.dot(hidden_delta)", "np.outer(X[1], hidden_delta[1])")],
        "self.weights_ih += self.learning_rate * np.outer(X[1], hidden_delta[1])",
        "self.weights_ih",
    ),
    plant(
        "class",
        "wrong sign",
        [(_BO, _BO.replace("+=", "-="))],
        _BO.replace("+=", "-="),
        "self.bias_o",
    ),
    plant(
        "class-momentum",
        "wrong sign",
        [("change_h = self.learning_rate", "change_h = -self.learning_rate")],
        "change_h = -self.learning_rate * hidden_delta.sum(axis=0, keepdims=True)",
        "self.bias_h",
        near=("self.last_h = change_h + self.momentum * self.last_h", "self.bias_h += self.last_h"),
    ),
    plant(
        "class",
        "dot for element-wise product",
        [(_DELTA, "hidden_delta = hidden_error.dot(self.sigmoid_derivative(self.hidden))")],
        "hidden_delta = hidden_error.dot(self.sigmoid_derivative(self.hidden))",
        _IH,
    ),
    plant(
        "class",
        "wrong transpose",
        [("self.hidden.T.dot(", "self.hidden.dot(")],
        _HO.replace("hidden.T", "hidden"),
        "self.weights_ho",
    ),
    plant(
        "class-one-hot",
        "weights of the wrong layer",
        [("output_delta.dot(self.weights_ho.T)", "output_delta.dot(self.weights_ih.T)")],
        _ERROR.replace("weights_ho", "weights_ih"),
        _IH,
        near=(_DELTA,),
    ),
    plant(
        "class",
        "stale activation",
        [
            (
                "        self.hidden = self.sigmoid(self.hidden_in)\n",
                "        self.hidden = self.sigmoid(self.hidden_in)\n"
                '        if not hasattr(self, "hidden_T"):\n'
                "            self.hidden_T = self.hidden.T\n",
            ),
            ("self.hidden.T.dot(output_delta)", "self.hidden_T.dot(output_delta)"),
        ],
        _HO.replace("hidden.T", "hidden_T"),
        "self.weights_ho",
        near=("self.hidden_T = self.hidden.T",),
    ),
    plant(
        "class-l2",
        "detached regularisation",
        [(" - self.l2 * self.weights_ho", "")],
        "step_ho = self.hidden.T.dot(output_delta)",
        "self.weights_ho",
        near=("self.weights_ho += self.learning_rate * step_ho",),
    ),
    plant(
        "class-l2",
        "detached regularisation",
        [(" - self.l2 * self.weights_ho", ""), (" - self.l2 * self.weights_ih", "")],
        "step_ho = self.hidden.T.dot(output_delta)",
        "self.weights_ih self.weights_ho",
        near=("self.weights_ho += self.learning_rate * step_ho", "step_ih = X.T.dot(hidden_delta)"),
        answers=("wrong", "warned"),
        label="everywhere",
    ),
]
