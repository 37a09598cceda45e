"""`xor-torch export` without installing the command."""

import sys

from xor_torch.cli import main

sys.exit(main(["export", *sys.argv[1:]]))
