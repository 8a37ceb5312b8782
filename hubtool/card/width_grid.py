"""Components sorted into rows (kinds) and columns (layers), as the width chart shows them.

A name such as ``model.layers.7.mlp.down_proj`` lies in the stack
``model.layers``, layer 7, kind ``mlp.down_proj``. Numbers further on count
experts: they share a row, and a cell then holds several components.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from hubtool.artifact.components import ComponentBits
from hubtool.quantize.roles import role_of

# what one cell holds: (bits, components), ascending bits; nearly always one pair of count 1
Cell = tuple[tuple[int, int], ...]

_LAYER = re.compile(r"(?P<stack>.+?)\.(?P<layer>[0-9]{1,6})\.(?P<kind>.+)")
_LATER_NUMBER = re.compile(r"(?<=\.)[0-9]+(?=\.)")
_LEAVES = (
    *("in_proj", "qkv", "qkv_proj", "q_proj", "k_proj", "v_proj", "proj", "o_proj", "out_proj"),
    *("gate", "gate_proj", "up_proj", "gate_up_proj", "down_proj"),
)
MOST_STACKS = 4  # language, vision, audio, a speculative head


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of component. ``cells`` by layer number; a layer without the kind has none."""

    label: str
    cells: Mapping[int, Cell]


@dataclasses.dataclass(frozen=True)
class Stack:
    """Layers that are numbered together. ``layers`` ascending; not all numbers need be there."""

    title: str
    layers: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclasses.dataclass(frozen=True)
class WidthGrid:
    """All components: stacks of layers (largest first), and what lies outside them."""

    stacks: tuple[Stack, ...]
    outside: tuple[tuple[str, Cell], ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, those of the layers first."""
        inside = (
            cell for stack in self.stacks for row in stack.rows for cell in row.cells.values()
        )
        return (*inside, *(cell for _, cell in self.outside))

    @property
    def counts(self) -> Counter[int]:
        """Components of each width."""
        return _sum(Counter(dict(cell)) for cell in self.cells)

    @property
    def has_gaps(self) -> bool:
        """Whether some layer has not all kinds that its stack has."""
        return any(
            len(row.cells) < len(stack.layers) for stack in self.stacks for row in stack.rows
        )

    @property
    def mixed_cell(self) -> Cell | None:
        """A cell with components of several widths, if there is one."""
        return next((cell for cell in self.cells if len(cell) > 1), None)


def grid_of(components: Sequence[ComponentBits], *, most_rows: int) -> WidthGrid:
    """Every component in its row and column, each in exactly one cell.

    ``most_rows`` bounds the rows of each section: what is beyond them, or
    beyond MOST_STACKS, is put together in a last row, so that none is left out.
    """
    stacks: dict[str, dict[str, dict[int, Counter[int]]]] = {}
    outside: dict[str, Counter[int]] = defaultdict(Counter)
    for component in components:
        name = plain(component.name)
        found = _LAYER.fullmatch(name)
        if found is None:
            outside[name][component.bits] += 1
            continue
        kinds = stacks.setdefault(found["stack"], {})
        kind = _kind(name, found["kind"])
        layers = kinds.setdefault(kind, defaultdict(Counter))
        layers[int(found["layer"])][component.bits] += 1
    ordered = sorted(stacks, key=lambda name: (-_components(stacks[name]), name))
    kept = [_stack(name, stacks[name], most_rows) for name in ordered[:MOST_STACKS]]
    rest = [
        cell
        for name in ordered[MOST_STACKS:]
        for kind in stacks[name].values()
        for cell in kind.values()
    ]
    names = sorted(outside, key=lambda name: (role_of(name) == "head", name))
    lines = [(_short(name, names), _cell(outside[name])) for name in names]
    if len(lines) > most_rows:
        rest += [outside[name] for name in names[most_rows - 1 :]]
        lines = lines[: most_rows - 1]
    if rest:
        lines.append((f"{_total(rest)} other components", _cell(_sum(rest))))
    return WidthGrid(tuple(kept), tuple(lines))


def plain(text: str) -> str:
    """``text`` on one line, without control, format or private characters."""
    spaced = " ".join(text.split())
    return "".join(one for one in spaced if not unicodedata.category(one).startswith("C"))


def _kind(name: str, rest: str) -> str:
    kind = _LATER_NUMBER.sub("*", f".{rest}")[1:]
    # mlx-lm calls a router "gate", which is easily taken for a gate_proj
    return f"{kind} (router)" if role_of(name) == "router" and "router" not in kind else kind


def _stack(title: str, kinds: Mapping[str, Mapping[int, Counter[int]]], most_rows: int) -> Stack:
    ordered = sorted(kinds, key=_place)
    rows = [_row(kind, kinds[kind]) for kind in ordered]
    if len(rows) > most_rows:
        rest: dict[int, Counter[int]] = defaultdict(Counter)
        for kind in ordered[most_rows - 1 :]:
            for layer, counts in kinds[kind].items():
                rest[layer] += counts
        rows[most_rows - 1 :] = [_row(f"{len(ordered) - most_rows + 1} other kinds", rest)]
    layers = {layer for kind in kinds.values() for layer in kind}
    return Stack(title, tuple(sorted(layers)), tuple(rows))


def _place(kind: str) -> tuple[int, str, int, str]:
    """Attention first, then the rest by module; within a module in the order of computation."""
    words = kind.removesuffix(" (router)").split(".")
    module, leaf = ".".join(words[:-1]), words[-1]
    group = 0 if "attn" in module else 1 if module else 2
    step = "in_proj" if leaf.startswith("in_proj") else leaf
    return (group, module, _LEAVES.index(step) if step in _LEAVES else len(_LEAVES), leaf)


def _row(label: str, layers: Mapping[int, Counter[int]]) -> Row:
    return Row(label, {layer: _cell(layers[layer]) for layer in sorted(layers)})


def _cell(counts: Counter[int]) -> Cell:
    return tuple(sorted(counts.items()))


def _sum(counters: Iterable[Counter[int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for one in counters:
        total.update(one)
    return total


def _total(counters: Iterable[Counter[int]]) -> int:
    return _sum(counters).total()


def _components(kinds: Mapping[str, Mapping[int, Counter[int]]]) -> int:
    return _total(cell for layers in kinds.values() for cell in layers.values())


def _short(name: str, names: Sequence[str]) -> str:
    """The last word of a name, or all of it where another name ends alike."""
    leaf = name.rpartition(".")[2]
    alike = sum(other.rpartition(".")[2] == leaf for other in names)
    return leaf if alike == 1 and not leaf.isdecimal() else name
