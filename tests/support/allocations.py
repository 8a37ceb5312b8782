"""Allocations that no budget made: for what reads one."""

from __future__ import annotations

from hubtool.quantize.allocation import Allocation, ComponentWidth
from hubtool.quantize.budget import Budget


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
