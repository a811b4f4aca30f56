"""How the partner words its answers. It does not say what the body of an error looks like."""

from typing import Literal, TypeAlias

from pipeline.sandbox.adobe_audiences.vocabulary import BAD_REQUEST, TITLES
from pipeline.sandbox.any_partner.reply import Reply

ErrorForm: TypeAlias = Literal["code", "problem", "text", "empty"]
"""`code` is the gateway's `error_code` and `message`, `problem` has type, title, status, detail."""


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        *,
        breaks_rule: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.breaks_rule = breaks_rule
        """A client that knows the API does not send such a request."""


def malformed(message: str) -> Refusal:
    """The request is not as the API says."""
    return Refusal(400, message, BAD_REQUEST, breaks_rule=True)


def error(status: int, code: str, message: str, form: ErrorForm) -> Reply:
    """An error in one of the forms that a client has to understand."""
    title = TITLES.get(code, "")
    match form:
        case "code":
            said = f"{title}: {message}" if title else message
            return Reply(status, {"error_code": code, "message": said})
        case "problem":
            return Reply(
                status,
                {
                    "type": f"https://ns.adobe.com/aep/errors/{code}",
                    "title": title or message,
                    "status": status,
                    "detail": message,
                },
            )
        case "text":
            return Reply(status, f"<html><body>{code} {title} {message}</body></html>")
        case "empty":
            return Reply(status)


class LoginRefusal(Exception):
    """A login that is answered with an OAuth error."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
