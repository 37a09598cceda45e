"""Turns the garbage collector on again, for all but what was imported before: see `conftest`."""

from ..conftest import pytest_collection_finish

pytest_collection_finish()
