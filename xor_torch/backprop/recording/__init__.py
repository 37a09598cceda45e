"""Runs a script on a NumPy that records every operation; decides nothing, needs NumPy alone."""
