"""Reads of single elements of an array that a loop fills: the numbers stay what they were."""

from dataclasses import replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xor_torch.backprop import replay
from xor_torch.backprop.judging.elements import followed
from xor_torch.backprop.recording.script import record

BEGIN = """import numpy as np
x = np.random.default_rng(0).normal(size=(2, 3))
a = x * 1
"""
INDEX = st.tuples(st.integers(-2, 1), st.integers(-3, 2))
LINES = st.one_of(
    INDEX.map("a[{0[0]}, {0[1]}] = x[{0[1]} % 2, 0] * 2".format),
    INDEX.map("a[{0[0]}][{0[1]}] += a[0, {0[1]}]".format),
    INDEX.map("a[{0[0]}] = a[{0[0]}][{0[1]}] + x[0]".format),
    INDEX.map("a[:, {0[1]}] = a[{0[0]}, 1]".format),
    st.just("a = a * 1"),
    st.just("b = a.copy(); b[0, 0] = a[1, 1]; a = b"),
)


@settings(max_examples=25, deadline=None)
@given(lines=st.lists(LINES, min_size=1, max_size=8))
@example(lines=["r = x[0] * 1; r[x[1].argmax()] = x[0, 1]; s = r[0] - r[1] * r[2]"] * 2)
def test_every_value_is_what_it_was(lines):
    _, tape = record(BEGIN + "\n".join([*lines, "s = a[0, 0] + a[1][2]"]), "script.py")
    nodes = followed(tape, ()).nodes
    other = tape.with_nodes(  # a value that is there would not be computed again
        [n if n.op == "leaf" else replace(n, value=None) for n in nodes]
    )
    values = replay.run(other, [n.id for n in other.nodes], {})
    for node in tape.nodes:
        if nodes[node.id].value is None:  # a row that nothing reads
            assert not any(node.id in n.inputs for n in nodes)
            continue
        assert np.array_equal(values[node.id], node.value), (node.id, lines)


def test_an_element_is_read_from_where_it_was_written():
    source = BEGIN + "a[0, 0] = x[1, 1] * 2\na[0, 1] = x[1, 2] * 2\ns = a[0][0] + a[1, -1]"
    _, tape = record(source, "script.py")
    nodes = followed(tape, ()).nodes
    (sum_of_both,) = [n for n in nodes if n.name == "s"]
    first, second = (nodes[i] for i in sum_of_both.inputs)
    assert nodes[first.inputs[0]].op == "multiply"
    assert (nodes[second.inputs[0]].name, second.args[1]) == ("a", (1, 2))
    assert nodes[second.inputs[0]].op == "multiply"
    # but not past an array that is read as a whole
    kept = max(n.id for n in tape.nodes if n.op == "assign")
    nodes = followed(tape, {kept}).nodes
    assert nodes[next(n for n in nodes if n.name == "s").inputs[0]].inputs[0] >= kept
