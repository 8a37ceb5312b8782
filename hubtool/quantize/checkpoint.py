"""The state of a measurement under way, so that a killed run goes on where it was."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from hubtool.quantize.method import Sums
from hubtool.records import fingerprint_of, write_whole


def state_file(output: Path) -> Path:
    """Where the state of a measurement for ``output`` lies until that is written: beside it.

    ``sensitivity.json`` -> ``sensitivity.partial.json``, so that two measurements
    in one folder have a file each.
    """
    return output.absolute().with_name(f"{output.name.removesuffix('.json')}.partial.json")


@dataclasses.dataclass
class Checkpoint:
    """How many steps are done and what they add up to, for inputs of one fingerprint.

    Sums are kept as Python floats, whose JSON form is exact: a resumed run ends
    with the same bits as one that was never stopped.
    """

    path: Path
    fingerprint: str
    reference: str
    reference_reason: str
    done: int = 0
    sums: Sums = dataclasses.field(default_factory=dict)
    writes: bool = True  # of several processes one does

    def state(self) -> dict[str, Any]:
        """What the file holds, as JSON."""
        own = {"path", "writes"}
        return {key: value for key, value in dataclasses.asdict(self).items() if key not in own}

    @classmethod
    def load(cls, path: Path, fingerprint: str) -> Checkpoint | None:
        """The state in the file ``path`` if it belongs to these inputs; else None."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["fingerprint"] != fingerprint:
                return None
            return cls(path, **data)
        except (OSError, ValueError, KeyError, TypeError):
            return None  # none yet, or not ours: measuring starts over

    def add(self, sums: Sums, steps: int) -> None:
        """``steps`` more are done; the whole state is written before this returns."""
        for name, widths in sums.items():
            mine = self.sums.setdefault(name, {})
            for bits, value in widths.items():
                mine[bits] = mine.get(bits, 0.0) + value
        self.done += steps
        if self.writes:
            write_whole(self.path, json.dumps(self.state()))


def fingerprint_of_inputs(model_folder: Path, inputs: dict[str, Any]) -> str:
    """sha256 (hex) over what decides the result: the weights' files and ``inputs``.

    Weights count by name, size and modification time: hashing 16 GB to resume
    would cost as much as some measurements. A touched file only costs a fresh start.
    """
    files = [
        (file.name, file.stat().st_size, file.stat().st_mtime_ns)
        for file in sorted(model_folder.glob("model*.safetensors"))
    ]
    config = (model_folder / "config.json").read_text(encoding="utf-8")
    return fingerprint_of({"files": files, "config": config, **inputs})
