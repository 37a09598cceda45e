"""The mistakes in words, and the codes of mistakes and reasons: data that every report reads.

Codes do not change from version to version; sentences may. The code of a mistake is also its anchor
in docs/mistakes.md.
"""

import re
from dataclasses import dataclass

PAGE = "docs/mistakes.md"
UNKNOWN = "not-the-derivative"


@dataclass(frozen=True)
class Mistake:
    """One mistake in words.

    `is_wrong` follows the name of the variable. `{weights}` and `{changed}` in `why` are the
    parameter that is used too late and the line that has changed it.
    """

    name: str
    is_wrong: str
    why: str
    mend: str

    @property
    def code(self) -> str:
        return self.name.replace(" ", "-")

    @property
    def page(self) -> str:
        """Its place on the page of mistakes; "" if it has none."""
        return f"{PAGE}#{self.code}" if self.name in MISTAKES else ""


_MISTAKES = (
    Mistake(
        "updated too early",
        "uses weights that this step has already changed",
        "The backward pass needs the weights that the forward pass used, and {changed} has already "
        "changed {weights}.",
        "Compute every gradient first, then update the parameters.",
    ),
    Mistake(
        "derivative taken twice",
        "takes the slope of the activation at the wrong point",
        "A sigmoid s has the slope s(z) * (1 - s(z)), which is a * (1 - a) with a = s(z). "
        "Here the function of one form gets the value of the other, so the activation is applied "
        "once too often, or not at all.",
        "If the function computes x * (1 - x), give it the activation; if it applies the sigmoid "
        "itself, give it the sum before the activation.",
    ),
    Mistake(
        "bias summed over the wrong axis",
        "is summed over the wrong axis",
        "Each unit has one bias, which every sample shares: its gradient is the sum of the unit's "
        "delta over the samples, and over nothing else.",
        "Sum over the axis of the samples: axis=0 if each row is a sample, axis=1 if each column "
        "is; with keepdims=True.",
    ),
    Mistake(
        "bias not summed",
        "is not summed over the samples",
        "Every sample shares the bias, so its gradient is the sum of the delta over the samples. "
        "Without the sum, broadcasting gives each sample a bias of its own.",
        "Sum over the axis of the samples, with keepdims=True; then look at the shape of the bias.",
    ),
    Mistake(
        "derivative of the wrong quantity",
        "multiplies with the slope of another quantity",
        "A delta is the derivative by the layer's output, times the slope of the same layer's "
        "activation. The slope on this line belongs to another value.",
        "Take the slope of the activation whose delta the line computes.",
    ),
    Mistake(
        "raw error in the hidden delta",
        "is made from the raw error, not from the output's delta",
        "What goes back through the weights of the output layer is its delta: the error "
        "times the slope of the output's activation. Here the slope is missing.",
        "Send the output layer's delta back through the weights, not prediction minus target.",
    ),
    Mistake(
        "scale of one parameter",
        "has a factor that the other parameters do not have",
        "One factor common to all parameters is the learning rate or a convention (1/2, 1/N). A "
        "factor of one parameter alone turns the step away from the gradient.",
        "Give every parameter the same factor: a 1/N in all gradients or in none, the learning "
        "rate once.",
    ),
    Mistake(
        "missing output derivative",
        "lacks the slope of the output's activation",
        "The delta of the output layer is the derivative of the loss by the prediction, times the "
        "slope of the output's activation. (Prediction minus target alone is right only for a "
        "sigmoid or softmax with cross-entropy, and for a linear output.)",
        "Multiply with the slope of the output's activation.",
    ),
    Mistake(
        "missing hidden derivative",
        "lacks the slope of the hidden activation",
        "The delta of a hidden layer is what comes back through the weights, times the slope of "
        "the layer's activation. Here that slope is missing.",
        "Multiply with the slope of the hidden activation.",
    ),
    Mistake(
        "bias never updated",
        "is never updated",
        "The forward pass adds this bias and the loss depends on it, but no step changes it.",
        "Update it with the sum of its layer's delta over the samples.",
    ),
    Mistake(
        "hard-coded sample",
        "is made from one fixed sample",
        "A gradient needs the inputs of all samples that the step has seen. Here a fixed one "
        "stands in their place, perhaps left over from a test.",
        "Use the inputs that the forward pass of this step has used.",
    ),
    Mistake(
        "wrong sign",
        "has the wrong sign, so the loss rises along it",
        "Gradient descent subtracts the gradient of the loss. With `target - prediction` as the "
        "error the gradient's sign is already turned, and it is added. Here the two do not fit "
        "together.",
        "Turn the sign in this line.",
    ),
    Mistake(
        "dot for element-wise product",
        "uses a matrix product where an element-wise product belongs",
        "The slope of an activation belongs to each element by itself. A matrix product mixes the "
        "samples or units; it runs only because the shapes happen to fit.",
        "Multiply with `*`, not with `@` or np.dot.",
    ),
    Mistake(
        "wrong transpose",
        "transposes the wrong factor, or none",
        "With X @ W in the forward pass, the gradient of W is X.T @ delta, and delta @ W.T goes "
        "back to X. Here a transpose is missing or at the wrong factor; it runs only because the "
        "shapes happen to fit.",
        "Check the shapes with sizes that are all different.",
    ),
    Mistake(
        "weights of the wrong layer",
        "goes back through the weights of another layer",
        "A delta goes back through the weights that the forward pass used between the same two "
        "layers. It runs only because the shapes happen to fit.",
        "Use the weights of the layer that comes next in the forward pass.",
    ),
    Mistake(
        "stale activation",
        "uses an activation of an earlier step",
        "The gradient needs the activations of this step's forward pass; the ones on this line "
        "were computed before.",
        "Use the activation that this step has computed, after it has computed it.",
    ),
    Mistake(
        "detached regularisation",
        "lacks the penalty that the loss has",
        "The loss that the script computes has a penalty on this parameter; its gradient has none.",
        "Add the derivative of the penalty, or take the penalty out of the loss.",
    ),
)

