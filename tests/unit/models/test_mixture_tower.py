"""The tower of two resolutions: begins as plain CLIP, and learns to see what the small picture has lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_models
import tiny_parts
from glossator.models.mixture_tower import MixtureTower, MixtureTowerConfig

READ = -2  # the state that LLaVA's projector reads


def tower(**more: Any) -> MixtureTower:
    torch.manual_seed(0)
    config = MixtureTowerConfig(
        low_config=tiny_models.clip_config(4), high_config=tiny_parts.convnext_config(), high_size=128, **more
    )
    return MixtureTower(config).eval()


def pictures(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(seed))


def small(shown: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.interpolate(shown, size=(56, 56), mode="bilinear", antialias=True)


def stir(module: torch.nn.Module, by: float = 0.3) -> None:
    """Move what begins at zero."""
    with torch.no_grad():
        for weights in module.parameters():
            weights.add_(torch.randn(weights.shape, generator=torch.Generator().manual_seed(1)) * by)


def read(model: MixtureTower, shown: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(shown).hidden_states[READ]


def test_it_begins_as_plain_clip() -> None:
    model = tower()
    with torch.no_grad():
        mixed = model(pictures())
        plain = model.low(small(pictures()), output_hidden_states=True)
    assert len(mixed.hidden_states) == len(plain.hidden_states) == 5
    for ours, theirs in zip(mixed.hidden_states, plain.hidden_states, strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(mixed.pooler_output, plain.pooler_output)


@pytest.mark.parametrize("part", ["mixes.0", "mixes.1", "mixes.2", "last"])
def test_each_adapter_reaches_what_llava_reads(part: str) -> None:
    model = tower()
    before = read(model, pictures())
    stir(model.adapters.get_submodule(part))
    assert (read(model, pictures()) - before)[:, 1:].abs().mean() > 0.01


def test_the_last_mix_leaves_the_class_token() -> None:
    model = tower()
    before = read(model, pictures())
    stir(model.adapters.last)
    torch.testing.assert_close(read(model, pictures())[:, 0], before[:, 0])


def test_it_sees_what_the_small_picture_has_lost() -> None:
    model = tower()
    fine = pictures()
    fine[:, :, ::2, ::2] += 4.0
    fine[:, :, 1::2, 1::2] += 4.0
    fine[:, :, ::2, 1::2] -= 4.0
    fine[:, :, 1::2, ::2] -= 4.0
    blind = (read(model, fine) - read(model, pictures())).abs().mean()
    stir(model.adapters)
    seen = (read(model, fine) - read(model, pictures())).abs().mean()
    assert seen > 2 * blind


def test_gradients_reach_every_adapter_at_once() -> None:
    model = tower()
    model(pictures()).hidden_states[READ].square().sum().backward()
    added = [part for mix in model.adapters.mixes for part in (mix.low[-1], mix.high[-1])]
    for layer in [*added, model.adapters.last]:
        assert layer.weight.grad.abs().max() > 0
    with torch.no_grad():
        for weights in model.adapters.parameters():
            weights.sub_(1e-3 * weights.grad)
    model.zero_grad()
    model(pictures()).hidden_states[READ].square().sum().backward()
    assert all(weights.grad.abs().max() > 0 for weights in model.adapters.parameters())


def test_the_network_is_shown_pixels_as_it_was_trained_on_them() -> None:
    model = tower(high_scale=[2.0, 3.0, 4.0], high_shift=[0.5, -0.5, 1.0])
    shown: list[torch.Tensor] = []
    model.high.register_forward_pre_hook(lambda _module, inputs: shown.append(inputs[0]))
    read(model, pictures())
    by_colour = torch.tensor([2.0, 3.0, 4.0])[:, None, None], torch.tensor([0.5, -0.5, 1.0])[:, None, None]
    torch.testing.assert_close(shown[0], pictures() * by_colour[0] + by_colour[1])


def test_bfloat16() -> None:
    model = tower()
    stir(model.adapters, 0.05)
    wanted = read(model, pictures())
    found = read(model.to(torch.bfloat16), pictures())  # pictures come as float32 from processors
    assert found.dtype == torch.bfloat16
    assert torch.nn.functional.cosine_similarity(found.float(), wanted, dim=-1).min() > 0.98


def test_adapters_learn_in_float32_beside_frozen_bfloat16() -> None:
    model = tower().to(torch.bfloat16).requires_grad_(requires_grad=False)
    model.adapters.float().requires_grad_(requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(pictures()).hidden_states[READ]
    found.float().square().sum().backward()
    assert found.dtype == torch.bfloat16
    assert model.adapters.last.weight.grad.dtype == torch.float32
    assert model.adapters.last.weight.grad.abs().max() > 0


def test_checkpointing_computes_the_network_again_and_gives_the_same_gradients() -> None:
    model = tower().train()
    stir(model.adapters)
    runs: list[int] = []
    model.high.register_forward_pre_hook(lambda _module, _inputs: runs.append(1))
    found = []
    for checkpointing in (False, True):
        if checkpointing:
            model.activation_checkpointing_enable()
        model.zero_grad()
        model(pictures()).hidden_states[READ].square().sum().backward()
        found.append({name: weights.grad for name, weights in model.named_parameters() if weights.grad is not None})
    assert len(runs) == 3  # once, and twice
    assert found[0].keys() == found[1].keys()
    assert any(name.startswith("high.encoder") for name in found[0])
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name])


def test_saved_and_loaded(tmp_path: Path) -> None:
    model = tower(high_scale=[1.0, 1.0, 1.1], high_shift=[0.0, 0.1, 0.0])
    stir(model.adapters)
    model.save_pretrained(tmp_path)
    torch.testing.assert_close(read(MixtureTower.from_pretrained(tmp_path).eval(), pictures()), read(model, pictures()))


@pytest.mark.parametrize(("layers", "size", "message"), [(3, 128, "at least 4 layers"), (4, 6, "can't be cut")])
def test_what_does_not_fit_is_refused(layers: int, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MixtureTowerConfig(
            low_config=tiny_models.clip_config(layers), high_config=tiny_parts.convnext_config(), high_size=size
        )


def test_defaults_are_those_of_the_paper() -> None:
    config = MixtureTowerConfig()
    assert (config.low_config.image_size, config.low_config.num_hidden_layers, config.side) == (336, 24, 24)
    assert (config.high_size, config.patch_size, config.high_config.hidden_sizes[-1]) == (768, 32, 1536)
