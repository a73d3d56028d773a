from __future__ import annotations

from random import Random

import pytest
import torch
from scipy.stats import spearmanr

from archwright.architecture.question import Question
from archwright.search_strategy.surrogates.sequence_surrogate import SequenceSurrogate

WORTH = {"conv": 1.0, "sep": 0.6, "pool": 0.1, None: 0.3}
QUESTIONS = tuple(Question(f"block/{i}/op", tuple(WORTH)) for i in range(6))


def architectures(count, length, seed):
    rng = Random(seed)
    return [{f"block/{i}/op": rng.choice(list(WORTH)) for i in range(length)} for _ in range(count)]


def additive(answers):
    return sum(WORTH[answer] for answer in answers.values()) / len(answers)


def correlation(surrogate, batch):
    predicted = surrogate.predict(batch)
    return spearmanr(predicted, [additive(answers) for answers in batch]).statistic


@pytest.mark.parametrize("reader", ["lstm", "mlp"])
def test_it_ranks_what_it_has_not_seen_and_longer_architectures_too(reader):
    surrogate = SequenceSurrogate(QUESTIONS, reader, hidden=8, steps=50)
    train = [*architectures(20, 2, 0), *architectures(20, 3, 1)]
    surrogate.fit(train, [additive(answers) for answers in train])
    assert correlation(surrogate, architectures(60, 3, 2)) > 0.6
    assert correlation(surrogate, architectures(60, 5, 3)) > 0.5


@pytest.mark.parametrize("reader", ["lstm", "mlp"])
def test_padding_after_a_shorter_architecture_does_not_count(reader):
    surrogate = SequenceSurrogate(QUESTIONS, reader, hidden=8, steps=1)
    short, long = architectures(5, 2, 0), architectures(5, 6, 1)
    assert surrogate.predict([*short, *long])[:5] == pytest.approx(surrogate.predict(short), abs=1e-6)


def test_each_member_leaves_out_a_different_fifth(monkeypatch):
    seen = []
    monkeypatch.setattr(SequenceSurrogate, "_train", lambda self, member, tokens, lengths, target: seen.append(target.tolist()))
    SequenceSurrogate(QUESTIONS, "mlp", hidden=4, steps=1).fit(architectures(10, 2, 0), [i / 10 for i in range(10)])
    left_out = [{i / 10 for i in range(10)} - {round(score, 1) for score in scores} for scores in seen]
    assert [len(out) for out in left_out] == [2] * 5
    assert set().union(*left_out) == {i / 10 for i in range(10)}


def test_one_result_is_enough_to_learn_from():
    surrogate = SequenceSurrogate(QUESTIONS, "lstm", hidden=4, steps=30)
    one = architectures(1, 2, 0)
    before = surrogate.predict(one)[0]
    surrogate.fit(one, [1.0])
    assert 1.0 >= surrogate.predict(one)[0] > before


def test_a_later_fit_continues_from_the_earlier():
    train = architectures(20, 2, 0)
    scores = [additive(answers) for answers in train]
    once, twice = (SequenceSurrogate(QUESTIONS, "mlp", hidden=8, steps=20) for _ in range(2))
    once.fit(train, scores)
    twice.fit(train, scores)
    twice.fit(train, scores)

    def error(surrogate):
        return sum(abs(p - score) for p, score in zip(surrogate.predict(train), scores, strict=True))

    assert error(twice) < error(once)


def test_it_is_deterministic_and_leaves_global_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train = architectures(12, 3, 0)
    found = []
    for _ in range(2):
        surrogate = SequenceSurrogate(QUESTIONS, "lstm", hidden=8, steps=5)
        surrogate.fit(train, [additive(answers) for answers in train])
        found.append(surrogate.predict(train))
    assert found[0] == found[1]
    assert torch.equal(torch.get_rng_state(), before)
