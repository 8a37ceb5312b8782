"""Held-out text: what quants are compared on, and nothing is ever measured or rounded by.

``heldout/*.jsonl`` has the domains of the calibration mix in other samples, written
for this project; a test holds that the two share no eight words in a row.
"""

from __future__ import annotations

from pathlib import Path

from hubtool.quantize.calibration import CalibrationMix, load_mix

HELDOUT = Path(__file__).parent / "heldout"


def load_heldout() -> CalibrationMix:
    """The held-out samples by domain, in the form of a calibration mix."""
    return load_mix(HELDOUT)
