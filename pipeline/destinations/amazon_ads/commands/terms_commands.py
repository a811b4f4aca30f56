"""The commands `terms`: show and accept the AMC terms of a region."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pipeline.destinations.amazon_ads.terms import (
    Terms,
    compose_acceptance,
    compose_terms,
    interpret_acceptance,
    interpret_terms,
)
from pipeline.destinations.asking import learn
from pipeline.destinations.control import (
    Api,
    Block,
    Command,
    CommandFailed,
    Group,
    Parameter,
    Question,
)

GROUP = Group("terms", "The AMC terms; accept them before uploads to AMC.")
BLOCK_END = re.compile(r"</(?:p|div|li|tr|h[1-6]|ul|ol)>|<br\s*/?>", re.IGNORECASE)
TAG = re.compile(r"<[^>]*>")
NO_TOKEN = "the partner shows no agreement token; accept the terms in the AMC console"  # noqa: S105
AgreementToken = Annotated[
    str | None,
    Parameter(help="The token of the text that you read (`terms show`); skips the question."),
]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The terms are accepted, by this command or before it."""

    destination: str
    is_new: bool


async def show_terms(api: Api) -> Terms:
    """Show the terms, and whether the person who granted access has accepted them."""
    return await learn(api, compose_terms(), interpret_terms)


async def accept_terms(api: Api, *, agreement_token: AgreementToken = None) -> Acceptance:
    """Accept the terms, for the person who granted access and for the region."""
    if (await show_terms(api)).has_accepted:
        return Acceptance(api.destination, is_new=False)
    if agreement_token is None:
        raise CommandFailed(NO_TOKEN)
    await learn(api, compose_acceptance(agreement_token), interpret_acceptance)
    return Acceptance(api.destination, is_new=True)


async def confirm_acceptance(
    api: Api, *, agreement_token: AgreementToken = None
) -> Question | None:
    """The question with the text; None if its token was given or it is already accepted.

    The confirmation accepts the text that was shown, and no later version.
    """
    if agreement_token is not None:
        return None
    terms = await show_terms(api)
    if terms.has_accepted:
        return None
    return Question(
        shown=plain(terms.agreement_content or ""),
        purpose="to accept these terms",
        sentence="accept",
        refusal="the terms were not accepted",
        chosen={"agreement_token": terms.agreement_token},
    )


def plain(content: str) -> list[str]:
    """The lines of an HTML text, without its tags.

    >>> plain("<h1>Terms</h1><p>Do &amp; don't.</p>")
    ['Terms', "Do & don't."]
    """
    text = html.unescape(TAG.sub("", BLOCK_END.sub("\n", content)))
    return [line for line in text.splitlines() if line.strip()]


def _shown(terms: Terms) -> Sequence[Block]:
    facts = {"has_accepted": terms.has_accepted, "agreement_token": terms.agreement_token}
    return [*plain(terms.agreement_content or ""), facts]


def _accepted(done: Acceptance) -> Sequence[Block]:
    if done.is_new:
        return [f"terms accepted for {done.destination}"]
    return [f"the terms are already accepted for {done.destination}"]


TERMS_COMMANDS = (
    Command(group=GROUP, name="show", run=show_terms, shown=_shown),
    Command(
        group=GROUP, name="accept", run=accept_terms, confirm=confirm_acceptance, shown=_accepted
    ),
)
