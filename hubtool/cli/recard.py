"""``hubtool recard``: the cards of many quants at once; plan, look, apply, undo."""

from __future__ import annotations

import typer

from hubtool.cli.recard_apply import apply, undo
from hubtool.cli.recard_plan import plan
from hubtool.cli.recard_status import status

app = typer.Typer(
    help="Re-card many quants at once: plan, look, apply, undo. No weights are downloaded.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


@app.callback()
def recard() -> None:
    """Re-card many quants at once: plan, look, apply, undo. No weights are downloaded.

    Example: hubtool recard plan --org my-org --html plan.html && hubtool recard apply plan.json
    """


for command in (plan, apply, undo, status):
    app.command(command.__name__)(command)
