"""A faster BLAS for mlx's CPU build, where the system has one.

mlx's Linux wheel brings the reference BLAS (about 2 GFLOP/s a core). Its
symbols are bound when mlx is loaded, so an OpenBLAS that is in the process's
global scope before that answers instead: 20 to 30 times the speed. Nothing
depends on it; ``docs/explanation/measuring.md`` has the figures.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import sys
import sysconfig
from pathlib import Path

from hubtool.errors import PathNotFound

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
    import mlx.core as mx

    on_cpu = mx.default_device() == mx.Device(mx.cpu)
    return sys.platform == "linux" and on_cpu and prefer_fast_blas() is None


def describe_blas(loaded: str | None) -> str:
    """One line for people about what :func:`prefer_fast_blas` answered."""
    if loaded:
        return f"matrix products on the CPU by {loaded}"
    return f"matrix products by mlx's own library ({VARIABLE}=PATH names a faster one on Linux)"


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
