"""Laws of the evidence rows and of the bibliography."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, pairwise

from spinecast.errors import PriorsError
from spinecast.priors import expressions, grammar
from spinecast.priors.documents import Corpus
from spinecast.priors.measures import ASKED, PROPORTIONS, RATIOS
from spinecast.priors.problems import Problem, nearest, one_of
from spinecast.priors.records import Row

DOI = re.compile(r"10\.\d{4,9}/\S+")
PMID = re.compile(r"[1-9]\d{0,7}")
NEEDS = {
    "sens": ("target", "test"), "spec": ("target", "test"), "lr_pos": ("target", "test"), "lr_neg": ("target", "test"),
    "or": ("target", "test"), "dor": ("target", "test"), "rr": ("target", "test"), "ppv": ("target", "test"),
    "npv": ("target", "test"), "prevalence": ("target",), "proportion": ("test",),
}  # fmt: skip
"""Parts of the question without which a measure cannot be asked."""

RESERVED = (("smart", range(2010, 2013)), ("nijs", range(2014, 2016)), ("fop", range(2017, 2018)))
"""First authors and years whose figures are kept for validation."""


def _problem(row: Row, field: str, value: object, message: str, expected: str = "", *, near: str = "") -> Problem:
    return Problem(row.file, row.line, f"{row.id}.{field}" if field else row.id, str(value), expected, near, message)


def row_ids_are_unique(corpus: Corpus) -> Iterator[Problem]:
    """No two evidence rows share an id, in any file."""
    seen: dict[str, Row] = {}
    for row in corpus.rows:
        if row.id in seen:
            first = seen[row.id]
            yield _problem(row, "id", row.id, f"is already used at {first.file}:{first.line}", "an id of its own")
        seen.setdefault(row.id, row)


def rows_are_sorted(corpus: Corpus) -> Iterator[Problem]:
    """Rows of a file stand in the order of their ids, so that two curators' changes merge."""
    for _, group in groupby(corpus.rows, key=lambda row: row.file):
        for before, after in pairwise(group):
            if after.id < before.id:
                yield _problem(after, "id", after.id, f"stands after {before.id!r}", "rows sorted by id")


def row_sources_exist(corpus: Corpus) -> Iterator[Problem]:
    """Every row's source is a key of sources.bib."""
    for row in corpus.rows:
        if row.source not in corpus.source:
            near = nearest(row.source, corpus.source)
            yield _problem(row, "source", row.source, "no such key in sources.bib", "a key of sources.bib", near=near)


def sources_are_used(corpus: Corpus) -> Iterator[Problem]:
    """Every source is the source of some row."""
    used = {row.source for row in corpus.rows}
    for source in corpus.sources:
        if source.key not in used:
            yield Problem("sources.bib", source.line, source.key, "", "", "", "no evidence row has this source")


def source_keys_are_unique(corpus: Corpus) -> Iterator[Problem]:
    """No two entries of sources.bib share a key."""
    seen: set[str] = set()
    for source in corpus.sources:
        if source.key in seen:
            yield Problem("sources.bib", source.line, source.key, "", "a key of its own", "", "the key stands twice")
        seen.add(source.key)


def dois_and_pmids_are_well_formed(corpus: Corpus) -> Iterator[Problem]:
    """A DOI begins 10.<registrant>/ and has no blanks; a PMID is a number of at most eight digits."""
    for source in corpus.sources:
        for name, pattern, expected in (("doi", DOI, "10.1234/suffix, without https://"), ("pmid", PMID, "up to eight digits")):
            value = source.fields.get(name, "")
            if value and not pattern.fullmatch(value):
                message = f"is not a well-formed {name.upper()}"
                yield Problem("sources.bib", source.line, f"{source.key}.{name}", value, expected, "", message)


def one_key_per_publication(corpus: Corpus) -> Iterator[Problem]:
    """No DOI or PMID stands under two keys."""
    for name in ("doi", "pmid"):
        seen: dict[str, str] = {}
        for source in corpus.sources:
            value = source.fields.get(name, "").lower()
            if value and value in seen:
                message = f"the same {name.upper()} stands under {seen[value]!r}"
                yield Problem(
                    "sources.bib", source.line, f"{source.key}.{name}", value, "one key per publication", seen[value], message
                )
            seen.setdefault(value, source.key)


