"""What holds for all tests: the collector leaves alone what the imports have made.

Collecting garbage finds none while torch and Lightning are imported, and takes a third of the time;
and in the tests each collection would look at all that they have made again. A recording is some
hundred thousand objects, none of which is garbage: it is looked through rarely.
"""

import gc

gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    gc.enable()
