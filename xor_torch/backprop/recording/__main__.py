"""The process that runs a stranger's file and leaves a tape.

python .../recording/__main__.py FILE DIRECTORY SECONDS GRACE BYTES [ARGS...]
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # This file is started by its path, because `python -m` would look for modules in the present
    # directory first; and Python has put the folder of this file there, with a module `array`.
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    from xor_torch.backprop.recording.process import end_with_parent

    end_with_parent()  # first of all: what follows imports NumPy
    from xor_torch.backprop.recording.main import main

    main(sys.argv[1:])
