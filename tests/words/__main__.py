"""Says where a given-up word stands: `python -m tests.words`; exit code 1 where there is one."""

import sys

from tests.words.search import ROOT, Finding, files, findings, is_allowed
from tests.words.table import ALLOWED, GIVEN_UP


def main() -> int:
    """Print what is found, and the allowances that nothing needs any more."""
    found = all_findings()
    for finding in found:
        if not is_allowed(finding, ALLOWED):
            print(finding)
    for one in ALLOWED:
        if not any(is_allowed(finding, [one]) for finding in found):
            print(f'note: nothing below {one.path} needs "{one.word}" any more', file=sys.stderr)
    return int(any(not is_allowed(finding, ALLOWED) for finding in found))


def all_findings() -> list[Finding]:
    return [
        finding
        for path in files()
        for finding in findings(
            path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"), GIVEN_UP
        )
    ]


if __name__ == "__main__":
    sys.exit(main())
