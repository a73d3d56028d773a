from __future__ import annotations

from random import Random

import pytest
import torch

from archwright.architecture.architecture import answers_as_text
from archwright.architecture.question import Question
from archwright.architecture.variation import enumerate_answers, replay
from archwright.errors import InputError, UnknownAnswer
from archwright.search_strategy.controllers.lstm_controller import Controller

QUESTIONS = (
    Question("depth", (1, 2)),
    Question("0/op", ("conv", True, 1)),
    Question("1/op", ("conv", None)),
    Question("end", ("a",)),
)


def decide(choose):
    """Conditional, with options that differ only in type, and a question with a single option. 3 + 3 x 2 architectures."""
    depth = choose("depth", [1, 2])
    first = choose("0/op", ["conv", True, 1])
    second = choose("1/op", ["conv", None]) if depth == 2 else None
    return depth, first, second, choose("end", ["a"])


def controller(**settings):
    return Controller(QUESTIONS, hidden=12, seed=3, **settings)


@pytest.mark.parametrize("settings", [{}, {"temperature": 5.0, "tanh_constant": 2.5}])
def test_probabilities_of_all_architectures_sum_to_one(settings):
    log_probs, _ = controller(**settings).log_prob(list(enumerate_answers(decide)))
    assert log_probs.shape == (9,)
    assert log_probs.exp().sum().item() == pytest.approx(1.0, abs=1e-6)


def test_the_expected_sum_of_entropies_is_the_joint_entropy():
    """H = E[sum of the entropies of the softmaxes], by enumeration."""
    log_probs, entropies = controller().log_prob(list(enumerate_answers(decide)))
    p = log_probs.exp()
    assert (p * entropies).sum().item() == pytest.approx(-(p * log_probs).sum().item(), abs=1e-6)


def test_a_sample_knows_its_own_probability_and_entropy():
    one = controller(temperature=0.5)
    samples = [one.sample(decide, Random(seed)) for seed in range(20)]
    log_probs, entropies = one.log_prob([sampled.answers for sampled in samples])
    assert torch.allclose(log_probs, torch.stack([sampled.log_prob for sampled in samples]), atol=1e-6)
    assert torch.allclose(entropies, torch.stack([sampled.entropy for sampled in samples]), atol=1e-6)
    assert all(sampled.description == replay(decide, sampled.answers) for sampled in samples)


def test_each_architecture_is_sampled_as_often_as_it_is_probable():
    one = controller()
    with torch.no_grad():
        torch.nn.init.normal_(one.head.bias, std=1.0, generator=torch.Generator().manual_seed(0))
        texts = [answers_as_text(answers) for answers in enumerate_answers(decide)]  # a text tells 1 from True
        expected = one.log_prob(list(enumerate_answers(decide)))[0].exp()
        rng = Random(0)
        drawn = [texts.index(answers_as_text(one.sample(decide, rng).answers)) for _ in range(1500)]
    share = torch.bincount(torch.tensor(drawn), minlength=9) / 1500
    assert (share - expected).abs().max() < 5 * (0.25 / 1500) ** 0.5


def test_temperature_and_tanh_constant_bound_the_probabilities():
    sure, bounded = controller(), controller(temperature=2.0, tanh_constant=1.5)
    for one in (sure, bounded):
        with torch.no_grad():
            one.head.bias[0] = 100.0  # depth 1
    shallow = {"depth": 1, "0/op": True, "end": "a"}
    assert sure.log_prob([shallow])[0] > bounded.log_prob([shallow])[0] > -5
    least = 1 / (1 + torch.tensor(3.0).exp())  # logits are between -1.5 and 1.5
    deep = bounded.log_prob([{**shallow, "depth": 2, "1/op": op} for op in ("conv", None)])[0].exp().sum()
    assert deep >= least / 6


def test_gradients_flow_from_a_sample():
    one = controller()
    sampled = one.sample(decide, Random(1))
    sampled.log_prob.backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in one.parameters())


def test_weights_come_from_the_seed_and_global_random_state_is_left_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, same, other = controller(), controller(), Controller(QUESTIONS, hidden=12, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.asked, other.asked)
    assert all(parameter.abs().max() <= 0.1 for parameter in one.parameters())


def test_unknown_questions_and_answers_are_errors():
    with pytest.raises(InputError, match="the space asks 'width', which its method `questions` does not list: make `questions`"):
        controller().sample(lambda choose: choose("width", [1, 2]), Random(0))
    with pytest.raises(InputError, match="'width'"):
        controller().log_prob([{"width": 1}])
    with pytest.raises(UnknownAnswer, match="'depth' has no option 3"):
        controller().log_prob([{"depth": 3}])


def test_the_most_probable_answers_are_chosen_greedily():
    one = controller()
    with torch.no_grad():
        torch.nn.init.normal_(one.head.bias, generator=torch.Generator().manual_seed(2))
        taken = one.most_probable(decide)
        answers = {}
        for name, answer in taken.answers.items():  # greedily, by the probability of each option given the answers so far
            options = next(question.options for question in QUESTIONS if question.name == name)
            log_probs = [float(one.log_prob([{**answers, name: option}])[0]) for option in options]
            answers[name] = options[log_probs.index(max(log_probs))]
            assert answers[name] == answer
    assert taken.description == replay(decide, taken.answers)


def test_the_divergence_from_a_prior_is_that_of_torch():
    """The mean over the questions with a prior, by torch's own KL divergence; a question that is not asked does not count."""
    one = controller()
    prior = one.log_prior({"0/op": [0.2, 0.5, 0.3], "1/op": [0.9, 0.1]})
    distributions = one.distributions([{"depth": 1, "0/op": True, "end": "a"}, {"depth": 2, "0/op": 1, "1/op": None, "end": "a"}])
    offsets = dict(zip([question.name for question in QUESTIONS], one.offsets, strict=True))

    def kl(row, place, name, p):
        log_p = distributions.log_p[row, place, offsets[name] : offsets[name] + len(p)]
        return torch.nn.functional.kl_div(torch.tensor(p).log(), log_p, reduction="sum", log_target=True)

    expected = [kl(0, 1, "0/op", [0.2, 0.5, 0.3]), (kl(1, 1, "0/op", [0.2, 0.5, 0.3]) + kl(1, 2, "1/op", [0.9, 0.1])) / 2]
    assert torch.allclose(distributions.divergence(prior), torch.stack(expected), atol=1e-6)
    assert torch.equal(distributions.divergence(one.log_prior({})), torch.zeros(2))
    gradients = torch.autograd.grad(distributions.divergence(prior).sum(), list(one.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)
