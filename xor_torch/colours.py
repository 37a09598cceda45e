"""The colours and the words of the legend: one place for the page, TensorBoard and the plots.

An answer is a number from 0 to 1. Its colour goes from blue (0) over nearly white (one half) to
orange (1). Blue and orange differ for colour-blind readers, and blue is the darker of the two,
so they differ in grey print too. Both are light enough to write on in black.

A weight is drawn in the colour of its sign, and a negative one is dashed as well. These two
colours are darker on a light page and lighter on a dark one, because thin lines need contrast.
"""

ZERO = "#4f8fd0"  # an answer of 0; the colour of target 0
HALF = "#f7f5f0"  # an answer of one half
ONE = "#f9a13a"  # an answer of 1; the colour of target 1
ANSWERS = (ZERO, HALF, ONE)  # at 0, 1/2, 1; linear in sRGB between them

NEGATIVE, POSITIVE = "#1a5a9e", "#b35300"  # weights, on a light page
NEGATIVE_ON_DARK, POSITIVE_ON_DARK = "#7ab8f5", "#ffb45c"  # weights, on a dark page

LEGEND = ("answers 0", "says one half", "answers 1")
TARGETS = {0: "o", 1: "s"}  # a circle for target 0 and a square for target 1
