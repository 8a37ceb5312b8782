"""The chart of widths, read back pixel by pixel, and its alt text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import ImageColor

from hubtool.artifact.components import ComponentBits
from hubtool.card.chart_sheet import CARD, open_sheet
from hubtool.card.charts import widths_alt
from hubtool.card.width_chart import ON_CARD, SHADES, WHOLE_MAP, ChartSize, colour_of, draw_widths
from hubtool.card.width_grid import Row, Stack, grid_of
from tests.support.pictures import CARD_BYTES_LIMIT, HOSTILE, coloured, decoded

ATTENTION = [f"self_attn.{name}_proj" for name in "qkvo"]
KINDS = [*ATTENTION, "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]


def component(name: str, bits: int = 4) -> ComponentBits:
    return ComponentBits(name, bits, 64, "affine", 64 * 64)


def layers(count: int, kinds: list[str], wide: tuple[int, ...] = ()) -> list[ComponentBits]:
    """``kinds`` in ``count`` layers of 4 bit, those in ``wide`` of 8."""
    return [
        component(f"model.layers.{number}.{kind}", 8 if number in wide else 4)
        for number in range(count)
        for kind in kinds
    ]


def cell_rows(png: bytes) -> list[dict[int, int]]:
    """Each row of cells below the legend as {left edge: bits}, read along their upper edge."""
    picture = decoded(png)
    bits = sum(width * coloured(picture, shade) for width, shade in SHADES.items())
    bits = bits * (bits[:, 50:51] == 0)  # each line of the legend starts at the left margin
    filled = bits.any(axis=1)
    tops = [y for y in range(1, picture.height) if filled[y] and not filled[y - 1]]
    return [
        {
            x: int(bits[top, x])
            for x in range(1, picture.width)
            if bits[top, x] and bits[top, x] != bits[top, x - 1]
        }
        for top in tops
    ]


def widths(png: bytes) -> list[list[int]]:
    """The bits of the cells of each row, from the left."""
    return [list(row.values()) for row in cell_rows(png)]


def test_each_cell_has_the_colour_of_its_width() -> None:
    chosen = {"self_attn.q_proj": [8, 4, 5], "mlp.down_proj": [2, 3, 6]}
    components = [
        component(f"model.layers.{layer}.{kind}", bits)
        for kind, found in chosen.items()
        for layer, bits in enumerate(found)
    ]
    png = draw_widths([*components, component("lm_head", 7)])
    assert widths(png) == [[8, 4, 5], [2, 3, 6], [7]]


def test_the_order_of_layers_is_that_of_their_numbers() -> None:
    components = [component(f"model.layers.{n}.mlp.up_proj", 8 if n == 2 else 4) for n in range(12)]
    by_name = sorted(components, key=lambda one: one.name)  # 0, 1, 10, 11, 2 as headers have them
    assert widths(draw_widths(by_name)) == [[4, 4, 8, 4, 4, 4, 4, 4, 4, 4, 4, 4]]


@pytest.mark.parametrize("size", [ON_CARD, WHOLE_MAP])
def test_a_layer_without_a_kind_stays_empty(size: ChartSize) -> None:
    components = [
        *layers(4, ["self_attn.q_proj"]),
        component("model.layers.0.self_attn.k_proj", 8),
        component("model.layers.3.self_attn.k_proj", 6),
    ]
    whole, gappy = cell_rows(draw_widths(components, size))
    first, _, _, last = whole
    assert gappy == {first: 8, last: 6}


def test_experts_share_a_cell_and_the_rare_width_is_seen() -> None:
    names = [f"model.layers.0.mlp.experts.{number}.up_proj" for number in range(128)]
    components = [component(name, 8 if name == names[77] else 4) for name in names]
    stack = Stack("model.layers", (0,), (Row("mlp.experts.*.up_proj", {0: ((4, 127), (8, 1))}),))
    assert grid_of(components, most_rows=16).stacks == (stack,)
    picture = decoded(draw_widths(components))
    (x,) = (left for row in cell_rows(draw_widths(components)) for left in row)
    column = [int(coloured(picture, SHADES[bits])[150:, x].sum()) for bits in (4, 8)]
    assert column == [32, 4]


def test_rows_come_in_the_order_of_computation_and_a_router_is_named() -> None:
    kinds = ["mlp.switch_mlp.up_proj", "mlp.gate", *reversed(KINDS), "per_layer_projection"]
    (stack,) = grid_of(layers(1, kinds), most_rows=16).stacks
    assert [found.label for found in stack.rows] == [
        *ATTENTION,
        "mlp.gate (router)",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
        "mlp.switch_mlp.up_proj",
        "per_layer_projection",
    ]


def test_what_is_beyond_the_rows_is_put_together_not_left_out() -> None:
    components = [
        *layers(2, [f"kind_{number}" for number in range(30)]),
        *(component(f"outside_{number}", 8) for number in range(30)),
        *(component(f"tower_{number}.layers.0.up_proj", 6) for number in range(9)),
    ]
    grid = grid_of(components, most_rows=5)
    assert [len(stack.rows) for stack in grid.stacks] == [5, 1, 1, 1]
    assert grid.stacks[0].rows[-1] == Row("26 other kinds", {0: ((4, 26),), 1: ((4, 26),)})
    assert grid.outside[-1] == ("32 other components", ((6, 6), (8, 26)))
    assert grid.counts == {4: 60, 6: 9, 8: 30}


def test_eighty_layers_of_twelve_kinds_stay_small() -> None:
    kinds = [*KINDS, *(f"mlp.shared_expert.{name}_proj" for name in ("gate", "up", "down"))]
    kinds += ["linear_attn.in_proj_qkvz", "linear_attn.out_proj"]
    components = [
        component(f"model.layers.{layer}.{kind}", (2, 3, 4, 5, 6, 8)[(layer * 7 + at * 5) % 6])
        for layer in range(80)
        for at, kind in enumerate(kinds)
    ]
    on_card, whole = draw_widths(components), draw_widths(components, WHOLE_MAP)
    assert (len(on_card) < CARD_BYTES_LIMIT, len(whole) < CARD_BYTES_LIMIT) == (True, True)
    assert decoded(on_card).width == 1600
    assert decoded(whole).width > 80 * WHOLE_MAP.cell
    assert [len(found) for found in cell_rows(on_card)] == [80] * 12
    assert widths(on_card) == widths(whole)


def test_the_same_components_make_the_same_bytes_whatever_matplotlib_is_set_to() -> None:
    import matplotlib

    components = layers(3, KINDS, wide=(1,))
    before = draw_widths(components)
    changed = {"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 30, "text.usetex": True}
    with matplotlib.rc_context(changed):
        assert draw_widths(components) == before
        assert matplotlib.rcParams["font.size"] == 30
    script = (
        "import sys; from tests.unit.card.test_width_chart import *; "
        "sys.stdout.buffer.write(draw_widths(layers(3, KINDS, wide=(1,))))"
    )
    again = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=True,
    )
    assert again.stdout == before
    assert b"Software" not in before


def test_the_card_is_opaque_with_round_corners() -> None:
    picture = decoded(draw_widths(layers(2, KINDS)))
    assert picture.getpixel((0, 0))[3] == 0
    assert picture.getpixel((picture.width // 2, 12)) == (*ImageColor.getrgb(CARD), 255)


def test_one_width_is_one_colour_and_one_sentence() -> None:
    components = layers(28, KINDS)
    assert widths(draw_widths(components)) == [[4] * 28] * 7
    assert widths_alt(components) == (
        "196 components, by kind and layer: all 4 bit. self_attn.q_proj, self_attn.k_proj, "
        "self_attn.v_proj, self_attn.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj: "
        "28 layers at 4 bit."
    )


def test_names_without_layers_stand_alone() -> None:
    components = [component("encoder.proj", 8), component("decoder.proj", 4), component("lm_head")]
    assert widths(draw_widths(components)) == [[4], [8], [4]]
    assert widths_alt(components) == (
        "3 components, by kind and layer: 2 at 4 bit, 1 at 8. "
        "decoder.proj, lm_head: 4 bit; encoder.proj: 8 bit."
    )


def test_no_component_is_said_not_drawn() -> None:
    assert widths(draw_widths([])) == []
    assert widths_alt([]) == "No quantized components."


def test_alt_text_tells_each_stack_and_its_widths() -> None:
    components = [
        *layers(3, ["mlp.up_proj"], wide=(0,)),
        component("vision.blocks.0.attn.qkv", 8),
        component("model.embed_tokens", 6),
    ]
    assert widths_alt(components) == (
        "5 components, by kind and layer: 2 at 4 bit, 1 at 6, 2 at 8. embed_tokens: 6 bit; "
        "in model.layers: mlp.up_proj: 2 layers at 4 bit, 1 at 8; "
        "in vision.blocks: attn.qkv: 1 layer at 8 bit."
    )


def test_alt_text_stays_short_and_counts_what_it_leaves_out() -> None:
    components = [
        component(f"model.layers.{layer}.kind_{kind}_{'x' * 50}", 8 if layer < kind else 4)
        for layer in range(20)
        for kind in range(12)
    ]
    told = widths_alt(components)
    assert len(told) < 600
    assert told.endswith("; 6 more in the picture.")


def test_hostile_names_are_drawn_as_plain_short_text(recwarn: pytest.WarningsRecorder) -> None:
    components = [
        component(f"model.layers.0.{HOSTILE}"),
        component(HOSTILE, 8),
        component(f"{HOSTILE}.999999999999999999999.up_proj", 2),
    ]
    assert decoded(draw_widths(components)).width == 1600
    assert len(widths_alt(components)) < 600
    assert "$\\frac{a}{b$ [31m<b>漢yyy" in widths_alt(components)
    assert not recwarn.list


def test_texts_are_cut_to_their_room_at_the_end_that_matters_less() -> None:
    with open_sheet() as sheet:
        name = "model.layers.mlp.down_proj"
        room = sheet.measure("model.layers.m…", 8)
        assert sheet.fit(name, 8, 10_000) == name
        assert sheet.fit(name, 8, room) == "model.layers.m…"
        assert sheet.fit(name, 8, room, keep="end").startswith("…")
        assert sheet.fit(name, 8, room, keep="end").endswith("down_proj")
        assert sheet.measure(sheet.fit(name, 8, room, keep="end"), 8) <= room


def test_each_width_has_a_colour_of_its_own_and_darker_is_wider() -> None:
    def light(colour: str) -> float:
        red, green, blue = ImageColor.getrgb(colour)[:3]
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    lights = [light(colour_of(bits)) for bits in range(1, 10)]
    assert lights == sorted(lights, reverse=True)
    assert len(set(lights)) == 9
