"""Networks with gradients by hand in torch: the script's own numbers, the tape and the verdict.

The file is long because it goes with the same networks from their numbers to the verdict.
"""

import contextlib
import io
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.backprop.planted import assert_no_verdict
from tests.backprop.torch import FILES, MISTAKES
from xor_torch.backprop import replay
from xor_torch.backprop.check import check_file
from xor_torch.backprop.judging.claims import judge_all
from xor_torch.backprop.recording import script
from xor_torch.backprop.recording.limits import Limits
from xor_torch.backprop.recording.tensors.functions import FUNCTIONS
from xor_torch.backprop.tape import Tape

pytestmark = pytest.mark.usefixtures("forked")

ALL = Limits(updates=10**9, nodes=10**9, nodes_before=10**9, slow_loop_seconds=1e9, seconds=600)
# A twentieth of a user's recording, which still has each kind of step many times; and no time limit
# that a busy machine could reach.
SHORT = Limits(updates=32, nodes=3_000, slow_loop_seconds=1e9)
LONGER = Limits(updates=128, nodes=12_000, slow_loop_seconds=1e9)  # of the slow tests


@pytest.fixture(autouse=True)
def own_defaults():
    """A script may set torch's default dtype, and seeds it."""
    state = torch.get_rng_state()
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_rng_state(state)


def printed(run):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        found = run()
    torch.set_default_dtype(torch.float32)
    return found, text.getvalue()


def recorded(source, folder, limits=SHORT):
    """The tape of a source, as the judge reads it."""
    (_, tape), _ = printed(lambda: script.record(source, "script.py", limits))
    tape.save(folder, end="ran")
    return Tape.load(folder)[0]


# ------------------------------------------------------------------- the script's own numbers


@pytest.mark.parametrize("name", FILES)
def test_the_script_prints_what_it_would_print(name):
    source = FILES[name].read_text()
    _, plain = printed(lambda: exec(compile(source, name, "exec"), {"__name__": "__main__"}))
    _, text = printed(lambda: script.record(source, f"{name}.py", ALL))
    assert text == plain


def test_torch_is_as_before():
    """When the script has ended, nothing of torch is followed any more."""
    made = torch.autograd.function.FunctionMeta.__init__
    printed(lambda: script.record(FILES["functions"].read_text(), "script.py"))
    assert torch.autograd.function.FunctionMeta.__init__ is made
    assert not torch.overrides._get_current_function_mode_stack()


def test_numpy_scripts_do_not_wait_for_torch(tmp_path):
    """The child process of a script that does not import torch has no torch."""
    path = tmp_path / "script.py"
    path.write_text("import numpy, sys\nprint('torch' in sys.modules)\n")
    args = [str(path), str(tmp_path), "20", "5", str(4 * 10**9)]
    code = f"from xor_torch.backprop.recording import main; main.main({args})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr


# ------------------------------------------------------------------------------ the tape

