"""Resolve: what is asked, pinned to one commit of the base; refuses before any download."""

from __future__ import annotations

import dataclasses

from hubtool.base.source import Base, resolve_base
from hubtool.licences.rules import require_licence
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage


@dataclasses.dataclass(frozen=True)
class ResolveOptions:
    """Which base, at which revision, to which repo; ``publishes`` is False for a dry run."""

    base: str
    revision: str | None
    target_repo: str
    publishes: bool
    trust_remote_code: bool


class Resolve(Stage[ResolveOptions, Base]):
    """-> Base: revision, config, licence chain, gate, target name, write permission."""

    name, title = "resolve", "Resolving the base"
    writes = Base

    def __init__(self, *, publishes: bool) -> None:
        self._publishes = publishes

    def options(self, manifest: ReleaseManifest) -> ResolveOptions:
        return ResolveOptions(
            base=manifest.base,
            revision=manifest.revision,
            target_repo=manifest.target_repo,
            publishes=self._publishes,
            trust_remote_code=manifest.quantize.trust_remote_code,
        )

    def run(self, context: Context, want: ResolveOptions) -> Base:
        if want.publishes:
            context.hub.require_write(want.target_repo)
        base = resolve_base(
            context.hub,
            want.base,
            want.revision,
            want.target_repo,
            context.console,
            trust_remote_code=want.trust_remote_code,
        )
        terms = require_licence(base.licences)
        context.console.fact("base", f"{base.repo} at {base.revision[:12]}")
        context.console.fact("licence", terms.label)
        context.console.fact("to be published as", base.target_repo)
        return base
