"""How the command line prints errors and makes its console."""

from __future__ import annotations

import json
import os
import sys

from hubtool.console import Console, redact
from hubtool.errors import HubtoolError

_json_output = False


def open_console(json_output: bool = False) -> Console:
    """The console of this command; errors follow the same choice of ``--json``."""
    global _json_output
    _json_output = json_output
    return Console.for_process(json_output=json_output)


def print_error(error: HubtoolError) -> None:
    """Three lines for people (what, fix, id), one JSON object under ``--json``."""
    if _json_output:
        print(redact(json.dumps(error.to_json(), ensure_ascii=False, default=str)), flush=True)
        return
    lines = [f"error: {error.message}"]
    if error.remedy:
        lines.append(f"fix: {error.remedy}")
    lines.append(f"({error.id}, exit code {error.exit_code}; docs/reference/errors.md)")
    print(redact("\n".join(lines)), file=sys.stderr, flush=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        short = redact(error.message).replace("%", "%25").replace("\n", "%0A")
        print(f"::error title={error.id}::{short}", file=sys.stderr, flush=True)
