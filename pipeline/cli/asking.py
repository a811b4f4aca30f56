"""Asks a person to type a sentence before a command does what cannot be undone."""

import typer


def is_typed(sentence: str, purpose: str = "to do it") -> bool:
    """Ask on standard error; whether the person types exactly this sentence."""
    return bool(typer.prompt(f'Type "{sentence}" {purpose}', err=True) == sentence)
