"""One batch, no loop: each gradient by hand is compared with autograd's."""

import torch
import torch.nn.functional as F

g = torch.Generator().manual_seed(7)
n, n_in, n_hidden, n_out = 10, 6, 8, 5
X = torch.randn(n, n_in, generator=g)
Y = torch.randint(0, n_out, (n,), generator=g)
W1 = torch.randn(n_in, n_hidden, generator=g) * 0.5
b1 = torch.randn(n_hidden, generator=g) * 0.1
gain = torch.randn(1, n_hidden, generator=g) * 0.1 + 1.0
shift = torch.randn(1, n_hidden, generator=g) * 0.1
W2 = torch.randn(n_hidden, n_out, generator=g) * 0.5
b2 = torch.randn(n_out, generator=g) * 0.1
parameters = [W1, b1, gain, shift, W2, b2]
for p in parameters:
    p.requires_grad = True

before = X @ W1 + b1
mean = 1 / n * before.sum(0, keepdim=True)
diff = before - mean
diff2 = diff**2
var = 1 / (n - 1) * diff2.sum(0, keepdim=True)
inv = (var + 1e-5) ** -0.5
raw = diff * inv
pre = gain * raw + shift
h = torch.tanh(pre)
logits = h @ W2 + b2
top = logits.max(1, keepdim=True).values
norm = logits - top
counts = norm.exp()
counts_sum = counts.sum(1, keepdim=True)
counts_inv = counts_sum**-1
probs = counts * counts_inv
logprobs = probs.log()
loss = -logprobs[range(n), Y].mean()

values = [logprobs, probs, counts, counts_inv, counts_sum, norm, top, logits, h, pre, raw, inv]
values += [var, diff2, diff, mean, before]
for t in values:
    t.retain_grad()
loss.backward()


def compare(name, by_hand, t):
    exact = torch.all(by_hand == t.grad).item()
    close = torch.allclose(by_hand, t.grad)
    worst = (by_hand - t.grad).abs().max().item()
    print(f"{name:12s} exact: {str(exact):5s} close: {str(close):5s} worst: {worst:.0e}")


dlogprobs = torch.zeros_like(logprobs)
dlogprobs[range(n), Y] = -1.0 / n
dprobs = (1.0 / probs) * dlogprobs
dcounts_inv = (counts * dprobs).sum(1, keepdim=True)
dcounts = counts_inv * dprobs
dcounts_sum = (-(counts_sum**-2)) * dcounts_inv
dcounts += torch.ones_like(counts) * dcounts_sum
dnorm = counts * dcounts
dlogits = dnorm.clone()
dtop = (-dnorm).sum(1, keepdim=True)
dlogits += F.one_hot(logits.max(1).indices, num_classes=logits.shape[1]) * dtop
dh = dlogits @ W2.T
dW2 = h.T @ dlogits
db2 = dlogits.sum(0)
dpre = (1.0 - h**2) * dh
dgain = (raw * dpre).sum(0, keepdim=True)
draw = gain * dpre
dshift = dpre.sum(0, keepdim=True)
ddiff = inv * draw
dinv = (diff * draw).sum(0, keepdim=True)
dvar = (-0.5 * (var + 1e-5) ** -1.5) * dinv
ddiff2 = (1.0 / (n - 1)) * torch.ones_like(diff2) * dvar
ddiff += (2 * diff) * ddiff2
dbefore = ddiff.clone()
dmean = (-ddiff).sum(0)
dbefore += 1.0 / n * (torch.ones_like(before) * dmean)
dW1 = X.T @ dbefore
db1 = dbefore.sum(0)

compare("logprobs", dlogprobs, logprobs)
compare("probs", dprobs, probs)
compare("counts_inv", dcounts_inv, counts_inv)
compare("counts_sum", dcounts_sum, counts_sum)
compare("counts", dcounts, counts)
compare("norm", dnorm, norm)
compare("top", dtop, top)
compare("logits", dlogits, logits)
compare("h", dh, h)
compare("W2", dW2, W2)
compare("b2", db2, b2)
compare("pre", dpre, pre)
compare("gain", dgain, gain)
compare("shift", dshift, shift)
compare("raw", draw, raw)
compare("inv", dinv, inv)
compare("var", dvar, var)
compare("diff2", ddiff2, diff2)
compare("diff", ddiff, diff)
compare("before", dbefore, before)
compare("W1", dW1, W1)
compare("b1", db1, b1)
