"""Laws of completeness: every table covers what it must cover."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from spinecast.priors.documents import Corpus, Document, Path_
from spinecast.priors.problems import Problem, nearest, one_of

CAUSE_FIELDS = frozenset({"generator", "levels", "with_others"})


def _covers(document: Document, path: Path_, found: Sequence[str], wanted: Sequence[str], what: str) -> Iterator[Problem]:
    """Problems for names that are missing from a table or do not belong in it."""
    for name in wanted:
        if name not in found:
            yield document.problem((*path, name), "", f"is missing: the table states every {what}", one_of(wanted))
    yield from _belongs(document, path, found, wanted, what)


def _belongs(document: Document, path: Path_, found: Sequence[str], wanted: Sequence[str], what: str) -> Iterator[Problem]:
    for name in found:
        if name not in wanted:
            yield document.problem((*path, name), "", f"is no {what}", one_of(wanted), nearest(name, wanted))


def causes_cover_every_value(corpus: Corpus) -> Iterator[Problem]:
    """A noisy cause states every value but the first; an odds ratio names only such values."""
    for document in corpus.of("finding"):
        wanted = document.table["values"][1:]
        for i, cause in enumerate(document.table["causes"]):
            if document.table["form"] == "log_linear":
                yield from _belongs(document, ("causes", i, "odds_ratio"), [*cause["odds_ratio"]], wanted, "value but the first")
                continue
            own = [name for name in cause if name not in CAUSE_FIELDS]
            yield from _covers(document, ("causes", i), own, wanted, "value but the first")
            if "with_others" in cause:
                others = [*cause["with_others"]]
                yield from _covers(document, ("causes", i, "with_others"), others, wanted, "value but the first")
    for document in corpus.of("context"):
        for i, cause in enumerate(document.table.get("causes", ())):
            wanted, named = document.table["values"][1:], [*cause["odds_ratio"]]
            yield from _belongs(document, ("causes", i, "odds_ratio"), named, wanted, "value but the first")


def leaks_and_bases_cover_every_value(corpus: Corpus) -> Iterator[Problem]:
    """A leak or base states every value but the first, for every value of the context that it depends on."""
    for document, path, table, by in base_tables(corpus):
        wanted = document.table["values"][1:]
        if not by:
            yield from _covers(document, path, [*table], wanted, "value but the first")
            continue
        context = corpus.by_id.get(("context", by))
        if context is not None:
            yield from _covers(document, path, [*table], context.table["values"], f"value of {by}")
        for key, part in table.items():
            yield from _covers(document, (*path, key), [*part], wanted, "value but the first")


def base_tables(corpus: Corpus) -> Iterator[tuple[Document, Path_, dict[str, Any], str]]:
    """Every leak and base: document, path, the table without `by`, and the context that it depends on."""
    for document in corpus.of("finding"):
        name = "base" if document.table["form"] == "log_linear" else "leak"
        table = document.table[name]
        yield document, (name,), {k: v for k, v in table.items() if k != "by"}, table.get("by", "")
    for document in corpus.of("context"):
        for setting, table in document.table["base"].items():
            yield document, ("base", setting), table, document.table.get("by", "")


def context_bases_cover_every_setting(corpus: Corpus) -> Iterator[Problem]:
    """A context's base has `default` or a table for each setting, and names only settings."""
    settings = corpus.ids["setting"]
    for document in corpus.of("context"):
        named = [*document.table["base"]]
        if "default" not in named:
            yield from _covers(document, ("base",), named, settings, "setting (or `default`)")
        else:
            yield from _belongs(document, ("base",), named, ["default", *settings], "setting")


def prevalence_covers_every_generator(corpus: Corpus) -> Iterator[Problem]:
    """Each setting states the prevalence of every generator, by level where it has levels."""
    for document in corpus.of("setting"):
        table = document.table["prevalence"]
        yield from _missing_generators(document, [*table], corpus)
        for generator, part in table.items():
            home = corpus.by_id.get(("generator", generator))
            levels = home.table.get("levels", []) if home else []
            plain = bool({"rows", "assumed", "derived"} & set(part))
            if levels or not plain:
                found = [] if plain else [*part]
                yield from _covers(document, ("prevalence", generator), found, levels, f"level of {generator}")


def _missing_generators(document: Document, named: Sequence[str], corpus: Corpus) -> Iterator[Problem]:
    for generator in corpus.ids["generator"]:
        if generator not in named:
            yield document.problem(("prevalence", generator), "", "is missing: every generator has a prevalence", "a probability")


def natural_courses_cover_every_generator(corpus: Corpus) -> Iterator[Problem]:
    """Every generator has a natural course, and so has `nonspecific`."""
    for wanted in (*corpus.ids["generator"], "nonspecific"):
        if wanted not in corpus.ids["natural_course"]:
            file = f"natural_course/{wanted}.toml"
            yield Problem(
                file, 0, "id", wanted, "a natural course for every generator and `nonspecific`", "", "there is no such file"
            )


def families_have_members(corpus: Corpus) -> Iterator[Problem]:
    """A family has at least two members, all noisy, whose leaks depend on at most one context."""
    for document in corpus.of("dependency"):
        members = [d for d in corpus.documents if d.kind == "finding" and d.table.get("family") == document.id]
        if len(members) < 2:
            listed = ", ".join(d.id for d in members) or "none"
            yield document.problem(("id",), document.id, f"fewer than two findings name this family ({listed})", "two members")
        by = sorted({d.table.get("leak", {}).get("by", "") for d in members if d.sound} - {""})
        if len(by) > 1:
            yield document.problem(
                ("id",), document.id, f"its members' leaks depend on {' and '.join(by)}", "at most one context"
            )
    for document in corpus.of("finding"):
        if document.table.get("family") and document.table["form"] == "log_linear":
            expected = "noisy_or or noisy_max, or no family"
            yield document.problem(("form",), "log_linear", "a member of a family is noisy", expected, "noisy_max")


