"""The page of the release manifest."""

from __future__ import annotations

from hubtool.release.manifest import ReleaseManifest
from reference_pages.tables import NOTE, fields_of


def manifest_page() -> str:
    """Every field of a release manifest with type, default and meaning."""
    parts = [
        NOTE,
        "# Release manifest\n",
        "A YAML file for `hubtool release --manifest FILE`. Flags override it; paths are relative "
        "to it; the pinned revision and the tools are kept beside it in `NAME.lock.yaml` "
        "(`hubtool lock`, `hubtool release --locked`).\n",
        "| field | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *fields_of(ReleaseManifest),
    ]
    return "\n".join(parts) + "\n"
