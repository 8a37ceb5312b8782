"""Which tensor goes where, family by family; what belongs nowhere stops a release."""

from __future__ import annotations

from typing import Any

import pytest

from hubtool.base.towers import plan_mtp, plan_tensors, tower_names
from hubtool.errors import TowerMismatch, UnknownTensors

VISION = {"vision_config": {"depth": 2}}

# model_type, a language tensor, a tower's tensor, its name in the sidecar, channels last
CASES = [
    ("gemma4", "model.language_model.layers.0.mlp.up_proj.weight",
     "model.vision_tower.patch_embedder.input_proj.weight",
     "vision_tower.patch_embedder.input_proj.weight", False),
    ("gemma4", "model.language_model.norm.weight", "model.embed_vision.embedding_projection.weight",
     "embed_vision.embedding_projection.weight", False),
    ("gemma3", "language_model.model.norm.weight",
     "vision_tower.vision_model.embeddings.patch_embedding.weight",
     "vision_tower.vision_model.embeddings.patch_embedding.weight", True),
    ("gemma3", "model.language_model.norm.weight", "model.multi_modal_projector.mm_soft_emb_norm.weight",
     "multi_modal_projector.mm_soft_emb_norm.weight", False),
    ("qwen2_5_vl", "model.layers.0.mlp.up_proj.weight", "visual.patch_embed.proj.weight",
     "vision_tower.patch_embed.proj.weight", True),
    ("qwen3_vl", "model.language_model.embed_tokens.weight", "model.visual.blocks.0.attn.qkv.weight",
     "vision_tower.blocks.0.attn.qkv.weight", False),
    ("qwen3_5", "lm_head.weight", "model.visual.patch_embed.proj.weight",
     "vision_tower.patch_embed.proj.weight", True),
    ("mistral3", "language_model.model.norm.weight", "vision_tower.patch_conv.weight",
     "vision_tower.vision_model.patch_conv.weight", True),
    ("mistral3", "language_model.lm_head.weight", "vision_tower.transformer.layers.0.attention.q_proj.weight",
     "vision_tower.vision_model.transformer.layers.0.attention.q_proj.weight", False),
    ("llava", "language_model.lm_head.weight", "vision_tower.vision_model.embeddings.patch_embedding.weight",
     "vision_tower.vision_model.embeddings.patch_embedding.weight", True),
    ("internvl", "model.language_model.norm.weight", "model.vision_tower.encoder.layer.0.lambda_1",
     "vision_tower.encoder.layer.0.lambda_1", False),
    ("smolvlm", "model.text_model.norm.weight", "model.connector.modality_projection.proj.weight",
     "connector.modality_projection.proj.weight", False),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "language", "tower", "name", "last"), CASES)
def test_towers_get_the_names_that_loaders_expect(
    kind: str, language: str, tower: str, name: str, last: bool
) -> None:
    plan = plan_tensors("a/b", {"model_type": kind, **VISION}, [language, tower])
    assert [(one.source, one.name, one.channels_last) for one in plan.towers] == [
        (tower, name, last)
    ]
    assert (plan.mtp, plan.modalities) == ((), ("vision",))
    assert tower_names({"model_type": kind}, [language, name]) == {name}


def test_audio_is_a_modality_of_its_own() -> None:
    names = ["model.audio_tower.x.weight", "model.vision_tower.y.weight"]
    config = {"model_type": "gemma4", **VISION, "audio_config": {"depth": 1}}
    assert plan_tensors("a/b", config, names).modalities == ("audio", "vision")


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"model_type": "gemma4", **VISION}, "model.novelty.weight"),
        ({"model_type": "gemma4", **VISION}, "model.visual.patch_embed.proj.weight"),
        ({"model_type": "brand_new_vl", **VISION}, "model.vision_encoder.layers.0.weight"),
        ({"model_type": "llama"}, "model.multi_modal_projector.weight"),
    ],
)
def test_a_tensor_without_a_place_stops_and_is_named(config: dict[str, Any], name: str) -> None:
    with pytest.raises(UnknownTensors, match=name):
        plan_tensors("a/b", config, ["model.language_model.norm.weight", name])


@pytest.mark.parametrize(
    ("config", "names", "words"),
    [
        (
            {"model_type": "llama", **VISION},
            ["model.norm.weight"],
            "vision_config, but no tensor",
        ),
        ({"model_type": "gemma4"}, ["model.vision_tower.x"], "no vision_config"),
        (
            {"model_type": "gemma4", **VISION, "audio_config": {"a": 1}},
            ["model.vision_tower.x"],
            "audio_config",
        ),
    ],
)
def test_config_and_tensors_must_tell_the_same(
    config: dict[str, Any], names: list[str], words: str
) -> None:
    with pytest.raises(TowerMismatch, match=words):
        plan_tensors("a/b", config, names)


def test_speculative_heads_are_found_by_name_and_by_layer() -> None:
    names = ["model.layers.3.mlp.weight", "model.layers.4.mlp.weight", "mtp.fc.weight"]
    counted = {"model_type": "glm4_moe", "num_hidden_layers": 4, "num_nextn_predict_layers": 1}
    assert plan_tensors("a/b", counted, names).mtp == ("model.layers.4.mlp.weight", "mtp.fc.weight")
    plain = {"model_type": "llama", "num_hidden_layers": 4}
    assert plan_mtp(plain, names).mtp == ("mtp.fc.weight",)


def test_what_loaders_compute_themselves_goes_nowhere() -> None:
    names = ["model.layers.0.self_attn.rotary_emb.inv_freq", "model.vision_tower.position_ids"]
    plan = plan_tensors("a/b", {"model_type": "llama"}, names)
    assert (plan.towers, plan.mtp) == ((), ())
