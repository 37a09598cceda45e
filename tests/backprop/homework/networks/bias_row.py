import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
T = np.array([[0], [1], [1], [0]], dtype=float)


def with_ones(a):
    return np.hstack([a, np.ones((len(a), 1))])


np.random.seed(13)
V = np.random.uniform(-1, 1, (3, 4))
W = np.random.uniform(-1, 1, (5, 1))

for epoch in range(8000):
    inputs = with_ones(X)
    H = 1 / (1 + np.exp(-inputs @ V))
    hidden = with_ones(H)
    O = 1 / (1 + np.exp(-hidden @ W))

    delta = (T - O) * O * (1 - O)
    # the last row of W is the bias: no error flows back through it
    back = delta @ W[:-1].T * H * (1 - H)

    W += 0.7 * hidden.T @ delta
    V += 0.7 * inputs.T @ back

    if epoch % 1000 == 0:
        print("error", 0.5 * ((T - O) ** 2).sum())
