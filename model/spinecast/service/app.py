"""The application: routes, and what they have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

import spinecast
from spinecast.assessment.assess import DEFAULT_DRAWS, DEFAULT_SEED, assess
from spinecast.assessment.files import MOST_BYTES
from spinecast.assessment.model import Model, load_model
from spinecast.decision.settings import DEFAULT_DEPTH, MONEY
from spinecast.errors import InputError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.scoring.forecaster import DIFFERENTIAL, Forecaster, outputs_named
from spinecast.scoring.ranking import DecisionChoices
from spinecast.service import metrics, openapi, problems, stream
from spinecast.service.answers import StreamAnswer, json_answer, problem_answer
from spinecast.service.gate import Gate
from spinecast.service.limits import Limits
from spinecast.service.problems import Problem
from spinecast.service.reading import patient_of
from spinecast.service.shell import Shell

OPTIONS = ("rule_set", "willingness_to_pay", "horizon_weeks", "value_in", "depth", "draws", "seed")
SCORE_OPTIONS = ("outputs", "rule_set", "willingness_to_pay", "horizon_weeks")
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Served:
    """What the routes share."""

    model: Model
    forecaster: Forecaster
    limits: Limits
    gate: Gate
    counters: metrics.Metrics


def create_app(priors: Path | None = None, limits: Limits | None = None) -> FastAPI:
    """The service as an ASGI application.

    Parameters
    ----------
    priors : path, optional
        A knowledge base with its fit; the installed one by default. It is loaded here, before anything is served.
    limits : Limits, optional

    Raises
    ------
    PriorsError, ArtefactError
        As `load_model`.
    """
    limits = limits or Limits()
    served = Served(load_model(priors), Forecaster.load(priors), limits, Gate(limits), metrics.Metrics())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        served.gate.close()

    app = FastAPI(title="spinecast", version=spinecast.__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.served = served
    app.add_middleware(Shell, limits=limits, metrics=served.counters)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _option_problem)
    _routes(app, served)
    _described(app, served)
    return app


def _described(app: FastAPI, served: Served) -> None:
    """The OpenAPI document with its components, made when it is first asked for."""
    plain = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = openapi.completed(plain(), served.forecaster)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _routes(app: FastAPI, served: Served) -> None:
    @app.post(
        "/v1/assess", tags=["patients"], summary="Assess one patient",
        openapi_extra={"requestBody": openapi.patient_body()},
        responses={200: {"description": "The answer, as `spinecast assess --json`", "content": {JSON: {"schema": openapi.ref("Assessment")}}},
                   **openapi.problem_answers(400, 413, 415, 422, 503)},
    )  # fmt: skip
    async def assess_one(
        request: Request,
        rule_set: Annotated[str | None, Query(description="Whose rules hold; the patient's own, else guideline.")] = None,
        willingness_to_pay: Annotated[
            float | None, Query(ge=0, allow_inf_nan=False, description="Money for a quality-adjusted life year.")
        ] = None,
        horizon_weeks: Annotated[float | None, Query(gt=0, le=52, allow_inf_nan=False, description="Weeks looked ahead.")] = None,
        value_in: Annotated[str, Query(description="money, or relief_weeks to leave cost out.")] = MONEY,
        depth: Annotated[int, Query(ge=1, le=4, description="Decisions that a plan looks ahead.")] = DEFAULT_DEPTH,
        draws: Annotated[int, Query(ge=2, le=1000, description="Parameter draws behind the intervals.")] = DEFAULT_DRAWS,
        seed: Annotated[int, Query(ge=0, le=2**32 - 1, description="Seed of the outcome draws.")] = DEFAULT_SEED,
    ) -> Response:
        """Differential, ranking, flags, plan and why. Options are those of `spinecast assess`."""
        _known_options(request, OPTIONS)
        _media_type(request, JSON)
        patient = patient_of(await _body(request))

        def answer() -> dict[str, Any]:
            return assess(
                patient, rule_set=rule_set, willingness_to_pay=willingness_to_pay, horizon_weeks=horizon_weeks,
                value_in=value_in, depth=depth, draws=draws, seed=seed, model=served.model,
            ).to_dict()  # fmt: skip

        try:
            found = await served.gate.run(answer)
        except InputError as error:
            raise problems.of_input(error) from None
        served.counters.scored(1)
        return json_answer(found)

    @app.post(
        "/v1/score", tags=["patients"], summary="Score a stream of patients",
        openapi_extra={"requestBody": openapi.stream_body(served.limits)},
        responses={200: {"description": "One line (`Score`) for each line, in order, as they are scored; a last line "
                                        '`{"problem": ...}` where something goes wrong on the way',
                         "content": {stream.MEDIA_TYPE: {"schema": {"type": "string"}}}},
                   **openapi.problem_answers(400, 408, 413, 415, 422, 503)},
    )  # fmt: skip
    async def score(
        request: Request,
        outputs: Annotated[str, Query(description="differential, ranking, or both with a comma.")] = DIFFERENTIAL,
        rule_set: Annotated[
            str | None, Query(description="Of a ranking: whose rules hold; the patient's own, else guideline.")
        ] = None,
        willingness_to_pay: Annotated[
            float | None, Query(ge=0, allow_inf_nan=False, description="Of a ranking: money for a quality-adjusted life year.")
        ] = None,
        horizon_weeks: Annotated[
            float | None, Query(gt=0, le=52, allow_inf_nan=False, description="Of a ranking: weeks of benefit that count.")
        ] = None,
    ) -> Response:
        """Probabilities of every generator and level; with outputs=ranking the value of every action one decision ahead, what the rules
        permit, and the first choice. A line that is not lawful gets its reason, and the others their scores."""
        _known_options(request, SCORE_OPTIONS)
        try:
            asked = stream.Asked(outputs_named(outputs), DecisionChoices(rule_set, willingness_to_pay, horizon_weeks))
            asked.choices.settings(served.model.priors)
        except InputError as error:
            raise problems.of_input(error) from None
        _media_type(request, stream.MEDIA_TYPE, "application/ndjson", "application/jsonl")
        lines = stream.lines_of(request.stream(), served.limits)
        return StreamAnswer(stream.scored(lines, served.forecaster, served.gate, asked), served.counters.scored)

    @app.get("/v1/vocabulary", tags=["vocabulary"], summary="What a patient can hold",
             responses={200: {"description": "Ids, values, units and meanings",
                              "content": {JSON: {"schema": {"type": "object"}}}},
                        304: {"description": "As it was (If-None-Match)"}})  # fmt: skip
    async def vocabulary(request: Request) -> Response:
        """Every finding, context and input, as `spinecast findings --json`; changes with the priors only."""
        tag = f'"{served.model.priors.content_hash}"'
        headers = {"ETag": tag, "Cache-Control": "max-age=300"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return json_answer({"model": _model(served), "vocabulary": served.forecaster.vocabulary()}, headers)

    @app.get("/healthz", tags=["operations"], summary="Is the process alive?")
    async def healthz() -> Response:
        """Always ok while it can answer at all."""
        return json_answer({"status": "ok"})

    @app.get("/readyz", tags=["operations"], summary="Would a request be served now?",
             responses=openapi.problem_answers(503))  # fmt: skip
    async def readyz() -> Response:
        """Which model answers; 503 while as many wait as may wait."""
        if served.gate.full:
            raise Problem(503, "busy", "as many requests are waiting as may wait", headers={"Retry-After": "1"})
        return json_answer({"status": "ready", "model": _model(served)})

    @app.get("/metrics", tags=["operations"], summary="Counters, in the text format of Prometheus",
             responses={200: {"description": "Counters", "content": {"text/plain": {"schema": {"type": "string"}}}}})  # fmt: skip
    async def counters() -> Response:
        """Requests by route and status, durations, people; no label holds anything of a request."""
        gauges = {"running": served.gate.running, "waiting": served.gate.waiting}
        return Response(served.counters.text(gauges), media_type=metrics.MEDIA_TYPE)


def _model(served: Served) -> dict[str, str]:
    priors = served.model.priors
    return {"version": spinecast.__version__, "priors_hash": priors.content_hash, "fit_hash": served.model.fit_hash}


def _known_options(request: Request, options: Sequence[str]) -> None:
    """A misspelt option would otherwise be another rule set than was meant."""
    for name in request.query_params:
        if name not in options:
            raise problems.of_input(UnknownIdError("option", name, options))


def _media_type(request: Request, *allowed: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        raise Problem(415, "media_type", f"expected {' or '.join(allowed)}", headers={"Accept": allowed[0]})


async def _body(request: Request) -> bytes:
    """The whole body of one patient, within the limit of a patient file."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise Problem(413, "too_large", f"a patient has at most {MOST_BYTES:,} bytes")
    return body


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kinds = {404: "not_found", 405: "method_not_allowed"}
    kind = kinds.get(error.status_code, "bad_request")
    return problem_answer(Problem(error.status_code, kind, str(error.detail), headers=error.headers))


async def _option_problem(_: Request, error: Exception) -> Response:
    """A query parameter that is not what it should be; says which and why, and not what was given."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return problem_answer(Problem(422, "invalid_value", f"{name}: {first['msg']}", field=name, expected=first["msg"]))
