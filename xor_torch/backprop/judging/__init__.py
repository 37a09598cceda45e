"""From a tape to findings: correct, wrong or cannot tell.

The judge reads a tape and never runs a script. It has no rule for each kind of script but a few
mechanisms: fit, delta first, and a search for the value whose repair makes all updates right.

The rooms, in the order in which a verdict is made:

``steps``       which arrays are trained, and where each training step begins and ends
``points``      a step, repeated in torch at the run's numbers and at moved ones
``fit``         does one gradient explain the updates, up to a factor for each step?
``objectives``  what the gradient may be of: the script's own scalars, and pairs (delta, value)
``losses``      of which loss a delta is the derivative, mostly without knowing the target
``unknown``     a delta of no known loss: is it the derivative of anything?
``optimisers``  the gradient inside an update, and what the update makes of it
``soundness``   what forbids the verdict "correct", and what may be intended and is not "wrong"
``derivatives`` which derivative each value of the backward pass is
``repair``      the first value that, replaced by the right derivative, makes all updates right
``mistakes``    the names of mistakes, a row each
``expected``    what a wrong value is, and what it should be
``printed``     is the loss that the script computes the one that its steps follow?
``layers``, ``samples``, ``words``   what a finding says of the network
``judge``       the verdict; ``findings`` is the data that it returns
"""
