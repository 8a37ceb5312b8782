"""The front matter of a quant's card: built from facts, merged with what a person added."""

from __future__ import annotations

from typing import Any

import yaml

from hubtool.card.facts import CardFacts
from hubtool.card.frontmatter import BYTE_ORDER_MARK, FrontMatter, split_card
from hubtool.errors import CardMetadataInvalid
from hubtool.scores.capability import Comparison
from hubtool.scores.readers.known import known_task

# keys that hubtool writes, in this order; all others in an existing card are a person's
OWNED = (
    "library_name",
    "pipeline_tag",
    "base_model",
    "base_model_relation",
    "license",
    "license_name",
    "license_link",
    "language",
    "tags",
    "model-index",
)
LICENCE_KEYS = ("license", "license_name", "license_link")
# never true for a quant although converters drag them along from the base
FALSE_FOR_A_QUANT = frozenset(
    {"model-index", "widget", "inference", "datasets", "metrics", "thumbnail", "co2_eq_emissions"}
)


def build_metadata(facts: CardFacts) -> dict[str, Any]:
    """The keys of :data:`OWNED` that this quant has; licence fields are the base's, copied."""
    licence = facts.licence
    listed = list(licence.identifiers)
    fields: dict[str, Any] = {
        "library_name": "mlx",
        "pipeline_tag": facts.pipeline_tag,
        "base_model": facts.base_repo,
        "base_model_relation": "quantized",
        "license": listed[0] if len(listed) == 1 else listed or None,
        "license_name": licence.name,
        "license_link": licence.link,
        "language": list(facts.languages) or None,
        "tags": list(facts.tags),
        "model-index": _model_index(facts) if facts.model_index else None,
    }
    return {key: fields[key] for key in OWNED if fields[key] is not None}


def _model_index(facts: CardFacts) -> list[dict[str, Any]] | None:
    """The scores of benchmarks that are datasets on the Hub; the others stay in the body.

    https://github.com/huggingface/hub-docs/blob/main/modelcard.md names the fields.
    """
    rows = facts.capability.all_rows if facts.capability else ()
    results = [
        {
            "task": {"type": "text-generation"},
            "dataset": {"type": known.dataset, "name": f"{known.name} ({_items(row)})"},
            "metrics": [
                {
                    "type": row.metric,
                    "value": round(row.candidate_percent, 2),
                    "name": row.display_name,
                }
            ],
        }
        for row in rows
        if (known := known_task(row.benchmark)) is not None
    ]
    return [{"name": facts.name, "results": results}] if results else None


def _items(row: Comparison) -> str:
    """``1000 items``, and where that is from if no score file states it."""
    return f"{row.n} items" + (f", by {row.n_from}" if row.n_from else "")


def merge_metadata(
    existing: str,
    wanted: dict[str, Any],
    *,
    newline: str = "\n",
    is_copied: bool = False,
) -> tuple[str, str]:
    """(block with its fences, body) of a card whose front matter says what is wanted.

    A block that says it already is kept byte for byte; otherwise owned keys
    are replaced, and a person's other keys and tags stay. With ``is_copied`` a
    converter wrote the block: what it copied from the base and is false for a
    quant goes. Languages stay where the base names none. A byte order mark
    goes: behind one, some readers see no front matter. Raises
    CardMetadataInvalid for a block that cannot be read: what a person wrote in
    it would be lost.
    """
    card = split_card(existing)
    if not card.readable:
        _require_nothing_lost(card)
        return _dump(wanted, newline), card.body
    kept = {
        key: value
        for key, value in card.data.items()
        if (key not in OWNED and not (is_copied and is_of_the_base(key)))
        or (key == "language" and key not in wanted)
    }
    tags = card.data.get("tags")
    own_tags = [tag for tag in tags if tag not in wanted["tags"]] if isinstance(tags, list) else []
    merged = {**wanted, "tags": [*wanted["tags"], *own_tags], **kept}
    if merged == card.data:
        front = existing[: len(existing) - len(card.body)]
        return front.removeprefix(BYTE_ORDER_MARK), card.body
    return _dump(merged, newline), card.body


def is_of_the_base(key: str) -> bool:
    return key in FALSE_FOR_A_QUANT or key.startswith("extra_gated_")


def _require_nothing_lost(card: FrontMatter) -> None:
    for problem in card.problems:
        if problem.kind not in ("missing", "blank", "bom", "ambiguous"):
            where = f"README.md, line {problem.line}" if problem.line else "README.md"
            raise CardMetadataInvalid(
                f"{where}: the front matter cannot be read: {problem.message}",
                "mend it there: hubtool keeps every key that a person wrote",
            )


def _dump(data: dict[str, Any], newline: str) -> str:
    # safe_dump quotes whatever YAML would read as something else: no, 1.10, dates
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n".replace("\n", newline)
