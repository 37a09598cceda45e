"""Ratings of films as a product of two thin matrices, with biases and a penalty."""
import numpy as np

rng = np.random.default_rng(12)
n_users, n_items, k = 6, 5, 3
true = rng.normal(size=(n_users, 2)) @ rng.normal(size=(2, n_items))
ratings = [(u, i, 3 + true[u, i]) for u in range(n_users) for i in range(n_items) if rng.random() < 0.7]

P = rng.normal(0, 0.4, (n_users, k))
Q = rng.normal(0, 0.4, (n_items, k))
bu = np.zeros(n_users)
bi = np.zeros(n_items)
mean = np.mean([r for _, _, r in ratings])

gamma, lam = 0.05, 0.1
for epoch in range(3):
    order = rng.permutation(len(ratings))
    cost = 0
    for idx in order:
        u, i, r = ratings[idx]
        pu, qi = P[u].copy(), Q[i].copy()
        e = r - (mean + bu[u] + bi[i] + pu @ qi)
        loss = 0.5 * e ** 2 + 0.5 * lam * (pu @ pu + qi @ qi + bu[u] ** 2 + bi[i] ** 2)
        cost += loss
        bu[u] += gamma * (e - lam * bu[u])
        bi[i] += gamma * (e - lam * bi[i])
        P[u] += gamma * (e * qi - lam * pu)
        Q[i] += gamma * (e * pu - lam * qi)
    print("epoch", epoch, "cost", cost / len(ratings))
