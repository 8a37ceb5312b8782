"""The answer of validate-yaml."""

from __future__ import annotations

from hubtool.localhub.validate import NOTE, CardVerdict, validate_card


def test_good_card_is_accepted_in_silence() -> None:
    verdict = validate_card("---\nlicense: mit\n---\n# Hi\n")
    assert verdict == CardVerdict((), ())
    assert (verdict.status, verdict.to_text()) == (200, "")
    assert verdict.to_json() == {"errors": [], "warnings": [], "note": NOTE}


def test_missing_block_is_a_warning_and_accepted() -> None:
    message = "empty or missing yaml metadata in repo card"
    verdict = validate_card("# Hi\n")
    assert verdict == CardVerdict((), (message,))
    assert verdict.status == 200
    assert verdict.to_json()["warnings"] == [{"message": message}]


def test_error_refuses_and_is_a_line_of_plain_text() -> None:
    verdict = validate_card("---\n- a\n---\n")
    assert verdict == CardVerdict(('"value" must be of type object',), ())
    assert verdict.status == 400
    assert verdict.to_text() == '- Error: "value" must be of type object'


def test_advice_for_other_readers_is_not_the_hubs_business() -> None:
    assert validate_card("---\nlanguage: no\n---\n") == CardVerdict((), ())
