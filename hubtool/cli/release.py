"""``hubtool release``: from a base model to a published, verified quant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.options import (
    CalibrationTokensOption,
    CandidateBitsOption,
    ContextOption,
    FitOption,
    GroupSizeOption,
    GroupSizesOption,
    HubOption,
    JsonOption,
    MaxSizeOption,
    MethodOption,
    ReferenceOption,
    RoundingOption,
    SensitivityOption,
    StoredBpwOption,
    TargetBpwOption,
    TrustOption,
    comma_numbers,
    refuse_idle_flags,
    without_unset,
)
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub


def release(
    command: typer.Context,
    base: Annotated[str | None, typer.Argument(help="Hub id of the base model, ORG/NAME.")] = None,
    org: Annotated[str | None, typer.Option(help="Organisation that will own the quant.")] = None,
    name: Annotated[str | None, typer.Option(help="Repo name; default from the base.")] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the base; pinned on first run.")
    ] = None,
    target_bpw: TargetBpwOption = None,
    stored_bpw: StoredBpwOption = None,
    max_size: MaxSizeOption = None,
    fit: FitOption = None,
    context: ContextOption = None,
    candidate_bits: CandidateBitsOption = None,
    group_sizes: GroupSizesOption = None,
    group_size: GroupSizeOption = None,
    reference: ReferenceOption = None,
    method: MethodOption = None,
    sensitivity: SensitivityOption = None,
    rounding: RoundingOption = None,
    calibration_tokens: CalibrationTokensOption = None,
    verify_tokens: Annotated[
        int | None,
        typer.Option(
            help="Held-out tokens to compare the quant with its base on; 0: not. [default: 3072]"
        ),
    ] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(help="Score file; repeatable. Without one the card has no scores."),
    ] = None,
    baseline_scores: Annotated[
        list[Path] | None,
        typer.Option(help="Score file of the baseline, if it has its own; repeatable."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Quant that the scores compare with.")
    ] = None,
    drafter: Annotated[str | None, typer.Option(help="Speculative drafter to name.")] = None,
    quant: Annotated[
        Path | None,
        typer.Option(help="Folder that another tool quantized: do the rest with it."),
    ] = None,
    accept_licence: Annotated[
        list[str] | None,
        typer.Option(help="A licence with limits that you have read; repeatable.", metavar="ID"),
    ] = None,
    notice: Annotated[
        Path | None, typer.Option(help="File with the Notice line that the licence asks for.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="YAML file with all of this; flags override it.")
    ] = None,
    tag: Annotated[
        str | None,
        typer.Option(
            help="Release a git tag: NAME/version releases releases/NAME.yaml, v-something every "
            "manifest that changed since the tag before. Files are read from the tag's tree."
        ),
    ] = None,
    locked: Annotated[
        bool,
        typer.Option("--locked", help="Fail if the lock file's base or tools would change."),
    ] = False,
    template: Annotated[
        str | None, typer.Option(help="Card template: a name or a file. [default: optiq]")
    ] = None,
    brand: Annotated[
        str | None, typer.Option(help="Card brand: a name or a file. [default: optiq]")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Create the repo private.")] = False,
    gate: Annotated[
        str | None,
        typer.Option(help="Gate the quant's files, as its base is.", metavar="auto|manual"),
    ] = None,
    pr: Annotated[bool, typer.Option("--pr", help="Open a pull request.")] = False,
    collection: Annotated[
        str | None, typer.Option(help="Slug of a collection to add the quant to.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do all but push; leave folder, card and plan.")
    ] = False,
    trust_remote_code: TrustOption = False,
    workdir: Annotated[
        Path, typer.Option(help="Where work folders are kept.", metavar="DIR")
    ] = Path(".hubtool"),
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Turn a base model into a published, verified quant in your organisation.

    Every check comes before the push; the push is one commit; a killed run
    resumes by the same command.

    Example: hubtool release HuggingFaceTB/SmolLM2-135M-Instruct --org my-org --dry-run
    """
    console = open_console(json_output)
    refuse_idle_flags(command, sensitivity=sensitivity)
    if tag is not None and base is not None:
        raise typer.BadParameter("a tag's manifests name their bases: leave BASE out")
    client = open_hub(hub, console)

    from hubtool.cli.releasing import Run, release_manifest, release_tag

    flags = {
        "base": base,
        "revision": revision,
        "publish": without_unset(
            {
                "org": org,
                "name": name,
                "private": private or None,
                "gate": gate,
                "pr": pr or None,
                "collection": collection,
            }
        ),
        "quantize": without_unset(
            {
                "target_bpw": target_bpw,
                "stored_bpw": stored_bpw,
                "max_size": max_size,
                "fit": fit,
                "context": context,
                "candidate_bits": comma_numbers(candidate_bits),
                "group_size": group_size,
                "group_sizes": comma_numbers(group_sizes),
                "sensitivity": sensitivity,
                "rounding": rounding,
                "reference": reference,
                "method": method,
                "calibration_tokens": calibration_tokens,
                "trust_remote_code": trust_remote_code or None,
            }
        ),
        "verification": without_unset({"tokens": verify_tokens}),
        "scores": _paths(scores),
        "baseline_scores": _paths(baseline_scores),
        "baseline": baseline,
        "drafter": drafter,
        "quant": str(quant.absolute()) if quant else None,
        "accept_licences": tuple(accept_licence) if accept_licence else None,
        "notice": str(notice) if notice else None,
        "card": without_unset({"template": template, "brand": brand}),
    }
    run = Run(hub=client, work_root=workdir, console=console, dry_run=dry_run, locked=locked)
    if tag is not None:
        release_tag(tag, manifest, flags, run)
    else:
        release_manifest(manifest, flags, run)


def _paths(files: list[Path] | None) -> tuple[str, ...] | None:
    return tuple(str(file) for file in files) if files else None
