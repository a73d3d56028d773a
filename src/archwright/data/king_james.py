"""The King James Bible, from the command `bible` of the Debian package bible-kjv."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import partial

from archwright.data.dataset import Dataset
from archwright.data.problem import Level
from archwright.data.raw_text import RawText
from archwright.errors import DataError

INSTALL = "apt-get install bible-kjv"
COMMAND, WHOLE = "bible", "gen1:1-rev22:21"
SECONDS = 60
REFERENCE = re.compile(r"^\S+:\d+ ", re.MULTILINE)
VERSES = 31_102


def read_king_james(level: Level) -> RawText:
    """All verses, one per line, without their numbers. Raises DataError if the command is missing or prints something else."""
    printed = _printed()
    count = len(REFERENCE.findall(printed))
    if count != VERSES:
        raise DataError(f"'{COMMAND} -f {WHOLE}' printed {count:,} verses instead of {VERSES:,}: reinstall it with '{INSTALL}'")
    return RawText(
        f"king-james-{level}s", "the King James Bible (Debian package bible-kjv)", {"": REFERENCE.sub("", printed)}, level
    )


def _printed() -> str:
    program = shutil.which(COMMAND)
    if program is None:
        raise DataError(f"the King James Bible comes with the command {COMMAND!r}, which is not installed: run '{INSTALL}'")
    try:
        done = subprocess.run([program, "-f", WHOLE], capture_output=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise DataError(f"'{COMMAND} -f {WHOLE}' failed ({error}): reinstall it with '{INSTALL}'") from None
    return done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")


ORIGIN, LICENCE = f"Debian package bible-kjv ({INSTALL})", "public domain outside the United Kingdom"
CHARACTERS = Dataset(
    "king-james-characters",
    "the King James Bible, character by character",
    "language_modelling",
    (64,),
    64,
    64_653,
    LICENCE,
    ORIGIN,
    partial(read_king_james, "character"),
)
WORDS = Dataset(
    "king-james-words",
    "the King James Bible, word by word",
    "language_modelling",
    (35,),
    10_000,
    26_991,
    LICENCE,
    ORIGIN,
    partial(read_king_james, "word"),
)