SETUP = """
import torch
import torch.nn.functional as F
g = torch.Generator().manual_seed(0)
torch.set_default_dtype(torch.float64)
x, y = torch.randn(3, 4, generator=g), torch.randn(3, 4, generator=g)
w, v = torch.randn(4, 2, generator=g), torch.randn(4, generator=g)
b = torch.randn(2, 3, 4, generator=g)
p = torch.rand(3, 4, generator=g) * 0.8 + 0.1
s = torch.tensor(0.7)
n = torch.tensor([2, 0, 1])
t = torch.tensor([[1, 3], [0, 2], [2, 2]])
m = x > 0
"""
EXPRESSIONS = """
x + y; x + 1; 1 - x; x * s; 2 / p; x / y; x ** 2; 2 ** x; p ** -0.5; -x; abs(x); x // 1; x % 0.3
torch.add(x, y, alpha=2); x.sub(y, alpha=0.5); torch.rsub(x, 1)
torch.div(x, p, rounding_mode="floor"); torch.addcmul(x, y, p, value=0.5); torch.addcdiv(x, y, p)
torch.lerp(x, y, 0.25); x.exp(); p.log(); p.log2(); p.log10(); p.sqrt(); p.rsqrt(); x.square()
x.sin(); x.cos(); x.tanh(); x.sigmoid(); torch.special.expit(x); x.reciprocal(); x.sign()
x.floor(); x.abs(); x.neg(); p.log1p(); torch.asin(p); torch.atan(x); torch.sinh(x)
torch.expm1(x); torch.hypot(x, y); torch.logaddexp(x, y); x.clamp(min=0); x.clamp(max=0.5)
torch.clamp(x, -0.5, 0.5); x.clip(0, 1); torch.relu(x); F.relu(x); F.leaky_relu(x, 0.1); F.elu(x)
F.softplus(x); F.softplus(x, 2); F.softplus(x, beta=0.5); F.silu(x)
F.gelu(x, approximate="tanh"); F.logsigmoid(x); F.softmax(x, 1)
x.softmax(dim=-1); torch.softmax(x, 0); F.log_softmax(x, dim=1); x.log_softmax(1); x.sum()
x.sum(0); x.sum(1, keepdim=True); x.sum(dim=(0, 1)); torch.sum(x, -1); x.mean(); b.mean((0, 2))
x.mean(0, True); x.prod(); x.prod(1); x.var(); x.var(0); x.var(0, keepdim=True, unbiased=False)
x.std(1); torch.var(x, 0, correction=0); torch.std(x, dim=0); x.max(); x.max(1).values
x.max(1, keepdim=True)[0]; x.max(1).indices; torch.max(x, y); torch.min(x, y); x.amax(1)
x.amin(dim=0); x.argmax(1); x.argmin(); torch.maximum(x, y); x.min(0).values; x.logsumexp(1)
torch.logsumexp(x, 1, keepdim=True); x.norm(); x.norm(dim=1); torch.linalg.norm(x)
torch.linalg.vector_norm(x, dim=1); x.cumsum(1); x.cumprod(0); (x > 0).sum()
(x > 0).float().mean(); (x > y).any(); (x > y).all(1); x.argsort(1); x == y; x != y; ~m
m & (y > 0); m | (y > 0); m ^ (y > 0); torch.logical_not(m); x.ge(0); x.le(y); torch.isnan(x)
F.cross_entropy(x, n); F.cross_entropy(x, n, reduction="sum"); F.cross_entropy(x, p)
F.mse_loss(x, y); F.nll_loss(F.log_softmax(x, 1), n); F.mse_loss(x, y, reduction="sum")
F.l1_loss(x, y); F.binary_cross_entropy(p, p); F.binary_cross_entropy_with_logits(x, p)
F.mse_loss(x, y, reduction="none"); x @ w; x.mm(w); torch.matmul(b, w); x @ v; x.mv(v); v.dot(v)
torch.outer(v, v); v.ger(v); b.bmm(b.mT); torch.addmm(w.T @ w, w.T, w); F.linear(x, w.T)
F.linear(x, w.T, torch.ones(2)); torch.trace(w.T @ w); torch.einsum("ij,kj->ik", x, y)
torch.einsum("bij,j->bi", [b, v]); torch.tensordot(x, y, dims=([1], [1])); x.T; x.t(); b.mT
x.transpose(0, 1); b.permute(2, 0, 1); b.permute((1, 0, 2)); b.swapaxes(0, 2); x.view(4, 3)
x.view(-1); x.reshape(2, 6); x.T.reshape(-1); x.view_as(y); b.flatten(); b.flatten(1)
b.flatten(0, 1); x.unsqueeze(1); x.unsqueeze(-1).squeeze(-1); x[:1].squeeze(); x.ravel()
b.movedim(0, 2); v.expand(3, 4); v.expand(3, -1); v.expand_as(x); v.repeat(2, 1); v.tile(2)
v.repeat_interleave(2); x.flip(0); x.flip([0, 1]); x.roll(1, 0); x.tril(); x.triu(1); v.diag()
torch.diag(x @ x.T); b.diagonal(0, 1, 2); x.broadcast_to(2, 3, 4); F.pad(x, (1, 2))
F.unfold(b[None], 2)
F.unfold(b, (2, 1), padding=1, stride=(1, 2)); F.unfold(b, 2, dilation=(1, 2))
F.fold(b.reshape(4, 6), 3, (1, 2)) * 2; F.fold(b.view(1, 4, 6), (3, 4), 2)
F.fold(b.reshape(8, 3), (3, 4), 2, stride=2, padding=(0, 1))
F.conv2d(b[None], torch.stack([b[:, :2, :2], b[:, 1:, :2]])); F.conv2d(b, b[None, :, :2, :2], v[:1])
F.conv2d(b, b[None, :, :2, :3], None, 2, (0, 1)); F.conv2d(b, b[None, :, :2, :2], dilation=(1, 2))
F.conv_transpose2d(b, b[:, None, :2, :2]); F.conv_transpose2d(b, torch.stack([b, -b], 1), v[:2])
F.conv_transpose2d(b[None], b[:, None], None, (2, 1), (1, 0), (1, 0))
F.max_pool2d(b, 2); F.max_pool2d(b[None], (1, 2), 1); F.avg_pool2d(b[None], 2, (1, 2))
F.pad(x, (1, 2, 0, 1), value=3.0); x[0]; x[0, 1]; x[:, 1]; x[1:, ::2]; x[..., 0]; x[None]
x[:, None, 1]; x[n]; x[n, n]; x[:, n]; x[0, n]; b[0, :, n]; b[:, n, 1]; b[1, n, n]; x[range(3), n]
x[[0, 2]]; x[torch.arange(3), n]; x[m]; x[x > 0.3]; x[n[0]]; x[n[1], 2]; w[t]; b[..., n]
x.select(0, 1); x.narrow(1, 1, 2); x.gather(1, n.view(3, 1)); x.index_select(1, n)
torch.take_along_dim(x, n.view(3, 1), 1); F.embedding(t, w); x.unbind(1)[2]; torch.where(m, x, y)
torch.where(x > 0, x, 0.1 * x); torch.where(m, other=x, input=y)
x.masked_fill(m, 0.5); F.one_hot(n, 5); F.one_hot(n)
torch.cat([x, y]); torch.cat((x, y), dim=1); torch.stack([x, y], 1); torch.vstack([x, y])
torch.hstack([x, y]); x.split(2, dim=1)[1]; x.split([1, 3], 1)[0]; x.chunk(2, 1)[1]
[r * 2 for r in x][1]; torch.zeros_like(x) + x; x.index_add(0, n, y)
x.scatter(1, n.view(3, 1), y[:, :1]); x.scatter_add(1, n.view(3, 1), y[:, :1])
x.index_put((n, n), y[:, 0]); x.index_put((n, n * 0), y[:, 0], accumulate=True)
x.scatter(1, t, 2.0); x.exp2(); p.tan(); x.cosh(); torch.acos(p); x.ceil(); x.trunc(); x.round()
torch.isfinite(x); torch.isinf(x); +x * 2; m.bitwise_not(); torch.inner(v, v); torch.minimum(x, y)
x.logical_and(y); x.logical_or(y); x.logical_xor(y); torch.fmod(x, 0.3); torch.atan2(x, y)
m.bitwise_or(m); x.clamp_min(0.1); x.clamp_max(0.1); x.nansum(); F.dropout(x, training=False) * 2
x.view(3, 4).reshape_as(y); torch.concat([x, y]); torch.concatenate([x, y]); x.swapdims(0, 1) * 2
x.double() * 2; x.int() * x; x.bool() * x; x.alias() * 2 if hasattr(x, "alias") else x * 2
x.requires_grad_().detach() * 2; x.clone(); x.detach() * 2; x.data * 2; x.float()
x.float().double(); x.to(torch.float32); x.type_as(n); x.long(); x.contiguous() * 2; x.cpu() * 2
torch.tensor([x[0, 0], s, 2.0]); torch.tensor(x.tolist()); torch.as_tensor(x) * 2
x * x.mean().item(); x * float(s); x + x.numpy()[0, 0]; torch.from_numpy(x.numpy() * 2)
copy.deepcopy(x) * 3
"""
CASES = [case.strip() for line in EXPRESSIONS.splitlines() for case in line.split(";") if case]