def proportions_lie_between_0_and_1(corpus: Corpus) -> Iterator[Problem]:
    """Values and intervals of proportions are proportions, not percentages."""
    for row in corpus.rows:
        for name in ("value", "low", "high"):
            number = getattr(row, name)
            if row.measure in PROPORTIONS and number is not None and not 0 <= number <= 1:
                yield _problem(row, name, number, f"is not a {row.measure}", "a number between 0 and 1")


def ratios_are_positive(corpus: Corpus) -> Iterator[Problem]:
    """Odds, risk, hazard and likelihood ratios are not negative, and their upper ends are above 0."""
    for row in corpus.rows:
        for name in ("value", "low", "high"):
            number = getattr(row, name)
            if row.measure in RATIOS and number is not None and (number < 0 or (number == 0 and name == "high")):
                yield _problem(row, name, number, f"is not a possible {row.measure}", "a number above 0")


def intervals_hold_their_value(corpus: Corpus) -> Iterator[Problem]:
    """Low, value and high stand in that order."""
    for row in corpus.rows:
        ends = [x for x in (row.low, row.value, row.high) if x is not None]
        if ends != sorted(ends):
            shown = f"{row.low} {row.value} {row.high}"
            yield _problem(row, "value", shown, "the value is outside its interval", "low <= value <= high")


def memory_rows_have_low_confidence(corpus: Corpus) -> Iterator[Problem]:
    """What is only recalled is not trusted and never fitted."""
    for row in corpus.rows:
        if row.seen_in == "memory" and row.confidence != "low":
            yield _problem(row, "confidence", row.confidence, "the row is only recalled (seen_in = memory)", "low", near="low")
        if row.seen_in == "memory" and row.use == "fit":
            yield _problem(
                row, "use", row.use, "the row is only recalled (seen_in = memory)", "background or parameter", near="background"
            )


def second_hand_rows_rank_below_first_hand(corpus: Corpus) -> Iterator[Problem]:
    """A row read only in another document that quotes it is at most of moderate confidence."""
    for row in corpus.rows:
        if row.seen_in == "secondary" and row.confidence == "high":
            message = "the figure was read second-hand (seen_in = secondary)"
            yield _problem(row, "confidence", row.confidence, message, "moderate or low", near="moderate")


def reserved_rows_are_held_out(corpus: Corpus) -> Iterator[Problem]:
    """Rows kept for validation set no number and are not fitted."""
    for row in corpus.rows:
        if row.use in ("fit", "parameter") and _reserved(row, corpus):
            yield _problem(row, "use", row.use, "the row is reserved for validation", "holdout or background", near="holdout")


def _reserved(row: Row, corpus: Corpus) -> bool:
    if row.id.startswith("ho-"):
        return True
    source = corpus.source.get(row.source)
    author, year = (source.fields.get("author", ""), source.fields.get("year", "")) if source else ("", "")
    return any(author.lower().startswith(a) and year.isdigit() and int(year) in years for a, years in RESERVED)


def joint_rows_are_held_out(corpus: Corpus) -> Iterator[Problem]:
    """Results of several findings together are not fitted, but for the one that a family's loading cites."""
    loading = {r for c in corpus.citations if c.document.kind == "dependency" for r in c.rows}
    blocks = {d.id for d in corpus.of("finding") if d.table["kind"] == "block"}
    for row in corpus.rows:
        if row.use == "fit" and row.id not in loading and _joint(row.test, blocks):
            message = "the result is of several findings together and no family's loading cites it"
            yield _problem(row, "use", row.use, message, "holdout", near="holdout")


def _joint(text: str, blocks: set[str]) -> bool:
    """Whether a test counts findings or is a chain of blocks."""
    if "count(" in text.replace(" ", ""):
        return True
    try:
        return bool(text) and len(blocks & set(grammar.names(grammar.parse(text)))) > 1
    except PriorsError:
        return False


