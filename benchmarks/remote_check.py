"""What it costs to check a repo of 50 shards over HTTP: requests, bytes, seconds.

python benchmarks/remote_check.py [--shards 50] [--shard-mb 20]

The shards are sparse: headers as a quant of that size has them, and nothing behind. The Hub is
the local one, over the real client; it counts what it serves.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

from hubtool.checks.remote import fetch_subject
from hubtool.checks.run import run_checks
from hubtool.console import format_bytes
from hubtool.hub.client import HubClient
from hubtool.localhub.server import start_local_hub

REPO = "me/many-shards"
KINDS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
WIDTH = 4096


def write_repo(folder: Path, shards: int, shard_bytes: int) -> int:
    """A quant of ``shards`` sparse files of about ``shard_bytes``; returns the header bytes."""
    folder.mkdir()
    weight_map, header_bytes = {}, 0
    rows = shard_bytes * 2 // (len(KINDS) * WIDTH)
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        tensors, place = {}, 0
        for kind in KINDS:
            module = f"model.layers.{number}.{kind}"
            for part, dtype, columns, size in (
                ("weight", "U32", WIDTH * 4 // 32, 4),
                ("scales", "BF16", WIDTH // 64, 2),
                ("biases", "BF16", WIDTH // 64, 2),
            ):
                length = rows * columns * size
                tensors[f"{module}.{part}"] = {
                    "dtype": dtype,
                    "shape": [rows, columns],
                    "data_offsets": [place, place + length],
                }
                place += length
        header = json.dumps(tensors).encode()
        with (folder / file).open("wb") as stream:
            stream.write(len(header).to_bytes(8, "little") + header)
            stream.truncate(8 + len(header) + place)
        header_bytes += 8 + len(header)
        weight_map |= dict.fromkeys(tensors, file)
    settings = {"group_size": 64, "bits": 4, "mode": "affine"}
    config = {"model_type": "llama", "quantization": settings, "quantization_config": settings}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "README.md").write_text("---\nlicense: mit\nlibrary_name: mlx\n---\n# Many\n")
    return header_bytes


def main() -> None:
    """Seed the repo, check it twice, print what was asked and served."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--shards", type=int, default=50)
    options.add_argument("--shard-mb", type=int, default=20)
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        header_bytes = write_repo(root / "quant", wanted.shards, wanted.shard_mb * 1_000_000)
        total = sum(file.stat().st_size for file in (root / "quant").iterdir())
        with start_local_hub(root / "hub") as running:
            running.store.seed_repo(REPO, root / "quant")
            hub = HubClient(endpoint=running.url, token=running.token)
            for attempt in ("first", "second"):
                (root / attempt).mkdir()
                start, before = len(running.log), time.perf_counter()
                subject = fetch_subject(hub, REPO, None, root / attempt)
                read_s = time.perf_counter() - before
                findings = run_checks(subject)
                seconds = time.perf_counter() - before
                log = running.log[start:]
                served = sum(one.bytes_sent for one in log)
                print(f"{attempt} check of {wanted.shards} shards, {format_bytes(total)} in all:")
                print(
                    f"  requests {len(log)}, by answer {dict(Counter(one.status for one in log))}"
                )
                print(
                    f"  served   {format_bytes(served)}; headers are {format_bytes(header_bytes)}"
                )
                print(f"  of the repo's bytes  1 in {total // served:,}")
                print(
                    f"  seconds  {seconds:.2f}, {read_s:.2f} of them reading; "
                    f"{len(findings.findings)} findings"
                )


if __name__ == "__main__":
    main()
