import numpy as np

data = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]

rng = np.random.RandomState(5)
w1 = rng.uniform(-1, 1, (2, 3))
c1 = rng.uniform(-1, 1, 3)
w2 = rng.uniform(-1, 1, 3)
c2 = rng.uniform(-1, 1, 1)
eta = 0.25


def act(v):
    return 1 / (1 + np.exp(-v))


for epoch in range(10000):
    total = 0.0
    for pair in data:
        x = np.array(pair[0], dtype=float)
        t = pair[1]

        h = act(x @ w1 + c1)
        o = act(h @ w2 + c2)
        total += 0.5 * float((t - o[0]) ** 2)

        delta_o = (t - o) * o * (1 - o)
        delta_h = delta_o * w2 * h * (1 - h)

        w2 += eta * delta_o * h
        c2 += eta * delta_o
        w1 += eta * np.outer(x, delta_h)
        c1 += eta * delta_h

    if epoch % 1000 == 0:
        print(epoch, total)

for pair in data:
    print(pair[0], act(act(np.array(pair[0]) @ w1 + c1) @ w2 + c2))
