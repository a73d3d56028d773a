"""An architecture: the answers to a space's questions. Pure data, which can be printed, compared, hashed, stored and sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archwright.architecture.question import Option
from archwright.errors import InputError


@dataclass(frozen=True)
class Architecture:
    """An ordered mapping from questions to answers, with the space's name and settings."""

    space: str
    settings: Mapping[str, Option]
    answers: Mapping[str, Option]

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", dict(self.settings))
        object.__setattr__(self, "answers", dict(self.answers))

    def __hash__(self) -> int:
        return hash((self.space, frozenset(self.settings.items()), frozenset(self.answers.items())))

    def to_json(self) -> dict[str, Any]:
        return {"space": self.space, "settings": dict(self.settings), "answers": dict(self.answers)}

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> Architecture:
        """Reads what `to_json` wrote; other keys are ignored. Raises InputError if a part is missing."""
        missing = [part for part in ("space", "settings", "answers") if part not in text]
        if missing:
            raise InputError(f"an architecture needs 'space', 'settings' and 'answers': {', '.join(missing)} missing")
        return cls(text["space"], text["settings"], text["answers"])


def short_hash(text: str) -> str:
    """A hash of `text` in sixteen hexadecimal digits: the key by which equal networks are recognised."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def answers_as_text(answers: Mapping[str, Option]) -> str:
    """The answers as JSON with sorted keys, whatever the order of the questions."""
    return json.dumps(dict(answers), sort_keys=True, allow_nan=False)
