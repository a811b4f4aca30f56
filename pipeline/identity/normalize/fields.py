"""The fields of an identity, by their names in the native event."""

from typing import Final, Literal, get_args

Field = Literal["email", "phone", "first_name", "last_name", "address", "city", "state", "postal"]

FIELDS: Final[tuple[Field, ...]] = get_args(Field)


def field_named(name: str) -> Field | None:
    """The field of this name, or None; `firstname` and `First_Name` also mean `first_name`.

    >>> field_named("firstname")
    'first_name'
    """
    letters = name.strip().lower().replace("_", "").replace("-", "")
    return next((field for field in FIELDS if field.replace("_", "") == letters), None)
