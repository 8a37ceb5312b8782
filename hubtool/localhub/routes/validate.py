"""The Hub's verdict on a card, before it is committed."""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from hubtool.localhub.call import Answer, Call, api
from hubtool.localhub.refusal import Refusal
from hubtool.localhub.validate import validate_card


def routes() -> list[Route]:
    """The route of this family."""
    path = "/api/validate-yaml"
    return [api(path, validate, name="validate-yaml", methods=["POST"], body="json")]


def validate(call: Call) -> Answer:
    """200 or 400 with errors and warnings; as text for a client that accepts only that."""
    content = call.field("content")
    if not isinstance(content, str):
        raise Refusal(400, '"content" is required and must be a string')
    verdict = validate_card(content)
    if call.request.headers.get("accept", "").startswith("text/plain"):
        return PlainTextResponse(verdict.to_text(), status_code=verdict.status)
    return JSONResponse(verdict.to_json(), status_code=verdict.status)
