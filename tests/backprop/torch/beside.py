"""Gradients by hand beside autograd's, which are only printed; an embedding and index_add_."""

import torch
import torch.nn.functional as F

g = torch.Generator().manual_seed(6)
ids = torch.randint(0, 7, (30, 2), generator=g)
target = (ids.sum(1) % 4).long()
E = torch.randn(7, 3, generator=g, requires_grad=True)
W = torch.randn(6, 4, generator=g, requires_grad=True)
b = torch.zeros(4, requires_grad=True)
for step in range(20):
    emb = E[ids]
    flat = emb.reshape(30, 6)
    logits = flat @ W + b
    loss = F.cross_entropy(logits, target)
    for p in (E, W, b):
        p.grad = None
    loss.backward()
    with torch.no_grad():
        probs = F.softmax(logits, dim=1)
        dlogits = (probs - F.one_hot(target, 4)) / 30
        dW = flat.T @ dlogits
        db = dlogits.sum(0)
        dflat = dlogits @ W.T
        dE = torch.zeros_like(E)
        dE.index_add_(0, ids.view(-1), dflat.view(-1, 3))
        if step % 5 == 0:
            print(step, loss.item(), (dW - W.grad).abs().max().item() < 1e-6)
        W -= 0.5 * dW
        b -= 0.5 * db
        E -= 0.5 * dE
