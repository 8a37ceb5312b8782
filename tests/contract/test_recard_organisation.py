"""An organisation of more than 200 quants of every kind is planned, applied, undone; every byte and
every request is looked at."""

from __future__ import annotations

import dataclasses
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from hubtool.card.frontmatter import split_card
from hubtool.localhub.faults import Fault
from hubtool.localhub.server import start_local_hub
from hubtool.localhub.validate import validate_card
from hubtool.recard.change import RepoPlan, Wish
from hubtool.recard.journal import Entry
from hubtool.recard.select import Skipped
from tests.support.fleet import MORE_FILES, NO_BASE, Fleet
from tests.support.organisation import (
    COUNT,
    GATED,
    GONE,
    LOST,
    ORG,
    THEIRS,
    Log,
    Organisation,
    seed,
)
from tests.support.quant_kinds import KINDS, NOTE

MOVED, TOUCHED = f"{ORG}/m004-optiq", f"{ORG}/m006-optiq-crlf"  # meanwhile; after the apply
EDIT = b"---\nlicense: mit\n---\nA person was faster.\n"
OLDER = ("hubtool-older",)  # its records say no header lengths


@dataclasses.dataclass
class Story:
    """One life of the organisation: cards and commit counts after each step, and what was asked."""

    organisation: Organisation
    start: dict[str, bytes | None]
    planned: dict[str, RepoPlan | Skipped]
    first: Log  # requests of the first plan
    again: Log  # of the second, over unchanged repos
    applied: dict[str, Entry]
    after: dict[str, bytes | None]
    commits: Counter[str]  # that applying added
    reapplied: dict[str, Entry]
    empty: dict[str, RepoPlan | Skipped]  # the plan after applying
    empty_log: Log
    undone: dict[str, Entry]
    metadata: dict[str, RepoPlan | Skipped]  # plans of a part, of what undo left
    blocks: dict[str, RepoPlan | Skipped]
    end: dict[str, bytes | None]

    @property
    def fleet(self) -> Fleet:
        return self.organisation.fleet

    @property
    def changed(self) -> list[str]:
        return [repo for repo in (*self.fleet.changing, GATED) if repo != MOVED]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    root = tmp_path_factory.mktemp("organisation")
    fleet = seed(root)
    with start_local_hub(root / "hub") as running:
        lab = Organisation(running, fleet, root)
        running.faults.append(Fault(f"/{GONE}/*", status=404))
        start = lab.cards()
        planned, first = lab.plan("plan.json")
        _, again = lab.plan("again.json")
        lab.write(MOVED, EDIT)
        before = lab.commits()
        applied = lab.apply("plan.json")
        after, commits = lab.cards(), lab.commits() - before
        reapplied = lab.apply("plan.json")
        empty, empty_log = lab.plan("empty.json")
        lab.write(TOUCHED, EDIT)
        undone = lab.undo("plan.json")
        metadata, _ = lab.plan("metadata.json", Wish(part="metadata"))
        blocks, _ = lab.plan("blocks.json", Wish(part="blocks"))
        yield Story(
            *(lab, start, planned, first, again, applied, after, commits, reapplied, empty),
            *(empty_log, undone, metadata, blocks, lab.cards()),
        )
        assert running.unknown == [], "the local Hub has no route for these"


def per_repo(log: Log) -> dict[str, Log]:
    found: dict[str, Log] = defaultdict(list)
    for one in log:
        if "/resolve/" in one.path:
            found["/".join(one.path.split("/")[1:3])].append(one)
    return found


# --- what is touched -----------------------------------------------------------


