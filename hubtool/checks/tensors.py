"""The tensors themselves: finite, and packed as the config says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hubtool.artifact.headers import Header, TensorInfo, read_headers, weight_files
from hubtool.artifact.parts import sidecars_among
from hubtool.artifact.stats import stats_of_folder
from hubtool.checks.interface import NO_WEIGHTS_HERE, CheckSubject, Finding, verdict
from hubtool.errors import StatsDisagree

FINDS = {
    "tensors/packing": "weight, scales and biases of every component fit the config's width",
    "tensors/finite": "no NaN and no infinity in any float",
}
CHUNK_BYTES = 8_000_000
# dtype -> numpy's name for its bits, and a mask: a value with all of these set is NaN or infinite
_NOT_FINITE = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000),
    "F32": ("<u4", 0x7F80_0000),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
    "F8_E5M2": ("u1", 0x7C),
    "F8_E4M3": ("u1", 0x7F),
    "F8_E8M0": ("u1", 0xFF),
}
# what MLX keeps scales in: floats, or bytes with an exponent each (mxfp4, mxfp8, nvfp4)
_SCALES = ("F32", "F16", "BF16", "U8")


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``tensors/*``; reads every float once, a few megabytes at a time."""
    folder = subject.folder
    paths = (file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors"))
    headers = read_headers(folder, (*weight_files(folder), *sidecars_among(paths)))
    yield _packing(folder, headers)
    if subject.origin is not None:
        yield Finding("tensors/finite", "skip", NO_WEIGHTS_HERE)
        return
    for file, header in headers.items():
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


def _packing(folder: Path, headers: Mapping[str, Header]) -> Finding:
    """Weight, scales and biases of every component belong together and have the config's width."""
    tensors = {name: info for header in headers.values() for name, info in header.tensors.items()}
    odd = next(_odd_ones(tensors), None)
    if odd is not None:
        name, problem = odd
        return Finding(
            "tensors/packing", "fail", f"{name} {problem}", "convert the model again", name
        )
    try:
        stats = stats_of_folder(folder)
    except StatsDisagree as error:
        module = str(error.details.get("module", ""))
        return Finding("tensors/packing", "fail", error.message, error.remedy, module)
    widths = ", ".join(f"{share.components} at {share.bits} bit" for share in stats.widths)
    return verdict(
        "tensors/packing",
        None if stats.components else "nothing is quantized",
        f"shapes fit their widths: {widths}",
        "convert the model again",
    )


def _odd_ones(tensors: Mapping[str, TensorInfo]) -> Iterator[tuple[str, str]]:
    """(tensor, what is wrong) for packed tensors without their partners, or of another kind."""
    for name, info in sorted(tensors.items()):
        module, _, kind = name.rpartition(".")
        scales = tensors.get(f"{module}.scales")
        if kind == "weight" and info.dtype == "U32" and scales is None:
            yield name, f"is packed, and {module}.scales is not there"
        elif kind == "scales":
            weight = tensors.get(f"{module}.weight")
            if weight is None or weight.dtype != "U32":
                found = weight.dtype if weight else "nothing"
                yield name, f"needs a packed {module}.weight (U32), found {found}"
            elif info.dtype not in _SCALES:
                yield name, f"is {info.dtype}, not one of {', '.join(_SCALES)}"
        elif kind == "biases" and scales is not None and _shown(info) != _shown(scales):
            yield name, f"is {_shown(info)}, its scales are {_shown(scales)}"


def _shown(info: TensorInfo) -> str:
    return f"{info.dtype} {list(info.shape)}"


def is_finite(file: Path, info: TensorInfo) -> bool:
    """Whether a tensor is free of NaN and infinity. Integers always are."""
    import numpy as np

    if info.dtype not in _NOT_FINITE:
        return True
    kind, mask = _NOT_FINITE[info.dtype]
    with file.open("rb") as stream:
        stream.seek(info.start)
        left = info.size_bytes
        while left:
            data = stream.read(min(CHUNK_BYTES, left))
            left -= len(data)
            if ((np.frombuffer(data, dtype=kind) & mask) == mask).any():
                return False
    return True
