"""What torch's functions mean in NumPy: `FUNCTIONS`, by torch's names.

Each takes torch's arguments, with arrays for tensors, and is made of NumPy operations that the tape
knows. A function whose name ends with ``_`` changes its first argument; its row is the one without
``_``. A function without a row is not repeated: its result counts as lost.

The file is long because it is a table, with a row for each function of torch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[..., Any]


def _axis(dim: Any) -> Any:
    return tuple(dim) if isinstance(dim, list | tuple) else dim


def _same(x: Any, *args: Any, **kwargs: Any) -> Any:
    """The same numbers, in the same memory."""
    return x


def _copy(x: Any, *args: Any, **kwargs: Any) -> Any:
    return np.copy(x)


def _cast(dtype: Any) -> Function:
    def function(x: Any, *args: Any, **kwargs: Any) -> Any:
        return x if x.dtype == dtype else x.astype(dtype)

    return function


def _to(x: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """``x.to(dtype)``, ``x.to(device)``, ``x.to(other)``"""
    for a in args:
        if isinstance(a, np.dtype | type):
            dtype = a
        elif isinstance(a, np.ndarray):
            dtype = a.dtype
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


# ---------------------------------------------------------------------------- arithmetic


def _add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    return input + (other if type(alpha) is int and alpha == 1 else alpha * other)


def _sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    return input - (other if type(alpha) is int and alpha == 1 else alpha * other)


def _rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    return other - (input if type(alpha) is int and alpha == 1 else alpha * input)


def _div(input: Any, other: Any, *, rounding_mode: Any = None, out: Any = None) -> Any:
    found = input / other
    if rounding_mode == "floor":
        return np.floor(found)
    return np.trunc(found) if rounding_mode == "trunc" else found


def _addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    return input + value * (tensor1 * tensor2)


def _addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    return input + value * (tensor1 / tensor2)


def _lerp(input: Any, end: Any, weight: Any) -> Any:
    return input + weight * (end - input)


def _clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    if min is not None and max is not None:
        return np.clip(input, min, max)
    return np.minimum(input, max) if min is None else np.maximum(input, min)


def _of_two(function: Function) -> Function:
    def call(input: Any, other: Any, *, out: Any = None) -> Any:
        return function(input, other)

    return call


def _of_one(function: Function) -> Function:
    def call(input: Any, *, out: Any = None) -> Any:
        return function(input)

    return call


def _sigmoid(input: Any, *, out: Any = None) -> Any:
    return 1 / (1 + np.exp(-input))


def _relu(input: Any, inplace: Any = False) -> Any:
    return np.maximum(input, 0)


def _leaky_relu(input: Any, negative_slope: Any = 0.01, inplace: Any = False) -> Any:
    return np.where(input > 0, input, negative_slope * input)


def _elu(input: Any, alpha: Any = 1.0, inplace: Any = False) -> Any:
    return np.where(input > 0, input, alpha * (np.exp(np.minimum(input, 0)) - 1))


def _softplus(input: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    if threshold < 20:  # beyond it torch gives the input itself, which differs by rounding at 20
        raise NotImplementedError("softplus")
    return np.logaddexp(input, 0) if beta == 1 else np.logaddexp(beta * input, 0) / beta


def _silu(input: Any, inplace: Any = False) -> Any:
    return input * _sigmoid(input)


def _gelu(input: Any, approximate: Any = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * input * (1 + np.tanh(np.sqrt(2 / np.pi) * (input + 0.044715 * input**3)))
    raise NotImplementedError("gelu")


# ---------------------------------------------------------------------------- reductions


def _sum(input: Any, dim: Any = None, keepdim: Any = False, *, dtype: Any = None) -> Any:
    x = input if dtype is None else _to(input, dtype)
    x = x.astype(np.int64) if x.dtype.kind == "b" else x
    return np.sum(x, axis=_axis(dim), keepdims=keepdim)


def _mean(input: Any, dim: Any = None, keepdim: Any = False, *, dtype: Any = None) -> Any:
    return np.mean(_to(input, dtype), axis=_axis(dim), keepdims=keepdim)


def _prod(input: Any, dim: Any = None, keepdim: Any = False, *, dtype: Any = None) -> Any:
    return np.prod(_to(input, dtype), axis=dim, keepdims=keepdim)


def _spread(function: Function) -> Function:
    def call(
        input: Any, dim: Any = None, unbiased: Any = None, keepdim: Any = False, *,
        correction: Any = 1,
    ) -> Any:  # fmt: skip
        if isinstance(dim, bool):  # x.var(False)
            dim, unbiased = None, dim
        ddof = correction if unbiased is None else int(unbiased)
        return function(input, axis=_axis(dim), ddof=ddof, keepdims=keepdim)

    return call


def _extreme(function: Function, place: Function, of_two: Function) -> Function:
    def call(input: Any, dim: Any = None, keepdim: Any = False, *, other: Any = None) -> Any:
        if other is not None or isinstance(dim, np.ndarray):
            return of_two(input, dim if other is None else other)
        if dim is None:
            return function(input)
        return function(input, axis=dim, keepdims=keepdim), place(input, axis=dim, keepdims=keepdim)

    return call


def _with_axes(function: Function) -> Function:
    def call(input: Any, dim: Any = None, keepdim: Any = False) -> Any:
        return function(input, axis=_axis(dim), keepdims=keepdim)

    return call


def _accumulated(function: Function) -> Function:
    def call(input: Any, dim: Any, *, dtype: Any = None) -> Any:
        return function(input, axis=dim)

    return call


def _norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: Any = False, **kw: Any) -> Any:
    p = kw.get("ord", p)
    if p not in ("fro", None, 2, 2.0):
        raise NotImplementedError("norm")
    return np.sqrt(np.sum(input * input, axis=_axis(dim), keepdims=keepdim))


def _logsumexp(input: Any, dim: Any, keepdim: Any = False) -> Any:
    return np.logaddexp.reduce(input, axis=dim, keepdims=keepdim)


def _log_softmax(input: Any, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Any:
    x = _to(input, dtype)
    return x - np.logaddexp.reduce(x, axis=-1 if dim is None else dim, keepdims=True)


def _softmax(input: Any, dim: Any = None, _stacklevel: Any = 3, dtype: Any = None) -> Any:
    x, axis = _to(input, dtype), -1 if dim is None else dim
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


# -------------------------------------------------------------------------------- losses


def _reduced(x: Any, reduction: str) -> Any:
    return x if reduction == "none" else np.sum(x) if reduction == "sum" else np.mean(x)


def _cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: Any = -100, reduce: Any = None, reduction: Any = "mean",
    label_smoothing: Any = 0.0,
) -> Any:  # fmt: skip
    if input.ndim > 2 or label_smoothing:
        raise NotImplementedError("cross_entropy")
    return _nll_loss(_log_softmax(input, -1), target, weight, reduction=reduction)


def _nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: Any = -100, reduce: Any = None, reduction: Any = "mean",
) -> Any:  # fmt: skip
    if weight is not None or input.ndim > 2:
        raise NotImplementedError("nll_loss")
    if target.dtype.kind == "f":
        return _reduced(-np.sum(target * input, axis=-1), reduction)
    if input.ndim == 1:
        return -input[target]
    return _reduced(-input[list(range(len(input))), target], reduction)


def _mse_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None,
    reduction: Any = "mean", weight: Any = None,
) -> Any:  # fmt: skip
    if weight is not None:
        raise NotImplementedError("mse_loss")
    return _reduced((input - target) ** 2, reduction)


def _l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None,
    reduction: Any = "mean", weight: Any = None,
) -> Any:  # fmt: skip
    if weight is not None:
        raise NotImplementedError("l1_loss")
    return _reduced(np.abs(input - target), reduction)


def _binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: Any = "mean",
) -> Any:  # fmt: skip
    if weight is not None:
        raise NotImplementedError("binary_cross_entropy")
    each = -(target * np.log(input) + (1 - target) * np.log(1 - input))
    return _reduced(each, reduction)


def _binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: Any = "mean", pos_weight: Any = None,
) -> Any:  # fmt: skip
    if weight is not None or pos_weight is not None:
        raise NotImplementedError("binary_cross_entropy_with_logits")
    return _reduced(np.logaddexp(0, input) - target * input, reduction)


# ------------------------------------------------------------------------------ products


def _mm(input: Any, other: Any, *, out: Any = None) -> Any:
    return input @ other


def _addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    if (beta, alpha) != (1, 1):
        return beta * input + alpha * (mat1 @ mat2)
    return input + mat1 @ mat2


def _linear(input: Any, weight: Any, bias: Any = None) -> Any:
    found = input @ weight.T
    return found if bias is None else found + bias


def _einsum(equation: Any, *operands: Any) -> Any:
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    return np.einsum(equation, *operands)


def _tensordot(a: Any, b: Any, dims: Any = 2, out: Any = None) -> Any:
    return np.tensordot(a, b, axes=dims)


# ---------------------------------------------------------------------- shapes and parts


def _sizes(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes


def _reshape(input: Any, *sizes: Any, shape: Any = None) -> Any:
    if len(sizes) == 1 and isinstance(sizes[0], np.dtype | type):
        raise NotImplementedError("view of another dtype")
    return input.reshape(_sizes(sizes) if shape is None else shape)


def _view_as(input: Any, other: Any) -> Any:
    return input.reshape(other.shape)


def _expand(input: Any, *sizes: Any) -> Any:
    wanted = _sizes(sizes)
    own = (1,) * (len(wanted) - input.ndim) + input.shape
    shape = tuple(n if m == -1 else m for m, n in zip(wanted, own, strict=True))
    return np.broadcast_to(input, shape)


def _expand_as(input: Any, other: Any) -> Any:
    return np.broadcast_to(input, other.shape)


def _flatten(input: Any, start_dim: Any = 0, end_dim: Any = -1) -> Any:
    first, last = start_dim % max(input.ndim, 1), end_dim % max(input.ndim, 1)
    return input.reshape((*input.shape[:first], -1, *input.shape[last + 1 :]))


def _t(input: Any) -> Any:
    return input.T if input.ndim > 1 else input


def _permute(input: Any, *dims: Any) -> Any:
    return np.transpose(input, _sizes(dims))


def _transpose(input: Any, dim0: Any, dim1: Any) -> Any:
    return np.swapaxes(input, dim0, dim1)


def _last_two(input: Any) -> Any:
    return np.swapaxes(input, -1, -2)


def _squeeze(input: Any, dim: Any = None) -> Any:
    if dim is None:
        return np.squeeze(input)
    axes = [d % input.ndim for d in (dim if isinstance(dim, list | tuple) else [dim])]
    return np.squeeze(input, axis=tuple(a for a in axes if input.shape[a] == 1))


def _unsqueeze(input: Any, dim: Any) -> Any:
    return np.expand_dims(input, dim)


def _cat(tensors: Any, dim: Any = 0, *, out: Any = None) -> Any:
    return np.concatenate(list(tensors), axis=dim)


def _stack(tensors: Any, dim: Any = 0, *, out: Any = None) -> Any:
    return np.stack(list(tensors), axis=dim)


def _split(tensor: Any, split_size_or_sections: Any, dim: Any = 0) -> Any:
    given, size = split_size_or_sections, tensor.shape[dim]
    if isinstance(given, int):
        starts = list(range(0, size, given))
        ends = [*starts[1:], size]
    else:
        ends = [sum(given[: n + 1]) for n in range(len(given))]
        starts = [0, *ends[:-1]]
    before = (slice(None),) * (dim % tensor.ndim)
    return tuple(tensor[(*before, slice(a, b))] for a, b in zip(starts, ends, strict=True))


def _chunk(input: Any, chunks: Any, dim: Any = 0) -> Any:
    return _split(input, -(-input.shape[dim] // chunks), dim)


def _unbind(input: Any, dim: Any = 0) -> Any:
    before = (slice(None),) * (dim % input.ndim)
    return tuple(input[(*before, n)] for n in range(input.shape[dim]))


def _select(input: Any, dim: Any, index: Any) -> Any:
    return input[(*(slice(None),) * (dim % input.ndim), index)]


def _narrow(input: Any, dim: Any, start: Any, length: Any) -> Any:
    return input[(*(slice(None),) * (dim % input.ndim), slice(start, start + length))]


def getitem(input: Any, index: Any) -> Any:
    """``input[index]``: torch takes single numbers and slices first, and then arrays."""
    parts = list(index) if isinstance(index, tuple) else [index]
    parts = [list(p) if isinstance(p, range) else p for p in parts]
    arrays = [p for p in parts if isinstance(p, list) or (isinstance(p, np.ndarray) and p.ndim)]
    if not arrays or len(arrays) == len(parts):
        return input[tuple(parts) if isinstance(index, tuple) else parts[0]]
    used = sum(1 if not _is_mask(p) else p.ndim for p in parts if p is not None and p is not ...)
    whole = [slice(None)] * (input.ndim - used)
    at = next((n for n, p in enumerate(parts) if p is ...), len(parts))
    parts = [*parts[:at], *whole, *parts[at + 1 :]]
    basic, advanced = list[Any](), list[Any]()
    for p in parts:
        if isinstance(p, list) or (isinstance(p, np.ndarray) and p.ndim):
            basic += [slice(None)] * (np.ndim(p) if _is_mask(p) else 1)
            advanced.append(p)
        else:
            basic.append(p)
            if p is None or isinstance(p, slice):
                advanced.append(slice(None))
    if all(isinstance(p, slice) and p == slice(None) for p in basic):
        return input[tuple(advanced)]
    return input[tuple(basic)][tuple(advanced)]


def _is_mask(p: Any) -> bool:
    return isinstance(p, np.ndarray) and p.dtype.kind == "b"


def _gather(input: Any, dim: Any, index: Any, **kwargs: Any) -> Any:
    if any(a != b for n, (a, b) in enumerate(zip(input.shape, index.shape, strict=True))
           if n != dim % input.ndim):  # fmt: skip
        raise NotImplementedError("gather of a part")
    return np.take_along_axis(input, index, axis=dim)


def _index_select(input: Any, dim: Any, index: Any) -> Any:
    return np.take(input, index, axis=dim)


def _where(condition: Any, input: Any = None, other: Any = None) -> Any:
    return np.where(condition) if input is None else np.where(condition, input, other)


def _masked_fill(input: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, value, input)


def _one_hot(input: Any, num_classes: Any = -1) -> Any:
    size = int(np.max(np.asarray(input))) + 1 if num_classes == -1 else num_classes
    return (np.expand_dims(input, -1) == list(range(size))).astype(np.int64)


def _embedding(
    input: Any,
    weight: Any,
    padding_idx: Any = None,
    max_norm: Any = None,
    norm_type: Any = 2.0,
    scale_grad_by_freq: Any = False,
    sparse: Any = False,
) -> Any:
    if max_norm is not None:  # it changes the weights; the other options are autograd's
        raise NotImplementedError("embedding")
    return weight[input]


def _dropout(input: Any, p: Any = 0.5, training: Any = True, inplace: Any = False) -> Any:
    if training and p:
        raise NotImplementedError("the mask of a dropout is not known")
    return input


def _pad(input: Any, pad: Any, mode: Any = "constant", value: Any = None) -> Any:
    if mode != "constant":
        raise NotImplementedError("pad")
    pairs = [(pad[n], pad[n + 1]) for n in range(0, len(pad), 2)]
    widths = [(0, 0)] * (input.ndim - len(pairs)) + pairs[::-1]
    return np.pad(input, widths, constant_values=value or 0)


def _windows(size: Any, kernel: Any, dilation: Any, stride: Any) -> np.ndarray:
    """The windows of an image whose pixels are in one row: which pixel is at each of their places.

    Returns:
        A matrix with a row for each place in a window, and a column for each window.

    """
    kernel, dilation, stride = map(_two, (kernel, dilation, stride))
    begin = np.zeros((1, 1), int)
    for n in (0, 1):
        last = size[n] - dilation[n] * (kernel[n] - 1)
        places = np.add.outer(dilation[n] * np.arange(kernel[n]), np.arange(0, last, stride[n]))
        begin = begin[:, None, :, None] * size[n] + places[None, :, None]
        begin = begin.reshape(begin.shape[0] * begin.shape[1], -1)
    return begin


def _two(x: Any) -> tuple[int, int]:
    return (x, x) if isinstance(x, int) else (x[0], x[-1])


def _unfold(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    if input.ndim not in (3, 4):  # a tensor's own method ``unfold`` gives more dimensions
        raise NotImplementedError("unfold")
    down, right = _two(padding)
    image = _pad(input, (right, right, down, down))
    places = _windows(image.shape[-2:], kernel_size, dilation, stride)
    found = image.reshape((*image.shape[:-2], -1))[..., places.tolist()]
    return found.reshape((*input.shape[:-3], -1, found.shape[-1]))


def _fold(
    input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Any:  # fmt: skip
    (height, width), (down, right) = _two(output_size), _two(padding)
    size = height + 2 * down, width + 2 * right
    places = _windows(size, kernel_size, dilation, stride)
    # each pixel is a sum over its places in a window; where it has none, over a zero at the end
    terms = np.full((len(places), size[0] * size[1]), places.size)
    np.put_along_axis(terms, places, np.arange(places.size).reshape(places.shape), 1)
    numbers = input.reshape((*input.shape[:-2], -1, places.size))
    image = np.sum(_pad(numbers, (0, 1))[..., terms.tolist()], axis=-2)
    image = image.reshape((*image.shape[:-1], *size))
    return image[..., down : down + height, right : right + width]


def _conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: Any = 1,
) -> Any:  # fmt: skip
    if groups != 1 or isinstance(padding, str):
        raise NotImplementedError("conv2d")
    columns = _unfold(input, weight.shape[-2:], dilation, padding, stride)
    found = _as_image(np.reshape(weight, (len(weight), -1)) @ columns, input, weight.shape[-2:],
                      dilation, padding, stride)  # fmt: skip
    return found if bias is None else found + np.reshape(bias, (-1, 1, 1))


def _conv_transpose2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: Any = 1, dilation: Any = 1,
) -> Any:  # fmt: skip
    if groups != 1:
        raise NotImplementedError("conv_transpose2d")
    kernel, s, d, p, more = map(
        _two, (weight.shape[-2:], stride, dilation, padding, output_padding)
    )
    size = [
        (input.shape[n - 2] - 1) * s[n] - 2 * p[n] + d[n] * (kernel[n] - 1) + more[n] + 1
        for n in (0, 1)
    ]
    columns = np.reshape(weight, (len(weight), -1)).T @ input.reshape((*input.shape[:-2], -1))
    found = _fold(columns, size, kernel, d, p, s)
    return found if bias is None else found + np.reshape(bias, (-1, 1, 1))


def _pool(of: Any) -> Any:
    """A function that takes the mean or the maximum of each window; the options are torch's."""

    def pool(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: Any = False, return_indices: Any = False,
    ) -> Any:  # fmt: skip
        # the maximum of a padded image would need pixels of minus infinity
        if (_two(padding), _two(dilation)) != ((0, 0), (1, 1)) or ceil_mode or return_indices:
            raise NotImplementedError("pool")
        stride = kernel_size if stride is None else stride
        columns = _unfold(input, kernel_size, 1, 0, stride)
        windows = columns.reshape((*input.shape[:-2], -1, columns.shape[-1]))
        return _as_image(of(windows, axis=-2), input, kernel_size, 1, 0, stride)

    return pool


