"""Tiny models with random weights of the families that people score with, saved as a Hub model would be.

Each has a chat template in the manner of its family and a tokenizer that was trained on a few lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}IMAGE{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
VICUNA = (  # strips, merges a blank with the first token, and leaves the first special token to the tokenizer
    "{% for m in messages %}{% if m.role == 'user' %}USER: {% for c in m.content %}{% if c.type == 'image' %}<image>\n"
    "{% else %}{{ c.text | trim }}{% endif %}{% endfor %} {% else %}ASSISTANT:{% for c in m.content %} "
    "{{ c.text | trim }}{% endfor %}</s>{% endif %}{% endfor %}"
)
IDEFICS = (
    "<|im_start|>{% for m in messages %}{{ m.role | capitalize }}:{% for c in m.content %}"
    "{% if c.type == 'image' %}<image>{% else %} {{ c.text }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
)
PHI3 = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
LLAMA2 = (
    "{% for m in messages %}{% if m.role == 'user' %}<s>[INST] {{ m.content.strip() }} [/INST]{% else %} "
    "{{ m.content.strip() }} </s>{% endif %}{% endfor %}"
)
THINKING = (  # in the manner of Qwen3: only the last answer has an empty thought before it
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and loop.last %}"
    "<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
)
SPECIAL = [
    "<|im_start|>", "<|im_end|>", "<image>", "</s>", "<s>", "<fake_token_around_image>", "<end_of_utterance>",
    "<global-img>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|end|>", "<|user|>",
    "<|assistant|>", "<think>", "</think>", *(f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)),
]  # fmt: skip
TEXT = [
    "What is the total on this receipt? The total is 53.60, printed right of the word TOTAL.",
    "CORNER SHOP Invoice No: 4711-0815 TOTAL 53.60 CASH 60.00 CHANGE 6.40 How do you know?",
    "Who issued it? The name stands on top. USER: ASSISTANT: user assistant system Here is an answer.",
]
_SQUARE: dict[str, Any] = {"size": {"shortest_edge": 56}, "crop_size": {"height": 56, "width": 56}}
_LLAVA: dict[str, Any] = {
    "patch_size": 14,
    "vision_feature_select_strategy": "default",
    "num_additional_image_tokens": 1,
    "chat_template": VICUNA,
}
_LAYERS = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.3,  # wide, so that what stands before a text matters
}


def tokenizer(*, words: bool = False, bos: str | None = None, special: list[str] = SPECIAL) -> Any:
    """Byte-level BPE; with `words` a blank is part of the word after it and the tokenizer sets `<s>` itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE(unk_token=None))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    plain.train_from_iterator(TEXT * 4, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet))
    made = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<|im_end|>", eos_token="<|im_end|>", bos_token=bos
    )
    made.add_special_tokens({"additional_special_tokens": special})
    if words:
        start = ("<s>", made.convert_tokens_to_ids("<s>"))
        made._tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[start])
    return made


def text_config(name: str, vocabulary: int, **more: Any) -> Any:
    import transformers

    cls = getattr(transformers, f"{name}Config")
    return cls(vocab_size=vocabulary, pad_token_id=0, bos_token_id=0, eos_token_id=1, **_LAYERS | more)


def causal(name: str, template: str | None, folder: Path, **more: Any) -> None:
    """A text model."""
    import torch
    import transformers

    tokens = tokenizer(words=template == LLAMA2, bos="<s>" if template == LLAMA2 else None)
    tokens.chat_template = template
    config = text_config(name, len(tokens), **more)
    torch.manual_seed(0)
    getattr(transformers, f"{name}ForCausalLM")(config).save_pretrained(folder)
    tokens.save_pretrained(folder)


def gpt2(folder: Path) -> None:
    """No chat template, no first token, learned positions."""
    import torch
    import transformers

    tokens = tokenizer()
    config = transformers.GPT2Config(
        vocab_size=len(tokens), n_positions=512, n_embd=48, n_layer=2, n_head=4, initializer_range=0.3
    )
    torch.manual_seed(0)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    tokens.save_pretrained(folder)


