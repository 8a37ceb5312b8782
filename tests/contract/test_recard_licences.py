"""Licences on cards that are made anew: kept, asked for, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.errors import HubUnreachable, NotSignedIn, QuotaSpent
from hubtool.localhub.faults import Fault
from hubtool.recard.change import RepoPlan
from tests.support.quant_kinds import hubtool_made, mlx_lm_card, uniform
from tests.support.recard_bench import APACHE, Bench, base_with, only, quant_of


def test_a_wrong_licence_stays_until_it_is_asked_for_and_then_comes_first(bench: Bench) -> None:
    base = base_with(bench, "apache-2.0")

    def claims_mit(folder: Path, repo: str) -> None:
        uniform(folder, repo)
        (folder / "README.md").write_text(mlx_lm_card(repo, base=base, licence="mit"))

    repo = bench.seed("quant", claims_mit)
    without = only(bench.plan(repo))
    assert "licence" not in {change.kind for change in without.changes}
    assert "license: mit" in without.files[0].after
    plan = only(bench.plan(repo, include_licence=True))
    assert [plan.changes[0].kind, plan.changes[0].what] == ["licence", "license: mit -> apache-2.0"]
    assert "license: apache-2.0" in plan.files[0].after
    texts = {one.path: one.content for one in plan.files}
    assert texts["LICENSE"] == APACHE.encode()
    assert [one.state for one in bench.apply()] == ["done"]
    assert bench.hub.running.store.read(repo, "main", "LICENSE") == texts["LICENSE"]
    assert [one.state for one in bench.undo()] == ["undone"]
    assert "LICENSE" not in bench.hub.running.store.tree(repo)
    assert "license: mit" in bench.card(repo)


def test_a_card_that_says_another_licence_than_our_records_is_told_and_left(bench: Bench) -> None:
    def changed(folder: Path, repo: str) -> None:
        hubtool_made(folder, repo)
        card = folder / "README.md"
        card.write_text(card.read_text().replace("license: mit", "license: apache-2.0"))

    plan = only(bench.plan(bench.seed("quant", changed)))
    assert plan.licence_withheld
    assert "license: apache-2.0" in plan.files[0].after
    assert any("--include-licence changes it" in warning for warning in plan.warnings)


@pytest.mark.parametrize("own", ["", "Mine\n"])
def test_a_licence_that_asks_for_a_notice_brings_it(bench: Bench, own: str) -> None:
    line = "Tiny Model is made available under the Tiny Community License, Copyright (c) Tiny."
    text = f"Gemma Terms of Use\nKeep a text file named “Notice” that reads: “{line}” with it.\n"
    base = base_with(bench, "gemma", text)
    repo = quant_of(bench, base, **({"Notice": own} if own else {}))
    plan = only(bench.plan(repo, include_licence=True))
    [notice] = [one for one in plan.files if one.path == "Notice"]
    assert notice.content.decode().startswith(f"{own}\n{line}\n" if own else f"{line}\n")
    assert [one.state for one in bench.apply()] == ["done"]
    assert only(bench.plan(repo, include_licence=True, file="again.json")).files == ()
    assert [one.state for one in bench.undo()] == ["undone"]
    store = bench.hub.running.store
    assert ("Notice" in store.tree(repo)) == bool(own)
    assert not own or store.read(repo, "main", "Notice") == own.encode()


@pytest.mark.parametrize(
    ("status", "error"), [(503, HubUnreachable), (429, QuotaSpent), (401, NotSignedIn)]
)
def test_a_licence_that_nobody_answers_for_ends_the_plan(
    bench: Bench, status: int, error: type[Exception]
) -> None:
    base = base_with(bench, "apache-2.0")
    repo = quant_of(bench, base)
    with bench.faults(Fault(f"/api/models/{base}*", status=status)), pytest.raises(error):
        bench.plan(repo, include_licence=True)
    assert not (bench.folder / "plan.json").exists()


def test_a_base_that_cannot_be_read_costs_its_licence_only_and_is_asked_once(bench: Bench) -> None:
    repos = [quant_of(bench, "lab/gone", name) for name in ("one", "two")]
    start = len(bench.hub.running.log)
    for plan in bench.plan(*repos, include_licence=True):
        assert isinstance(plan, RepoPlan)
        assert "license: mit" in plan.files[0].after
        assert any("its licence is left as it is" in one for one in plan.warnings)
    asked = [one.path for one in bench.hub.running.log[start:]]
    assert asked.count("/api/models/lab/gone") == 1
