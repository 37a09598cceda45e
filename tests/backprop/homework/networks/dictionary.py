import numpy as np


def initialise(sizes):
    np.random.seed(0)
    params = {}
    for n in range(1, len(sizes)):
        params["W" + str(n)] = np.random.randn(sizes[n], sizes[n - 1])
        params["b" + str(n)] = np.zeros((sizes[n], 1))
    return params


def forward(X, params):
    cache = {"A0": X}
    cache["Z1"] = params["W1"].dot(cache["A0"]) + params["b1"]
    cache["A1"] = np.tanh(cache["Z1"])
    cache["Z2"] = params["W2"].dot(cache["A1"]) + params["b2"]
    cache["A2"] = 1 / (1 + np.exp(-cache["Z2"]))
    return cache


def cross_entropy(A2, Y):
    return -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))


def backward(Y, params, cache):
    m = Y.shape[1]
    grads = {}
    dZ2 = cache["A2"] - Y
    grads["W2"] = dZ2.dot(cache["A1"].T) / m
    grads["b2"] = np.sum(dZ2, axis=1, keepdims=True) / m
    dA1 = params["W2"].T.dot(dZ2)
    dZ1 = dA1 * (1 - np.power(cache["A1"], 2))
    grads["W1"] = dZ1.dot(cache["A0"].T) / m
    grads["b1"] = np.sum(dZ1, axis=1, keepdims=True) / m
    return grads


def update(params, grads, learning_rate=0.9):
    for name in params:
        params[name] = params[name] - learning_rate * grads[name]
    return params


X = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
Y = np.array([[0, 1, 1, 0]])
params = initialise([2, 4, 1])

for iteration in range(5000):
    cache = forward(X, params)
    cost = cross_entropy(cache["A2"], Y)
    grads = backward(Y, params, cache)
    params = update(params, grads)
    if iteration % 500 == 0:
        print("cost", iteration, cost)

print("predictions", forward(X, params)["A2"])
