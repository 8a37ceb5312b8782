"""The quant as mlx-lm lays it out: names, shapes and config, with nothing computed yet."""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.artifact.layout import INDEX_FILE
from hubtool.artifact.write_tensors import PlannedTensor, TensorFiles
from hubtool.quantize.allocation import Allocation
from hubtool.quantize.choice import UNQUANTIZED
from hubtool.quantize.loading import cast_as_declared
from hubtool.quantize.rounding.interface import Packed

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn


def usual_bits(allocation: Allocation) -> int:
    """The width that most parameters get: the config's own, and so the Hub's tag for the quant."""
    held: Counter[int] = Counter()
    for one in allocation.components:
        if one.choice.is_quantized:
            held[one.bits] += one.parameters
    if not held:
        return min(allocation.candidate_bits)
    return max(held, key=lambda bits: (held[bits], -bits))


class PlannedQuant:
    """``model`` (loaded lazily, with its ``config``) quantized as ``allocation`` says.

    mlx computes when a value is asked for: quantizing a model whose weights
    were not read yet only notes what is to be done. Writing takes one tensor
    after another, so memory holds one component at a time.
    """

    def __init__(self, model: nn.Module, config: dict[str, Any], allocation: Allocation) -> None:
        from mlx.utils import tree_flatten, tree_map
        from mlx_lm.utils import get_total_parameters, quantize_model

        cast_as_declared(model, config)
        sizes = {one.group_size for one in allocation.components if one.choice.is_quantized}
        with contextlib.redirect_stdout(io.StringIO()):  # mlx-lm prints
            model, self.config = quantize_model(
                model,
                config,
                # it quantizes no row that this does not divide
                min(sizes, default=allocation.group_size),
                usual_bits(allocation),
                mode="affine",
                quant_predicate=_predicate(allocation),  # by name: its position has changed before
            )
        self.parameters: int = get_total_parameters(model)
        self._arrays: dict[str, mx.array] = dict(tree_flatten(model.parameters()))
        model.update(tree_map(lambda _: _nothing(), model.parameters()))  # ours are the only ones

    @property
    def size_bytes(self) -> int:
        """What the tensors will take."""
        return sum(array.nbytes for array in self._arrays.values())

    @contextlib.contextmanager
    def writing(self, folder: Path) -> Iterator[Callable[[str, Packed], None]]:
        """Write all to ``folder``: within the context what is handed over, then the rest.

        The function takes a component's name and its rounded weight. A component
        that was not handed over is rounded by mlx.
        """
        from mlx_lm.utils import make_shards, save_config

        shards = make_shards(self._arrays)
        files = [_shard_name(number, len(shards)) for number in range(1, len(shards) + 1)]
        plan = {
            file: [PlannedTensor.of(name, array) for name, array in shard.items()]
            for file, shard in zip(files, shards, strict=True)
        }
        del shards  # holds every array
        with TensorFiles(folder, plan) as out:

            def write(component: str, packed: Packed) -> None:
                for part in ("weight", "scales", "biases"):
                    self._write(out, f"{component}.{part}", getattr(packed, part))

            yield write
            for name in out.missing:
                self._write(out, name, self._arrays[name])
        _write_index(folder, plan, self.parameters)
        save_config(self.config, config_path=folder / "config.json")

    def _write(self, out: TensorFiles, name: str, array: mx.array) -> None:
        import mlx.core as mx

        del self._arrays[name]
        out.write(name, array)
        mx.clear_cache()


def _nothing() -> mx.array:
    """An array of nothing."""
    import mlx.core as mx

    return mx.array([])


def _predicate(allocation: Allocation) -> Callable[[str, nn.Module], bool | dict[str, Any]]:
    """What mlx-lm asks for each module; a module that was not allocated stays as it is."""
    choices = {item.name: item.choice for item in allocation.components}

    def predicate(path: str, module: nn.Module) -> bool | dict[str, Any]:
        choice = choices.get(path, UNQUANTIZED)
        if not choice.is_quantized:
            return False
        return {"group_size": choice.group_size, "bits": choice.bits, "mode": "affine"}

    return predicate


def _shard_name(number: int, count: int) -> str:
    """As mlx-lm calls it."""
    return "model.safetensors" if count == 1 else f"model-{number:05d}-of-{count:05d}.safetensors"


def _write_index(folder: Path, plan: Mapping[str, list[PlannedTensor]], parameters: int) -> None:
    places = {tensor.name: file for file, tensors in plan.items() for tensor in tensors}
    total = sum(tensor.size_bytes for tensors in plan.values() for tensor in tensors)
    index = {
        "metadata": {"total_size": total, "total_parameters": parameters},
        "weight_map": dict(sorted(places.items())),
    }
    (folder / INDEX_FILE).write_text(json.dumps(index, indent=4), encoding="utf-8")
