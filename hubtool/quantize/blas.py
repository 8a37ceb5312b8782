"""A faster BLAS for mlx's CPU build, where the system has one.

mlx's Linux wheel brings the reference BLAS (about 2 GFLOP/s a core). Its
symbols are bound when mlx is loaded, so an OpenBLAS that is in the process's
global scope before that answers instead: 20 to 30 times the speed. Nothing
depends on it; ``docs/explanation/measuring.md`` has the figures.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import dataclasses
import functools
import os
import sys
import sysconfig
import time
from pathlib import Path
from typing import ClassVar

from hubtool.errors import PathNotFound
from hubtool.quantize.arrays import on_cpu

VARIABLE = "HUBTOOL_BLAS"
_FOLDERS = (
    Path(sys.prefix) / "lib",
    Path("/usr/lib64"),
    Path("/usr/lib"),
    Path("/usr/local/lib"),
    Path("/opt/OpenBLAS/lib"),
)
_NAMES = ("libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0")


@functools.cache
def prefer_fast_blas() -> str | None:
    """The OpenBLAS that mlx will compute with, or None for the one it brings along.

    To be called before mlx is first imported; later it changes nothing and
    answers None. Loads the library named by ``HUBTOOL_BLAS``, else the system's
    OpenBLAS; ``HUBTOOL_BLAS=off`` loads none. Only Linux has a choice: elsewhere
    mlx uses the platform's own. Raises PathNotFound if the variable names
    something that cannot be loaded.
    """
    # on an NVIDIA GPU mlx rounds the factors of a float32 product to 10 bits unless told otherwise
    os.environ.setdefault("MLX_ENABLE_TF32", "0")
    wanted = os.environ.get(VARIABLE, "")
    if sys.platform != "linux" or wanted == "off" or "mlx.core" in sys.modules:
        return None
    if wanted:
        if not _load(wanted):
            raise PathNotFound(
                f"{VARIABLE} names {wanted}, which is no loadable BLAS with a C interface",
                f"correct {VARIABLE}, or set it to off",
            )
        return wanted
    return next((name for name in _candidates() if _load(name)), None)


def needs_column_major() -> bool:
    """Whether x W^T is computed by the reference BLAS, which wants W column by column.

    Its loops for two row-major factors are dot products that no compiler turns
    into vector code: 1.8 GFLOP/s against 5.1 with W laid out the other way.
    """
    return sys.platform == "linux" and on_cpu() and prefer_fast_blas() is None


@dataclasses.dataclass(frozen=True)
class Products:
    """Who computes matrix products on the CPU: a library's path, None for mlx's own; how fast.

    ``gflops_a_core`` is for a second of processor time, so threads do not count.
    """

    library: str | None
    gflops_a_core: float


def describe_blas(library: str | None) -> str:
    """One line for people about who computes matrix products."""
    if library:
        return f"matrix products on the CPU by {library}"
    return "matrix products on the CPU by mlx's own library"


def blas_in_use(loaded: str | None) -> str | None:
    """The library whose products mlx computes with, by the owner of the symbol that it calls.

    ``loaded`` is what :func:`prefer_fast_blas` answered; without one it is mlx's
    own. Where the loader gave the name to another library, that one is returned.
    """
    if loaded is None:
        return None
    owner = _owner("cblas_sgemm")
    return owner if owner is not None else loaded


def measure_products(loaded: str | None) -> Products:
    """Time one product of the shape that measuring computes most, in float32 on the CPU."""
    import mlx.core as mx

    x = mx.random.normal((256, 1024), stream=mx.cpu)
    w = mx.random.normal((512, 1024), stream=mx.cpu)
    mx.eval(x, w)
    best = float("inf")
    for _ in range(4):  # the first one also wakes the library up
        started = time.process_time()
        mx.eval(mx.matmul(x, w.T, stream=mx.cpu))
        best = min(best, time.process_time() - started)
    return Products(blas_in_use(loaded), 2 * 256 * 512 * 1024 / best / 1e9)


def speed_advice(products: Products) -> str | None:
    """One line on what would make products faster; None where nothing would."""
    if sys.platform != "linux" or products.library is not None:
        return None
    return (
        "measuring is 20 times faster with OpenBLAS: apt install libopenblas0 "
        f"(or {VARIABLE}=/path/to/libopenblas.so)"
    )


class _SymbolInfo(ctypes.Structure):
    """What dladdr fills in (Dl_info of dlfcn.h)."""

    _fields_: ClassVar = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


def _owner(symbol: str) -> str | None:
    """The file of the library that answers to ``symbol`` in the process's global scope."""
    everything = ctypes.CDLL(None)
    if not hasattr(everything, symbol):
        return None
    info = _SymbolInfo()
    address = ctypes.cast(getattr(everything, symbol), ctypes.c_void_p)
    everything.dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(_SymbolInfo)]
    found = everything.dladdr(address, ctypes.byref(info))
    return os.fsdecode(info.file) if found and info.file else None


def _candidates() -> list[str]:
    """Library names and paths worth trying: the loader's own choice, the system's, a wheel's."""
    found = ctypes.util.find_library("openblas")
    paths = [folder / name for folder in _FOLDERS for name in _NAMES]
    # opencv's wheel (mlx-vlm needs it) brings one with the plain names; numpy's and scipy's are
    # renamed and of no use here
    paths += sorted(Path(sysconfig.get_path("purelib")).glob("opencv*.libs/libopenblas*.so*"))
    return [found or _NAMES[0], *(str(path) for path in paths if path.exists())]


def _load(name: str) -> bool:
    """Whether ``name`` could be put in the global scope and has ``cblas_sgemm``."""
    try:
        # a look in private first: what is once in the global scope stays there
        if not hasattr(ctypes.CDLL(name), "cblas_sgemm"):
            return False
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True
