"""Asks a person to type a sentence before something is done that cannot be undone."""

import typer


def is_typed(sentence: str, purpose: str = "to do it") -> bool:
    """Whether the person types exactly this sentence; they are asked on standard error."""
    return bool(typer.prompt(f'Type "{sentence}" {purpose}', err=True) == sentence)
