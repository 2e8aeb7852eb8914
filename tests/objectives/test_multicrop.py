import torch

from selfsup.objectives.multicrop import encode_views, project_pair


def test_views_keep_their_order_and_neighbours_of_equal_size_share_a_pass():
    sizes, passes = [4, 4, 2, 2, 2, 4], []
    images = [torch.full((3, 1, px, px), float(number)) for number, px in enumerate(sizes)]

    def encoder(image):
        passes.append(tuple(image.shape))
        return image.mean(dim=(2, 3))

    embedded = encode_views(encoder, images)
    assert embedded.flatten().tolist() == [float(number) for number in range(6) for _ in range(3)]
    assert passes == [(6, 1, 4, 4), (9, 1, 2, 2), (3, 1, 4, 4)]


def test_a_pair_is_projected_in_one_pass_and_widened():
    passes = []

    def encoder(image):
        passes.append(len(image))
        return image.mean(dim=(2, 3)).to(torch.bfloat16)

    first, second = project_pair(encoder, torch.neg, [torch.full((3, 1, 4, 4), number) for number in (1.0, 2.0)])
    assert passes == [6]
    assert first.dtype == second.dtype == torch.float32
    assert first.flatten().tolist() == [-1.0] * 3
    assert second.flatten().tolist() == [-2.0] * 3
