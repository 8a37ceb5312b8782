"""Which tensors of a base belong to the language model, to a tower, or to a speculative head."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import yaml

from hubtool.errors import TowerMismatch, UnknownTensors

# what loaders compute themselves and drop from every checkpoint
_RECOMPUTED = re.compile(r"rotary_emb\.inv_freq$|\.position_ids$|rotary_pos_emb\.inv_freq$")
# multi-token prediction heads: mtp.*, or extra layers behind the last one
_MTP = re.compile(r"(?:model\.)?(?:language_model\.)?(?:model\.)?mtp\.")
_LAYER = re.compile(r"(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.(\d+)\.")
# names that only towers have, in families that are not in towers.yaml
_TOWER_LIKE = re.compile(
    r"vision|visual|image|audio|speech|multi_modal|multimodal|mm_projector|patch_embed|connector"
)


@dataclasses.dataclass(frozen=True)
class TowerTensor:
    """One tensor of a tower: its name in the base and in the sidecar."""

    source: str
    name: str
    modality: str  # "vision" or "audio"
    channels_last: bool  # (out, in, ...) in the base becomes (out, ..., in)


@dataclasses.dataclass(frozen=True)
class TensorPlan:
    """Where the tensors of a base go. ``mtp`` holds names; language tensors go to mlx-lm."""

    towers: tuple[TowerTensor, ...]
    mtp: tuple[str, ...]

    @property
    def modalities(self) -> tuple[str, ...]:
        """What the towers read, sorted: of "audio", "vision"."""
        return tuple(sorted({tensor.modality for tensor in self.towers}))


@dataclasses.dataclass(frozen=True)
class TowerFamily:
    """A row of ``towers.yaml``; prefixes are without a leading ``model.``."""

    name: str
    language: tuple[str, ...]
    towers: tuple[tuple[str, str, str], ...]  # prefix in the base, prefix in the sidecar, modality
    channels_last: tuple[re.Pattern[str], ...]


def plan_tensors(repo: str, config: Mapping[str, Any], names: Iterable[str]) -> TensorPlan:
    """Sort the tensors of a base by where they go.

    Raises UnknownTensors naming the first that belongs nowhere, TowerMismatch
    if the config claims a tower that has no tensors, or the reverse.
    """
    family = _family(config.get("model_type"))
    layers = _layers(config)
    towers: list[TowerTensor] = []
    mtp: list[str] = []
    unknown: list[str] = []
    for name in sorted(names):
        if _RECOMPUTED.search(name):
            continue
        if _MTP.match(name) or _is_extra_layer(name, layers):
            mtp.append(name)
        elif family and (tensor := _tower_tensor(family, name)):
            towers.append(tensor)
        elif not _is_language(family, name):
            unknown.append(name)
    if unknown:
        raise UnknownTensors(
            f"{repo}: {unknown[0]} belongs neither to the language model nor to a tower that "
            f"hubtool knows ({len(unknown)} such tensors; model_type {config.get('model_type')!r})",
            "report it with the base's id; `sidecars: {vision: off}` in a manifest releases "
            "the language model alone",
            tensors=unknown[:20],
        )
    plan = TensorPlan(tuple(towers), tuple(mtp))
    _require_as_claimed(repo, config, plan)
    return plan


def plan_mtp(config: Mapping[str, Any], names: Iterable[str]) -> TensorPlan:
    """As :func:`plan_tensors` for a release without towers: only speculative heads."""
    layers = _layers(config)
    return TensorPlan(
        (),
        tuple(name for name in sorted(names) if _MTP.match(name) or _is_extra_layer(name, layers)),
    )


def tower_names(config: Mapping[str, Any], names: Iterable[str]) -> frozenset[str]:
    """Those of ``names`` that are towers' by the table: to see what a finished quant holds."""
    family = _family(config.get("model_type"))
    if family is None:
        return frozenset()
    prefixes = tuple(prefix for row in family.towers for prefix in row[:2])
    return frozenset(name for name in names if name.removeprefix("model.").startswith(prefixes))


def _family(model_type: object) -> TowerFamily | None:
    return _families().get(model_type) if isinstance(model_type, str) else None


@functools.cache
def _families() -> dict[str, TowerFamily]:
    """model_type -> family."""
    text = resources.files("hubtool.base").joinpath("towers.yaml").read_text("utf-8")
    found: dict[str, TowerFamily] = {}
    for name, row in yaml.safe_load(text).items():
        family = TowerFamily(
            name=name,
            language=tuple(row["language"]),
            towers=tuple((old, new, modality) for old, (new, modality) in row["towers"].items()),
            channels_last=tuple(re.compile(pattern) for pattern in row["channels_last"]),
        )
        found |= dict.fromkeys(row["model_types"], family)
    return found


def _tower_tensor(family: TowerFamily, name: str) -> TowerTensor | None:
    bare = name.removeprefix("model.")
    for old, new, modality in family.towers:
        if bare.startswith(old):
            last = any(pattern.search(name) for pattern in family.channels_last)
            return TowerTensor(name, new + bare.removeprefix(old), modality, last)
    return None


def _is_language(family: TowerFamily | None, name: str) -> bool:
    if family is None:  # mlx-lm loads it whole, so only what looks like a tower is left over
        return _TOWER_LIKE.search(name) is None
    return name.removeprefix("model.").startswith(family.language)


def _layers(config: Mapping[str, Any]) -> int | None:
    """Number of layers, if the config says that more than these are stored."""
    text = config.get("text_config") or config
    extra = text.get("num_nextn_predict_layers") or text.get("mtp_num_hidden_layers")
    count = text.get("num_hidden_layers")
    return count if extra and isinstance(count, int) else None


def _is_extra_layer(name: str, layers: int | None) -> bool:
    match = _LAYER.match(name) if layers is not None else None
    return match is not None and layers is not None and int(match[1]) >= layers


def _require_as_claimed(repo: str, config: Mapping[str, Any], plan: TensorPlan) -> None:
    for modality in ("vision", "audio"):
        claimed = bool(config.get(f"{modality}_config"))
        present = modality in plan.modalities
        if claimed and not present:
            raise TowerMismatch(
                f"{repo}: config.json has {modality}_config, but no tensor is of such a tower",
                "choose a base whose weights are whole, or one without the entry",
            )
        if present and not claimed:
            first = next(tensor for tensor in plan.towers if tensor.modality == modality)
            raise TowerMismatch(
                f"{repo}: {first.source} is of a {modality} tower, but config.json has no "
                f"{modality}_config",
                "choose a base whose config is whole",
            )
