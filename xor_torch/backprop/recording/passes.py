"""Tells from their names which functions may be the two passes of a network."""

import re
from collections.abc import Collection

# What a script calls the two passes.
_BACKWARD = re.compile(r"backward|back_?prop(?:agat(?:e|ion))?|bprop|bwd")
_FORWARDS = ["forward", "forward_prop", "forward_propagate", "forward_propagation", "forwardprop"]
_FORWARDS += ["feedforward", "feed_forward", "forward_pass", "fprop", "fwd", "__call__"]
_EITHER = re.compile(
    r".*(forward|fprop|fwd|backward|back_?prop|bprop|bwd|loss|cost|grad|propagat|objective).*"
    r"|__call__"
)


def is_watched(name: str, others: Collection[str] = ()) -> bool:
    """May a function with this name be a forward or a backward pass?

    Args:
        name: of the function.
        others: the names of the functions beside it: with ``relu_backward`` there, ``relu`` may.

    """
    return bool(_EITHER.fullmatch(name)) or any(
        name.startswith(stem) for stem in map(_stem, others) if stem
    )


def forward_of(backward: str, names: Collection[str]) -> str | None:
    """The forward function that belongs to a backward function, by its name."""
    found = _BACKWARD.search(backward)
    if found is None:
        return None
    before, after = backward[: found.start()], backward[found.end() :]
    while True:
        for word in _FORWARDS:
            if before + word + after in names:
                return before + word + after
        if not after:
            break
        after = after.rpartition("_")[0] if "_" in after else ""  # batchnorm_backward_alt
    for name in sorted(names):  # conv_backward, conv_forward_naive
        if any(name.startswith(f"{before}{word}_") for word in _FORWARDS):
            return name
    plain = _stem(backward)  # sigmoid, sigmoid_backward
    return plain if plain in names else None


def is_backward(name: str) -> bool:
    """Is it the name of a backward function?"""
    return bool(_BACKWARD.search(name))


def _stem(backward: str) -> str:
    """The name of a backward function up to the word for it: ``relu`` of ``relu_backward``."""
    found = _BACKWARD.search(backward)
    return backward[: found.start()].rstrip("_") if found else ""
