"""Shows step by step how one field gets its hash, to find out why a value did not match.

It runs the same code as the rendering of records, not a copy of it.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from pipeline.destinations.amazon_ads.rendering import AMAZON_NAMES
from pipeline.identity.countries import country_code
from pipeline.identity.normalize.fields import FIELDS, field_named
from pipeline.identity.normalize.placeholders import NOBODYS, digest_of, is_placeholder
from pipeline.identity.normalize.profile import STEPS

_PLACEHOLDER = "a placeholder and not a real value: it would link strangers"


class UnknownField(ValueError):
    """There is no field or country of this name; the message lists the known ones."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All steps of one value on its way to the partner; the repr does not show the value."""

    name: str
    """The key in `hashedPII`."""
    country: str | None
    steps: tuple[tuple[str, str], ...] = field(repr=False)
    """Each step, with the value after it."""
    sha256: str | None = field(repr=False)
    """The hash that is sent; None if the field is left out."""
    omitted_because: str | None
    """Why the field is left out, without its value."""


def explained(name: str, value: str, country: str | None = None) -> Explanation:
    """The steps from `value` to its hash, or to the reason why there is none.

    `name` may be the native event's (`first_name`) or Amazon's (`firstname`); `country` as upstream
    writes it. Raises `UnknownField` for a field or country that does not exist.

    >>> explained("city", "San José", "us").steps[-1]
    ('keep a-z 0-9', 'sanjos')
    >>> explained("email", "nobody").omitted_because
    'empty after "one @, a name and a dotted domain, or nothing"'
    """
    known = field_named(name)
    if known is None:
        raise UnknownField(f"no field of this name; there are {', '.join(FIELDS)}")
    code = country_code(country) if country else None
    if country and code is None:
        raise UnknownField("no country of this name; give an ISO 3166 alpha-2 code such as DE")
    digest = digest_of(known, value)
    if digest is not None:
        return _of_digest(AMAZON_NAMES[known], code, digest)
    if is_placeholder(known, value):
        return _left_out(AMAZON_NAMES[known], code, (), _PLACEHOLDER)
    steps: list[tuple[str, str]] = []
    for step, done in STEPS[known]:
        value = done(value, code)
        steps.append((step, value))
    if not value or value in NOBODYS[known]:
        because = _PLACEHOLDER if value else _emptied_by(steps)
        return _left_out(AMAZON_NAMES[known], code, tuple(steps), because)
    return Explanation(
        name=AMAZON_NAMES[known],
        country=code,
        steps=tuple(steps),
        sha256=sha256(value.encode()).hexdigest(),
        omitted_because=None,
    )


def _left_out(
    name: str, country: str | None, steps: tuple[tuple[str, str], ...], because: str
) -> Explanation:
    return Explanation(
        name=name, country=country, steps=steps, sha256=None, omitted_because=because
    )


def _of_digest(name: str, country: str | None, digest: str) -> Explanation:
    return Explanation(
        name=name,
        country=country,
        steps=(("hashed already: passed on in small letters", digest),) if digest else (),
        sha256=digest or None,
        omitted_because=None
        if digest
        else "already hashed, but not with SHA-256, or the hash of an empty text or a placeholder: "
        "it can match nobody",
    )


def _emptied_by(steps: list[tuple[str, str]]) -> str:
    return f'empty after "{next(step for step, value in steps if not value)}"'
