"""Adam on lists of numbers, mini-batches, relu by max, a gradient in lists of its own."""

import copy
import math
import random

random.seed(11)
N_IN, N_HID = 3, 4
params = {
    "w1": [[random.gauss(0, 0.6) for _ in range(N_IN)] for _ in range(N_HID)],
    "b1": [0.05] * N_HID,
    "w2": [random.gauss(0, 0.6) for _ in range(N_HID)],
    "b2": [0.0],
}


def zeros_like(p):
    return [zeros_like(x) if isinstance(x, list) else 0.0 for x in p]


m = {k: zeros_like(v) for k, v in params.items()}
v = {k: zeros_like(x) for k, x in params.items()}
rows = [[random.uniform(-1, 1) for _ in range(N_IN)] for _ in range(12)]
targets = [a * b - c for a, b, c in rows]


def adam(p, g, m, v, t, rate=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
    for i in range(len(p)):
        if isinstance(p[i], list):
            adam(p[i], g[i], m[i], v[i], t)
            continue
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
        m_hat = m[i] / (1 - beta1**t)
        v_hat = v[i] / (1 - beta2**t)
        p[i] -= rate * m_hat / (math.sqrt(v_hat) + eps)


best, best_loss, t = None, float("inf"), 0
for epoch in range(10):
    for start in range(0, len(rows), 4):
        grads = {k: zeros_like(x) for k, x in params.items()}
        loss = 0.0
        for x, y in zip(rows[start : start + 4], targets[start : start + 4]):
            z = [sum(a * b for a, b in zip(w, x)) + c for w, c in zip(params["w1"], params["b1"])]
            h = [max(0.0, s) for s in z]
            out = sum(a * b for a, b in zip(params["w2"], h)) + params["b2"][0]
            loss += (out - y) ** 2 / 4
            d = 2 * (out - y) / 4
            for j in range(N_HID):
                grads["w2"][j] += d * h[j]
                dz = d * params["w2"][j] * (1 if z[j] > 0 else 0)
                grads["b1"][j] += dz
                for i in range(N_IN):
                    grads["w1"][j][i] += dz * x[i]
            grads["b2"][0] += d
        t += 1
        for k in params:
            adam(params[k], grads[k], m[k], v[k], t)
        if loss < best_loss:
            best, best_loss = copy.deepcopy(params), loss
print(round(best_loss, 4), best["b2"])
