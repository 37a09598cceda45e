"""`xor-torch play` without installing the command."""

import sys

from xor_torch.__main__ import main

main(["play", *sys.argv[1:]])
