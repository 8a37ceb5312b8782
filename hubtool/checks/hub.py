"""What the Hub will make of the quant: its parameter count, its snippet, its view of the card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hubtool.artifact.headers import Header, read_header, read_index
from hubtool.artifact.hub_parameters import counted_files, hub_parameters
from hubtool.artifact.layout import read_json_object
from hubtool.artifact.stats import stats_from_headers, stats_of_folder
from hubtool.card.compose import CARD_FILE, traits_of
from hubtool.card.snippet import snippet_of
from hubtool.checks.interface import CheckSubject, Finding, verdict
from hubtool.checks.metadata import card_of, unreadable

FINDS = {
    "hub/parameters": "the Hub will count the parameters that are there",
    "hub/snippet": "the page will offer code and buttons for MLX",
    "hub/card": "the Hub will read the card's front matter and show the page whole",
}
LONG_CARD_BYTES = 100_000
CARD_LIMIT_BYTES = 10 * 1024 * 1024  # from here on the Hub keeps a file as LFS, and reads no card
_LFS_RULE = re.compile(r"^(\*|\*\.md|README\.md|/README\.md)\s.*\bfilter=lfs\b", re.MULTILINE)


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``hub/*``."""
    yield _parameters(subject.folder)
    yield _snippet(subject)
    yield from _card(subject)


def _parameters(folder: Path) -> Finding:
    """The Hub's rule against the logical count, over the files that it counts."""
    index = read_index(folder)
    paths = [file.name for file in folder.glob("*.safetensors")]
    mapped = {"weight_map": index.weight_map} if index else None
    counted = [path for path in counted_files(paths, mapped) if (folder / path).is_file()]
    if not counted:
        return Finding(
            "hub/parameters",
            "fail",
            "the Hub would count nothing: no model.safetensors and no index",
            "run `hubtool split` on the folder",
        )
    config = read_json_object(folder / "config.json")
    headers = {path: read_header(folder / path) for path in counted}
    tensors = [tensor for header in headers.values() for tensor in header.tensors.values()]
    own = stats_from_headers(headers, config).parameters
    own -= sum(not tensor.shape for tensor in tensors)  # single numbers, which the Hub skips
    declared = index.metadata.get("total_parameters") if index else None
    shown = hub_parameters(headers.values(), config).total
    lowered = hub_parameters(headers.values(), config, declared).total
    problem, remedy = None, ""
    if shown != own:
        problem = f"the Hub would show {shown:,} parameters, the tensors hold {own:,}"
        odd = next(_odd_keys(config, headers), None)
        problem += f": {odd}" if odd else ""
        remedy = (
            "give each module in config.json the width that its tensors have, letter for letter"
        )
    elif lowered != own:
        problem = f"the index says {declared} parameters, which lowers the Hub's {own:,}"
        remedy = "run `hubtool split` on the folder: it writes the index anew"
    good = f"{own:,} parameters{_left_out(folder, headers, own)}"
    return verdict("hub/parameters", problem, good, remedy)


def _left_out(folder: Path, headers: Mapping[str, Header], counted: int) -> str:
    """What the Hub does not count of all the parameters here, in words; nothing if it counts all.

    The card and ``hubtool inspect`` count them all.
    """
    everything = stats_of_folder(folder).parameters
    single = sum(not one.shape for header in headers.values() for one in header.tensors.values())
    elsewhere = everything - counted - single
    parts = [f"{single:,} single numbers (tensors without a dimension)"] if single else []
    parts += [f"{elsewhere:,} in files that its index does not name"] if elsewhere > 0 else []
    if not parts:
        return ""
    return f"; here are {everything:,}: the Hub leaves out {' and '.join(parts)}"


def _odd_keys(config: Mapping[str, Any], headers: Mapping[str, Header]) -> Iterator[str]:
    """What the config says of a module and the tensors do not, in words."""
    names = {name for header in headers.values() for name in header.tensors}
    settings = config.get("quantization")
    for module, value in sorted(settings.items()) if isinstance(settings, dict) else ():
        packed = f"{module}.scales" in names
        if isinstance(value, dict) and not packed:
            yield f"config.json gives a width to {module}, which has no scales"
        elif value is False and packed:
            yield f"config.json says that {module} is not quantized, and it has scales"


def _snippet(subject: CheckSubject) -> Finding:
    card = card_of(subject)
    if fault := unreadable("hub/snippet", card):
        return fault
    data = card.data
    listed = data.get("tags")
    tags = [tag for tag in listed if isinstance(tag, str)] if isinstance(listed, list) else []
    task = data.get("pipeline_tag")
    snippet = snippet_of(data.get("library_name"), task, tags)
    chats = traits_of(subject.folder).has_chat_template
    problem = None
    if snippet in (None, "download only"):
        problem = f"for pipeline_tag {task!r} the page would offer no code, only a download"
    elif "mlx" not in tags:
        problem = "the tag mlx is missing, which the page's buttons look at"
    elif chats and "conversational" not in tags:
        problem = "there is a chat template and no tag conversational: the page would not chat"
    buttons = ["LM Studio and other apps for MLX"]
    buttons += ["MLX LM"] if task == "text-generation" else []
    buttons += ["agents"] if chats else []
    return verdict(
        "hub/snippet",
        problem,
        f"the page offers code for {snippet}; buttons for {', '.join(buttons)}",
        "render the card again: `hubtool card`",
        CARD_FILE,
    )


def _line_not_utf8(content: bytes) -> int | None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return None


def _card(subject: CheckSubject) -> Iterator[Finding]:
    card, rules = subject.folder / CARD_FILE, subject.folder / ".gitattributes"
    content = card.read_bytes() if card.is_file() else b""
    problem = None
    if subject.origin and CARD_FILE in subject.origin.stored_as_lfs:
        problem = "it is stored as LFS: the Hub reads no front matter from it"
    elif rules.is_file() and _LFS_RULE.search(rules.read_text("utf-8", "replace")):
        problem = ".gitattributes puts it into LFS: the Hub would read no front matter from it"
    elif card.is_dir():
        problem = "README.md is a folder: the page would be empty"
    elif not card.is_file():
        problem = "there is no README.md: the page would be empty"
    elif (line := _line_not_utf8(content)) is not None:
        problem = f"line {line} is not UTF-8: the Hub takes no such card"
    elif len(content) >= CARD_LIMIT_BYTES:
        problem = f"{len(content):,} bytes would be stored as LFS: no front matter would be read"
    yield verdict(
        "hub/card",
        problem,
        "a regular file that the Hub reads",
        "keep README.md a regular UTF-8 file below 10 MiB",
        CARD_FILE,
    )
    if len(content) > LONG_CARD_BYTES and problem is None:
        yield Finding(
            "hub/card", "warn", f"{len(content):,} bytes: the page may be cut", subject=CARD_FILE
        )
    if b"](data:" in content or b'src="data:' in content:
        yield Finding(
            "hub/card", "warn", "a picture inside the text is not shown: use a file of the repo"
        )
