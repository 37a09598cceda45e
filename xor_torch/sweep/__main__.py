"""A worker: a process that takes blocks of a sweep until all are finished."""

import sys
from pathlib import Path

from .blocks import Blocks
from .plan import read_plan


def main() -> None:
    """Work in the directory ``argv[1]``."""
    from .work import work  # which needs torch

    directory = Path(sys.argv[1])
    work(Blocks(directory, read_plan(directory)))


if __name__ == "__main__":
    main()
