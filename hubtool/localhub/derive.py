"""What the Hub makes of a repo's files at a commit: card data, tags, count, model tree, results.

Pure: it reads the files through two callables and nothing else. A broken file
never raises; its field gets the value that the Hub would show, the empty one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from hubtool.artifact.layout import INDEX_FILE
from hubtool.card.frontmatter import FrontMatter, read_yaml, split_card
from hubtool.card.metadata_rules import RELATIONS, as_list, is_repo_id
from hubtool.localhub.parameter_count import ReadRange, parameter_count

Read = Callable[[str], bytes]

README = "README.md"
CARD_LIMIT_BYTES = 10 * 1024 * 1024  # a card of this size can only be stored as LFS
JSON_LIMIT_BYTES = 50_000_000

_ARXIV = re.compile(
    r"(?:arxiv\.org/(?:abs|pdf)|huggingface\.co/papers|hf\.co/papers)/(\d{4}\.\d{4,5})"
)
_CHAT_TASKS = ("text-generation", "image-text-to-text")
_QUANTIZATION_FIELDS = {
    "quant_method": str,
    "mode": str,
    "bits": int,
    "group_size": int,
    "load_in_4bit": bool,
    "load_in_8bit": bool,
}
_TOKEN_FIELDS = ("bos_token", "eos_token", "pad_token", "unk_token")


def derive(
    paths: Sequence[str],
    read: Read,
    read_range: ReadRange,
    *,
    lfs: Collection[str] = (),
    sizes: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The computed fields of the model info, under the API's own names.

    ``read`` gives a whole file, ``read_range(path, start, length)`` a part of
    it, short or empty past the end. ``lfs`` are the paths stored as LFS: a
    card among them is not parsed. ``sizes`` (bytes by path) spares the reads
    that find the length of a weight file, which cost over a network.
    """
    card = _card(paths, read, lfs)
    config = _json(paths, read, "config.json")
    data = card.data
    index = _json(paths, read, INDEX_FILE)
    model_config = _model_config(paths, read, config)
    base_models = _base_models(paths, data, config)
    derived: dict[str, Any] = {
        "cardData": data,
        "pipeline_tag": _text(data.get("pipeline_tag")),
        "library_name": _text(data.get("library_name")),
        "license": data.get("license"),
        "config": model_config,
        "safetensors": parameter_count(paths, index, config, read_range, sizes or {}),
        "baseModels": base_models,
        "evalResults": list(_eval_results(paths, read)),
    }
    derived["tags"] = _tags(paths, card, derived)
    return derived


# --- files -------------------------------------------------------------------


def _card(paths: Sequence[str], read: Read, lfs: Collection[str]) -> FrontMatter:
    if README not in paths or README in lfs:
        return split_card("")
    content = read(README)
    if len(content) >= CARD_LIMIT_BYTES:
        return split_card("")
    return split_card(content.decode("utf-8", "replace"))


def _json(paths: Sequence[str], read: Read, path: str) -> dict[str, Any]:
    """The object in a JSON file; ``{}`` if it is absent, too large, broken or not an object."""
    if path not in paths:
        return {}
    content = read(path)
    if len(content) > JSON_LIMIT_BYTES:
        return {}
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """``value`` if it is text that UTF-8 can hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _texts(values: object) -> list[str]:
    return [text for text in map(_text, as_list(values)) if text]


# --- config ------------------------------------------------------------------


def _model_config(paths: Sequence[str], read: Read, config: dict[str, Any]) -> dict[str, Any]:
    """The few fields of config.json and the tokenizer's that the Hub repeats in the info."""
    found: dict[str, Any] = {}
    if architectures := _texts(config.get("architectures")):
        found["architectures"] = architectures
    if model_type := _text(config.get("model_type")):
        found["model_type"] = model_type
    quantization = config.get("quantization_config")
    if isinstance(quantization, Mapping):
        found["quantization_config"] = {
            key: quantization[key]
            for key, kind in _QUANTIZATION_FIELDS.items()
            if type(quantization.get(key)) is kind
        }
    tokenizer = _json(paths, read, "tokenizer_config.json")
    tokens = {key: _text(_token(tokenizer.get(key))) for key in _TOKEN_FIELDS}
    tokenizer_config: dict[str, Any] = {key: text for key, text in tokens.items() if text}
    if template := _chat_template(tokenizer.get("chat_template")):
        tokenizer_config["chat_template"] = template
    if tokenizer_config:
        found["tokenizer_config"] = tokenizer_config
    if "chat_template.jinja" in paths:
        found["chat_template_jinja"] = read("chat_template.jinja").decode("utf-8", "replace")
    return found


