"""A control for quality.py: a checkpoint whose weights lie on no grid any more.

    python benchmarks/broken_grid.py BASE OUT

The demo's SmolLM2 comes from a 4-bit file (groups of 32), and a search for the best grid of a
group can find the old one again: a gain that no other model would show. Here each weight of a
matrix is moved at random by up to half a step of the 4-bit grid of its group of 32. The model
speaks about as well as its 4-bit quant; what matters is that it is a base like any other.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

GROUP, STEPS = 32, 15


def main() -> None:
    """Read, move, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    import mlx.core as mx

    shutil.copytree(options.base, options.out, ignore=shutil.ignore_patterns("*.safetensors"))
    arrays = {}
    for file in sorted(options.base.glob("*.safetensors")):
        arrays |= mx.load(str(file))
    keys = mx.random.split(mx.random.key(0), len(arrays))
    for name, key in zip(sorted(arrays), keys, strict=True):
        array = arrays[name]
        if array.ndim > 1:
            groups = array.astype(mx.float32).reshape(-1, GROUP)
            step = (groups.max(-1, keepdims=True) - groups.min(-1, keepdims=True)) / STEPS
            moved = groups + step * mx.random.uniform(-0.5, 0.5, groups.shape, key=key)
            arrays[name] = moved.reshape(array.shape).astype(array.dtype)
    mx.save_safetensors(str(options.out / "model.safetensors"), arrays, {"format": "mlx"})


if __name__ == "__main__":
    main()
