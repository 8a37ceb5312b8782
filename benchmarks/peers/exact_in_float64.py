"""KL of a few probes in float64: which of two sweeps in float32 is nearer to it.

    REFEREE_PYTHON exact_in_float64.py MODEL_DIR WINDOWS.json COMPONENT... [--bits 4]

Knows nothing of hubtool. Needs torch, transformers and mlx. The component is rounded from float32
at group size 64, as both sweeps round a float32 checkpoint; everything else is float64 in torch.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import torch
from transformers import AutoModelForCausalLM

GROUP_SIZE = 64


def main() -> None:
    """One line a component: mean KL in nats a token over all positions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("windows", type=Path)
    parser.add_argument("component", nargs="+")
    parser.add_argument("--bits", type=int, default=4)
    options = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float64).eval()
    windows = [torch.tensor([ids]) for ids in json.loads(options.windows.read_text())]
    for name in options.component:
        module = model.get_submodule(name)
        exact = module.weight.data
        packed = mx.quantize(mx.array(exact.float().numpy()), GROUP_SIZE, options.bits)
        rounded = np.array(mx.dequantize(*packed, GROUP_SIZE, options.bits), np.float64)
        found: list[float] = []
        with torch.no_grad():
            for ids in windows:
                module.weight.data = exact
                before = torch.log_softmax(model(ids).logits[0], -1)
                module.weight.data = torch.from_numpy(rounded)
                after = torch.log_softmax(model(ids).logits[0], -1)
                found += (before.exp() * (before - after)).sum(-1).tolist()
        module.weight.data = exact
        print(f"{name} {sum(found) / len(found):.9f}", flush=True)


if __name__ == "__main__":
    main()
