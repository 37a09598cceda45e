"""Layers as a course asks for them: a forward and a backward function, with a cache between."""

import numpy as np


def affine_forward(x, w, b):
    out = x.reshape(len(x), -1) @ w + b
    return out, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(len(x), -1).T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db


def relu_forward(x):
    out = x.copy()
    out[out < 0] = 0
    return out, x


def relu_backward(dout, x):
    dx = dout.copy()
    dx[x < 0] = 0
    return dx


def dropout_forward(x, keep):
    mask = (np.random.rand(*x.shape) < keep) / keep
    return x * mask, {"mask": mask, "keep": keep}


def dropout_backward(dout, cache):
    dx = dout * cache["mask"]
    return dx


def batchnorm_forward(x, gamma, beta, settings):
    mean, var = x.mean(axis=0), x.var(axis=0)
    settings["running_mean"] = 0.9 * settings.get("running_mean", 0) + 0.1 * mean
    std = np.sqrt(var + 1e-5)
    normed = (x - mean) / std
    return gamma * normed + beta, (normed, gamma, std)


def batchnorm_backward(dout, cache):
    normed, gamma, std = cache
    n = len(dout)
    dbeta = dout.sum(axis=0)
    dgamma = (dout * normed).sum(axis=0)
    dnormed = dout * gamma
    total = n * dnormed - dnormed.sum(axis=0) - normed * (dnormed * normed).sum(axis=0)
    dx = total / (n * std)
    return dx, dgamma, dbeta


def layernorm_forward(x, gamma, beta):
    centred = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    normed = centred / std
    return gamma * normed + beta, (normed, gamma, std)


def layernorm_backward(dout, cache):
    normed, gamma, std = cache
    dgamma = np.sum(dout * normed, axis=0)
    dbeta = np.sum(dout, axis=0)
    dnormed = dout * gamma
    inner = dnormed - dnormed.mean(axis=1, keepdims=True)
    inner -= normed * (dnormed * normed).mean(axis=1, keepdims=True)
    dx = inner / std
    return dx, dgamma, dbeta


def conv_forward(x, w, b, stride=1, pad=1):
    n, _, height, width = x.shape
    filters, _, tall, wide = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, columns = 1 + (height + 2 * pad - tall) // stride, 1 + (width + 2 * pad - wide) // stride
    out = np.zeros((n, filters, rows, columns))
    for i in range(rows):
        for j in range(columns):
            part = padded[:, :, i * stride : i * stride + tall, j * stride : j * stride + wide]
            out[:, :, i, j] = np.tensordot(part, w, axes=([1, 2, 3], [1, 2, 3])) + b
    return out, (padded, w, stride, pad)


def conv_backward(dout, cache):
    padded, w, stride, pad = cache
    dpadded, dw = np.zeros(padded.shape), np.zeros(w.shape)
    tall, wide = w.shape[2:]
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            rows, columns = (
                slice(i * stride, i * stride + tall),
                slice(j * stride, j * stride + wide),
            )
            d = dout[:, :, i, j]
            dw += np.tensordot(d, padded[:, :, rows, columns], axes=([0], [0]))
            dpadded[:, :, rows, columns] += np.tensordot(d, w, axes=([1], [0]))
    db = dout.sum(axis=(0, 2, 3))
    dx = dpadded[:, :, pad:-pad, pad:-pad]
    return dx, dw, db


