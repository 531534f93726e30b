"""The `spinecast` command: a table of commands, and one way of failing for all of them."""

from __future__ import annotations

import importlib
import os
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

import click

from spinecast import __version__
from spinecast.errors import SpinecastError, UnknownIdError
from spinecast.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """A command: one line of help, and either its function's place or the verbs below it (`default`: the one meant by none).

    `fit`: it answers from the fitted parameters and takes --fit.
    """

    help: str
    place: str = ""
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    default: str = ""
    fit: bool = False


VERBS: Mapping[str, Verb] = {
    "assess": Verb("Assess one patient: differential, ranking, plan and why.", "assess:assess", fit=True),
    "plan": Verb("Plan over one or two years: the best policy as a tree, beside waiting and fixed pathways.", "plan:plan"),
    "explain": Verb(
        "What speaks for and against each cause, what would explain it, what does not fit.", "explain:explain", fit=True
    ),
    "what-if": Verb("Change findings or numbers and see the answer before and after.", "what_if:what_if", fit=True),
    "next": Verb("What to ask or test next, and what the answer would be worth.", "next:next_", fit=True),
    "findings": Verb("List every finding, context and input that a patient file may hold.", "findings:findings"),
    "new": Verb(
        "Write a template to fill in: a patient file, or a new piece of knowledge.",
        verbs={
            "patient": Verb("A patient file.", "new:patient"),
            "outcome": Verb("An outcome, for a follow-up.", "new:outcome"),
            "records": Verb("A records file to learn from or to evaluate on.", "new:records"),
            "finding": Verb("A finding.", "new:finding"),
            "generator": Verb("A pain generator.", "new:generator"),
            "procedure": Verb("A procedure.", "new:procedure"),
            "rule": Verb("A rule.", "new:rule"),
        },
    ),
    "priors": Verb(
        "The knowledge base: check it, look things up, see what rests on evidence.",
        verbs={
            "check": Verb("Check every law of the data; names file, line and remedy.", "priors:check"),
            "show": Verb("Show one entry, evidence row or source, with what it cites and what cites it.", "priors:show"),
            "report": Verb("How many parameters rest on evidence, and how many are assumed.", "priors:report"),
            "pages": Verb("Write the generated reference pages anew.", "priors:pages"),
        },
    ),
    "profile": Verb(
        "Who benefits: what procedures add for people of a kind, beside the clinical roadmap.", "profile:profile", fit=True
    ),
    "rules": Verb(
        "The rule sets: list them, or compare what each permits for a patient.",
        verbs={
            "list": Verb("List every rule set and rule with its clause.", "rules:list_rules"),
            "compare": Verb(
                "What each rule set permits for one patient, with clauses and what is missing.", "rules:compare", fit=True
            ),
        },
        default="list",
    ),
    "update": Verb("Update an assessment with what was done and how it went.", "update:update", fit=True),
    "procedure": Verb("What a procedure adds, for how long, for whom, at what risk and cost.", "procedure:procedure"),
    "validate": Verb("Ask the model each published question about its own population.", "validate:validate", fit=True),
    "fit": Verb("Fit the parameters to the published figures.", "fit:fit"),
    "learn": Verb("Update the numbers by a clinic's own records.", "learn:learn", fit=True),
    "evaluate": Verb(
        "Calibration, discrimination and net benefit on records whose causes are known.", "evaluate:evaluate", fit=True
    ),
    "score": Verb("Score a file of many patients: one row of probabilities each.", "score:score", fit=True),
    "simulate": Verb("Draw patients from the model.", "simulate:simulate", fit=True),
    "sensitivity": Verb(
        "Which number moves the answer, and how wrong it must be before the first choice changes.",
        "sensitivity:sensitivity",
        fit=True,
    ),
    "psa": Verb("Draw every number at once: intervals, ranks, chance of being best, acceptability.", "psa:psa", fit=True),
    "voi": Verb(
        "What would be worth knowing: value of information, by group, number or study, and of a trial.", "voi:voi", fit=True
    ),
    "global": Verb("Which groups of numbers the answer varies with, all moved at once: Sobol, Morris.", "global_:global_"),
    "cite": Verb("BibTeX of exactly the sources behind a result.", "cite:cite"),
    "serve": Verb("Serve assessments and scores over HTTP.", "serve:serve", fit=True),
    "export": Verb(
        "Write the network for another program (BIF, XMLBIF, NET, UAI, XDSL), or the scorer as ONNX.",
        "export:export",
        fit=True,
    ),
}
"""Command to its module and function under `spinecast.cli`. A new command is one line here and one module."""


