"""The shape of a stage, and what a stage may see."""

from __future__ import annotations

import dataclasses
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from hubtool.console import Console
from hubtool.records import Record
from hubtool.release.manifest import ReleaseManifest

if TYPE_CHECKING:
    from hubtool.card.provenance import GitSource
    from hubtool.hub.client import HubClient

Options = TypeVar("Options")
Result = TypeVar("Result", bound=Record)
Wanted = TypeVar("Wanted", bound=Record)


@dataclasses.dataclass(frozen=True)
class WorkFolder:
    """``.hubtool/<org>--<name>/`` and what lies where in it."""

    root: Path

    @property
    def base(self) -> Path:
        """Snapshot of the base."""
        return self.root / "base"

    @property
    def quantized(self) -> Path:
        """The language model alone, as quantized or imported."""
        return self.root / "quantized"

    @property
    def quant(self) -> Path:
        """The quant folder that will be pushed, nothing else in it."""
        return self.root / "quant"

    @property
    def measure(self) -> Path:
        """Checkpoints of a measurement under way."""
        return self.root / "measure"

    @property
    def logs(self) -> Path:
        """Logs and reports for people."""
        return self.root / "logs"


@dataclasses.dataclass(frozen=True)
class Context:
    """What a stage may see: work folder, Hub, console, and the records that it declares.

    The manifest is not here: a stage gets its own options, so its fingerprint
    is complete by construction.
    """

    work: WorkFolder
    hub: HubClient
    console: Console
    records: Mapping[type[Record], Record]
    reads: tuple[type[Record], ...] = ()
    git: GitSource | None = None  # provenance; only a tag that was asked for makes a release anew

    def get(self, kind: type[Wanted]) -> Wanted:
        """The record of this type; a bug (TypeError) if the stage did not declare it."""
        if kind not in self.reads:
            raise TypeError(f"{kind.__name__} is not among the records this stage reads")
        record = self.records[kind]
        assert isinstance(record, kind)
        return record

    def find(self, kind: type[Wanted]) -> Wanted | None:
        """As :meth:`get`, or None where the stage that writes it was skipped."""
        return self.get(kind) if kind in self.records else None


class Stage(ABC, Generic[Options, Result]):
    """One step of a release. Options, name, version and records read make its fingerprint."""

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[int] = 1  # raise when the same input would give another answer
    reads: ClassVar[tuple[type[Record], ...]] = ()
    follows_tag: ClassVar[bool] = False  # its outputs name the git tag: another tag, another run
    writes: type[Result]

    @abstractmethod
    def options(self, manifest: ReleaseManifest) -> Options:
        """This stage's part of the manifest: a pydantic model or dataclass, hashed."""

    @abstractmethod
    def run(self, context: Context, want: Options) -> Result:
        """Do the work; raise HubtoolError, print nothing but facts."""

    def skip(self, want: Options) -> str | None:
        """Why this stage has nothing to do here, or None."""
        return None

    def intact(self, context: Context, record: Result) -> bool:
        """Whether the outputs of an earlier run are still there and unchanged."""
        return True


def link_folder(
    source: Path, target: Path, *, leave_out: Callable[[str], bool] = lambda path: False
) -> None:
    """Make ``target`` a copy of ``source`` by hard links (bytes are copied where links cannot be).

    ``leave_out`` gets each file's path relative to ``source``. The copies share
    their bytes: replace files in ``target``, never write into them.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in sorted(source.rglob("*")):
        path = file.relative_to(source)
        if not file.is_file() or leave_out(path.as_posix()):
            continue
        new = target / path
        new.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file.resolve(), new)
        except OSError:
            shutil.copyfile(file, new)
