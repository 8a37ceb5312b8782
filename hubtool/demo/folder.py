"""What every demo base has beside its weights: JSON files, licence, card, and bf16 tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def write_json(file: Path, value: Any) -> None:
    """``value`` as indented JSON."""
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_card(folder: Path, front_matter: str, body: str) -> None:
    """README.md of a base, as its owner would have written it."""
    text = f"---\n{front_matter.strip()}\n---\n\n{body.strip()}\n"
    (folder / "README.md").write_text(text, encoding="utf-8")


def write_apache_licence(folder: Path) -> None:
    """The full text of Apache-2.0 as LICENSE."""
    text = resources.files("hubtool.demo").joinpath("apache-2.0.txt").read_bytes()
    (folder / "LICENSE").write_bytes(text)


def write_bf16(file: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """A safetensors file with every tensor rounded to bfloat16 (nearest even); names sorted."""
    import numpy as np

    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name in sorted(tensors):
        size = 2 * tensors[name].size
        shape = list(tensors[name].shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name in sorted(tensors):
            bits = np.ascontiguousarray(tensors[name], dtype=np.float32).view(np.uint32)
            rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
            stream.write(rounded.astype("<u2").tobytes())
