"""A card from a quant folder alone, and whether the card in it still says what is true."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hubtool.artifact.components import ComponentBits
from hubtool.artifact.headers import tensor_names, weight_files
from hubtool.artifact.layout import PROVENANCE_FILE, VISION_SIDECAR, read_json_object
from hubtool.artifact.stats import QuantStats, stats_from_headers, stats_of_folder
from hubtool.base.towers import tower_names
from hubtool.card.blocks import MEND_MARKER, Block, find_blocks, torn_markers, torn_words
from hubtool.card.charts import describe, description_of
from hubtool.card.edited import edited_problems
from hubtool.card.facts import CardFacts, ModelTraits, build_facts
from hubtool.card.metadata import OWNED, build_metadata
from hubtool.card.provenance import SCORES_FILE, Provenance
from hubtool.card.render import escape_markdown, render_blocks
from hubtool.card.score_chart import draw_scores
from hubtool.card.width_chart import draw_widths
from hubtool.card.wording import (
    claim,
    differences,
    gains_and_losses,
    paired_words,
    size_comparison,
)
from hubtool.errors import CardUnreadable, HubtoolError
from hubtool.quantize.optiq_files import METADATA, read_verification
from hubtool.scores.record import ScoreSet

CARD_FILE = "README.md"
RENDER_AGAIN = "render the card again: `hubtool card DIR`"
GIVE_UP_EDITS = (
    "the block was edited by hand: put right what it says, or give the edits up with "
    "`hubtool card DIR --overwrite-edited`"
)
# what architectures call the routed experts of a layer, and how many of them see a token
EXPERT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
ACTIVE_EXPERT_KEYS = ("num_experts_per_tok", "top_k_experts", "moe_topk", "num_experts_per_token")


def facts_of(folder: Path, provenance: Provenance, scores: ScoreSet | None) -> CardFacts:
    """The facts of the quant in ``folder``: figures from its bytes, the rest as given.

    Raises what reading the weights raises.
    """
    return build_facts(provenance, figures_of(folder), scores, traits_of(folder))


def figures_of(folder: Path) -> QuantStats:
    """What the weights are, from their bytes; all zero where none are there yet.

    Raises what reading the weights raises.
    """
    return stats_of_folder(folder) if weight_files(folder) else stats_from_headers({}, {})


def charts_of(facts: CardFacts, components: Sequence[ComponentBits]) -> dict[str, bytes]:
    """Path -> PNG of every picture that the facts ask for; each carries its alt text inside."""
    drawn = {}
    if facts.width_chart:
        drawn[facts.width_chart.path] = describe(draw_widths(components), facts.width_chart.alt)
    if facts.score_chart and facts.capability:
        picture = draw_scores(facts.capability.all_rows, facts.baseline_repo or "")
        drawn[facts.score_chart.path] = describe(picture, facts.score_chart.alt)
    return drawn


def traits_of(folder: Path) -> ModelTraits:
    """What config and tokenizer say of the model, if they are there. Raises JsonUnreadable."""
    if not (folder / "config.json").is_file():
        return ModelTraits()
    experts, active = experts_of(read_json_object(folder / "config.json"))
    return ModelTraits(
        has_chat_template=_has_chat_template(folder),
        has_towers=has_towers(folder),
        experts=experts,
        active_experts=active,
    )


def experts_of(config: dict[str, Any]) -> tuple[int | None, int | None]:
    """(routed experts in a layer, of these active for a token) by config.json; None for neither."""
    return _first_number(config, EXPERT_KEYS), _first_number(config, ACTIVE_EXPERT_KEYS)


def scores_in(folder: Path) -> ScoreSet | None:
    """The scores that the quant carries, if it carries any."""
    file = folder / SCORES_FILE
    return ScoreSet.read(file) if file.is_file() else None


@dataclasses.dataclass(frozen=True)
class Untrue:
    """A statement that does not follow from the facts, and what to do about it."""

    text: str
    remedy: str = RENDER_AGAIN


def recheck_card(
    folder: Path, *, template: str | None = None, brand: str | None = None
) -> tuple[Untrue, ...]:
    """What the card in ``folder`` says and the facts do not; empty if all is true.

    Blocks that hubtool wrote must read as the facts render now. A block that a
    person edited may say the same in other words, but no other rows and
    numbers (:mod:`hubtool.card.edited`). ``template`` and ``brand`` default to those that
    ``optiq/release.json`` names.
    """
    card = folder / CARD_FILE
    if card.is_dir():
        return (Untrue(f"{CARD_FILE} is a folder", "move it away, then render the card"),)
    if not card.is_file():
        return (Untrue(f"there is no {CARD_FILE}"),)
    if not (folder / PROVENANCE_FILE).is_file():
        return (
            Untrue(
                f"there is no {PROVENANCE_FILE}, so nothing on the card has its evidence",
                "name its base and its repo: `hubtool card DIR --base ORG/BASE --repo ORG/NAME`",
            ),
        )
    from hubtool.card.template_check import literal_numbers  # which needs jinja2 at once

    try:
        provenance = Provenance.of_folder(folder)
        scores = scores_in(folder)
        if provenance.scores not in (None, scores):
            return (Untrue(f"{PROVENANCE_FILE} holds other scores than {SCORES_FILE}"),)
        if read_verification(folder) not in (None, provenance.verification):
            return (
                Untrue(f"{METADATA} holds another comparison with the base than {PROVENANCE_FILE}"),
            )
        text = read_card(card)
        facts = with_charts(
            facts_of(folder, provenance, scores),
            lambda path: (folder / path).is_file() or path in text,
        )
        look = template or provenance.template, brand or provenance.brand
        blocks = render_blocks(facts, template=look[0], brand=look[1])
        untold = tuple(literal_numbers(*look))
    except HubtoolError as error:
        return (Untrue(error.message, error.remedy),)
    return (
        *map(Untrue, _metadata_problems(text, facts)),
        *_block_problems(text, blocks, _claims(facts)),
        *map(Untrue, _chart_problems(folder, facts)),
        *(Untrue(one, "take it out of the template, or make it a fact") for one in untold),
    )


def with_charts(facts: CardFacts, wanted: Callable[[str], bool]) -> CardFacts:
    """The facts with those charts alone whose path is wanted: a card may do without any."""
    width, score = facts.width_chart, facts.score_chart
    return dataclasses.replace(
        facts,
        width_chart=width if width and wanted(width.path) else None,
        score_chart=score if score and wanted(score.path) else None,
    )


def read_card(card: Path) -> str:
    """A card's text. Raises CardUnreadable naming the line where it is not UTF-8."""
    return decode_card(card.read_bytes(), str(card))


