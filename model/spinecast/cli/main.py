"""The `spinecast` command: a table of commands, and one way of failing for all of them."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from spinecast import __version__
from spinecast.cli.options import Folder
from spinecast.cli.usage import in_our_words, refusal
from spinecast.errors import SpinecastError, UnknownIdError
from spinecast.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: one line of help, and either its function's place or the verbs below it (`default`: the one meant by none).

    `part`: the heading that it is listed under; `example` ends its help; `fit`: it answers from the fitted parameters and takes --fit.
    """

    help: str
    place: str = ""
    example: str = ""
    part: str = ""
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    default: str = ""
    fit: bool = False


ONE, WORDS, MANY = "One patient", "What the model knows", "Many patients, and records of your own"
SURE, REST = "How sure, and what would change it", "The fit, other programs, sources"

VERBS: Mapping[str, Verb] = {
    "assess": Verb(
        "Assess one patient: differential, ranking, plan and why.", "assess:assess",
        "spinecast assess examples/suitcase.toml --rule-set payer", part=ONE, fit=True,
    ),
    "plan": Verb(
        "Plan over one or two years: the best policy as a tree, beside waiting and fixed pathways.", "plan:plan",
        "spinecast plan examples/age_68.toml --horizon 52 --figure plan.svg", part=ONE, fit=True,
    ),
    "explain": Verb(
        "What speaks for and against each cause, what would explain it, what does not fit.", "explain:explain",
        "spinecast explain examples/age_68.toml --for facet_joint --only weight", part=ONE, fit=True,
    ),
    "what-if": Verb(
        "Change findings or numbers and see the answer before and after.", "what_if:what_if",
        "spinecast what-if examples/suitcase.toml straight_leg_raise=negative", part=ONE, fit=True,
    ),
    "next": Verb(
        "What to ask or test next, and what the answer would be worth.", "next:next_",
        "spinecast next examples/suitcase.toml --by bits --most 5", part=ONE, fit=True,
    ),
    "update": Verb(
        "Update an assessment with what was done and how it went.", "update:update",
        "spinecast update assessment.json week_4.toml", part=ONE, fit=True,
    ),
    "rules": Verb(
        "The rule sets: list them, or compare what each permits for a patient.",
        part=ONE,
        verbs={
            "list": Verb("List every rule set and rule with its clause.", "rules:list_rules", "spinecast rules"),
            "compare": Verb(
                "What each rule set permits for one patient, with clauses and what is missing.", "rules:compare",
                "spinecast rules compare examples/age_68.toml --rule-set guideline --rule-set payer", fit=True,
            ),
        },
        default="list",
    ),
    "findings": Verb(
        "List every finding, context and input that a patient file may hold.", "findings:findings",
        "spinecast findings --kind exam --search sacroiliac", part=WORDS,
    ),
    "new": Verb(
        "Write a template to fill in: a patient file, or a new piece of knowledge.",
        part=WORDS,
        verbs={
            "patient": Verb("A patient file.", "new:patient", "spinecast new patient ms_a.toml"),
            "outcome": Verb("An outcome, for a follow-up.", "new:outcome", "spinecast new outcome week_4.toml"),
            "records": Verb("A records file to learn from or to evaluate on.", "new:records", "spinecast new records clinic.csv"),
            "finding": Verb("A finding.", "new:finding", "spinecast new finding heel_drop"),
            "generator": Verb("A pain generator.", "new:generator", "spinecast new generator piriformis"),
            "procedure": Verb("A procedure.", "new:procedure", "spinecast new procedure piriformis_injection"),
            "rule": Verb("A rule.", "new:rule", "spinecast new rule no_injection_in_fever"),
        },
    ),
    "procedure": Verb(
        "What a procedure adds, for how long, for whom, at what risk and cost.", "procedure:procedure",
        "spinecast procedure transforaminal_epidural --figure epidural.png", part=WORDS, fit=True,
    ),
    "profile": Verb(
        "Who benefits: what procedures add for people of a kind, beside the clinical roadmap.", "profile:profile",
        "spinecast profile --figure profiles.png", part=WORDS, fit=True,
    ),
    "priors": Verb(
        "The knowledge base: check it, look things up, see what rests on evidence.",
        part=WORDS,
        verbs={
            "check": Verb("Check every law of the data; names file, line and remedy.", "priors:check", "spinecast priors check"),
            "show": Verb(
                "Show one entry, evidence row or source, with what it cites and what cites it.", "priors:show",
                "spinecast priors show straight_leg_raise",
            ),
            "report": Verb(
                "How many parameters rest on evidence, and how many are assumed.", "priors:report", "spinecast priors report"
            ),
            "pages": Verb("Write the generated reference pages anew.", "priors:pages", "spinecast priors pages docs/reference"),
        },
    ),
    "score": Verb(
        "Score a file of many patients: one row of probabilities each.", "score:score",
        "spinecast score patients.parquet forecasts.parquet --threads 2", part=MANY, fit=True,
    ),
    "simulate": Verb(
        "Draw patients from the model.", "simulate:simulate",
        "spinecast simulate 1000 --setting primary_care --findings 25 --out people.csv", part=MANY, fit=True,
    ),
    "learn": Verb(
        "Update the numbers by a clinic's own records.", "learn:learn", "spinecast learn clinic.csv --out clinic.npz", part=MANY, fit=True
    ),
    "evaluate": Verb(
        "Calibration, discrimination and net benefit on records whose causes are known.", "evaluate:evaluate",
        "spinecast evaluate clinic.csv --for facet_joint --without medial_branch_block_1", part=MANY, fit=True,
    ),
    "sensitivity": Verb(
        "Which number moves the answer, and how wrong it must be before the first choice changes.", "sensitivity:sensitivity",
        "spinecast sensitivity examples/suitcase.toml --flip", part=SURE, fit=True,
    ),
    "psa": Verb(
        "Draw every number at once: intervals, ranks, chance of being best, acceptability.", "psa:psa",
        "spinecast psa examples/suitcase.toml --show ceac --figure ceac.png", part=SURE, fit=True,
    ),
    "voi": Verb(
        "What would be worth knowing: value of information, by group, number or study, and of a trial.", "voi:voi",
        "spinecast voi examples/suitcase.toml --by source", part=SURE, fit=True,
    ),
    "global": Verb(
        "Which groups of numbers the answer varies with, all moved at once: Sobol, Morris.", "global_:global_",
        "spinecast global examples/suitcase.toml --method morris", part=SURE, fit=True,
    ),
    "validate": Verb(
        "Ask the model each published question about its own population.", "validate:validate",
        "spinecast validate --rows my_rows.csv", part=SURE, fit=True,
    ),
    "fit": Verb("Fit the parameters to the published figures.", "fit:fit", "spinecast fit --priors my_priors", part=REST),
    "export": Verb(
        "Write the network for another program (BIF, XMLBIF, NET, UAI, XDSL), or the scorer as ONNX.", "export:export",
        "spinecast export network.bif --setting primary_care", part=REST, fit=True,
    ),
    "serve": Verb("Serve assessments and scores over HTTP.", "serve:serve", "spinecast serve --port 8000", part=REST, fit=True),
    "cite": Verb("BibTeX of exactly the sources behind a result.", "cite:cite", "spinecast cite assessment.json > sources.bib", part=REST),
}  # fmt: skip
"""Command to its module and function under `spinecast.cli`. A new command is one line here and one module."""


