"""The tensors themselves: finite, and packed as the config says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hubtool.artifact.headers import TensorInfo, read_headers, weight_files
from hubtool.artifact.stats import sidecars_among, stats_of_folder
from hubtool.checks.interface import CheckSubject, Finding, verdict

CHUNK_BYTES = 8_000_000
# exponent bits of a float: all set in infinities and NaN, and in nothing else
_EXPONENTS = {"BF16": ("u2", 0x7F80), "F16": ("u2", 0x7C00), "F32": ("u4", 0x7F800000)}


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``tensors/*``; reads every float once, a few megabytes at a time."""
    folder = subject.folder
    stats = stats_of_folder(folder)  # raises what does not fit, with tensor and figures
    widths = ", ".join(f"{share.components} at {share.bits} bit" for share in stats.widths)
    yield verdict(
        "tensors/packing",
        None if stats.components else "nothing is quantized",
        f"shapes fit their widths: {widths}",
        "convert the model again",
    )
    paths = (file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors"))
    files = (*weight_files(folder), *sidecars_among(paths))
    for file, header in read_headers(folder, files).items():
        bad = next(
            (name for name, info in header.tensors.items() if not is_finite(folder / file, info)),
            None,
        )
        yield verdict(
            "tensors/finite",
            f"{bad} holds NaN or infinity" if bad else None,
            "every float is finite",
            "convert the model again; if it stays, the base is damaged",
            file,
        )


def is_finite(file: Path, info: TensorInfo) -> bool:
    """Whether a tensor is free of NaN and infinity. Integers and 8-bit floats always are."""
    import numpy as np

    if info.dtype not in _EXPONENTS:
        return True
    kind, exponent = _EXPONENTS[info.dtype]
    with file.open("rb") as stream:
        stream.seek(info.start)
        left = info.size_bytes
        while left:
            data = stream.read(min(CHUNK_BYTES, left))
            left -= len(data)
            if ((np.frombuffer(data, dtype=f"<{kind}") & exponent) == exponent).any():
                return False
    return True
