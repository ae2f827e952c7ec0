"""The checksum of a model's weights, for tensors of every kind."""

from __future__ import annotations

import pytest
import torch

from embedlens.integrations.weights import weights_checksum


def model(dtype):
    torch.manual_seed(0)
    made = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).to(dtype)
    made.register_buffer("mask", torch.tensor([[True, False], [True, True]]).T)
    made.register_buffer("nothing", torch.empty(0, 4))
    return made


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_equal_weights_have_one_checksum_and_any_change_another(dtype):
    first = weights_checksum(model(dtype))
    assert first == weights_checksum(model(dtype))
    for number in range(len(model(dtype).state_dict())):
        changed = model(dtype)
        tensor = list(changed.state_dict().values())[number]
        if tensor.numel():
            flat = tensor if tensor.ndim == 0 else tensor.view(-1) if tensor.is_contiguous() else tensor[0]
            flat.copy_(torch.logical_not(flat) if flat.dtype == torch.bool else flat + 1)
            assert weights_checksum(changed) != first, number


def test_rows_that_change_places_are_another_state():
    before = torch.nn.Embedding(4, 3)
    after = torch.nn.Embedding.from_pretrained(before.weight.detach().flip(0))
    assert weights_checksum(before) != weights_checksum(after)
    assert weights_checksum(torch.nn.Linear(2, 2, device="meta")) == 0
