"""`xor-torch predict` without installing the command."""

import sys

from xor_torch.cli import main

sys.exit(main(["predict", *sys.argv[1:]]))
