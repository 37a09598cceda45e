"""`xor-torch sweep` without installing the command."""

import sys

from xor_torch.__main__ import main

main(["sweep", *sys.argv[1:]])
