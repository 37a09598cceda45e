"""`xor-torch train` without installing the command."""

import sys

from xor_torch.__main__ import main

main(["train", *sys.argv[1:]])
