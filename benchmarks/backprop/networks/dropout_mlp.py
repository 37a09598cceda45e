"""Two hidden layers with inverted dropout, RMSprop."""
import numpy as np

rng = np.random.default_rng(33)

X = rng.normal(size=(32, 4))
Y = ((X[:, :1] * X[:, 1:2] > 0) ^ (X[:, 2:3] > 0.5)).astype(float)

keep = 0.75
params = {
    'W1': rng.normal(size=(4, 8)) * 0.6, 'b1': np.full((1, 8), 0.1),
    'W2': rng.normal(size=(8, 7)) * 0.5, 'b2': np.full((1, 7), 0.1),
    'W3': rng.normal(size=(7, 1)) * 0.5, 'b3': np.zeros((1, 1)),
}
square = {k: np.zeros_like(v) for k, v in params.items()}


def forward(x, train=True):
    a1 = np.maximum(0, x @ params['W1'] + params['b1'])
    d1 = (rng.random(a1.shape) < keep) / keep if train else np.ones(a1.shape)
    h1 = a1 * d1
    a2 = np.maximum(0, h1 @ params['W2'] + params['b2'])
    d2 = (rng.random(a2.shape) < keep) / keep if train else np.ones(a2.shape)
    h2 = a2 * d2
    prob = 1 / (1 + np.exp(-(h2 @ params['W3'] + params['b3'])))
    return prob, (x, a1, d1, h1, a2, d2, h2)


def backward(prob, y, cache):
    x, a1, d1, h1, a2, d2, h2 = cache
    g = {}
    dz3 = (prob - y) / len(y)
    g['W3'], g['b3'] = h2.T @ dz3, dz3.sum(axis=0, keepdims=True)
    da2 = (dz3 @ params['W3'].T) * d2
    dz2 = da2 * (a2 > 0)
    g['W2'], g['b2'] = h1.T @ dz2, dz2.sum(axis=0, keepdims=True)
    da1 = (dz2 @ params['W2'].T) * d1
    dz1 = da1 * (a1 > 0)
    g['W1'], g['b1'] = x.T @ dz1, dz1.sum(axis=0, keepdims=True)
    return g


for step in range(45):
    rows = rng.choice(len(X), 16, replace=False)
    prob, cache = forward(X[rows])
    loss = -np.mean(Y[rows] * np.log(prob) + (1 - Y[rows]) * np.log(1 - prob))
    grad = backward(prob, Y[rows], cache)
    for k in params:
        square[k] = 0.95 * square[k] + 0.05 * grad[k] ** 2
        params[k] -= 0.01 * grad[k] / (np.sqrt(square[k]) + 1e-8)
    if step % 15 == 0:
        print(step, loss)

test_prob, _ = forward(X, train=False)
print('accuracy without dropout:', np.mean((test_prob > 0.5) == Y))
