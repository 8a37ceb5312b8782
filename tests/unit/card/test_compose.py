"""A card on disk is held against the facts of its folder."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hubtool.card.charts import describe
from hubtool.card.compose import recheck_card
from hubtool.card.example_parts import provenance, scores, verification
from hubtool.card.provenance import CardWish, Provenance
from hubtool.card.recompose import Look, recompose
from hubtool.card.templates import (
    brand_sha256,
    template_file,
    template_sha256,
    templates_folder,
)
from hubtool.card.write import lay_out
from hubtool.errors import CardUnreadable, PathNotFound
from hubtool.quantize.optiq_files import write_verification
from tests.support.toy_weights import write_quant


def recheck(folder: Path, **look: str) -> tuple[str, ...]:
    return tuple(one.text for one in recheck_card(folder, **look))


@pytest.fixture
def quant(tmp_path: Path) -> Path:
    """A folder of toy weights with its card, scores and provenance."""
    folder = tmp_path / "quant"
    write_quant(folder)
    wish = CardWish("optiq", template_sha256("optiq"), "optiq", brand_sha256("optiq"), None, None)
    page = lay_out(
        folder,
        provenance(drafter=None, template_sha256=template_sha256("optiq")),
        scores(),
        wish,
        {},
        existing=None,
    )
    page.write(folder)
    return folder


def edit(folder: Path, change: Callable[[str], str]) -> None:
    card = folder / "README.md"
    text = card.read_text()
    changed = change(text)
    assert changed != text
    card.write_text(changed)


def test_a_fresh_card_is_true(quant: Path) -> None:
    assert recheck(quant) == ()


def test_text_of_a_person_is_theirs(quant: Path) -> None:
    edit(quant, lambda text: text + "\nRuns 9.9x faster on my machine.\n")
    edit(quant, lambda text: text.replace("tags:\n", "tags:\n- mine\n"))
    assert recheck(quant) == ()


def test_a_number_changed_by_hand_has_no_fact(quant: Path) -> None:
    edit(quant, lambda text: text.replace("**65.75**", "**66.75**"))
    (problem,) = recheck(quant)
    assert "'**Capability Score (mean)**' says **64.56** | **66.75**" in problem
    assert "the facts say **64.56** | **65.75**" in problem


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| 57.4% | 57.7% |", "| 57.7% | 57.4% |", "the row 'MMLU (5-shot, 1000)' says"),
        ("| Group size | 64 |", "| Group size | 8 |", "the row 'Group size' says 8"),
        ("| This model |", "| GPT-5 |", "the row 'Benchmark' says"),
        ("## Usage", "## Usage\n\nIt is 4x faster than bf16.", "no fact says 4"),
        ("## Usage", "## Usage\n\nAbout 99 times smaller.", "no fact says 99"),
        ("It scores +1.19", "It scores +65.75", "no fact says +65.75"),
        ("## License", "## License\n\nMine.", "it says 'Mine.' as well"),
        ("## License", "## License\n\nFor 99 dollars any use is fine.", "write that outside"),
        (", which lies within the noise of the comparison", "", "it must say"),
        ("## Capability Score", "## Capability Score: 70.0%", "no fact says 70.0"),
        ("## Usage", "## Usage\n\nAt 8 times the speed.", "no fact says 8"),
        ("(+3.0, within its noise)", "(+3.0)", "it must say"),
        ("](https://huggingface.co/google", "](https://evil.example/google", "leads to"),
        ("57.7 (54.6", "80.0 (54.6", "the words for assets/scores.png are other"),
        ("gemma, as", "mit, as", "block license: it must say"),
        ("| Group size | 64 |\n", "", "the row 'Group size' is missing"),
        ("## Usage", "## How our reading room uses this 4-bit quant", None),
    ],
)
def test_a_block_edited_by_hand_may_use_other_words_but_no_other_rows_and_numbers(
    quant: Path, old: str, new: str, said: str | None
) -> None:
    edit(quant, lambda text: text.replace(old, new, 1))
    found = recheck(quant)
    if said is None:
        assert found == ()
    else:
        assert any(said in problem for problem in found), found


def test_a_second_copy_of_a_block_is_told(quant: Path) -> None:
    edit(quant, lambda text: text + text[text.index("<!-- hubtool:begin details") :])
    assert "block details stands twice" in recheck(quant)


def test_a_block_that_lost_its_end_is_told_with_its_line(quant: Path) -> None:
    edit(quant, lambda text: text.replace("<!-- hubtool:end details -->", ""))
    found = recheck(quant)
    assert any("a marker of block details has no partner" in problem for problem in found)
    assert any(problem.startswith("README.md, line ") for problem in found)


def test_a_language_that_a_person_wrote_is_theirs_where_the_base_names_none(quant: Path) -> None:
    edit(quant, lambda text: text.replace("tags:\n", "language: nl\ntags:\n", 1))
    assert recheck(quant) == ()


def test_a_number_added_by_hand_has_no_fact(quant: Path) -> None:
    edit(quant, lambda text: text.replace("## Usage", "## Usage\n\n9.9x faster."))
    assert recheck(quant) == ("block usage: no fact says 9.9",)


def test_other_words_in_a_block_are_kept(quant: Path) -> None:
    edit(quant, lambda text: text.replace("mlx-lm loads it directly", "Load it with mlx-lm"))
    assert recheck(quant) == ()


def test_a_block_of_older_facts_is_told(quant: Path) -> None:
    old = Provenance.of_folder(quant)
    dataclasses.replace(old, base_revision="f" * 40).write(quant / "optiq/release.json")
    (problem,) = recheck(quant)
    assert problem.startswith("block details: it says '| Base revision | 0123")
    assert "ffff" in problem


def test_front_matter_that_says_otherwise_is_told(quant: Path) -> None:
    edit(quant, lambda text: text.replace("license: gemma", "license: mit"))
    edit(quant, lambda text: text.replace("relation: quantized", "relation: finetune"))
    assert recheck(quant) == (
        "front matter: base_model_relation is 'finetune', the facts say 'quantized'",
        "front matter: license is 'mit', the facts say 'gemma'",
    )


def test_a_card_without_evidence_is_told(quant: Path) -> None:
    (quant / "optiq/release.json").unlink()
    (problem,) = recheck(quant)
    assert "release.json" in problem
    (quant / "README.md").unlink()
    assert recheck(quant) == ("there is no README.md",)


def test_a_template_that_boasts_is_refused_though_the_card_follows_it(
    quant: Path, tmp_path: Path
) -> None:
    (tmp_path / "blocks").mkdir()
    own = tmp_path / "own.md.j2"
    own.write_text('{% include "blocks/intro.md.j2" %}{% include "blocks/boast.md.j2" %}')
    (tmp_path / "blocks/boast.md.j2").write_text("9.9x faster")
    (quant / "README.md").unlink()
    recompose(quant, Look(template=str(own), brand="plain")).write(quant)
    assert "9.9x faster" in (quant / "README.md").read_text()
    assert recheck(quant, template=str(own), brand="plain") == (
        "blocks/boast.md.j2, line 1: 9.9 stands in the text, no fact says it",
    )


def test_rendering_a_folder_again_changes_nothing(quant: Path) -> None:
    before = {file: file.read_bytes() for file in quant.rglob("*") if file.is_file()}
    recompose(quant, Look()).write(quant)
    assert {file: file.read_bytes() for file in quant.rglob("*") if file.is_file()} == before


def test_a_picture_of_older_figures_is_told(quant: Path) -> None:
    chart = quant / "assets/scores.png"
    chart.write_bytes(describe(chart.read_bytes(), "66.75 against 64.56"))
    assert recheck(quant) == ("assets/scores.png shows other figures than the facts",)
    chart.unlink()
    assert recheck(quant) == ("assets/scores.png is missing",)


def test_a_comparison_made_later_is_on_the_next_card_and_until_then_told(quant: Path) -> None:
    write_verification(quant, verification())
    (problem,) = recheck(quant)
    assert "optiq/metadata.json holds another comparison" in problem
    page = recompose(quant, Look())
    page.write(quant)
    assert "| KL to the base, nats a token | 0.0720 (0.0677 to 0.0763) |" in page.text
    assert recheck(quant) == ()
    edit(quant, lambda text: text.replace("| 0.0720 (", "| 0.0520 ("))
    (problem,) = recheck(quant)
    assert "0.0520" in problem


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| Group size | 64 |", "| Group size | 8 |", "--overwrite-edited"),
        ("<!-- hubtool:end details -->", "", "put its partner back"),
        ("license: gemma", "license: mit", "render the card again"),
    ],
)
def test_what_to_do_follows_from_what_is_wrong(quant: Path, old: str, new: str, said: str) -> None:
    edit(quant, lambda text: text.replace(old, new, 1))
    assert said in recheck_card(quant)[0].remedy


def test_a_number_in_a_name_has_no_sign(quant: Path) -> None:
    edit(quant, lambda text: text.replace("## Usage", "## Usage of gemma-4-E4B-it-qat-4bit"))
    assert recheck(quant) == ()


def test_a_card_that_is_not_utf8_is_told_with_its_line(quant: Path) -> None:
    card = quant / "README.md"
    card.write_bytes(card.read_bytes() + b"\xff bad\n")
    (problem,) = recheck_card(quant)
    assert problem.text.endswith("not UTF-8")
    assert f"line {card.read_bytes().count(10)}" in problem.text
    with pytest.raises(CardUnreadable):
        recompose(quant, Look())


def test_a_torn_block_stops_rendering(quant: Path) -> None:
    edit(quant, lambda text: text.replace("<!-- hubtool:end details -->", ""))
    with pytest.raises(CardUnreadable, match="a marker of block details has no partner"):
        recompose(quant, Look())


def test_a_damaged_record_is_not_to_be_deleted(quant: Path) -> None:
    (quant / "optiq/release.json").write_text("{bad")
    (problem,) = recheck_card(quant)
    assert "take it back from the quant's repo" in problem.remedy


def test_a_users_own_templates_are_found_by_name_in_their_folder(
    quant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    (own / "brands").mkdir(parents=True)
    shutil.copy(template_file("plain"), own / "mine.md.j2")
    shutil.copy(templates_folder() / "brands/plain.yaml", own / "brands/ours.yaml")
    look = Look(str(own / "mine.md.j2"), str(own / "brands/ours.yaml"))
    recompose(quant, look).write(quant)
    with pytest.raises(PathNotFound, match=r"no card template 'mine\.md\.j2' here") as caught:
        recompose(quant, Look())
    assert "--brand" in caught.value.remedy
    assert "HUBTOOL_TEMPLATES" in recheck_card(quant)[0].remedy
    monkeypatch.setenv("HUBTOOL_TEMPLATES", str(own))
    assert recheck(quant) == ()
    assert recompose(quant, Look()).text == (quant / "README.md").read_text()


def test_a_record_names_a_look_and_no_file_of_this_machine(quant: Path, tmp_path: Path) -> None:
    """Re-carding reads the records of others: what they call a template must not be any file."""
    shutil.copy(template_file("plain"), tmp_path / "mine.md.j2")
    found = Provenance.of_folder(quant)
    elsewhere = str(tmp_path / "mine.md.j2"), str(templates_folder() / "brands/plain.yaml")
    record = dataclasses.replace(found, template=elsewhere[0], brand=elsewhere[1])
    assert Look().of(record) == ("mine.md.j2", "plain.yaml")
    assert Look(*elsewhere).of(record) == elsewhere
