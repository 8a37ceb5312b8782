"""What mlx-optiq decides for a model: run by the python of mlx-optiq's own environment.

    OPTIQ_VENV/bin/python optiq_allocation.py MODEL_DIR WINDOWS.json OUT.json [--target-bpw 5.0]

WINDOWS.json is a list of lists of token ids, so that it reads the tokens that hubtool reads.
OUT.json gets the seconds of its exact sweep, every sensitivity, and the width of each layer.
The sweep computes in float32: on a CPU that is the faster and the less noisy way for it as well.
Its own converter is not asked to write the quant: mlx-optiq 0.7.7 hands its predicate to mlx-lm
by position, mlx-lm 0.32.2 has another argument there, and the file comes out at one width.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import mlx.core as mx
from mlx_lm.utils import load_model
from optiq.core.optimizer import make_quant_predicate, optimize_mixed_precision
from optiq.core.sensitivity import analyze_sensitivity_exact


def main() -> None:
    """Measure, allocate, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("windows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--target-bpw", type=float, default=5.0)
    parser.add_argument("--candidate-bits", default="4,8")
    parser.add_argument("--group-size", type=int, default=64)
    options = parser.parse_args()
    bits = [int(one) for one in options.candidate_bits.split(",")]
    windows = [mx.array([ids]) for ids in json.loads(options.windows.read_text())]
    model, _ = load_model(options.model)
    model.set_dtype(mx.float32)
    mx.eval(model.parameters())
    started, cpu = time.monotonic(), time.process_time()
    results = analyze_sensitivity_exact(
        model,
        lambda: [((window,), {}) for window in windows],
        candidate_bits=bits,
        group_size=options.group_size,
        n_calibration=len(windows),
    )
    allocation = optimize_mixed_precision(
        results,
        target_bpw=options.target_bpw,
        candidate_bits=bits,
        group_size=options.group_size,
    )
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    predicate = make_quant_predicate(allocation)
    chosen = {
        name: predicate(name, module)
        for name, module in model.named_modules()
        if hasattr(module, "to_quantized")
    }
    report = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "tokens": sum(window.size for window in windows),
        "choices": chosen,
        "sensitivities": {one.layer_name: one.sensitivities for one in results},
    }
    options.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
