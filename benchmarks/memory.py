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
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hubtool.artifact.write_tensors import PlannedTensor, TensorFiles
from hubtool.localhub.server import TOKEN_FILE

GB = 1_000_000_000
VOCABULARY = 32_000
SHARD_BYTES = 2 * GB
REPO = "bench/synthetic"
START = "import mlx_lm, transformers, numpy"
FETCH = """
import sys
from pathlib import Path
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], endpoint=sys.argv[2], local_dir=sys.argv[3])
"""


@dataclasses.dataclass(frozen=True)
class Peak:
    """One process: bytes at their highest, and how long it took."""

    stage: str
    model_bytes: int
    peak_bytes: int
    private_bytes: int
    seconds: float


def config_of(size_gb: float) -> dict[str, Any]:
    """A Llama of about ``size_gb`` in bfloat16: wider with its size, as real ones are."""
    hidden = 1024 if size_gb < 1 else 2048 if size_gb < 4 else 4096
    inner = hidden * 11 // 4
    layer = hidden * hidden * 2 + hidden * hidden // 4 * 2 + 3 * hidden * inner
    layers = max(1, round((size_gb * GB / 2 - 2 * VOCABULARY * hidden) / layer))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 128,
        "num_key_value_heads": hidden // 512,
        "head_dim": 128,
        "vocab_size": VOCABULARY,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "bos_token_id": 1,
        "eos_token_id": 2,
    }


def make_base(folder: Path, size_gb: float) -> int:
    """Write such a base; returns the bytes of its weights. One tensor is in memory at a time."""
    import mlx.core as mx

    folder.mkdir(parents=True)
    config = config_of(size_gb)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Synthetic\n")
    shutil.copyfile(Path(__file__).parents[1] / "LICENSE", folder / "LICENSE")
    _write_tokenizer(folder)
    shards = _shards(config)
    names = [f"model-{i:05d}-of-{len(shards):05d}.safetensors" for i in range(1, len(shards) + 1)]
    plan = dict(zip(names, shards, strict=True))
    with TensorFiles(folder, plan) as out:
        for number, tensor in enumerate(one for shard in shards for one in shard):
            scale = 1.0 if len(tensor.shape) == 1 else 0.7 * tensor.shape[-1] ** -0.5
            drawn = mx.random.uniform(-1.7, 1.7, tensor.shape, key=mx.random.key(number))
            value = mx.ones(tensor.shape) if len(tensor.shape) == 1 else drawn * scale
            out.write(tensor.name, value.astype(mx.bfloat16))
    weight_map = {tensor.name: name for name, shard in plan.items() for tensor in shard}
    total = sum(tensor.size_bytes for shard in shards for tensor in shard)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def _shards(config: dict[str, Any]) -> list[list[PlannedTensor]]:
    """All tensors by their Hub names, in files of up to ``SHARD_BYTES``."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    narrow = config["num_key_value_heads"] * config["head_dim"]
    layer = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (narrow, hidden),
        "self_attn.v_proj": (narrow, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens": (VOCABULARY, hidden)}
    for number in range(config["num_hidden_layers"]):
        shapes |= {f"model.layers.{number}.{name}": shape for name, shape in layer.items()}
    shapes |= {"model.norm": (hidden,), "lm_head": (VOCABULARY, hidden)}
    shards: list[list[PlannedTensor]] = [[]]
    for name, shape in shapes.items():
        tensor = PlannedTensor(f"{name}.weight", "BF16", shape)
        if sum(one.size_bytes for one in shards[-1]) + tensor.size_bytes > SHARD_BYTES:
            shards.append([])
        shards[-1].append(tensor)
    return shards


def _write_tokenizer(folder: Path) -> None:
    """One token for each ASCII character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {chr(code): code for code in range(128)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(folder / "tokenizer.json"))
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": chr(2)}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind))


def run(
    stage: str,
    command: Sequence[str],
    model_bytes: int,
    *,
    cap: int | None = None,
    **variables: str,
) -> Peak:
    """Run ``command`` to its end. Raises SystemExit with what it said if it fails."""

    def limit() -> None:
        if cap is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))

    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            command,
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **variables},
        )
        private = 0
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            private = max(private, sum(map(_private_bytes, _with_children(child.pid))))
            time.sleep(0.05)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(
                f"{stage} ended with {child.returncode}:\n{said.read()[-3000:].decode()}"
            )
    seconds = time.monotonic() - started
    return Peak(stage, model_bytes, usage.ru_maxrss * 1024, private, seconds)


def _private_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _with_children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(found for child in children for found in _with_children(int(child)))]
    return [pid]


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
