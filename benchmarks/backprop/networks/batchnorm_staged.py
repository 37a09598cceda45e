"""Batch normalisation, the backward pass one node of the graph after the other."""
import numpy as np


def batchnorm_forward(x, gamma, beta, eps=1e-5):
    N, D = x.shape
    # 1: mean
    mu = 1. / N * np.sum(x, axis=0)
    # 2: centred
    xmu = x - mu
    # 3, 4: variance
    sq = xmu ** 2
    var = 1. / N * np.sum(sq, axis=0)
    # 5, 6: inverse of the standard deviation
    sqrtvar = np.sqrt(var + eps)
    ivar = 1. / sqrtvar
    # 7: normalised
    xhat = xmu * ivar
    # 8, 9: scaled and shifted
    out = gamma * xhat + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var, eps)


def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var, eps = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1. / (sqrtvar ** 2) * divar
    dvar = 0.5 * 1. / np.sqrt(var + eps) * dsqrtvar
    dsq = 1. / N * np.ones((N, D)) * dvar
    dxmu2 = 2 * xmu * dsq
    dx1 = dxmu1 + dxmu2
    dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
    dx2 = 1. / N * np.ones((N, D)) * dmu
    dx = dx1 + dx2
    return dx, dgamma, dbeta


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    dx = dout.copy()
    dx[cache <= 0] = 0
    return dx


def softmax_loss(x, y):
    p = np.exp(x - np.max(x, axis=1, keepdims=True))
    p /= np.sum(p, axis=1, keepdims=True)
    N = x.shape[0]
    loss = -np.sum(np.log(p[np.arange(N), y])) / N
    dx = p.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


np.random.seed(231)
num_train, D, H, C = 48, 3, 6, 3
y_train = np.random.randint(C, size=num_train)
X_train = np.random.randn(num_train, D) + 1.5 * np.eye(C, D)[y_train] * np.array([1, -2, 3])

W1 = 0.5 * np.random.randn(D, H)
gamma1, beta1 = np.ones(H), np.zeros(H)
W2 = 0.5 * np.random.randn(H, C)
b2 = np.zeros(C)

learning_rate = 0.2
for it in range(45):
    sel = np.random.choice(num_train, 12, replace=False)
    X, y = X_train[sel], y_train[sel]

    a = X.dot(W1)
    n, bn_cache = batchnorm_forward(a, gamma1, beta1)
    h, relu_cache = relu_forward(n)
    scores = h.dot(W2) + b2
    loss, dscores = softmax_loss(scores, y)

    dW2 = h.T.dot(dscores)
    db2 = np.sum(dscores, axis=0)
    dh = dscores.dot(W2.T)
    dn = relu_backward(dh, relu_cache)
    da, dgamma1, dbeta1 = batchnorm_backward(dn, bn_cache)
    dW1 = X.T.dot(da)

    W1 -= learning_rate * dW1
    gamma1 -= learning_rate * dgamma1
    beta1 -= learning_rate * dbeta1
    W2 -= learning_rate * dW2
    b2 -= learning_rate * db2
    if it % 15 == 0:
        print('iteration %d: loss %f' % (it, loss))
