"""A remote quant as a card needs it: small files and headers, never a byte of a weight.

A repo of one shard costs three requests at its first reading: the card, and
the header's length and the header (or ``optiq/release.json``, which knows the
length, and the header). One more where the card names no base and mlx-optiq's
metadata must, or where the listing tells too little of config.json.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from hubtool.artifact.components import MODE_DEFAULTS
from hubtool.artifact.headers import (
    LENGTH_BYTES,
    Header,
    header_length,
    parse_header,
    parse_index,
    require_safe_path,
)
from hubtool.artifact.hub_parameters import hub_parameters
from hubtool.artifact.layout import INDEX_FILE, PROVENANCE_FILE, VISION_SIDECAR, parse_json_object
from hubtool.artifact.parts import sidecars_among
from hubtool.artifact.stats import QuantStats, stats_from_headers
from hubtool.base.lineage import parents_of
from hubtool.base.towers import tower_names
from hubtool.card.compose import experts_of
from hubtool.card.facts import ModelTraits
from hubtool.card.frontmatter import split_card
from hubtool.card.provenance import SCORES_FILE, Provenance
from hubtool.errors import JournalUnreadable, RepoNotFound, StatsDisagree
from hubtool.recard.select import OPTIQ_FILES, Row
from hubtool.records import Record
from hubtool.scores.record import ScoreSet

if TYPE_CHECKING:
    from hubtool.hub.client import HubClient

READERS = 4  # shards of one repo at a time
WIDTHS = frozenset({2, 3, 4, 5, 6, 8})


@dataclasses.dataclass(frozen=True)
class RemoteQuant(Record):
    """A repo at one commit. ``readme`` is the card's text, None without one.

    ``release`` is the text of ``optiq/release.json`` as it stands there; ``base_repo``
    the base that the card names, else mlx-optiq's metadata.
    """

    schema: ClassVar[int] = 1
    repo: str
    commit: str
    readme: str | None
    release: str | None
    base_repo: str | None
    scores: ScoreSet | None
    stats: QuantStats
    traits: ModelTraits
    header_bytes: dict[str, int]

    @property
    def provenance(self) -> Provenance | None:
        """What ``optiq/release.json`` says; None without one, or if it cannot be read."""
        return _provenance(self.release)


def read_quant(hub: HubClient, row: Row) -> RemoteQuant:
    """The quant of a listing's row.

    Raises StatsDisagree for a card that is not UTF-8 and for figures that
    contradict each other, BrokenShard for a header that cannot be, and what
    requests raise. A repo without weights has figures of nothing.
    """
    readme = _text(hub, row, "README.md")
    release = _text(hub, row, PROVENANCE_FILE) if PROVENANCE_FILE in row.files else None
    provenance = _provenance(release)
    headers = _headers(hub, row, provenance.header_bytes if provenance else {})
    config = _config(hub, row, headers)
    return RemoteQuant(
        repo=row.repo,
        commit=row.commit,
        readme=readme,
        release=release,
        base_repo=provenance.base_repo if provenance else _base_repo(hub, row, readme),
        scores=_scores(hub, row, provenance),
        stats=stats_from_headers(headers, config),
        traits=_traits(row, config, headers),
        header_bytes={path: header.header_bytes for path, header in headers.items()},
    )


def _text(hub: HubClient, row: Row, path: str | None) -> str | None:
    if path is None or path not in row.files:
        return None
    content = hub.read_bytes(row.repo, path, row.commit)
    if content is None:  # never taken for a repo without a card
        raise RepoNotFound(f"{path} is listed and cannot be read (404)", "plan again later")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StatsDisagree(
            f"{row.repo}: {path} is not UTF-8: {error}", "repair it on the repo's page"
        ) from error


def _base_repo(hub: HubClient, row: Row, readme: str | None) -> str | None:
    for parent in parents_of(split_card(readme or "").data):
        return parent
    place = next((name for name in OPTIQ_FILES if name in row.files), None)
    return next(iter(parents_of(_object(_text(hub, row, place)))), None)


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _provenance(text: str | None) -> Provenance | None:
    try:
        return None if text is None else Provenance.from_json(json.loads(text))
    except (JournalUnreadable, ValueError, TypeError):
        return None  # another version's, or damaged: the rest of the repo tells


def _scores(hub: HubClient, row: Row, provenance: Provenance | None) -> ScoreSet | None:
    if provenance is not None and provenance.scores is not None:
        return provenance.scores
    text = _text(hub, row, SCORES_FILE) if provenance and SCORES_FILE in row.files else None
    return ScoreSet.from_json(json.loads(text)) if text else None


# --- headers -----------------------------------------------------------------


def _headers(hub: HubClient, row: Row, lengths: Mapping[str, int]) -> dict[str, Header]:
    """Path -> header of every weight file, a few at a time."""
    wanted = (*_shards(hub, row), *sidecars_among(row.files))
    for path in wanted:
        require_safe_path(path, f"{row.repo}: a file")
    if len(wanted) < 2:
        return {path: _header(hub, row, path, lengths.get(path)) for path in wanted}
    with ThreadPoolExecutor(READERS) as pool:
        jobs = {path: pool.submit(_header, hub, row, path, lengths.get(path)) for path in wanted}
        return {path: job.result() for path, job in jobs.items()}


def _shards(hub: HubClient, row: Row) -> tuple[str, ...]:
    """The main set, sorted. Of several files the index tells which; it must name just these."""
    there = {path for path in row.files if _is_weight(path)}
    if len(there) > 1 and INDEX_FILE in row.files:
        index = parse_index((_text(hub, row, INDEX_FILE) or "").encode())
        named = {path for path in index.files if _is_weight(path)}
        if odd := sorted(named ^ there):
            problem = "lies there and is not in it" if odd[0] in there else "is not there"
            raise StatsDisagree(
                f"{INDEX_FILE} does not name the weights of the repo: {odd[0]} {problem}",
                "correct the index, or remove the file",
            )
    return tuple(sorted(there))


def _is_weight(path: str) -> bool:
    return path.startswith("model") and path.endswith(".safetensors") and "/" not in path


def _header(hub: HubClient, row: Row, path: str, known_length: int | None) -> Header:
    """One request if the length is known and still right, else two: the length, then the rest."""
    first = known_length if known_length and known_length > LENGTH_BYTES else LENGTH_BYTES
    data, size = hub.read_start(row.repo, path, row.commit, first)
    length = LENGTH_BYTES + header_length(data, size, name=path)
    if length > len(data):
        data += hub.read_range(row.repo, path, row.commit, len(data), length - len(data))
    return parse_header(data[:length], size, name=path)


# --- config ------------------------------------------------------------------


def _config(hub: HubClient, row: Row, headers: Mapping[str, Header]) -> dict[str, Any]:
    """``config.json`` as far as figures need it: from the row where that is certain, else read."""
    found = _config_of_row(row, headers)
    if found is not None:
        return found
    text = _text(hub, row, "config.json")
    if text is None:
        if headers:
            raise StatsDisagree(f"{row.repo} has weights and no config.json", "publish it whole")
        return {}
    return parse_json_object(text, f"{row.repo}: config.json")


def _config_of_row(row: Row, headers: Mapping[str, Header]) -> dict[str, Any] | None:
    """Widths from the shapes and the listing's group size, if the Hub counts the same with them.

    A packed row has ``inputs x bits / 32`` words and ``inputs / group size``
    scales, so their ratio gives the width of every module. The Hub, which knows the
    whole config, counts the weights that the words stand for; only equal
    counts are trusted. None where config.json itself must tell: routed
    experts, towers in the main set, a model kind that may hold some.
    """
    settings = row.config.get("quantization_config")
    if not headers:
        return {}
    if not isinstance(settings, dict) or settings.get("quant_method") not in (None, "mlx"):
        return None
    named = [str(name) for name in row.config.get("architectures") or ()]
    if not named or not all(name.endswith("ForCausalLM") for name in named):
        return None
    mode = settings.get("mode", "affine")
    bits, group = settings.get("bits"), settings.get("group_size")
    if mode not in MODE_DEFAULTS or not isinstance(bits, int) or not isinstance(group, int):
        return None
    tensors = {name: info for header in headers.values() for name, info in header.tensors.items()}
    widths: dict[str, Any] = {}
    for name, weight in tensors.items():
        module = name.removesuffix(".weight")
        scales = tensors.get(f"{module}.scales")
        if module == name or weight.dtype != "U32" or scales is None:
            continue
        if len(weight.shape) != 2 or len(scales.shape) != 2 or not scales.shape[-1]:
            return None
        width, rest = divmod(weight.shape[-1] * 32, scales.shape[-1] * group)
        if rest or width not in WIDTHS:
            return None
        if width != bits:
            widths[module] = {"bits": width, "group_size": group}
    quantization = {"group_size": group, "bits": bits, "mode": mode, **widths}
    config = {
        "model_type": row.config.get("model_type"),
        "quantization": quantization,
        "quantization_config": quantization,
    }
    counted = [header for path, header in headers.items() if _is_weight(path)]
    if VISION_SIDECAR in headers and "model.safetensors" not in row.files:
        counted.append(headers[VISION_SIDECAR])
    return config if hub_parameters(counted, config).parameters == row.counted else None


def _traits(row: Row, config: dict[str, Any], headers: Mapping[str, Header]) -> ModelTraits:
    """As :func:`hubtool.card.compose.traits_of` reads them from a folder."""
    experts, active = experts_of(config)
    names = [name for header in headers.values() for name in header.tensors]
    tokenizer = row.config.get("tokenizer_config")
    templates = ("chat_template.jinja", "chat_template.json")
    return ModelTraits(
        has_chat_template=any(name in row.files for name in templates)
        or bool(isinstance(tokenizer, dict) and tokenizer.get("chat_template")),
        has_towers=VISION_SIDECAR in row.files or bool(tower_names(config, names)),
        experts=experts,
        active_experts=active,
    )
