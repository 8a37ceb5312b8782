"""A trained model from its base to a published quant that people can talk to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

from hubtool.artifact.stats import stats_of_folder
from hubtool.demo.smollm2 import REPO, build_smollm2
from hubtool.localhub.server import start_local_hub
from hubtool.localhub.store import Store
from hubtool.quantize.blas import prefer_fast_blas
from hubtool.quantize.choice import DEFAULT_CHOICES, Choice
from hubtool.quantize.distance import Distance, distance_of
from hubtool.quantize.divergence import compare_models
from hubtool.quantize.heldout import load_heldout
from hubtool.quantize.loading import load_tokenizer
from hubtool.quantize.optiq_files import read_verification
from hubtool.quantize.predictor import Opening
from hubtool.quantize.uniform import uniform_of
from tests.support.release import environment, hubtool

# Here, since every worker imports this module before any test imports mlx. Without a fast BLAS
# the figures are the same and take minutes.
prefer_fast_blas()

pytestmark = pytest.mark.slow

QUANT = "me/SmolLM2-135M-Instruct-OptiQ-4bit"
CALIBRATION_TOKENS = "192"
HELDOUT_TOKENS = 128


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_smollm2(tmp_path_factory.mktemp("smollm2") / "base")


@pytest.fixture(scope="module")
def published(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh snapshot of the repo that ``hubtool release`` published."""
    root = tmp_path_factory.mktemp("published")
    with Store(root / "hub") as store:
        store.seed_repo(REPO, base)
    with start_local_hub(root / "hub") as hub:
        done = hubtool(
            *("release", REPO, "--org", "me", "--hub", hub.url, "--target-bpw", "5.0", "--json"),
            *("--calibration-tokens", CALIBRATION_TOKENS),
            *("--verify-tokens", str(HELDOUT_TOKENS)),
            cwd=root,
            env=environment(root / "home", token=hub.token),
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        receipt = json.loads(done.stdout)
        assert (receipt["repo"], receipt["verified"]) == (QUANT, True)
        snapshot = snapshot_download(
            QUANT, revision=receipt["commit"], endpoint=hub.url, local_dir=root / "snapshot"
        )
        yield Path(snapshot)


@pytest.fixture(scope="module")
def distances(base: Path, published: Path) -> tuple[Distance, Distance]:
    """From the base, of the published quant and of mlx-lm's uniform 4-bit one."""
    opening = Opening()
    uniform = uniform_of(opening.cast(base), Choice(4, 64))
    windows = load_heldout().token_windows(load_tokenizer(base), HELDOUT_TOKENS)
    scores = compare_models(
        opening.base(base),
        {
            "published": opening.quant(base, published),
            "uniform": opening.rounded(base, uniform.choices),
        },
        [window.tokens for window in windows],
    )
    return distance_of(scores["published"]), distance_of(scores["uniform"])


def test_it_is_nearer_to_its_base_than_a_uniform_4_bit_quant(
    distances: tuple[Distance, Distance],
) -> None:
    published, uniform = distances
    assert published.mean_nats.high < uniform.mean_nats.low
    assert published.top1_agreement.value > uniform.top1_agreement.value
    assert published.perplexity_ratio.value < 1.25


def test_the_card_says_how_far_it_is_as_it_was_measured(
    published: Path, distances: tuple[Distance, Distance]
) -> None:
    found = read_verification(published)
    assert found is not None
    assert found.distance == distances[0]
    assert "## Distance from the base" in (published / "README.md").read_text()


def test_it_spends_its_budget_and_no_more(published: Path) -> None:
    stats = stats_of_folder(published)
    assert 4.95 < stats.nominal_bpw <= 5.0
    assert {share.bits for share in stats.widths} <= set(DEFAULT_CHOICES.bits)


def test_stock_mlx_lm_loads_it_and_it_writes_english(published: Path) -> None:
    import mlx.core as mx
    from mlx_lm import generate, load

    model, tokenizer = load(str(published))[:2]
    model.set_dtype(mx.float32)  # mlx's CPU kernels take eight times as long in bfloat16

    def goes_on(prompt: str, tokens: int) -> str:
        return generate(model, tokenizer, prompt, max_tokens=tokens)

    assert goes_on("The capital of France is", 2).startswith("Paris")
    assert goes_on("The opposite of hot is", 2).startswith("cold")
    story = goes_on("Once upon a time, there was a little girl who", 14).split()
    assert len(story) >= 10
    assert all(word.strip(".,;!?\"'’").isalpha() for word in story), story
