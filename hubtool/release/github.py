"""What a workflow on GitHub gets besides the log: outputs, a job summary, annotations."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hubtool.console import Console, format_bytes, redact
from hubtool.errors import HubtoolError
from hubtool.hub.plan import PublishPlan
from hubtool.hub.receipt import Receipt


def set_outputs(values: Mapping[str, str]) -> None:
    """Append to the step's outputs; nothing outside of a workflow. Values may have many lines."""
    lines = []
    for name, value in values.items():
        end = f"end-{secrets.token_hex(8)}"  # a value cannot hold it, so it sets no other output
        lines.append(f"{name}<<{end}\n{redact(value)}\n{end}\n")
    _append("GITHUB_OUTPUT", "".join(lines))


def add_summary(markdown: str) -> None:
    """Append to the job's summary; nothing outside of a workflow."""
    _append("GITHUB_STEP_SUMMARY", redact(markdown).rstrip("\n") + "\n\n")


@contextmanager
def reported(subject: str, console: Console) -> Iterator[None]:
    """A HubtoolError of the block goes into the summary; a failed check is annotated.

    ``subject`` is the manifest's path in the repository, or what is released.
    """
    try:
        yield
    except HubtoolError as error:
        add_summary(error_summary(subject, error))
        for finding in error.details.get("failed", ()):  # type: ignore[attr-defined]
            text = ". ".join(part for part in (finding["message"], finding["remedy"]) if part)
            console.annotate("error", text, title=finding["id"], file=subject)
        raise


def error_summary(subject: str, error: HubtoolError) -> str:
    """Why nothing was published."""
    fix = f"\n\n**Fix:** {_text(error.remedy)}" if error.remedy else ""
    return f"## {_text(subject)}: not released\n\n`{error.id}` {_text(error.message)}{fix}\n"


def release_summary(receipt: Receipt, quant: Path, *, sent: bool) -> str:
    """The receipt, the figures of the quant and its chart, as Markdown.

    ``quant`` is the folder that was published. There are no figures of what an earlier
    run published: the folder here may hold another release.
    """
    total = sum(file.size_bytes for file in receipt.files)
    state = "published" if sent else "already published"
    commit = f"[`{receipt.commit[:12]}`]({receipt.url}/commit/{receipt.commit})"
    rows = [
        ("Commit", commit),
        ("Files", f"{len(receipt.files)}, {format_bytes(total)}"),
        ("New or changed", format_bytes(receipt.changed_bytes if sent else 0)),
    ]
    if receipt.verified:
        rows.append(("Verified", "every file read back"))
    if receipt.tag:
        rows.append(("Tag", f"`{receipt.tag}`"))
    if receipt.pull_request_url:
        rows.append(("Pull request", receipt.pull_request_url))
    head = f"## [{receipt.repo}]({receipt.url}): {state}\n\n"
    files = f"{receipt.url}/resolve/{receipt.commit}"
    figures = _figures(quant, files) if receipt.verified else ""
    return head + _table(("Receipt", ""), rows) + figures


def plan_summary(plan: PublishPlan, quant: Path) -> str:
    """What a dry run would have sent, and the figures of the quant."""
    total = sum(file.size_bytes for file in plan.operations)
    rows = [(f"`{file.path}`", format_bytes(file.size_bytes)) for file in plan.operations]
    rows += [(f"`{path}`", "deleted") for path in plan.deletions]
    head = f"## {plan.repo}: dry run, nothing was sent\n\n"
    listed = (
        head
        + f"{len(plan.operations)} files to send, {format_bytes(total)}\n\n"
        + _table(("File", "Size"), rows)
    )
    return listed + _figures(quant, None)


def _figures(quant: Path, files: str | None) -> str:
    """What the quant is, with its charts where they can be reached: below the address ``files``."""
    from hubtool.artifact.layout import PROVENANCE_FILE
    from hubtool.card.compose import facts_of, scores_in
    from hubtool.card.provenance import Provenance
    from hubtool.card.render import escape_markdown
    from hubtool.card.wording import detail_rows

    if not (quant / PROVENANCE_FILE).is_file():
        return ""
    provenance = Provenance.of_folder(quant)
    facts = facts_of(quant, provenance, scores_in(quant))
    rows = [(escape_markdown(name), escape_markdown(value)) for name, value in detail_rows(facts)]
    rows += [
        (name, escape_markdown(value))
        for name, value in (
            ("Git repository", provenance.git_repository),
            ("Git commit", provenance.git_commit),
            ("Manifest", provenance.git_manifest),
        )
        if value
    ]
    charts = [chart for chart in (facts.width_chart, facts.score_chart) if chart]
    shown = [f"![{escape_markdown(chart.alt)}]({files}/{chart.path})" for chart in charts if files]
    return "\n" + _table(("Property", "Value"), rows) + "".join(f"\n{one}\n" for one in shown)


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    lines = [head, ("---", "---"), *rows]
    return "".join(f"| {left} | {right} |\n" for left, right in lines)


def _text(words: str) -> str:
    """Words of an error as Markdown shows them: no HTML, line ends kept."""
    plain = words.replace("&", "&amp;").replace("<", "&lt;")
    return plain.replace("\n", "<br>\n")


def _append(variable: str, text: str) -> None:
    place = os.environ.get(variable)
    if place and text and os.environ.get("GITHUB_ACTIONS") == "true":
        with Path(place).open("a", encoding="utf-8") as stream:
            stream.write(text)
