"""Outputs and summary of a workflow's step, as GitHub reads them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from hubtool.console import Console, keep_secret, redact
from hubtool.errors import ChecksFailed
from hubtool.hub.plan import PublishPlan
from hubtool.hub.receipt import Receipt
from hubtool.records import FileHash
from hubtool.release.github import (
    add_summary,
    error_summary,
    plan_summary,
    release_summary,
    reported,
    set_outputs,
)

FILE = FileHash("model.safetensors", 2_000_000, "a" * 64)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    return tmp_path


def test_a_value_cannot_set_another_output(job: Path) -> None:
    set_outputs({"repo": "me/a\nurl=https://evil\nend\n", "commit": "abc"})
    lines = (job / "output").read_text().splitlines()
    assert lines[0].startswith("repo<<end-")
    end = lines[0].removeprefix("repo<<")
    assert lines[1 : lines[1:].index(end) + 1] == ["me/a", "url=https://evil", "end", ""]
    assert lines[-2] == "abc"


def test_secrets_reach_neither_outputs_nor_summary(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "a secret of mine")
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL3gifQ.c2lnbmF0dXJlLXg"
    text = f"a secret of mine, hf_abcdefgh12345, hf_jwt_ab-c.def-_gh.ij, {jwt}"
    set_outputs({"url": text})
    add_summary(text)
    for file in ("output", "summary"):
        assert "[token], [token], [token], [token]" in (job / file).read_text()


def test_a_kept_secret_is_masked_once_and_redacted(
    job: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_secret("short-lived-one")
    keep_secret("short-lived-one")
    assert capsys.readouterr().err == "::add-mask::short-lived-one\n"
    assert redact("it is short-lived-one.") == "it is [token]."


def test_outside_of_a_workflow_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    set_outputs({"repo": "me/a"})
    assert not (tmp_path / "output").exists()


def test_a_failed_check_is_annotated_at_the_manifest_and_summed_up(job: Path) -> None:
    finding = {"id": "card/facts", "message": "99, not <98>", "remedy": "mend it", "subject": ""}
    error = ChecksFailed("1 of 9 checks failed:\n  card/facts", "mend", failed=[finding])
    stderr = io.StringIO()
    with pytest.raises(ChecksFailed), reported("releases/a.yaml", Console("plain", stderr=stderr)):
        raise error
    assert stderr.getvalue() == (
        "::error file=releases/a.yaml,title=card/facts::99, not <98>. mend it\n"
    )
    assert (job / "summary").read_text() == error_summary("releases/a.yaml", error) + "\n"


def test_an_error_cannot_bring_html_into_the_summary() -> None:
    text = error_summary("a<b", ChecksFailed("<img src=x>\nline two", "run `x`"))
    assert "<img" not in text
    assert "&lt;img src=x><br>\nline two" in text
    assert text.endswith("**Fix:** run `x`\n")


def test_a_receipt_without_its_folder_shows_no_figures(tmp_path: Path) -> None:
    receipt = Receipt(
        repo="me/a",
        url="https://hub.example/me/a",
        commit="c" * 40,
        parent=None,
        files=(FILE,),
        committed=True,
        changed_bytes=2_000_000,
        pull_request_url=None,
        verified=True,
        tag="a/v1",
    )
    text = release_summary(receipt, tmp_path, sent=True)
    assert text == (
        "## [me/a](https://hub.example/me/a): published\n\n"
        "| Receipt |  |\n| --- | --- |\n"
        f"| Commit | [`cccccccccccc`](https://hub.example/me/a/commit/{'c' * 40}) |\n"
        "| Files | 1, 2.00 MB |\n| New or changed | 2.00 MB |\n"
        "| Verified | every file read back |\n| Tag | `a/v1` |\n"
    )
    assert "already published" in release_summary(receipt, tmp_path, sent=False)


def test_a_dry_run_lists_what_would_be_sent(tmp_path: Path) -> None:
    plan = PublishPlan(
        repo="me/a",
        parent=None,
        operations=(FILE,),
        deletions=("old.bin",),
        message="m",
        private=False,
        as_pull_request=False,
        files=(FILE,),
    )
    assert plan_summary(plan, tmp_path) == (
        "## me/a: dry run, nothing was sent\n\n1 files to send, 2.00 MB\n\n"
        "| File | Size |\n| --- | --- |\n| `model.safetensors` | 2.00 MB |\n| `old.bin` | deleted |\n"
    )
