"""`xor-torch explain` without installing the command."""

import sys

from xor_torch.__main__ import main

main(["explain", *sys.argv[1:]])
