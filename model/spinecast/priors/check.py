"""Every law of the priors folder, in one call: the same check for the command line, the tests and CI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from spinecast.priors.documents import Corpus, read_corpus
from spinecast.priors.laws import LAWS
from spinecast.priors.problems import Problem, format_problems
from spinecast.priors.schemas import schema_problems

__all__ = ["Problem", "check", "check_corpus", "format_problems", "law_problems"]


def check(folder: Path) -> list[Problem]:
    """Everything that is wrong with a priors folder; an empty list means lawful.

    Parameters
    ----------
    folder : Path
        A folder laid out as docs/reference/knowledge-format.md says, with its schema/.

    Returns
    -------
    list of Problem
        Sorted by file, line and field.

    Raises
    ------
    MalformedFileError
        It is not a priors folder at all.
    """
    return check_corpus(read_corpus(folder))


def check_corpus(corpus: Corpus) -> list[Problem]:
    """The same for a folder that has been read already."""
    schema = [replace(p, law="schema") for p in schema_problems(corpus)]
    lawful = corpus.sounding(frozenset(p.file for p in schema))
    found = {*corpus.unreadable, *schema, *law_problems(lawful)}
    return sorted(found)


def law_problems(corpus: Corpus) -> Iterator[Problem]:
    """Problems of every law, stamped with the law's name."""
    for law in LAWS:
        for problem in law(corpus):
            yield replace(problem, law=law.__name__)
