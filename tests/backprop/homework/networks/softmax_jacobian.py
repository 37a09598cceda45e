import numpy as np

points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
wanted = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], dtype=float)

np.random.seed(8)
A = np.random.randn(5, 2)
a = np.zeros(5)
B = np.random.randn(2, 5)
b = np.zeros(2)

for epoch in range(2000):
    total = 0
    for x, t in zip(points, wanted):
        h = np.tanh(A @ x + a)
        u = B @ h + b
        p = np.exp(u) / np.exp(u).sum()
        total -= (t * np.log(p)).sum()

        # the softmax mixes its inputs: its derivative is a matrix
        jacobian = np.diag(p) - np.outer(p, p)
        gp = -t / p
        gu = jacobian.T @ gp
        gh = B.T @ gu
        gz = gh * (1 - h * h)

        B -= 0.1 * np.outer(gu, h)
        b -= 0.1 * gu
        A -= 0.1 * np.outer(gz, x)
        a -= 0.1 * gz
    if epoch % 200 == 0:
        print(epoch, total)
