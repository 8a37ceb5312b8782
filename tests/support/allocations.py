"""Allocations that no budget made, and made-up sensitivities and shapes to make one of."""

from __future__ import annotations

from collections.abc import Sequence

from hubtool.quantize.allocation import Allocation, ComponentWidth, spend_budget
from hubtool.quantize.budget import Budget
from hubtool.quantize.footprint import Footprint, WeightShape
from hubtool.quantize.sensitivity import CalibrationUse, ComponentSensitivity, Sensitivity


def allocation_of(components: tuple[ComponentWidth, ...], group_size: int = 64) -> Allocation:
    """These components; the figures of the whole are those of nothing."""
    return Allocation(
        components=components,
        candidate_bits=tuple(sorted({one.bits for one in components} - {16})),
        group_size=group_size,
        group_sizes=tuple(sorted({one.group_size for one in components} - {0})),
        budget=Budget("target_bpw", 6.0),
        nominal_bpw=6.0,
        stored_bytes=0,
        stored_bpw=0.0,
        kl=0.0,
        optimality_gap=0.0,
        is_best=False,
        kl_per_megabyte=0.0,
    )


WIDTHS = (3, 4, 8)


def sensitivity(components: Sequence[ComponentSensitivity], widths: Sequence[int]) -> Sensitivity:
    return Sensitivity(
        components=tuple(components),
        candidate_bits=tuple(widths),
        group_size=64,
        group_sizes=(64,),
        method="fisher",
        reference="bf16",
        reference_reason="as asked for",
        calibration=CalibrationUse("0" * 64, ("prose",), 8, 768),
        dtype="float32",
    )


def component(name: str, parameters: int, *kl: float) -> ComponentSensitivity:
    """One whose KL is ``kl`` at the first widths of 4, 8, or of 3, 4, 8."""
    widths = (4, 8) if len(kl) == 2 else WIDTHS
    return ComponentSensitivity(name, parameters, dict(zip(map(str, widths), kl, strict=True)))


def footprint(
    measured: Sensitivity, *, other: int = 0, headers: int = 0, inputs: int = 64
) -> Footprint:
    """A model of these components and ``other`` parameters of two bytes."""
    shapes = {one.name: WeightShape(one.parameters, inputs, 2) for one in measured.components}
    return Footprint(shapes, other, 2 * other, headers)


def spend(measured: Sensitivity, target_bpw: float) -> Allocation:
    return spend_budget(measured, Budget("target_bpw", target_bpw), footprint(measured))


def bits_of(allocation: Allocation) -> dict[str, int]:
    return {one.name: one.bits for one in allocation.components}