def _token(value: object) -> object:
    return value.get("content") if isinstance(value, dict) else value


def _chat_template(value: object) -> str | list[dict[str, str]] | None:
    """One template, or named ones; None for anything else."""
    if isinstance(value, list):
        named = [
            {"name": name, "template": template}
            for item in value
            if isinstance(item, dict)
            and (name := _text(item.get("name")))
            and (template := _text(item.get("template")))
        ]
        return named or None
    return _text(value) or None


# --- model tree --------------------------------------------------------------


def _base_models(
    paths: Sequence[str], data: dict[str, Any], config: dict[str, Any]
) -> dict[str, Any] | None:
    """``{relation, models: [{id}]}``; the relation is inferred where the card names none."""
    models = [{"id": base} for base in as_list(data.get("base_model")) if is_repo_id(base)]
    if not models:
        return None
    relation = data.get("base_model_relation")
    if relation not in RELATIONS:
        relation = _inferred_relation(paths, len(models), config)
    return {"relation": relation, "models": models}


def _inferred_relation(paths: Sequence[str], models: int, config: dict[str, Any]) -> str:
    if "adapter_config.json" in paths:
        return "adapter"
    if models > 1:
        return "merge"
    if "quantization_config" in config or any(path.endswith(".gguf") for path in paths):
        return "quantized"
    return "finetune"


# --- evaluation results ------------------------------------------------------


def _eval_results(paths: Sequence[str], read: Read) -> Iterator[dict[str, Any]]:
    """Each result as ``{filename, data}``; a file with any fault as ``{filename, error}``."""
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        if folder != ".eval_results" or not name.endswith((".yaml", ".yml")):
            continue
        value, problems = read_yaml(read(path).decode("utf-8", "replace"))
        errors = [problem.message for problem in problems if problem.kind != "ambiguous"]
        errors = errors or list(_eval_errors(value))
        if errors:
            yield {"filename": path, "error": "; ".join(errors)}
        else:
            yield from ({"filename": path, "data": entry} for entry in value)


def _eval_errors(value: object) -> Iterator[str]:
    if not isinstance(value, list):
        yield '"value" must be an array'
        return
    for position, entry in enumerate(value):
        if not isinstance(entry, dict):
            yield f'"[{position}]" must be of type object'
            continue
        dataset = entry.get("dataset")
        dataset = dataset if isinstance(dataset, dict) else {}
        if not is_repo_id(dataset.get("id")):
            yield f'"[{position}].dataset.id" must be a dataset id'
        if not _text(dataset.get("task_id")):
            yield f'"[{position}].dataset.task_id" is required'
        number = entry.get("value")
        if not isinstance(number, int | float) or isinstance(number, bool):
            yield f'"[{position}].value" must be a number'
        source = entry.get("source")
        if source is not None and not (isinstance(source, dict) and _text(source.get("url"))):
            yield f'"[{position}].source.url" is required'
        for key in ("date", "notes"):
            if entry.get(key) is not None and not isinstance(entry[key], str):
                yield f'"[{position}].{key}" must be a string'


# --- tags --------------------------------------------------------------------


def _tags(paths: Sequence[str], card: FrontMatter, derived: dict[str, Any]) -> list[str]:
    """All tags once: what the files say, what the card says, then those with a prefix."""
    data, config = card.data, derived["config"]
    tags = [derived["library_name"]]
    if any(path.endswith(".safetensors") for path in paths):
        tags.append("safetensors")
    if any(path.endswith(".gguf") for path in paths):
        tags.append("gguf")
    tags += [config.get("model_type"), *_texts(data.get("tags")), derived["pipeline_tag"]]
    has_template = "chat_template" in config.get("tokenizer_config", {})
    if has_template and derived["pipeline_tag"] in _CHAT_TASKS:
        tags.append("conversational")
    tags += _texts(data.get("language"))
    tags += [f"dataset:{name}" for name in _texts(data.get("datasets"))]
    tags += [f"arxiv:{paper}" for paper in _ARXIV.findall(card.body)]
    tree = derived["baseModels"] or {"models": []}
    for model in tree["models"]:
        tags += [f"base_model:{model['id']}", f"base_model:{tree['relation']}:{model['id']}"]
    tags += [f"license:{name}" for name in _texts(derived["license"])]
    if bits := config.get("quantization_config", {}).get("bits"):
        tags.append(f"{bits}-bit")
    return list(dict.fromkeys(tag for tag in tags if tag))
