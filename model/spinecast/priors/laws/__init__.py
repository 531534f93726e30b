"""The laws of the priors folder. A corpus enters, problems leave; each law is one function.

A law's name is the function's name and its docstring says what holds. Laws look only at documents whose
schema holds. Adding a law: write the function, name it in LAWS, add a decoy in tests/data/decoys/ (a test
fails until it exists).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from spinecast.priors.documents import Corpus
from spinecast.priors.laws import evidence, numbers, references, structure, trials
from spinecast.priors.problems import Problem

Law = Callable[[Corpus], Iterator[Problem]]

LAWS: tuple[Law, ...] = (*evidence.LAWS, *references.LAWS, *structure.LAWS, *numbers.LAWS, *trials.LAWS)
