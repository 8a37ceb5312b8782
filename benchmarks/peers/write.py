"""Write a quant with mlx-lm from a choice for each module: what a peer decided, written as decided.

    python write.py MODEL_DIR CHOICES.json OUT_DIR

CHOICES.json has ``choices``: module -> ``{"bits", "group_size"}``. The predicate goes to mlx-lm
by keyword, and the widths of the written file are counted against the choices.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hubtool.artifact.stats import stats_of_folder
from hubtool.quantize.blas import prefer_fast_blas


def main() -> None:
    """Load, quantize, save, count."""
    model_folder, choices_file, out = map(Path, sys.argv[1:4])
    prefer_fast_blas()
    from mlx_lm.utils import load, quantize_model, save

    choices = json.loads(choices_file.read_text())["choices"]
    model, tokenizer, config = load(str(model_folder), return_config=True, lazy=True)
    model, config = quantize_model(
        model, config, 64, 4, quant_predicate=lambda name, _: choices.get(name, False)
    )
    save(out, str(model_folder), model, tokenizer, config)
    written = {one.name: one.bits for one in stats_of_folder(out).components}
    wanted = {name: one["bits"] for name, one in choices.items() if one}
    if written != wanted:
        raise SystemExit("the file does not hold what was decided")


if __name__ == "__main__":
    main()
