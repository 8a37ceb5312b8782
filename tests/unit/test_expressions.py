"""The evaluator that the action's tests stand on, against examples of GitHub's own rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.expressions import Expression, fill

CONTEXTS = {
    "inputs": {"hf-token": "", "name": "Ada", "flags": "--locked --pr"},
    "steps": {"base": {"outputs": {"cache-hit": "true", "count": "1"}}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inputs.hf-token != ''", False),
        ("inputs.name == 'ADA'", True),  # without case
        ("inputs['name']", "Ada"),
        ("inputs.nothing.at.all", None),
        ("steps.base.outputs.cache-hit != 'true' && true", False),
        ("steps.base.outputs.count == '1'", True),
        ("steps.base.outputs.count == 1", True),  # by number
        ("inputs.hf-token || 'default'", "default"),
        ("inputs.name && 'yes' || 'no'", "yes"),
        ("!(inputs.name == 'x') && !false", True),
        ("contains(inputs.flags, '--LOCKED')", True),
        ("contains(fromJSON('[\"a\", \"b\"]'), 'b')", True),
        ("format('{0} is {1}', inputs.name, 3)", "Ada is 3"),
        ("'it''s'", "it's"),
        ("2 > 1 && 1 <= 1 && null == ''", True),
        ("success()", True),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert Expression(text, CONTEXTS, {"success": lambda: True}).value() == value


def test_a_text_is_filled() -> None:
    assert fill("a${{ inputs.name }}-${{ true }}-${{ null }}", CONTEXTS, {}) == "aAda-true-"


@pytest.mark.parametrize("text", ["inputs.", "a b", "unknown.x", "nothing()"])
def test_what_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises((AssertionError, KeyError, IndexError)):
        Expression(text, CONTEXTS, {}).value()
