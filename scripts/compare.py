"""`xor-torch compare` without installing the command."""

import sys

from xor_torch.cli import main

sys.exit(main(["compare", *sys.argv[1:]]))
