"""The command line's own promises: quick, lazy, documented, and tidy when it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hubtool.cli.app import COMMANDS, LazyCommands
from hubtool.errors import HubtoolError

REPO = Path(__file__).parents[3]
HEAVY = ("mlx", "mlx_lm", "transformers", "huggingface_hub", "jinja2", "numpy", "starlette", "git")


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hubtool", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command: str) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['hubtool', *{command.split()!r}, '--help']\n"
        "from hubtool.cli.app import main\n"
        "try:\n    main()\n"
        "finally:\n"
        f"    found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    print('HEAVY', found)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = LazyCommands().get_command(None, name)
    texts = [command.help or ""]
    texts += [child.help or "" for child in getattr(command, "commands", {}).values()]
    assert all(f"hubtool {name}" in text for text in texts[-1:] + texts[1:])


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "hub"])
def test_the_summary_in_the_table_is_the_commands_own_first_line(name: str) -> None:
    command = LazyCommands().get_command(None, name)
    first = " ".join((command.help or "").split("\n\n")[0].split())
    assert first == COMMANDS[name][2]


def test_an_unknown_command_exits_2_without_a_traceback() -> None:
    done = run("relase")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_bad_manifest_field_exits_2_and_names_field_and_remedy() -> None:
    done = run("release", "no-slash", "--org", "me")
    assert done.returncode == 2
    assert done.stderr.startswith("error: BASE: ")
    assert "fix: correct BASE" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_usage_error_has_an_id_and_a_remedy_as_every_other() -> None:
    done = run("card", "--diff")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: missing argument 'DIR'",
        "fix: `hubtool card render --help` shows what it takes",
        "(HT0109, exit code 2; docs/reference/errors.md)",
    ]


def test_a_bare_group_shows_its_help_and_what_it_takes() -> None:
    done = run("card")
    assert (done.returncode, done.stdout) == (2, "")
    assert "card [OPTIONS] DIR|COMMAND" in done.stderr
    assert "`hubtool card DIR` renders" in done.stderr


INTERRUPTED = """
import sys, types
from hubtool.cli import app

def command():
    raise KeyboardInterrupt

sys.modules["stopped"] = types.SimpleNamespace(command=command)
app.COMMANDS["stopped"] = ("stopped", "command", "")
sys.argv = ["hubtool", "stopped"]
app.main()
"""


def test_ctrl_c_exits_5_and_says_how_to_go_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False
    )
    assert done.returncode == 5
    assert "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_error_has_an_id_of_its_own_and_an_explanation() -> None:
    classes, queue = [], [HubtoolError]
    while queue:
        classes.append(queue.pop())
        queue += classes[-1].__subclasses__()
    documented = [item for item in classes if item.__module__ == HubtoolError.__module__]
    ids = [item.__dict__.get("id") for item in documented]
    assert len(set(ids)) == len(ids)
    assert all(item.__doc__ for item in classes)


def test_the_generated_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(REPO / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
