"""What a quant takes on disk: the parts that choices decide, and the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.artifact.headers import BITS_PER_ELEMENT, TensorInfo, read_headers
from hubtool.artifact.layout import read_json_object
from hubtool.base.towers import plan_mtp, plan_tensors
from hubtool.quantize.choice import UNQUANTIZED, Choice
from hubtool.quantize.components import find_components
from hubtool.quantize.loading import cast_as_declared, load_lazily

if TYPE_CHECKING:
    import mlx.nn as nn

# an entry of a safetensors header: dtype, shape and offsets beside the name
ENTRY_BYTES = 110


@dataclasses.dataclass(frozen=True)
class WeightShape:
    """A component's weight: how many, in rows of how many, and the bytes of one as a float."""

    parameters: int
    inputs: int
    float_bytes: int

    def bytes_at(self, choice: Choice) -> int:
        """Packed weights with their scales and biases, or the floats."""
        if not choice.is_quantized:
            return self.parameters * self.float_bytes
        groups = self.parameters // choice.group_size
        return self.parameters * choice.bits // 8 + 2 * self.float_bytes * groups


@dataclasses.dataclass(frozen=True)
class Footprint:
    """Shapes of the components, and what else is stored beside them.

    ``other_bytes`` and ``other_parameters`` are of norms, biases, and sidecars
    where they are wanted. ``header_bytes`` is a little above what the headers
    of the files will take.
    """

    weights: dict[str, WeightShape]
    other_parameters: int
    other_bytes: int
    header_bytes: int

    @property
    def parameters(self) -> int:
        """Of everything that is stored, each once."""
        return self.other_parameters + sum(one.parameters for one in self.weights.values())

    def bytes_at(self, choices: Mapping[str, Choice]) -> int:
        """Of all tensors with these choices; a component without one stays as it is."""
        return self.other_bytes + sum(
            shape.bytes_at(choices.get(name, UNQUANTIZED)) for name, shape in self.weights.items()
        )


def footprint_of_folder(
    folder: Path,
    group_size: int,
    *,
    vision: bool = False,
    mtp: bool = False,
    trust_remote_code: bool = False,
) -> Footprint:
    """Of the base in ``folder``, from its shapes alone: no weight is read.

    ``group_size`` is the smallest that is tried: it decides what a component
    is. ``vision`` and ``mtp`` add the sidecars that `split` would write. Raises what
    loading the model raises, and UnknownTensors or TowerMismatch for towers.
    """
    model = load_lazily(folder, trust_remote_code=trust_remote_code)
    config = read_json_object(folder / "config.json")
    found = _of_model(model, config, group_size)
    if not vision and not mtp:
        return found
    sidecars = _sidecar_tensors(folder, config, vision=vision, mtp=mtp)
    sizes = [
        (one.elements, one.elements * BITS_PER_ELEMENT[one.dtype] // 8) for one in sidecars.values()
    ]
    return dataclasses.replace(
        found,
        other_parameters=found.other_parameters + sum(count for count, _ in sizes),
        other_bytes=found.other_bytes + sum(size for _, size in sizes),
        header_bytes=found.header_bytes + _entries(sidecars),
    )


def _of_model(model: nn.Module, config: dict[str, Any], group_size: int) -> Footprint:
    import mlx.core as mx
    from mlx.utils import tree_flatten

    cast_as_declared(model, config)  # still unread
    weights = {
        one.name: WeightShape(
            one.parameters, int(one.module.weight.shape[-1]), one.module.weight.dtype.size
        )
        for one in find_components(model, group_size)[0]
    }
    tensors: list[tuple[str, mx.array]] = tree_flatten(model.parameters())
    quantizable = {f"{name}.weight" for name in weights}
    others = [one for path, one in tensors if path not in quantizable]
    return Footprint(
        weights=weights,
        other_parameters=sum(int(one.size) for one in others),
        other_bytes=sum(int(one.nbytes) for one in others),
        # a quantized weight has scales and biases beside it
        header_bytes=_entries([path for path, _ in tensors]) + 2 * _entries(weights),
    )


def _entries(names: Collection[str]) -> int:
    return sum(len(name) + ENTRY_BYTES for name in names)


def _sidecar_tensors(
    folder: Path, config: Mapping[str, Any], *, vision: bool, mtp: bool
) -> dict[str, TensorInfo]:
    shards = tuple(sorted(file.name for file in folder.glob("*.safetensors")))
    headers = read_headers(folder, shards)
    tensors = {name: one for header in headers.values() for name, one in header.tensors.items()}
    plan = plan_tensors(folder.name, config, tensors) if vision else plan_mtp(config, tensors)
    wanted = [*(one.source for one in plan.towers), *(plan.mtp if mtp else ())]
    return {name: tensors[name] for name in wanted}
