"""What `check` has to say is there for programs, too."""

import json
from pathlib import Path

from tests.cli.test_commands import _logging_is_put_back, run
from tests.configuration.test_example_files import CONNECTION, Example, destination, target

__all__ = ["_logging_is_put_back"]


def test_advice_stands_among_the_findings_and_leaves_the_configuration_valid(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    secret.chmod(0o644)
    keys = destination(client_secret_file=str(secret), batch={"linger_seconds": 5_000})
    del keys["client_secret"]
    example = Example().put("destinations.amazon-na", keys).put("sources", [])
    example.put("audiences.0.destinations.0.connection_id", "5a523424")

    checked = run(["check", "--json", "--config", str(example.write(tmp_path))])

    warnings = [
        one["text"] for one in checked.found["findings"] if one["text"].startswith("warning: ")
    ]
    assert checked.found["is_valid"] is True
    assert len(warnings) == 4
    for said in (
        "warning: sources: none",
        "warning: destinations.amazon-na.batch.linger_seconds: 5000 is longer",
        "warning: destinations.amazon-na.connection_id: '5a523424' does not look like",
        "warning: destinations.amazon-na.client_secret_file: every user of this machine can read",
    ):
        assert any(one.startswith(said) for one in warnings), said


def test_what_is_refused_stands_among_the_problems_each_with_its_key_and_remedy(
    tmp_path: Path,
) -> None:
    keys = destination(poll={"requests_per_second": 0.1})
    example = Example().put("destinations.amazon-na", keys).put("destinations.second", keys)
    example.put(
        "audiences.0.destinations.1", target(audience_id=2, connection_id=CONNECTION.upper())
    )
    example.put("audiences.1", {"audience": "x", "destinations": [target(destination="second")]})

    checked = run(["check", "--json", "--config", str(example.write(tmp_path))])

    report = json.loads(checked.out)
    assert checked.code == 2
    assert {one["path"] for one in report["problems"]} == {
        "destinations.amazon-na.poll.requests_per_second",
        "destinations.second.poll.requests_per_second",
        "audiences[0].destinations[1].connection_id",
        "audiences[1].destinations[0].connection_id",
        "audiences[1].destinations[0].audience_id",
    }
    assert all(one["remedy"] for one in report["problems"])
