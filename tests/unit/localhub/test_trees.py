"""Trees, operations and the rules that decide how a file is stored."""

from __future__ import annotations

import pytest

from hubtool.localhub.refusal import Refusal
from hubtool.localhub.trees import (
    DEFAULT_GITATTRIBUTES,
    Delete,
    Entry,
    Put,
    apply,
    ignore_rule,
    large,
    lfs_rule,
    needs_lfs,
    regular,
    require_path,
)
from hubtool.records import git_blob_sha1


def file(path: str, content: bytes = b"x") -> Entry:
    return regular(path, "0" * 64, content)


TREE = {path: file(path) for path in ("a.txt", "logs/1.txt", "logs/old/2.txt", "logs.txt")}


def test_lfs_entry_has_the_id_of_its_pointer() -> None:
    entry = large("w.bin", "ab" * 32, 5)
    pointer = (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 5\n"
    )
    assert (entry.pointer, entry.oid, entry.etag) == (pointer, git_blob_sha1(pointer), "ab" * 32)


@pytest.mark.parametrize(
    ("operations", "left"),
    [
        ([Delete("a.txt")], ["logs.txt", "logs/1.txt", "logs/old/2.txt"]),
        ([Delete("logs/", folder=True)], ["a.txt", "logs.txt"]),
        ([Delete("a.txt"), Put(file("a.txt"))], sorted(TREE)),
        ([Delete("logs", folder=True), Put(file("logs"))], ["a.txt", "logs", "logs.txt"]),
    ],
    ids=["file", "folder", "delete, then add", "file in place of a folder"],
)
def test_operations_apply_in_order(operations: list[Put | Delete], left: list[str]) -> None:
    assert sorted(apply(TREE, operations, None)) == left


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        (Delete("none.txt"), 404),
        (Delete("logs"), 404),
        (Delete("none/", folder=True), 404),
        (Put(file("logs")), 400),
        (Put(file("a.txt/b")), 400),
    ],
)
def test_impossible_operations_are_refused(operation: Put | Delete, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        apply(TREE, [operation], "c" * 40)
    assert caught.value.status == status


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "../a", "a/..", "./a", ".git/x", "a\0b"])
def test_unsafe_paths_are_refused(path: str) -> None:
    with pytest.raises(Refusal):
        require_path(path)


def test_new_repos_mark_weights_for_lfs() -> None:
    marked = lfs_rule(DEFAULT_GITATTRIBUTES)
    verdicts = {
        path: marked(path)
        for path in (
            "model.safetensors",
            "sub/w.gguf",
            "saved_model/x/y",
            "events.out.tfevents.1",
            "config.json",
            "README.md",
        )
    }
    assert verdicts == {
        "model.safetensors": True,
        "sub/w.gguf": True,
        "saved_model/x/y": True,
        "events.out.tfevents.1": True,
        "config.json": False,
        "README.md": False,
    }


def test_last_matching_attribute_wins() -> None:
    marked = lfs_rule("*.bin filter=lfs diff=lfs\nsmall.bin -filter\n# *.txt filter=lfs\n")
    assert [marked(path) for path in ("a.bin", "small.bin", "a.txt")] == [True, False, False]


def test_ignore_rules() -> None:
    ignored = ignore_rule("*.log\n!keep.log\n/build/\ncache/\n# x.txt\n")
    paths = ["a.log", "sub/a.log", "keep.log", "build/x", "sub/cache/x", "x.txt", "cache"]
    assert [path for path in paths if ignored(path)] == [
        "a.log",
        "sub/a.log",
        "build/x",
        "sub/cache/x",
    ]


@pytest.mark.parametrize(
    ("size", "sample", "marked", "by_lfs"),
    [
        (0, b"", True, False),
        (5, b"plain", False, False),
        (5, b"plain", True, True),
        (3, b"a\0b", False, True),
        (2, b"\xff\xfe", False, True),
        (1000, b"x" * 511 + "é".encode()[:1], False, False),
        (512, b"x" * 511 + "é".encode()[:1], False, True),
        (10 * 1024 * 1024, b"x", False, True),
    ],
    ids=["empty", "text", "marked", "NUL", "not UTF-8", "cut letter", "broken end", "10 MiB"],
)
def test_upload_mode(size: int, sample: bytes, marked: bool, by_lfs: bool) -> None:
    assert needs_lfs(size, sample, marked) is by_lfs
