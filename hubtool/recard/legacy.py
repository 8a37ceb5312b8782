"""The provenance of a quant that hubtool did not make, from its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.card.compose import CARD_FILE
from hubtool.card.provenance import (
    OTHER_TOOL,
    LicenceFacts,
    Provenance,
    qat_evidence,
    texts_of,
    tools_of,
)
from hubtool.licences.declared import HUB_HOME


def legacy_provenance(repo: str, base: str, maker: str, card: Mapping[str, Any]) -> Provenance:
    """What ``card``, the front matter of ``repo``, tells. No revision of its base is known."""
    made_by = "mlx-optiq" if maker == "mlx-optiq" else OTHER_TOOL
    return Provenance(
        repo=repo,
        base_repo=base,
        base_revision="",
        base_url=f"{HUB_HOME}/{base}",
        qat_evidence=qat_evidence(base, ()),
        languages=(),
        base_tags=(),
        licence=LicenceFacts(
            repo=base,
            revision="",
            identifiers=texts_of(card.get("license")),
            name=_text(card.get("license_name")),
            link=_text(card.get("license_link")),
        ),
        licence_files=(),
        also_bound_by=(),
        measurement=None,
        target_bpw=None,
        made_by=made_by,
        drafter=None,
        baseline=None,
        template="",
        template_sha256="",
        brand="",
        tools=tools_of(made_by),
        git_commit=None,
        git_tag=None,
        files=(CARD_FILE, PROVENANCE_FILE),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
