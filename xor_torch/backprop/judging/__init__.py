"""Reads a tape and returns findings; never runs a script."""
