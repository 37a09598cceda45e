"""`xor-torch train` without installing the command."""

import sys

from xor_torch.cli import main

sys.exit(main(["train", *sys.argv[1:]]))