def _as_image(
    columns: Any, input: Any, kernel: Any, dilation: Any, padding: Any, stride: Any
) -> Any:
    """The windows of an image, one after the other, as rows and columns again."""
    kernel, dilation, padding, stride = map(_two, (kernel, dilation, padding, stride))
    last = input.shape[-2] + 2 * padding[0] - dilation[0] * (kernel[0] - 1) - 1
    return columns.reshape((*columns.shape[:-1], last // stride[0] + 1, -1))


# ------------------------------------------------------------- parts that are replaced


def _index_add(input: Any, dim: Any, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    found = np.copy(input)
    more = source if type(alpha) is int and alpha == 1 else alpha * source
    np.add.at(found, (*(slice(None),) * (dim % input.ndim), index), more)
    return found


def _index_put(input: Any, indices: Any, values: Any, accumulate: Any = False) -> Any:
    found = np.copy(input)
    if accumulate:
        np.add.at(found, tuple(indices), values)
    else:
        found[tuple(indices)] = values
    return found


def _scatter(input: Any, dim: Any, index: Any, src: Any = None, *, value: Any = None) -> Any:
    found = np.copy(input)
    new = value if src is None else src
    if isinstance(new, np.ndarray) and new.shape != index.shape:
        raise NotImplementedError("scatter of a part")
    found[_along(index, dim % input.ndim)] = new
    return found


def _scatter_add(input: Any, dim: Any, index: Any, src: Any) -> Any:
    if src.shape != index.shape:
        raise NotImplementedError("scatter_add of a part")
    found = np.copy(input)
    np.add.at(found, _along(index, dim % input.ndim), src)
    return found


def _along(index: Any, axis: int) -> tuple[Any, ...]:
    """The place of each number that goes to ``index`` along one axis."""
    return tuple(
        index if n == axis else at.tolist()  # constants
        for n, at in enumerate(np.indices(index.shape, sparse=True))
    )


def _fill(input: Any, value: Any) -> Any:
    return np.broadcast_to(value, input.shape)


def _replaced_by(input: Any, src: Any, *args: Any) -> Any:
    """``copy_``: the numbers of another, in the shape and dtype of the first."""
    found = src if src.shape == input.shape else np.broadcast_to(src, input.shape)
    return found if found.dtype == input.dtype else found.astype(input.dtype)


_ONE: dict[str, Function] = {
    "exp": np.exp, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "expm1": np.expm1, "exp2": np.exp2, "sqrt": np.sqrt, "square": np.square, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sign": np.sign, "abs": np.abs,
    "neg": np.negative, "reciprocal": np.reciprocal, "floor": np.floor, "ceil": np.ceil,
    "round": np.rint, "trunc": np.trunc, "isnan": np.isnan, "isfinite": np.isfinite,
    "isinf": np.isinf, "logical_not": np.logical_not, "positive": np.positive,
}  # fmt: skip
_TWO: dict[str, Function] = {
    "mul": np.multiply, "pow": np.power, "matmul": np.matmul, "mm": np.matmul, "bmm": np.matmul,
    "mv": np.matmul, "dot": np.dot, "inner": np.inner, "outer": np.outer, "ger": np.outer,
    "maximum": np.maximum, "minimum": np.minimum, "gt": np.greater, "ge": np.greater_equal,
    "lt": np.less, "le": np.less_equal, "eq": np.equal, "ne": np.not_equal,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
    "bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor,
    "floor_divide": np.floor_divide, "remainder": np.remainder, "fmod": np.fmod,
    "atan2": np.arctan2, "hypot": np.hypot, "logaddexp": np.logaddexp,
    # they answer with a bool, not an array; on the tape they stand as a comparison
    "equal": np.equal, "isclose": np.equal, "allclose": np.equal,
}  # fmt: skip

FUNCTIONS: dict[str, Function] = {
    **{name: _of_one(function) for name, function in _ONE.items()},
    **{name: _of_two(function) for name, function in _TWO.items()},
    # arithmetic
    "add": _add,
    "sub": _sub,
    "rsub": _rsub,
    "div": _div,
    "rdiv": lambda input, other: other / input,
    "rpow": lambda input, other: other**input,
    "addcmul": _addcmul,
    "addcdiv": _addcdiv,
    "lerp": _lerp,
    "clamp": _clamp,
    "clamp_min": lambda input, min: np.maximum(input, min),
    "clamp_max": lambda input, max: np.minimum(input, max),
    "rsqrt": _of_one(lambda x: 1 / np.sqrt(x)),
    "bitwise_not": _of_one(np.logical_not),
    "invert": _of_one(np.logical_not),
    # activations
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda input: -np.logaddexp(-input, 0),
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "softplus": _softplus,
    "silu": _silu,
    "gelu": _gelu,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "dropout": _dropout,
    # one number of many
    "sum": _sum,
    "nansum": _sum,
    "mean": _mean,
    "prod": _prod,
    "var": _spread(np.var),
    "std": _spread(np.std),
    "max": _extreme(np.max, np.argmax, np.maximum),
    "min": _extreme(np.min, np.argmin, np.minimum),
    "amax": _with_axes(np.max),
    "amin": _with_axes(np.min),
    "argmax": _with_axes(np.argmax),
    "argmin": _with_axes(np.argmin),
    "all": _with_axes(np.all),
    "any": _with_axes(np.any),
    "logsumexp": _logsumexp,
    "norm": _norm,
    "vector_norm": _norm,
    "linalg_norm": _norm,
    "linalg_vector_norm": _norm,
    "cumsum": _accumulated(np.cumsum),
    "cumprod": _accumulated(np.cumprod),
    "argsort": lambda input, dim=-1, descending=False, stable=False: np.argsort(
        -input if descending else input, axis=dim
    ),
    # losses
    "cross_entropy": _cross_entropy,
    "nll_loss": _nll_loss,
    "mse_loss": _mse_loss,
    "l1_loss": _l1_loss,
    "binary_cross_entropy": _binary_cross_entropy,
    "binary_cross_entropy_with_logits": _binary_cross_entropy_with_logits,
    # products
    "mm": _mm,
    "addmm": _addmm,
    "linear": _linear,
    "einsum": _einsum,
    "tensordot": _tensordot,
    "trace": lambda input: np.trace(input),
    # the same numbers
    "get data": _same,
    "detach": _same,
    "contiguous": _same,
    "cpu": _same,
    "requires_grad_": _same,
    "alias": _same,
    "clone": _copy,
    "float": _cast(np.float32),
    "double": _cast(np.float64),
    "long": _cast(np.int64),
    "int": _cast(np.int32),
    "bool": _cast(np.bool_),
    "to": _to,
    "type": _to,
    "type_as": _to,
    "view": _reshape,
    "reshape": _reshape,
    "view_as": _view_as,
    "reshape_as": _view_as,
    "flatten": _flatten,
    "ravel": lambda input: input.reshape(-1),
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "get T": lambda input: input.T,
    "t": _t,
    "get mT": _last_two,
    "transpose": _transpose,
    "swapaxes": _transpose,
    "swapdims": _transpose,
    "permute": _permute,
    "movedim": np.moveaxis,
    "expand": _expand,
    "broadcast_to": _expand,
    "expand_as": _expand_as,
    "repeat": lambda input, *sizes: np.tile(input, _sizes(sizes)),
    "tile": lambda input, *sizes: np.tile(input, _sizes(sizes)),
    "repeat_interleave": lambda input, repeats, dim=None: np.repeat(input, repeats, axis=dim),
    "flip": lambda input, *dims: np.flip(input, _sizes(dims)),
    "roll": lambda input, shifts, dims=None: np.roll(input, shifts, dims),
    "tril": lambda input, diagonal=0: np.tril(input, diagonal),
    "triu": lambda input, diagonal=0: np.triu(input, diagonal),
    "diag": lambda input, diagonal=0: np.diag(input, diagonal),
    "diagonal": lambda input, offset=0, dim1=0, dim2=1: np.diagonal(input, offset, dim1, dim2),
    "pad": _pad,
    "unfold": _unfold,
    "fold": _fold,
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "max_pool2d": _pool(np.max),
    "avg_pool2d": _pool(np.mean),
    # parts, and arrays put together
    "getitem": getitem,
    "unbind": _unbind,
    "select": _select,
    "narrow": _narrow,
    "split": _split,
    "chunk": _chunk,
    "gather": _gather,
    "index_select": _index_select,
    "take_along_dim": lambda input, indices, dim: _gather(input, dim, indices),
    "embedding": _embedding,
    "where": _where,
    "masked_fill": _masked_fill,
    "one_hot": _one_hot,
    "cat": _cat,
    "concat": _cat,
    "concatenate": _cat,
    "stack": _stack,
    "vstack": lambda tensors: np.vstack(list(tensors)),
    "hstack": lambda tensors: np.hstack(list(tensors)),
    # parts that are replaced
    "index_add": _index_add,
    "index_put": _index_put,
    "scatter": _scatter,
    "scatter_add": _scatter_add,
    "fill": _fill,
    "zero": lambda input: np.zeros(input.shape),
    "copy": _replaced_by,
}

ALSO = {
    "multiply": "mul", "subtract": "sub", "divide": "div", "true_divide": "div", "negative": "neg",
    "absolute": "abs", "clip": "clamp", "greater": "gt", "greater_equal": "ge", "less": "lt",
    "less_equal": "le", "not_equal": "ne", "arctan": "atan", "arcsin": "asin", "arccos": "acos",
    "truediv": "div", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "floordiv": "floor_divide", "mod": "remainder", "special_expit": "sigmoid",
    "special_logsumexp": "logsumexp", "moveaxis": "movedim", "scatter_reduce": "",
}  # fmt: skip
FUNCTIONS.update({other: FUNCTIONS[name] for other, name in ALSO.items() if name})
