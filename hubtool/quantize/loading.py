"""A language model and its tokenizer from a folder, through mlx-lm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.artifact.headers import require_weight_files
from hubtool.artifact.layout import read_json_object
from hubtool.base.architecture import require_known_architecture
from hubtool.errors import BrokenShard, PathNotFound, RemoteCodeNeeded, UnknownArchitecture
from hubtool.quantize.blas import prefer_fast_blas

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn

DTYPES = ("float16", "bfloat16", "float32")


def load_lazily(folder: Path, *, trust_remote_code: bool = False) -> nn.Module:
    """The mlx-lm model of ``folder`` with weights that are read when they are first used.

    Raises PathNotFound (no config.json or weights), UnknownArchitecture,
    RemoteCodeNeeded, and BrokenShard for a file that is not safetensors.
    """
    prefer_fast_blas()  # before mlx is imported: who loads first decides for the process
    from mlx_lm.utils import load_model

    config = _config(folder)
    require_weight_files(folder)
    if config.get("model_file") and not trust_remote_code:
        raise RemoteCodeNeeded(
            f"{folder}/config.json: model_file {config['model_file']!r} is the model's own code",
            "read that file, then pass --trust-remote-code",
        )
    try:
        model, _ = load_model(folder, lazy=True, trust_remote_code=trust_remote_code)
    except RuntimeError as error:
        raise BrokenShard(f"{folder}: {error}", "fetch the damaged file again") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UnknownArchitecture(
            f"{folder}: mlx-lm cannot build a {config.get('model_type')!r} from it: {error}",
            "use a base that this mlx-lm supports, or a newer mlx-lm",
        ) from error
    return model


def require_loadable(folder: Path, *, trust_remote_code: bool = False) -> None:
    """Raise what loading would, as far as names and config.json tell: mlx is not imported."""
    config = _config(folder)
    require_weight_files(folder)
    require_known_architecture(str(folder), config, trust_remote_code=trust_remote_code)


def load_tokenizer(folder: Path, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer of ``folder``, as mlx-lm wraps it."""
    prefer_fast_blas()
    from mlx_lm.utils import load_tokenizer as load

    return load(folder, {"trust_remote_code": trust_remote_code})


def load_as_declared(folder: Path, *, trust_remote_code: bool = False) -> nn.Module:
    """Like ``load_lazily``, with floats in the type that the config declares.

    That is the model that mlx-lm's converter rounds. Raises what loading raises.
    """
    model = load_lazily(folder, trust_remote_code=trust_remote_code)
    cast_as_declared(model, _config(folder))
    return model


def cast_as_declared(model: nn.Module, config: dict[str, Any]) -> None:
    """Floats in the dtype that ``config`` declares, as mlx-lm's own conversion leaves them."""
    import mlx.core as mx
    from mlx.utils import tree_map_with_path

    text = config.get("text_config") or {}
    names = (config.get("torch_dtype"), config.get("dtype"), text.get("dtype"))
    name = next((name for name in names if name in DTYPES), None)
    if name is None:
        return
    dtype, castable = getattr(mx, name), getattr(model, "cast_predicate", lambda _: True)

    def cast(path: str, array: mx.array) -> mx.array:
        floating = mx.issubdtype(array.dtype, mx.floating)
        return array.astype(dtype) if floating and castable(path) else array

    model.update(tree_map_with_path(cast, model.parameters()))


def _config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    if not file.is_file():
        raise PathNotFound(f"no {file}", "name the folder of a Hugging Face checkpoint")
    return read_json_object(file)


def weight_bytes(folder: Path) -> int:
    """Bytes of the files that mlx-lm reads weights from."""
    return sum(file.stat().st_size for file in folder.glob("model*.safetensors"))
