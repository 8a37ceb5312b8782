"""What a card costs: rendered once warm, from 1,000 facts files, and its charts drawn.

    python benchmarks/render.py

Facts files are written to a temporary folder first; their reading is timed with the
rendering. Nothing is downloaded, no weights are read.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter

from hubtool.card.compose import charts_of
from hubtool.card.example_parts import stats
from hubtool.card.examples import EXAMPLES
from hubtool.card.facts import CardFacts
from hubtool.card.render import render_card


def main() -> None:
    """Print the table, and with ``--json`` one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000, help="facts files")
    parser.add_argument("--json", action="store_true", help="one line of figures instead")
    wanted = parser.parse_args()
    figures = {**single_cards(), **many_cards(wanted.files)}
    if wanted.json:
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return
    print(f"one card, first            {figures['first_ms']:8.1f} ms  (templates compiled)")
    print(f"one card, warm             {figures['warm_ms']:8.2f} ms")
    print(f"laid into an existing one  {figures['rerender_ms']:8.2f} ms")
    print(
        f"{wanted.files} facts files           {figures['files_s']:8.2f} s   "
        f"({figures['cards_per_s']:.0f} cards a second, read and written)"
    )
    print(f"both charts, first         {figures['charts_first_ms']:8.0f} ms  (matplotlib loaded)")
    print(f"both charts, warm          {figures['charts_warm_ms']:8.0f} ms")


def single_cards() -> dict[str, float]:
    """Milliseconds of one card: first, warm, laid into another; and of its charts."""
    seed = EXAMPLES["seed"]()
    start = time.perf_counter()
    first = render_card(seed)
    cold_s = time.perf_counter() - start
    warm_s = statistics.median(_seconds(lambda: render_card(seed)) for _ in range(50))
    again_s = statistics.median(
        _seconds(lambda: render_card(seed, existing=first.text)) for _ in range(50)
    )
    charts_s = [_seconds(lambda: charts_of(seed, stats().components)) for _ in range(4)]
    return {
        "first_ms": 1000 * cold_s,
        "warm_ms": 1000 * warm_s,
        "rerender_ms": 1000 * again_s,
        "charts_first_ms": 1000 * charts_s[0],
        "charts_warm_ms": 1000 * statistics.median(charts_s[1:]),
    }


def many_cards(count: int) -> dict[str, float]:
    """Seconds of ``count`` facts files, read and written."""
    with TemporaryDirectory(prefix="hubtool-render-") as folder:
        made = [make() for make in EXAMPLES.values()]
        files = []
        for number in range(count):
            files.append(Path(folder) / f"{number}.json")
            made[number % len(made)].write(files[-1])
        reader = TypeAdapter(CardFacts)
        start = time.perf_counter()
        for file in files:
            fields = json.loads(file.read_bytes())
            del fields["record"], fields["schema"]
            card = render_card(reader.validate_python(fields))
            file.with_suffix(".md").write_text(card.text, encoding="utf-8")
        all_s = time.perf_counter() - start
    return {"files": count, "files_s": all_s, "cards_per_s": count / all_s}


def _seconds(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
