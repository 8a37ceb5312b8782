"""What sensitivities could not give: a line for people about each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hubtool.quantize.allocation import Allocation
from hubtool.quantize.choice import UNQUANTIZED_BITS, Asked, Choice, choices_of
from hubtool.quantize.footprint import Footprint
from hubtool.quantize.roles import UNQUANTIZED as KEPT
from hubtool.quantize.roles import role_of
from hubtool.quantize.rounding.interface import RoundingName
from hubtool.quantize.rounding.streaming import MOST_FULL_DIMS
from hubtool.quantize.sensitivity import ComponentSensitivity, Sensitivity

UNSPENT_SHARE = 0.005  # of a budget; below it nothing is said
MOST_NAMES = 3  # of components in one line


def gaps_of(
    sensitivity: Sensitivity,
    allocation: Allocation,
    footprint: Footprint,
    *,
    asked: Asked,
    rounding: RoundingName,
) -> tuple[str, ...]:
    """One line for each thing that the sensitivities lack for this allocation.

    That is: choices that were ``asked`` for by name, components of the model,
    choices to spend the whole budget on, and the ``rounding`` that the weights
    will get. Of gptq it is also said what will be searched instead. Nothing to
    say gives no line.
    """
    lines = (
        _missing_choices(sensitivity, footprint, asked),
        _unmeasured(sensitivity, footprint),
        _unspent(sensitivity, allocation),
        _other_rounding(sensitivity, rounding),
        _searched(allocation, footprint) if rounding == "gptq" else None,
    )
    return tuple(line for line in lines if line is not None)


def _missing_choices(sensitivity: Sensitivity, footprint: Footprint, asked: Asked) -> str | None:
    if not asked:
        return None
    usual = sensitivity.group_size
    bits = [one for one in asked.bits or sensitivity.candidate_bits if one != UNQUANTIZED_BITS]
    lacking = {}
    for choice in choices_of(bits, asked.group_sizes or (usual,)):
        could = [one for one in sensitivity.components if _fits(choice, one, footprint)]
        without = sum(choice.key(usual) not in one.kl for one in could)
        if without:
            some = f" for {without} component{'' if without == 1 else 's'}"
            lacking[choice] = "" if without == len(could) else some
    if not lacking:
        return None
    return f"the sensitivities have nothing at {', '.join(_labels(lacking, bits, usual))}"


def _fits(choice: Choice, one: ComponentSensitivity, footprint: Footprint) -> bool:
    return one.name in footprint.weights and choice.fits(footprint.weights[one.name].inputs)


def _labels(lacking: dict[Choice, str], bits: Sequence[int], usual: int) -> Iterator[str]:
    """A group size that is wholly missing once, whatever the widths."""
    sizes = {choice.group_size for choice in lacking}
    whole = {
        size
        for size in sizes
        if size != usual and all(lacking.get(Choice(width, size)) == "" for width in bits)
    }
    for choice, where in lacking.items():
        if choice.group_size not in whole:
            yield choice.label(usual) + where
    for size in sorted(whole):
        yield f"groups of {size}"


def _unmeasured(sensitivity: Sensitivity, footprint: Footprint) -> str | None:
    usual = sensitivity.group_size
    measured = {
        one.name
        for one in sensitivity.components
        if any(_fits(Choice.parse(key, usual), one, footprint) for key in one.kl)
    }
    names = [
        name
        for name in sorted(footprint.weights)
        if name not in measured and role_of(name) not in KEPT
    ]
    if not names:
        return None
    shown = ", ".join(names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    one = len(names) == 1
    what = "component was not measured and gets" if one else "components were not measured and get"
    return f"{len(names)} {what} the widest width: {shown}{more}"


def _unspent(sensitivity: Sensitivity, allocation: Allocation) -> str | None:
    if allocation.unspent_share <= UNSPENT_SHARE:
        return None
    widths = [bits for bits in allocation.candidate_bits if bits != UNQUANTIZED_BITS]
    left = f"{allocation.unspent_share:.1%} of the budget stays unspent: "
    if len(widths) == 1:
        wider = UNQUANTIZED_BITS in allocation.candidate_bits
        more = "16 does not fit into it" if wider else "--candidate-bits names wider ones"
        return left + f"{widths[0]} bit is the only width to choose from; {more}"
    if _all_widest(sensitivity, allocation):
        why = f"every component has the widest width there is, {max(widths)} bit"
        keep = "; with 16 among --candidate-bits some would stay unquantized"
        return left + why + (keep if UNQUANTIZED_BITS not in allocation.candidate_bits else "")
    return left + f"of {_listed(widths)} bit no wider choice fits into it and lowers the KL"


def _all_widest(sensitivity: Sensitivity, allocation: Allocation) -> bool:
    kl = {one.name: one.kl for one in sensitivity.components}
    usual = sensitivity.group_size
    return all(
        one.bits >= max((Choice.parse(key, usual).bits for key in kl.get(one.name, ())), default=0)
        for one in allocation.components
    )


def _listed(widths: Sequence[int]) -> str:
    *first, last = map(str, widths)
    return f"{', '.join(first)} and {last}" if first else last


def _other_rounding(sensitivity: Sensitivity, rounding: RoundingName) -> str | None:
    if sensitivity.method == "static":
        return None
    if sensitivity.method == "published":
        return (
            f"the sensitivities do not say which rounding they are of; weights are rounded by "
            f"{rounding}"
        )
    if sensitivity.rounding == rounding:
        return None
    return (
        f"the sensitivities are of rounding by {sensitivity.rounding}; weights are rounded by "
        f"{rounding}"
    )


def _searched(allocation: Allocation, footprint: Footprint) -> str | None:
    rounded = [one.name for one in allocation.components if one.choice.is_quantized]
    wide = sum(footprint.weights[name].inputs > MOST_FULL_DIMS for name in rounded)
    if not wide:
        return None
    what = "component has" if wide == 1 else "components have"
    return (
        f"{wide} {what} more than {MOST_FULL_DIMS} inputs: gptq looks at the diagonal of their "
        "moments alone there, which is rounding by search"
    )
