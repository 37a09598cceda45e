"""The network in Lightning: its module and data, training into run directories, what they show.

Other wings and users import the names below from here; where they are defined may change.
Three rooms are used by their own names: `runs` (run directories), `checkpoint` (reading one,
without Lightning) and `console` (what a run prints). `runs` and `schedule` need neither torch nor
Lightning: the names below are therefore imported when they are first used.
"""

from ..faces import lazy

_HOMES = {
    "XORModule": "module",
    "XORDataModule": "module",
    "DivergedError": "module",
    "load": "resume",
    "fit": "training",
    "TrainerOptionError": "training",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = lazy(__name__, _HOMES)
