from .backprop import assert_backprop as assert_backprop
from .backprop import assert_backward as assert_backward
from .data import Parameters as Parameters
from .data import initial_weights as initial_weights
from .data import truth_table as truth_table
from .lit import XORDataModule as XORDataModule
from .lit import XORModule as XORModule
from .lit import fit as fit
from .model import XOR as XOR
from .model import squared_error as squared_error

__version__: str

def load_ipython_extension(shell: object) -> None: ...
