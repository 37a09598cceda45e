from .module import DivergedError as DivergedError
from .module import XORDataModule as XORDataModule
from .module import XORModule as XORModule
from .resume import load as load
from .training import TrainerOptionError as TrainerOptionError
from .training import fit as fit
