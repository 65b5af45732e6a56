"""Models with random weights, made from a config: nothing is downloaded, and speed does not depend on the weights."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
)
SIZES = {
    "small": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
              "num_key_value_heads": 3},
    "mid": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24, "num_attention_heads": 32,
            "num_key_value_heads": 8},
}  # fmt: skip


def tokenizer() -> Any:
    """Byte-level BPE over made-up words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    lines = [line(random.Random(i)) for i in range(3000)]
    plain.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=4000, initial_alphabet=alphabet))
    made = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<|im_end|>", eos_token="<|im_end|>")
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<image>"]})
    made.chat_template = TEMPLATE
    return made


WORDS = """
apple bread butter coffee chicken rice soup water large small fresh green red white milk sugar paper box phone table
service ticket parking garden summer winter family office kitchen hotel room night street market city center house book
copy print color black light power battery cable screen glass wood metal cotton shirt shoe
""".split()  # noqa: SIM905 - a list of so many words is easier to read like this


def line(rng: random.Random) -> str:
    """A line as on a receipt: a few words and a price."""
    return f"{' '.join(rng.sample(WORDS, rng.randint(1, 3))).capitalize()} {rng.randint(1, 999)}.{rng.randint(10, 99)}"


def text_model(size: str, folder: Path) -> str:
    """A Llama; returns its folder. The vocabulary is as large as SmolLM2's, so that the head costs what it does."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokens = tokenizer()
    config = LlamaConfig(
        vocab_size=49152, max_position_embeddings=4096, pad_token_id=0, bos_token_id=0, eos_token_id=0, **SIZES[size]
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return str(folder)


def vision_model(size: str, folder: Path) -> str:
    """LLaVA with a CLIP ViT-B/14 tower of 336 pixels (576 patches), over a small or the mid-size Llama."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokens = tokenizer()
    text = LlamaConfig(
        vocab_size=49152, max_position_embeddings=4096, pad_token_id=0, bos_token_id=0, eos_token_id=0,
        **(SIZES[size] if size == "mid" else SIZES["small"] | {"num_hidden_layers": 6}),
    )  # fmt: skip
    tower = CLIPVisionConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        image_size=336,
        patch_size=14,
    )
    config = LlavaConfig(
        vision_config=tower, text_config=text, image_token_index=tokens.convert_tokens_to_ids("<image>")
    )
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}),
        tokenizer=tokens,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return str(folder)
