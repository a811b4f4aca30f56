"""Shows a newly created audience, with the lines that the configuration needs."""

from collections.abc import Mapping, Sequence

from pipeline.destinations.control import Block


def made_lines(audience_id: object, upstream: str, target: Mapping[str, object]) -> Sequence[Block]:
    """The lines to print. `upstream` is the upstream name; `target` has the keys of the file."""
    said = ", ".join(f"{key}: {_written(value)}" for key, value in target.items())
    return [
        f"audience made: {audience_id}",
        "to send members to it, the configuration needs:",
        "",
        "audiences:",
        f"  - audience: {upstream}",
        "    destinations:",
        f"      - {{{said}}}",
    ]


def _written(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_written(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)
