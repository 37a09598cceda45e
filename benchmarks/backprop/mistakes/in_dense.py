"""Mistakes in networks without recurrence, convolution or attention."""

from ._plant import plant

MISTAKES = [
    plant(
        "mlp_coursework",
        "output bias not divided",
        (
            "db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)",
            "db2 = np.sum(dZ2, axis=1, keepdims=True)",
        ),
        name="scale of one parameter",
    ),
    plant(
        "mlp_coursework",
        "derivative at the pre-activation",
        (
            "dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))",
            'dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(cache["Z1"], 2))',
        ),
        name="derivative taken twice",
        also=("derivative of the wrong quantity",),
    ),
    plant(
        "mlp_coursework",
        "no tanh derivative",
        ("dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))", "dZ1 = np.dot(W2.T, dZ2)"),
        name="missing hidden derivative",
    ),
    plant(
        "mlp_coursework",
        "bias summed over all",
        (
            "db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)",
            "db1 = (1 / m) * np.sum(dZ1)",
        ),
        name="bias summed over the wrong axis",
    ),
    plant(
        "mlp_nesterov",
        "weights without look-ahead",
        (
            "delta = (delta @ weights[layer].T) * (1 - activations[layer] ** 2)",
            "delta = (delta @ self.weights[layer].T) * (1 - activations[layer] ** 2)",
        ),
        also=("updated too early",),
    ),
    plant(
        "mlp_nesterov",
        "sign of the biases",
        ("self.vb[i] = mu * self.vb[i] - lr * gb[i]", "self.vb[i] = mu * self.vb[i] + lr * gb[i]"),
        near=("self.biases[i] += self.vb[i]",),
        name="wrong sign",
    ),
    plant(
        "mlp_layer_lists",
        "penalty forgotten",
        ("dW[l] = a[l].T.dot(dz) + reg * W[l]", "dW[l] = a[l].T.dot(dz)"),
        name="detached regularisation",
        other_loss=True,
    ),
    plant(
        "mlp_layer_lists",
        "ReLU mask that is always true",
        ("dz = da * (z[l - 1] > 0)", "dz = da * (a[l] >= 0)"),
        also=("missing hidden derivative", "derivative of the wrong quantity"),
    ),
    plant(
        "mlp_layer_lists",
        "updated too early",
        (
            "        dW[l] = a[l].T.dot(dz) + reg * W[l]\n",
            "        dW[l] = a[l].T.dot(dz) + reg * W[l]\n        W[l] -= lr * dW[l]\n",
        ),
        (
            "    for l in range(L):\n        W[l] -= lr * dW[l]\n        b[l]",
            "    for l in range(L):\n        b[l]",
        ),
        at="da = dz.dot(W[l].T)",
        near=("W[l] -= lr * dW[l]",),
        name="updated too early",
    ),
    plant(
        "mlp_accumulation",
        "biases not reset",
        ("gW1[:], gb1[:], gW2[:], gb2[:] = 0, 0, 0, 0", "gW1[:], gW2[:] = 0, 0"),
        near=(
            "gb2 += err",
            "gb1 += back",
            "b1 -= learning_rate * gb1 / ACCUMULATE",
            "b2 -= learning_rate * gb2 / ACCUMULATE",
        ),
    ),
    plant(
        "mlp_accumulation",
        "one sum not divided",
        (
            "W2 -= learning_rate * gW2 / ACCUMULATE",
            "W2 -= learning_rate * gW2",
        ),
        name="scale of one parameter",
    ),
    plant(
        "mlp_accumulation",
        "slope of the activation",
        ("back = err * W2 * softplus_slope(pre)", "back = err * W2 * softplus_slope(hid)"),
        name="derivative taken twice",
        also=("derivative of the wrong quantity",),
    ),
    plant(
        "dropout_mlp",
        "mask forgotten",
        ("da1 = (dz2 @ params['W2'].T) * d1", "da1 = dz2 @ params['W2'].T"),
        near=("dz1 = da1 * (a1 > 0)",),
    ),
    plant(
        "dropout_mlp",
        "no ReLU derivative",
        ("dz2 = da2 * (a2 > 0)", "dz2 = da2"),
        near=("da2 = (dz3 @ params['W3'].T) * d2",),
        name="missing hidden derivative",
    ),
    plant(
        "dropout_mlp",
        "mask drawn again",
        (
            "da1 = (dz2 @ params['W2'].T) * d1",
            "da1 = (dz2 @ params['W2'].T) * ((rng.random(d1.shape) < keep) / keep)",
        ),
        near=("dz1 = da1 * (a1 > 0)",),
    ),
    plant(
        "dropout_mlp",
        "activation before the mask",
        (
            "g['W2'], g['b2'] = h1.T @ dz2, dz2.sum(axis=0, keepdims=True)",
            "g['W2'], g['b2'] = a1.T @ dz2, dz2.sum(axis=0, keepdims=True)",
        ),
    ),
    plant(
        "residual_mlp",
        "skip connection forgotten",
        ("gh = gh + gz @ A[k].T", "gh = gz @ A[k].T"),
    ),
    plant(
        "residual_mlp",
        "state after the block",
        ("gA[k] = hs[k].T @ gz", "gA[k] = hs[k + 1].T @ gz"),
    ),
    plant(
        "residual_mlp",
        "no tanh derivative",
        ("gz = gu * (1 - us[k] ** 2)", "gz = gu"),
        near=("gu = gh @ B[k].T",),
        name="missing hidden derivative",
    ),
    plant(
        "softmax_jacobian",
        "softmax diagonal only",
        ("return np.diag(s) - np.outer(s, s)", "return np.diag(s * (1 - s))"),
        near=("d_score = softmax_jacobian(prob) @ d_prob",),
        also=("missing output derivative",),
    ),
    plant(
        "softmax_jacobian",
        "no sigmoid derivative",
        ("d_hidden = (w_out @ d_score) * hidden * (1 - hidden)", "d_hidden = w_out @ d_score"),
        name="missing hidden derivative",
    ),
    plant(
        "softmax_jacobian",
        "hidden error of the probabilities",
        (
            "d_hidden = (w_out @ d_score) * hidden * (1 - hidden)",
            "d_hidden = (w_out @ d_prob) * hidden * (1 - hidden)",
        ),
        name="raw error in the hidden delta",
    ),
    plant(
        "autoencoder",
        "derivative at the pre-activation",
        ("dz = dy * (1 - self.y ** 2)", "dz = dy * (1 - self.z ** 2)"),
        name="derivative taken twice",
        also=("derivative of the wrong quantity",),
    ),
    plant(
        "autoencoder",
        "error before the derivative goes down",
        ("return dz @ self.W.T", "return dy @ self.W.T"),
        name="raw error in the hidden delta",
        also=("missing hidden derivative",),
    ),
    plant(
        "tied_autoencoder",
        "decoder forgotten",
        ("d_W = np.dot(x.T, d_h) + np.dot(d_y.T, h)", "d_W = np.dot(x.T, d_h)"),
    ),
    plant(
        "tied_autoencoder",
        "encoder forgotten",
        ("d_W = np.dot(x.T, d_h) + np.dot(d_y.T, h)", "d_W = np.dot(d_y.T, h)"),
    ),
    plant(
        "tied_autoencoder",
        "clean input",
        (
            "d_W = np.dot(x.T, d_h) + np.dot(d_y.T, h)",
            "d_W = np.dot(patterns.T, d_h) + np.dot(d_y.T, h)",
        ),
    ),
    plant(
        "tied_autoencoder",
        "no sigmoid derivative",
        ("d_h = np.dot(d_y, W) * h * (1 - h)", "d_h = np.dot(d_y, W)"),
        name="missing hidden derivative",
    ),
    plant(
        "linear_regression",
        "intercept divided twice",
        ("grad_intercept = residual.sum() / m", "grad_intercept = residual.mean() / m"),
        name="scale of one parameter",
    ),
    plant(
        "linear_regression",
        "sign of the intercept",
        (
            "intercept = intercept - alpha * grad_intercept",
            "intercept = intercept + alpha * grad_intercept",
        ),
        name="wrong sign",
    ),
    plant(
        "logistic_regression",
        "penalty forgotten",
        (
            "grad_coef = Xb.T @ error / len(rows) + self.lam * self.coef_",
            "grad_coef = Xb.T @ error / len(rows)",
        ),
        name="detached regularisation",
        other_loss=True,
    ),
    plant(
        "logistic_regression",
        "intercept not divided",
        ("grad_intercept = error.mean()", "grad_intercept = error.sum()"),
        name="scale of one parameter",
    ),
    plant(
        "svm_hinge",
        "right class forgotten",
        (
            "                dW[:, j] += X[i]\n                dW[:, y[i]] -= X[i]\n",
            "                dW[:, j] += X[i]\n",
        ),
    ),
    plant(
        "svm_hinge",
        "penalty forgotten",
        (
            "    loss += reg * np.sum(W * W)\n    dW += 2 * reg * W\n",
            "    loss += reg * np.sum(W * W)\n",
        ),
        at="dW /= X.shape[0]",
        near=(
            "loss += reg * np.sum(W * W)",
            "W = W - 0.05 * grad",
            "dW[:, j] += X[i]",
            "dW[:, y[i]] -= X[i]",
        ),
        name="detached regularisation",
        other_loss=True,
    ),
    plant(
        "svm_hinge",
        "data term not divided",
        ("    loss /= X.shape[0]\n    dW /= X.shape[0]\n", "    loss /= X.shape[0]\n"),
        at="dW += 2 * reg * W",
        near=("loss /= X.shape[0]", "dW[:, j] += X[i]", "dW[:, y[i]] -= X[i]"),
        other_loss=True,
    ),
    plant(
        "mlp_coursework",
        "bias not summed",
        ("db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)", "db1 = (1 / m) * dZ1"),
        name="bias not summed",
    ),
    plant(
        "autoencoder",
        "layers hold another batch",
        (
            "    d = 2 * (signal - batch) / batch.size\n",
            "    held_out = points[:12]\n"
            "    for layer in layers:\n"
            "        held_out = layer(held_out)\n"
            "    d = 2 * (signal - batch) / batch.size\n",
        ),
        at="self.gW = self.x.T @ dz",
        near=(
            "held_out = layer(held_out)",
            "dz = dy * (1 - self.y ** 2) if self.act == 'tanh' else dy",
        ),
        name="stale activation",
        also=(None, "derivative of the wrong quantity"),
    ),
    plant(
        "mlp_neurons",
        "updated too early",
        (
            "        for j in range(n_hid):\n"
            "            delta_h[j] = delta_o * w_ho[j] * hidden[j] * (1 - hidden[j])\n"
            "\n"
            "        for j in range(n_hid):\n"
            "            w_ho[j] += eta * delta_o * hidden[j]\n",
            "        for j in range(n_hid):\n"
            "            w_ho[j] += eta * delta_o * hidden[j]\n"
            "            delta_h[j] = delta_o * w_ho[j] * hidden[j] * (1 - hidden[j])\n",
        ),
        at="delta_h[j] = delta_o * w_ho[j] * hidden[j] * (1 - hidden[j])",
        near=("w_ho[j] += eta * delta_o * hidden[j]",),
        name="updated too early",
    ),
    plant(
        "mlp_neurons",
        "no hidden derivative",
        (
            "delta_h[j] = delta_o * w_ho[j] * hidden[j] * (1 - hidden[j])",
            "delta_h[j] = delta_o * w_ho[j]",
        ),
        name="missing hidden derivative",
    ),
    plant(
        "mlp_neurons",
        "sign of the hidden biases",
        ("b_h[j] += eta * delta_h[j]", "b_h[j] -= eta * delta_h[j]"),
        name="wrong sign",
    ),
    plant(
        "variational_autoencoder",
        "half of the root forgotten",
        ("dlogvar = dz * noise * 0.5 * std", "dlogvar = dz * noise * std"),
    ),
    plant(
        "variational_autoencoder",
        "divergence of the mean forgotten",
        ("dmu = dz + weight_kl * mu / BATCH", "dmu = dz"),
        name="detached regularisation",
    ),
    plant(
        "variational_autoencoder",
        "sign of the divergence",
        ("0.5 * (np.exp(logvar) - 1) / BATCH", "0.5 * (1 - np.exp(logvar)) / BATCH"),
        also=("wrong sign", "detached regularisation"),
    ),
    plant(
        "variational_autoencoder",
        "noise forgotten",
        ("dlogvar = dz * noise * 0.5 * std", "dlogvar = dz * 0.5 * std"),
    ),
    plant(
        "variational_autoencoder",
        "path through the variance forgotten",
        (
            "dhe = (dmu @ P['Wmu'].T + dlogvar @ P['Wlv'].T) * (1 - he ** 2)",
            "dhe = (dmu @ P['Wmu'].T) * (1 - he ** 2)",
        ),
    ),
]
