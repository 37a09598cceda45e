"""Lets checks in this wing run their script in a forked process, as the checker's tests do."""

from ..backprop.conftest import forked

__all__ = ["forked"]
