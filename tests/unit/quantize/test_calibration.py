"""The calibration mix: what is in it, how it is read, how its tokens are shared out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hubtool.errors import CalibrationInvalid
from hubtool.quantize.calibration import DOMAINS, OWN_MIX, Window, load_mix


class Words:
    """A tokenizer with one token a word; a chat template if asked for."""

    def __init__(self, chat_template: str | None = None) -> None:
        self.chat_template = chat_template

    def encode(self, text: str, **options: Any) -> list[int]:
        return [len(word) for word in text.split()]

    def apply_chat_template(self, conversation: Any, **options: Any) -> str:
        return " ".join(f"<{turn['role']}> {turn['content']}" for turn in conversation)


def write_mix(folder: Path, **domains: list[str]) -> Path:
    """One file a domain, one text sample a line."""
    folder.mkdir(exist_ok=True)
    for name, texts in domains.items():
        rows = [json.dumps({"id": f"{name}-{i}", "text": text}) for i, text in enumerate(texts)]
        (folder / f"{name}.jsonl").write_text("".join(f"{row}\n" for row in rows))
    return folder


def words(count: int) -> str:
    return " ".join(["word"] * count)


def test_the_own_mix_has_six_domains_with_eight_samples_or_more() -> None:
    mix = load_mix()
    assert mix.domains == DOMAINS
    assert len(DOMAINS) == 6
    assert min(len(samples) for samples in mix.samples.values()) >= 8


def test_every_sample_of_the_own_mix_has_an_id_of_its_own_and_is_used_once() -> None:
    samples = [sample for domain in load_mix().samples.values() for sample in domain]
    assert len({sample.id for sample in samples}) == len(samples)
    assert len({(sample.text, str(sample.messages)) for sample in samples}) == len(samples)


def test_the_hash_is_of_names_and_bytes(tmp_path: Path) -> None:
    first = load_mix(write_mix(tmp_path / "a", prose=["one two"], code=["x = 1"]))
    again = load_mix(write_mix(tmp_path / "b", code=["x = 1"], prose=["one two"]))
    assert again == first
    renamed = load_mix(write_mix(tmp_path / "c", essays=["one two"], code=["x = 1"]))
    changed = load_mix(write_mix(tmp_path / "d", prose=["one two."], code=["x = 1"]))
    assert len({first.sha256, renamed.sha256, changed.sha256}) == 3
    assert load_mix().sha256 == load_mix(None).sha256 != load_mix(OWN_MIX).sha256
    assert load_mix(OWN_MIX).domains == tuple(sorted(DOMAINS))


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[1, 2]",
        '{"text": "no id"}',
        '{"id": "neither text nor messages"}',
        '{"id": "both", "text": "a", "messages": [{"role": "user", "content": "b"}]}',
        '{"id": "no content", "messages": [{"role": "user"}]}',
        '{"id": "no turns", "messages": [1]}',
        '{"id": "number", "text": 5}',
        "",
    ],
)
def test_a_bad_line_of_a_users_folder_is_named_by_file_and_number(
    tmp_path: Path, line: str
) -> None:
    folder = write_mix(tmp_path / "mix", prose=["good"], code=["good"])
    (folder / "code.jsonl").write_text('{"id": "1", "text": "good"}\n' + line + "\n")
    with pytest.raises(CalibrationInvalid, match=r"^code\.jsonl, line 2: "):
        load_mix(folder)


def test_a_folder_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationInvalid, match=r"has no \*\.jsonl") as caught:
        load_mix(tmp_path)
    assert 'one DOMAIN.jsonl for each kind of text, its lines {"id"' in caught.value.remedy
    with pytest.raises(CalibrationInvalid, match=r"nope is no folder"):
        load_mix(tmp_path / "nope")
    (tmp_path / "prose.jsonl").write_text("")
    with pytest.raises(CalibrationInvalid, match=r"^prose\.jsonl, line 1: "):
        load_mix(tmp_path)


def test_a_line_break_of_unicode_does_not_cut_a_sample(tmp_path: Path) -> None:
    row = json.dumps({"id": "1", "text": "first\u2028second\x85third"}, ensure_ascii=False)
    (tmp_path / "prose.jsonl").write_text(row + "\n", encoding="utf-8")
    ((sample,),) = load_mix(tmp_path).samples.values()
    assert sample.text == "first\u2028second\x85third"


def test_a_conversation_goes_through_the_chat_template_if_there_is_one(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello you"}]
    (tmp_path / "chat.jsonl").write_text(json.dumps({"id": "1", "messages": turns}) + "\n")
    ((sample,),) = load_mix(tmp_path).samples.values()
    template = [len(word) for word in ["<user>", "hi", "<assistant>", "hello", "you"]]
    plain = [len(word) for word in ["user:", "hi", "assistant:", "hello", "you"]]
    assert sample.tokens(Words("a template")) == template
    assert sample.tokens(Words()) == plain


@pytest.mark.parametrize("total", [60, 192, 600, 768, 3000])
def test_every_domain_gets_the_same_share_of_the_tokens(tmp_path: Path, total: int) -> None:
    """As long as it has the text: no domain goes without because another is longer."""
    folder = write_mix(
        tmp_path / "mix",
        few=[words(2000)],
        many=[words(150)] * 20,
        uneven=[words(10), words(2000), words(1500), words(40)],
    )
    windows = load_mix(folder).token_windows(Words(), total)
    read = Counter[str]()
    for window in windows:
        read[window.domain] += len(window.tokens)
    share = total // 3
    assert read["many"] == share
    assert read["uneven"] in (share, min(share, 10 + 512 + 512 + 40))
    assert read["few"] == min(share, 512)


def test_samples_of_a_domain_are_cut_to_a_common_length(tmp_path: Path) -> None:
    folder = write_mix(tmp_path / "mix", one=[words(500), words(50), words(500), words(300)])
    windows = load_mix(folder).token_windows(Words(), 650)
    assert [len(window.tokens) for window in windows] == [200, 50, 200, 200]


def test_no_window_is_longer_than_asked_for(tmp_path: Path) -> None:
    folder = write_mix(tmp_path / "mix", one=[words(500)] * 3)
    windows = load_mix(folder).token_windows(Words(), 1200, longest=300)
    assert [len(window.tokens) for window in windows] == [300, 300, 300]


def test_domains_alternate_so_that_any_first_part_is_a_fair_mix() -> None:
    windows = load_mix().token_windows(Words(), 1536)
    assert tuple(window.domain for window in windows[:6]) == DOMAINS
    assert tuple(window.domain for window in windows[6:12]) == DOMAINS
    assert windows == load_mix().token_windows(Words(), 1536)
    assert all(isinstance(window, Window) and len(window.tokens) > 1 for window in windows)


def test_less_than_two_tokens_a_domain_are_refused_with_both_figures() -> None:
    with pytest.raises(CalibrationInvalid) as caught:
        load_mix().token_windows(Words(), 11)
    assert caught.value.message == "11 tokens are too few for 6 domains of text"
