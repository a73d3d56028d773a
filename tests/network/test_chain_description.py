import pytest

from archwright.network.chain_description import ChainOptions, ChainStage, ChainStageOptions, answers_of, operation_name

FIRST = [
    ChainStage(depth, width, operation, "plain", kernel, expansion)
    for depth in (1, 2)
    for width in (8, 6, 12)
    for operation, kernel, expansion in (("conv", 3, None), ("bottleneck", None, None), ("mbconv", 5, 4))
]
SECOND = [ChainStage(depth, 12, "conv", "plain", 3, None, "max") for depth in (1, 2, 3)]
OPTIONS = ChainOptions((ChainStageOptions.of(FIRST), ChainStageOptions.of(SECOND)), "gelu", 2)


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        (ChainStage(1, 8, "conv", "plain", 3), "conv 3"),
        (ChainStage(1, 8, "separable", "plain", 5), "separable 5"),
        (ChainStage(1, 8, "bottleneck", "dense"), "bottleneck"),
        (ChainStage(1, 8, "mbconv", "residual", 3, 4, "max"), "mbconv 3 x4"),
        (ChainStage(1, 8, "linear", "plain"), "linear"),
    ],
)
def test_an_operation_is_named_with_kernel_and_expansion(stage, name):
    assert operation_name(stage) == name


def test_the_options_of_a_position_ascend_for_any_order_of_its_stages():
    options = ChainStageOptions.of(FIRST)
    assert (options.widths, options.depths) == ((6, 8, 12), (1, 2))
    assert list(options.operations) == ["conv 3", "bottleneck", "mbconv 5 x4"]
    assert options.largest == ChainStage(2, 12, "conv", "plain", 3)


def test_every_stage_of_a_position_has_its_own_answers():
    options = ChainStageOptions.of(FIRST)
    answers = [(operation_name(stage), str(stage.width), str(stage.depth)) for stage in FIRST]
    assert len(set(answers)) == len(FIRST)
    assert [options.stage(*three) for three in answers] == FIRST


def test_a_chains_candidates_in_the_order_of_its_stages():
    assert OPTIONS.candidates == {
        "stage0/operation": ("conv 3", "bottleneck", "mbconv 5 x4"),
        "stage0/width": ("6", "8", "12"),
        "stage0/depth": ("1", "2"),
        "stage1/operation": ("conv 3",),
        "stage1/width": ("12",),
        "stage1/depth": ("1", "2", "3"),
    }


def test_answers_and_chains_are_equivalent():
    answers = {name: texts[-1] for name, texts in OPTIONS.candidates.items()}
    chain = OPTIONS.chain(answers)
    assert chain.stages == (ChainStage(2, 12, "mbconv", "plain", 5, 4), ChainStage(3, 12, "conv", "plain", 3, None, "max"))
    assert (chain.activation, chain.stem_stride) == ("gelu", 2)
    assert answers_of(chain) == answers
