"""``hubtool release``: from a base model to a published, verified quant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.card_options import AcceptLicenceOption
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
    PrivateOption,
    PrOption,
    ReferenceOption,
    RoundingOption,
    SensitivityOption,
    StoredBpwOption,
    TargetBpwOption,
    TrustOption,
    given_fields,
    quantize_fields,
    refuse_idle_flags,
    without_unset,
)
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub

_BaseArgument = Annotated[str | None, typer.Argument(help="Hub id of the base model, ORG/NAME.")]
_OrgOption = Annotated[str | None, typer.Option(help="Organisation that will own the quant.")]
_NameOption = Annotated[str | None, typer.Option(help="Repo name; default from the base.")]
_RevisionOption = Annotated[
    str | None, typer.Option(help="Branch, tag or commit of the base; pinned on first run.")
]
_VerifyTokensOption = Annotated[
    int | None,
    typer.Option(
        help="Held-out tokens to compare the quant with its base on; 0: not. [default: 3072]"
    ),
]
_ScoresOption = Annotated[
    list[Path] | None,
    typer.Option(help="Score file; repeatable. Without one the card has no scores."),
]
_BaselineScoresOption = Annotated[
    list[Path] | None,
    typer.Option(help="Score file of the baseline, if it has its own; repeatable."),
]
_BaselineOption = Annotated[str | None, typer.Option(help="Quant that the scores compare with.")]
_DrafterOption = Annotated[str | None, typer.Option(help="Speculative drafter to name.")]
_QuantOption = Annotated[
    Path | None,
    typer.Option(help="Folder that another tool quantized: do the rest with it."),
]
_NoticeOption = Annotated[
    Path | None, typer.Option(help="File with the Notice line that the licence asks for.")
]
_ManifestOption = Annotated[
    Path | None, typer.Option(help="YAML file with all of this; flags override it.")
]
_TagOption = Annotated[
    str | None,
    typer.Option(
        help="Release a git tag: NAME/version releases releases/NAME.yaml, v-something every "
        "manifest that changed since the tag before. Files are read from the tag's tree."
    ),
]
_LockedOption = Annotated[
    bool,
    typer.Option("--locked", help="Fail if the lock file's base or tools would change."),
]
_TemplateOption = Annotated[
    str | None, typer.Option(help="Card template: a name or a file. [default: optiq]")
]
_BrandOption = Annotated[
    str | None, typer.Option(help="Card brand: a name or a file. [default: optiq]")
]
_GateOption = Annotated[
    str | None,
    typer.Option(help="Gate the quant's files, as its base is.", metavar="auto|manual"),
]
_CollectionOption = Annotated[
    str | None, typer.Option(help="Slug of a collection to add the quant to.")
]
_DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Do all but push; leave folder, card and plan.")
]
_WorkdirOption = Annotated[Path, typer.Option(help="Where work folders are kept.", metavar="DIR")]


def release(
    command: typer.Context,
    base: _BaseArgument = None,
    org: _OrgOption = None,
    name: _NameOption = None,
    revision: _RevisionOption = None,
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
    verify_tokens: _VerifyTokensOption = None,
    scores: _ScoresOption = None,
    baseline_scores: _BaselineScoresOption = None,
    baseline: _BaselineOption = None,
    drafter: _DrafterOption = None,
    quant: _QuantOption = None,
    accept_licence: AcceptLicenceOption = None,
    notice: _NoticeOption = None,
    manifest: _ManifestOption = None,
    tag: _TagOption = None,
    locked: _LockedOption = False,
    template: _TemplateOption = None,
    brand: _BrandOption = None,
    private: PrivateOption = False,
    gate: _GateOption = None,
    pr: PrOption = False,
    collection: _CollectionOption = None,
    dry_run: _DryRunOption = False,
    trust_remote_code: TrustOption = False,
    workdir: _WorkdirOption = Path(".hubtool"),
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
    from hubtool.release.manifest import CardOptions, PublishOptions

    flags = {  # those of a part of the manifest are looked up by its fields' names
        "base": base,
        "revision": revision,
        "publish": given_fields(command, PublishOptions),
        "quantize": quantize_fields(command),
        "verification": without_unset({"tokens": verify_tokens}),
        "scores": _paths(scores),
        "baseline_scores": _paths(baseline_scores),
        "baseline": baseline,
        "drafter": drafter,
        "quant": str(quant.absolute()) if quant else None,
        "accept_licences": tuple(accept_licence) if accept_licence else None,
        "notice": str(notice) if notice else None,
        "card": given_fields(command, CardOptions),
    }
    run = Run(hub=client, work_root=workdir, console=console, dry_run=dry_run, locked=locked)
    if tag is not None:
        release_tag(tag, manifest, flags, run)
    else:
        release_manifest(manifest, flags, run)


def _paths(files: list[Path] | None) -> tuple[str, ...] | None:
    return tuple(str(file) for file in files) if files else None
