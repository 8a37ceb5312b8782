"""What a person sees at the end of a release."""

from __future__ import annotations

from hubtool.console import Console, format_bytes
from hubtool.hub.plan import PublishPlan
from hubtool.hub.receipt import Receipt
from hubtool.release.release import ReleaseResult


def print_result(result: ReleaseResult, console: Console) -> None:
    """The receipt, or the plan of a dry run; as one record under ``--json``."""
    if result.receipt is not None:
        print_receipt(result.receipt, console, sent=result.sent)
    elif result.plan is not None:
        print_plan(result, result.plan, console)


def print_receipt(receipt: Receipt, console: Console, *, sent: bool) -> None:
    """Where it is, what was sent, and that it was read back; ``sent``: by this very run."""
    total = sum(file.size_bytes for file in receipt.files)
    state = "published" if sent else "already published; nothing to do"
    changed = receipt.changed_bytes if sent else 0
    console.data({**receipt.to_json(), "sent": sent})
    lines = [
        f"{receipt.repo}: {state}",
        f"  page      {receipt.pull_request_url or receipt.url}",
        f"  commit    {receipt.commit}",
        f"  files     {len(receipt.files)}, {format_bytes(total)}; "
        f"new or changed {format_bytes(changed)}",
    ]
    if receipt.tag:
        lines.append(f"  tag       {receipt.tag}")
    if receipt.verified:
        lines.append("  verified  every file read back")
    console.result("\n".join(lines))


def print_plan(result: ReleaseResult, plan: PublishPlan, console: Console) -> None:
    """What a push would send, and where to look at it first."""
    total = sum(file.size_bytes for file in plan.operations)
    console.data(plan.to_json())
    lines = [
        f"{plan.repo}: dry run, nothing was sent",
        f"  quant   {result.quant_folder}",
        f"  card    {result.quant_folder / 'README.md'}",
        f"  plan    {len(plan.operations)} files to send, {format_bytes(total)}; "
        f"{len(plan.deletions)} to delete",
    ]
    lines += [f"    + {file.path} ({format_bytes(file.size_bytes)})" for file in plan.operations]
    lines += [f"    - {path}" for path in plan.deletions]
    console.result("\n".join(lines))
