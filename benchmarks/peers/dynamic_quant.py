"""What mlx-lm's dynamic_quant decides for a model, on tokens that are given.

    python dynamic_quant.py MODEL_DIR WINDOWS.json OUT.json [--target-bpw 5.0]

Its own command downloads its calibration text; here its functions get the tokens
of WINDOWS.json (a list of lists of ids), joined and cut into rows of equal length.
They compute in float32, as everything here does: mlx's bfloat16 is slow on a CPU.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from hubtool.quantize.blas import prefer_fast_blas

ROW = 128  # tokens


def main() -> None:
    """Measure, find the threshold, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("windows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--target-bpw", type=float, default=5.0)
    parser.add_argument("--low-bits", type=int, default=4)
    parser.add_argument("--high-bits", type=int, default=8)
    options = parser.parse_args()
    prefer_fast_blas()
    import mlx.core as mx
    from mlx_lm.quant.dynamic_quant import estimate_sensitivities, estimate_threshold
    from mlx_lm.utils import load_model

    ids = [token for window in json.loads(options.windows.read_text()) for token in window]
    rows = mx.array(ids[: len(ids) // ROW * ROW]).reshape(-1, ROW)
    model, _ = load_model(options.model)
    model.set_dtype(mx.float32)
    started, cpu = time.monotonic(), time.process_time()
    widths = {
        "low_bits": options.low_bits,
        "low_group_size": 64,
        "high_bits": options.high_bits,
        "high_group_size": 64,
    }
    found = dict(estimate_sensitivities(model, rows, **widths))
    # it counts bytes in the type that the model has: the file's, not that of the arithmetic
    model.set_dtype(mx.bfloat16)
    threshold = estimate_threshold(model, found, target_bpw=options.target_bpw, **widths)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    choices = {
        name: {
            "bits": options.high_bits if found[name] > threshold else options.low_bits,
            "group_size": 64,
        }
        for name, module in model.named_modules()
        if hasattr(module, "to_quantized")
    }
    report = {"seconds": seconds, "cpu_seconds": cpu, "tokens": rows.size, "choices": choices}
    options.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
