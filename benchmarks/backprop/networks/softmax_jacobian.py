# The squared error of a softmax: its derivative needs the whole Jacobian matrix
import numpy as np

rng = np.random.default_rng(70)
x = rng.standard_normal((8, 3))
target = rng.dirichlet(np.ones(4), size=8)

w_hidden = rng.standard_normal((3, 6)) * 0.7
w_out = rng.standard_normal((6, 4)) * 0.7
b_hidden = np.zeros(6)
b_out = np.zeros(4)


def softmax(z):
    shifted = np.exp(z - np.max(z))
    return shifted / np.sum(shifted)


def softmax_jacobian(s):
    return np.diag(s) - np.outer(s, s)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


rate = 0.5
for step in range(40):
    grads = [np.zeros_like(p) for p in (w_hidden, b_hidden, w_out, b_out)]
    loss = 0
    for n in range(len(x)):
        hidden = sigmoid(x[n] @ w_hidden + b_hidden)
        prob = softmax(hidden @ w_out + b_out)
        loss += np.sum((prob - target[n]) ** 2)

        d_prob = 2 * (prob - target[n])
        d_score = softmax_jacobian(prob) @ d_prob
        d_hidden = (w_out @ d_score) * hidden * (1 - hidden)
        grads[0] += np.outer(x[n], d_hidden)
        grads[1] += d_hidden
        grads[2] += np.outer(hidden, d_score)
        grads[3] += d_score
    w_hidden -= rate * grads[0]
    b_hidden -= rate * grads[1]
    w_out -= rate * grads[2]
    b_out -= rate * grads[3]
    if step % 10 == 0:
        print(f"{step:3d} {loss:.5f}")
