"""The steps of a measurement, one for every process at a time."""

from __future__ import annotations

from collections.abc import Sequence

from hubtool.console import Console, Task
from hubtool.quantize.checkpoint import Checkpoint
from hubtool.quantize.method import SensitivityMethod, Step, Subject
from hubtool.quantize.team import Team


def run_steps_left(
    method: SensitivityMethod,
    subject: Subject,
    checkpoint: Checkpoint,
    console: Console,
    team: Team,
    title: str,
    unit: str,
) -> None:
    """Add what ``checkpoint`` has not seen. ``unit`` is what the steps' cost counts."""
    steps = method.steps(subject)
    if 0 < checkpoint.done < len(steps):
        console.note(f"  going on after {checkpoint.done} of {len(steps)} steps")
    # counted from here, not from the checkpoint: the time left follows this run's rate
    left = sum(step.cost for step in steps[checkpoint.done :])
    with console.task(title, left, unit) as task:
        while checkpoint.done < len(steps):
            _run_next(method, subject, steps, checkpoint, task, team)


def _run_next(
    method: SensitivityMethod,
    subject: Subject,
    steps: Sequence[Step],
    checkpoint: Checkpoint,
    task: Task,
    team: Team,
) -> None:
    numbers = range(len(steps))[checkpoint.done :][: team.size]
    cost, before = sum(steps[number].cost for number in numbers), task.done
    sums = method.run_steps(subject, numbers, team, lambda share: task.reach(before + share * cost))
    checkpoint.add(sums, len(numbers))
    task.reach(before + cost, steps[numbers[-1]].title)