def decode_card(content: bytes, name: str) -> str:
    """As :func:`read_card`, of a card that messages call ``name``."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CardUnreadable(
            f"{name}, line {line}: not UTF-8",
            "save it as UTF-8: hubtool keeps every byte that a person wrote",
        ) from error


def _metadata_problems(text: str, facts: CardFacts) -> list[str]:
    from hubtool.card.frontmatter import split_card
    from hubtool.card.metadata_rules import metadata_problems

    card = split_card(text)
    if not card.readable:
        return [metadata_problems(card)[0].message]
    found, wanted = card.data, build_metadata(facts)
    problems = []
    for key in OWNED:
        have, want = found.get(key), wanted.get(key)
        if key == "tags" and isinstance(have, list):
            have = [tag for tag in have if tag in wanted["tags"]]  # a person may add their own
        if key == "language" and want is None:
            continue  # a person's, where the base names none
        if have != want:
            problems.append(f"front matter: {key} is {have!r}, the facts say {want!r}")
    return problems


def _chart_problems(folder: Path, facts: CardFacts) -> list[str]:
    """A picture shows the facts of now if the words inside it do."""
    problems = []
    for chart in (facts.width_chart, facts.score_chart):
        file = folder / chart.path if chart else None
        if chart and file and file.is_file() and description_of(file.read_bytes()) != chart.alt:
            problems.append(f"{chart.path} shows other figures than the facts")
        elif chart and file and not file.is_file():
            problems.append(f"{chart.path} is missing")
    return problems


def _claims(facts: CardFacts) -> tuple[str, ...]:
    """The sentences that compare, as they stand on a card."""
    of_scores: tuple[str | None, ...] = ()
    if facts.capability:
        of_scores = tuple(
            words(facts.capability) for words in (differences, gains_and_losses, paired_words)
        )
    told = (claim(facts), size_comparison(facts), *of_scores)
    return tuple(escape_markdown(text) for text in told if text)


def _block_problems(text: str, wanted: dict[str, str], claims: Sequence[str]) -> list[Untrue]:
    problems = [Untrue(torn_words(name, line), MEND_MARKER) for name, line in torn_markers(text)]
    found: dict[str, Block] = {}
    for block in find_blocks(text):
        if block.name in found:
            problems.append(Untrue(f"block {block.name} stands twice", "take one of them out"))
        found.setdefault(block.name, block)
    whole = "\n".join(wanted.values())
    for name, want in wanted.items():
        here = found.get(name)
        if here is None:
            problems.append(Untrue(f"block {name} is missing"))
            continue
        shown = here.text.replace("\r\n", "\n")
        if here.is_edited:
            said = edited_problems(name, shown, want, whole, claims)
            problems += [Untrue(f"block {name}: {one}", GIVE_UP_EDITS) for one in said]
        elif shown.strip("\n") != want.strip("\n"):
            problems.append(Untrue(f"block {name}: {_first_difference(here.text, want)}"))
    problems += [
        Untrue(f"block {name}: no fact fills it", "take it out of the card")
        for name in found
        if name not in wanted
    ]
    return problems


def _first_difference(found: str, wanted: str) -> str:
    ours, theirs = (text.replace("\r\n", "\n").strip("\n").split("\n") for text in (wanted, found))
    longest = max(len(ours), len(theirs))
    for number in range(longest):
        here = [lines[number] if number < len(lines) else "" for lines in (theirs, ours)]
        if here[0] != here[1]:
            return f"it says {here[0]!r}, the facts say {here[1]!r}"
    return "it differs from what the facts render"


def has_towers(folder: Path) -> bool:
    """Whether towers are there: in the sidecar, or in the main set as mlx-vlm converts."""
    if (folder / VISION_SIDECAR).is_file():
        return True
    config = read_json_object(folder / "config.json")
    return bool(tower_names(config, tensor_names(folder)))


def _has_chat_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return False
    return bool(read_json_object(config).get("chat_template"))


def _first_number(config: dict[str, Any], keys: Sequence[str]) -> int | None:
    """The first of ``keys`` that is a positive number, in the config or its text part."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        for key in keys:
            value = part.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None
