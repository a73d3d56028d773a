import pytest
import torch
from torch import Tensor, nn

from archwright.network.language_model import LanguageModel
from archwright.ops.carried_state import begin_stream

VOCABULARY, WIDTH = 7, 5


class Elman(nn.Module):
    """h_t = tanh(x_t + W h_(t-1)) (Elman 1990)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH, bias=False)

    def initial(self, batch: int, like: Tensor) -> Tensor:
        return like.new_zeros(batch, WIDTH)

    def forward(self, x: Tensor, state: Tensor, *more: Tensor) -> tuple[Tensor, Tensor]:
        outputs = []
        for step in x:
            state = torch.tanh(step + self.linear(state)) * (more[0] if more else 1.0)
            outputs.append(state)
        return torch.stack(outputs), state


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LanguageModel(Elman(), VOCABULARY, WIDTH)


TOKENS = torch.tensor([[0, 1, 2, 3], [6, 5, 4, 3]])


def test_logits_are_for_the_next_token_at_each_position(model):
    assert model(TOKENS).shape == (2, 4, VOCABULARY)
    assert torch.equal(model.eval()(TOKENS).isfinite(), torch.ones(2, 4, VOCABULARY, dtype=torch.bool))


def test_no_token_sees_a_later_one(model):
    begin_stream(model)
    before = model(TOKENS)
    begin_stream(model)
    changed = TOKENS.clone()
    changed[:, 2] = 0
    after = model(changed)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2:], after[:, 2:])


def test_the_embedding_is_the_decoder(model):
    assert sorted(name for name, _ in model.named_parameters()) == [
        "bias",
        "embedding.weight",
        "recurrence.recurrence.linear.weight",
    ]
    logits = model(TOKENS)
    (gradient,) = torch.autograd.grad(logits.sum(), model.embedding.weight)
    assert gradient.abs().sum(dim=1).gt(0).all()  # words that do not occur are decoded too


def test_single_steps_give_the_same_output_as_the_window(model):
    model.eval()
    begin_stream(model)
    whole, state = model(TOKENS), model.initial(2)
    for i in range(4):
        logits, state = model.step(TOKENS[:, i], state)
        torch.testing.assert_close(logits, whole[:, i])


def test_a_second_window_continues_where_the_first_ended(model):
    model.eval()
    begin_stream(model)
    whole = model(TOKENS)
    begin_stream(model)
    torch.testing.assert_close(torch.cat([model(TOKENS[:, :2]), model(TOKENS[:, 2:])], dim=1), whole)


def test_tokens_of_any_numeric_type_and_further_inputs(model):
    model.eval()
    begin_stream(model)
    plain = model(TOKENS)
    begin_stream(model)
    assert torch.equal(model(TOKENS.float()), plain)
    begin_stream(model)
    assert torch.equal(model(TOKENS, torch.zeros(())), model.bias.expand(2, 4, -1))


def test_a_dropped_word_is_dropped_at_all_its_positions(model):
    torch.manual_seed(1)
    model.word_dropout.probability = 0.5
    same = torch.zeros(3, 4, dtype=torch.long)
    begin_stream(model)
    assert len(model(same)[:, 0].unique(dim=0)) == 1