def replayed(tape, rtol=1e-11):
    """Repeat a tape from its leaves, and compare all its values."""
    given = {n.id: replay.tensor(n.value) for n in tape.nodes if not n.inputs}
    values = replay.run(tape, [n.id for n in tape.nodes], given)
    for node in tape.nodes:
        if node.value is not None:
            was, single = replay.tensor(node.value).double(), node.value.dtype == np.float32
            tolerance = {"rtol": 1e-4, "atol": 1e-5} if single else {"rtol": rtol, "atol": 1e-13}
            torch.testing.assert_close(values[node.id].double(), was, **tolerance)
    return values


@pytest.mark.parametrize("case", CASES)
def test_an_operation_is_torchs_and_the_tape_repeats_it(case):
    source = f"import copy\n{SETUP}\nz = {case}\n"
    plain = {}
    printed(lambda: exec(source, plain))
    (found, tape), _ = printed(lambda: script.record(source, "script.py"))
    assert torch.equal(found["z"], plain["z"])
    assert found["z"].dtype == plain["z"].dtype
    assert not any(n.op in ("lost", "foreign") for n in tape.nodes)
    end = next(n for n in reversed(tape.nodes) if n.name == "z")
    assert np.array_equal(end.value, plain["z"].numpy())
    assert end.inputs, "the result is not connected with what it was made of"
    replayed(tape, 1e-6 if "float()" in case else 1e-11)


