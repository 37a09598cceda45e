"""What holds for all tests: the collector leaves alone what the imports have made.

Collecting garbage finds none while torch and Lightning are imported, and takes a third of the time;
and in the tests each collection would look at all that they have made again.
"""

import gc

gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
