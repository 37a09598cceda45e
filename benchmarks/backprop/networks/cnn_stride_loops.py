# A batch of colour images, stride 2 and padding, every loop written out; backward to the input, too
import numpy as np


def zero_pad(X, pad):
    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode='constant')


def conv_forward(A_prev, W, b, stride, pad):
    m, n_H_prev, n_W_prev, _ = A_prev.shape
    f, _, _, n_C = W.shape
    n_H = (n_H_prev - f + 2 * pad) // stride + 1
    n_W = (n_W_prev - f + 2 * pad) // stride + 1
    Z = np.zeros((m, n_H, n_W, n_C))
    A_prev_pad = zero_pad(A_prev, pad)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                a_slice = A_prev_pad[i, h * stride:h * stride + f, w * stride:w * stride + f, :]
                for c in range(n_C):
                    Z[i, h, w, c] = np.sum(a_slice * W[:, :, :, c]) + b[0, 0, 0, c]
    return Z, (A_prev, W, stride, pad)


def conv_backward(dZ, cache):
    A_prev, W, stride, pad = cache
    f = W.shape[0]
    m, n_H, n_W, n_C = dZ.shape
    dW = np.zeros(W.shape)
    db = np.zeros((1, 1, 1, n_C))
    A_prev_pad = zero_pad(A_prev, pad)
    dA_prev_pad = np.zeros(A_prev_pad.shape)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                top, left = h * stride, w * stride
                a_slice = A_prev_pad[i, top:top + f, left:left + f, :]
                for c in range(n_C):
                    dA_prev_pad[i, top:top + f, left:left + f, :] += W[:, :, :, c] * dZ[i, h, w, c]
                    dW[:, :, :, c] += a_slice * dZ[i, h, w, c]
                    db[:, :, :, c] += dZ[i, h, w, c]
    dA_prev = dA_prev_pad[:, pad:-pad, pad:-pad, :] if pad else dA_prev_pad
    return dA_prev, dW, db


def average_pool(A):
    return A.mean(axis=(1, 2))


def average_pool_backward(dP, shape):
    m, n_H, n_W, n_C = shape
    return np.ones(shape) * dP.reshape(m, 1, 1, n_C) / (n_H * n_W)


np.random.seed(22)
m = 6
labels = np.arange(m) % 2
images = np.random.randn(m, 5, 5, 2) * 0.3
images[labels == 1, 1:4, 2, 0] += 1.2       # a bar in the first colour
images[labels == 0, 1:4, 2, 1] += 1.2       # or in the second
targets = labels.reshape(-1, 1).astype(float)

W1, b1 = np.random.randn(3, 3, 2, 2) * 0.3, np.zeros((1, 1, 1, 2))
W2, b2 = np.random.randn(2, 2, 2, 2) * 0.4, np.zeros((1, 1, 1, 2))
W3, b3 = np.random.randn(2, 1) * 0.5, np.zeros((1, 1))

learning_rate = 0.5
for epoch in range(12):
    Z1, cache1 = conv_forward(images, W1, b1, stride=2, pad=1)
    A1 = np.tanh(Z1)
    Z2, cache2 = conv_forward(A1, W2, b2, stride=1, pad=0)
    A2 = np.where(Z2 > 0, Z2, 0.1 * Z2)
    P = average_pool(A2)
    Y_hat = 1 / (1 + np.exp(-(P @ W3 + b3)))
    cost = np.sum(-targets * np.log(Y_hat) - (1 - targets) * np.log(1 - Y_hat)) / m

    dZ3 = (Y_hat - targets) / m
    dW3 = P.T @ dZ3
    db3 = dZ3.sum(axis=0, keepdims=True)
    dA2 = average_pool_backward(dZ3 @ W3.T, A2.shape)
    dZ2 = dA2 * np.where(Z2 > 0, 1, 0.1)
    dA1, dW2, db2 = conv_backward(dZ2, cache2)
    dZ1 = dA1 * (1 - A1 ** 2)
    _, dW1, db1 = conv_backward(dZ1, cache1)

    W1 = W1 - learning_rate * dW1
    b1 = b1 - learning_rate * db1
    W2 = W2 - learning_rate * dW2
    b2 = b2 - learning_rate * db2
    W3 = W3 - learning_rate * dW3
    b3 = b3 - learning_rate * db3
    print('cost after epoch', epoch, cost)
