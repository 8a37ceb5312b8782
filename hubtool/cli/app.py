"""The command table and the error border. Commands are imported when they are used."""

from __future__ import annotations

import importlib
import os
import re
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from hubtool.cli.output import print_error
from hubtool.errors import HubtoolError, InterruptedRun, PathUnusable, UsageWrong

# name -> (module, attribute, summary): a function, or a Typer app for a group of commands
COMMANDS: dict[str, tuple[str, str, str]] = {
    "release": (
        "hubtool.cli.release",
        "release",
        "Turn a base model into a published, verified quant in your organisation.",
    ),
    "lock": (
        "hubtool.cli.lock",
        "lock",
        "Write the lock file beside each manifest: the base's commit and the tools that are here.",
    ),
    "matrix": (
        "hubtool.cli.matrix",
        "matrix",
        "Print JSON for a workflow's matrix: one manifest a job.",
    ),
    "init": (
        "hubtool.cli.init",
        "init",
        "Make a repository for releases: manifests, scores, and workflows that release a tag.",
    ),
    "measure": (
        "hubtool.cli.measure",
        "measure",
        "Measure how much each component suffers from each bit width.",
    ),
    "quantize": (
        "hubtool.cli.quantize",
        "quantize",
        "Spend a bit budget over the components and quantize.",
    ),
    "verify": (
        "hubtool.cli.verify",
        "verify",
        "Compare a quant with its base on held-out text, beside the uniform quant of its size.",
    ),
    "split": ("hubtool.cli.split", "split", "Put a base's towers into a quant's bf16 sidecar."),
    "card": ("hubtool.cli.card", "app", "Render the card of a quant folder from its facts."),
    "check": ("hubtool.cli.check", "check", "Run every check on a quant: a folder, or a repo."),
    "push": (
        "hubtool.cli.push",
        "push",
        "Check a quant folder, push it as one commit, and read back what arrived.",
    ),
    "inspect": (
        "hubtool.cli.inspect",
        "inspect",
        "Show what a quant really is, from its bytes: a folder or a repo.",
    ),
    "scores": ("hubtool.cli.scores", "app", "Read score files as a card would."),
    "recard": (
        "hubtool.cli.recard",
        "app",
        "Re-card many quants at once: plan, look, apply, undo. No weights are downloaded.",
    ),
    "template": (
        "hubtool.cli.template",
        "app",
        "Write your own card template: list, copy, and try it on every kind of quant.",
    ),
    "hub": ("hubtool.cli.hub", "app", "A small Hub on this machine, for rehearsals and tests."),
    "doctor": (
        "hubtool.cli.doctor",
        "doctor",
        "Show what this machine brings, and what would make it faster.",
    ),
    "demo": ("hubtool.cli.demo", "demo", "Release two small models to a local Hub, as a tour."),
}


TYPER_INTERRUPTED = 130  # what typer makes of Ctrl-C; ours is 5


class LazyCommands(TyperGroup):
    """A group whose commands are named here and loaded on use."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All command names, in the order of a release."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, imported now; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        target = getattr(importlib.import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            single = _new_app()
            single.command(cmd_name)(target)
            target = single
        command = typer.main.get_command(target)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in ``hubtool --help``, from the table: nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


def _new_app(**options: Any) -> typer.Typer:
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # rich triples the time of --help
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )


app = _new_app(cls=LazyCommands, no_args_is_help=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        from hubtool import __version__

        typer.echo(f"hubtool {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks; for bug reports."),
) -> None:
    """From a base model on the Hub to a published, verified MLX quant.

    Start with: hubtool release ORG/BASE --org YOUR-ORG --dry-run
    """
    if debug:
        os.environ["HUBTOOL_DEBUG"] = "1"


def main() -> NoReturn:
    """Run the command line; every way out of hubtool passes through here."""
    try:
        code = app(standalone_mode=False)
        if code == TYPER_INTERRUPTED:
            raise KeyboardInterrupt
    except HubtoolError as error:
        _traceback_if_debug()
        print_error(error)
        code = error.exit_code
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            typer.echo(error.format_message(), err=True)
        else:
            print_error(_usage(error))
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print_error(InterruptedRun("stopped", "run the same command again: it resumes"))
        code = InterruptedRun.exit_code
    except BrokenPipeError:
        # whoever read our stdout has enough; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        _traceback_if_debug()
        problem = _unusable(error)
        print_error(problem)
        code = problem.exit_code
    except Exception as error:  # the outermost border: the rest is our own bug
        _traceback_if_debug()
        print_error(_bug(error))
        code = HubtoolError.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: typer.TyperException) -> HubtoolError:
    """What the parser of the command line found, as an error of ours."""
    context = getattr(error, "ctx", None)
    command = re.sub(r"^.*?hubtool\b", "hubtool", context.command_path) if context else "hubtool"
    message = error.format_message().removeprefix("Invalid value: ").rstrip(".")
    return UsageWrong(message[:1].lower() + message[1:], f"`{command} --help` shows what it takes")


def _unusable(error: OSError) -> HubtoolError:
    """A path's fault; one that names no path is our own bug."""
    if error.filename is None:
        return _bug(error)
    why = (error.strerror or type(error).__name__).lower()
    return PathUnusable(f"{error.filename}: {why}", "name another path, or set its rights")


def _bug(error: Exception) -> HubtoolError:
    name = f"{type(error).__name__}: {error}"
    return HubtoolError(
        f"this is a bug in hubtool ({name})",
        "run again with `hubtool --debug ...` and report the traceback",
    )


def _traceback_if_debug() -> None:
    if os.environ.get("HUBTOOL_DEBUG"):
        import traceback

        from hubtool.console import redact

        typer.echo(redact(traceback.format_exc()), err=True)
