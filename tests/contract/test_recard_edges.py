"""What is planned for single repos: named, matched, renamed, damaged, of every kind."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from hubtool.artifact.layout import PROVENANCE_FILE
from hubtool.artifact.stats import stats_of_folder
from hubtool.checks.card import check as check_card
from hubtool.checks.remote import fetch_subject
from hubtool.cli.recard_plan import _finish
from hubtool.console import SILENT
from hubtool.hub.client import HubClient
from hubtool.recard.change import RepoPlan, Wish
from hubtool.recard.make import Tally, in_order, plan_all
from hubtool.recard.planfile import PlanWriter, new_header
from hubtool.recard.read import read_quant
from hubtool.recard.select import (
    FIELDS,
    LIST_FROM,
    Candidate,
    Row,
    Selection,
    Skipped,
    judged,
    row_of,
)
from tests.support.fleet import FAULTY
from tests.support.localhub import HubSession
from tests.support.quant_kinds import KINDS, hubtool_made
from tests.support.recard_bench import OPTIQ, TITLE, Bench, only
from tests.support.toy_weights import safetensors_bytes


def test_a_repo_that_was_renamed_is_not_followed(bench: Bench) -> None:
    old = bench.seed("old-name")
    bench.hub.api().move_repo(old, f"{bench.hub.org}/new-name")
    [left] = bench.plan(old)
    assert isinstance(left, Skipped)
    assert left.reason == f"it is called {bench.hub.org}/new-name now: name it so"


def test_a_match_chooses_names_and_never_drops_what_is_named(bench: Bench) -> None:
    for name in ("gemma-OptiQ-4bit", "llama-OptiQ-4bit", "named"):
        bench.seed(name)
    with PlanWriter(bench.folder / "plan.json", new_header(bench.hub.url, TITLE, {})):
        wanted = Selection(bench.hub.org, "gemma-*-OptiQ-*", (f"{bench.hub.org}/named",))
        wanted = dataclasses.replace(wanted, match="gemma-*")
        found = {one.repo for one in plan_all(bench.client, wanted, Wish())}
    assert found == {f"{bench.hub.org}/gemma-OptiQ-4bit", f"{bench.hub.org}/named"}


def test_a_gated_repo_of_others_that_shows_no_files_is_skipped(
    strict_hub: HubSession, tmp_path: Path
) -> None:
    bench = Bench(strict_hub, tmp_path)
    repo = bench.seed("gated", gated="auto")
    token = strict_hub.running.store.create_user("eve")
    bench.client = HubClient(endpoint=strict_hub.url, token=token)
    [left] = bench.plan(repo)
    assert isinstance(left, Skipped)
    assert "the repo is gated and this token has no access" in left.reason


def test_an_organisation_of_no_model_is_told_by_the_exit_code(bench: Bench) -> None:
    found = bench.plan(org=f"{bench.hub.org}-typo")
    assert found == []
    with pytest.raises(typer.Exit) as ended:
        _finish(SILENT, bench.client, bench.folder / "plan.json", Tally(), None)
    assert ended.value.exit_code == 1


def test_no_more_repos_are_taken_from_the_listing_than_are_in_hand() -> None:
    from concurrent.futures import ThreadPoolExecutor

    taken = 0

    def listing() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken = number + 1
            yield number

    with ThreadPoolExecutor(4) as pool:
        results = in_order(pool, lambda number: number * 2, listing(), ahead=20)
        for place, result in enumerate(results):
            assert result == place * 2
            assert taken <= place + 1 + 20


def test_a_named_model_that_is_not_quantized_is_left(bench: Bench) -> None:
    def plain(folder: Path, repo: str) -> None:
        folder.mkdir()
        weights = safetensors_bytes({"model.norm.weight": ("BF16", (64,))})
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "config.json").write_text('{"model_type": "llama"}')

    [left] = bench.plan(bench.seed("plain", plain))
    assert isinstance(left, Skipped)
    assert (left.kind, left.reason) == (
        "not ours",
        "none of its weights are quantized: it is no quant",
    )


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("README.md", b"\xff\xfe", "README.md is not UTF-8"),
        ("README.md", b"---\na: [\n---\nMine\n", "the front matter cannot be read"),
        ("optiq/release.json", b'{"record": "Provenance", "schema": 99}', "cannot be read"),
    ],
)
def test_what_would_be_lost_is_not_overwritten(
    bench: Bench, file: str, content: bytes, said: str
) -> None:
    def damaged(folder: Path, repo: str) -> None:
        hubtool_made(folder, repo)
        (folder / file).write_bytes(content)

    [left] = bench.plan(bench.seed("damaged", damaged))
    assert isinstance(left, Skipped)
    assert said in left.reason


def test_many_named_repos_of_one_owner_are_looked_up_in_one_listing(bench: Bench) -> None:
    repos = [bench.seed(f"m{number:02}") for number in range(LIST_FROM)]
    bench.seed("not-named")
    start = len(bench.hub.running.log)
    found = bench.plan(*repos, "nobody/nothing")
    asked = [one.path for one in bench.hub.running.log[start:] if one.path.startswith("/api/")]
    assert asked == ["/api/models", "/api/models/nobody/nothing"]
    assert sorted(one.repo for one in found) == sorted([*repos, "nobody/nothing"])


def test_the_case_of_an_owners_name_does_not_matter(bench: Bench) -> None:
    repo = bench.seed("quant")
    assert isinstance(only(bench.plan(repo, org=bench.hub.org)), RepoPlan)
    row = Row(repo, "c" * 40, (PROVENANCE_FILE,), {}, {}, {})
    upper = Selection(bench.hub.org.upper())
    assert isinstance(judged(row, upper, named=False), Candidate)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in FAULTY])
def test_the_figures_read_over_http_are_those_of_the_folder(bench: Bench, kind: str) -> None:
    folder, repo = bench.folder / "quant", f"{bench.hub.org}/{kind}"
    KINDS[kind][0](folder, repo)
    bench.hub.running.store.seed_repo(repo, folder)
    found = read_quant(bench.client, row_of(bench.client.model_row(repo, FIELDS)))
    assert found.stats == stats_of_folder(folder)
    card = folder / "README.md"
    assert (found.readme or "").encode() == (card.read_bytes() if card.is_file() else b"")


def test_charts_come_when_they_are_asked_for_and_go_with_undo(bench: Bench) -> None:
    repo = bench.seed("quant", hubtool_made)
    paths = {one.path for one in only(bench.plan(repo)).files}
    assert not [path for path in paths if path.endswith(".png")]
    plan = only(bench.plan(repo, charts=True, **OPTIQ))
    [chart] = [one for one in plan.files if one.path.endswith(".png")]
    assert chart.content.startswith(b"\x89PNG")
    assert chart.path in plan.files[0].after
    assert [one.state for one in bench.apply()] == ["done"]
    assert bench.hub.running.store.read(repo, "main", chart.path) == chart.content
    assert only(bench.plan(repo, charts=True, file="again.json", **OPTIQ)).files == ()
    assert [one.state for one in bench.undo()] == ["undone"]
    assert chart.path not in bench.hub.running.store.tree(repo)


@pytest.mark.parametrize("kind", ["hubtool", "optiq-old", "uniform", "mixed", "mxfp4", "sharded"])
def test_every_statement_of_a_new_card_passes_the_check(bench: Bench, kind: str) -> None:
    repo = bench.seed("quant", KINDS[kind][0])
    bench.plan(repo)
    assert [one.state for one in bench.apply()] == ["done"]
    (bench.folder / "read").mkdir()
    subject = fetch_subject(bench.client, repo, None, bench.folder / "read")
    assert [one.message for one in check_card(subject) if one.result != "pass"] == []


def test_each_quant_keeps_the_look_that_its_release_names(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made with ``plain``: planned with it, with ours of that name, with another if asked."""
    repo = bench.seed("quant", hubtool_made)
    assert _look(only(bench.plan(repo))) == ("plain", "plain")
    assert _look(only(bench.plan(repo, file="other.json", **OPTIQ))) == ("optiq", "optiq")
    own = tmp_path / "own"
    (own / "blocks").mkdir(parents=True)
    (own / "plain.md.j2").write_text('{% include "blocks/intro.md.j2" %}\n')
    (own / "blocks/intro.md.j2").write_text("# {{ facts.name | md }}\n\nIn our own words.\n")
    monkeypatch.setenv("HUBTOOL_TEMPLATES", str(own))
    assert "In our own words." in only(bench.plan(repo, file="own.json")).files[0].after


def test_a_quant_whose_look_is_not_here_is_skipped_with_what_would_help(bench: Bench) -> None:
    def ours(folder: Path, repo: str) -> None:
        hubtool_made(folder, repo)
        release = folder / PROVENANCE_FILE
        text = release.read_text().replace('"template": "plain"', '"template": "house.md.j2"')
        release.write_text(text)

    [left] = bench.plan(bench.seed("quant", ours))
    assert isinstance(left, Skipped)
    assert "no card template 'house.md.j2' here" in left.reason
    assert "HUBTOOL_TEMPLATES" in left.reason


def test_a_quant_that_names_no_look_gets_the_first(bench: Bench) -> None:
    assert _look(only(bench.plan(bench.seed("quant")))) == ("optiq", "optiq")


def _look(plan: RepoPlan) -> tuple[str, str]:
    """What the planned ``optiq/release.json`` will say."""
    release = next(one for one in plan.files if one.path == PROVENANCE_FILE)
    found = json.loads(release.after)
    return found["template"], found["brand"]
