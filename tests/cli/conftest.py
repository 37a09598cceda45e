"""Checks of this wing whose script runs in a forked process, as those of the checker's tests."""

from ..backprop.conftest import forked

__all__ = ["forked"]
