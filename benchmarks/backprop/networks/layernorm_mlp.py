import numpy as np

# layer normalisation between two dense layers; gradients are functions of (upstream, cache)


def affine(x, w, b):
    return x @ w + b, (x, w)


def affine_back(dy, cache):
    x, w = cache
    return dy @ w.T, x.T @ dy, dy.sum(0)


def layernorm(x, g, b, eps=1e-6):
    mean = x.mean(axis=1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    std = np.sqrt(var + eps)
    norm = (x - mean) / std
    return norm * g + b, (norm, std, g)


def layernorm_back(dy, cache):
    norm, std, g = cache
    dg = np.sum(dy * norm, axis=0)
    db = np.sum(dy, axis=0)
    dnorm = dy * g
    dx = dnorm - dnorm.mean(axis=1, keepdims=True)
    dx -= norm * (dnorm * norm).mean(axis=1, keepdims=True)
    dx /= std
    return dx, dg, db


def leaky(x, slope=0.1):
    return np.where(x > 0, x, slope * x), (x, slope)


def leaky_back(dy, cache):
    x, slope = cache
    return dy * np.where(x > 0, 1.0, slope)


def main():
    rng = np.random.default_rng(30)
    X = rng.standard_normal((16, 4))
    Y = np.stack([X[:, 0] * X[:, 1], np.abs(X[:, 2]) - X[:, 3]], axis=1)

    p = {
        "w1": rng.standard_normal((4, 7)) * 0.5,
        "b1": np.zeros(7),
        "g": np.ones(7),
        "b": np.zeros(7),
        "w2": rng.standard_normal((7, 2)) * 0.4,
        "b2": np.zeros(2),
    }
    v = {name: np.zeros_like(value) for name, value in p.items()}

    for step in range(50):
        a, cache1 = affine(X, p["w1"], p["b1"])
        n, cache_n = layernorm(a, p["g"], p["b"])
        h, cache_h = leaky(n)
        out, cache2 = affine(h, p["w2"], p["b2"])
        loss = 0.5 * np.sum((out - Y) ** 2) / len(X)

        grad = {}
        dout = (out - Y) / len(X)
        dh, grad["w2"], grad["b2"] = affine_back(dout, cache2)
        dn = leaky_back(dh, cache_h)
        da, grad["g"], grad["b"] = layernorm_back(dn, cache_n)
        _, grad["w1"], grad["b1"] = affine_back(da, cache1)

        for name in p:
            v[name] = 0.9 * v[name] + grad[name]
            p[name] -= 0.02 * v[name]
        if step % 10 == 0:
            print(step, round(loss, 5))


if __name__ == "__main__":
    main()
