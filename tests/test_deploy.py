"""What is deployed is true: every panel and alert asks for series that exist, and limits agree."""

import json
import re
from pathlib import Path

import pytest
import yaml

from pipeline.configuration.load import load
from pipeline.configuration.model import Settings
from pipeline.destinations.registry import PARTNERS
from tests.alerts.promql import faults
from tests.configuration.amazon import amazon

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "audience-pipeline.json"


def read_yaml(path: Path) -> dict[str, object]:
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def dig(node: object, *path: str | int) -> object:
    for key in path:
        assert isinstance(node, dict | list)
        node = node[key]  # type: ignore[index]  # a list takes places and a mapping takes names
    return node


def alerts() -> list[dict[str, object]]:
    groups = dig(read_yaml(DEPLOY / "prometheus" / "alerts.yml"), "groups")
    assert isinstance(groups, list)
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[tuple[str, str]]:
    """Title and expression of every target of every panel."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def services() -> dict[str, dict[str, object]]:
    found = dig(read_yaml(DEPLOY / "compose.yaml"), "services")
    assert isinstance(found, dict)
    return found


def compose_settings() -> Settings:
    environment = dig(services()["pipeline"], "environment")
    assert isinstance(environment, dict)
    return load(DEPLOY / "compose.config.yaml", environment)


@pytest.mark.parametrize(("title", "expression"), panels())
def test_every_panel_asks_for_series_that_exist(title: str, expression: str) -> None:
    assert list(faults(expression)) == [], title


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_every_alert_asks_for_series_that_exist(alert: dict[str, object]) -> None:
    assert list(faults(str(alert["expr"]))) == []


def test_whatever_an_alert_of_snapshots_asks_for_is_drawn_on_the_dashboard() -> None:
    """
    Whoever is called looks there first.
    """
    series = r"\baudience_snapshot_\w+"
    asked_for = {name for alert in alerts() for name in re.findall(series, str(alert["expr"]))}
    drawn = {name for _, expression in panels() for name in re.findall(series, expression)}

    assert "audience_snapshot_members_unfit" in asked_for
    assert asked_for - drawn == set()


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum(rate(audience_jobs_total[5m])", "( is not closed"),
        ("audience_lane_state{state=~'x'", None),
        ('audience_lane_state{status="blocked"}', "audience_lane_state has no label status"),
        ("sum by (state) (audience_lanes)", "asks for no series"),
        (
            "sum by (reason) (audience_lane_state)",
            "no series of this expression has the label reason",
        ),
        ("mean(audience_buffered_bytes)", "no function mean"),
        ("audience_buffered_bytes / audience_buffer_limit", "no series audience_buffer_limit"),
    ],
)
def test_a_wrong_expression_is_found_out(expression: str, fault: str | None) -> None:
    if fault is None:
        with pytest.raises(AssertionError, match="not PromQL"):
            list(faults(expression))
    else:
        assert fault in list(faults(expression))


def test_every_alert_has_its_heading_in_the_runbook_and_every_heading_its_alert() -> None:
    runbook = (DEPLOY / "README.md").read_text(encoding="utf-8")

    headings = re.findall(r"^### (\w+)$", runbook, re.MULTILINE)

    assert sorted(headings) == sorted(str(alert["alert"]) for alert in alerts())


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_every_alert_says_how_bad_it_is_and_where_to_read_on(alert: dict[str, object]) -> None:
    anchor = f"deploy/README.md#{str(alert['alert']).lower()}"

    assert dig(alert, "labels", "severity") in {"page", "ticket"}
    assert dig(alert, "annotations", "runbook") == anchor
    assert dig(alert, "annotations", "summary")


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_no_page_ends_because_a_process_was_restarted(alert: dict[str, object]) -> None:
    """
    A new process begins its gauges and counters anew. So a page looks back far enough to see what
    the former process said, or goes on firing for a while.
    """
    if dig(alert, "labels", "severity") != "page":
        return

    looks_back = re.search(r"\[1h\]", str(alert["expr"])) is not None
    assert looks_back or "keep_firing_for" in alert


# Not all of their labels are known at the start of a process, so these may begin with a failure.
NOT_MADE_AT_START = {
    "audience_partition_errors_total",  # grows as long as the error lasts: the second one is seen
    "audience_jobs_wholly_invalid_total",  # of an audience that left the configuration
    "audience_offsets_lost_total",  # of partitions of upstream topics
}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_sees_the_first_failure_of_a_counter(alert: dict[str, object]) -> None:
    """
    `increase` needs a sample before the failure: a zero at start, or the question what is new.
    """
    expression = str(alert["expr"])
    for counter in set(re.findall(r"increase\((\w+)", expression)) & NOT_MADE_AT_START:
        assert re.search(rf"unless\s+{counter} offset 1h", expression), counter


def test_no_panel_of_the_dashboard_lies_on_another() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    places = [panel["gridPos"] for panel in dashboard["panels"]]

    taken = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("choice", ["connection", "snapshots"])
def test_what_can_be_chosen_comes_from_a_series_that_exists(choice: str) -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    [query] = [
        variable["definition"]
        for variable in dashboard["templating"]["list"]
        if variable["name"] == choice
    ]

    match = re.fullmatch(r"label_values\((\w+), (\w+)\)", query)

    assert match is not None
    assert list(faults(f"sum by ({match[2]}) ({match[1]})")) == []


def test_prometheus_finds_the_rules_and_the_pipeline() -> None:
    config = read_yaml(DEPLOY / "prometheus" / "prometheus.yml")

    assert config["rule_files"] == ["alerts.yml"]
    assert dig(config, "scrape_configs", 0, "job_name") == "audience-pipeline"
    discovery = dig(config, "scrape_configs", 0, "dns_sd_configs", 0)
    assert dig(discovery, "names") == ["pipeline"]
    assert dig(discovery, "port") == compose_settings().admin.port


def test_the_pipeline_of_compose_has_time_to_drain_before_it_is_killed() -> None:
    grace = str(services()["pipeline"]["stop_grace_period"])

    assert float(grace.removesuffix("s")) > compose_settings().run.grace_seconds


def test_only_what_has_the_admin_port_is_asked_for_its_health_there() -> None:
    """
    The image's own check would call every other command of ours ill for ever.
    """
    others = {
        name: service
        for name, service in services().items()
        if service["image"] == "audience-pipeline:local" and dig(service, "command", 0) != "run"
    }

    assert set(others) == {"simulator", "traffic"}
    assert all("healthcheck" in service for service in others.values())


def test_the_configuration_of_compose_names_services_that_are_there() -> None:
    settings = compose_settings()

    destination = amazon(settings)
    assert settings.kafka.bootstrap_servers.split(":")[0] in services()
    assert str(destination.api_url).startswith("http://simulator:8080")
    assert "simulator" in services()
    assert settings.kafka.exactly_once


def test_from_outside_the_containers_everything_is_where_the_local_configuration_expects_it() -> (
    None
):
    """
    So that `produce`, `ledger` and the other commands reach compose with config/local.yaml.
    """
    local = load(ROOT / "config" / "local.yaml", {})
    composed = compose_settings()

    ports = {
        name: str(dig(services()[name], "ports", 0)).removeprefix("127.0.0.1:").split(":")[0]
        for name in ("kafka", "simulator")
    }
    listeners = str(dig(services()["kafka"], "environment", "KAFKA_ADVERTISED_LISTENERS"))
    assert local.kafka.bootstrap_servers == f"localhost:{ports['kafka']}"
    assert f"OUTSIDE://{local.kafka.bootstrap_servers}" in listeners
    destination = local.destinations["amazon-na"]
    partner = PARTNERS[destination.kind]
    assert partner.base_url(destination) == f"http://localhost:{ports['simulator']}"
    assert local.kafka.namespace == composed.kafka.namespace
    assert [one.topic for one in local.sources] == [one.topic for one in composed.sources]
    assert local.audiences[0] == composed.audiences[0]


def test_nothing_of_the_memory_limit_is_taken_by_the_buffer_alone() -> None:
    limit = str(dig(services()["pipeline"], "deploy", "resources", "limits", "memory"))

    assert int(limit.removesuffix("m")) * 2**20 > 2 * compose_settings().upload.buffer_bytes


@pytest.mark.parametrize("name", services())
def test_every_container_is_locked_down_and_bounded(name: str) -> None:
    service = services()[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(dig(service, "deploy", "resources", "limits")) == {"cpus", "memory", "pids"}  # type: ignore[call-overload]
    assert service.get("read_only") is True or str(service["image"]).startswith("apache/kafka:")
    assert not str(service["image"]).endswith(":latest")
    assert ":" in str(service["image"])


@pytest.mark.parametrize("name", services())
def test_no_port_is_open_beyond_this_machine(name: str) -> None:
    ports = services()[name].get("ports", [])

    assert isinstance(ports, list)
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_not_root_and_installs_only_what_is_locked_by_hash() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    final = dockerfile[dockerfile.rindex("\nFROM ") :]

    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in final
    assert "HEALTHCHECK" in final
    assert 'ENTRYPOINT ["audience-pipeline"]' in final
    assert "pip install --require-hashes --only-binary=:all: -r requirements.lock" in dockerfile


def test_all_that_the_dockerfile_copies_passes_the_dockerignore() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {
        source.removeprefix("./")
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
        for source in sources.split()
    }

    assert {f"!{source}" for source in copied} == {each for each in ignore if each.startswith("!")}
