"""The partner's answers. The shape of an error's body is not documented, so there are several."""

from typing import Literal, TypeAlias

from pipeline.sandbox.adobe_audiences.vocabulary import BAD_REQUEST, TITLES
from pipeline.sandbox.any_partner.reply import Reply

ErrorForm: TypeAlias = Literal["code", "problem", "text", "empty"]
"""`code`: the gateway's `error_code` and `message`; `problem`: type, title, status, detail."""


class Refusal(Exception):
    """Raised to answer a request with an error."""

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
        """Whether a correct client never sends such a request."""


def malformed(message: str) -> Refusal:
    """The refusal of a request that breaks a rule of the API."""
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
    """Raised to answer a login with an OAuth error."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
