"""The templates of the pages for people, and the filters that they use."""

from __future__ import annotations

import datetime
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from hubtool.console import format_bytes
from hubtool.localhub.page_facts import parameter_count

if TYPE_CHECKING:
    import jinja2

OWN_PACKAGE = "hubtool.localhub"


@cache
def page_environment(*packages: str) -> jinja2.Environment:
    """Templates of the ``pages`` folders of ``packages``, then those of the local Hub itself."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(package, "pages") for package in (*packages, OWN_PACKAGE)]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["bytes"] = format_bytes
    environment.filters["count"] = parameter_count
    environment.filters["moment"] = _moment
    environment.filters["part"] = lambda text: quote(text, safe="")
    environment.filters["path"] = quote
    return environment


def _moment(date: str) -> str:
    """``2026-11-23 10:00`` (UTC) from an ISO date."""
    moment = datetime.datetime.fromisoformat(date).astimezone(datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M")
