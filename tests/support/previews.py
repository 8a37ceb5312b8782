"""Previews of a sound quant folder, asked as a browser asks."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from hubtool.card.templates import templates_folder
from hubtool.preview.app import RunningPreview, start_preview
from hubtool.preview.source import PreviewSource


@contextmanager
def previewed(source: PreviewSource) -> Iterator[RunningPreview]:
    """The running preview of ``source``, stopped at the end."""
    running = start_preview(source)
    try:
        yield running
    finally:
        running.stop()


def get(running: RunningPreview, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of a path that is sent exactly as it stands here."""
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=10)
    try:
        connection.putrequest("GET", path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def own_template(folder: Path) -> Path:
    """A copy of the shipped template with all its blocks, to be edited; the path to name."""
    shutil.copytree(templates_folder(), folder)
    return folder / "plain.md.j2"


HOSTILE = """---
license: mit
license_link: javascript:window.hacked=1
library_name: "<script>window.hacked=2</script>"
tags: ["<img src=x onerror=window.hacked=3>"]
base_model: acme/base
---
# Hostile <script>window.hacked=4</script>

<img src="x" onerror="window.hacked=5"> <svg onload="window.hacked=6"></svg>
<iframe srcdoc="<script>parent.hacked=7</script>"></iframe>
<details open ontoggle="window.hacked=8"><summary>x</summary></details>
<style>body { display: none }</style> <base href="https://elsewhere.invalid/">
<meta http-equiv="refresh" content="0;url=https://elsewhere.invalid/">
<a id="trap" href="javascript:window.hacked=9">click</a>
<form action="https://elsewhere.invalid/"><button id="send">x</button></form>
![](https://elsewhere.invalid/pixel.png) [trap2](javascript:window.hacked=10)
<object data="data:text/html,<script>parent.hacked=11</script>"></object>
<div style="position:fixed;inset:0" onclick="window.hacked=12">cover</div>
"""
