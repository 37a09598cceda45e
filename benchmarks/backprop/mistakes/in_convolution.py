"""Mistakes in convolutional networks."""

from ._plant import plant

MISTAKES = [
    plant(
        "cnn_loops",
        "max pooling to all elements",
        (
            "                        if x[f, 2 * i + a, 2 * j + b] == out[f, i, j]:\n"
            "                            d_x[f, 2 * i + a, 2 * j + b] = d_out[f, i, j]\n",
            "                        d_x[f, 2 * i + a, 2 * j + b] = d_out[f, i, j]\n",
        ),
        near=("d_act = pool_backward(d_pooled, act, pooled)", "return d_x"),
    ),
    plant(
        "cnn_loops",
        "no ReLU derivative",
        ("d_conv = d_act * (conv > 0)", "d_conv = d_act"),
        near=("d_act = pool_backward(d_pooled, act, pooled)",),
        name="missing hidden derivative",
    ),
    plant(
        "cnn_loops",
        "only the last patch",
        (
            "d_filters[f] += d_out[f, i, j] * image[i:i + 3, j:j + 3]",
            "d_filters[f] = d_out[f, i, j] * image[i:i + 3, j:j + 3]",
        ),
    ),
    plant(
        "cnn_loops",
        "mean for the filter bias",
        ("d_bias[f] += d_out[f, i, j]", "d_bias[f] += d_out[f, i, j] / (h * w)"),
        name="scale of one parameter",
    ),
    plant(
        "cnn_loops",
        "updated too early",
        (
            "        d_bias = d_scores\n        d_flat = weights.dot(d_scores)\n",
            "        d_bias = d_scores\n"
            "        weights -= lr * d_weights\n"
            "        d_flat = weights.dot(d_scores)\n",
        ),
        ("        # update\n        weights -= lr * d_weights\n", "        # update\n"),
        at="d_flat = weights.dot(d_scores)",
        near=("weights -= lr * d_weights",),
        name="updated too early",
    ),
    plant(
        "cnn_loops",
        "probabilities for the error",
        ("d_flat = weights.dot(d_scores)", "d_flat = weights.dot(probs)"),
    ),
    plant(
        "cnn_im2col",
        "overlapping patches lost",
        (
            "np.add.at(dx, (slice(None), self.idx[0], self.idx[1], self.idx[2]), dcols)",
            "dx[:, self.idx[0], self.idx[1], self.idx[2]] += dcols",
        ),
        near=("return dx",),
    ),
    plant(
        "cnn_im2col",
        "columns in another order",
        (
            "dcols = dcols.reshape(c * self.k * self.k, -1, n).transpose(2, 0, 1)",
            "dcols = dcols.reshape(n, c * self.k * self.k, -1)",
        ),
        near=("return dx",),
    ),
    plant(
        "cnn_im2col",
        "images in another order",
        (
            "dout_flat = dout.transpose(1, 2, 3, 0).reshape(n_filters, -1)",
            "dout_flat = dout.transpose(1, 0, 2, 3).reshape(n_filters, -1)",
        ),
        near=(
            "self.dw = (dout_flat @ self.cols.T).reshape(self.w.shape)",
            "dcols = self.w.reshape(n_filters, -1).T @ dout_flat",
        ),
    ),
    plant(
        "cnn_im2col",
        "ReLU mask of the gradient",
        ("return dout * self.mask", "return dout * (dout > 0)"),
        name="derivative of the wrong quantity",
    ),
    plant(
        "cnn_im2col",
        "mean for the output bias",
        (
            "        self.db = dout.sum(axis=0, keepdims=True)",
            "        self.db = dout.mean(axis=0, keepdims=True)",
        ),
        name="scale of one parameter",
    ),
    plant(
        "cnn_im2col",
        "sign of the bias",
        ("vb -= lr * layer.db", "vb += lr * layer.db"),
        near=("layer.b += vb",),
        name="wrong sign",
    ),
    plant(
        "cnn_strided",
        "mean pooling not divided",
        (
            "da2 = np.ones_like(a2) * dp2[:, :, None, None] / 9",
            "da2 = np.ones_like(a2) * dp2[:, :, None, None]",
        ),
        near=("dp2 = dout @ V.T",),
    ),
    plant(
        "cnn_strided",
        "kernel not turned",
        ("wd, K2[:, :, ::-1, ::-1])", "wd, K2)"),
        at="dp1 = np.einsum('nfijab,fcab->ncij', wd, K2)",
    ),
    plant(
        "cnn_strided",
        "kernel turned along one axis",
        ("wd, K2[:, :, ::-1, ::-1])", "wd, K2[:, :, ::-1])"),
        at="dp1 = np.einsum('nfijab,fcab->ncij', wd, K2[:, :, ::-1])",
    ),
    plant(
        "cnn_strided",
        "max pooling as mean pooling",
        (
            "    winner = blocks == p1[:, :, :, None, :, None]\n"
            "    da1 = (winner * dp1[:, :, :, None, :, None]).reshape(a1.shape)\n",
            "    share = np.full_like(blocks, 1 / 4)\n"
            "    da1 = (share * dp1[:, :, :, None, :, None]).reshape(a1.shape)\n",
        ),
        at="da1 = (share * dp1[:, :, :, None, :, None]).reshape(a1.shape)",
        near=("share = np.full_like(blocks, 1 / 4)",),
    ),
    plant(
        "cnn_strided",
        "no tanh derivative",
        ("dz2 = da2 * (1 - a2 ** 2)", "dz2 = da2"),
        near=("da2 = np.ones_like(a2) * dp2[:, :, None, None] / 9",),
        name="missing hidden derivative",
    ),
    plant(
        "cnn_strided",
        "mean for the filter bias",
        ("g['c1'] = dz1.sum(axis=(0, 2, 3))", "g['c1'] = dz1.mean(axis=(0, 2, 3))"),
        name="scale of one parameter",
    ),
    plant(
        "cnn_strided",
        "tanh taken twice",
        ("dz1 = da1 * (1 - a1 ** 2)", "dz1 = da1 * (1 - np.tanh(a1) ** 2)"),
        name="derivative taken twice",
    ),
    plant(
        "conv1d",
        "max pooling to all positions",
        (
            "    dact = np.zeros_like(act)\n"
            "    np.put_along_axis(dact, best[:, :, None], dpooled[:, :, None], axis=2)\n",
            "    dact = np.repeat(dpooled[:, :, None], positions, axis=2)\n",
        ),
    ),
    plant(
        "conv1d",
        "window turned",
        ("* x[:, :, t:t + WIDTH]).sum(axis=0)", "* x[:, :, t:t + WIDTH][:, :, ::-1]).sum(axis=0)"),
    ),
    plant(
        "conv1d",
        "derivative at the pre-activation",
        ("dfeat = dact * (1 - act ** 2)", "dfeat = dact * (1 - feat ** 2)"),
        name="derivative taken twice",
        also=("derivative of the wrong quantity",),
    ),
    plant(
        "conv1d",
        "divided twice",
        ("dkbias = dfeat.sum(axis=(0, 2))", "dkbias = dfeat.sum(axis=(0, 2)) / N"),
        name="scale of one parameter",
    ),
    plant(
        "conv1d",
        "filter bias never updated",
        (
            "    kbias = kbias - lr * dkbias\n    w = w - lr * dw\n",
            "    w = w - lr * dw\n",
        ),
        at="feat[:, :, t] = np.tensordot(window, kernel, axes=([1, 2], [1, 2])) + kbias",
        near=("w = w - lr * dw", "dkbias = dfeat.sum(axis=(0, 2))", "kbias = np.zeros(FILTERS)"),
        name="bias never updated",
    ),
    plant(
        "cnn_stride_loops",
        "assigned in place of added",
        (
            "dA_prev_pad[i, top:top + f, left:left + f, :] += W[:, :, :, c] * dZ[i, h, w, c]",
            "dA_prev_pad[i, top:top + f, left:left + f, :] = W[:, :, :, c] * dZ[i, h, w, c]",
        ),
    ),
    plant(
        "cnn_stride_loops",
        "stride forgotten",
        ("top, left = h * stride, w * stride", "top, left = h, w"),
        at="dW[:, :, :, c] += a_slice * dZ[i, h, w, c]",
        near=(
            "top, left = h, w",
            "a_slice = A_prev_pad[i, top:top + f, left:left + f, :]",
            "dA_prev_pad[i, top:top + f, left:left + f, :] += W[:, :, :, c] * dZ[i, h, w, c]",
        ),
    ),
    plant(
        "cnn_stride_loops",
        "ReLU derivative of a leaky one",
        ("dZ2 = dA2 * np.where(Z2 > 0, 1, 0.1)", "dZ2 = dA2 * np.where(Z2 > 0, 1, 0)"),
    ),
    plant(
        "cnn_stride_loops",
        "only the last pixel",
        ("db[:, :, :, c] += dZ[i, h, w, c]", "db[:, :, :, c] = dZ[i, h, w, c]"),
    ),
]
