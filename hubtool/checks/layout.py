"""The repo's layout: what each reader needs to find the right weights, and nothing else in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hubtool.artifact.headers import Header, read_headers, read_index, weight_files
from hubtool.artifact.layout import INDEX_FILE, MTP_SIDECAR, VISION_SIDECAR, read_json_object
from hubtool.base.towers import tower_names
from hubtool.checks.interface import CheckSubject, Finding, verdict

FINDS = {
    "layout/whole": "config and weights are there",
    "layout/files": "no pickle, code, hidden or temporary file",
    "layout/index": "the index names every tensor with its file, and no other",
    "layout/once": "every tensor is stored once",
    "layout/config": "config.json claims the quantization and the towers that are there",
    "layout/companions": "tokenizer, and processor where there are towers",
}
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz")
CODE = (".py", ".pyc", ".so", ".dylib", ".dll", ".sh")
TEMPORARY = (".partial", ".tmp", ".incomplete", ".lock")
OF_THE_HUB = (".gitattributes", ".eval_results")  # hidden, and meant to be there
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json")
PROCESSORS = ("processor_config.json", "preprocessor_config.json")
TOWER_CONFIGS = ("vision_config", "audio_config")


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``layout/*``."""
    folder = subject.folder
    files = weight_files(folder)
    whole = bool(files) and (folder / "config.json").is_file()
    yield verdict(
        "layout/whole",
        None if whole else "config.json or model*.safetensors is missing",
        f"{len(files)} weight files and config.json",
        "name the folder of a quantized model",
    )
    yield _no_rubbish(subject)
    if not whole:
        return
    has_vision = (folder / VISION_SIDECAR).is_file()
    headers = read_headers(folder, (*files, VISION_SIDECAR) if has_vision else files)
    yield _index(subject, headers, has_vision=has_vision)
    yield _one_owner(headers)
    yield _config(subject, headers)
    yield _companions(subject, has_vision=has_vision)


def _no_rubbish(subject: CheckSubject) -> Finding:
    bad = []
    for file in sorted(subject.folder.rglob("*")):
        path = file.relative_to(subject.folder)
        if not file.is_file():
            continue
        hidden = (
            any(part.startswith(".") for part in path.parts) and path.parts[0] not in OF_THE_HUB
        )
        suffix = path.suffix.lower()
        code = suffix in CODE and not (suffix == ".py" and subject.trust_remote_code)
        if hidden or code or suffix in (*PICKLES, *TEMPORARY):
            bad.append(path.as_posix())
    return verdict(
        "layout/files",
        f"{', '.join(bad)} must not be published" if bad else None,
        "no pickle, code, hidden or temporary file",
        "remove them",
        bad[0] if bad else "",
    )


def _index(subject: CheckSubject, headers: Mapping[str, Header], *, has_vision: bool) -> Finding:
    """The index names every tensor with its file, and no other; MTP heads stay outside."""
    stored = {name: file for file, header in headers.items() for name in header.tensors}
    index = read_index(subject.folder)
    problem = None
    if index is None:
        if has_vision or len(headers) > 1:
            problem = f"{INDEX_FILE} is missing: readers would not find every weight file"
    elif has_vision and (subject.folder / "model.safetensors").is_file():
        problem = "model.safetensors hides the index: name it model-00001-of-00001.safetensors"
    elif MTP_SIDECAR in index.files:
        problem = f"{MTP_SIDECAR} is in the index: loaders would fail on its tensors"
    elif index.weight_map != stored:
        names = {*index.weight_map, *stored}
        first = min(name for name in names if index.weight_map.get(name) != stored.get(name))
        found, said = stored.get(first, "nowhere"), index.weight_map.get(first, "nothing")
        problem = f"{first} lies in {found}, the index says {said}"
    return verdict(
        "layout/index",
        problem,
        f"{len(stored)} tensors, each where the index says" if index else "one file, no index",
        "run `hubtool split` on the folder",
        INDEX_FILE,
    )


def _one_owner(headers: Mapping[str, Header]) -> Finding:
    seen: dict[str, str] = {}
    twice = []
    for file, header in headers.items():
        twice += [f"{name} in {seen[name]} and {file}" for name in header.tensors if name in seen]
        seen |= dict.fromkeys(header.tensors, file)
    return verdict(
        "layout/once",
        f"stored twice: {twice[0]}" if twice else None,
        "every tensor is stored once",
        "convert the model again",
    )


def _config(subject: CheckSubject, headers: Mapping[str, Header]) -> Finding:
    """What config.json claims about quantization and towers is there, and the reverse."""
    config = read_json_object(subject.folder / "config.json")
    names = [name for header in headers.values() for name in header.tensors]
    towers = bool(tower_names(config, names)) or VISION_SIDECAR in headers
    claimed = any(config.get(key) for key in TOWER_CONFIGS)
    return verdict(
        "layout/config",
        _config_problem(config, headers, towers=towers, claimed=claimed),
        "config.json claims what is there",
        "run `hubtool split BASE_DIR` on the folder, or convert again",
        "config.json",
    )


def _config_problem(
    config: dict[str, Any], headers: Mapping[str, Header], *, towers: bool, claimed: bool
) -> str | None:
    if config.get("quantization") != config.get("quantization_config"):
        return "quantization and quantization_config differ: the Hub reads one, mlx-lm the other"
    if not config.get("quantization"):
        return "it has no quantization entry: the Hub would not show this as a quant"
    if claimed != towers:
        return "it claims a tower that has no tensors" if claimed else "it claims no tower for one"
    sidecar = config.get("optiq_vision")
    said = sidecar.get("n_tensors") if isinstance(sidecar, dict) else sidecar
    found = len(headers[VISION_SIDECAR].tensors) if VISION_SIDECAR in headers else None
    if said != found:
        return f"optiq_vision.n_tensors is {said}, {VISION_SIDECAR} has {found}"
    return None


def _companions(subject: CheckSubject, *, has_vision: bool) -> Finding:
    wrong = []
    if not any((subject.folder / name).is_file() for name in TOKENIZERS):
        wrong.append("no tokenizer")
    if has_vision and not any((subject.folder / name).is_file() for name in PROCESSORS):
        wrong.append("no processor file for images")
    return verdict(
        "layout/companions",
        " and ".join(wrong) or None,
        "tokenizer" + (" and processor are" if has_vision else " is") + " there",
        "copy the files from the base",
    )
