"""A tiny vision-language base as Qwen publishes them, and features from a tower."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.tiny_models import VOCABULARY, save_byte_tokenizer

CARD = "---\nlicense: apache-2.0\npipeline_tag: image-text-to-text\n---\n# Tiny VLM\n"
CONFIG: dict[str, Any] = {
    "model_type": "qwen3_vl",
    "image_token_id": 5,
    "video_token_id": 6,
    "vision_start_token_id": 7,
    "vision_end_token_id": 8,
    "tie_word_embeddings": False,
    "text_config": {
        "model_type": "qwen3_vl_text",
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "rms_norm_eps": 1e-6,
        "vocab_size": VOCABULARY,
        "rope_theta": 10000.0,
        "max_position_embeddings": 512,
        "rope_scaling": {"type": "default", "mrope_section": [8, 4, 4]},
        "tie_word_embeddings": False,
    },
    "vision_config": {
        "model_type": "qwen3_vl",
        "depth": 2,
        "hidden_size": 64,
        "intermediate_size": 128,
        "out_hidden_size": 64,
        "num_heads": 2,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 16,
        "in_channels": 3,
        "deepstack_visual_indexes": [1],
    },
}


def save_qwen3_vl(folder: Path) -> Path:
    """The base in ``folder``, with the names and kernel layout of a published checkpoint."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_vlm.utils import get_model_and_args, update_module_configs

    module, _ = get_model_and_args(config=dict(CONFIG))
    config = module.ModelConfig.from_dict(CONFIG)
    config = update_module_configs(config, module, CONFIG, ["text", "vision"])
    mx.random.seed(0)
    weights = {}
    for name, array in tree_flatten(module.Model(config).parameters()):
        if array.ndim > 1:
            array = mx.random.normal(array.shape) / array.shape[-1] ** 0.5
        weights[_published(name)] = _kernel(name, array).astype(mx.bfloat16)
    folder.mkdir(parents=True)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "preprocessor_config.json").write_text('{"patch_size": 8}')
    (folder / "README.md").write_text(CARD)
    (folder / "LICENSE").write_text("Apache License, Version 2.0\n")
    save_byte_tokenizer(folder)
    return folder


def _published(name: str) -> str:
    if name.startswith("vision_tower."):
        return "model.visual." + name.removeprefix("vision_tower.")
    if name.startswith("language_model.model."):
        return "model.language_model." + name.removeprefix("language_model.model.")
    return name.removeprefix("language_model.")


def _kernel(name: str, array: Any) -> Any:
    return array.transpose(0, 4, 1, 2, 3) if "patch_embed.proj.weight" in name else array


def qwen_features(folder: Path) -> Any:
    """What the tower of a Qwen3-VL folder makes of a fixed image, loaded by mlx-vlm."""
    import mlx.core as mx
    from mlx_vlm.utils import load_model

    pixels = mx.random.normal((16, 3 * 2 * 8 * 8), key=mx.random.key(1)).astype(mx.bfloat16)
    features, _ = load_model(folder).vision_tower(pixels, mx.array([[1, 4, 4]]))
    return features


def gemma_features(folder: Path) -> Any:
    """The same for a Gemma 4 folder, projected into the language model's space."""
    import mlx.core as mx
    from mlx_vlm.utils import load_model

    pixels = mx.random.uniform(shape=(1, 3, 48, 96), key=mx.random.key(1)).astype(mx.bfloat16)
    return load_model(folder).encode_image(pixels)


def describe_image(folder: Path) -> tuple[int, str]:
    """(image tokens in the prompt, text) of mlx-vlm over the folder's own processor."""
    import mlx.core as mx
    from mlx_vlm import generate, load
    from mlx_vlm.prompt_utils import apply_chat_template
    from PIL import Image

    model, processor = load(str(folder))
    model.set_dtype(mx.float32)
    image = folder.parent / "image.png"
    Image.linear_gradient("L").convert("RGB").resize((144, 96)).save(image)
    prompt = apply_chat_template(processor, model.config, "What is it?", num_images=1)
    bare = len(processor.tokenizer.encode(prompt, add_special_tokens=False))
    answer = generate(model, processor, prompt, image=[str(image)], max_tokens=3)
    return answer.prompt_tokens - bare, answer.text
