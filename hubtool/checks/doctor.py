"""Whether config, tokenizer, chat template and index fit each other: mlx-model-doctor's checks."""

from __future__ import annotations

from collections.abc import Iterator

from hubtool.checks.interface import CheckSubject, Finding

FINDS = {"doctor/repo": "config, tokenizer, chat template and index fit each other"}
_LEFT_OUT = frozenset(
    {
        "text/memory.estimate",  # of the machine that it runs on, not of the quant
        "text/compat.mlx_signal",
    }
)


def check(subject: CheckSubject) -> Iterator[Finding]:
    """``doctor/repo``: one finding for whatever mlx-model-doctor fails or warns of."""
    from mlx_model_doctor import CheckOptions, check_local_model

    report = check_local_model(
        subject.folder,
        options=CheckOptions(
            max_memory_bytes=None,
            context_length=4096,  # asked for; only the estimate that is left out reads it
            include_weights=True,  # their headers
            smoke=False,
            verbosity="normal",
        ),
    )
    told = [
        one
        for one in report.results
        if one.status in ("fail", "warn") and one.check_id not in _LEFT_OUT
    ]
    for one in told:
        yield Finding(
            "doctor/repo",
            "fail" if one.status == "fail" else "warn",
            f"{one.check_id.split('/', 1)[-1]}: {one.message}",
            one.remediation or "",
        )
    if not told:
        passed = sum(one.status == "pass" for one in report.results)
        yield Finding("doctor/repo", "pass", f"{passed} checks of mlx-model-doctor passed")
