"""What is read of a run of lm-evaluation-harness: its parts, and how its groups hang together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hubtool.errors import ScoreFileInvalid
from hubtool.scores.readers.fields import Count, Items, Moment, Number, checked

# parts of MMLU that have parts themselves
MMLU_GROUPS = ("mmlu_stem", "mmlu_other", "mmlu_social_sciences", "mmlu_humanities")
_REMEDY = "run the evaluation again, or give the scores in hubtool's own format"
_INDENTED = re.compile(r"( +)- ")
# eval_<model>_<version of lm_eval>[_<shots>]_<tasks>: mlx_lm.evaluate names its files so
_FILE_NAME = re.compile(r"eval_.+_(\d+\.\d+[^_]*)(?:_(\d{2}))?_([A-Za-z].*)")


class _Samples(BaseModel):
    original: Items | None = None  # of the whole set
    effective: Items  # that were run


def _absent(value: Any) -> Any:
    return {} if value is None else value


_Absent = BeforeValidator(_absent)


class Run(BaseModel):
    """One run. Entries of ``results`` hold ``<metric>,<filter>`` keys, and others to be left."""

    model_config = ConfigDict(frozen=True)

    results: dict[str, dict[str, Any]]
    group_subtasks: Annotated[dict[str, tuple[str, ...]], _Absent] = {}
    n_shot: Annotated[dict[str, Count | str | None], _Absent] = Field({}, alias="n-shot")
    n_samples: Annotated[dict[str, _Samples], _Absent] = Field({}, alias="n-samples")
    versions: Annotated[dict[str, Number | str | None], _Absent] = {}
    config: Annotated[dict[str, Any], _Absent] = {}
    date: Moment | None = None
    lm_eval_version: str | None = None
    few_shot: Count | None = None  # of all tasks, from the name of the file

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The entries that hold a value."""
        return {task: entry for task, entry in self.results.items() if holds_value(entry)}

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Direct parts of each group: as the file lists them, else as it indents them."""
        listed = {group: parts for group, parts in self.group_subtasks.items() if parts}
        return listed or _indented(self.results)

    @property
    def inside(self) -> frozenset[str]:
        """Tasks that are part of a group with a value of its own."""
        held = [group for group in self.groups if group in self.tasks]
        parts = {part for group in held for part in _below(self.groups, group)}
        return frozenset(parts | set(_unindented(self.results)))

    def leaves(self, task: str) -> tuple[str, ...]:
        """The task itself, or of a group the tasks that were run for it."""
        below = _below(self.groups, task)
        return tuple(one for one in below if not self.groups.get(one)) or (task,)

    def shots(self, leaves: tuple[str, ...], task: str) -> int | None:
        """Examples in the prompt, if all leaves had the same number."""
        told = {self.n_shot.get(one) for one in leaves}
        own = self.n_shot.get(task)
        found = own if isinstance(own, int) else told.pop() if len(told) == 1 else None
        return found if isinstance(found, int) else self.few_shot

    def version(self, task: str) -> str | None:
        """The harness's version of the task."""
        found = self.versions.get(task)
        if isinstance(found, float):
            return f"{found:g}"
        return found if found != "N/A" else None


def holds_value(entry: Any) -> bool:
    """Whether an entry has a ``metric,filter`` key."""
    return isinstance(entry, dict) and any("," in str(key) for key in entry)


def run_of(data: dict[str, Any], path: Path) -> Run:
    """The run in a file; of ``mlx_lm.evaluate``'s bare results, with what its name tells.

    Raises ScoreFileInvalid naming file and field.
    """
    if "results" in data:
        run = checked(Run, {**data, "few_shot": None}, path, _REMEDY)
        for group in run.groups:
            if group in _below(run.groups, group):
                raise ScoreFileInvalid(
                    f"{path.name}: group_subtasks.{group}: the group contains itself", _REMEDY
                )
        return run
    run = checked(Run, {"results": data}, path, _REMEDY)
    named = _FILE_NAME.fullmatch(path.name)
    top = [task for task in run.results if task not in run.inside]
    if named is None or sorted(named[3]) != sorted("_".join(top)):
        return run
    told = {"lm_eval_version": named[1], "few_shot": int(named[2]) if named[2] else None}
    return run.model_copy(update=told)


def _below(groups: Mapping[str, tuple[str, ...]], task: str) -> tuple[str, ...]:
    """Everything in a group, at any depth, each once; a group that contains itself is in it."""
    found: dict[str, None] = {}
    waiting = list(reversed(groups.get(task, ())))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += reversed(groups.get(one, ()))
    return tuple(found)


def _indented(results: Mapping[str, dict[str, Any]]) -> Mapping[str, tuple[str, ...]]:
    """Groups by the aliases ``mmlu``, `` - stem``, ``  - algebra``, in the file's order."""
    groups: dict[str, tuple[str, ...]] = {}
    above: list[tuple[int, str]] = []  # (depth, name) of the groups around the next entry
    for task, entry in results.items():
        indent = _INDENTED.match(str(entry.get("alias", "")))
        depth = len(indent[1]) if indent else 0
        while above and above[-1][0] >= depth:
            above.pop()
        if above:
            groups[above[-1][1]] = (*groups.get(above[-1][1], ()), task)
        above.append((depth, task))
    leaves = tuple(task for task in _unindented(results) if task not in MMLU_GROUPS)
    return {**groups, "mmlu": leaves} if leaves else groups


def _unindented(results: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Parts of MMLU in a file without aliases: by their names."""
    if "mmlu" in results:
        for task, entry in results.items():
            named = task.startswith("mmlu_") and not task.startswith("mmlu_pro")
            if named and not isinstance(entry.get("alias"), str):
                yield task
