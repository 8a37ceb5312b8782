"""Peak memory against the size of the model, stage by stage, and a release under a cap.

    python benchmarks/memory.py [--sizes 0.5,2,8] [--cap 2] [--capped-size 8] [--rounding search]
                                [--method fisher] [--tokens 96] [--folder DIR] [--json]

Synthetic bases of Llama's shape (bfloat16, random weights, shards of 2 GB) are made in DIR, one at
a time, and removed again; each takes four times its size of disk. Every stage is a process of its
own; ``peak`` is the largest resident set of it (``ru_maxrss`` from wait4: private memory and mapped
libraries, not the page cache), ``private`` that of private memory alone (``RssAnon``, sampled
twenty times a second). ``start`` is what a process takes that has imported everything and opened
nothing.

The capped release is `hubtool release` of a base of SIZE GB from a local Hub under ``ulimit -d``
(RLIMIT_DATA): the kernel refuses private memory beyond it, so the release fails if it needs more.
It is a limit for each process, and there is one that works; the Hub beside it is not capped.
Weights are random, so nothing here says anything of quality.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from peak import Peak, run
from synthetic_base import GB, make_base

from hubtool.localhub.server import TOKEN_FILE

REPO = "bench/synthetic"
START = "import mlx_lm, transformers, numpy"
FETCH = """
import sys
from pathlib import Path
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], endpoint=sys.argv[2], local_dir=sys.argv[3])
"""


def stages(root: Path, size_gb: float, rounding: str, tokens: int) -> Iterator[Peak]:
    """Every stage on a base of that size; files are removed at the end."""
    hubtool = [sys.executable, "-m", "hubtool"]
    base, quant = root / "base", root / "quant"
    size = make_base(base, size_gb)
    yield run("start", [sys.executable, "-c", START], size)
    with serving(root / "hub") as hub:
        upload(base, hub, root / "hub")
        fetched = str(root / "fetched")
        yield run("fetch", [sys.executable, "-c", FETCH, REPO, hub, fetched], size)
    shutil.rmtree(root / "hub")
    shutil.rmtree(root / "fetched")
    found = str(root / "sensitivity.json")
    asked = ["--tokens", str(tokens), "--reference", "uniform4", "--out", found]
    yield run("measure (uniform4)", [*hubtool, "measure", str(base), *asked], size)
    for name in dict.fromkeys(("nearest", rounding)):
        shutil.rmtree(quant, ignore_errors=True)
        asked = ["--sensitivity", found, "--out", str(quant), "--rounding", name]
        yield run(f"quantize ({name})", [*hubtool, "quantize", str(base), *asked], size)
    asked = ["--base-folder", str(base), "--tokens", str(tokens)]
    yield run("compare", [*hubtool, "verify", str(quant), *asked], size)
    yield run("split", [*hubtool, "split", str(base), str(quant)], size)
    shutil.rmtree(base)
    shutil.rmtree(quant)


def capped_release(
    root: Path, size_gb: float, cap: int, *, rounding: str, method: str, tokens: int
) -> Peak:
    """A whole release of a base of that size in which no process may take more than ``cap``."""
    size = make_base(root / "base", size_gb)
    with serving(root / "hub") as hub:
        upload(root / "base", hub, root / "hub")
        shutil.rmtree(root / "base")
        asked = ["--org", "bench", "--name", "synthetic-4bit", "--hub", hub]
        asked += ["--workdir", str(root / "work"), "--rounding", rounding, "--method", method]
        asked += ["--calibration-tokens", str(tokens), "--verify-tokens", str(tokens)]
        peak = run(
            f"release ({method}, {rounding}), at most {cap / GB:.2f} GB",
            [sys.executable, "-m", "hubtool", "release", REPO, *asked],
            size,
            cap=cap,
            HF_TOKEN_PATH=str(root / "hub" / TOKEN_FILE),
        )
    shutil.rmtree(root / "hub")
    shutil.rmtree(root / "work")
    return peak


@contextlib.contextmanager
def serving(root: Path) -> Iterator[str]:
    """The address of a local Hub in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "hubtool", "hub", "serve", "--root", str(root)]
    with subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit("the local Hub did not start")


def upload(folder: Path, endpoint: str, hub_root: Path) -> None:
    """Put the base on the Hub."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=(hub_root / TOKEN_FILE).read_text().strip())
    api.create_repo(REPO, exist_ok=True)
    api.upload_folder(repo_id=REPO, folder_path=folder, commit_message="Add the base")


def show(peak: Peak) -> str:
    """One line of the table."""
    return (
        f"{peak.model_bytes / GB:7.2f} GB  {peak.stage:<36} peak {peak.peak_bytes / GB:6.2f} GB  "
        f"private {peak.private_bytes / GB:6.2f} GB  {peak.seconds:6.0f} s"
    )


def main() -> None:
    """Measure, and print a line a process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="0.5,2,8", help="GB of bfloat16 weights; '' for none")
    parser.add_argument("--cap", type=float, default=2.0, help="GiB for the capped release")
    parser.add_argument("--capped-size", type=float, default=8.0, help="its base in GB; 0: none")
    parser.add_argument("--rounding", default="search")
    parser.add_argument("--method", default="fisher", help="of measuring, in the capped release")
    parser.add_argument("--tokens", type=int, default=96, help="of calibration")
    parser.add_argument("--folder", type=Path, default=None, help="where files are kept meanwhile")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["HF_HUB_DISABLE_XET"] = "1"  # before the client is imported: our Hub is without
    with tempfile.TemporaryDirectory(dir=options.folder) as root:
        peaks: list[Peak] = []

        def note(peak: Peak) -> None:
            peaks.append(peak)
            print(show(peak), file=sys.stderr if options.json else sys.stdout, flush=True)

        for size in filter(None, options.sizes.split(",")):
            for peak in stages(Path(root), float(size), options.rounding, options.tokens):
                note(peak)
        if options.capped_size:
            cap = int(options.cap * (1 << 30))
            peak = capped_release(
                Path(root),
                options.capped_size,
                cap,
                rounding=options.rounding,
                method=options.method,
                tokens=options.tokens,
            )
            note(peak)
    if options.json:
        print(json.dumps([dataclasses.asdict(peak) for peak in peaks], indent=2))


if __name__ == "__main__":
    main()