def test_every_function_is_tried():
    """One of the expressions or changes uses each row of the table."""
    tried = set()
    with_names = torch.overrides.TorchFunctionMode

    class Names(with_names):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            from xor_torch.backprop.recording.tensors.mode import _name

            name = _name(func)
            tried.update({name, name.removesuffix("_")})
            return func(*args, **(kwargs or {}))

    with Names():
        for case in [*CASES, *CHANGES.values()]:
            exec(
                f"import copy\n{SETUP}\nz = 0\n"
                + (case if case in CHANGES.values() else f"z = {case}")
            )
    tried |= {"equal", "isclose", "allclose"}  # what is compared is a claim, see below
    same = {FUNCTIONS[name] for name in tried & FUNCTIONS.keys()}
    missing = [name for name, function in FUNCTIONS.items() if function not in same]
    assert not missing


CHANGES = {
    "add": "x += y",
    "rate": "x -= 0.5 * y",
    "divide": "x /= 3",
    "power": "p **= 2",
    "method": "x.sub_(y, alpha=0.1)",
    "data": "x.data += -0.1 * y",
    "data replaced": "x.data = x.data - 0.1 * y",
    "item": "x[0, 1] = 5.0",
    "row": "x[1] = y[0]",
    "row in place": "x[1] += y[0]",
    "mask": "x[x < 0] = 0",
    "pairs": "x[range(3), n] -= 1",
    "whole": "x[:] = y",
    "a view": "r = x[0]; r *= 2; x[0, 1] += 1",
    "a view that is read later": "r = x.view(-1); x += 1; x = r * 2",
    "a column": "c = x[:, 1]; x[:, 1] = c * 2",
    "index_add": "x.index_add_(0, n, y)",
    "index_add of one": "x[n[0]] += y[1]",
    "index_put": "x.index_put_((n, n), y[:, 0], accumulate=True)",
    "scatter_add": "x.scatter_add_(1, t, p[:, :2])",
    "zero": "x.zero_(); x += y",
    "fill": "x.fill_(0.5); x += y",
    "copy": "x.copy_(y)",
    "copy of a row": "x.copy_(y[0])",
    "clamp": "x.clamp_(min=0)",
    "relu": "x = F.relu(x, inplace=True)",
    "out": "torch.add(x, y, out=x)",
    "masked": "x.masked_fill_(m, 0.5)",
    "diagonal": "x.T.diagonal().add_(1)",
    "detached": "d = x.detach(); d += 1",
    "numpy": "a = x.numpy(); x += 1; a[0] = 7; x *= 2",
    "nothing": "x = x * 1; torch.zeros(2).add_(1)",
    "foreach": "torch._foreach_add_([x], 1.0)",
    "random": "x.normal_(generator=g)",
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_in_place_is_torchs_and_on_the_tape(change):
    source = f"{SETUP}\nx = x * 1\n{change}\nz = x * 2\n"
    plain = {}
    printed(lambda: exec(source, plain))
    (found, tape), _ = printed(lambda: script.record(source, "script.py"))
    for name in ("x", "z"):
        assert torch.equal(found[name], plain[name])
    end = next(n for n in reversed(tape.nodes) if n.name == "z")
    assert np.array_equal(end.value, plain["z"].numpy())
    replayed(tape)


@pytest.mark.parametrize(
    "case",
    [
        "torch.special.i0(x)",
        "F.softplus(x, threshold=0.5)",  # options that the tape has no operation for
        "F.embedding(t, w, max_norm=0.1)",
        "x.round(decimals=1)",
    ],
)
def test_what_is_not_known_is_lost_and_not_a_leaf(case):
    source = f"{SETUP}\nz = {case}\n"
    (_, tape), _ = printed(lambda: script.record(source, "script.py"))
    assert next(n for n in tape.nodes if n.name == "z").op == "lost"


# --------------------------------------------------------------------------- the verdict


@pytest.mark.parametrize("name", FILES)
def test_a_right_script_is_right(name, tmp_path):
    findings = judge_all(recorded(FILES[name].read_text(), tmp_path), math.inf)
    assert findings
    assert {f.verdict for f in findings} == {"correct"}, [f.reason for f in findings]
    if name == "ninja":
        names = [p.name for p in findings[0].parameters]
        assert names == ["C", "W1", "b1", "W2", "b2", "bngain", "bnbias"]


SLOW = {"ninja", "recurrent"}


@pytest.mark.parametrize(
    "id",
    [
        pytest.param(id, marks=pytest.mark.slow if MISTAKES[id].file in SLOW else ())
        for id in MISTAKES
    ],
)
def test_a_mistake_is_found_with_its_line(id, tmp_path, request):
    mistake = MISTAKES[id]
    source = mistake.source(FILES)
    limits = LONGER if request.node.get_closest_marker("slow") else SHORT
    findings = judge_all(recorded(source, tmp_path, limits), math.inf)
    wrong = [f for f in findings if f.verdict == "wrong"]
    assert wrong
    line = source.splitlines()[wrong[0].diagnosis.line - 1]
    texts = [*mistake.near, *mistake.wrong.strip().splitlines()[-1:]]
    assert any(text in line for text in texts), line


def test_a_file_of_torch(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(MISTAKES["exercise-power"].source(FILES))
    found = check_file(path).to_json()
    assert (found["verdict"], found["line"], found["variable"]) == ("wrong", 73, "dvar")
    assert check_file(FILES["functions"]).verdict == "correct"


CUSTOM = """import torch
class Op(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return FORWARD
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return BACKWARD
x = torch.tensor([-2.0, -0.5, 0.3, 1.5], requires_grad=True)
(Op.apply(x) * torch.tensor([1.0, 2, 3, 4])).sum().backward()
"""


@pytest.mark.parametrize("forward", ["torch.sign(x)", "(x > 0).float()", "x.round()"])
def test_a_straight_through_estimator_is_meant_to_differ(tmp_path, forward):
    path = tmp_path / "script.py"
    path.write_text(CUSTOM.replace("FORWARD", forward).replace("BACKWARD", "g.clamp(-1, 1)"))
    found = check_file(path).to_json()
    assert (found["verdict"], found["reason_code"]) == ("cannot tell", "straight-through")
    assert "on line 6" in found["reason"]


def test_a_mistake_that_one_call_of_many_shows(tmp_path):
    """Gradcheck calls the backward pass once for each number of the output."""
    text = CUSTOM.replace("FORWARD", "x.clamp(min=0)").replace("BACKWARD", "g * (x > 0.5)")
    path = tmp_path / "script.py"
    path.write_text(
        text.partition("(Op.apply")[0]
        + "x = torch.linspace(-2, 0.4, 12, dtype=torch.double, requires_grad=True)\n"
        "try: torch.autograd.gradcheck(Op.apply, x)\nexcept RuntimeError: pass\n"
    )
    found = check_file(path).to_json()
    assert (found["verdict"], found["line"]) == ("wrong", 10)


SINE = """Sine, c = Op.apply, torch.tensor(0.3, requires_grad=True)
x = torch.linspace(-1, 1, 50)
for t in range(500):
    loss = ((Sine(c * x) - torch.sin(x)) ** 2).sum()
    loss.backward()
    with torch.no_grad():
        c -= 1e-3 * c.grad
        c.grad = None
"""


@pytest.mark.parametrize(("factor", "verdict"), [("3", "correct"), ("1", "wrong")])
def test_a_function_of_a_long_training_by_autograd(tmp_path, factor, verdict):
    """Over 10,000 operations, and no update that the check follows."""
    text = CUSTOM.replace("FORWARD", "x - x**3 / 6").replace(
        "BACKWARD", f"g * (1 - {factor} * x**2 / 6)"
    )
    path = tmp_path / "script.py"
    path.write_text(text.partition("x = torch")[0] + SINE)
    assert check_file(path).verdict == verdict


@pytest.mark.parametrize(("factor", "verdict"), [("1", "correct"), ("2", "wrong")])
def test_gradcheck_before_a_training_in_float32(tmp_path, factor, verdict):
    """It puts one number after the other into the same upstream gradient, in float64."""
    text = CUSTOM.replace("forward(ctx, x)", "forward(ctx, x, b)").replace("FORWARD", "x.exp() + b")
    text = text.replace("BACKWARD", f"g * x.exp(), {factor} * g.sum(0)")
    check = (
        "args = torch.randn(2, 3).double(), torch.randn(3).double()\n"
        "args = [a.requires_grad_() for a in args]\n"
        "try: torch.autograd.gradcheck(Op.apply, args)\nexcept RuntimeError: pass\n"
        "b = torch.zeros(3, requires_grad=True)\n"
        "for i in range(20): (Op.apply(torch.randn(40, 3), b) ** 2).mean().backward()\n"
    )
    path = tmp_path / "script.py"
    path.write_text(text.partition("x = torch")[0] + check)
    assert check_file(path).verdict == verdict


def test_a_tensor_is_compared_with_a_number_that_the_script_computes(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "import torch\nx, w, keep = torch.randn(8, 2), torch.zeros(2), 0.5\n"
        "for i in range(30):\n    keep += (1 - keep) * 0.01\n"
        "    mask = (torch.rand(2) < keep).float() / keep\n"
        "    w -= 0.1 * (x * mask).t() @ (x @ (w * mask) - x[:, 0])\n"
    )
    assert check_file(path).verdict == "correct"


def test_an_upstream_gradient_that_is_not_used_is_said(tmp_path):
    text = CUSTOM.replace("FORWARD", "(x * x).sum()").replace("BACKWARD", "2 * x")
    path = tmp_path / "script.py"
    path.write_text(text.partition("(Op.apply")[0] + "Op.apply(x).backward()\n")
    verdict = check_file(path)
    assert verdict.verdict == "correct"
    assert "is not used, which is right only while it is 1" in verdict.report(full=True)


def test_a_gradient_that_is_broadcast_in_the_comparison(tmp_path):
    path = tmp_path / "script.py"
    text = (
        "import torch\nx = torch.randn(5, 3, requires_grad=True)\nsq = x**2\nsq.retain_grad()\n"
        "var = sq.sum(0, keepdim=True)\nvar.retain_grad()\nloss = (var**2).sum()\n"
        "loss.backward()\ndvar = 2 * var\ndsq = FACTOR * dvar\ndx = 2 * x * dsq\n"
        "for a, b in ((dvar, var), (dsq, sq), (dx, x)):\n"
        "    print((a == b.grad).all(), (a - b.grad).abs().max())\n"
    )
    path.write_text(text.replace("FACTOR", "1"))
    assert check_file(path).verdict == "correct"
    path.write_text(text.replace("FACTOR", "2"))
    found = check_file(path).to_json()
    assert (found["verdict"], found["line"], found["variable"]) == ("wrong", 10, "dsq")


def test_a_wrong_exercise_before_a_right_training(tmp_path):
    training = FILES["warm_up"].read_text()
    exercise = (
        "import torch\nw = torch.randn(3, requires_grad=True)\nloss = (w**3).sum()\n"
        "loss.backward()\ndw = FACTOR * w**2\nprint((dw - w.grad).abs().max())\n"
    )
    path = tmp_path / "script.py"
    path.write_text(exercise.replace("FACTOR", "3") + training)
    assert check_file(path).verdict == "correct"
    path.write_text(exercise.replace("FACTOR", "2") + training)
    found = check_file(path).to_json()
    assert (found["verdict"], found["line"], found["variable"]) == ("wrong", 5, "dw")


AUTOGRAD = """import torch
w = torch.ones(3, requires_grad=True)
for i in range(20):
    loss = ((w - 2) ** 2).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad = None
"""
REASONS = {
    "autograd alone": (AUTOGRAD, "autograd computes the gradients"),
    "autograd's optimiser": (
        "import torch\nw = torch.ones(3, requires_grad=True)\no = torch.optim.SGD([w], lr=0.1)\n"
        "for i in range(20):\n    o.zero_grad()\n    (w ** 2).sum().backward()\n    o.step()\n",
        "autograd computes the gradients",
    ),
    "Adam": (
        "import torch\nw = torch.ones(3, requires_grad=True)\no = torch.optim.Adam([w], lr=0.1)\n"
        "for i in range(20):\n    o.zero_grad()\n    (w ** 2).sum().backward()\n    o.step()\n",
        "autograd computes the gradients",
    ),
    "nothing": ("import torch\nx = torch.ones(3)\nprint(x + 1)\n", "no training loop was found"),
    "jax": ("import jax.numpy as jnp\nx = jnp.ones(3)\n", "import numpy as jnp"),
    "cupy": ("import cupy as cp\nx = cp.ones(3)\n", "import cupy as np, except ImportError"),
    "crash": ("import torch\ntorch.ones(2) @ torch.ones(3)\n", "crashed with RuntimeError"),
    "complex": (
        "import torch\nw = torch.ones(3, dtype=torch.complex64)\nfor i in range(9): w -= w / 9\n",
        "no training loop was found",
    ),
    "lost": (
        "import torch\nw, x, y = torch.ones(3, 1) * 0.3, torch.eye(3), torch.zeros(3, 1)\n"
        "for i in range(20):\n    d = x @ w - torch.special.i0(x @ w)\n    w -= 0.1 * x.T @ d\n",
        "could not be recorded|no loss",
    ),
    "lost below": (
        "import torch\ntorch.manual_seed(0)\nx, y = torch.randn(9, 3), torch.randn(9, 1)\n"
        "w, v = torch.randn(3, 4), torch.randn(4, 1)\nfor i in range(20):\n"
        "    h = torch.special.i1(x @ w).reshape(9, 4)\n    d = h @ v - y\n"
        "    w -= 0.1 * x.T @ torch.special.i0(d @ v.T)\n    v -= 0.1 * h.T @ d\n",
        "could not be recorded",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_no_verdict_has_a_reason(name, tmp_path):
    source, reason = REASONS[name]
    assert_no_verdict(tmp_path / "script.py", source, reason)
