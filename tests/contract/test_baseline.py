"""What the baseline weighs, read from its headers on a Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.artifact.stats import stats_of_folder
from hubtool.card.baseline import baseline_facts
from hubtool.card.example_parts import scores
from hubtool.card.recompose import Look, recompose
from hubtool.console import Console
from hubtool.errors import RepoNotFound
from hubtool.hub.client import HubClient
from tests.support.localhub import HubSession
from tests.support.sound_quant import write_sound_quant
from tests.support.toy_weights import write_quant


def test_a_quant_is_read_and_its_base_named(
    hub: HubSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "quant"
    write_quant(folder)
    (folder / "README.md").write_text("---\nbase_model:\n- acme/base\n---\n")
    hub.running.store.seed_repo("acme/quant-4bit", folder)
    client = HubClient(endpoint=hub.url, token=hub.token)
    facts, stats = baseline_facts(client, "acme/quant-4bit"), stats_of_folder(folder)
    assert facts is not None
    assert (facts.base_repo, facts.widths) == ("acme/base", (4, 8))
    assert (facts.nominal_bpw, facts.stored_bpw) == (stats.nominal_bpw, stats.stored_bpw)
    assert facts.weights_bytes == stats.weights_bytes
    assert facts.revision == client.head("acme/quant-4bit")

    (folder / "config.json").write_text("[]")
    hub.running.store.seed_repo("acme/broken", folder)
    assert baseline_facts(client, "acme/broken", Console("plain")) is None
    assert "the size of the baseline acme/broken is not known" in capsys.readouterr().err
    with pytest.raises(RepoNotFound):
        baseline_facts(client, "acme/none")


def test_a_card_is_compared_with_the_quant_that_is_named(hub: HubSession, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    write_quant(theirs)
    (theirs / "README.md").write_text("---\nbase_model: acme/base\n---\n")
    hub.running.store.seed_repo("acme/other-4bit", theirs)
    write_sound_quant(ours)
    facts = baseline_facts(HubClient(endpoint=hub.url, token=hub.token), "acme/other-4bit")
    page = recompose(ours, Look(), scores(), facts)
    assert page.facts.baseline == facts
    assert page.provenance.baseline == "acme/other-4bit"
    assert "acme/other-4bit is a mixed 4 and 8-bit quant of the same base" in page.text
