"""The process that runs a user's file and writes its tape.

python .../recording/__main__.py FILE DIRECTORY SECONDS GRACE BYTES [ARGS...]
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # The checker starts this file by its path, because `python -m` would look for modules in the
    # current directory first. Python has put this file's folder at the beginning of the path, and
    # our `array.py` there would hide Python's own module.
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    from xor_torch.backprop.recording.process import end_with_parent

    end_with_parent()  # at once: the next import loads NumPy, which takes time
    from xor_torch.backprop.recording.main import main

    main(sys.argv[1:])
