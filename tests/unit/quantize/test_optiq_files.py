"""mlx-optiq's two files: what is written, and what is read back for a card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from hubtool.artifact.stats import stats_of_folder
from hubtool.card.example_parts import verification
from hubtool.errors import StatsDisagree
from hubtool.quantize.allocation import ComponentWidth
from hubtool.quantize.budget import Budget, MemorySum
from hubtool.quantize.imported import claims_of_folder, require_claims_true
from hubtool.quantize.optiq_files import (
    METADATA,
    SENSITIVITY,
    Making,
    MeasurementFacts,
    read_making,
    read_verification,
    write_optiq_files,
    write_verification,
)
from hubtool.quantize.sensitivity import CalibrationUse, ComponentSensitivity
from tests.support.allocations import allocation_of, sensitivity
from tests.support.toy_weights import write_quant

NARROW, WIDE = "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj"
ROUTER = "model.layers.0.mlp.gate"
MEASURED = dataclasses.replace(
    sensitivity(
        [
            ComponentSensitivity(NARROW, 8192, {"4": 0.02, "8": 0.0001}),
            ComponentSensitivity(WIDE, 8192, {"4": 0.05, "8": 0.0002}),
        ],
        (4, 8),
    ),
    reference="uniform4",
    reference_reason="bf16 needs about 15.90 GB, 11.20 GB were free",
    calibration=CalibrationUse("c" * 64, ("prose", "code"), 16, 3072),
    base_sha256="b" * 64,
)
# what was planned differs from the bytes: only the bytes may show in per_layer
PLANNED = dataclasses.replace(
    allocation_of(
        (
            ComponentWidth(NARROW, 8, 64, 8192, "planned"),
            ComponentWidth(WIDE, 8, 64, 8192, "planned"),
            ComponentWidth(ROUTER, 16, 0, 256, "router"),
        )
    ),
    candidate_bits=(4, 8),
    budget=Budget("target_bpw", 6.5),
    nominal_bpw=8.0,
    kl=0.07,
    optimality_gap=0.001,
)


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    """A quant folder of one component at 4 bit and one at 8, with both files."""
    write_quant(tmp_path)
    paths = write_optiq_files(
        tmp_path,
        base_repo="acme/base",
        base_revision="a" * 40,
        base_sha256="b" * 64,
        sensitivity=MEASURED,
        allocation=PLANNED,
        stats=stats_of_folder(tmp_path),
        rounding="search",
    )
    assert paths == (METADATA, SENSITIVITY)
    return tmp_path


def test_the_metadata_is_what_mlx_optiq_reads_and_says_what_the_bytes_say(quant: Path) -> None:
    assert json.loads((quant / METADATA).read_text()) == {
        "tool": "hubtool",
        "method": "optiq_mixed_precision",
        "base_model": "acme/base",
        "base_revision": "a" * 40,
        "base_sha256": "b" * 64,
        "reference": "uniform_4bit",
        "reference_reason": MEASURED.reference_reason,
        "sensitivity_method": "fisher",
        "sensitivity_source": None,
        "budget": {"kind": "target_bpw", "amount": 6.5},
        "target_bpw": 6.5,
        "achieved_bpw": 6.0,
        "stored_bpw": stats_of_folder(quant).stored_bpw,
        "rounding": "search",
        "optimality_gap": 0.001,
        "group_sizes": [64],
        "n_high_bits": 1,
        "n_low_bits": 1,
        "threshold": 0.0,
        "calibration": {
            "sha256": "c" * 64,
            "domains": ["prose", "code"],
            "samples": 16,
            "tokens": 3072,
        },
        "per_layer": {
            WIDE: {"bits": 8, "group_size": 64},
            ROUTER: {"bits": 16, "group_size": None},
            NARROW: {"bits": 4, "group_size": 64},
        },
    }


def test_the_sensitivities_are_all_there(quant: Path) -> None:
    assert json.loads((quant / SENSITIVITY).read_text()) == {
        "base_model": "acme/base",
        "candidate_bits": [4, 8],
        "group_size": 64,
        "metric": "kl_divergence_vs_reference",
        "hubtool_measurement": {
            "method": "fisher",
            "reference": "uniform4",
            "reference_reason": MEASURED.reference_reason,
            "calibration": {
                "sha256": "c" * 64,
                "domains": ["prose", "code"],
                "samples": 16,
                "tokens": 3072,
            },
            "dtype": "float32",
            "noise_floor": None,
            "rounding": "nearest",
            "base_sha256": "b" * 64,
            "source": None,
        },
        "layers": [
            {
                "layer_name": one.name,
                "sensitivities": one.kl,
                "param_count": one.parameters,
                "metadata": {},
            }
            for one in MEASURED.components
        ],
    }


def test_our_own_claims_are_true(quant: Path) -> None:
    claims = claims_of_folder(quant)
    assert claims.widths == {NARROW: 4, WIDE: 8, ROUTER: 16}
    require_claims_true(claims, stats_of_folder(quant))


def test_how_it_was_made_is_read_back(quant: Path) -> None:
    assert read_making(quant) == Making(
        target_bpw=6.5,
        measurement=MeasurementFacts(
            method="fisher",
            reference="uniform4",
            reference_reason=MEASURED.reference_reason,
            calibration_sha256="c" * 64,
            domains=("prose", "code"),
            samples=16,
            tokens=3072,
        ),
        budget="--target-bpw 6.5",
        rounding="search",
        base_sha256="b" * 64,
    )


@pytest.mark.parametrize(
    ("budget", "flags"),
    [
        (Budget("stored_bpw", 5.0), "--stored-bpw 5.0"),
        (Budget("max_size", 4_700_000_000), "--max-size 4700MB"),
        (Budget("fit", 16 << 30, MemorySum(16 << 30, 1, 4096, 1, 1)), "--fit 16GB --context 4096"),
    ],
)
def test_other_budgets_and_figures_that_nobody_measured_are_told(
    tmp_path: Path, budget: Budget, flags: str
) -> None:
    write_quant(tmp_path)
    published = dataclasses.replace(
        MEASURED, method="published", reference=None, calibration=None, source="acme/q@1"
    )
    write_optiq_files(
        tmp_path,
        base_repo="acme/base",
        base_revision="a" * 40,
        base_sha256="b" * 64,
        sensitivity=published,
        allocation=dataclasses.replace(PLANNED, budget=budget),
        stats=stats_of_folder(tmp_path),
        rounding="search",
    )
    assert read_making(tmp_path) == Making(
        target_bpw=None,
        measurement=None,
        budget=flags,
        chosen_by="sensitivities read from acme/q@1; not measured by hubtool",
        rounding="search",
        base_sha256="b" * 64,
    )


def test_metadata_from_before_other_budgets_is_still_read(quant: Path) -> None:
    metadata = json.loads((quant / METADATA).read_text())
    for field in (
        "budget",
        "group_sizes",
        "stored_bpw",
        "sensitivity_source",
        "optimality_gap",
        "rounding",
    ):
        del metadata[field]
    (quant / METADATA).write_text(json.dumps(metadata))
    making = read_making(quant)
    assert making is not None
    assert (making.target_bpw, making.budget) == (6.5, None)


@pytest.mark.parametrize(
    "metadata", [None, {}, [], {"tool": "mlx-optiq", "target_bpw": 5.0, "calibration": {}}]
)
def test_what_another_tool_wrote_is_not_taken_for_ours(tmp_path: Path, metadata: object) -> None:
    if metadata is not None:
        (tmp_path / "optiq").mkdir()
        (tmp_path / METADATA).write_text(json.dumps(metadata))
    assert read_making(tmp_path) is None


@pytest.mark.parametrize("field", ["calibration", "reference", "target_bpw"])
def test_our_own_metadata_damaged_since_is_named(quant: Path, field: str) -> None:
    metadata = json.loads((quant / METADATA).read_text())
    del metadata[field]
    (quant / METADATA).write_text(json.dumps(metadata))
    with pytest.raises(StatsDisagree, match=f"optiq/metadata.json cannot be read.*{field}"):
        read_making(quant)


def test_a_comparison_is_written_beside_what_is_there_and_read_back(quant: Path) -> None:
    before = json.loads((quant / METADATA).read_text())
    assert read_verification(quant) is None
    write_verification(quant, verification())
    after = json.loads((quant / METADATA).read_text())
    assert {name: after[name] for name in before} == before
    assert read_verification(quant) == verification()
    assert after["verification"]["distance"]["mean_nats"] == {
        "value": 0.072,
        "low": pytest.approx(0.06768),
        "high": pytest.approx(0.07632),
    }


def test_a_folder_without_metadata_gets_the_comparison_alone(tmp_path: Path) -> None:
    write_quant(tmp_path)
    write_verification(tmp_path, verification(twin=False))
    assert list(json.loads((tmp_path / METADATA).read_text())) == ["verification"]
    assert read_verification(tmp_path) == verification(twin=False)
    assert read_making(tmp_path) is None
    require_claims_true(claims_of_folder(tmp_path), stats_of_folder(tmp_path))


@pytest.mark.parametrize("damage", [[], {"record": "Verification", "schema": 1}, "0.07"])
def test_a_comparison_damaged_since_is_named(quant: Path, damage: object) -> None:
    metadata = json.loads((quant / METADATA).read_text())
    (quant / METADATA).write_text(json.dumps({**metadata, "verification": damage}))
    with pytest.raises(StatsDisagree, match=r"optiq/metadata.json cannot be read"):
        read_verification(quant)