MISTAKES = {mistake.name: mistake for mistake in _MISTAKES}
LOST_STEP = Mistake(  # of the way to the parameter, and not of a derivative: not on the page
    "lost step",
    "is computed, and then nothing reads it",
    "The line gives a name to a new array, and the parameter keeps its numbers: every step begins "
    "with the same ones.",
    "Change the array itself, as with -=, or put the new one where the parameter is kept.",
)

LOSSES = {
    "SSE": "the sum of squared errors",
    "MSE": "the mean of squared errors",
    "CE": "cross-entropy",
    "BCE": "binary cross-entropy",
    "Poisson": "the Poisson loss",
}


def mistake_of(name: str | None) -> Mistake:
    """The row of a mistake; for a name without a row, or for None, a general one."""
    if name is None:
        return Mistake(
            UNKNOWN,
            "is not the derivative that it should be",
            "Everything before this line is right. Its value is not the derivative of the loss, "
            "and none of the known mistakes explains its numbers.",
            "Derive this line again, from the forward pass above it.",
        )
    if name == LOST_STEP.name:
        return LOST_STEP
    return MISTAKES.get(name) or Mistake(name, f"is wrong: {name}", "", "")


# Code -> how the reason of a "cannot tell", or of a "wrong" without a place, begins.
REASONS = {
    "no-such-file": "there is no such file",
    "directory": "it is a directory",
    "unreadable": "it cannot be read|it is not a|it has more than",
    "syntax-error": "syntax error|source code string cannot",
    "too-deep": "its code is nested too deep",
    "empty": "the file is empty",
    "recording-lost": "the script ended its process",
    "recording-unusable": "the recording ",
    "timeout": "the script was still running|running and judging it|the time for judging",
    "other-framework": "the script uses ",
    "autograd": "autograd computes",
    "package-missing": "the script needs the package",
    "input-wanted": "the script asks for input",
    "crashed": "the script crashed",
    "exited": "the script ended itself",
    "too-long-before": "no (NumPy )?array.* was replaced twice",
    "wrong-shape": ".* has shape .*, but",
    "not-called": ".* found, but",
    "too-many-operations": ".*did (too much to be recorded|[^ ]+ operations)",
    "not-a-pair": ".*(it cannot be told (which|what)|no gradient of an input was returned|"
    "returns no number and gradients|only floats have a gradient)",
    "straight-through": "the derivative of .* is zero wherever it has one",
    "no-training": (
        "no training loop was found|each step adds 0 to|.* is replaced by itself plus a change"
    ),
    "checker-failed": "this check itself failed|this check was ended",
    "another-loss": ".*computes another loss",
    "uphill": "every update goes up|the updates of .* go up",
    "saturated": ".*is saturated wherever",
    "unknown-loss": ".*no loss that this check knows|the steps of .* read no data",
    "branch": ".*(takes another branch|decides by a number)",
    "no-input": ".*never moves, and its gradient is zero",
    "place-not-found": ".*it goes wrong was not found",
    "clipped": "derivatives are clipped|a step is its gradient times",
    "samples-left-out": "the updates are right for some of the samples|some steps, the first",
    "constant-factor": "every update follows .* weight of EM",
    "rates": "every step follows the gradient, but not with one rate",
    "not-a-parameter": ".*\\b(never|could not be seen|in some steps only|not all replaced|"
    "which the step before made|"
    "as if it were a bias|whatever the error is)",
    "penalty": ".*a penalty",
    "overwritten": "each step replaces",
    "other-targets": ".*targets (are$|that are not in the data|t that do not sum to 1)",
    "not-recorded": ".*(could not be recorded|as far as was recorded)",
    "not-finite": ".*(is|are) not finite",
    "not-repeatable": ".*(could not|cannot) be repeated|.*does not know|.*has an argument of type",
    "step-too-long": "an update is made of",
    "optimiser": "the optimiser|the forward pass reads the state|each step divides by a state|"
    ".*moves the parameters in a step of its own|.*may be a preconditioner",
    "target-that-learns": "every update is right if .* which another forward pass makes",
    "left-over": ".*is left over from another forward pass",
    "sampled": ".*draws samples from what the network computes",
    "reward": "the steps are multiplied with a number",
}
OTHER = "other"


def code_of_reason(reason: str | None) -> str | None:
    """The code of a reason; `OTHER` for one without a row."""
    if reason is None:
        return None
    return next((c for c, pattern in REASONS.items() if re.match(pattern, reason)), OTHER)
