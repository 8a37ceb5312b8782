"""Where card templates and brands are: in the wheel, in a checkout, or a user's own files."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hubtool.errors import PathNotFound, TemplateInvalid

OWN_FOLDER = "HUBTOOL_TEMPLATES"  # variable that names a folder of a user's own templates
SUFFIX = ".md.j2"
_REPO_NAME = re.compile(r"[A-Za-z0-9_.-]{1,96}")
_INCLUDE = re.compile(r'include\s+"blocks/([a-z0-9-]+)\.md\.j2"')


class Brand(BaseModel):
    """How an organisation presents its quants."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(description="what the look is called")
    banner: str = Field("", description="Markdown, above everything")
    links: dict[str, str] = Field(
        {}, description="text -> address, below the banner; {org} in it becomes the publisher"
    )
    naming: str = Field(
        "{base}-{bits}bit",
        description="name of a repo: {base} is the base's name, {bits} the width of an even quant "
        "of the same budget",
    )
    method_name: str = Field(description="what the allocation is called in sentences")
    convert_command: str = Field(
        "",
        description="shell lines under `Quantize your own`; {base}, {budget} (the flags of the "
        "budget), {target_bpw} and {bits} are filled in",
    )

    @field_validator("naming")
    @classmethod
    def _is_a_repo_name(cls, value: str) -> str:
        filled = value.replace("{base}", "base").replace("{bits}", "4")
        if "{base}" not in value or not _REPO_NAME.fullmatch(filled):
            raise ValueError(
                "must hold {base} and may hold {bits}; besides them letters, digits, '-', '_', '.'"
            )
        return value

    @field_validator("links")
    @classmethod
    def _are_addresses(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [text for text, link in value.items() if not link.startswith("https://")]
        if wrong:
            raise ValueError(f"{wrong[0]!r} must lead to an address that starts with https://")
        return value

    @model_validator(mode="after")
    def _known_places(self) -> Brand:
        """Places in braces that nothing fills would stand on the card as they are."""
        for field, known in (
            ("banner", {"org"}),
            ("links", {"org"}),
            ("convert_command", {"base", "budget", "target_bpw", "bits"}),
        ):
            value = getattr(self, field)
            text = " ".join((*value, *value.values())) if isinstance(value, dict) else value
            for place in re.findall(r"\{(\w+)\}", text):
                if place not in known:
                    filled = ", ".join(f"{{{name}}}" for name in sorted(known))
                    raise ValueError(f"{field}: nothing fills {{{place}}}; there is {filled}")
        return self

    def repo_name(self, base: str, bits: int) -> str:
        """The name of a quant of ``base`` (a Hub id) that is of ``bits``."""
        name = base.rsplit("/", 1)[-1]
        return self.naming.replace("{base}", name).replace("{bits}", str(bits))


@functools.cache
def templates_folder() -> Path:
    """The shipped templates: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "_templates"
    return shipped if shipped.is_dir() else package.parent / "templates"


def shipped_templates() -> tuple[str, ...]:
    """Names of the templates that come with hubtool."""
    files = templates_folder().glob(f"*{SUFFIX}")
    return tuple(sorted(file.name.removesuffix(SUFFIX) for file in files))


def shipped_brands() -> tuple[str, ...]:
    """Names of the brands that come with hubtool."""
    return tuple(sorted(file.stem for file in (templates_folder() / "brands").glob("*.yaml")))


def shipped_files() -> dict[str, bytes]:
    """Path -> content of every shipped template, block and brand."""
    root = templates_folder()
    files = [*root.glob(f"*{SUFFIX}"), *root.glob(f"blocks/*{SUFFIX}"), *root.glob("brands/*.yaml")]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in sorted(files)}


def template_file(name_or_path: str) -> Path:
    """A template: a file's path, or a name in the user's own folder or among the shipped ones.

    A name may have its suffix, as cards record it. Raises PathNotFound.
    """
    found = _find(name_or_path, "", SUFFIX)
    if found is None and Path(name_or_path).is_dir():
        inside = [one.as_posix() for one in sorted(Path(name_or_path).glob(f"*{SUFFIX}"))]
        raise PathNotFound(
            f"--template {name_or_path}: a folder, not a template",
            f"name one in it: {', '.join(inside) or f'there is no *{SUFFIX}'}",
        )
    if found is None:
        known = ", ".join(shipped_templates())
        raise PathNotFound(
            f"no card template {name_or_path!r} here",
            f"name its file with --template (and its brand's with --brand), or set {OWN_FOLDER} "
            f"to the folder that it lies in; shipped ones: {known}",
        )
    return found


def _find(name_or_path: str, below: str, suffix: str) -> Path | None:
    """Where a template or a brand lies, None if nowhere."""
    if "/" not in name_or_path:
        file_name = name_or_path.removesuffix(suffix) + suffix
        own = os.environ.get(OWN_FOLDER)
        folders = [*([Path(own) / below, Path(own)] if own else []), templates_folder() / below]
        for folder in folders:
            if (folder / file_name).is_file():
                return folder / file_name
    return Path(name_or_path) if Path(name_or_path).is_file() else None


def read_template(file: Path) -> str:
    """The text of a template, a block or a brand. Raises TemplateInvalid where it is not UTF-8."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TemplateInvalid(
            f"{file}, line {line}: not UTF-8", "save the file as UTF-8", path=str(file), line=line
        ) from error