def batteries_are_of_their_family(corpus: Corpus) -> Iterator[Problem]:
    """A battery names two-valued members of its family, and no two are of one size: `4 of 5` means one set."""
    for document in corpus.of("dependency"):
        members = [d.id for d in corpus.of("finding") if d.table.get("family") == document.id and len(d.table["values"]) == 2]
        sizes: set[int] = set()
        for i, tests in enumerate(document.table.get("batteries", ())):
            for j, test in enumerate(tests):
                if test not in members:
                    expected = f"one of {', '.join(members)}"
                    yield document.problem(
                        ("batteries", i, j), test, "is no two-valued test of this family", expected, nearest(test, members)
                    )
            if len(tests) in sizes:
                yield document.problem(
                    ("batteries", i), str(len(tests)), "is the size of another battery", "one set of each size"
                )
            sizes.add(len(tests))


def forms_fit_their_values(corpus: Corpus) -> Iterator[Problem]:
    """noisy_or is for two values; more than two are graded, so noisy_max or log_linear."""
    for document in corpus.of("finding"):
        if document.table["form"] == "noisy_or" and len(document.table["values"]) != 2:
            message = f"the finding has {len(document.table['values'])} values"
            yield document.problem(("form",), "noisy_or", message, "noisy_max for graded values", "noisy_max")


def block_fields_are_for_blocks(corpus: Corpus) -> Iterator[Problem]:
    """from_procedure, with_others and sedation are for block findings; one procedure record feeds one graded block.

    A block without from_procedure (discography, a hip block) is recorded like any other finding.
    """
    fed: dict[tuple[str, int], str] = {}
    for document in corpus.of("finding"):
        table = document.table
        used: list[Path_] = [(name,) for name in ("from_procedure", "sedation") if name in table]
        used += [("causes", i, "with_others") for i, cause in enumerate(table["causes"]) if "with_others" in cause]
        for path in used if table["kind"] != "block" else []:
            yield document.problem(path, "", "belongs to block findings only", "kind = block")
        if "from_procedure" in table and table["form"] != "log_linear":
            record = (table["from_procedure"]["procedure"], table["from_procedure"]["order"])
            if record in fed:
                message = f"number {record[1]} of this procedure already feeds {fed[record]!r}"
                yield document.problem(("from_procedure", "procedure"), record[0], message, "a record of its own")
            fed.setdefault(record, document.id)


def sedation_covers_every_value(corpus: Corpus) -> Iterator[Problem]:
    """Sedation states every value but the first."""
    for document in corpus.of("finding"):
        if "sedation" in document.table:
            found = [k for k in document.table["sedation"] if k != "prior"]
            yield from _covers(document, ("sedation",), found, document.table["values"][1:], "value but the first")


def concordance_goes_with_side_and_level(corpus: Corpus) -> Iterator[Problem]:
    """A finding recorded with a side or a level says how often it agrees with the generator's, and no other does."""
    for document in corpus.of("finding"):
        placed = document.table.get("sided", False) or document.table.get("located", False)
        if placed and "concordance" not in document.table:
            yield document.problem(("concordance",), "", "is missing: the finding is sided or located", "a probability")
        if not placed and "concordance" in document.table:
            yield document.problem(("concordance",), "", "the finding is neither sided nor located", "no concordance")


def told_by_a_side(corpus: Corpus) -> Iterator[Problem]:
    """What the side of another finding tells has two values, and that other finding is sided."""
    sided = [d.id for d in corpus.of("finding") if d.table.get("sided", False)]
    for document in corpus.of("finding"):
        source = document.table.get("from_side")
        if source is not None and source not in sided:
            yield document.problem(("from_side",), source, "is no sided finding", "a sided finding", nearest(source, sided))
        if source is not None and len(document.table["values"]) != 2:
            yield document.problem(("from_side",), source, "the finding has more than two values", "a finding of two values")


def bands_fit_their_values(corpus: Corpus) -> Iterator[Problem]:
    """Bounds rise and are one more than the values."""
    for document in corpus.of("context"):
        bounds = document.table.get("bounds")
        if bounds is None:
            continue
        wanted = len(document.table["values"]) + 1
        if len(bounds) != wanted or bounds != sorted(set(bounds)):
            yield document.problem(("bounds",), str(bounds), "the edges do not fit the values", f"{wanted} rising numbers")


def no_placeholder_remains(corpus: Corpus) -> Iterator[Problem]:
    """No text still says TO DO, as a fresh scaffold does."""
    for document in corpus.documents:
        for path, text in _texts(document.table, ()):
            if "TO DO" in text:
                yield document.problem(path, text, "is a placeholder of the scaffold", "the real text or number")


def _texts(value: Any, path: Path_) -> Iterator[tuple[Path_, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, (*path, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _texts(part, (*path, i))


LAWS = (
    no_placeholder_remains, causes_cover_every_value, leaks_and_bases_cover_every_value, context_bases_cover_every_setting,
    prevalence_covers_every_generator, natural_courses_cover_every_generator, families_have_members, batteries_are_of_their_family, forms_fit_their_values,
    block_fields_are_for_blocks, sedation_covers_every_value, concordance_goes_with_side_and_level, told_by_a_side, bands_fit_their_values,
)  # fmt: skip
