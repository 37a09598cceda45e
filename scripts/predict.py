"""`xor-torch predict` without installing the command."""

import sys

from xor_torch.__main__ import main

main(["predict", *sys.argv[1:]])
