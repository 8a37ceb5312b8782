"""What a preview needs of the thing it shows, whether that is a folder or a repo."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from hubtool.localhub.derive import JSON_LIMIT_BYTES

README = "README.md"
WEIGHTS = (".safetensors", ".gguf", ".npz", ".bin", ".pt", ".pth")
WHOLE_LIMIT_BYTES = JSON_LIMIT_BYTES  # the largest file that the Hub itself would parse


@dataclasses.dataclass(frozen=True)
class ShownRepo:
    """The repo that the page is headed by; its own page is the preview's root."""

    namespace: str
    name: str
    private: bool = False
    gated: str = ""
    page: str = ""

    @classmethod
    def of_id(cls, repo_id: str, *, private: bool = False, gated: str = "") -> ShownRepo:
        """The repo called ``namespace/name``."""
        namespace, _, name = repo_id.rpartition("/")
        return cls(namespace, name, private, gated)

    @property
    def full_id(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclasses.dataclass(frozen=True)
class ShownCard:
    """The card as it would be published; None if there is none. ``notes`` are for its author."""

    text: str | None
    notes: tuple[str, ...] = ()


class PreviewSource(Protocol):
    """A repo as it is, or as it will be. Weights are read by range, their headers only."""

    @property
    def repo(self) -> ShownRepo:
        """Whose page it is."""
        ...

    @property
    def origin(self) -> str:
        """One line on where the card comes from."""
        ...

    @property
    def hub_url(self) -> str:
        """Address of the Hub that other repos are on."""
        ...

    def stamp(self) -> str:
        """Another text whenever anything that the page is made from has changed."""
        ...

    def card(self) -> ShownCard:
        """The card. Raises HubtoolError if it cannot be rendered or read."""
        ...

    def sizes(self) -> Mapping[str, int]:
        """Every file with its size in bytes, in path order."""
        ...

    def serves(self, path: str) -> bool:
        """Whether the preview hands out this path: a file of the repo, and no weights."""
        ...

    def read(self, path: str) -> bytes:
        """At most the first ``WHOLE_LIMIT_BYTES`` + 1 bytes of a file among :meth:`sizes`."""
        ...

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """A part of a file among :meth:`sizes`; short or empty past the end."""
        ...


def may_serve(path: str, size_bytes: int) -> bool:
    """Whether a file may be handed out whole: no weights, nothing huge."""
    return not path.endswith(WEIGHTS) and size_bytes <= WHOLE_LIMIT_BYTES
