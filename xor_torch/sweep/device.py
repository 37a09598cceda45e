"""Whether there is a GPU for a sweep, asked of its driver: importing torch takes seconds."""

import ctypes
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

# the number of an attribute, in the interface of the driver
MULTIPROCESSORS = 16


def multiprocessors() -> tuple[int, str]:
    """How many multiprocessors the first CUDA device has, or 0 and why there is no device.

    A device that torch cannot use counts as none.
    """
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0, "this machine has no NVIDIA driver"
    if not _torch_has_cuda():
        return 0, "the installed torch is a build without CUDA"
    device, found = ctypes.c_int(), ctypes.c_int()
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetAttribute(ctypes.byref(found), MULTIPROCESSORS, device)
    )
    if failed:
        return 0, f"the NVIDIA driver offers no device (its error {failed})"
    return found.value, ""


def _torch_has_cuda() -> bool:
    """Read from the file in which torch says how it was built."""
    torch = find_spec("torch")
    if torch is None or torch.origin is None:
        return False
    spec = spec_from_file_location("version", Path(torch.origin).with_name("version.py"))
    assert spec is not None
    assert spec.loader is not None
    version = module_from_spec(spec)
    spec.loader.exec_module(version)
    return getattr(version, "cuda", None) is not None
