"""What every test starts from: no token, no proxy, no cache of the person who runs it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import settings

# huggingface_hub reads these when it is imported, so they come before any test module
_HOME = Path(tempfile.mkdtemp(prefix="hubtool-tests-"))
os.environ["HF_HOME"] = str(_HOME / "hf")
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
os.environ["XDG_DATA_HOME"] = str(_HOME / "data")
os.environ["XDG_CACHE_HOME"] = str(_HOME / "cache")
for _name in (
    "HF_TOKEN",
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
    "HTTP_PROXY",
    "http_proxy",
    "GITHUB_ACTIONS",
):
    os.environ.pop(_name, None)

settings.register_profile("hubtool", deadline=None)  # how long a machine takes is no property
settings.load_profile("hubtool")
