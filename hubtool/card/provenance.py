"""``optiq/release.json``: where a quant comes from, as far as its bytes cannot tell.

Together with the weights, ``config.json`` and ``optiq/scores.json`` it is all
that a card is made from, so a folder or a repo can be carded again alone.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.base.source import Base
from hubtool.card.templates import template_sha256
from hubtool.errors import JournalUnreadable
from hubtool.licences.declared import LicenceTerms
from hubtool.licences.families import families_of
from hubtool.licences.texts import path_in_quant
from hubtool.quantize.imported import claims_of_folder
from hubtool.quantize.optiq_files import (
    TOOL,
    MeasurementFacts,
    read_making,
    read_verification,
)
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.verification import Verification
from hubtool.records import FileHash, Record
from hubtool.scores.record import ScoreSet

SCORES_FILE = "optiq/scores.json"
OTHER_TOOL = "another tool"  # when an imported folder does not name its method


@dataclasses.dataclass(frozen=True)
class LicenceFacts:
    """A licence as the repo at ``revision`` declares it. ``link`` is absolute.

    Without a revision it is what the quant's own card says, which nobody looked up.
    """

    repo: str  # who declares it
    revision: str  # at which commit
    identifiers: tuple[str, ...]  # the Hub's licence ids
    name: str | None  # `license_name`
    link: str | None  # its text, an absolute address
    shown: str | None = None  # a phrase that the card must show
    limit: str | None = None  # a limit of use, in one sentence
    files: tuple[str, ...] = ()  # its texts, as they lie in the quant
    choice: str | None = None  # what was chosen where the repo contradicts itself


@dataclasses.dataclass(frozen=True)
class BaselineFacts:
    """The quant that scores are compared with, as its headers at ``revision`` show it.

    ``base_repo`` is the base that its own card names.
    """

    repo: str  # Hub id
    revision: str  # the commit that was read
    base_repo: str | None  # the base that its own card names
    widths: tuple[int, ...]  # ascending bits
    nominal_bpw: float  # bits of the quantized weights alone
    stored_bpw: float  # all weight bytes over all parameters
    weights_bytes: int  # all weight files


@dataclasses.dataclass(frozen=True)
class Provenance(Record):
    """One release. Paths are relative to the repo; no path of a machine is in here."""

    schema: ClassVar[int] = 1
    repo: str
    base_repo: str
    base_revision: str  # "" if it is not known: another tool does not write it down
    base_url: str
    qat_evidence: str | None  # where the base says that it was trained for quantization
    languages: tuple[str, ...]
    base_tags: tuple[str, ...]
    licence: LicenceFacts
    licence_files: tuple[FileHash, ...]
    also_bound_by: tuple[LicenceFacts, ...]
    measurement: MeasurementFacts | None
    target_bpw: float | None
    made_by: str  # "hubtool", or the method that the imported folder names
    drafter: str | None
    baseline: str | None
    template: str
    template_sha256: str
    brand: str
    tools: dict[str, str]  # package -> version
    git_commit: str | None
    git_tag: str | None
    files: tuple[str, ...]  # every path of the release, this file's own included
    baseline_facts: BaselineFacts | None = None
    model_index: bool = False  # the front matter repeats the scores
    budget: str | None = None  # the flags that ask for the same budget again
    chosen_by: str | None = None  # what the widths come from, where hubtool measured nothing
    verification: Verification | None = None  # the comparison with the base, where one was made
    rounding: str | None = None  # how weights were rounded, where hubtool did it
    # what saves a reader of the remote repo a request each
    header_bytes: dict[str, int] = dataclasses.field(default_factory=dict)  # of weight files
    scores: ScoreSet | None = None  # those of optiq/scores.json, unless it lists failed items
    # where the manifest was read, beside git_commit and git_tag
    git_repository: str | None = None  # its address, without credentials
    git_manifest: str | None = None  # path in the repository
    git_tagger: str | None = None  # who made the tag, by name; None for a lightweight one
    git_signature: str | None = None  # of the tag: openpgp, ssh, x509; found, not verified
    overrides: dict[str, str] = dataclasses.field(default_factory=dict)  # field -> flag's value

    @classmethod
    def of_folder(cls, folder: Path) -> Provenance:
        """What the folder's own file says. Raises JournalUnreadable for a damaged one."""
        try:
            return cls.read(folder / PROVENANCE_FILE)
        except JournalUnreadable as error:
            raise JournalUnreadable(
                error.message,
                "take it back from the quant's repo, or render the card anew with "
                "--base ORG/BASE --repo ORG/NAME",
            ) from error


@dataclasses.dataclass(frozen=True)
class CardWish:
    """What the manifest asks of the card, with the hashes of what it is rendered with.

    ``template`` and ``brand`` are names of shipped ones, or paths.
    """

    template: str
    template_sha256: str
    brand: str
    brand_sha256: str
    drafter: str | None
    baseline: str | None
    model_index: bool = False
    rounding: RoundingName = "nearest"  # how hubtool rounds, where it quantizes
    notice: str | None = None  # the line for the Notice file, where the base's texts lack it


