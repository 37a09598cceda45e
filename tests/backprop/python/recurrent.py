"""A recurrent unit with one state, unrolled over a sequence."""

import math
import random

random.seed(8)
wx, wh, bh = random.uniform(-1, 1), random.uniform(-1, 1), 0.0
wy, by = random.uniform(-1, 1), 0.0
sequences = [[random.uniform(-1, 1) for _ in range(4)] for _ in range(5)]
for epoch in range(20):
    for xs in sequences:
        target = xs[0] * 0.5 + xs[-1]
        hs = [0.0]
        for x in xs:
            hs.append(math.tanh(wx * x + wh * hs[-1] + bh))
        out = wy * hs[-1] + by
        loss = 0.5 * (out - target) ** 2
        d_out = out - target
        d_wy, d_by = d_out * hs[-1], d_out
        d_h = d_out * wy
        d_wx = d_wh = d_bh = 0.0
        for t in range(len(xs) - 1, -1, -1):
            d_z = d_h * (1 - hs[t + 1] ** 2)
            d_wx += d_z * xs[t]
            d_wh += d_z * hs[t]
            d_bh += d_z
            d_h = d_z * wh
        wx -= 0.1 * d_wx
        wh -= 0.1 * d_wh
        bh -= 0.1 * d_bh
        wy -= 0.1 * d_wy
        by -= 0.1 * d_by
print(wx, wh, wy)