def llava(text: str, folder: Path) -> None:
    """LLaVA-1.5 with a CLIP tower."""
    import torch
    import transformers as t
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokens = tokenizer(words=True, bos="<s>")
    config = t.LlavaConfig(
        vision_config=clip_config(),
        text_config=text_config(text, len(tokens)),
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(0)
    wide(t.LlavaForConditionalGeneration(config)).save_pretrained(folder)
    t.LlavaProcessor(image_processor=CLIPImageProcessorPil(**_SQUARE), tokenizer=tokens, **_LLAVA).save_pretrained(
        folder
    )


def llava_next(text: str, folder: Path) -> None:
    """LLaVA-NeXT: tiles of several resolutions."""
    import torch
    import transformers as t
    from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

    tokens = tokenizer(words=True, bos="<s>")
    grids = [[56, 112], [112, 56], [112, 112]]
    config = t.LlavaNextConfig(
        vision_config=clip_config(),
        text_config=text_config(text, len(tokens)),
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grids,
    )
    torch.manual_seed(0)
    wide(t.LlavaNextForConditionalGeneration(config)).save_pretrained(folder)
    images = LlavaNextImageProcessorPil(**_SQUARE, image_grid_pinpoints=grids)
    t.LlavaNextProcessor(image_processor=images, tokenizer=tokens, **_LLAVA).save_pretrained(folder)


def idefics(family: str, folder: Path) -> None:
    """Idefics3, or SmolVLM, which is built alike."""
    import torch
    import transformers as t
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    tokens = tokenizer()
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 56,
        "patch_size": 14,
    }
    config = getattr(t, f"{family}Config")(
        vision_config=vision,
        text_config=text_config("Llama", len(tokens)).to_dict(),
        image_token_id=tokens.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    wide(getattr(t, f"{family}ForConditionalGeneration")(config)).save_pretrained(folder)
    images = Idefics3ImageProcessorPil(size={"longest_edge": 112}, max_image_size={"longest_edge": 56})
    if family == "Idefics3":
        processor = t.Idefics3Processor(
            image_processor=images, tokenizer=tokens, image_seq_len=4, chat_template=IDEFICS
        )
        processor.save_pretrained(folder)
        return
    # SmolVLM's own processor wants a video processor, and with it torchvision; as on the Hub, all is in files.
    images.save_pretrained(folder)
    tokens.chat_template = IDEFICS
    tokens.save_pretrained(folder)
    stored = {"processor_class": "SmolVLMProcessor", "image_seq_len": 4}
    (folder / "processor_config.json").write_text(json.dumps(stored), encoding="utf-8")


def qwen_vl(family: str, folder: Path) -> None:
    """Qwen2-VL or a successor: pictures of any size, positions in three dimensions."""
    import torch
    import transformers as t
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokens = tokenizer()
    name = {"Qwen2VL": "Qwen2VL", "Qwen2_5_VL": "Qwen2_5_VL", "Qwen3VL": "Qwen3VL"}[family]
    text = dict(_LAYERS, vocab_size=len(tokens), pad_token_id=0, bos_token_id=0, eos_token_id=1, head_dim=12)
    text["rope_parameters"] = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 2, 2]}
    ids = tokens.convert_tokens_to_ids
    config = getattr(t, f"{name}Config")(
        text_config=text,
        vision_config=_qwen_tower(family),
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    torch.manual_seed(0)
    wide(getattr(t, f"{name}ForConditionalGeneration")(config)).save_pretrained(folder)
    patch = 16 if family == "Qwen3VL" else 14
    images = Qwen2VLImageProcessorPil(
        patch_size=patch, size={"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 16}, merge_size=2
    )
    images.save_pretrained(folder)
    tokens.chat_template = CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    tokens.save_pretrained(folder)


def _qwen_tower(family: str) -> dict[str, Any]:
    if family == "Qwen2VL":
        return {"depth": 2, "embed_dim": 32, "hidden_size": 48, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14}
    shared = {"depth": 2, "hidden_size": 32, "num_heads": 2, "intermediate_size": 64, "out_hidden_size": 48}
    if family == "Qwen2_5_VL":
        return shared | {"patch_size": 14, "fullatt_block_indexes": [1], "window_size": 56}
    return shared | {"patch_size": 16, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}


def clip_config(layers: int = 2) -> Any:
    from transformers import CLIPVisionConfig

    return CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=2, image_size=56,
        patch_size=14, projection_dim=32, initializer_range=0.3, initializer_factor=8.0,
    )  # fmt: skip


def wide(model: Any) -> Any:
    """Wider random weights: at the usual width a picture moves losses by less than rounding does."""
    import torch

    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() > 1 and ("vis" in name or "proj" in name or "connector" in name):
                weights.mul_(4)
    return model


TEXT_MODELS: dict[str, Callable[[Path], None]] = {
    "llama": lambda folder: causal("Llama", LLAMA2, folder),
    "phi3": lambda folder: causal("Phi3", PHI3, folder),
    "qwen2": lambda folder: causal("Qwen2", CHATML, folder),
    "qwen3-thinking": lambda folder: causal("Qwen3", THINKING, folder, head_dim=12),
    "gemma2-soft-caps-and-windows": lambda folder: causal(
        "Gemma2",
        CHATML,
        folder,
        head_dim=12,
        sliding_window=16,
        final_logit_softcapping=3.0,
        attn_logit_softcapping=None,
    ),
    "gpt2-without-template": gpt2,
}
VISION_MODELS: dict[str, Callable[[Path], None]] = {
    "llava-vicuna": lambda folder: llava("Llama", folder),
    "llava-phi3": lambda folder: llava("Phi3", folder),
    "llava-next-vicuna": lambda folder: llava_next("Llama", folder),
    "llava-next-phi3": lambda folder: llava_next("Phi3", folder),
    "idefics3": lambda folder: idefics("Idefics3", folder),
    "smolvlm": lambda folder: idefics("SmolVLM", folder),
    "qwen2-vl": lambda folder: qwen_vl("Qwen2VL", folder),
    "qwen2.5-vl": lambda folder: qwen_vl("Qwen2_5_VL", folder),
    "qwen3-vl": lambda folder: qwen_vl("Qwen3VL", folder),
}