@dataclasses.dataclass(frozen=True)
class GitSource:
    """The commit, and its tag if it has one, that a manifest was read from.

    ``by_tag`` is whether that very tag was asked for: then it is a release of its own.
    """

    commit: str
    tag: str | None
    repository: str | None = None  # address, without credentials
    manifest: str | None = None  # path in the repository
    tagger: str | None = None  # name alone: an address of a person is not published
    signature: str | None = None  # openpgp, ssh or x509; found, not verified
    overrides: tuple[tuple[str, str], ...] = ()  # manifest field, value of the flag over it
    by_tag: bool = False


def provenance_of(
    folder: Path,
    base: Base,
    terms: LicenceTerms,
    wish: CardWish,
    *,
    licence_files: tuple[FileHash, ...],
    baseline: BaselineFacts | None,
    git: GitSource | None,
    verification: Verification | None = None,
) -> Provenance:
    """The provenance of the quant of ``base`` in ``folder``; ``files`` is filled on writing.

    Without a ``verification`` it is the one that the folder's metadata holds.
    """
    card, making = base.card_metadata, read_making(folder)
    copied = frozenset(file.path for file in licence_files)
    made_by = TOOL if making else claims_of_folder(folder).method or OTHER_TOOL
    return Provenance(
        repo=base.target_repo,
        base_repo=base.repo,
        base_revision=base.revision,
        base_url=base.canonical_url,
        qat_evidence=qat_evidence(base.repo, texts_of(card.get("tags"))),
        languages=texts_of(card.get("language")),
        base_tags=texts_of(card.get("tags")),
        licence=licence_facts(terms, terms, copied),
        licence_files=licence_files,
        also_bound_by=tuple(licence_facts(terms, other, copied) for other in terms.also_bound_by),
        measurement=making.measurement if making else None,
        target_bpw=making.target_bpw if making else None,
        made_by=made_by,
        drafter=wish.drafter,
        baseline=wish.baseline,
        template=Path(wish.template).name,
        template_sha256=template_sha256(wish.template),
        brand=Path(wish.brand).name,
        tools=tools_of(made_by),
        git_commit=git.commit if git else None,
        git_tag=git.tag if git else None,
        files=(),
        baseline_facts=baseline,
        model_index=wish.model_index,
        git_repository=git.repository if git else None,
        git_manifest=git.manifest if git else None,
        git_tagger=git.tagger if git else None,
        git_signature=git.signature if git else None,
        overrides=dict(git.overrides) if git else {},
        budget=making.budget if making else None,
        chosen_by=making.chosen_by if making else None,
        verification=made(verification) or read_verification(folder),
        rounding=making.rounding if making else None,
    )


def made(verification: Verification | None) -> Verification | None:
    """A comparison that was made; one that was skipped is none."""
    return verification if verification and verification.distance else None


def short_scores(scores: ScoreSet | None) -> ScoreSet | None:
    """The scores, if none lists its failed items: those can be many."""
    listed = (*scores.candidate, *scores.baseline) if scores else ()
    return None if any(score.failed_items for score in listed) else scores


def licence_facts(base: LicenceTerms, owner: LicenceTerms, copied: frozenset[str]) -> LicenceFacts:
    """The terms of ``owner``, in the chain of ``base``; ``copied`` are texts that the quant has."""
    families = families_of(owner)
    paths = (path_in_quant(base, owner, file) for file in owner.files)
    return LicenceFacts(
        repo=owner.repo,
        revision=owner.revision,
        identifiers=owner.identifiers,
        name=owner.name,
        link=owner.link,
        shown=_sentences(family.shown for family in families),
        limit=_sentences(family.limit for family in families),
        files=tuple(path for path in paths if path in copied),
        choice=owner.choice,
    )


def _sentences(parts: Iterable[str | None]) -> str | None:
    """Each once, as sentences one after another; None for none."""
    told = dict.fromkeys(part.rstrip(".") for part in parts if part)
    return ". ".join(told) + "." if told else None


def qat_evidence(base_repo: str, base_tags: Sequence[str]) -> str | None:
    """Where the base says that it was trained for quantization, if it says so."""
    if "qat" in (tag.lower() for tag in base_tags):
        return "a tag on its card"
    name = base_repo.split("/")[1]
    return "its name" if re.search(r"(^|[-_.])qat([-_.]|$)", name, re.IGNORECASE) else None


def tools_of(made_by: str) -> dict[str, str]:
    """Versions of what made the quant; of hubtool alone if another tool did."""
    names = (TOOL, "mlx", "mlx-lm") if made_by == TOOL else (TOOL,)
    return {name: _version(name) for name in names}


@functools.cache
def _version(package: str) -> str:
    return metadata.version(package)


def texts_of(value: Any) -> tuple[str, ...]:
    """A field that may be one text or a list of them."""
    listed = value if isinstance(value, list) else [value]
    return tuple(item for item in listed if isinstance(item, str))