def block_names(name_or_path: str) -> tuple[str, ...]:
    """The blocks that a template places, in order. Raises TemplateInvalid if there are none.

    A template is a list of ``{% include "blocks/NAME.md.j2" %}``; other text in it is not used,
    since hubtool owns nothing on a card but its blocks.
    """
    file = template_file(name_or_path)
    names = tuple(_INCLUDE.findall(read_template(file)))
    if not names and file.parent.name == "blocks":
        around = [
            one.as_posix()
            for one in sorted(file.parent.parent.glob(f"*{SUFFIX}"))
            if file.name.removesuffix(SUFFIX) in _INCLUDE.findall(read_template(one))
        ]
        raise TemplateInvalid(
            f"{file} is a block, not a template",
            f"name the template that includes it: {', '.join(around) or 'there is none yet'}",
        )
    if not names:
        raise TemplateInvalid(
            f"{file.name} includes no block", 'write {% include "blocks/details.md.j2" %}'
        )
    return names


def search_path(name_or_path: str) -> tuple[Path, ...]:
    """Where a template's blocks are looked for: beside it, then among the shipped ones."""
    beside, shipped = template_file(name_or_path).parent, templates_folder()
    return (shipped,) if beside == shipped else (beside, shipped)


def block_files(name_or_path: str) -> dict[str, Path]:
    """Name -> file of each block of a template, in order. Raises TemplateInvalid for a lost one."""
    files = {}
    for name in block_names(name_or_path):
        places = [folder / f"blocks/{name}.md.j2" for folder in search_path(name_or_path)]
        file = next((place for place in places if place.is_file()), None)
        if file is None:
            raise TemplateInvalid(
                f"{template_file(name_or_path).name} includes blocks/{name}.md.j2; no such file",
                f"write blocks/{name}.md.j2 beside the template",
            )
        files[name] = file
    return files


def template_sha256(name_or_path: str) -> str:
    """sha256 over the template and the blocks it includes: what a card is rendered with."""
    digest = hashlib.sha256(template_file(name_or_path).read_bytes())
    for name, file in block_files(name_or_path).items():
        digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def brand_sha256(name_or_path: str) -> str:
    """sha256 over what a brand says."""
    return hashlib.sha256(load_brand(name_or_path).model_dump_json().encode()).hexdigest()


def load_brand(name_or_path: str) -> Brand:
    """A shipped brand by its name, or a YAML file of the user's.

    Raises PathNotFound, or TemplateInvalid naming file and field.
    """
    file = _find(name_or_path, "brands", ".yaml")
    if file is None:
        known = ", ".join(shipped_brands())
        raise PathNotFound(
            f"no brand {name_or_path!r} here",
            f"name its file with --brand, or set {OWN_FOLDER} to the folder that it lies in; "
            f"shipped ones: {known}",
        )
    return _brand(file, read_template(file))


@functools.lru_cache(maxsize=8)
def _brand(file: Path, text: str) -> Brand:
    try:
        data: Any = yaml.safe_load(text)
        if not isinstance(data, dict):
            raise TemplateInvalid(
                f"{file}: found {'nothing' if data is None else type(data).__name__}, not fields",
                "docs/reference/facts.md lists the fields of a brand",
            )
        return Brand.model_validate(data)
    except yaml.YAMLError as error:
        raise TemplateInvalid(f"{file} is not YAML: {error}", "mend its syntax") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise TemplateInvalid(
            f"{file}: {field}: {said}" if field else f"{file}: {said}",
            "docs/reference/facts.md lists the fields of a brand",
        ) from error
