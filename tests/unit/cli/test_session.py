"""Which Hub ``--hub`` names, and how long one that is not there is asked."""

from __future__ import annotations

import socket

import pytest

from hubtool.cli.session import open_hub
from hubtool.console import SILENT
from hubtool.errors import HubUnreachable, ManifestInvalid
from hubtool.hub.client import HubClient
from hubtool.hub.retry import RetryPolicy


@pytest.mark.parametrize("hub", ["nonsense", "ftp://x", "local:", "", "http://", "http://x:port"])
def test_what_is_no_hub_is_refused_before_a_request(hub: str) -> None:
    with pytest.raises(ManifestInvalid) as caught:
        open_hub(hub, SILENT)
    assert caught.value.remedy.startswith("write --hub local, --hub local:DIR, or an address")


def test_where_nothing_listens_is_asked_for_a_few_seconds_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://127.0.0.1:{gone.getsockname()[1]}"
    waits: list[float] = []
    policy = RetryPolicy(sleep=waits.append, clock=lambda: sum(waits))
    with pytest.raises(HubUnreachable) as caught:
        HubClient(endpoint=address, token="t", retry=policy).head("org/model")
    assert 0 < sum(waits) <= policy.refused_seconds
    assert caught.value.message == f"could not read org/model: nothing answers at {address}"
    assert "--hub" in caught.value.remedy
