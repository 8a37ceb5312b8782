"""Resolve: what is asked, pinned to one commit of the base; refuses before any download."""

from __future__ import annotations

import dataclasses

from hubtool.base.source import Base, resolve_base
from hubtool.errors import LicenceUnclear
from hubtool.licences.conflict import settle
from hubtool.licences.declared import LicenceTerms, label_of
from hubtool.licences.families import require_accepted, require_name
from hubtool.licences.notices import asks_for_notice, lines_of
from hubtool.licences.rules import require_licence
from hubtool.licences.texts import licence_texts, texts_of
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
    accept_licences: tuple[str, ...]
    notice: bool  # the line for the Notice file is given


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
            accept_licences=manifest.accept_licences,
            notice=manifest.notice is not None,
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
        base = dataclasses.replace(base, licences=settle(base.licences, want.accept_licences))
        terms = require_licence(base.licences)
        require_accepted(terms, want.accept_licences)
        require_name(terms, want.target_repo.split("/")[1])
        if not want.notice:
            _require_notice_lines(context, base, terms)
        context.console.fact("base", f"{base.repo} at {base.revision[:12]}")
        context.console.fact("licence", label_of(terms))
        context.console.fact("to be published as", base.target_repo)
        return base


def _require_notice_lines(context: Context, base: Base, terms: LicenceTerms) -> None:
    """Stop now rather than after hours if a line for the Notice file is not to be had."""
    asking = [one for one in (terms, *terms.also_bound_by) if asks_for_notice(one)]
    if not asking:
        return
    texts = licence_texts(context.hub, terms, context.console)
    for owner in asking:
        if not lines_of(texts_of(owner, terms, texts)):
            raise LicenceUnclear(
                f"{base.repo}: {label_of(owner)} of {owner.repo} asks for a file named Notice with "
                "a line that the licence prints, and that repo does not hold the text",
                "copy the line from the licence into a file and add --notice FILE",
            )