def test_just_the_quants_that_are_ours_or_named_change(story: Story) -> None:
    changing = {repo for repo, one in story.planned.items() if isinstance(one, RepoPlan)}
    assert changing == {*story.fleet.changing, GATED}
    assert len(story.fleet.kinds) >= 200
    assert {*story.fleet.kinds.values()} == {*KINDS}
    others = {repo: one.reason for repo, one in story.planned.items() if isinstance(one, Skipped)}
    theirs = [repo for repo, reason in others.items() if "does not belong to lab" in reason]
    assert theirs == [THEIRS], "in a collection of ours, named, and left"
    assert "404" in others[GONE]
    assert "Repository not found" in others[LOST]
    assert "JSON" in others[story.fleet.of("optiq-broken")[0]]
    assert "model-00003-of-00003" in others[story.fleet.of("stray")[0]]
    assert others[story.fleet.of("refused")[0]].startswith(
        'the Hub would refuse its card: "license'
    )
    empty = story.planned[story.fleet.of("empty")[0]]
    assert isinstance(empty, Skipped)
    assert empty.kind == "not ours"


def test_one_commit_a_repo_and_none_where_somebody_was_faster(story: Story) -> None:
    assert story.commits == Counter(dict.fromkeys(story.changed, 1))
    states = Counter(entry.state for entry in story.applied.values())
    assert states == {"done": len(story.changed), "moved": 1}
    assert story.applied[MOVED].state == "moved"
    assert story.after[MOVED] == EDIT
    assert {repo: one.state for repo, one in story.reapplied.items()} == {MOVED: "moved"}


def test_repos_that_were_not_planned_keep_every_byte(story: Story) -> None:
    still = {repo for repo in story.start if repo not in (*story.changed, MOVED)}
    assert {repo: story.after[repo] for repo in still} == {r: story.start[r] for r in still}
    assert THEIRS in still
    assert GONE in still


# --- cards ---------------------------------------------------------------------


def card_of(story: Story, kind: str) -> tuple[bytes, bytes]:
    """A repo's card before and after."""
    repo = next(one for one in story.fleet.of(kind) if one not in (MOVED, TOUCHED))
    after = story.after[repo]
    assert after is not None
    return story.start[repo] or b"", after


def test_every_hand_written_byte_is_there(story: Story) -> None:
    note = NOTE.encode()
    for kind in ("hubtool-note", "optiq-old", "optiq-bare", "optiq-hand", "dwq"):
        before, after = card_of(story, kind)
        assert before.count(note) == after.count(note) == 1, kind
    assert b"## Usage\n\n" + note in card_of(story, "optiq-hand")[1]
    assert b"## Tuned\n\nDistilled weights.\n\n" + note in card_of(story, "dwq")[1]
    for kind in ("optiq", "optiq-bom", "optiq-crlf"):
        before, after = card_of(story, kind)
        scores = before[before.index(b"## Capability Score") : before.index(b"## Usage")]
        assert scores in after, f"{kind}: no scores are known here, so this is a person's text"
    assert b"language:\n- nl" in card_of(story, "optiq-hand")[1]


def test_line_ends_stay_and_a_byte_order_mark_goes_as_told(story: Story) -> None:
    _, crlf = card_of(story, "optiq-crlf")
    assert crlf.count(b"\n") == crlf.count(b"\r\n") > 40
    assert NOTE.replace("\n", "\r\n").encode() in crlf
    before, after = card_of(story, "optiq-bom")
    assert (before[:6], after[:4]) == (b"\xef\xbb\xbf---", b"---\n")
    plan = story.planned[story.fleet.of("optiq-bom")[0]]
    assert isinstance(plan, RepoPlan)
    assert "byte order mark: removed" in [change.what for change in plan.changes]
    for kind in ("optiq", "uniform", "hubtool-note"):
        assert b"\r" not in card_of(story, kind)[1]


def test_a_block_edited_by_hand_is_kept_and_told(story: Story) -> None:
    repo = story.fleet.of("hubtool-edited")[0]
    plan, after = story.planned[repo], story.after[repo] or b""
    assert isinstance(plan, RepoPlan)
    assert b"Our reading room loads it" in after
    assert b"mlx-lm loads it directly" not in after
    assert any("usage was edited by hand" in warning for warning in plan.warnings)


