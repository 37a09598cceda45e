"""Learn XOR with a network of one hidden layer."""
import numpy as np


def act(z):
    return np.tanh(z)


def act_prime(z):
    return 1.0 - np.tanh(z) ** 2


def init_params(n_in, n_hid, n_out, seed=7):
    rng = np.random.default_rng(seed)
    w_hid = rng.normal(size=(n_in, n_hid))
    b_hid = np.zeros(n_hid)
    w_out = rng.normal(size=(n_hid, n_out))
    b_out = np.zeros(n_out)
    return w_hid, b_hid, w_out, b_out


def forward(inputs, w_hid, b_hid, w_out, b_out):
    z_hid = inputs @ w_hid + b_hid
    a_hid = act(z_hid)
    z_out = a_hid @ w_out + b_out
    a_out = act(z_out)
    return z_hid, a_hid, z_out, a_out


def half_sse(a_out, targets):
    return 0.5 * np.sum((a_out - targets) ** 2)


def train_step(inputs, targets, w_hid, b_hid, w_out, b_out, rate):
    z_hid, a_hid, z_out, a_out = forward(inputs, w_hid, b_hid, w_out, b_out)
    cost = half_sse(a_out, targets)

    error = a_out - targets
    delta_out = error * act_prime(z_out)
    delta_hid = (delta_out @ w_out.T) * act_prime(z_hid)

    w_out = w_out - rate * (a_hid.T @ delta_out)
    b_out = b_out - rate * delta_out.sum(axis=0)
    w_hid = w_hid - rate * (inputs.T @ delta_hid)
    b_hid = b_hid - rate * delta_hid.sum(axis=0)
    return w_hid, b_hid, w_out, b_out, cost


def train(inputs, targets, n_hid=4, rate=0.1, epochs=10000):
    w_hid, b_hid, w_out, b_out = init_params(inputs.shape[1], n_hid, targets.shape[1])
    for epoch in range(epochs):
        w_hid, b_hid, w_out, b_out, cost = train_step(
            inputs, targets, w_hid, b_hid, w_out, b_out, rate
        )
        if epoch % 2000 == 0:
            print("epoch", epoch, "cost", cost)
    return w_hid, b_hid, w_out, b_out


if __name__ == "__main__":
    inputs = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    targets = np.array([[0.0], [1.0], [1.0], [0.0]])
    trained = train(inputs, targets)
    print(forward(inputs, *trained)[-1])
