"""Write the reference pages that are made from the code: errors, commands, manifest, scores.

python docs/generate.py           write them
python docs/generate.py --check   exit 1 if one is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from reference_pages.commands import commands_page
from reference_pages.errors import errors_page
from reference_pages.facts import facts_page
from reference_pages.manifest import manifest_page
from reference_pages.scores import scores_page, scores_schema

REFERENCE = Path(__file__).parent / "reference"

PAGES = {
    "errors.md": errors_page,
    "manifest.md": manifest_page,
    "facts.md": facts_page,
    "commands.md": commands_page,
    "scores.md": scores_page,
    "scores.schema.json": scores_schema,
}


def main() -> int:
    """Write or check every page; the exit code."""
    stale = []
    for name, make in PAGES.items():
        file, text = REFERENCE / name, make()
        if "--check" not in sys.argv:
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"out of date: {', '.join(stale)}; run `python docs/generate.py`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