class VerbGroup(click.Group):
    """A group that imports a command's module only when that command runs; listing them imports none."""

    def __init__(self, verbs: Mapping[str, Verb], **settings: Any) -> None:
        super().__init__(**settings)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        verb = self.verbs.get(cmd_name)
        if verb is None:
            raise UnknownIdError("command", cmd_name, self.verbs)
        if verb.verbs:
            group = VerbGroup(
                verb.verbs, name=cmd_name, help=verb.help, context_settings=SETTINGS, invoke_without_command=bool(verb.default)
            )
            if verb.default:
                group.callback = _default(group, verb.default)
            return group
        module, function = verb.place.split(":")
        command: click.Command = getattr(importlib.import_module(f"spinecast.cli.{module}"), function)
        if verb.fit and not any(option.name == "fit" for option in command.params):
            command.params.append(_fit_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in self.verbs.items()])


def _default(group: VerbGroup, name: str) -> Callable[[], None]:
    """What a group does where no verb below it was given."""

    def callback() -> None:
        context = click.get_current_context()
        command = group.get_command(context, name)
        if context.invoked_subcommand is None and command is not None:
            context.invoke(command, as_json=False)

    return callback


def _fit_option() -> click.Option:
    """--fit, for every command that answers from the fitted parameters: it holds while the command runs."""

    def use(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value is None:
            return
        before = os.environ.get("SPINECAST_FIT")
        os.environ["SPINECAST_FIT"] = value

        def restore() -> None:
            if before is None:
                del os.environ["SPINECAST_FIT"]
            else:
                os.environ["SPINECAST_FIT"] = before

        ctx.call_on_close(restore)

    return click.Option(
        ["--fit"], metavar="FILE", expose_value=False, callback=use, help="Answer from this fit, which `spinecast learn` wrote."
    )


WIDTH = 100
"""Columns of a message."""

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(cls=VerbGroup, verbs=VERBS, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="spinecast")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.pass_obj
def spinecast(obj: dict[str, bool], debug: bool) -> None:
    """Which structures explain this spine pain, how sure that is, and what each procedure would add.

    A research and decision-support tool, not a medical device.
    """
    obj["debug"] = debug


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 the input is wrong, 1 anything else."""
    obj = {"debug": False}
    try:
        result = spinecast.main(arguments, prog_name="spinecast", standalone_mode=False, obj=obj)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SpinecastError as error:
        click.echo(_fitting(f"spinecast: {error}"), err=True)
        return error.exit_code
    except click.Abort:
        return 1
    except BrokenPipeError:
        # The reader has left (`spinecast findings | head`). The interpreter flushes once more on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  the last net: a message, never a bare traceback
        if obj["debug"]:
            import traceback

            traceback.print_exc()
        else:
            click.echo(f"spinecast: unexpected {type(error).__name__}: {error} (spinecast --debug … shows where)", err=True)
        return 1
    return result if isinstance(result, int) else 0


def _fitting(message: str) -> str:
    """A message in lines that a terminal shows whole; one line for another program, which may look for words in it."""
    if not sys.stderr.isatty():
        return message
    return textwrap.fill(message, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def main() -> None:
    """Entry point of the `spinecast` command."""
    sys.exit(run())
