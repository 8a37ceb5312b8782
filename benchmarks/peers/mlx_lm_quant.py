"""A quant by mlx-lm's own AWQ or GPTQ, at its defaults, on tokens that are given.

    python mlx_lm_quant.py MODEL_DIR WINDOWS.json OUT_DIR awq|gptq [--bits 4]

Their own commands download their calibration text; here their functions get the tokens of
WINDOWS.json (a list of lists of ids), joined and cut into rows of equal length. They compute in
float32: mlx's bfloat16 is slow on a CPU. What is written has the type of the base.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from hubtool.quantize.blas import prefer_fast_blas

ROW = 128  # tokens
GROUP_SIZE = 64


def main() -> None:
    """Load, quantize, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("windows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("way", choices=("awq", "gptq"))
    parser.add_argument("--bits", type=int, default=4)
    options = parser.parse_args()
    prefer_fast_blas()
    import mlx.core as mx
    from mlx_lm.utils import load, save

    ids = [token for window in json.loads(options.windows.read_text()) for token in window]
    rows = mx.array(ids[: len(ids) // ROW * ROW]).reshape(-1, ROW)
    model, tokenizer, config = load(str(options.model), return_config=True)
    stored = model.layers[0].self_attn.q_proj.weight.dtype
    model.set_dtype(mx.float32)
    quantize = {"awq": by_awq, "gptq": by_gptq}[options.way]
    model, config = quantize(model, config, rows, options.bits)
    model.set_dtype(stored)  # scales and biases; packed integers stay
    save(options.out, str(options.model), model, tokenizer, config)


def by_awq(model: Any, config: dict[str, Any], rows: Any, bits: int) -> tuple[Any, dict[str, Any]]:
    """Scaled, clipped and quantized; an embedding gets 4 bit in groups of 32."""
    from mlx_lm.quant.awq import AWQ_MODEL_CONFIGS, awq_quantize, update_config

    known = AWQ_MODEL_CONFIGS[config["model_type"]]
    awq_quantize(model, rows, known, bits=bits, group_size=GROUP_SIZE)
    return model, update_config(model, config)


def by_gptq(model: Any, config: dict[str, Any], rows: Any, bits: int) -> tuple[Any, dict[str, Any]]:
    """Linear layers with error compensation; an embedding gets 6 bit."""
    from mlx_lm.quant.gptq import gptq_quantize

    model, config["quantization"] = gptq_quantize(model, rows, bits, GROUP_SIZE, 6, GROUP_SIZE)
    return model, config


if __name__ == "__main__":
    main()
