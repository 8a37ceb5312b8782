"""Write the reference pages that are made from the code: errors, commands, manifest, scores.

python docs/generate.py           write them
python docs/generate.py --check   exit 1 if one is out of date
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
import json
import operator
import os
import re
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from jinja2.nodes import Filter
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import hubtool
from hubtool import errors
from hubtool.card import wording
from hubtool.card.facts import CardFacts
from hubtool.card.render import FILTERS, card_environment
from hubtool.card.templates import SUFFIX, Brand, shipped_files
from hubtool.release.manifest import ReleaseManifest
from hubtool.scores.capability import SIX
from hubtool.scores.readers import hubtool_json
from hubtool.scores.readers.hubtool_json import ScoreFile
from hubtool.scores.readers.interface import Choice
from hubtool.scores.record import SETTINGS

REFERENCE = Path(__file__).parent / "reference"
SCORES_EXAMPLE = {
    "format": "hubtool-scores",
    "version": 1,
    "candidate": [
        {
            "benchmark": "mmlu",
            "display_name": "MMLU (5-shot, 1000)",
            "metric": "accuracy",
            "correct": 577,
            "n": 1000,
            "few_shot": 5,
            "harness": "lm-evaluation-harness",
            "harness_version": "0.4.9",
            "date": "2026-11-20",
        }
    ],
    "baseline": [
        {
            "benchmark": "mmlu",
            "display_name": "MMLU (5-shot, 1000)",
            "metric": "accuracy",
            "correct": 574,
            "n": 1000,
            "few_shot": 5,
            "harness": "lm-evaluation-harness",
            "harness_version": "0.4.9",
            "date": "2026-11-20",
        }
    ],
    "baseline_repo": "mlx-community/gemma-4-E4B-it-qat-4bit",
}
NOTE = "<!-- Made by docs/generate.py from the code: do not edit. -->\n"


def error_classes(root: type[errors.HubtoolError] = errors.HubtoolError) -> Iterator[type]:
    """Every error class, parents first."""
    yield root
    for child in root.__subclasses__():
        yield from error_classes(child)


def errors_page() -> str:
    """One section an error: id, exit code, explanation."""
    parts = [
        NOTE,
        "# Errors\n",
        "Exit codes: 0 done · 1 a check or verification failed · 2 bad usage or input · "
        "3 refused by a licence or safety rule · 4 Hub or network, after all retries · "
        "5 interrupted, run the same command to resume · 70 a bug in hubtool.\n",
        "Every error prints a line `fix:`. Below each are the fixes that it may name; `…` stands "
        "for what is filled in.\n",
    ]
    found: list[type[errors.HubtoolError]] = sorted(error_classes(), key=lambda item: item.id)
    advice = remedies()
    for error in found:
        text = inspect.getdoc(error) or ""
        parts.append(f"## {error.id} {error.__name__}\n\nExit code {error.exit_code}. {text}\n")
        if error.__name__ in advice:
            parts += [f"- {one}" for one in advice[error.__name__]] + [""]
    return "\n".join(parts)


def remedies() -> dict[str, list[str]]:
    """Error's name -> what it advises, wherever the code raises it; `…` is what is filled in."""
    found: dict[str, dict[str, None]] = {}
    for file in sorted((Path(hubtool.__file__).parent).rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                text = _text_of(call.args[1]) if len(call.args) > 1 else ""
                if text.strip("…"):
                    found.setdefault(call.func.id, {})[text] = None
    return {name: sorted(texts) for name, texts in found.items()}


def _text_of(node: ast.expr) -> str:
    """A string or f-string of the code, with … for what is not known before it runs."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part) for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "…"


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
        *_fields(ReleaseManifest, ""),
    ]
    return "\n".join(parts) + "\n"


def _bare(kind: typing.Any) -> typing.Any:
    """A type without the conditions that pydantic checks."""
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, map(_bare, get_args(kind)))
    return kind


def _fields(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = _bare(field.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name}.")
            continue
        shown = getattr(kind, "__name__", "") if isinstance(kind, type) else str(kind)
        shown = shown.replace("typing.", "").replace("|", "or")
        default = "required" if field.default is PydanticUndefined else f"`{field.default}`"
        yield f"| `{prefix}{name}` | {shown} | {default} | {field.description or ''} |"


def facts_page() -> str:
    """Every fact that a template may place, and the words, filters and brand fields beside it."""
    records = [CardFacts]
    for record in records:  # grows while it is read: records inside records
        for kind in typing.get_type_hints(record).values():
            inside = [one for one in _classes(kind) if dataclasses.is_dataclass(one)]
            records += [one for one in inside if one not in records]
    parts = [
        NOTE,
        "# Facts\n",
        "What a card template may place: `facts.NAME`, `brand.NAME`, `words.NAME(...)`, and the "
        "filters below. How to write a template: [write-a-template.md]"
        "(../how-to/write-a-template.md).\n",
    ]
    for record in records:
        title = "facts" if record is CardFacts else record.__name__
        parts += [f"## {title}\n", f"{inspect.getdoc(record)}\n"]
        parts += ["| field | type | meaning |", "| --- | --- | --- |", *_facts_of(record), ""]
    parts += ["## brand\n", "| field | type | default | meaning |", "| --- | --- | --- | --- |"]
    parts += [*_fields(Brand, ""), ""]
    parts += ["## words\n", "| call | gives |", "| --- | --- |"]
    for name, word in vars(wording).items():
        if inspect.isfunction(word) and name in wording.__all__:
            call = f"words.{name}({', '.join(inspect.signature(word).parameters)})"
            parts.append(f"| `{call}` | {_first_line(word)} |")
    for name in wording.__all__:
        if not callable(vars(wording)[name]):
            parts.append(f"| `words.{name}` | the number {vars(wording)[name]} |")
    parts += ["", "## Filters\n", "| filter | gives |", "| --- | --- |"]
    parts += [f"| `{name}` | {text} |" for name, (_, text) in FILTERS.items()]
    jinjas = ", ".join(f"`{name}`" for name in sorted(shipped_filters() - set(FILTERS)))
    parts.append(f"\nBesides them all of Jinja's own; the shipped blocks use {jinjas}.")
    return "\n".join(parts) + "\n"


def shipped_filters() -> set[str]:
    """The filters that the shipped blocks put something through."""
    return {
        found.name
        for name, content in shipped_files().items()
        if name.endswith(SUFFIX)
        for found in card_environment(()).parse(content.decode()).find_all(Filter)
    }


def _facts_of(record: type) -> Iterator[str]:
    comments = _comments(record)
    for field in dataclasses.fields(record):
        kind = str(field.type).replace("|", "or")
        yield f"| `{field.name}` | {kind} | {comments[field.name]} |"
    for name, value in vars(record).items():
        if isinstance(value, property):
            kind = value.fget.__annotations__["return"].replace("|", "or")
            yield f"| `{name}` | {kind} | {_first_line(value)} |"


def _comments(record: type) -> dict[str, str]:
    """Field -> the comment behind it in the source: its meaning."""
    lines = inspect.getsource(record).splitlines()
    found = [re.match(r"    (\w+): [^#]*#\s*(.+)", line) for line in lines]
    return {match[1]: match[2] for match in found if match}


def _classes(kind: object) -> Iterator[type]:
    if isinstance(kind, type) and not typing.get_args(kind):
        yield kind
    for inner in typing.get_args(kind):
        yield from _classes(inner)


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0]


def commands_page() -> str:
    """The ``--help`` of every command, and of those inside a group."""
    os.environ["COLUMNS"] = "96"
    from typer.testing import CliRunner

    from hubtool.cli.app import COMMANDS, app

    parts = [NOTE, "# Commands\n"]
    for name in ("", *(each for top in COMMANDS for each in (top, *commands_in(top)))):
        arguments = [*name.split(), "--help"]
        result = CliRunner().invoke(app, arguments, prog_name="hubtool", terminal_width=96)
        parts.append(
            f"## hubtool {name}".rstrip() + f"\n\n```text\n{result.output.rstrip()}\n```\n"
        )
    return "\n".join(parts)


def commands_in(name: str) -> Iterator[str]:
    """``recard plan``, ``recard apply``, ... for ``recard``; nothing for a single command."""
    from typer import Typer

    from hubtool.cli.app import COMMANDS

    module, attribute, _ = COMMANDS[name]
    target = getattr(importlib.import_module(module), attribute)
    for command in target.registered_commands if isinstance(target, Typer) else ():
        yield f"{name} {command.name or command.callback.__name__}"


def scores_page() -> str:
    """hubtool's own score file: fields and an example that is read here."""
    text = json.dumps(SCORES_EXAMPLE, indent=2)
    hubtool_json.read(SCORES_EXAMPLE, Path("example.json"), Choice())
    score = ScoreFile.model_fields["candidate"].annotation
    (model, *_) = get_args(score)
    parts = [
        NOTE,
        "# Score files\n",
        "`hubtool release --scores FILE` and `hubtool card --scores FILE` know a file by its "
        "shape; `hubtool scores validate FILE` shows what a card would take from it. Read are\n\n"
        "- hubtool's own format, below (JSON Schema: `scores.schema.json`)\n"
        "- `optiq eval --output-json` of mlx-optiq: a single record, a single task, or candidate "
        "and baseline. It holds no sample sizes: its defaults are taken (MMLU 1000, GSM8K 1000, "
        "IFEval 541, BFCL 200, HumanEval 164, HashHop 100), and the card says so. For a run with "
        "`--n-samples`, or to have it stated, write hubtool's own format\n"
        "- `results_*.json` of lm-evaluation-harness. A group stands for its subtasks; of two "
        "filters the stricter one is read. Task name, filter and task version are kept\n"
        "- the file that `mlx_lm.evaluate` writes. It holds no sample sizes: they follow from the "
        "standard errors, of a group from those of its parts, and the card says so; where these "
        "tell none, or more than the set has, the file is refused. Its name tells the version "
        "of the harness, and the examples in the prompt if `--num-shots` was given\n"
        "- BFCL's JSON lines, as a benchmark named after its category\n"
        "- `.eval_results/*.yaml` of the Hub, and the `model-index` of a card (`README.md`). Both "
        "keep the number of items in words (`1000 items`, in `notes` or in a name); a value of 1 "
        "and less is refused, since it may be a fraction\n\n"
        "Both flags can be repeated: the six benchmarks come out of several programs. A baseline "
        "in files of its own is given by `--baseline-scores`. `hubtool scores convert` puts "
        "files of any kind into one of hubtool's own, and chooses tasks of a group (`--task`) "
        "and answer filters (`--filter gsm8k=flexible-extract`).\n",
        f"```json\n{text}\n```\n",
        "Values are percentages, 0 to 100, as exact as they were measured; `correct` and `n` are "
        "better still, and win over a rounded value. A value of 1 and less may be a fraction, and "
        "is refused without counts. A number in the brackets of `display_name` is `n`, or "
        "`100 of 1000` for a part of a set.\n",
        "## The mean, and what may be claimed\n",
        f"The Capability Score is the unweighted mean of {', '.join(SIX)}; other benchmarks stand "
        "below it and are in no mean. It is only called that if all six are there on both sides, "
        "none was cut short, and the settings are the same "
        f"({', '.join(SETTINGS)}):\n\n"
        "- a setting that both sides tell and that differs: the row is not comparable, and neither "
        "is the mean\n"
        "- a setting that one side alone tells: the card gives the difference, names the setting, "
        "says that both may not have been measured alike, and claims no gain; the mean is not "
        "called the Capability Score\n"
        "- a setting that neither side tells: taken as the same\n\n"
        "Benchmarks that only one side has are left out of the comparison and named. "
        "`hubtool scores validate` tells the same.\n",
        "Intervals are of 95 %: Wilson's from counts or `n`; of a score without `correct`, from "
        "the standard error that a harness gave, unless that is 0. Where both sides list "
        "`failed_items` (lm-evaluation-harness does with `--log_samples`, BFCL always) and no "
        "setting differs, they are compared item by item: McNemar's exact test.\n",
        "## Fields\n",
        "| field of a score | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *_fields(model, ""),
        "",
        "| field of the file | type | default | meaning |",
        "| --- | --- | --- | --- |",
        "| `format` | `hubtool-scores` | required |  |",
        "| `version` | 1 | required |  |",
        "| `candidate` | list of scores | required | the quant |",
        "| `baseline` | list of scores | none | what it is compared with |",
        "| `baseline_repo` | text | none | Hub id of the baseline |",
    ]
    return "\n".join(parts) + "\n"


def scores_schema() -> str:
    """JSON Schema of hubtool's own score file."""
    return json.dumps(ScoreFile.model_json_schema(), indent=2) + "\n"


PAGES = {
    "errors.md": errors_page,
    "manifest.md": manifest_page,
    "facts.md": facts_page,
    "commands.md": commands_page,
    "scores.md": scores_page,
    "scores.schema.json": scores_schema,
}


def main() -> int:
    """Write or check every page; the exit code."""
    stale = []
    for name, make in PAGES.items():
        file, text = REFERENCE / name, make()
        if "--check" not in sys.argv:
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"out of date: {', '.join(stale)}; run `python docs/generate.py`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
