"""What the local Hub makes of files that are given as bytes, text or data."""

from __future__ import annotations

import json
from typing import Any

from hubtool.localhub.derive import derive
from tests.support.toy_weights import packed_linear, safetensors_bytes

WEIGHTS = safetensors_bytes(
    {
        **packed_linear("a", 64, 512, 4),
        **packed_linear("b", 64, 512, 8),
        "norm": ("BF16", (256,)),
    }
)
CONFIG = {
    "model_type": "gemma4",
    "architectures": ["Gemma4ForConditionalGeneration"],
    "quantization": {"bits": 4, "group_size": 64, "b": {"bits": 8, "group_size": 64}},
    "quantization_config": {"bits": 4, "group_size": 64, "b": {"bits": 8, "group_size": 64}},
    "vocab_size": 256,
}


def derived(files: dict[str, bytes | str | dict[str, Any]], **options: Any) -> dict[str, Any]:
    contents = {path: _content(value) for path, value in files.items()}

    def read_range(path: str, start: int, length: int) -> bytes:
        return contents[path][start : start + length]

    found = derive(sorted(contents), contents.__getitem__, read_range, **options)
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()  # the server stores it so
    return found


def _content(value: bytes | str | dict[str, Any]) -> bytes:
    if isinstance(value, dict):
        value = json.dumps(value)
    return value.encode() if isinstance(value, str) else value
