"""All candidates for the loss, tried: at three points first, and at all points if they survive."""

import math
from dataclasses import dataclass

from .case import Case
from .fit import Fit, fit, fit_if_possible, is_possible
from .losses import ORDER, Loss


@dataclass(frozen=True)
class Tried:
    """How the candidates explain the updates."""

    losses: list[Loss]  # all of them
    fits: list[Fit]  # of those that may explain a parameter
    ruled_out: list[Loss]  # these explain no parameter

    def most_explained(self) -> int:
        """How many parameters follow one loss, at most."""
        return max((sum(f.share_factor()) for f in self.fits), default=0)

    def complete(self, case: Case) -> list[Fit]:
        """The fits of all candidates that can be computed, in the order of the script."""
        known = {id(f.loss): f for f in self.fits}
        ruled_out = {id(loss) for loss in self.ruled_out}
        found = [
            fit(case, loss) if id(loss) in ruled_out else known.get(id(loss))
            for loss in self.losses
        ]
        return [f for f in found if f is not None]

    def perfect(self, case: Case) -> Fit | None:
        """The fit that explains all updates, perhaps with a penalty; None if there is none."""
        perfect = [f for f in self.fits if f.perfect]
        if not perfect:
            decayed = [fit_if_possible(case, loss, penalty=True) for loss in self.losses]
            perfect = [f for f in decayed if f is not None and f.perfect and _one_decay(f)]
        # one sample may allow many losses, with a factor of each step's own
        return min(perfect, key=lambda f: (not f.steady(), ORDER[f.loss.kind]), default=None)


def try_losses(case: Case, losses: list[Loss]) -> Tried:
    """Fit the candidates that three points do not rule out."""
    ruled_out = [loss for loss in losses if not is_possible(case, loss)]
    out = {id(loss) for loss in ruled_out}
    fits = [fit(case, loss) for loss in losses if id(loss) not in out]
    return Tried(losses, [f for f in fits if f is not None], ruled_out)


def _one_decay(fit: Fit) -> bool:
    """Is there one penalty, on all parameters that have one?"""
    some = [d for d in fit.decay if abs(d) > 1e-9 * fit.scale]
    return all(d > 0 and math.isclose(d, some[0], rel_tol=1e-6) for d in some)
