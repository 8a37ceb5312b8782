"""docs/reference/local-hub.md and `hub serve --help` say what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubtool.cli.hub import SERVE_HELP
from hubtool.errors import ManifestInvalid
from hubtool.localhub.app import route_names
from hubtool.localhub.faults import KEYS, Fault
from hubtool.localhub.server import start_local_hub

REFERENCE = (Path(__file__).parents[3] / "docs/reference/local-hub.md").read_text()


def test_every_route_can_be_looked_up() -> None:
    assert [name for name in sorted(route_names()) if f"`{name}`" not in REFERENCE] == []


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_of_a_fault_is_explained(key: str) -> None:
    assert f"`{key}=" in REFERENCE or f"`{key}`" in REFERENCE
    assert key in SERVE_HELP


def test_fault_on_an_unknown_route_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match="'comit'"):
        start_local_hub(tmp_path, faults=[Fault("comit", status=500)])
