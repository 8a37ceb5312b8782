"""The page of score files, and the JSON Schema of hubtool's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

from hubtool.scores.capability import SIX
from hubtool.scores.readers import hubtool_json
from hubtool.scores.readers.hubtool_json import ScoreFile
from hubtool.scores.readers.interface import Choice
from hubtool.scores.record import SETTINGS
from reference_pages.tables import NOTE, fields_of

SCORES_EXAMPLE = {
    "format": "hubtool-scores",
    "version": 1,
    "candidate": [
        {
            "benchmark": "mmlu",
            "display_name": "MMLU (5-shot, 1000)",
            "metric": "accuracy",
            "correct": 577,
            "n": 1000,
            "few_shot": 5,
            "harness": "lm-evaluation-harness",
            "harness_version": "0.4.9",
            "date": "2026-11-20",
        }
    ],
    "baseline": [
        {
            "benchmark": "mmlu",
            "display_name": "MMLU (5-shot, 1000)",
            "metric": "accuracy",
            "correct": 574,
            "n": 1000,
            "few_shot": 5,
            "harness": "lm-evaluation-harness",
            "harness_version": "0.4.9",
            "date": "2026-11-20",
        }
    ],
    "baseline_repo": "mlx-community/gemma-4-E4B-it-qat-4bit",
}
FORMATS = (
    "# Score files\n",
    "`hubtool release --scores FILE` and `hubtool card --scores FILE` know a file by its "
    "shape; `hubtool scores validate FILE` shows what a card would take from it. Read are\n\n"
    "- hubtool's own format, below (JSON Schema: `scores.schema.json`)\n"
    "- `optiq eval --output-json` of mlx-optiq: a single record, a single task, or candidate "
    "and baseline. It holds no sample sizes: its defaults are taken (MMLU 1000, GSM8K 1000, "
    "IFEval 541, BFCL 200, HumanEval 164, HashHop 100), and the card says so. For a run with "
    "`--n-samples`, or to have it stated, write hubtool's own format\n"
    "- `results_*.json` of lm-evaluation-harness. A group stands for its subtasks; of two "
    "filters the stricter one is read. Task name, filter and task version are kept\n"
    "- the file that `mlx_lm.evaluate` writes. It holds no sample sizes: they follow from the "
    "standard errors, of a group from those of its parts, and the card says so; where these "
    "tell none, or more than the set has, the file is refused. Its name tells the version "
    "of the harness, and the examples in the prompt if `--num-shots` was given\n"
    "- BFCL's JSON lines, as a benchmark named after its category\n"
    "- `.eval_results/*.yaml` of the Hub, and the `model-index` of a card (`README.md`). Both "
    "keep the number of items in words (`1000 items`, in `notes` or in a name); a value of 1 "
    "and less is refused, since it may be a fraction\n\n"
    "Both flags can be repeated: the six benchmarks come out of several programs. A baseline "
    "in files of its own is given by `--baseline-scores`. `hubtool scores convert` puts "
    "files of any kind into one of hubtool's own, and chooses tasks of a group (`--task`) "
    "and answer filters (`--filter gsm8k=flexible-extract`).\n",
)
MEANING = (
    "Values are percentages, 0 to 100, as exact as they were measured; `correct` and `n` are "
    "better still, and win over a rounded value. A value of 1 and less may be a fraction, and "
    "is refused without counts. A number in the brackets of `display_name` is `n`, or "
    "`100 of 1000` for a part of a set.\n",
    "## The mean, and what may be claimed\n",
    f"The Capability Score is the unweighted mean of {', '.join(SIX)}; other benchmarks stand "
    "below it and are in no mean. It is only called that if all six are there on both sides, "
    "none was cut short, and the settings are the same "
    f"({', '.join(SETTINGS)}):\n\n"
    "- a setting that both sides tell and that differs: the row is not comparable, and neither "
    "is the mean\n"
    "- a setting that one side alone tells: the card gives the difference, names the setting, "
    "says that both may not have been measured alike, and claims no gain; the mean is not "
    "called the Capability Score\n"
    "- a setting that neither side tells: taken as the same\n\n"
    "Benchmarks that only one side has are left out of the comparison and named. "
    "`hubtool scores validate` tells the same.\n",
    "Intervals are of 95 %: Wilson's from counts or `n`; of a score without `correct`, from "
    "the standard error that a harness gave, unless that is 0. Where both sides list "
    "`failed_items` (lm-evaluation-harness does with `--log_samples`, BFCL always) and no "
    "setting differs, they are compared item by item: McNemar's exact test.\n",
)
FILE_FIELDS = (
    "| field of the file | type | default | meaning |",
    "| --- | --- | --- | --- |",
    "| `format` | `hubtool-scores` | required |  |",
    "| `version` | 1 | required |  |",
    "| `candidate` | list of scores | required | the quant |",
    "| `baseline` | list of scores | none | what it is compared with |",
    "| `baseline_repo` | text | none | Hub id of the baseline |",
)


def scores_page() -> str:
    """hubtool's own score file: fields and an example that is read here."""
    text = json.dumps(SCORES_EXAMPLE, indent=2)
    hubtool_json.read(SCORES_EXAMPLE, Path("example.json"), Choice())
    score = ScoreFile.model_fields["candidate"].annotation
    (model, *_) = get_args(score)
    parts = [
        NOTE,
        *FORMATS,
        f"```json\n{text}\n```\n",
        *MEANING,
        "## Fields\n",
        "| field of a score | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *fields_of(model),
        "",
        *FILE_FIELDS,
    ]
    return "\n".join(parts) + "\n"


def scores_schema() -> str:
    """JSON Schema of hubtool's own score file."""
    return json.dumps(ScoreFile.model_json_schema(), indent=2) + "\n"
