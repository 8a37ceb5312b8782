"""A quant against its base and against the uniform quant of its size, on tiny models."""

from __future__ import annotations

import contextlib
import io
import itertools
from pathlib import Path

import numpy as np
import pytest

from hubtool.artifact.stats import stats_of_folder
from hubtool.console import Console
from hubtool.errors import PathNotFound, PathUnusable, StatsDisagree
from hubtool.quantize import reference
from hubtool.quantize.batches import Batch
from hubtool.quantize.calibration import load_mix
from hubtool.quantize.choice import GROUP_SIZES, WIDTHS, Choice, choices_of
from hubtool.quantize.divergence import batches_of, compare_models, score_batch, text_windows
from hubtool.quantize.heldout import load_heldout
from hubtool.quantize.loading import load_tokenizer
from hubtool.quantize.nats import ROWS, ReferenceRows
from hubtool.quantize.predictor import Opening
from hubtool.quantize.room import room_for
from hubtool.quantize.uniform import nearest_uniform, uniform_of
from hubtool.quantize.verify import verify_quant
from tests.support.tiny_models import save_tiny_model

TOKENS = 96


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with a tied embedding and one of experts, each with mlx-lm's quant at 4 bit."""
    from mlx_lm import convert

    root = tmp_path_factory.mktemp("verification")
    for kind in ("tied", "moe"):
        save_tiny_model(root / kind, kind)
        with contextlib.redirect_stdout(io.StringIO()):
            convert(str(root / kind), mlx_path=str(root / f"{kind}-4"), quantize=True, q_bits=4)
    return root


@pytest.mark.parametrize("kind", ["tied", "moe"])
def test_the_uniform_quant_that_is_not_written_is_the_one_that_mlx_lm_writes(
    folders: Path, kind: str
) -> None:
    """So a quant that mlx-lm made is exactly as far from the base as its uniform twin."""
    found = verify_quant(folders / kind, folders / f"{kind}-4", tokens=TOKENS)
    twin = found.uniform
    assert found.distance is not None
    assert twin is not None
    assert (twin.bits, twin.group_size) == (4, 64)
    assert twin.stored_bpw == pytest.approx(found.stored_bpw, rel=1e-9)
    assert twin.distance == found.distance
    assert (twin.kl_ratio.low, twin.kl_ratio.value, twin.kl_ratio.high) == (1.0, 1.0, 1.0)


def test_what_is_found_has_the_text_and_sound_figures(folders: Path) -> None:
    found = verify_quant(folders / "tied", folders / "tied-4", tokens=TOKENS)
    heldout = load_heldout()
    assert found.text is not None
    assert found.distance is not None
    assert (found.text.sha256, found.text.domains) == (heldout.sha256, heldout.domains)
    assert found.text.tokens <= TOKENS
    assert found.text.windows >= len(heldout.domains)
    assert 0.05 < found.distance.mean_nats.low < found.distance.mean_nats.high < 1.0
    assert found.distance.p99_nats.value > found.distance.mean_nats.value
    assert 0.2 < found.distance.top1_agreement.value < 1.0
    assert found.skipped is None
    assert type(found).from_json(found.to_json()) == found


@pytest.mark.parametrize("kind", ["tied", "moe"])
def test_streamed_from_disk_the_scores_are_the_same_to_the_last_bit(
    folders: Path, kind: str
) -> None:
    base, quant = folders / kind, folders / f"{kind}-4"
    windows = [list(range(3, 40)), list(range(50, 90))]
    found = []
    for opening in (Opening(), Opening(streamed=True)):
        choices = uniform_of(opening.cast(base), Choice(3, 32)).choices
        quants = {
            "quant": opening.quant(base, quant),
            "rounded": opening.rounded(base, choices),
        }
        found.append(compare_models(opening.base(base), quants, windows))
    assert found[0] == found[1]


