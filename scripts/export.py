"""`xor-torch export` without installing the command."""

import sys

from xor_torch.__main__ import main

main(["export", *sys.argv[1:]])
