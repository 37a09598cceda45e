"""Write what became of seeds 0 to 999 into the page's data: python scripts/play_seeds.py

One letter for each seed, after 10,000 epochs at the notebook's settings: s solved, 8, 6 or 4 for a
plateau at 1/8, 1/6 or 1/4, and m for everything else (still moving).
"""

from pathlib import Path

import numpy as np

import xor_torch.play
from xor_torch.play import SEEDS
from xor_torch.sweep import sweep


def letter(outcome: str, level: float) -> str:
    """The page's letter for an outcome and the level of its plateau."""
    if outcome == "plateau":
        return str(round(1 / level))
    return "s" if outcome == "solved" else "m"


def main() -> None:
    found = sweep(np.arange(SEEDS))
    letters = "".join(map(letter, found.outcome.tolist(), found.level.tolist()))
    Path(xor_torch.play.__file__).with_name("outcomes.txt").write_text(f"{letters}\n")


if __name__ == "__main__":
    main()