WIDTH = 100
"""Columns of a message."""

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": WIDTH}
PRIORS, FIT = "SPINECAST_PRIORS", "SPINECAST_FIT"
EPILOG = "COMMAND --help shows its options and an example."


class VerbGroup(click.Group):
    """A group that imports a command's module only when that command runs; listing them imports none."""

    def __init__(self, verbs: Mapping[str, Verb], **settings: Any) -> None:
        super().__init__(invoke_without_command=True, subcommand_metavar="COMMAND …", epilog=EPILOG, **settings)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self.verbs.get(cmd_name)
        if verb is None and ctx.resilient_parsing:  # a shell asks how to complete what is not a command yet
            return None
        if verb is None:
            raise UnknownIdError("command", cmd_name, self.verbs)
        if verb.verbs:
            group = VerbGroup(verb.verbs, name=cmd_name, help=verb.help, context_settings=SETTINGS)
            group.callback = _default(group, verb.default)
            return group
        module, function = verb.place.split(":")
        command: click.Command = getattr(importlib.import_module(f"spinecast.cli.{module}"), function)
        if not command.epilog:  # loaded for the first time
            command.params += _common(verb)
            command.epilog = f"Example: {verb.example}"
        return in_our_words(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for part, verbs in groupby(self.verbs.items(), key=lambda item: item[1].part):
            with formatter.section(part or "Commands"):
                formatter.write_dl([(name.ljust(max(map(len, self.verbs))), verb.help) for name, verb in verbs])


def _default(group: VerbGroup, name: str) -> Callable[[], None]:
    """What a group does where no verb below it was given: its default, or say what there is."""

    def callback() -> None:
        context = click.get_current_context()
        if context.invoked_subcommand is None and (command := group.get_command(context, name) if name else None):
            context.invoke(command, as_json=False)
        elif context.invoked_subcommand is None:
            click.echo(context.get_help())

    return callback


def _standing_for(variable: str, *names: str, **settings: Any) -> click.Option:
    """An option that stands for an environment variable; `run` takes it back."""

    def use(_ctx: click.Context, _option: click.Parameter, value: object) -> None:
        if value is not None:
            os.environ[variable] = str(value)

    return click.Option([*names], expose_value=False, callback=use, **settings)


@contextmanager
def environment_kept(*variables: str) -> Iterator[None]:
    """Environment variables are afterwards what they were before."""
    before = {name: os.environ.get(name) for name in variables}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _common(verb: Verb) -> Iterator[click.Option]:
    """What a command of the table takes besides its own: another knowledge base (read first: other options are names in it), another fit."""
    about = "Another knowledge base, fitted with `spinecast fit`."
    yield _standing_for(PRIORS, "--priors", metavar="DIR", type=Folder("evidence"), is_eager=True, help=about)
    if verb.fit:
        yield _standing_for(FIT, "--fit", metavar="FILE", help="Answer from this fit, which `spinecast learn` wrote.")


@click.group(cls=VerbGroup, verbs=VERBS, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="spinecast")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.pass_obj
def spinecast(obj: dict[str, bool], debug: bool) -> None:
    """Which structures explain this spine pain, how sure that is, and what each procedure would add.

    A research and decision-support tool, not a medical device.
    """
    obj["debug"] = debug
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 the input is wrong, 1 anything else."""
    obj = {"debug": False}
    try:
        with environment_kept(PRIORS, FIT):
            result = spinecast.main(arguments, prog_name="spinecast", standalone_mode=False, obj=obj)
        sys.stdout.flush()
    except click.UsageError as error:
        return _refused(refusal(error))
    except SpinecastError as error:
        return _refused(error)
    except click.Abort:
        return 1
    except BrokenPipeError:
        # The reader has left (`spinecast findings | head`). The interpreter flushes once more on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  the last net: a message, never a bare traceback
        _unexpected(error, debug=obj["debug"])
        return 1
    return result if isinstance(result, int) else 0


def _refused(error: SpinecastError) -> int:
    click.echo(_fitting(f"spinecast: {error}"), err=True)
    return error.exit_code


def _unexpected(error: Exception, *, debug: bool) -> None:
    """Say what went wrong and where; the message itself, which may hold what a patient file does, only where asked for."""
    import traceback

    if debug:
        traceback.print_exception(error)
        return
    last = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(
        f"spinecast: unexpected {type(error).__name__} at {Path(last.filename).name}:{last.lineno}; this is a fault of spinecast, please "
        "report it (spinecast --debug … shows the whole message)", err=True,
    )  # fmt: skip


def _fitting(message: str) -> str:
    """A message in lines that a terminal shows whole; one line for another program, which may look for words in it."""
    if not sys.stderr.isatty():
        return message
    return textwrap.fill(message, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def main() -> None:
    """Entry point of the `spinecast` command.

    A command makes many records and hardly a cycle of them. Looking for cycles time and again, and through everything once
    more at the end, would cost a start a twentieth of its time.
    """
    gc.set_threshold(GARBAGE)
    code = run()
    gc.freeze()
    sys.exit(code)


GARBAGE = 200_000
"""New containers after which Python looks for cycles among them."""
