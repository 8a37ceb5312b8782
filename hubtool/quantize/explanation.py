"""An allocation as a table for people."""

from __future__ import annotations

from hubtool.console import Console, format_bytes
from hubtool.quantize.allocation import Allocation
from hubtool.quantize.choice import Choice
from hubtool.quantize.sensitivity import Sensitivity

MOST_COLUMNS = 8  # of KL; with more choices than this, those of the usual group size


def tell(allocation: Allocation, console: Console) -> None:
    """The facts of an allocation, one a line."""
    if (memory := allocation.budget.memory) is not None:
        console.note(f"  {memory}")
        if memory.made_for is not None and memory.context > memory.made_for:
            console.note(
                f"  the model was made for {memory.made_for} tokens (max_position_embeddings), the "
                f"cache is for {memory.context}: a smaller --context leaves more for the weights"
            )
    for choice, count in counts(allocation):
        console.fact(f"components at {choice.label(allocation.group_size)}", count)
    console.fact("nominal bits per weight", f"{allocation.nominal_bpw:.3f}")
    console.fact("will be stored", f"{allocation.stored_bpw:.3f} bits per weight")
    console.fact("optimality gap", gap(allocation))


def counts(allocation: Allocation) -> list[tuple[Choice, int]]:
    """Each choice in use, with how many components have it."""
    choices = [one.choice for one in allocation.components]
    return [(choice, choices.count(choice)) for choice in sorted(set(choices))]


def gap(allocation: Allocation) -> str:
    """How near the best possible it is, the gap as a share of the sum of KL."""
    share = allocation.optimality_gap / allocation.kl if allocation.kl else 0.0
    if allocation.is_best:
        return f"none, no other allocation is better (linear bound {share:.3%} lower)"
    return f"the best allocation is at most {share:.3%} better"


def explain(allocation: Allocation, sensitivity: Sensitivity) -> str:
    """Every component with parameters, its choice, KL at each choice, and the reason."""
    usual = allocation.group_size
    keys = _columns(sensitivity)
    head = f"{'component':<52} {'parameters':>12} {'bits':>5} {'group':>5}"
    head += "".join(f" {f'KL at {key}':>11}" for key in keys) + "  why"
    kl = {component.name: component.kl for component in sensitivity.components}
    rows = [
        f"{one.name:<52} {one.parameters:>12,} {one.bits:>5} {one.group_size or '-':>5}"
        + "".join(_cell(kl.get(one.name, {}).get(key)) for key in keys)
        + f"  {one.reason}"
        for one in allocation.components
    ]
    found = ", ".join(f"{count} at {choice.label(usual)}" for choice, count in counts(allocation))
    return "\n".join([head, *rows, found, summary(allocation, sensitivity)])


def summary(allocation: Allocation, sensitivity: Sensitivity) -> str:
    """One line: what was spent of which budget, and how near the best possible it is."""
    by = (
        "by the static rule, not measured"
        if sensitivity.method == "static"
        else f"method {sensitivity.method}, reference {sensitivity.reference or 'unknown'}"
    )
    return (
        f"nominal {allocation.nominal_bpw:.4f} and stored {allocation.stored_bpw:.4f} bits per "
        f"weight, {format_bytes(allocation.stored_bytes)}; budget {allocation.budget}; "
        f"sum of KL {allocation.kl:.4e} nats a token ({by}); "
        f"optimality gap: {gap(allocation)}; "
        f"a further MB would save {allocation.kl_per_megabyte:.1e} nats a token"
    )


def _columns(sensitivity: Sensitivity) -> list[str]:
    found = {
        Choice.parse(key, sensitivity.group_size)
        for component in sensitivity.components
        for key in component.kl
    }
    usual = {choice for choice in found if choice.group_size in (0, sensitivity.group_size)}
    shown = found if len(found) <= MOST_COLUMNS else usual
    return [choice.key(sensitivity.group_size) for choice in sorted(shown)]


def _cell(value: float | None) -> str:
    return f" {'-':>11}" if value is None else f" {value:>11.3e}"