def test_models_that_do_not_fit_are_streamed_in_batches_that_do(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, quant = folders / "moe", folders / "moe-4"
    held = verify_quant(base, quant, tokens=TOKENS)
    opened: list[bool] = []
    opens = Opening.base
    monkeypatch.setattr(
        Opening, "base", lambda self, folder: opened.append(self.streamed) or opens(self, folder)
    )
    windows = [one.tokens for one in load_heldout().token_windows(load_tokenizer(base), TOKENS)]
    least = room_for(base, quant, windows, quants=2).least_bytes
    monkeypatch.setattr(reference, "free_bytes", lambda: least)
    streamed = verify_quant(base, quant, tokens=TOKENS)
    assert opened == [True]
    assert held.distance is not None
    assert streamed.distance is not None
    for name in ("mean_nats", "p99_nats", "perplexity_ratio"):
        one, other = (getattr(found.distance, name).value for found in (held, streamed))
        assert one == pytest.approx(other, rel=1e-4)
    assert streamed.base_perplexity == pytest.approx(held.base_perplexity, rel=1e-5)
    monkeypatch.setattr(reference, "free_bytes", lambda: least - 1)
    assert verify_quant(base, quant, tokens=TOKENS).skipped is not None


def test_without_the_memory_even_for_that_it_says_why_nothing_was_compared(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "free_bytes", lambda: 1000)
    found = verify_quant(folders / "tied", folders / "tied-4", tokens=TOKENS)
    assert found.distance is found.uniform is found.text is None
    assert found.skipped is not None
    assert found.skipped.startswith("comparing needs about ")
    assert "free" in found.skipped


def test_a_quant_of_another_architecture_is_refused(folders: Path) -> None:
    with pytest.raises(StatsDisagree, match="was not made from"):
        verify_quant(folders / "moe", folders / "tied-4", tokens=TOKENS)
    with pytest.raises(StatsDisagree, match="has no module"):
        Opening().quant(folders / "moe", folders / "tied-4")


def test_only_a_quant_is_compared_and_only_with_a_base(folders: Path, tmp_path: Path) -> None:
    said = io.StringIO()
    with pytest.raises(PathUnusable, match="is quantized: a distance from it") as raised:
        verify_quant(folders / "tied-4", folders / "tied-4", console=Console("plain", stderr=said))
    with pytest.raises(PathUnusable, match="is not quantized"):
        verify_quant(folders / "tied", folders / "tied", console=Console("plain", stderr=said))
    assert raised.value.exit_code == 2
    assert not said.getvalue()  # not a word of what would compute it
    with pytest.raises(PathNotFound, match=r"holds no config\.json"):
        verify_quant(tmp_path / "none", folders / "tied-4")


def test_sizes_of_uniform_quants_are_those_of_the_files(folders: Path, tmp_path: Path) -> None:
    from mlx_lm import convert

    for bits, group in ((3, 32), (8, 64)):
        with contextlib.redirect_stdout(io.StringIO()):
            convert(
                str(folders / "moe"),
                mlx_path=str(tmp_path / f"{bits}"),
                quantize=True,
                q_bits=bits,
                q_group_size=group,
            )
        written = stats_of_folder(tmp_path / f"{bits}")
        planned = uniform_of(Opening().cast(folders / "moe"), Choice(bits, group))
        assert planned.stored_bpw == pytest.approx(written.stored_bpw, rel=1e-9)
        assert {one.name: one.bits for one in written.components} == {
            name: choice.bits for name, choice in planned.choices.items()
        }


def test_the_nearest_uniform_quant_is_never_smaller(folders: Path) -> None:
    model = Opening().cast(folders / "tied")
    sizes = sorted({uniform_of(model, one).stored_bpw for one in choices_of(WIDTHS, GROUP_SIZES)})
    for below, above in itertools.pairwise(sizes):
        found = nearest_uniform(model, (below + above) / 2)
        assert found is not None
        assert found.stored_bpw == above
        assert nearest_uniform(model, above).stored_bpw == above  # type: ignore[union-attr]
    assert nearest_uniform(model, sizes[-1] + 1) is None


def test_windows_of_a_batch_are_scored_without_their_padding() -> None:
    """Against plain float64 arithmetic over each window by itself."""
    random = np.random.default_rng(5)
    lengths = (ROWS + 9, ROWS, 3)  # more rows than are scored at once, as many, a few
    windows = tuple(tuple(random.integers(0, 40, length).tolist()) for length in lengths)
    first = random.normal(size=(3, max(lengths), 40)).astype(np.float32) * 2
    second = (first + random.normal(size=first.shape) * 0.3).astype(np.float32)
    flat = [array.reshape(-1, 40).copy() for array in (first, second)]
    batch = Batch(windows, 0)
    scores = score_batch(ReferenceRows(flat[0]), flat[1], batch, "quant")
    for place, (length, tokens) in enumerate(zip(lengths, windows, strict=True)):
        logs = [
            logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
            for logits in (one[place, :length].astype(float) for one in (first, second))
        ]
        wanted = (np.exp(logs[0]) * (logs[0] - logs[1])).sum(axis=-1)
        found = scores[place]
        assert np.allclose(found.kl, wanted, rtol=1e-4, atol=1e-7)
        assert found.agreed == int((logs[0].argmax(-1) == logs[1].argmax(-1)).sum())
        for loss, log in zip((found.base_loss, found.quant_loss), logs, strict=True):
            assert loss == pytest.approx(-log[np.arange(length - 1), tokens[1:]].sum(), rel=1e-5)
        assert found.scored == length - 1


@pytest.mark.parametrize("kind", ["tied", "moe"])
def test_scores_do_not_depend_on_what_shares_a_batch(folders: Path, kind: str) -> None:
    """And come in the order of the windows."""
    random = np.random.default_rng(0)
    windows = [random.integers(0, 128, length).tolist() for length in (9, 20, 18, 20, 7)]
    assert any(len({*map(len, one.windows)}) > 1 for one in batches_of(windows, 40))
    opening = Opening()
    base, quants = (
        opening.base(folders / kind),
        {"quant": opening.quant(folders / kind, folders / f"{kind}-4")},
    )
    together = compare_models(base, quants, windows, batch_tokens=40)["quant"]
    alone = [compare_models(base, quants, [window])["quant"][0] for window in windows]
    for one, other in zip(together, alone, strict=True):
        assert one.kl == pytest.approx(other.kl, rel=1e-3, abs=1e-6)
        assert (one.agreed, one.scored) == (other.agreed, other.scored)
        assert one.quant_loss == pytest.approx(other.quant_loss, rel=1e-5)


def test_a_text_is_cut_into_windows_without_a_lone_token(folders: Path) -> None:
    tokenizer = load_tokenizer(folders / "tied")
    windows = text_windows(tokenizer, "x" * 129, tokens=None, window=64)
    assert [len(one) for one in windows] == [64, 64]
    assert [len(one) for one in text_windows(tokenizer, "x" * 99, tokens=70, window=64)] == [64, 6]


def _runs(samples: dict[str, tuple]) -> set[str]:  # type: ignore[type-arg]
    """Every eight words in a row."""
    found = set()
    for sample in (one for domain in samples.values() for one in domain):
        for part in (sample.text or "", *(turn["content"] for turn in sample.messages)):
            said = part.split()
            found |= {" ".join(said[at : at + 8]) for at in range(len(said) - 7)}
    return found


def test_the_held_out_text_shares_nothing_with_the_calibration_mix() -> None:
    calibration, heldout = load_mix(), load_heldout()
    assert len(_runs(heldout.samples)) > 2000
    assert not _runs(calibration.samples) & _runs(heldout.samples)
    assert sorted(calibration.domains) == sorted(heldout.domains)
    assert calibration.sha256 != heldout.sha256
    ids = [
        {one.id for part in mix.samples.values() for one in part} for mix in (calibration, heldout)
    ]
    assert not ids[0] & ids[1]
