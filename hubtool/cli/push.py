"""``hubtool push``: a checked folder to a repo, as one commit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hubtool.cli.card_options import RenderedBrandOption, RenderedTemplateOption
from hubtool.cli.options import HubOption, JsonOption, PrivateOption, PrOption
from hubtool.cli.output import open_console
from hubtool.cli.session import open_hub


def push(
    folder: Annotated[Path, typer.Argument(help="Quant folder with its card.")],
    repo: Annotated[str, typer.Argument(help="Repo to publish to, ORG/NAME.")],
    message: Annotated[str, typer.Option(help="Title of the commit.")] = "Publish a quant",
    private: PrivateOption = False,
    pr: PrOption = False,
    template: RenderedTemplateOption = None,
    brand: RenderedBrandOption = None,
    hub: HubOption = None,
    json_output: JsonOption = False,
) -> None:
    """Check a quant folder, push it as one commit, and read back what arrived.

    Example: hubtool push ./quant my-org/SmolLM2-135M-Instruct-OptiQ-4bit --hub local
    """
    console = open_console(json_output)
    client = open_hub(hub, console)

    from hubtool.checks.interface import CheckSubject
    from hubtool.checks.run import require_passed, run_checks
    from hubtool.cli.receipt import print_receipt
    from hubtool.hub.plan import make_plan
    from hubtool.hub.publish import publish
    from hubtool.hub.verify import verify_publish
    from hubtool.records import hash_folder

    client.require_write(repo)
    subject = CheckSubject(
        folder=folder, template=template, brand=brand, validate=client.validate_card
    )
    require_passed(run_checks(subject, console=console))
    plan = make_plan(
        client,
        repo,
        folder,
        hash_folder(folder),
        message=message,
        private=private,
        as_pull_request=pr,
    )
    receipt = verify_publish(client, publish(client, plan, folder, console), folder)
    print_receipt(receipt, console, sent=receipt.committed)
