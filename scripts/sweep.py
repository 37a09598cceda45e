"""`xor-torch sweep` without installing the command."""

import sys

from xor_torch.cli import main

sys.exit(main(["sweep", *sys.argv[1:]]))
