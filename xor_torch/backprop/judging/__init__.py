"""The next judge. No command uses it yet; it replaces `judging` when it is better everywhere.

It reads a tape and returns findings, and never runs a script. Where `judging` has a rule for each
kind of script, it has a few mechanisms: fit, delta first, and a search for the value whose repair
makes all updates right.

The rooms, in the order in which a verdict is made:

``steps``       which arrays are trained, and where each training step begins and ends
``points``      a step, repeated in torch at the run's numbers and at moved ones
``fit``         does one gradient explain the updates, up to a factor for each step?
``objectives``  what the gradient may be of: the script's own scalars, and pairs (delta, value)
``losses``      of which loss a delta is the derivative, without knowing the target
``optimisers``  the gradient inside an update, and what the update makes of it
``soundness``   what forbids the verdict "correct": unseen, frozen or grown arrays
``repair``      the first value that, replaced by the right derivative, makes all updates right
``mistakes``    the names of mistakes, one row each
``judge``       the verdict; ``describe`` puts it in words
"""