def questions_can_be_answered(corpus: Corpus) -> Iterator[Problem]:
    """Every row that is asked (fit, holdout) has a measure, a question and ids and values that exist."""
    for row in corpus.rows:
        if row.use in ("fit", "holdout"):
            yield from _question(row, corpus)


def _question(row: Row, corpus: Corpus) -> Iterator[Problem]:
    if row.measure not in ASKED:
        near = nearest(row.measure, ASKED)
        yield _problem(row, "measure", row.measure, f"cannot be asked of the network (use = {row.use})", one_of(ASKED), near=near)
        return
    if row.value is None:
        yield _problem(row, "value", "", f"is missing (use = {row.use})", "the published figure")
    for part in NEEDS[row.measure]:
        if not getattr(row, part):
            yield _problem(row, part, "", f"is missing: {row.measure} cannot be asked without it", "an expression")
    if row.setting == "pain_free" and row.target and row.measure != "spec":
        yield _problem(row, "target", row.target, "nobody in a pain-free setting has it", "an empty target")
    for part in ("target", "test", "given"):
        for fault in expressions.faults(getattr(row, part), corpus, expressions.QUESTION):
            yield _problem(row, part, fault.value, fault.message, fault.expected, near=fault.nearest)


def held_out_rows_set_no_number(corpus: Corpus) -> Iterator[Problem]:
    """No quantity cites a row that is held out; a trial's figure that is only predicted sets nothing."""
    for citation in (c for c in corpus.citations if not c.predicted_only):
        for i, key in enumerate(citation.rows):
            row = corpus.row.get(key)
            if row is not None and row.use == "holdout":
                path, expected = (*citation.path, "rows", i), "a row with use = fit or parameter"
                yield citation.document.problem(path, key, "the row is held out, yet a number cites it", expected)


def cited_rows_are_in_use(corpus: Corpus) -> Iterator[Problem]:
    """A row that sets a number is not marked as background; said once a row."""
    cited: dict[str, str] = {}
    for citation in (c for c in corpus.citations if not c.predicted_only):
        for key in citation.rows:
            cited.setdefault(key, citation.document.file)
    for row in corpus.rows:
        if row.use == "background" and row.id in cited:
            expected = "fit with a question, or parameter"
            yield _problem(row, "use", row.use, f"{cited[row.id]} cites the row", expected, near="parameter")


def parameter_rows_are_cited(corpus: Corpus) -> Iterator[Problem]:
    """A row with use = parameter is cited by some quantity or rule."""
    for row in corpus.rows:
        if row.use == "parameter" and row.id not in corpus.cited:
            yield _problem(
                row, "use", row.use, "no quantity and no rule cites the row", "background, or a citation", near="background"
            )


def memory_rows_set_no_number_alone(corpus: Corpus) -> Iterator[Problem]:
    """A quantity whose rows are all recalled from memory says assumed or derived."""
    for citation in (c for c in corpus.citations if not c.predicted_only):
        rows = [corpus.row[key] for key in citation.rows if key in corpus.row]
        if rows and citation.stated is None and all(row.seen_in == "memory" for row in rows):
            message = "every cited row is only recalled (seen_in = memory)"
            expected = "assumed or derived with like_n and why, or a row that was read"
            yield citation.document.problem((*citation.path, "rows"), rows[0].id, message, expected)


LAWS = (
    row_ids_are_unique, rows_are_sorted, row_sources_exist, sources_are_used, source_keys_are_unique,
    dois_and_pmids_are_well_formed, one_key_per_publication, proportions_lie_between_0_and_1, ratios_are_positive,
    intervals_hold_their_value, memory_rows_have_low_confidence, second_hand_rows_rank_below_first_hand,
    reserved_rows_are_held_out, joint_rows_are_held_out, questions_can_be_answered, held_out_rows_set_no_number,
    cited_rows_are_in_use, parameter_rows_are_cited, memory_rows_set_no_number_alone,
)  # fmt: skip
