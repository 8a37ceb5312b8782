"""The quantized modules of a model, by the headers of its weights and its config."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from hubtool.artifact.headers import TensorInfo
from hubtool.errors import StatsDisagree

WORD_BITS = 32  # MLX packs quantized weights into 32-bit words
MODE_DEFAULTS = {"affine": (4, 64), "mxfp4": (4, 32), "nvfp4": (4, 16), "mxfp8": (8, 32)}


@dataclasses.dataclass(frozen=True)
class ComponentBits:
    """One quantized module as stored. ``parameters`` is logical (elements x 32 / bits)."""

    name: str
    bits: int
    group_size: int
    mode: str  # affine, mxfp4, nvfp4, mxfp8
    parameters: int


def components_of(
    tensors: Mapping[str, TensorInfo], config: Mapping[str, Any]
) -> tuple[ComponentBits, ...]:
    """Every module whose ``.weight`` is U32 with ``.scales`` beside it, by name.

    Its width follows from the config and must fit the shapes. Raises
    StatsDisagree naming the tensor and both figures.
    """
    settings = _settings_of(config)
    return tuple(
        _component(name.removesuffix(".weight"), tensors, settings)
        for name in sorted(tensors)
        if _is_packed(name, tensors)
    )


def logical_parameters(
    tensors: Mapping[str, TensorInfo], components: Iterable[ComponentBits]
) -> dict[str, int]:
    """Tensor name -> parameters it stands for; scales and biases of components stand for none."""
    logical = {name: info.elements for name, info in tensors.items()}
    for component in components:
        logical[f"{component.name}.weight"] = component.parameters
        logical[f"{component.name}.scales"] = 0
        logical.pop(f"{component.name}.biases", None)
    return logical


def _is_packed(name: str, tensors: Mapping[str, TensorInfo]) -> bool:
    module = name.removesuffix(".weight")
    return module != name and tensors[name].dtype == "U32" and f"{module}.scales" in tensors


def _settings_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    found = config.get("quantization") or config.get("quantization_config") or {}
    if not isinstance(found, dict):
        raise StatsDisagree(
            f"config.json: quantization is {found!r}, not a mapping", "convert the model again"
        )
    return found


def _whole(module: str, field: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise StatsDisagree(
            f"config.json: {field} of {module} is {value!r}, not a whole number",
            "convert the model again",
            module=module,
        )
    return value


def _component(
    module: str, tensors: Mapping[str, TensorInfo], settings: Mapping[str, Any]
) -> ComponentBits:
    weight, scales = tensors[f"{module}.weight"], tensors[f"{module}.scales"]
    own = settings.get(module)
    chosen = {**settings, **own} if isinstance(own, dict) else settings
    mode = str(chosen.get("mode") or "affine")
    default_bits, default_group = MODE_DEFAULTS.get(mode, (4, 64))
    bits = _whole(module, "bits", chosen.get("bits") or default_bits)
    group_size = _whole(module, "group_size", chosen.get("group_size") or default_group)
    fits = scales.shape[:-1] == weight.shape[:-1] and len(scales.shape) == len(weight.shape) > 0
    if not fits or 0 in (*scales.shape, *weight.shape):
        raise StatsDisagree(
            f"{module}: a weight of shape {list(weight.shape)} cannot have scales of shape "
            f"{list(scales.shape)}",
            "convert the model again",
            module=module,
        )
    columns = weight.shape[-1] * WORD_BITS
    inputs = scales.shape[-1] * group_size
    if columns != inputs * bits:
        raise StatsDisagree(
            f"{module}: config.json says {bits} bit in groups of {group_size}, which for "
            f"{scales.shape[-1]} groups makes {inputs * bits / WORD_BITS:g} packed columns; "
            f"the file has {weight.shape[-1]} ({columns / inputs:g} bit)",
            "the config does not belong to these weights: convert the model again",
            module=module,
            config_bits=bits,
            stored_bits=columns / inputs,
        )
    if mode == "affine" and f"{module}.biases" not in tensors:
        raise StatsDisagree(
            f"{module}: quantized in mode affine, but the file has no {module}.biases",
            "convert the model again",
            module=module,
        )
    return ComponentBits(module, bits, group_size, mode, weight.elements * WORD_BITS // bits)