def max_pool_forward(x, size):
    n, channels, height, width = x.shape
    out = np.zeros((n, channels, height // size, width // size))
    for i in range(height // size):
        for j in range(width // size):
            out[:, :, i, j] = x[:, :, i * size : (i + 1) * size, j * size : (j + 1) * size].max(
                (2, 3)
            )
    return out, (x, out, size)


def max_pool_backward(dout, cache):
    x, out, size = cache
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            rows, columns = slice(i * size, (i + 1) * size), slice(j * size, (j + 1) * size)
            hit = x[:, :, rows, columns] == out[:, :, i, j][:, :, None, None]
            dx[:, :, rows, columns] += hit * dout[:, :, i, j][:, :, None, None]
    return dx


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dz = dnext_h * (1 - next_h**2)
    dx = dz @ Wx.T
    dprev_h = dz @ Wh.T
    dWx = x.T @ dz
    dWh = prev_h.T @ dz
    db = dz.sum(axis=0)
    return dx, dprev_h, dWx, dWh, db


def rnn_forward(x, h0, Wx, Wh, b):
    h, caches, prev_h = [], [], h0
    for t in range(x.shape[1]):
        prev_h, cache = rnn_step_forward(x[:, t], prev_h, Wx, Wh, b)
        h.append(prev_h)
        caches.append(cache)
    return np.stack(h, axis=1), caches


def rnn_backward(dh, caches):
    x, h0, Wx, Wh, _ = caches[0]
    dx = np.zeros((*dh.shape[:2], x.shape[1]))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), 0
    dprev_h = np.zeros_like(h0)
    for t in reversed(range(len(caches))):
        dnext_h = dh[:, t] + dprev_h
        dx[:, t], dprev_h, dWx_t, dWh_t, db_t = rnn_step_backward(dnext_h, caches[t])
        dWx += dWx_t
        dWh += dWh_t
        db = db + db_t
    return dx, dprev_h, dWx, dWh, db


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_step_forward(x, prev_h, prev_c, W, b):
    joined = np.hstack([x, prev_h])
    i, f, o, g = np.split(joined @ W + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (joined, prev_c, W, i, f, o, g, next_c)


def lstm_step_backward(dnext_h, dnext_c, cache):
    joined, prev_c, W, i, f, o, g, next_c = cache
    do = dnext_h * np.tanh(next_c)
    dc = dnext_c + dnext_h * o * (1 - np.tanh(next_c) ** 2)
    dprev_c = dc * f
    dzi = dc * g * i * (1 - i)
    dzf = dc * prev_c * f * (1 - f)
    dzo = do * o * (1 - o)
    dzg = dc * i * (1 - g**2)
    dz = np.hstack([dzi, dzf, dzo, dzg])
    dW = joined.T @ dz
    db = dz.sum(axis=0)
    djoined = dz @ W.T
    n = joined.shape[1] - prev_c.shape[1]
    dx, dprev_h = djoined[:, :n], djoined[:, n:]
    return dx, dprev_h, dprev_c, dW, db


def embedding_forward(words, W):
    return W[words], (words, W.shape)


def embedding_backward(dout, cache):
    words, shape = cache
    dW = np.zeros(shape)
    np.add.at(dW, words, dout)
    return dW


def attention_forward(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1])
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return p @ v, (q, k, v, p)


def attention_backward(dout, cache):
    q, k, v, p = cache
    dv = p.T @ dout
    dp = dout @ v.T
    dscores = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    dscores /= np.sqrt(q.shape[1])
    dq = dscores @ k
    dk = dscores.T @ q
    return {"dq": dq, "dk": dk, "dv": dv}


def softmax_loss(x, y):
    p = np.exp(x - x.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    n = len(x)
    loss = -np.log(p[np.arange(n), y]).mean()
    dx = p.copy()
    dx[np.arange(n), y] -= 1
    dx /= n
    return loss, dx


def svm_loss(x, y):
    n = len(x)
    margins = np.maximum(0, x - x[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    loss = margins.sum() / n
    dx = (margins > 0).astype(float)
    dx[np.arange(n), y] -= dx.sum(axis=1)
    dx /= n
    return loss, dx


class Dense:
    """A layer that keeps what it needs, and leaves its gradients in itself."""

    def __init__(self, weights, bias):
        self.params = {"W": weights, "b": bias}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.params["W"] + self.params["b"])

    def backward(self, dout):
        dz = dout * (1 - np.tanh(self.x @ self.params["W"] + self.params["b"]) ** 2)
        self.grads["W"] = self.x.T @ dz
        self.grads["b"] = dz.sum(axis=0)
        return dz @ self.params["W"].T


class TwoLayerNet:
    """A network whose loss comes with all gradients."""

    def __init__(self, W1, b1, W2, b2):
        self.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

    def loss(self, X, y, reg=0.1):
        W1, W2 = self.params["W1"], self.params["W2"]
        hidden = np.maximum(0, X @ W1 + self.params["b1"])
        loss, dscores = softmax_loss(hidden @ W2 + self.params["b2"], y)
        loss += reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        grads = {}
        grads["W2"] = hidden.T @ dscores + 2 * reg * W2
        grads["b2"] = dscores.sum(axis=0)
        dhidden = dscores @ W2.T
        dhidden[hidden <= 0] = 0
        grads["W1"] = X.T @ dhidden + 2 * reg * W1
        grads["b1"] = dhidden.sum(axis=0)
        return loss, grads
