"""A web page that shows the network learning and lets the reader change it: HTML, style, scripts.

`write_page` puts the files of this folder, NumPy's initial weights and, if there is one, a run
into one file that a browser opens without a server and without a network. `read_run` reads such
a run; it alone needs torch. The page trains by itself: ``network.js`` is the same network a third
time, and the tests compare it with `xor_torch.manual`.
"""

from .page import MOST_HIDDEN, SEEDS, Run, make_page, write_page
from .runs import read_run

__all__ = ["MOST_HIDDEN", "SEEDS", "Run", "make_page", "read_run", "write_page"]
