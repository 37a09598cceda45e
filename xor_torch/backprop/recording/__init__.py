"""Runs a script on a NumPy that records every operation; decides nothing, needs NumPy alone.

`script` runs it, `recorder` writes the tape, `updates` finds out what the script trains.
"""
