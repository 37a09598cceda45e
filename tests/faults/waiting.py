"""Have torch's compiler wait, as `train` does, before Lightning is imported."""

from xor_torch.cli.postponed import postpone

postpone()
