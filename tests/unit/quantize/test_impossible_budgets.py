"""Budgets and sensitivities that cannot be: refused with figures and a remedy."""

from __future__ import annotations

import pytest

from hubtool.errors import BudgetImpossible, NothingToQuantize, SensitivityMismatch
from hubtool.quantize.allocation import spend_budget
from hubtool.quantize.budget import Budget, BudgetKind, MemorySum
from tests.support.allocations import bits_of, component, footprint, sensitivity


@pytest.mark.parametrize(
    ("name", "parameters", "found"), [("a", 64, "6400 parameters"), ("c", 6400, "no such comp")]
)
def test_sensitivities_of_another_model_are_refused(name: str, parameters: int, found: str) -> None:
    model = footprint(sensitivity([component("a", 6400, 0.1, 0.0)], (4, 8)))
    measured = sensitivity([component(name, parameters, 0.1, 0.0)], (4, 8))
    with pytest.raises(SensitivityMismatch, match=f"{name} with {parameters} .*{found}"):
        spend_budget(measured, Budget("target_bpw", 5.0), model)


MAC = MemorySum(
    ram_bytes=16_000_000, wired_bytes=10_000_000, context=8192, cache_bytes=9_000_000,
    overhead_bytes=990_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("budget", "least", "message", "remedy"),
    [
        (Budget("target_bpw", 3.9), 4.0, "3.9 nominal bits .* need, 4.000", "--target-bpw to 4.00"),
        (
            Budget("stored_bpw", 5.2),
            5.42,
            "5.2 stored bits .* need, 5.420",
            "raise --stored-bpw to 5.43 or more",
        ),
        (
            Budget("max_size", 80_000),
            88_200,
            "--max-size 80.00 kB: the weights need at least 88.20 kB",
            "raise --max-size to 0.09MB or more",
        ),
        (
            Budget("fit", 16_000_000, MAC),
            87_200,
            "of overhead: 0.01 GiB.*|.*need at least 87.20 kB",
            "shorten --context, name a larger Mac",
        ),
    ],
)
def test_a_budget_that_cannot_be_is_refused_with_the_least_and_a_remedy(
    budget: Budget, least: float, message: str, remedy: str
) -> None:
    measured = sensitivity([component("a", 118_400, 0.1, 0.0)], (4, 8))
    model = footprint(measured, other=10_300, headers=1000)
    with pytest.raises(BudgetImpossible, match=message) as caught:
        spend_budget(measured, budget, model)
    assert caught.value.details["least"] == pytest.approx(least, rel=1e-3)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("kind", ["target_bpw", "stored_bpw", "max_size"])
def test_the_least_that_an_error_names_is_enough(kind: BudgetKind) -> None:
    measured = sensitivity(
        [component("m.shared_expert.up", 6400, 0.1, 0.0), component("x", 19200, 0.1, 0.0)], (4, 8)
    )
    model = footprint(measured, other=320, headers=77)
    with pytest.raises(BudgetImpossible) as caught:
        spend_budget(measured, Budget(kind, 1.0), model)
    least = caught.value.details["least"]
    assert isinstance(least, int | float)
    assert bits_of(spend_budget(measured, Budget(kind, least * (1 + 1e-9)), model))["x"] == 4
    with pytest.raises(BudgetImpossible):
        spend_budget(measured, Budget(kind, least * 0.999), model)


def test_a_size_leaves_room_for_headers_and_a_fit_for_cache_and_overhead() -> None:
    measured = sensitivity([component("a", 6400, 0.1, 0.0)], (4, 8))
    model = footprint(measured, headers=500)
    narrow, wide = 6400 * 4.5 / 8, 6400 * 8.5 / 8
    for room, stored in ((wide + 499, narrow), (wide + 500, wide)):
        assert spend_budget(measured, Budget("max_size", room), model).stored_bytes == stored
    for room, stored in ((wide - 1, narrow), (wide, wide)):
        memory = MemorySum(20_000, 15_000, 100, 5_000, 10_000 - int(room))
        allocation = spend_budget(measured, Budget("fit", 20_000, memory), model)
        assert allocation.stored_bytes == stored


def test_a_model_of_routers_only_is_refused() -> None:
    measured = sensitivity([component("m.mlp.gate", 100, 0.1, 0.0)], (4, 8))
    for kind in ("target_bpw", "stored_bpw"):
        with pytest.raises(NothingToQuantize, match="no component that can be quantized"):
            spend_budget(measured, Budget(kind, 5.0), footprint(measured))  # type: ignore[arg-type]
