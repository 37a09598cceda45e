"""`xor-torch compare` without installing the command."""

import sys

from xor_torch.__main__ import main

main(["compare", *sys.argv[1:]])
