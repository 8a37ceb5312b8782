"""Whether mlx-lm can load a base, found out without importing it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hubtool.errors import RemoteCodeNeeded, UnknownArchitecture


def require_known_architecture(
    repo: str, config: Mapping[str, Any], *, trust_remote_code: bool
) -> None:
    """Raise UnknownArchitecture or RemoteCodeNeeded unless mlx-lm has the base's model type.

    ``model_file`` in a config names Python code of the repo itself.
    """
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise UnknownArchitecture(
            f"{repo}: config.json: model_type is missing", "choose a base that mlx-lm can load"
        )
    if config.get("model_file") and not trust_remote_code:
        raise RemoteCodeNeeded(
            f"{repo}: config.json: model_file is Python code of the repo",
            "read that code; if you trust it, add --trust-remote-code",
        )
    if config.get("model_file") or is_known(model_type):
        return
    raise UnknownArchitecture(
        f"{repo}: config.json: model_type {model_type!r} is not known to mlx-lm",
        "choose another base, or install an mlx-lm that has it",
        model_type=model_type,
    )


def is_known(model_type: str) -> bool:
    """Whether mlx-lm has a module for this model type, after its own renames."""
    folder = _mlx_lm_folder()
    name = _renames(folder / "utils.py").get(model_type, model_type)
    return name.isidentifier() and (folder / "models" / f"{name}.py").is_file()


def _mlx_lm_folder() -> Path:
    spec = find_spec("mlx_lm")  # finds it, does not import it
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def _renames(utils: Path) -> dict[str, str]:
    """``MODEL_REMAPPING`` of mlx_lm/utils.py, read as a literal."""
    for node in ast.parse(utils.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "MODEL_REMAPPING"
            for target in node.targets
        ):
            value: dict[str, str] = ast.literal_eval(node.value)
            return value
    return {}
