"""The gradients by hand, put into .grad; torch's own optimiser takes the steps."""

import torch
from torch import nn

torch.manual_seed(4)
x = torch.randn(16, 3)
y = torch.tanh(x @ torch.randn(3, 2))
net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(20):
    with torch.no_grad():
        h = torch.tanh(net[0](x))
        out = net[2](h)
        loss = ((out - y) ** 2).mean()
        d_out = 2 * (out - y) / out.numel()
        d_h = d_out @ net[2].weight * (1 - h * h)
        net[2].weight.grad = d_out.T @ h
        net[2].bias.grad = d_out.sum(0)
        net[0].weight.grad = d_h.T @ x
        net[0].bias.grad = d_h.sum(0)
    optimizer.step()
    if step % 5 == 0:
        print(step, loss.item())
