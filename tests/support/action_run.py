"""What a run of the action printed and left, and how its lines are read."""

from __future__ import annotations

import dataclasses
import re

COMMAND = re.compile(
    r"::(?P<name>[a-z-]+)(?: (?P<properties>[^:]*(?::(?!:)[^:]*)*))?::(?P<text>.*)"
)


@dataclasses.dataclass(frozen=True)
class Annotation:
    """A line beside the change: ``level`` is error, warning or notice."""

    level: str
    text: str
    title: str = ""
    file: str = ""


@dataclasses.dataclass
class Step:
    """How a step ended: success, failure or skipped."""

    outcome: str
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Run:
    """One run of the action. ``log`` is masked; ``raw`` is what the steps printed, without
    the ``add-mask`` commands, which the runner swallows."""

    outcome: str = "success"
    outputs: dict[str, str] = dataclasses.field(default_factory=dict)
    steps: dict[str, Step] = dataclasses.field(default_factory=dict)  # by name
    raw: list[str] = dataclasses.field(default_factory=list)
    summary: str = ""
    annotations: list[Annotation] = dataclasses.field(default_factory=list)
    masks: list[str] = dataclasses.field(default_factory=list)
    installs: list[str] = dataclasses.field(default_factory=list)

    @property
    def log(self) -> str:
        """What a reader of the log sees."""
        text = "\n".join(self.raw)
        for mask in self.masks:
            text = text.replace(mask, "***")
        return text


def settings_in(text: str) -> dict[str, str]:
    """``name=value`` lines, and ``name<<END`` with the lines up to END."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        if match := re.fullmatch(r"([\w-]+)<<(.+)", line):
            value = []
            for inner in lines:
                if inner == match[2]:
                    break
                value.append(inner)
            else:
                raise AssertionError(f"{match[1]}: no line {match[2]} ends it")
            found[match[1]] = "\n".join(value)
        else:
            name, sign, value_text = line.partition("=")
            assert sign, f"not a setting: {line!r}"
            found[name] = value_text
    return found


def unescaped(text: str) -> str:
    """A value of a workflow command."""
    for code, sign in (("%0A", "\n"), ("%0D", "\r"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, sign)
    return text
