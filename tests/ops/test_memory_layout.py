import torch

from archwright.ops.memory_layout import channels_last


def test_only_images_become_channels_last():
    image, series = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4)
    assert channels_last(image).is_contiguous(memory_format=torch.channels_last)
    assert channels_last(series) is series
