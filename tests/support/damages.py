"""What can be wrong with a quant folder, and which check must say so, on what, in which words."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

from hubtool.artifact.headers import read_header
from hubtool.checks import card, doctor, hub, layout, licence, metadata, secrets, tensors
from hubtool.checks.interface import Check
from tests.support.sound_quant import BASE, change_json, remove, replace, write
from tests.support.toy_weights import packed_linear, safetensors_bytes

FIRST = "model.layers.0.mlp.up_proj"


def add_sidecar(folder: Path) -> None:
    tower = safetensors_bytes({"vision_tower.x": ("BF16", (4,))})
    (folder / "optiq_vision.safetensors").write_bytes(tower)


def wrong_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"ghost": "x"}}')


def stored_twice(folder: Path) -> None:
    extra = safetensors_bytes({"model.norm.weight": ("BF16", (64,))})
    (folder / "model-2.safetensors").write_bytes(extra)


def not_finite(folder: Path) -> None:
    file = folder / "model.safetensors"
    info = read_header(file).tensors["model.norm.weight"]
    with file.open("r+b") as stream:
        stream.seek(info.start + 6)
        stream.write(struct.pack("<H", 0x7FC0))


def not_quantized(folder: Path) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    config["quantization"][FIRST] = False
    file.write_text(json.dumps(config))


def sharded_without_index(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")


def fewer_parameters(folder: Path) -> None:
    sharded_without_index(folder)
    names = read_header(folder / "model-00001-of-00001.safetensors").tensors
    index = {
        "metadata": {"total_parameters": 5},
        "weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors"),
    }
    write("model.safetensors.index.json", json.dumps(index))(folder)


def indexed_mtp(folder: Path) -> None:
    head = safetensors_bytes({"mtp.x": ("BF16", (4,))})
    write("optiq/mtp.safetensors", head)(folder)
    places = {"model.norm.weight": "model.safetensors", "mtp.x": "optiq/mtp.safetensors"}
    write("model.safetensors.index.json", json.dumps({"weight_map": places}))(folder)


def hidden_index(folder: Path) -> None:
    add_sidecar(folder)
    write("model.safetensors.index.json", '{"weight_map": {}}')(folder)


def weights(**changes: tuple[str, tuple[int, ...]] | None) -> Callable[[Path], None]:
    """The toy weights with parts of their first component changed, or taken away."""
    tensors = dict(packed_linear(FIRST, 128, 64, 4))
    for part, tensor in changes.items():
        del tensors[f"{FIRST}.{part}"]
        if tensor is not None:
            tensors[f"{FIRST}.{part}"] = tensor
    return write("model.safetensors", safetensors_bytes(tensors))


def note_in_header(folder: Path) -> None:
    tensors = {"vision_tower.x": ("BF16", (4,))}
    noted = safetensors_bytes(tensors, {"source": f"{folder.parent}/base"})
    (folder / "optiq_vision.safetensors").write_bytes(noted)


PACKED = "tensors/packing"
FAILURES: list[tuple[Check, Callable[[Path], None], str, str, str]] = [
    (layout.check, remove("config.json"), "layout/whole", "", "config.json"),
    (layout.check, write("x/a.bin", ""), "layout/files", "x/a.bin", "must not be published"),
    (layout.check, write("modeling.py", ""), "layout/files", "modeling.py", "modeling.py"),
    (layout.check, write(".env", ""), "layout/files", ".env", ".env"),
    (layout.check, wrong_index, "layout/index", "model.safetensors.index.json", "ghost"),
    (layout.check, add_sidecar, "layout/index", "model.safetensors.index.json", "is missing"),
    (layout.check, hidden_index, "layout/index", "model.safetensors.index.json", "hides the index"),
    (layout.check, indexed_mtp, "layout/index", "model.safetensors.index.json", "loaders would"),
    (layout.check, write("A.BIN", ""), "layout/files", "A.BIN", "A.BIN"),
    (layout.check, write("x/a.pyc", ""), "layout/files", "x/a.pyc", "x/a.pyc"),
    (layout.check, write("a.partial", ""), "layout/files", "a.partial", "a.partial"),
    (layout.check, stored_twice, "layout/once", "", "model.norm.weight"),
    (layout.check, remove("tokenizer.json"), "layout/companions", "", "no tokenizer"),
    (
        layout.check,
        change_json("config.json", vision_config={"depth": 1}),
        "layout/config",
        "config.json",
        "a tower that has no tensors",
    ),
    (
        layout.check,
        change_json("config.json", quantization_config=None),
        "layout/config",
        "config.json",
        "differ",
    ),
    (doctor.check, remove("config.json"), "doctor/repo", "", "Missing config.json"),
    (
        doctor.check,
        change_json("config.json", quantization={"bits": 4, "group_size": 32}),
        "doctor/repo",
        "",
        "quantization.shape",
    ),
    (metadata.check, remove("README.md"), "metadata/valid", "README.md", "metadata"),
    (
        metadata.check,
        replace("README.md", "license: mit", "license: [a, a"),
        "metadata/valid",
        "README.md, line 7",
        "Invalid YAML",
    ),
    (
        metadata.check,
        replace("README.md", f"base_model: {BASE}", "base_model: acme/other"),
        "metadata/base",
        "README.md",
        "base_model is 'acme/other'",
    ),
    (
        metadata.check,
        add_sidecar,
        "metadata/modality",
        "README.md",
        "although the towers are there",
    ),
    (
        metadata.check,
        replace("README.md", "pipeline_tag: text", "pipeline_tag: image-text-to-text #"),
        "metadata/modality",
        "README.md",
        "although the towers are not there",
    ),
    (
        licence.check,
        replace("README.md", "license: mit", "license: apache-2.0"),
        "licence/fields",
        "README.md",
        "the base says ['mit']",
    ),
    (licence.check, remove("LICENSE"), "licence/files", "", "LICENSE is missing"),
    (licence.check, write("LICENSE", "mine"), "licence/files", "", "not as the base has it"),
    (
        card.check,
        replace("README.md", "pipeline_tag: text-generation", "pipeline_tag: fill-mask"),
        "card/facts",
        "README.md",
        "pipeline_tag is 'fill-mask', the facts say 'text-generation'",
    ),
    (
        card.check,
        write("tokenizer_config.json", "{"),
        "card/facts",
        "README.md",
        "tokenizer_config.json is not JSON",
    ),
    (hub.check, not_quantized, "hub/parameters", "", f"says that {FIRST} is not quantized"),
    (hub.check, fewer_parameters, "hub/parameters", "", "the index says 5 parameters"),
    (hub.check, sharded_without_index, "hub/parameters", "", "would count nothing"),
    (
        hub.check,
        replace("README.md", "pipeline_tag: text-generation", "pipeline_tag: any-to-any"),
        "hub/snippet",
        "README.md",
        "for pipeline_tag 'any-to-any' the page would offer no code",
    ),
    (hub.check, replace("README.md", "- mlx\n", ""), "hub/snippet", "README.md", "the tag mlx"),
    (hub.check, write("chat_template.jinja", "{}"), "hub/snippet", "README.md", "conversational"),
    (
        hub.check,
        write(".gitattributes", "*.bin filter=lfs\n*.md filter=lfs diff=lfs\n"),
        "hub/card",
        "README.md",
        "puts it into LFS",
    ),
    (secrets.check, write("notes.md", "hf_" + "a" * 34), "secrets/token", "notes.md", "a token"),
    (
        secrets.check,
        lambda folder: write("notes.md", f"{folder.parent}/x")(folder),
        "secrets/paths",
        "notes.md",
        "paths of this machine",
    ),
    (
        secrets.check,
        lambda folder: write("notes.md", f"I keep it in {folder.parent}.")(folder),
        "secrets/paths",
        "notes.md",
        "paths of this machine",
    ),
    (
        secrets.check,
        note_in_header,
        "secrets/paths",
        "optiq_vision.safetensors",
        "paths of this machine",
    ),
    (
        secrets.check,
        write("tokenizer.json", json.dumps({"a": "hf_" + "a" * 34})),
        "secrets/token",
        "tokenizer.json",
        "a token",
    ),
    (tensors.check, weights(scales=None), PACKED, f"{FIRST}.weight", "is not there"),
    (tensors.check, weights(weight=None), PACKED, f"{FIRST}.scales", "found nothing"),
    (tensors.check, weights(weight=("F32", (128, 64))), PACKED, f"{FIRST}.scales", "found F32"),
    (tensors.check, weights(scales=("U32", (128, 1))), PACKED, f"{FIRST}.biases", "U32 [128, 1]"),
    (tensors.check, weights(biases=("BF16", (64, 1))), PACKED, f"{FIRST}.biases", "BF16 [64, 1]"),
    (tensors.check, weights(biases=None), PACKED, FIRST, "no model.layers.0.mlp.up_proj.biases"),
    (
        tensors.check,
        weights(scales=("BF16", (64, 1)), biases=("BF16", (64, 1))),
        PACKED,
        FIRST,
        "a weight of shape [128, 8] cannot have scales of shape [64, 1]",
    ),
    (
        tensors.check,
        weights(scales=("BF16", (128, 0)), biases=("BF16", (128, 0))),
        PACKED,
        FIRST,
        "cannot have scales of shape [128, 0]",
    ),
    (
        tensors.check,
        weights(weight=("U32", (128, 16))),
        PACKED,
        FIRST,
        "the file has 16 (8 bit)",
    ),
    (
        tensors.check,
        write("model.safetensors", safetensors_bytes({"a.weight": ("BF16", (4,))})),
        PACKED,
        "",
        "nothing is quantized",
    ),
    (tensors.check, not_finite, "tensors/finite", "model.safetensors", "model.norm.weight holds"),
]
