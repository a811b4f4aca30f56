"""What the configuration tells the metrics beforehand, of destinations of both kinds."""

from pathlib import Path

from pipeline.configuration.load import load
from pipeline.operations.known_labels import known_labels
from tests.cli.snapshot_operator import VIP, adobe, audience
from tests.configuration.test_example_files import Example


def test_audiences_of_snapshots_are_known_as_such_and_as_no_lane(tmp_path: Path) -> None:
    example = Example().put("destinations.adobe-prod", adobe())
    example.put("audiences.1", audience("gold-customers", VIP))

    known = known_labels(load(example.write(tmp_path), {}))

    assert known.snapshots == [("adobe-prod", VIP)]
    assert {lane.destination for lane in known.lanes} == {"amazon-na"}
    assert {lane.destination for lane, _ in known.audiences} == {"amazon-na"}
    assert not any(".members." in topic for topic, _ in known.partitions)
