"""Quants of every kind that recard meets, each written to a folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hubtool.artifact.layout import INDEX_FILE, PROVENANCE_FILE
from hubtool.card.example_parts import provenance
from hubtool.card.provenance import CardWish, LicenceFacts
from hubtool.card.templates import brand_sha256, template_sha256
from hubtool.card.write import lay_out
from tests.support.toy_weights import packed_linear, safetensors_bytes

BASE = "acme/base"
REVISION = "a" * 40
NOTE = "A note by hand: ask Noor — not the list.\n"
SEED_CARD = Path(__file__).parents[1] / "golden/adoption/optiq.before.md"


def mlx_lm_card(repo: str, *, base: str = BASE, licence: str = "mit") -> str:
    """What mlx-lm leaves as a card."""
    return (
        f"---\nlicense: {licence}\nlibrary_name: mlx\npipeline_tag: text-generation\n"
        f"base_model: {base}\ntags:\n- mlx\n---\n\n# {repo}\n\n"
        f"This model [{repo}](https://huggingface.co/{repo}) was\nconverted to MLX format from "
        f"[{base}](https://huggingface.co/{base})\nusing mlx-lm version **0.31.0**.\n\n"
        "## Use with mlx\n\n```bash\npip install mlx-lm\n```\n\n"
        f'```python\nfrom mlx_lm import load, generate\n\nmodel, tokenizer = load("{repo}")\n'
        'response = generate(model, tokenizer, prompt="hello", verbose=True)\n```\n'
    )


def write_weights(
    folder: Path, *, widths: tuple[int, int] = (4, 8), group_size: int = 64, mode: str = "affine"
) -> None:
    """Two packed layers and a norm with their config, as mlx-lm writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj"
    affine = mode == "affine"
    tensors = {
        **packed_linear(first, 128, 128, widths[0], group_size, biases=affine),
        **packed_linear(second, 64, 128, widths[1], group_size, biases=affine),
        "model.norm.weight": ("BF16", (64,)),
    }
    if not affine:
        tensors = {
            name: ("U8", shape) if name.endswith(".scales") else (dtype, shape)
            for name, (dtype, shape) in tensors.items()
        }
    (folder / "model.safetensors").write_bytes(safetensors_bytes(tensors, {"format": "mlx"}))
    settings: dict[str, Any] = {"group_size": group_size, "bits": widths[0], "mode": mode}
    quantization = dict(settings)
    if widths[1] != widths[0]:
        quantization[second] = {"group_size": group_size, "bits": widths[1]}
    config = {
        "model_type": "llama" if affine else "gpt_oss",
        "architectures": ["LlamaForCausalLM" if affine else "GptOssForCausalLM"],
        "quantization": quantization,
        "quantization_config": quantization,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")


def write_hubtool_quant(folder: Path, repo: str, **changes: Any) -> None:
    """A quant of hubtool's with its card, and without charts: drawing them takes half a second."""
    write_weights(folder)
    wish = CardWish("plain", template_sha256("plain"), "plain", brand_sha256("plain"), None, None)
    made = provenance(
        repo=repo,
        base_repo=BASE,
        base_revision=REVISION,
        base_url=f"https://huggingface.co/{BASE}/tree/{REVISION}",
        qat_evidence=None,
        drafter=None,
        baseline=None,
        baseline_facts=None,
        licence=LicenceFacts(BASE, REVISION, ("mit",), None, None),
        licence_files=(),
        template="plain",
        brand="plain",
        **changes,
    )
    page = lay_out(folder, made, None, wish, {}, existing=None)
    bare = dataclasses.replace(page.facts, width_chart=None, score_chart=None)
    dataclasses.replace(page, facts=bare).write(folder)


def metadata_of(folder: Path, place: str) -> None:
    """mlx-optiq's metadata at one of its places."""
    layers = {
        "model.layers.0.mlp.up_proj": {"bits": 4, "group_size": 64},
        "model.layers.0.mlp.down_proj": {"bits": 8, "group_size": 64},
    }
    data = {"method": "optiq_mixed_precision", "base_model": BASE, "per_layer": layers}
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_text(json.dumps(data))


def _card(folder: Path, text: str) -> None:
    (folder / "README.md").write_bytes(text.encode())


def _edit(folder: Path, change: Callable[[str], str]) -> None:
    card = folder / "README.md"
    card.write_bytes(change(card.read_bytes().decode()).encode())


def hubtool_made(folder: Path, repo: str) -> None:
    write_hubtool_quant(folder, repo)


def hubtool_with_note(folder: Path, repo: str) -> None:
    write_hubtool_quant(folder, repo)
    _edit(
        folder,
        lambda text: text.replace("<!-- hubtool:begin usage", f"{NOTE}\n<!-- hubtool:begin usage"),
    )


def hubtool_edited(folder: Path, repo: str) -> None:
    write_hubtool_quant(folder, repo)
    _edit(
        folder, lambda text: text.replace("mlx-lm loads it directly", "Our reading room loads it")
    )


def hubtool_older(folder: Path, repo: str) -> None:
    """By a hubtool that noted no header lengths."""
    write_hubtool_quant(folder, repo)
    release = json.loads((folder / PROVENANCE_FILE).read_text())
    del release["header_bytes"], release["scores"]
    (folder / PROVENANCE_FILE).write_text(json.dumps(release))


def optiq_made(folder: Path, repo: str) -> None:
    write_weights(folder)
    metadata_of(folder, "optiq/metadata.json")
    seed = SEED_CARD.read_text().replace("google/gemma-4-E4B-it-qat-q4_0-unquantized", BASE)
    _card(folder, seed.replace("mlx-community/gemma-4-e4b-it-qat-OptiQ-4bit", repo))


def optiq_old(folder: Path, repo: str) -> None:
    """Metadata in the root, the sidecar below optiq/."""
    write_weights(folder)
    metadata_of(folder, "optiq_metadata.json")
    tower = safetensors_bytes({"vision_tower.x": ("BF16", (4,))})
    (folder / "optiq").mkdir()
    (folder / "optiq/optiq_vision.safetensors").write_bytes(tower)
    _card(folder, mlx_lm_card(repo) + f"\n{NOTE}")


def optiq_crlf(folder: Path, repo: str) -> None:
    optiq_made(folder, repo)
    _edit(folder, lambda text: (text + f"\n{NOTE}").replace("\n", "\r\n"))


def optiq_bom(folder: Path, repo: str) -> None:
    optiq_made(folder, repo)
    _edit(folder, lambda text: "\ufeff" + text)


def optiq_without_front_matter(folder: Path, repo: str) -> None:
    optiq_made(folder, repo)
    _card(folder, f"# {repo.split('/')[1]}\n\n{NOTE}")


def optiq_by_hand(folder: Path, repo: str) -> None:
    optiq_made(folder, repo)
    _card(folder, f"---\nbase_model: {BASE}\nlicense: mit\nlanguage: [nl]\n---\n## Usage\n\n{NOTE}")


def no_card(folder: Path, repo: str) -> None:
    optiq_made(folder, repo)
    (folder / "README.md").unlink()


def uniform(folder: Path, repo: str) -> None:
    """Plain mlx-lm: no metadata of ours, so it must be named."""
    write_weights(folder, widths=(4, 4))
    _card(folder, mlx_lm_card(repo))


def mixed_recipe(folder: Path, repo: str) -> None:
    write_weights(folder, widths=(3, 6))
    _card(folder, mlx_lm_card(repo))


def mxfp4(folder: Path, repo: str) -> None:
    write_weights(folder, widths=(4, 4), group_size=32, mode="mxfp4")
    _card(folder, mlx_lm_card(repo, base="openai/gpt-oss-20b", licence="apache-2.0"))


def dwq(folder: Path, repo: str) -> None:
    write_weights(folder, widths=(4, 4), group_size=32)
    _card(folder, mlx_lm_card(repo) + f"\n## Tuned\n\nDistilled weights.\n\n{NOTE}")


def awq(folder: Path, repo: str) -> None:
    """Scaled activations leave no trace in the layout: an affine quant like others."""
    write_weights(folder, widths=(4, 4), group_size=128)
    _card(folder, mlx_lm_card(repo).replace("mlx-lm version", "mlx-lm's AWQ, version"))


def sharded(folder: Path, repo: str) -> None:
    """Two shards with their index."""
    optiq_made(folder, repo)
    (folder / "model.safetensors").unlink()
    tensors = packed_linear("model.layers.0.mlp.up_proj", 128, 128, 4, 64)
    others = packed_linear("model.layers.0.mlp.down_proj", 64, 128, 8, 64)
    weight_map = {}
    for number, part in enumerate((tensors, {**others, "model.norm.weight": ("BF16", (64,))}), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        (folder / file).write_bytes(safetensors_bytes(part, {"format": "mlx"}))
        weight_map |= dict.fromkeys(part, file)
    (folder / INDEX_FILE).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def stray_shard(folder: Path, repo: str) -> None:
    """A shard of an earlier upload lies beside those that the index names."""
    sharded(folder, repo)
    stray = safetensors_bytes({"model.x.weight": ("BF16", (4,))})
    (folder / "model-00003-of-00003.safetensors").write_bytes(stray)


def refused_card(folder: Path, repo: str) -> None:
    """Its front matter holds what the Hub refuses, and what a person must correct."""
    optiq_made(folder, repo)
    _edit(folder, lambda text: text.replace("license: gemma", "license: my-own"))


def only_a_card(folder: Path, repo: str) -> None:
    folder.mkdir(parents=True)
    _card(folder, mlx_lm_card(repo))


def empty(folder: Path, repo: str) -> None:
    folder.mkdir(parents=True)


def broken_header(folder: Path, repo: str) -> None:
    optiq_made(folder, repo)
    shard = folder / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:8] + b"{not json" + shard.read_bytes()[17:])


# kind -> (how to write it, whether hubtool or mlx-optiq made it)
KINDS: dict[str, tuple[Callable[[Path, str], None], bool]] = {
    "hubtool": (hubtool_made, True),
    "hubtool-note": (hubtool_with_note, True),
    "hubtool-edited": (hubtool_edited, True),
    "hubtool-older": (hubtool_older, True),
    "optiq": (optiq_made, True),
    "optiq-old": (optiq_old, True),
    "optiq-crlf": (optiq_crlf, True),
    "optiq-bom": (optiq_bom, True),
    "optiq-bare": (optiq_without_front_matter, True),
    "optiq-hand": (optiq_by_hand, True),
    "optiq-nocard": (no_card, True),
    "optiq-broken": (broken_header, True),
    "sharded": (sharded, True),
    "stray": (stray_shard, True),
    "refused": (refused_card, True),
    "uniform": (uniform, False),
    "mixed": (mixed_recipe, False),
    "mxfp4": (mxfp4, False),
    "dwq": (dwq, False),
    "awq": (awq, False),
    "card-only": (only_a_card, False),
    "empty": (empty, False),
}
