"""The runner that the action's tests stand on does what GitHub documents of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.action_run import Annotation, Run
from tests.support.action_runner import Runner

ACTION = r"""
inputs:
  word: {default: plain}
  secret: {default: ""}
outputs:
  said: {value: "${{ steps.say.outputs.said }}"}
runs:
  using: composite
  steps:
    - name: Set
      id: say
      shell: bash
      env: {WORD: "${{ inputs.word }}"}
      run: |
        echo "said<<END
        $WORD
        two lines
        END" >> "$GITHUB_OUTPUT"
        echo "LATER=from $WORD" >> "$GITHUB_ENV"
        mkdir -p "$RUNNER_TEMP/tools" && echo "$RUNNER_TEMP/tools" >> "$GITHUB_PATH"
        printf '#!/bin/sh\necho a tool\n' > "$RUNNER_TEMP/tools/mytool" && chmod +x "$RUNNER_TEMP/tools/mytool"
        echo "# Summary" >> "$GITHUB_STEP_SUMMARY"
        echo "::add-mask::${{ inputs.secret }}"
        echo "it is ${{ inputs.secret }}"
        echo "::error file=a.yaml,title=T%3A1::first%0Asecond"
    - name: Use
      shell: bash
      run: echo "$LATER, $(mytool), ${WORD:-no word}"
    - name: Skip
      if: inputs.word == 'other'
      shell: bash
      run: exit 1
    - name: Fail
      if: inputs.word == 'fail'
      id: fail
      shell: bash
      run: |
        false | true
        echo "not reached"
    - name: After
      shell: bash
      run: echo after
    - name: Always
      if: always() && steps.fail.outcome == 'failure'
      shell: bash
      run: echo always
"""


@pytest.fixture
def action(tmp_path: Path) -> Path:
    folder = tmp_path / "action"
    folder.mkdir()
    (folder / "action.yml").write_text(ACTION)
    return folder


def run(action: Path, **inputs: str) -> Run:
    place = action.parent
    runner = Runner(place / "job", cache=place / "cache", artifacts=place / "artifacts")
    (place / "workspace").mkdir()
    env = {"PATH": os.environ["PATH"]}
    return runner.run(action, inputs, workspace=place / "workspace", env=env)


def test_outputs_environment_path_and_summary_reach_later_steps(action: Path) -> None:
    done = run(action, secret="s3cret")
    assert (done.outcome, done.outputs) == ("success", {"said": "plain\ntwo lines"})
    assert "from plain, a tool, no word" in done.log
    assert done.summary == "# Summary\n"
    assert {name: step.outcome for name, step in done.steps.items()} == {
        "Set": "success",
        "Use": "success",
        "Skip": "skipped",
        "Fail": "skipped",
        "After": "success",
        "Always": "skipped",
    }


def test_a_mask_hides_what_raw_still_shows(action: Path) -> None:
    done = run(action, secret="s3cret")
    assert "it is ***" in done.log
    assert "it is s3cret" in done.raw  # so a test can tell whether a step printed it
    assert not [line for line in done.raw if "add-mask" in line]
    assert done.annotations == [Annotation("error", "first\nsecond", "T:1", "a.yaml")]


def test_after_a_failure_only_what_asks_for_it_runs(action: Path) -> None:
    done = run(action, word="fail", secret="s3cret")
    assert done.outcome == "failure"
    assert [name for name, step in done.steps.items() if step.outcome == "failure"] == ["Fail"]
    assert "not reached" not in done.log  # the pipe's failure counts
    assert done.steps["After"].outcome == "skipped"
    assert done.raw[-1] == "always"


def test_an_input_that_the_action_does_not_have_is_told(action: Path) -> None:
    with pytest.raises(AssertionError, match="no input"):
        run(action, wrod="x")
