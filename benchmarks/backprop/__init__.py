"""A benchmark of hand-written backprop: right networks in NumPy, and mistakes planted into them.

``networks/``
    The right scripts, in the varied styles in which people write such code. Each runs by itself,
    needs NumPy only and trains for a few dozen updates.
`truth`
    What each network is, and how to see that it is right.
`mistakes`
    The mistakes: a line or two of a right script, replaced.
`check_truth`
    Establishes the truth without the checker that is measured here: by finite differences.
`check_lines`
    Establishes the lines: a mistake runs beside its right twin until their values differ.
`run`
    Runs `xor_torch.backprop.check_file` over all of them and prints how often it is right.
"""
