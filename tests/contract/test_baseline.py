"""What the baseline weighs, read from its headers on a Hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.artifact.stats import stats_of_folder
from hubtool.card.baseline import baseline_facts
from hubtool.console import Console
from hubtool.errors import RepoNotFound
from hubtool.hub.client import HubClient
from tests.support.localhub import HubSession
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
