"""Write the weights for other programs: as a NumPy file, or as ONNX with the whole network."""

from pathlib import Path

from .data import Parameters
from .files import write_arrays, write_beside

# A version of 2021 that has all we need. The newer the version, the fewer programs can read it.
OPSET, IR_VERSION = 13, 7


def save_npz(path: str | Path, parameters: Parameters) -> None:
    """Write the four weights in the notebook's layout, float64, for ``np.load``.

    ``W1`` (bits, hidden), ``b1`` (1, hidden), ``W2`` (hidden, 1) and ``b2`` (1, 1). A file that
    exists is replaced.

    Raises:
        OSError: the file cannot be written.

    """
    write_arrays(Path(path), parameters._asdict())


def save_onnx(path: str | Path, parameters: Parameters) -> None:
    """Write an ONNX model: ``X`` (N, bits) in, ``prediction`` (N, 1) out, both float64.

    It is written node by node, not by ``torch.onnx.export``: so it is the forward pass of `manual`
    for any number of rows, with the weights under their own names and in their own layout, and it
    needs no onnxscript. A file that exists is replaced.

    Raises:
        ModuleNotFoundError: the package ``onnx`` is not installed.
        OSError: the file cannot be written.

    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    bits = len(parameters.W1)
    node = helper.make_node
    graph = helper.make_graph(
        # Not Gemm, which would be MatMul and Add in one: onnxruntime 1.17 fuses it with the
        # sigmoid after it into an operation that exists for float32 only.
        nodes=[
            node("MatMul", ["X", "W1"], ["XW1"]),
            node("Add", ["XW1", "b1"], ["z1"]),
            node("Sigmoid", ["z1"], ["a1"]),
            node("MatMul", ["a1", "W2"], ["a1W2"]),
            node("Add", ["a1W2", "b2"], ["z2"]),
            node("Sigmoid", ["z2"], ["prediction"]),
        ],
        name="xor",
        inputs=[helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["N", bits])],
        outputs=[helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["N", 1])],
        initializer=[numpy_helper.from_array(w, name) for name, w in parameters._asdict().items()],
    )
    model = helper.make_model(
        graph,
        producer_name="xor_torch",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    with write_beside(Path(path)) as beside:
        beside.write_bytes(model.SerializeToString())
