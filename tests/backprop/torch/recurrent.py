"""A recurrent network that reads numbers and tells their running sign; back through time."""

import torch

torch.manual_seed(5)
T, batch, n_hidden = 5, 6, 4
Wxh = torch.randn(1, n_hidden) * 0.5
Whh = torch.randn(n_hidden, n_hidden) * 0.5
bh = torch.zeros(n_hidden)
Why = torch.randn(n_hidden, 1) * 0.5
by = torch.zeros(1)
lr = 0.05
for step in range(20):
    xs = torch.randn(T, batch, 1)
    ys = (xs.cumsum(0) > 0).float()
    hs = [torch.zeros(batch, n_hidden)]
    probs = []
    loss = 0.0
    for t in range(T):
        h = torch.tanh(xs[t] @ Wxh + hs[-1] @ Whh + bh)
        hs.append(h)
        p = torch.sigmoid(h @ Why + by)
        probs.append(p)
        loss = loss - (ys[t] * torch.log(p) + (1 - ys[t]) * torch.log(1 - p)).sum()
    dWxh, dWhh, dbh = torch.zeros_like(Wxh), torch.zeros_like(Whh), torch.zeros_like(bh)
    dWhy, dby = torch.zeros_like(Why), torch.zeros_like(by)
    dh_next = torch.zeros(batch, n_hidden)
    for t in reversed(range(T)):
        dy = probs[t] - ys[t]
        dWhy += hs[t + 1].t() @ dy
        dby += dy.sum(0)
        dh = dy @ Why.t() + dh_next
        dz = dh * (1 - hs[t + 1] ** 2)
        dWxh += xs[t].t() @ dz
        dWhh += hs[t].t() @ dz
        dbh += dz.sum(0)
        dh_next = dz @ Whh.t()
    for param, d in zip([Wxh, Whh, bh, Why, by], [dWxh, dWhh, dbh, dWhy, dby]):
        param.sub_(d, alpha=lr / batch)
    if step % 5 == 0:
        print(step, loss.item() / batch)
