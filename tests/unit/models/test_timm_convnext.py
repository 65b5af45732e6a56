"""ConvNeXt in timm's files is read as transformers' backbone, weight by weight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_parts
from glossator.models import timm_convnext


def test_features_are_those_of_the_model_whose_weights_they_are(tmp_path: Path) -> None:
    wanted = tiny_parts.timm_convnext(tmp_path / "timm").eval()
    found = timm_convnext.load(str(tmp_path / "timm")).eval()
    assert (found.config.hidden_sizes, found.config.depths) == ([8, 16, 24, 32], [1, 1, 2, 1])
    shown = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(found(shown).feature_maps[-1], wanted(shown).feature_maps[-1])


def test_only_timms_files_are_taken_for_timms(tmp_path: Path) -> None:
    tiny_parts.timm_convnext(tmp_path / "timm")
    tiny_parts.convnext(tmp_path / "transformers")
    of_timm = timm_convnext.picture_settings(timm_convnext.read_config(str(tmp_path / "timm")))
    assert of_timm is not None and of_timm["std"][0] == pytest.approx(0.2686, abs=1e-4)
    assert timm_convnext.picture_settings(timm_convnext.read_config(str(tmp_path / "transformers"))) is None


def test_another_network_is_refused(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.ones(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet50"}))
    with pytest.raises(ValueError, match="no ConvNeXt of timm"):
        timm_convnext.load(str(tmp_path))


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    tiny_parts.timm_convnext(tmp_path / "timm")
    weights = load_file(tmp_path / "timm" / "model.safetensors")
    del weights["stages.2.blocks.1.mlp.fc1.weight"]
    save_file(weights, tmp_path / "timm" / "model.safetensors")
    with pytest.raises(ValueError, match=r"encoder\.stages\.2\.layers\.1\.pwconv1\.weight"):
        timm_convnext.load(str(tmp_path / "timm"))
