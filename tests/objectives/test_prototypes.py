import copy

import pytest
import torch

from selfsup.objectives.prototypes import PrototypeHead


def head(batch_norm=False, norm_last_layer=True):
    torch.manual_seed(0)
    return PrototypeHead(6, 9, 4, 11, batch_norm, norm_last_layer)


def test_logits_are_cosines_with_the_prototypes():
    made, embedding = head(), torch.randn(5, 6)
    logits, points = made(embedding), made.layers(embedding)
    assert logits.shape == (5, 11)
    for row in range(5):
        for k in range(11):
            cosine = torch.cosine_similarity(points[row], made.direction[k], dim=0)
            torch.testing.assert_close(logits[row, k], cosine)


def test_learned_lengths_scale_the_cosines():
    made, embedding = head(norm_last_layer=False), torch.randn(5, 6)
    before = made(embedding)
    with torch.no_grad():
        made.length.mul_(3)
    torch.testing.assert_close(made(embedding), 3 * before)
    assert not head(norm_last_layer=True).length.requires_grad


@pytest.mark.parametrize("batch_norm", [False, True])
def test_frozen_prototypes_get_a_gradient_of_zero_and_the_layers_one_that_is_not(batch_norm):
    made = head(batch_norm, norm_last_layer=False)
    made(torch.randn(5, 6), frozen=True).square().sum().backward()
    assert all(not parameter.grad.any() for parameter in made.prototypes())
    assert all(parameter.grad.any() for name, parameter in made.layers.named_parameters() if name.endswith("weight"))


def test_autocast_does_not_round_the_cosines():
    made, embedding = head(), torch.randn(5, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert made(embedding).dtype == torch.float32


def test_it_can_be_copied_after_a_forward_pass():
    made, embedding = head(), torch.randn(5, 6)
    expected = made(embedding)
    torch.testing.assert_close(copy.deepcopy(made)(embedding), expected)
