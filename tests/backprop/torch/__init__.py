"""Networks whose gradients are computed by hand in torch, and mistakes that are planted into them.

Each file is right, by derivation; a mistake is one change of it.
"""

from pathlib import Path

from ..planted import Mistake

FILES = {path.stem: path for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))}


_STEPS = """    grad_h_relu = grad_y_pred.mm(w2.t())
    grad_h = grad_h_relu.clone()
    grad_h[h < 0] = 0
    grad_w1 = x.t().mm(grad_h)

    w1 -= learning_rate * grad_w1
"""
_LAST = "    w2 -= learning_rate * grad_w2\n"
MISTAKES = {
    "warm_up-no mask": Mistake(
        "warm_up", "    grad_h[h < 0] = 0\n", "", ("grad_h = ", "grad_w1 =")
    ),
    "warm_up-wrong mask": Mistake("warm_up", "grad_h[h < 0]", "grad_h[h < 1]"),
    "warm_up-sign": Mistake(
        "warm_up", "2.0 * (y_pred - y)", "2.0 * (y - y_pred)", ("w1 -=", "w2 -=")
    ),
    "warm_up-early": Mistake("warm_up", _STEPS + _LAST, _LAST + _STEPS, ("grad_h_relu = ",)),
    "momentum-no slope": Mistake("momentum", '["W2"].t()) * h * (1 - h)', '["W2"].t())'),
    "momentum-tanh": Mistake("momentum", "* h * (1 - h)", "* (1 - h * h)"),
    "momentum-axis": Mistake(
        "momentum", '"b1": torch.sum(d_h, dim=0', '"b1": torch.sum(d_h, dim=1', ("params[k] =",)
    ),
    "classes-no mask": Mistake("classes", "return dout * self.mask", "return dout"),
    "classes-twice": Mistake(
        "classes", "return dout @ self.weight.T", "return 2 * dout @ self.weight.T",
        ("self.dweight =",),
    ),
    "classes-bias": Mistake("classes", "dout.sum(dim=0)", "dout.mean(dim=0)"),
    "optimiser-no slope": Mistake("optimiser", " * (1 - h * h)", "", ("d_h = ",)),
    "optimiser-bias": Mistake("optimiser", "[0].bias.grad = d_h", "[0].bias.grad = 2 * d_h"),
    "recurrent-no chain": Mistake("recurrent", " + dh_next\n", "\n", ("dh = ", "dz = ")),
    "recurrent-state": Mistake(
        "recurrent", "dWhh += hs[t].t()", "dWhh += hs[t + 1].t()", ("param.sub_",)
    ),
    "recurrent-slope": Mistake("recurrent", "(1 - hs[t + 1] ** 2)", "(1 - hs[t] ** 2)"),
    "ninja-variance": Mistake("ninja", "n / (n - 1) * bnraw", "bnraw", ("dhprebn =",)),
    "ninja-slope": Mistake("ninja", "(1.0 - h**2) * dh", "(1.0 - h) * dh", ("dhprebn =",)),
    "ninja-mean": Mistake("ninja", "n * dhpreact - dhpreact.sum(0)", "n * dhpreact", ("dhprebn",)),
    "ninja-embedding": Mistake(
        "ninja", "dC[Xb[k, j]] += demb", "dC[Xb[k, j]] = demb", ("dC[", "p.data +=")
    ),
    "ninja-gain": Mistake(
        "ninja", "(bnraw * dhpreact).sum", "(hpreact * dhpreact).sum", ("dbngain",)
    ),
    "beside-embedding": Mistake(
        "beside", "dE.index_add_(0, ids.view(-1)", "dE.index_add_(0, ids.T.reshape(-1)"
    ),
    "beside-softmax": Mistake("beside", "(probs - F.one_hot", "(probs + F.one_hot"),
    "exercise-power": Mistake("exercise", "(var + 1e-5) ** -1.5", "(var + 1e-5) ** -1.0"),
    "exercise-once": Mistake(
        "exercise", "dcounts += torch.ones_like(counts) * dcounts_sum\n", "", ("dcounts",)
    ),
    "exercise-mean": Mistake(
        "exercise",
        "dbefore += 1.0 / n * (torch.ones_like(before) * dmean)\n",
        "",
        ("dbefore", "ddiff"),
    ),
    "exercise-raw": Mistake("exercise", "draw = gain * dpre", "draw = dpre"),
    "exercise-bias": Mistake("exercise", "db1 = dbefore.sum(0)", "db1 = dbefore[0]"),
    "functions-tanh": Mistake("functions", "(1 - y**2)", "(1 - y)"),
    "functions-scale": Mistake(
        "functions", "return g * ctx.scale, None", "return g, None", ("g = grad_output",)
    ),
    "functions-bias": Mistake("functions", "grad_output.sum(0)", "grad_output.mean(0)"),
}  # fmt: skip
