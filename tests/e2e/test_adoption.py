"""A quant that mlx-lm itself uploaded gets hubtool's card."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hubtool.card.blocks import find_blocks
from hubtool.localhub.server import RunningHub
from tests.support.release import BASE, environment, hubtool

UPLOAD = """
import sys
from pathlib import Path
from huggingface_hub import HfApi
from mlx_lm.utils import create_model_card, upload_to_hub

# mlx-lm 0.32 calls the upload by a name that newer clients no longer have
HfApi.upload_large_folder = getattr(HfApi, "upload_large_folder", HfApi.upload_folder)
folder, base = Path(sys.argv[1]), sys.argv[2]
create_model_card(folder, base)
upload_to_hub(str(folder), "me/by-mlx-lm")
"""


def test_mlx_lms_own_card_is_taken_over_and_a_note_in_it_stays(
    plain_quant: Path, tiny_hub: RunningHub, tmp_path: Path
) -> None:
    env = environment(tmp_path / "home", token=tiny_hub.token)
    env |= {"HF_ENDPOINT": tiny_hub.url, "HF_HUB_DISABLE_XET": "1"}
    script = [sys.executable, "-c", UPLOAD, str(plain_quant), BASE]
    uploaded = subprocess.run(script, env=env, capture_output=True, text=True, timeout=120)
    assert uploaded.returncode == 0, uploaded.stderr
    assert tiny_hub.store.read("me/by-mlx-lm", "main", "README.md")
    readme = plain_quant / "README.md"
    written = readme.read_text()
    assert "converted to MLX format" in " ".join(written.split())
    readme.write_text(written.replace("## Use with mlx", "We like this one.\n\n## Use with mlx"))

    wanted = ("--base", BASE, "--repo", "me/by-mlx-lm", "--hub", tiny_hub.url)
    done = hubtool("card", str(plain_quant), *wanted, "--json", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["adopted"] == ["intro", "usage"]
    assert any("pip install mlx-lm" in piece for piece in said["dropped"])
    assert "took over sections of another generator: intro, usage" in done.stderr
    card = readme.read_text()
    assert card.count("We like this one.") == 1
    assert "converted to MLX format" not in " ".join(card.split())
    assert {block.name for block in find_blocks(card)} >= {"intro", "details", "usage", "license"}
