"""Torch's compiler is imported when it is used, and then it is the real one.

Whether `train` leaves it out is tested where a real process trains, in ``test_cli.py``.
"""

import functools

from ..faults import warm

# what shows that a process has the compiler: a part of the package, and its slowest dependency
COMPILER = "{'torch._dynamo.eval_frame', 'sympy'} & {*sys.modules}"

TRAIN = f"""
import sys, torch
from xor_torch.cli import main
assert main(["train", "--epochs", "120"]) == 0
assert not {COMPILER}
from lightning.fabric.wrappers import OptimizedModule
net = torch.nn.Linear(2, 1)
assert not isinstance(net, OptimizedModule)
compiled = torch.compile(net, backend="eager")
assert {COMPILER}
assert isinstance(compiled, OptimizedModule) and not isinstance(net, OptimizedModule)
assert torch.equal(compiled(torch.ones(1, 2)), net(torch.ones(1, 2)))
torch.optim.SGD(net.parameters()).zero_grad()
"""

PART = f"""
import sys, torch
from xor_torch.cli.postponed import postpone
postpone()
torch.optim.SGD([torch.zeros(1)])
# as `inspect` does: torch reads its own sources in the middle of imports that the compiler needs
files = [getattr(module, "__file__", None) for module in [*sys.modules.values()]]
assert sys.modules["torch._dynamo"].__file__ in files
assert not {COMPILER}
import torch._dynamo.eval_frame as part
import torch._dynamo.testing
assert torch._dynamo.OptimizedModule is part.OptimizedModule
assert sys.modules["torch._dynamo.eval_frame"] is part is torch._dynamo.eval_frame
assert part.__spec__.loader.get_filename() == part.__file__
assert torch._dynamo is sys.modules["torch._dynamo"] and torch._dynamo.__path__
postpone()
assert torch._dynamo.is_compiling is not None
"""


def test_the_compiler_waits_until_it_is_used(tmp_path):
    warm.run(cwd=tmp_path / "here", setup=functools.partial(warm.execute, TRAIN))


def test_a_part_of_the_compiler_brings_the_whole(tmp_path):
    warm.run(cwd=tmp_path / "here", setup=functools.partial(warm.execute, PART))
