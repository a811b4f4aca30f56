"""The media type and the form of errors of each service of the partner."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.sandbox.any_partner.reply import Reply


class Refusal(Exception):
    """Raised to answer a request with an error; `spelling` is the name of its message field."""

    def __init__(
        self, status: int, message: str, spelling: Literal["message", "Message"] = "message"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.spelling = spelling


ErrorBody: TypeAlias = Callable[[Refusal, str], object]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One service's media type and its form of an error."""

    media_type: str
    error_body: ErrorBody

    def refuse(self, refusal: Refusal, request_id: str) -> Reply:
        return Reply(refusal.status, self.error_body(refusal, request_id))


def _message(refusal: Refusal, _: str) -> object:
    return {refusal.spelling: refusal.message}


def _message_and_request(refusal: Refusal, request_id: str) -> object:
    return {"message": refusal.message, "requestId": request_id}


def _code_and_details(refusal: Refusal, _: str) -> object:
    return {"code": str(refusal.status), "details": refusal.message}


def _message_with_errors(refusal: Refusal, request_id: str) -> object:
    kind = "INVALID_ARGUMENT" if refusal.status in (400, 422) else "SERVICE_ERROR"
    return {
        "message": refusal.message,
        "requestId": request_id,
        "errors": [{"errorType": kind, "field": "", "message": refusal.message}],
    }


def _login(refusal: Refusal, request_id: str) -> object:
    error, _, description = refusal.message.partition(": ")
    return {
        "error": error,
        "error_description": description or "The request failed.",
        "request_id": request_id,
    }


AUDIENCES = Dialect("application/vnd.amcaudiences.v1+json", _message)
CONNECTIONS = Dialect("application/vnd.amcaudiencesconnections.v1+json", _message_and_request)
INSTANCES = Dialect("application/vnd.amcinstances.v1+json", _code_and_details)
PROFILES = Dialect("application/json", _code_and_details)
ADVERTISERS = Dialect("application/json", _message_with_errors)
LOGIN = Dialect("application/json", _login)
"""A message of the form `code: description` becomes the two fields of an OAuth error."""
GATEWAY = Dialect("application/json", _message)
