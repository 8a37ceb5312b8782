"""The calibration mix: what sensitivity is measured on."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ValidationError, model_validator

from hubtool.errors import CalibrationInvalid

OWN_MIX = Path(__file__).parent / "calibration"
LEAST_TOKENS = 48  # of a text that is worth measuring or comparing on
DOMAINS = ("prose", "reasoning", "code", "agent", "tool_call", "constraints")


class Tokenizer(Protocol):
    """What is needed of a tokenizer: transformers' and mlx-lm's both fit."""

    chat_template: Any

    def encode(self, text: str, **options: Any) -> list[int]: ...
    def apply_chat_template(self, conversation: Any, **options: Any) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Sample:
    """One text, or one conversation (``messages``: role and content)."""

    id: str
    text: str | None
    messages: tuple[dict[str, str], ...]

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids; a conversation goes through the chat template if the tokenizer has one."""
        if self.text is not None:
            return tokenizer.encode(self.text)
        if getattr(tokenizer, "chat_template", None):
            rendered = tokenizer.apply_chat_template(list(self.messages), tokenize=False)
            return tokenizer.encode(rendered, add_special_tokens=False)
        turns = (f"{turn['role']}: {turn['content']}" for turn in self.messages)
        return tokenizer.encode("\n".join(turns))


class _Turn(BaseModel):
    role: str
    content: str


class _Row(BaseModel):
    """A line of a domain's file."""

    id: str
    text: str | None = None
    messages: tuple[_Turn, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.text is None) == (not self.messages):
            raise ValueError("exactly one of text and messages is needed")
        return self


@dataclasses.dataclass(frozen=True)
class Window:
    """A piece of one domain, as token ids."""

    domain: str
    tokens: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class CalibrationMix:
    """Samples by domain. ``sha256`` is of the files' names and bytes, in the domains' order."""

    sha256: str
    samples: dict[str, tuple[Sample, ...]]

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains, in order."""
        return tuple(self.samples)

    def token_windows(
        self, tokenizer: Tokenizer, total_tokens: int, *, longest: int = 512
    ) -> tuple[Window, ...]:
        """Windows of about ``total_tokens`` tokens in all, evenly over the domains.

        Each domain gets the same share. Its samples are cut to a common length
        so that all of them are read before one is read further; none is longer
        than ``longest``. Domains alternate, so any first part of the windows is
        a fair mix as well. Raises CalibrationInvalid below two tokens a domain.
        """
        share = total_tokens // len(self.samples)
        if share < 2:
            raise CalibrationInvalid(
                f"{total_tokens} tokens are too few for {len(self.samples)} domains of text",
                f"ask for {2 * len(self.samples)} tokens or more",
            )
        columns = []
        for domain, samples in self.samples.items():
            encoded = [sample.tokens(tokenizer)[:longest] for sample in samples]
            pieces = _share_out(encoded, share)
            columns.append([Window(domain, tuple(piece)) for piece in pieces if len(piece) > 1])
        rows = max(len(column) for column in columns)
        return tuple(column[row] for row in range(rows) for column in columns if row < len(column))


def load_mix(folder: Path | None = None) -> CalibrationMix:
    """The mix in ``folder`` (one ``<domain>.jsonl`` a domain), hubtool's own without one.

    Each line is ``{"id", "text"}`` or ``{"id", "messages"}``. Raises
    CalibrationInvalid naming file and line.
    """
    root = folder or OWN_MIX
    names = DOMAINS if folder is None else tuple(sorted(f.stem for f in root.glob("*.jsonl")))
    if not names:
        what = "has no *.jsonl" if root.is_dir() else "is no folder"
        raise CalibrationInvalid(
            f"calibration: {root} {what}",
            "name a folder with one DOMAIN.jsonl for each kind of text, its lines "
            '{"id": ..., "text": ...} or {"id": ..., "messages": [...]}; or leave it out: then '
            "hubtool's own mix is read",
        )
    digest = hashlib.sha256()
    samples = {}
    for name in names:
        content = (root / f"{name}.jsonl").read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
        samples[name] = _parse(root / f"{name}.jsonl", content)
    return CalibrationMix(digest.hexdigest(), samples)


def _parse(file: Path, content: bytes) -> tuple[Sample, ...]:
    found = []
    # not splitlines(): a JSON string may hold the line separators of Unicode
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), 1):
        try:
            row = _Row.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise CalibrationInvalid(
                f"{file.name}, line {number}: {where + ': ' if where else ''}{first['msg']}",
                'write one {"id": ..., "text": ...} or {"id": ..., "messages": [...]} a line',
            ) from error
        found.append(Sample(row.id, row.text, tuple(turn.model_dump() for turn in row.messages)))
    return tuple(found)


def _share_out(samples: list[list[int]], share: int) -> list[list[int]]:
    """Cut the samples so that they hold ``share`` tokens in all, the long ones first.

    With less than 32 tokens a sample, fewer samples are read instead, as long
    as those hold enough.
    """
    count = min(len(samples), max(1, share // 32))
    while count < len(samples) and sum(map(len, samples[:count])) < share:
        count += 1
    chosen, left = samples[:count], share
    lengths = [0] * count
    for place, index in enumerate(sorted(range(count), key=lambda i: len(chosen[i]))):
        lengths[index] = min(len(chosen[index]), left // (count - place))
        left -= lengths[index]
    return [tokens[:length] for tokens, length in zip(chosen, lengths, strict=True)]
