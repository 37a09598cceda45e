import numpy as np

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = np.array([0.0, 1.0, 1.0, 0.0])

np.random.seed(9)
W = np.random.randn(2, 3)
c = np.random.randn(3)
v = np.random.randn(3)
d = 0.0


def logistic(z):
    return 1 / (1 + np.exp(-z))


for epoch in range(20000):
    h = logistic(X @ W + c)
    out = h @ v + d
    residual = out - y
    mse = (residual ** 2).mean()

    g_out = 2 * residual / y.size
    g_v = h.T @ g_out
    g_d = g_out.sum()
    g_h = np.outer(g_out, v)
    g_z = g_h * h * (1 - h)
    g_W = X.T @ g_z
    g_c = g_z.sum(axis=0)

    v = v - 0.5 * g_v
    d = d - 0.5 * g_d
    W = W - 0.5 * g_W
    c = c - 0.5 * g_c

    if epoch % 4000 == 0:
        print(f"{epoch:6d}  {mse:.6f}")
