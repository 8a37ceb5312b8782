"""What the quant that scores are compared with weighs: its headers, by HTTP ranges."""

from __future__ import annotations

from hubtool.card.provenance import BaselineFacts
from hubtool.console import SILENT, Console
from hubtool.errors import BrokenShard, JsonUnreadable, PathNotFound, StatsDisagree
from hubtool.hub.client import HubClient
from hubtool.hub.remote_stats import stats_at


def baseline_facts(hub: HubClient, repo: str, console: Console = SILENT) -> BaselineFacts | None:
    """Widths, bits per weight and bytes of ``repo`` at its newest commit.

    None, with a warning, if it cannot be read as an MLX quant: a card then
    compares scores without sizes. Raises RepoNotFound and what reading raises
    after its retries.
    """
    state = hub.resolve_revision(repo)
    try:
        stats = stats_at(hub, repo, state.commit)
    except (PathNotFound, BrokenShard, StatsDisagree, JsonUnreadable) as error:
        console.warn(f"the size of the baseline {repo} is not known: {error.message}")
        return None
    named = state.card_metadata.get("base_model")
    first = named[0] if isinstance(named, list) and named else named
    return BaselineFacts(
        repo=repo,
        revision=state.commit,
        base_repo=first if isinstance(first, str) else None,
        widths=tuple(share.bits for share in stats.widths),
        nominal_bpw=stats.nominal_bpw,
        stored_bpw=stats.stored_bpw,
        weights_bytes=stats.weights_bytes,
    )
