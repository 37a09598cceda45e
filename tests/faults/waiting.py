"""Postpones torch's compiler, as `train` does, before Lightning is imported."""

from xor_torch.cli.postponed import postpone

postpone()
