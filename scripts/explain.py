"""`xor-torch explain` without installing the command."""

import sys

from xor_torch.cli import main

sys.exit(main(["explain", *sys.argv[1:]]))