def test_every_changed_card_has_the_blocks_and_valid_front_matter(story: Story) -> None:
    for repo in story.changed:
        text = (story.after[repo] or b"").decode()
        assert validate_card(text).errors == (), repo
        assert "base_model_relation: quantized" in text, repo
        names = {line.split()[2] for line in text.splitlines() if "hubtool:begin" in line}
        assert {"intro", "details", "usage"} <= names, repo


def test_a_plan_after_applying_changes_nothing_and_reads_only_the_moved(story: Story) -> None:
    files = {
        repo: one.files
        for repo, one in story.empty.items()
        if isinstance(one, RepoPlan) and one.files
    }
    assert set(files) == {MOVED}
    assert set(per_repo(story.empty_log)) == {MOVED, GONE}


def test_undo_gives_back_every_card_byte_for_byte(story: Story) -> None:
    left = {repo: one.reason for repo, one in story.undone.items() if one.state != "undone"}
    assert left == {TOUCHED: "its card was changed since"}
    meanwhile = {MOVED: EDIT, TOUCHED: EDIT}
    assert story.end == {**story.start, **meanwhile}


def test_only_one_part_of_a_card_changes_if_that_is_asked(story: Story) -> None:
    for part, planned in (("metadata", story.metadata), ("blocks", story.blocks)):
        seen = 0
        for plan in planned.values():
            cards = plan.files if isinstance(plan, RepoPlan) else ()
            for file in cards:
                if file.path != "README.md" or not (file.before or "").startswith("---"):
                    continue
                old, new = split_card(file.before or ""), split_card(file.after)
                same = (old.body, new.body) if part == "metadata" else (old.data, new.data)
                assert same[0] == same[1], f"{part} of {plan.repo}"
                seen += 1
        assert seen > 80, part


# --- requests and bytes ----------------------------------------------------------


def test_a_small_repo_costs_three_requests_and_a_second_plan_the_listing(story: Story) -> None:
    asked = {repo: len(log) for repo, log in per_repo(story.first).items()}
    by_kind = {kind: {asked.get(repo, 0) for repo in story.fleet.of(kind)} for kind in KINDS}
    dear = (*MORE_FILES, *NO_BASE, *OLDER)
    assert {
        kind: most for kind, most in by_kind.items() if max(most) > 3 and kind not in dear
    } == {}
    assert all(by_kind[kind] == {4} for kind in (*NO_BASE, *OLDER))
    assert {one.method for one in (*story.first, *story.again, *story.empty_log)} == {"GET"}
    listing = [one for one in story.first if one.path == "/api/models"]
    rows = [one for one in story.first if one.path.startswith("/api/models/")]
    assert len(listing) == 1
    assert [one.path for one in rows] == [f"/api/models/{LOST}"], "the only one not in the listing"
    paths = Counter(one.path for one in story.again)
    gone = {path: count for path, count in paths.items() if f"/{GONE}/" in path}
    assert paths - Counter(gone) == {"/api/models": 1, f"/api/models/{LOST}": 1}
    assert set(per_repo(story.again)) == {GONE}, "nothing is known of what could not be read"


def test_no_byte_of_a_weight_is_served(story: Story) -> None:
    store, served = story.organisation.running.store, Counter[str]()
    for one in story.first:
        assert one.status in (200, 206, 404), one
        if one.path.endswith(".safetensors"):
            repo, commit_and_path = one.path[1:].split("/resolve/")
            served[f"{repo} {commit_and_path}"] += one.bytes_sent
    for file, size in served.items():
        repo, _, rest = file.partition(" ")
        commit, _, path = rest.partition("/")
        if repo != GONE:
            length = struct.unpack("<Q", store.read(repo, commit, path)[:8])[0]
            assert size == 8 + length, file
    assert len(served) > COUNT // 2
    names = {one.path.rsplit("/", 1)[-1] for repo in per_repo(story.first).values() for one in repo}
    small = {"README.md", "release.json", "metadata.json", "optiq_metadata.json"}
    assert {name for name in names if not name.endswith(".safetensors")} <= {
        *small,
        "model.safetensors.index.json",
    }
