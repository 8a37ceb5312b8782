"""The parameter count that the Hub will show for a repo, by its own rule.

The rule is the one of ``parseSafetensorsMetadata`` in ``@huggingface/hub``
2.17.5, which the Hub runs: packed MLX weights count as the weights they stand
for, their scales and biases not at all. Packing by other quantizers (GPTQ,
AWQ, compressed-tensors) is not unfolded here: those weights count as stored.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hubtool.artifact.headers import Header

SINGLE_FILE = "model.safetensors"

# Container width of packed weights: MLX packs into 32-bit words.
_WORD_BITS = 32
_AFFINE_BITS = frozenset({2, 3, 4, 5, 6, 8})
_AFFINE_GROUPS = frozenset({32, 64, 128})
_MODE_DEFAULTS = {"affine": (4, 64), "mxfp4": (4, 32), "nvfp4": (4, 16), "mxfp8": (8, 32)}

# Bookkeeping of quantizers beside a weight, left out whenever the config names a quantization.
_AUXILIARY = frozenset(
    {
        "weight_scale",
        "weight_scale_inv",
        "weight_scale_2",
        "weight_global_scale",
        "weight_zero_point",
        "weight_shape",
        "weight_g_idx",
        "input_scale",
        "input_global_scale",
        "input_zero_point",
        "zero_point",
    }
)
_SCALE_ONLY_DTYPES = frozenset({"F8_E8M0", "E8M0", "UE8"})


@dataclasses.dataclass(frozen=True)
class HubParameters:
    """``parameters`` by safetensors dtype (packed weights: ``U32``); ``total`` is on the chip."""

    parameters: dict[str, int]
    total: int

    def to_json(self) -> dict[str, Any]:
        """The ``safetensors`` field of the model info."""
        return {"parameters": dict(self.parameters), "total": self.total}


@dataclasses.dataclass(frozen=True)
class _Packing:
    bits: int
    mode: str


def counted_files(paths: Collection[str], index: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The files whose tensors the Hub counts: the single file if there is one, else the index's.

    A file that lies beside a ``model.safetensors`` or that no index names is
    not counted. Names are sorted; they are not checked against ``paths``.
    """
    if SINGLE_FILE in paths:
        return (SINGLE_FILE,)
    weight_map = (index or {}).get("weight_map")
    if not isinstance(weight_map, Mapping):
        return ()
    return tuple(sorted({name for name in weight_map.values() if isinstance(name, str)}))


def hub_parameters(
    headers: Iterable[Header], config: Mapping[str, Any], declared_total: object = None
) -> HubParameters:
    """The count over the headers of all counted files.

    ``config`` is ``config.json``. ``declared_total`` is ``total_parameters``
    of the index's or the single file's metadata: it can lower the total that
    is shown, never raise it.
    """
    tensors = [
        (name, tensor.dtype, tensor.shape)
        for header in headers
        for name, tensor in header.tensors.items()
    ]
    quantization = _quantization_of(config)
    packed = _packed_modules(tensors, quantization) if _is_mlx(quantization) else {}
    parameters: dict[str, int] = {}
    for name, dtype, shape in tensors:
        module, _, leaf = name.rpartition(".")
        packing = packed.get(module)
        if dtype in _SCALE_ONLY_DTYPES or not shape:
            continue
        if quantization is not None and leaf in _AUXILIARY:
            continue
        if packing and (leaf == "scales" or (leaf == "biases" and packing.mode == "affine")):
            continue
        elements = math.prod(shape)
        if packing and leaf == "weight":
            elements = _unpacked(elements, packing.bits)
        parameters[dtype] = parameters.get(dtype, 0) + elements
    total = sum(parameters.values())
    declared = _whole(declared_total)
    return HubParameters(parameters, min(total, declared) if declared else total)


def _unpacked(words: int, bits: int) -> int:
    """Weights in ``words`` 32-bit words, halves rounded up."""
    return (2 * words * _WORD_BITS + bits) // (2 * bits)


def _packed_modules(
    tensors: Sequence[tuple[str, str, tuple[int, ...]]], quantization: Mapping[str, Any] | None
) -> dict[str, _Packing]:
    """Module -> packing of every module that is stored packed and that the config can explain."""
    names = {name for name, _, _ in tensors}
    found: dict[str, _Packing] = {}
    for name, dtype, _ in tensors:
        module, _, leaf = name.rpartition(".")
        if leaf != "weight" or dtype != "U32" or f"{module}.scales" not in names:
            continue
        packing = _packing_of(module, quantization or {})
        if packing and (packing.mode != "affine" or f"{module}.biases" in names):
            found[module] = packing
    return found


def _packing_of(module: str, quantization: Mapping[str, Any]) -> _Packing | None:
    own = quantization.get(module)
    if own is False:
        return None
    return _valid_packing(own if isinstance(own, Mapping) else quantization)


def _valid_packing(fields: Mapping[str, Any]) -> _Packing | None:
    mode = fields.get("mode", "affine")
    if not isinstance(mode, str) or mode.lower() not in _MODE_DEFAULTS:
        return None
    mode = mode.lower()
    default_bits, default_group = _MODE_DEFAULTS[mode]
    bits = _or_default(fields.get("bits"), default_bits)
    group = _or_default(fields.get("group_size"), default_group)
    if mode == "affine":
        valid = bits in _AFFINE_BITS and group in _AFFINE_GROUPS
    else:
        valid = (bits, group) == (default_bits, default_group)
    return _Packing(int(bits), mode) if valid else None


def _or_default(value: object, default: int) -> float:
    if value is None:
        return default
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else math.nan  # type: ignore[return-value]


def _quantization_of(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """``quantization`` if it is MLX's, else ``quantization_config``; then the text part's."""
    for part in (config, config.get("text_config")):
        if not isinstance(part, Mapping):
            continue
        if _is_mlx(part.get("quantization")):
            return part["quantization"]  # type: ignore[no-any-return]
        if isinstance(part.get("quantization_config"), Mapping):
            return part["quantization_config"]  # type: ignore[no-any-return]
    return None


def _is_mlx(quantization: object) -> bool:
    """MLX names no ``quant_method``; a valid width, global or of a module, tells it."""
    if not isinstance(quantization, Mapping):
        return False
    method = quantization.get("quant_method")
    if method is not None and str(method).lower() != "mlx":
        return False
    parts = [quantization, *(v for v in quantization.values() if isinstance(v, Mapping))]
    return any(
        not part.keys().isdisjoint({"bits", "group_size", "mode"}) and _valid_packing(part)
        for part in parts
    )


def _whole(value: object) -> int | None:
    """A positive number of a metadata field, which may be text; None for anything else."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    return None
