"""Runs a script on a NumPy that records every operation. Judges nothing and needs only NumPy.

`script` runs the file, `recorder` writes the tape, `updates` finds the arrays that it trains.
"""
