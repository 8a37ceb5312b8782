"""What this machine brings: versions, device, BLAS and its speed, memory, disk, sign-in."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from hubtool.console import format_bytes
from hubtool.quantize.blas import (
    Products,
    describe_blas,
    measure_products,
    prefer_fast_blas,
    speed_advice,
)

DEPENDENCIES = (
    "hubtool",
    "mlx",
    "mlx-lm",
    "mlx-vlm",
    "mlx-model-doctor",
    "transformers",
    "huggingface_hub",
    "safetensors",
    "numpy",
)
SCARCE_MEMORY_BYTES = 4_000_000_000
SCARCE_DISK_BYTES = 20_000_000_000

Token = Literal["HF_TOKEN", "stored", "none"]


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """Facts about the machine. ``token`` says where a Hub token comes from, never what it is.

    ``versions`` maps a package to its version, or None where it is not installed.
    """

    python: str
    system: str
    device: str
    processors: int
    products: Products
    memory_bytes: int
    memory_free_bytes: int
    disk_free_bytes: int
    disk_folder: str
    hub: str
    token: Token
    versions: dict[str, str | None]
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return dataclasses.asdict(self)


def diagnose(folder: Path) -> Diagnosis:
    """Look at this machine; ``folder`` is where the disk is looked at. Asks no server."""
    loaded = prefer_fast_blas()
    import mlx.core as mx
    import psutil
    from huggingface_hub import constants

    memory = psutil.virtual_memory()
    products = measure_products(loaded)
    token = _token()
    free = shutil.disk_usage(folder).free
    return Diagnosis(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        device=_device(mx.device_info(), str(mx.default_device())),
        processors=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        products=products,
        memory_bytes=memory.total,
        memory_free_bytes=memory.available,
        disk_free_bytes=free,
        disk_folder=str(folder.absolute()),
        hub=constants.ENDPOINT,
        token=token,
        versions={name: _version(name) for name in DEPENDENCIES},
        advice=tuple(_advice(products, memory.available, free, token)),
    )


def as_table(diagnosis: Diagnosis) -> str:
    """The diagnosis for people."""
    products = diagnosis.products
    rows = [
        ("python", f"{diagnosis.python} on {diagnosis.system}"),
        ("mlx", f"{diagnosis.versions['mlx']}, computes on {diagnosis.device}"),
        ("matrix products", describe_blas(products.library)),
        ("speed", f"{products.gflops_a_core:.0f} GFLOP/s a core in float32, measured now"),
        ("processors", str(diagnosis.processors)),
        (
            "memory",
            f"{format_bytes(diagnosis.memory_free_bytes)} free of "
            f"{format_bytes(diagnosis.memory_bytes)}",
        ),
        ("disk", f"{format_bytes(diagnosis.disk_free_bytes)} free at {diagnosis.disk_folder}"),
        ("hub", f"{diagnosis.hub}, {_TOKEN_WORDS[diagnosis.token]}"),
        *(
            (name, found or "not installed")
            for name, found in diagnosis.versions.items()
            if name != "mlx"
        ),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {value}" for name, value in rows]
    return "\n".join([*lines, *(f"-> {line}" for line in diagnosis.advice)])


_TOKEN_WORDS: dict[Token, str] = {
    "HF_TOKEN": "token from HF_TOKEN",
    "stored": "a token is stored",
    "none": "not signed in",
}


def _device(info: dict[str, Any], default: str) -> str:
    name = info.get("device_name")
    return f"{default} ({name})" if name else default


def _token() -> Token:
    from huggingface_hub import get_token

    if os.environ.get("HF_TOKEN"):
        return "HF_TOKEN"
    return "stored" if get_token() else "none"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _advice(products: Products, memory: int, disk: int, token: Token) -> list[str]:
    lines = []
    if (faster := speed_advice(products)) is not None:
        lines.append(faster)
    if memory < SCARCE_MEMORY_BYTES:
        lines.append(
            f"{format_bytes(memory)} of memory are free: measure against --reference uniform4"
        )
    if disk < SCARCE_DISK_BYTES:
        lines.append(f"{format_bytes(disk)} of disk are free: a base and its quant may need more")
    if token == "none":
        lines.append("sign in with `hf auth login` to publish")
    return lines
