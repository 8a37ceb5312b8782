"""``hubtool verify``: how far a quant really is from its base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hubtool.cli.options import JsonOption, TrustOption
from hubtool.cli.output import open_console
from hubtool.quantize.calibration import LEAST_TOKENS

if TYPE_CHECKING:
    from hubtool.console import Console
    from hubtool.quantize.verification import Verification


def verify(
    quant: Annotated[Path, typer.Argument(help="Quant folder.")],
    base_folder: Annotated[Path, typer.Option(help="Folder of the base that it was made from.")],
    tokens: Annotated[
        int, typer.Option(help="Tokens of the held-out text to read.", min=LEAST_TOKENS)
    ] = 3072,
    trust_remote_code: TrustOption = False,
    json_output: JsonOption = False,
) -> None:
    """Compare a quant with its base on held-out text, beside the uniform quant of its size.

    The result goes into the quant's optiq/metadata.json; `hubtool card` shows it.

    Example: hubtool verify ./quant --base-folder ./SmolLM2-135M-Instruct
    """
    run_verify(
        base_folder,
        quant,
        tokens=tokens,
        trust_remote_code=trust_remote_code,
        console=open_console(json_output),
    )


def run_verify(
    base: Path, quant: Path, *, tokens: int, trust_remote_code: bool, console: Console
) -> None:
    """Compare, write, print. The same behind ``hubtool measure --verify``."""
    from hubtool.card.distance_words import distance_rows, uniform_comparison, uniform_name
    from hubtool.holding import hold_output
    from hubtool.quantize.optiq_files import METADATA

    with hold_output(quant):
        found = _verified(base, quant, tokens, trust_remote_code, console)
    console.data(found.to_json())
    if found.distance is None:
        console.result(f"{quant}: not compared: {found.skipped}")
        return
    titles = ["", "this quant", *([uniform_name(found.uniform)] if found.uniform else [])]
    rows = [tuple(titles), *distance_rows(found)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(titles))]
    for row in rows:
        console.result("  ".join(map(str.ljust, row, widths)).rstrip())
    if (said := uniform_comparison(found)) is not None:
        console.result(said)
    console.result(f"written to {quant / METADATA}")


def _verified(
    base: Path, quant: Path, tokens: int, trust_remote_code: bool, console: Console
) -> Verification:
    """What comparing finds, written into the quant's metadata if it could compare."""
    from hubtool.artifact.identity import cached_repo
    from hubtool.quantize.optiq_files import write_verification
    from hubtool.quantize.verify import verify_quant

    found = verify_quant(
        base,
        quant,
        tokens=tokens,
        console=console,
        trust_remote_code=trust_remote_code,
        origin=cached_repo(base),
    )
    if found.distance is not None:
        write_verification(quant, found)
    return found
