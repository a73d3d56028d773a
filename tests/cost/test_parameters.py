from torch import nn

from archwright.cost.parameters import parameter_count


def test_parameters_of_common_layers_match_a_count_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.Linear(7, 4))
    assert parameter_count(network) == (3 * 8 * 25 + 8) + 2 * 8 + (7 * 4 + 4)


def test_shared_weights_count_once_and_frozen_ones_not_at_all():
    layer = nn.Linear(10, 10, bias=False)
    assert parameter_count(nn.Sequential(layer, layer)) == 100
    layer.weight.requires_grad_(False)
    assert parameter_count(layer) == 0
