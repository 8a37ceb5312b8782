"""Every check can fail, says on what, and passes on a sound quant."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hubtool.checks import doctor, hub, layout, metadata
from hubtool.checks.interface import Check, CheckSubject
from hubtool.checks.run import check_ids, families, require_passed, run_checks
from hubtool.errors import ChecksFailed
from tests.support.damages import FAILURES, FIRST
from tests.support.sound_quant import BASE, base, remove, replace, write
from tests.support.toy_weights import packed_linear, safetensors_bytes

CHEAP = ("layout", "doctor", "metadata", "hub", "licence", "card", "secrets", "tensors")


def test_a_sound_quant_passes_every_check(quant: Path) -> None:
    subject = CheckSubject(quant, base=base())
    found = [one for name in CHEAP for one in families()[name](subject)]
    assert [one.id for one in found if one.result not in ("pass", "warn")] == ["metadata/hub"]
    assert {one.id.split("/")[0] for one in found} == set(CHEAP)


@pytest.mark.parametrize(
    ("check", "spoil", "id_", "where", "words"),
    FAILURES,
    ids=[f"{row[2]} {row[4]}" for row in FAILURES],
)
def test_a_check_fails_where_it_must_and_says_on_what(
    quant: Path, check: Check, spoil: Callable[[Path], None], id_: str, where: str, words: str
) -> None:
    spoil(quant)
    failed = [one for one in check(CheckSubject(quant, base=base())) if one.result == "fail"]
    found = {one.id: one for one in failed}
    assert id_ in found, failed
    assert found[id_].subject == where
    assert words in found[id_].message
    assert found[id_].remedy


def test_python_files_may_stay_where_they_were_allowed(quant: Path) -> None:
    (quant / "modeling.py").write_text("")
    subject = CheckSubject(quant, trust_remote_code=True)
    assert not [one for one in layout.check(subject) if one.id == "layout/files" and one.remedy]


def test_weights_that_cannot_be_read_fail_with_their_error(quant: Path) -> None:
    shard = quant / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:-10])
    findings = run_checks(CheckSubject(quant))
    failed = {one.id: one.message for one in findings.failed}
    assert "model.safetensors" in failed["layout/readable"]
    with pytest.raises(ChecksFailed) as caught:
        require_passed(findings)
    assert f"layout/readable: {shard}" in caught.value.message
    assert "loads/generates" in caught.value.message


def test_a_card_without_a_base_fails_although_nothing_says_which_it_is(quant: Path) -> None:
    remove("optiq/release.json")(quant)
    replace("README.md", f"base_model: {BASE}\n", "")(quant)
    found = {one.id: one for one in metadata.check(CheckSubject(quant))}
    assert found["metadata/base"].result == "fail"
    assert found["metadata/base"].message == "base_model is missing, or is no repo id"


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_config_is_told_once_and_every_family_that_reads_it_points_there(
    quant: Path, content: str
) -> None:
    (quant / "config.json").write_text(content)
    found = {one.id: one for one in run_checks(CheckSubject(quant)).findings}
    assert found["layout/readable"].message.startswith("config.json ")
    assert {id_ for id_, one in found.items() if one.message == "see layout/readable"} == {
        "metadata/readable",
        "hub/readable",
        "card/facts",
        "tensors/readable",
        "loads/readable",
    }


def test_every_id_that_is_found_is_listed(quant: Path) -> None:
    found = {one.id for one in run_checks(CheckSubject(quant, base=base())).findings}
    for number, (_, spoil, *_) in enumerate(FAILURES):
        folder = quant.parent / f"spoilt-{number}"
        shutil.copytree(quant, folder)
        spoil(folder)
        subject = CheckSubject(folder, base=base())
        found |= {one.id for one in run_checks(subject, skip=["loads"]).findings}
    assert {id_ for id_ in found if not id_.endswith("/readable")} <= set(check_ids())


def test_a_long_card_and_a_picture_in_its_text_are_warned_about(quant: Path) -> None:
    card_file = quant / "README.md"
    card_file.write_text(card_file.read_text() + "![x](data:image/png;base64,AA)" + "x" * 100_000)
    found = [
        (one.result, one.message) for one in hub.check(CheckSubject(quant)) if one.id == "hub/card"
    ]
    assert [result for result, _ in found] == ["pass", "warn", "warn"]
    assert "may be cut" in found[1][1]
    assert "picture inside the text" in found[2][1]


def test_what_mlx_model_doctor_warns_of_is_told_with_its_remedy(quant: Path) -> None:
    write("model.safetensors.index.json", '{"weight_map": {"x": "gone.safetensors"}}')(quant)
    (found,) = doctor.check(CheckSubject(quant))
    assert (found.id, found.result) == ("doctor/repo", "warn")
    assert found.message.startswith("safetensors.index: ")
    assert "Regenerate" in found.remedy


def test_only_and_skip_choose_families_and_ids(quant: Path) -> None:
    def ids(**chosen: list[str]) -> list[str]:
        return [one.id for one in run_checks(CheckSubject(quant), **chosen).findings]

    assert ids(only=["hub/card", "secrets"]) == ["hub/card", "secrets/token", "secrets/paths"]
    assert ids(only=["secrets"], skip=["secrets/paths"]) == ["secrets/token"]
    assert ids(only=["secrets"], skip=["secrets"]) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "layout", "--skip", "layout"], "--only and --skip leave nothing to check"),
        (["--base-folder", "nowhere"], "--base-folder nowhere: no model there"),
    ],
)
def test_what_cannot_be_checked_is_told_at_the_start(
    quant: Path, arguments: list[str], told: str
) -> None:
    command = [sys.executable, "-m", "hubtool", "check", str(quant), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_every_id_that_a_check_can_report_is_listed(quant: Path) -> None:
    (quant / "model.safetensors").write_bytes(b"no weights")
    found = run_checks(CheckSubject(quant)).findings
    assert {one.id for one in found} <= set(check_ids())
    assert "tensors/readable" in {one.id for one in found}


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (replace("README.md", "license: mit", "license: [oops"), "metadata/valid"),
        (lambda folder: cut_short(folder / "model.safetensors"), "layout/readable"),
    ],
)
def test_one_cause_is_told_once(quant: Path, spoil: Callable[[Path], None], cause: str) -> None:
    spoil(quant)
    subject = CheckSubject(quant, base=base())
    findings = run_checks(subject, only=CHEAP, skip=("doctor",)).findings
    assert [one.id for one in findings if one.result == "fail"] == [cause]
    see = [one.id for one in findings if one.message == f"see {cause}"]
    assert {"card/facts", "hub/snippet" if cause == "metadata/valid" else "hub/readable"} <= {*see}


@pytest.mark.parametrize("family", ["metadata", "hub", "licence", "card"])
def test_a_family_alone_tells_what_keeps_it_from_the_fields(quant: Path, family: str) -> None:
    replace("README.md", "license: mit", "license: [oops")(quant)
    failed = run_checks(CheckSubject(quant), only=[family]).failed
    assert [one.message[:28] for one in failed] == ["Invalid YAML in README.md: e"]


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def test_a_file_without_rights_is_a_finding_and_the_other_checks_run(
    quant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder / "config.json"))

    monkeypatch.setattr(layout, "weight_files", refused)
    found = run_checks(CheckSubject(quant), only=["layout", "secrets"]).findings
    assert [one.id for one in found] == ["layout/readable", "secrets/token", "secrets/paths"]
    assert found[0].message == f"{quant / 'config.json'}: permission denied"


def test_parameters_that_the_hub_leaves_out_are_told(quant: Path) -> None:
    tensors = {
        **packed_linear(FIRST, 128, 64, 4),
        "scale": ("BF16", ()),
        "model.norm": ("BF16", (4,)),
    }
    (quant / "model.safetensors").write_bytes(safetensors_bytes(tensors, {"format": "mlx"}))
    told = next(one.message for one in hub.check(CheckSubject(quant)))
    assert told == (
        "8,196 parameters; here are 8,197: the Hub leaves out 1 single numbers "
        "(tensors without a dimension)"
    )
