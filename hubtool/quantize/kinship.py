"""Whether a quant was made from the base that it is compared with.

Converters leave the tensors that they do not quantize as they are: norms,
biases, a router's corrections. Those of another base differ. Where they are
equal, rounded weights must be as near to the base's as their width explains:
those of a base with an adapter merged into it are not, where the width is fine
enough to show that.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from hubtool.console import SILENT, Console
from hubtool.errors import StatsDisagree
from hubtool.quantize.components import all_components
from hubtool.quantize.loading import load_lazily
from hubtool.quantize.nearness import row_errors

if TYPE_CHECKING:
    import mlx.core as mx
    import mlx.nn as nn

    from hubtool.quantize.optiq_files import Making

FARTHEST = 3.0  # ways of rounding came to 1.8 at most
FARTHEST_TUNED = 8.0  # scales and biases may have been trained afterwards, as DWQ does
_REMEDY = (
    "name the folder of the base that the quant was made from; optiq/metadata.json has its repo "
    "and revision if hubtool made it"
)


@dataclasses.dataclass(frozen=True)
class Kept:
    """Tensors that a quant keeps as floats: how many equal the base's, and which do not."""

    equal: int
    changed: tuple[str, ...]


def kept_floats(base: nn.Module, quant: nn.Module) -> Kept:
    """Compare them in the quant's type, by the names of mlx-lm's loaded models.

    Weights of quantizable modules are not among them: they are large, and few
    quants keep one. A tensor that only one of the two has is not counted.
    """
    import mlx.core as mx

    weights = {f"{one.name}.weight" for one in all_components(base)}
    found, equal, changed = _floats(quant), 0, []
    for name, array in _floats(base).items():
        other = found.get(name)
        if other is None or name in weights:
            continue
        if mx.array_equal(array.astype(other.dtype), other, equal_nan=True).item():
            equal += 1
        else:
            changed.append(name)
    return Kept(equal, tuple(changed))


def require_made_of(
    base_folder: Path, base_sha256: str, quant_folder: Path, making: Making | None
) -> None:
    """Raise StatsDisagree if the quant's own metadata names other weights than ``base_sha256``."""
    named = making.base_sha256 if making else None
    if named is not None and named != base_sha256:
        raise StatsDisagree(
            f"{quant_folder} was not made from {base_folder}: optiq/metadata.json: base_sha256 is "
            f"{named[:12]}, these weights are {base_sha256[:12]}",
            _REMEDY,
        )


def require_kin(
    base_folder: Path,
    quant_folder: Path,
    *,
    ours: bool,
    console: Console = SILENT,
    trust_remote_code: bool = False,
) -> None:
    """Raise StatsDisagree if the quant is of other weights than the base's.

    Of rounded weights a few rows are compared: more than ``FARTHEST`` times what an
    even error over a step makes is refused of ours and told of others, which may have trained
    their scales; more than ``FARTHEST_TUNED`` times is refused of any.
    docs/explanation/measuring.md has the figures, and what that cannot see.
    hubtool changes none of these tensors: of a quant that it made (``ours``) all
    must be equal. Others may fold scales into norms, as AWQ does, and leave some
    alone: such a quant is refused if not one is equal, and else it is told how
    many differ.
    """
    base, quant = (
        load_lazily(folder, trust_remote_code=trust_remote_code)
        for folder in (base_folder, quant_folder)
    )
    kept = kept_floats(base, quant)
    if not kept.changed:
        _require_near(base, quant, f"{quant_folder} was not made from {base_folder}", ours, console)
        return
    count = f"{len(kept.changed)} of {kept.equal + len(kept.changed)}"
    if ours or not kept.equal:
        raise StatsDisagree(
            f"{quant_folder} was not made from {base_folder}: {kept.changed[0]} differs "
            f"({count} tensors that no quantizer rounds)",
            _REMEDY,
        )
    console.note(
        f"  {count} unquantized tensors differ from the base's, such as {kept.changed[0]}: scales "
        "folded into them, or a quant of another base"
    )


def _require_near(
    base: nn.Module, quant: nn.Module, problem: str, ours: bool, console: Console
) -> None:
    far = max(row_errors(base, quant), key=lambda one: one.times, default=None)
    if far is None or far.times <= FARTHEST:
        return
    what = (
        f"weights of {far.name} are {far.times:.1f} times as far from the base's as rounding to "
        f"{far.bits} bit leaves them"
    )
    if not ours and far.times <= FARTHEST_TUNED:
        console.note(f"  {what}: trained scales, or a base with an adapter merged")
        return
    raise StatsDisagree(
        f"{problem}: {what}; tensors that no quantizer rounds are equal, as those of a base and "
        "of the same with an adapter merged are",
        _REMEDY,
    )


def _floats(model: nn.Module) -> dict[str, mx.array]:
    import mlx.core as mx
    from mlx.utils import tree_flatten

    found: list[tuple[str, mx.array]] = tree_flatten(model.parameters())
    return {name: array for name, array in found if mx.issubdtype(array.dtype, mx.floating)}
