"""Put what was found into words: for a terminal, a page, a program, an editor.

`outline` decides what is said, once, for every medium; the other rooms only lay it out.
"""
