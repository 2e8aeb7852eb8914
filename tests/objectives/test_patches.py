import torch

from selfsup.objectives.patches import cover, hidden_pixels, patchify, places, take, unpatchify


def test_patches_are_rows_of_cells_and_come_back():
    image = torch.rand(2, 3, 24, 16)
    patches = patchify(image, 4)
    assert patches.shape == (2, 6 * 4, 4 * 4 * 3)
    # Patch 5 is row 1, column 1; inside it, pixel by pixel, with the channels last.
    torch.testing.assert_close(patches[1, 5], image[1, :, 4:8, 4:8].permute(1, 2, 0).flatten())
    assert torch.equal(unpatchify(patches, (6, 4), 4), image)


def test_hidden_patches_in_pixels():
    hidden = torch.tensor([[True, False, False, True, False, False]])
    assert hidden_pixels(hidden, (2, 3), 2).int().tolist() == [[[1, 1, 0, 0, 0, 0]] * 2 + [[1, 1, 0, 0, 0, 0]] * 2]
    covered = cover(torch.ones(1, 1, 4, 6), hidden, 2, torch.zeros(1, 1, 1, 1))
    assert covered.sum() == 16


def test_tokens_are_taken_in_ascending_order_of_their_places():
    tokens = torch.arange(12.0).reshape(2, 3, 2)
    visible = torch.tensor([[True, False, True], [False, True, True]])
    where = places(visible)
    assert where.tolist() == [[0, 2], [1, 2]]
    assert take(tokens, where).tolist() == [[[0, 1], [4, 5]], [[8, 9], [10, 11]]]
