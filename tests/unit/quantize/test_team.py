"""Several processes that measure together, as mlx.launch starts them."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from hubtool.quantize.sensitivity import Sensitivity
from hubtool.quantize.team import Team, add, join_team
from tests.support.tiny_models import save_tiny_model

LAUNCH = "from mlx._distributed_utils.launch import main; main()"


def test_nobody_started_a_team(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLX_RANK", raising=False)
    assert join_team() == Team()
    assert Team().gathered({"a": 1}) == [{"a": 1}]


def test_sums_are_added_without_loss_whoever_has_them() -> None:
    parts = [{"a": {"4": 1e16}, "b": {"4": 2.0}}, {"a": {"4": 1.0}}, {"a": {"4": -1e16}}]
    assert add(parts) == {"a": {"4": 1.0}, "b": {"4": 2.0}}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux opens the other end of a pipe")
def test_whoever_started_a_team_is_not_asked_to_write() -> None:
    """``mlx.launch`` selects on our standard input, and would spin on a pipe with room."""
    code = "from hubtool.quantize.team import join_team; join_team(); print('joined', flush=True)"
    code += "; import time; time.sleep(60)"
    environment = {**os.environ, "MLX_RANK": "0"}  # and no hosts: mlx makes a team of one
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, env=environment
    ) as child:
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            assert select.select([], [child.stdin], [], 0)[1], "a new pipe has room"
            assert child.stdout.readline() == b"joined\n"
            assert select.select([], [child.stdin], [], 0.2)[1] == []
        finally:
            child.kill()


@pytest.mark.parametrize(("method", "tokens"), [("fisher", 4500), ("exact", 600)])
def test_two_processes_find_what_one_does(tmp_path: Path, method: str, tokens: int) -> None:
    """Both methods have more than one step for that many tokens: each process takes its own."""
    model = save_tiny_model(tmp_path / "model", "moe")
    command = [
        "measure",
        str(model),
        "--tokens",
        str(tokens),
        "--method",
        method,
        "--candidate-bits",
        "4",
        "--group-sizes",
        "64",
        "--out",
    ]
    script = Path(sys.executable).parent / "hubtool"
    launched = [sys.executable, "-c", LAUNCH, "-n", "2", "--python", sys.executable, str(script)]
    for prefix, out in (([str(script)], "one.json"), (launched, "two.json")):
        subprocess.run(
            [*prefix, *command, str(tmp_path / out)], check=True, capture_output=True, timeout=120
        )
    one, two = (Sensitivity.read(tmp_path / name) for name in ("one.json", "two.json"))
    for first, second in zip(one.components, two.components, strict=True):
        assert second.kl == pytest.approx(first.kl, rel=1e-6), first.name
    assert [file.name for file in tmp_path.glob("*.partial.json")] == []
