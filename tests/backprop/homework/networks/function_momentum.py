"""Learn XOR with a network of one hidden layer."""
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    s = sigmoid(z)
    return s * (1.0 - s)


def init_params(n_in, n_hid, n_out, seed=7):
    rng = np.random.default_rng(seed)
    w_hid = rng.normal(size=(n_in, n_hid))
    b_hid = np.zeros(n_hid)
    w_out = rng.normal(size=(n_hid, n_out))
    b_out = np.zeros(n_out)
    return w_hid, b_hid, w_out, b_out


def forward(inputs, w_hid, b_hid, w_out, b_out):
    z_hid = inputs @ w_hid + b_hid
    a_hid = sigmoid(z_hid)
    z_out = a_hid @ w_out + b_out
    a_out = sigmoid(z_out)
    return z_hid, a_hid, z_out, a_out


def half_sse(a_out, targets):
    return 0.5 * np.sum((a_out - targets) ** 2)


def train_step(inputs, targets, w_hid, b_hid, w_out, b_out, speeds, rate, mu=0.8):
    z_hid, a_hid, z_out, a_out = forward(inputs, w_hid, b_hid, w_out, b_out)
    cost = half_sse(a_out, targets)

    error = a_out - targets
    delta_out = error * sigmoid_prime(z_out)
    delta_hid = (delta_out @ w_out.T) * sigmoid_prime(z_hid)

    speeds[0] = mu * speeds[0] + inputs.T @ delta_hid
    speeds[1] = mu * speeds[1] + delta_hid.sum(axis=0)
    speeds[2] = mu * speeds[2] + a_hid.T @ delta_out
    speeds[3] = mu * speeds[3] + delta_out.sum(axis=0)

    w_hid = w_hid - rate * speeds[0]
    b_hid = b_hid - rate * speeds[1]
    w_out = w_out - rate * speeds[2]
    b_out = b_out - rate * speeds[3]
    return w_hid, b_hid, w_out, b_out, cost


def train(inputs, targets, n_hid=4, rate=0.2, epochs=10000):
    w_hid, b_hid, w_out, b_out = init_params(inputs.shape[1], n_hid, targets.shape[1])
    speeds = [np.zeros_like(p) for p in (w_hid, b_hid, w_out, b_out)]
    for epoch in range(epochs):
        w_hid, b_hid, w_out, b_out, cost = train_step(
            inputs, targets, w_hid, b_hid, w_out, b_out, speeds, rate
        )
        if epoch % 2000 == 0:
            print("epoch", epoch, "cost", cost)
    return w_hid, b_hid, w_out, b_out


if __name__ == "__main__":
    inputs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    targets = np.array([[0.0], [1.0], [1.0], [0.0]])
    trained = train(inputs, targets)
    print(forward(inputs, *trained)[-1])
