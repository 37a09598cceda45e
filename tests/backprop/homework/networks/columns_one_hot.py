import numpy as np

# one column per sample
X = np.array([[0, 0, 1, 1],
              [0, 1, 0, 1]])
Y = np.array([[1, 0, 0, 1],
              [0, 1, 1, 0]])
m = X.shape[1]

n_x, n_h, n_y = 2, 2, 2
np.random.seed(3)
W1 = np.random.randn(n_h, n_x)
b1 = np.zeros((n_h, 1))
W2 = np.random.randn(n_y, n_h)
b2 = np.zeros((n_y, 1))

alpha = 0.8
num_iterations = 10000


def sigma(Z):
    return 1 / (1 + np.exp(-Z))


for i in range(num_iterations):
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = sigma(Z2)

    cost = np.sum((A2 - Y) ** 2) / (2 * m)

    dA2 = A2 - Y
    dZ2 = dA2 * A2 * (1 - A2)
    dW2 = dZ2 @ A1.T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = (W2.T @ dZ2) * (1 - A1 ** 2)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m

    W1 = W1 - alpha * dW1
    b1 = b1 - alpha * db1
    W2 = W2 - alpha * dW2
    b2 = b2 - alpha * db2

    if i % 1000 == 0:
        print("Cost after iteration %d: %f" % (i, cost))

print(np.round(A2, 2))
