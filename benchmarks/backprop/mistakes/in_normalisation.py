"""Mistakes in batch and layer normalisation."""

from ._plant import plant

_LAYER_NORM = (
    "return (k * dn - dn.sum(axis=1)[:, None] - n * (dn * n).sum(axis=1)[:, None]) / (k * s)"
)

MISTAKES = [
    plant(
        "batchnorm_staged",
        "path through the variance forgotten",
        (
            "    dx1 = dxmu1 + dxmu2\n    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)",
            "    dx1 = dxmu1\n    dmu = -1 * np.sum(dxmu1, axis=0)",
        ),
        near=("dmu = -1 * np.sum(dxmu1, axis=0)", "dx = dx1 + dx2"),
    ),
    plant(
        "batchnorm_staged",
        "path through the mean forgotten",
        ("dx = dx1 + dx2", "dx = dx1"),
        near=("dx1 = dxmu1 + dxmu2",),
    ),
    plant(
        "batchnorm_staged",
        "half of the root forgotten",
        (
            "dvar = 0.5 * 1. / np.sqrt(var + eps) * dsqrtvar",
            "dvar = 1. / np.sqrt(var + eps) * dsqrtvar",
        ),
    ),
    plant(
        "batchnorm_staged",
        "sign of the inverse",
        (
            "dsqrtvar = -1. / (sqrtvar ** 2) * divar",
            "dsqrtvar = 1. / (sqrtvar ** 2) * divar",
        ),
        also=("wrong sign",),
    ),
    plant(
        "batchnorm_staged",
        "gamma of the centred values",
        ("dgamma = np.sum(dout * xhat, axis=0)", "dgamma = np.sum(dout * xmu, axis=0)"),
    ),
    plant(
        "batchnorm_staged",
        "gamma forgotten",
        ("dxhat = dout * gamma", "dxhat = dout"),
        near=("dxmu1 = dxhat * ivar", "divar = np.sum(dxhat * xmu, axis=0)"),
    ),
    plant(
        "batchnorm_staged",
        "mean of the gradient not divided",
        ("dx2 = 1. / N * np.ones((N, D)) * dmu", "dx2 = np.ones((N, D)) * dmu"),
    ),
    plant(
        "batchnorm_layers",
        "last term forgotten",
        (
            "total = n * g - g.sum(axis=0) - self.x_hat * (g * self.x_hat).sum(axis=0)",
            "total = n * g - g.sum(axis=0)",
        ),
        near=("return self.inv_std / n * total",),
    ),
    plant(
        "batchnorm_layers",
        "mean and variance as constants",
        (
            "        g = grad * self.gamma\n"
            "        total = n * g - g.sum(axis=0) - self.x_hat * (g * self.x_hat).sum(axis=0)\n"
            "        return self.inv_std / n * total\n",
            "        return grad * self.gamma * self.inv_std\n",
        ),
    ),
    plant(
        "batchnorm_layers",
        "gamma forgotten",
        ("g = grad * self.gamma", "g = grad"),
        near=(
            "total = n * g - g.sum(axis=0) - self.x_hat * (g * self.x_hat).sum(axis=0)",
            "return self.inv_std / n * total",
        ),
    ),
    plant(
        "batchnorm_layers",
        "tanh taken twice",
        ("return grad * (1 - self.out ** 2)", "return grad * (1 - np.tanh(self.out) ** 2)"),
        name="derivative taken twice",
    ),
    plant(
        "batchnorm_layers",
        "sum over one sample",
        (
            "total = n * g - g.sum(axis=0) - self.x_hat * (g * self.x_hat).sum(axis=0)",
            "total = n * g - g.sum(axis=0) - self.x_hat * (g * self.x_hat).sum(1, keepdims=True)",
        ),
        near=("return self.inv_std / n * total",),
    ),
    plant(
        "batchnorm_layers",
        "sign of the last term",
        (
            "- self.x_hat * (g * self.x_hat).sum(axis=0)",
            "+ self.x_hat * (g * self.x_hat).sum(axis=0)",
        ),
        at="total = n * g - g.sum(axis=0) + self.x_hat * (g * self.x_hat).sum(axis=0)",
        near=("return self.inv_std / n * total",),
    ),
    plant(
        "layernorm_mlp",
        "mean over the batch",
        (
            "dx = dnorm - dnorm.mean(axis=1, keepdims=True)",
            "dx = dnorm - dnorm.mean(axis=0, keepdims=True)",
        ),
        near=("dx -= norm * (dnorm * norm).mean(axis=1, keepdims=True)", "dx /= std"),
    ),
    plant(
        "layernorm_mlp",
        "path through the variance forgotten",
        (
            "    dx -= norm * (dnorm * norm).mean(axis=1, keepdims=True)\n    dx /= std\n",
            "    dx /= std\n",
        ),
        near=("dx = dnorm - dnorm.mean(axis=1, keepdims=True)",),
    ),
    plant(
        "layernorm_mlp",
        "variance for deviation",
        ("dx /= std", "dx /= std ** 2"),
    ),
    plant(
        "layernorm_mlp",
        "ReLU derivative of a leaky one",
        ("return dy * np.where(x > 0, 1.0, slope)", "return dy * (x > 0)"),
    ),
    plant(
        "layernorm_mlp",
        "gain like shift",
        ("dg = np.sum(dy * norm, axis=0)", "dg = np.sum(dy, axis=0)"),
    ),
    plant(
        "layernorm_mlp",
        "gain of the mean",
        ("dg = np.sum(dy * norm, axis=0)", "dg = np.mean(dy * norm, axis=0)"),
        name="scale of one parameter",
    ),
    plant(
        "cnn_batchnorm",
        "batch without the pixels",
        ("m = n * 16", "m = n"),
        near=("dz = dzn / std + dvar * 2 * (z - mu) / m + dmu / m",),
    ),
    plant(
        "cnn_batchnorm",
        "power of the deviation",
        ("* -0.5 / std ** 3", "* -0.5 / std ** 2"),
    ),
    plant(
        "cnn_batchnorm",
        "mean over the pixels only",
        (
            "dmu = np.sum(-dzn / std, axis=(0, 2, 3), keepdims=True)",
            "dmu = np.sum(-dzn / std, axis=(2, 3), keepdims=True)",
        ),
        near=("dz = dzn / std + dvar * 2 * (z - mu) / m + dmu / m",),
    ),
    plant(
        "cnn_batchnorm",
        "path through the mean forgotten",
        (
            "dz = dzn / std + dvar * 2 * (z - mu) / m + dmu / m",
            "dz = dzn / std + dvar * 2 * (z - mu) / m",
        ),
    ),
    plant(
        "cnn_batchnorm",
        "mean for the shift",
        (
            "dbeta = np.sum(dbn, axis=(0, 2, 3), keepdims=True)",
            "dbeta = np.mean(dbn, axis=(0, 2, 3), keepdims=True)",
        ),
        name="scale of one parameter",
    ),
    plant(
        "cnn_batchnorm",
        "ReLU mask of the convolution",
        ("dbn = dact * (bn > 0)", "dbn = dact * (z > 0)"),
        name="derivative of the wrong quantity",
    ),
    plant(
        "cnn_batchnorm",
        "gamma of the convolution",
        ("dgamma = np.sum(dbn * zn,", "dgamma = np.sum(dbn * z,"),
    ),
    plant(
        "layernorm_rnn",
        "carried around the normalisation",
        ("carry = da @ Wh.T", "carry = du @ Wh.T"),
    ),
    plant(
        "layernorm_rnn",
        "gradient of later steps not added",
        ("dh = do @ wo.T + carry", "dh = do @ wo.T"),
    ),
    plant(
        "layernorm_rnn",
        "gain forgotten",
        (
            "da = layer_norm_grad(du * gain, norms[t], stds[t])",
            "da = layer_norm_grad(du, norms[t], stds[t])",
        ),
        near=(_LAYER_NORM,),
    ),
    plant(
        "layernorm_rnn",
        "path through the deviation forgotten",
        (
            _LAYER_NORM,
            "return (k * dn - dn.sum(axis=1)[:, None]) / (k * s)",
        ),
        near=("da = layer_norm_grad(du * gain, norms[t], stds[t])",),
    ),
    plant(
        "layernorm_rnn",
        "state of the same step",
        ("gWh += states[t].T @ da", "gWh += states[t + 1].T @ da"),
    ),
    plant(
        "layernorm_rnn",
        "gain before the tanh derivative",
        ("ggain += (du * norms[t]).sum(axis=0)", "ggain += (dh * norms[t]).sum(axis=0)"),
        also=("missing hidden derivative", "raw error in the hidden delta"),
    ),
]
