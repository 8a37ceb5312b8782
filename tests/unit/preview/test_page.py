"""The page of a folder: the card of its facts, and a readable page for every mistake in them."""

from __future__ import annotations

import html as html_module
import re
from pathlib import Path

import pytest

from hubtool.preview.folder import FolderSource
from hubtool.preview.page import preview_page
from tests.support.previews import HOSTILE, own_template
from tests.support.sound_quant import change_json, write, write_sound_quant


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    folder = tmp_path / "quant"
    write_sound_quant(folder)
    return folder


def text_of(source: FolderSource) -> str:
    return visible(preview_page(source, "nonce")[0])


def visible(html: str) -> str:
    shown = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return " ".join(html_module.unescape(shown).split())


def files_with_times(folder: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in folder.rglob("*")}


def test_the_page_has_name_tags_licence_chip_tree_snippet_sizes_and_files(quant: Path) -> None:
    shown = text_of(FolderSource(quant))
    for part in (
        "mlx-community / gemma-4-e4b-it-qat-OptiQ-4bit text-generation mlx safetensors llama",
        "License: mit",
        "Parameters 16K params Tensor types BF16 · U32 Weights stored 14.21 kB",
        "mlx_lm.generate --model mlx-community/gemma-4-e4b-it-qat-OptiQ-4bit --prompt",
        "Base, of which this is a quantization acme/base",
        "LICENSE 16 B",
        "optiq/release.json",
    ):
        assert part in shown


def test_the_card_follows_the_facts_and_nothing_is_written(quant: Path) -> None:
    before = files_with_times(quant)
    write("README.md", (quant / "README.md").read_text().replace("16,448", "99"))(quant)
    before |= {str(quant / "README.md"): (quant / "README.md").stat().st_mtime_ns}
    source = FolderSource(quant, "plain", "plain")
    change_json("optiq/release.json", base_repo="acme/another")(quant)
    before |= {str(quant / "optiq/release.json"): (quant / "optiq/release.json").stat().st_mtime_ns}
    assert "of which this is a quantization acme/another" in text_of(source)
    assert "of which this is a quantization acme/base" in text_of(
        FolderSource(quant, "plain", "plain", as_is=True)
    )
    assert files_with_times(quant) == before


def test_a_block_edited_by_hand_is_kept_and_named(quant: Path) -> None:
    card = quant / "README.md"
    card.write_text(card.read_text().replace("## Usage", "## How to use it"))
    shown = text_of(FolderSource(quant, "plain", "plain"))
    assert "Block usage was edited by hand and is kept as it is." in shown
    assert "How to use it" in shown


def test_a_folder_without_provenance_shows_its_card_as_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "thing"
    folder.mkdir()
    assert "This repo has no README.md" in text_of(FolderSource(folder))
    write("README.md", "# Bare\n")(folder)
    shown = text_of(FolderSource(folder))
    assert "your-org / thing" in shown
    assert "The Hub says: empty or missing yaml metadata in repo card Bare" in shown


def test_front_matter_that_the_hub_refuses_is_told(quant: Path) -> None:
    write("README.md", "---\nlicense: banana\n---\n")(quant)
    assert 'The Hub says: "license" must be one of [' in text_of(FolderSource(quant, as_is=True))


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("{{ facts.absent | md }}", "there is no facts.absent"),
        ("{{ facts.repo | nofilter }}", "No filter named 'nofilter'"),
        ("{{ facts.repo + 1 }}", "can only concatenate str"),
        ("{% if facts.repo %}", "Unexpected end of template"),
        ("{{ 1 / 0 }}", "division by zero"),
    ],
)
def test_a_template_mistake_is_a_page_with_file_and_line_until_it_is_mended(
    quant: Path, tmp_path: Path, mistake: str, told: str
) -> None:
    template = own_template(tmp_path / "own")
    block = template.parent / "blocks" / "intro.md.j2"
    good = block.read_text()
    source = FolderSource(quant, str(template), "plain")
    block.write_text(f"first\n{mistake}\n")
    html, status = preview_page(source, "nonce")
    shown = visible(html)
    assert status == 500
    assert re.search(r"blocks/intro\.md\.j2, line [23]: ", shown)
    assert told in shown
    assert f"2 {' '.join(mistake.split())}" in shown
    assert "Traceback" not in shown
    assert "EventSource" in html
    block.write_text(good)
    assert preview_page(source, "nonce")[1] == 200


def test_brand_provenance_and_weights_that_are_broken_are_told(quant: Path, tmp_path: Path) -> None:
    brand = tmp_path / "mine.yaml"
    brand.write_text("name: Mine\n")
    assert "mine.yaml: method_name: Field required" in text_of(
        FolderSource(quant, "plain", str(brand))
    )
    brand.write_bytes(b"name: \xff\n")
    assert "not UTF-8" in text_of(FolderSource(quant, "plain", str(brand)))
    write("model.safetensors", b"short")(quant)
    assert "model.safetensors: is 5 bytes long" in text_of(FolderSource(quant))
    write("optiq/release.json", "{")(quant)
    assert "release.json is not JSON" in text_of(FolderSource(quant))


def test_a_hostile_card_brings_no_markup_of_its_own(quant: Path) -> None:
    write("README.md", HOSTILE)(quant)
    html, status = preview_page(FolderSource(quant, as_is=True), "nonce")
    assert status == 200
    assert re.findall(r"<script[^>]*>", html) == ['<script nonce="nonce">']
    tags = set(re.findall(r"<([a-z]+)", html.split("<body>")[1]))
    assert not tags & {"iframe", "svg", "style", "base", "meta", "form", "object", "button"}
    assert not re.search(r"<[^>]+\son\w+=", html)
    assert not re.search(r"(href|src)=\"(javascript|data):", html)
    assert "elsewhere.invalid" not in "".join(re.findall(r"<[^>]+>", html))


def test_the_stamp_follows_every_input_and_nothing_else(quant: Path, tmp_path: Path) -> None:
    template = own_template(tmp_path / "own")
    brand, scores = tmp_path / "brand.yaml", tmp_path / "scores.json"
    source = FolderSource(quant, str(template), str(brand), (scores,))
    stamps = [source.stamp()]
    for file in (
        template,
        template.parent / "blocks" / "intro.md.j2",
        template.parent / "blocks" / "new.md.j2",
        brand,
        scores,
        quant / "optiq" / "scores.json",
        quant / "README.md",
    ):
        file.write_text(f"{file.read_text() if file.exists() else ''} ")
        stamps.append(source.stamp())
    assert len(set(stamps)) == len(stamps)
    (tmp_path / "unrelated").write_text("")
    assert source.stamp() == stamps[-1]
