"""The figures and sentences on a repo's page, from what was derived from its files."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hubtool.card.metadata_rules import as_list
from hubtool.card.snippet import snippet_of
from hubtool.localhub.info import children, used_storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from hubtool.localhub.repositories import Repo
    from hubtool.localhub.store import Store

RELATION_NAMES = {
    "adapter": "Adapters",
    "finetune": "Finetunes",
    "merge": "Merges",
    "quantized": "Quantizations",
}
# Tags that the page shows in a place of their own.
_PREFIXED = ("base_model:", "license:")


@dataclasses.dataclass(frozen=True)
class Relative:
    """A repo of the model tree; ``here`` says whether this hub has it."""

    repo_id: str
    here: bool


@dataclasses.dataclass(frozen=True)
class ModelTree:
    """Where a repo stands: what it was made from, its siblings, and what was made from it."""

    relation: str | None
    bases: tuple[Relative, ...]
    siblings: tuple[Relative, ...]  # other quantizations of the same base on this hub
    children: tuple[tuple[str, tuple[Relative, ...]], ...]  # heading, repos


def parameter_count(count: int) -> str:
    """A count as the chip shows it: ``135M params``, ``7.6B params``."""
    for size, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            value = count / size
            return f"{value:.1f}{unit} params" if value < 10 else f"{value:.0f}{unit} params"
    return f"{count} params"


def shown_tags(derived: dict[str, Any]) -> list[str]:
    """The tags of the header, without those that are shown elsewhere."""
    own = {derived.get("pipeline_tag"), derived.get("library_name")}
    return [
        tag for tag in derived.get("tags") or [] if tag not in own and not tag.startswith(_PREFIXED)
    ]


def licence_text(card: dict[str, Any]) -> str:
    """The licence as the header names it: the name given with ``other``, or the identifiers."""
    named = [str(name) for name in as_list(card.get("license"))]
    if named == ["other"] and card.get("license_name"):
        return str(card["license_name"])
    return ", ".join(named) or "not specified"


def licence_link(card: dict[str, Any], repo_page: str) -> str | None:
    """The address behind the card's ``license_link``: a web page, or a file of the repo."""
    link = card.get("license_link")
    if not isinstance(link, str) or not link:
        return None
    if link.startswith(("https://", "http://")):
        return link
    return f"{repo_page}/resolve/main/{quote(link.removeprefix('./'))}"


def usage(repo_id: str, derived: dict[str, Any]) -> tuple[str | None, str]:
    """Which snippet the Hub offers for the repo, and a command that does the same.

    The name is None for another library, whose snippet is not known here.
    """
    library, task = derived.get("library_name"), derived.get("pipeline_tag")
    snippet = snippet_of(library, task, derived.get("tags") or [])
    commands = {
        "mlx-vlm": f'mlx_vlm.generate --model {repo_id} --image FILE --prompt "Describe it."',
        "mlx-lm, chat": f"mlx_lm.chat --model {repo_id}",
        "mlx-lm": f'mlx_lm.generate --model {repo_id} --prompt "Once upon a time"',
    }
    return snippet, commands.get(snippet or "", f"hf download {repo_id}")


def model_tree(
    store: Store, repo: Repo, derived: dict[str, Any], may_see: Callable[[Repo], bool]
) -> ModelTree:
    """The repo's place in the model tree, as far as this hub and the caller know it."""
    based = derived.get("baseModels") or {"relation": None, "models": []}
    ids = [model["id"] for model in based["models"]]
    bases = tuple(_relative(store, base, may_see) for base in ids)
    siblings = {
        other.full_id
        for base in ids
        for relation, other in children(store, _named_like(repo, base))
        if relation == "quantized" and other.full_id != repo.full_id and may_see(other)
    }
    below: dict[str, list[Relative]] = {}
    for relation, other in children(store, repo):
        if may_see(other):
            below.setdefault(RELATION_NAMES[relation], []).append(Relative(other.full_id, True))
    return ModelTree(
        relation=based["relation"],
        bases=bases,
        siblings=tuple(Relative(name, True) for name in sorted(siblings)),
        children=tuple((name, tuple(repos)) for name, repos in sorted(below.items())),
    )


def sizes(store: Store, repo: Repo, oid: str) -> tuple[int, int]:
    """Bytes of all files and of the weight files of a commit, each distinct file once."""
    entries = store.history.tree(repo, oid).values()
    weights = [entry for entry in entries if entry.path.endswith((".safetensors", ".gguf"))]
    return used_storage(entries), used_storage(weights)


def _relative(store: Store, repo_id: str, may_see: Callable[[Repo], bool]) -> Relative:
    found = store.repos.find(repo_id)
    return Relative(repo_id, found is not None and may_see(found))


def _named_like(repo: Repo, repo_id: str) -> Repo:
    """A stand-in for a base that need not be on this hub: only its name is looked at."""
    namespace, _, name = repo_id.rpartition("/")
    return dataclasses.replace(repo, id=0, namespace=namespace, name=name)
