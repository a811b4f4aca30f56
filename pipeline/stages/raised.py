"""Says which error was raised and where, without its text: that may quote a person's data."""


def place_of(error: BaseException) -> str:
    """Return the type of an error, and the function and line that raised it."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None:
        return type(error).__name__
    code = at.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_qualname}, line {at.tb_lineno}"
