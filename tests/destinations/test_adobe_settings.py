"""What a destination and a target at Adobe may say, and what a budget of runs comes to."""

from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import ValidationError

from pipeline.configuration.load import load
from pipeline.destinations.adobe_audiences.advice import advice
from pipeline.destinations.adobe_audiences.budget import budget_of, too_few_runs
from pipeline.destinations.adobe_audiences.file_shape import folder_of, rendering_of, source_path
from pipeline.destinations.adobe_audiences.partner import ADOBE_AUDIENCES
from pipeline.destinations.adobe_audiences.settings import AdobeSettings, SnapshotSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.storage_settings import (
    AzureBlobSettings,
    FolderSettings,
    GcsSettings,
    S3Settings,
    SftpSettings,
)
from pipeline.settings.shape import Shape
from pipeline.settings.translation import problems_of
from tests.destinations.adobe import AUDIENCE, EMAIL, NAME, settings, target

ROOT = Path(__file__).parents[2]


def refusal_of_target(**keys: object) -> str:
    with pytest.raises(ValidationError) as refused:
        target(**keys)
    problems = problems_of(refused.value, Shape(AdobeTarget), keys)
    return "; ".join(one.line("") for one in problems)


def refusal(**keys: object) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(**keys)
    problems = problems_of(refused.value, Shape(AdobeSettings), keys)
    return "; ".join(one.line("") for one in problems)


@pytest.mark.parametrize(
    ("namespace", "instead"),
    [
        ("Email", "email_lc_sha256"),
        ("email", "email_lc_sha256"),
        ("EMAIL", "email_lc_sha256"),
        ("Phone", "phone_sha256_e.164"),
        ("phone_e.164", "phone_sha256_e.164"),
    ],
)
@pytest.mark.parametrize("source", ["email", "phone", "member_id", "attributes.x"])
def test_a_namespace_of_plain_personal_data_is_refused(
    namespace: str, instead: str, source: str
) -> None:
    said = refusal_of_target(identity={"namespace": namespace, "from": source})

    assert "never leaves ingest" in said
    assert instead in said


@pytest.mark.parametrize("source", ["email", "phone", "first_name", "postal", "whatever"])
def test_a_namespace_of_ones_own_is_never_filled_with_a_plain_field(source: str) -> None:
    said = refusal_of_target(identity={"namespace": "crm", "from": source})

    assert "must be member_id or attributes.NAME" in said


@pytest.mark.parametrize(
    ("namespace", "source", "instead"),
    [
        ("email_sha256", "email", "email_lc_sha256"),
        ("phone_sha256", "phone", "phone_sha256_e.164"),
    ],
)
def test_a_misspelt_hashed_namespace_is_answered_with_the_one_that_was_meant(
    namespace: str, source: str, instead: str
) -> None:
    said = refusal_of_target(identity={"namespace": namespace, "from": source})

    assert f"for a namespace like {namespace!r}, your own" in said
    assert f"with from: {source}, write namespace: {instead}" in said


def test_the_documents_name_every_key_of_every_storage() -> None:
    """
    The reference shows the keys of one kind only, and says the others in a comment.
    """
    page = (ROOT / "docs" / "adobe.md").read_text(encoding="utf-8")
    reference = (ROOT / "config" / "reference.yaml").read_text(encoding="utf-8")
    for model in (S3Settings, GcsSettings, AzureBlobSettings, SftpSettings, FolderSettings):
        # A secret is named by its file.
        keys = {
            key
            for key in model.model_fields
            if key != "kind" and f"{key}_file" not in model.model_fields
        }
        kind = get_args(model.model_fields["kind"].annotation)[0]
        [row] = [
            line
            for line in page.splitlines()
            if line.startswith(f"| `{kind}` |") and all(f"`{key}`" in line for key in keys)
        ]
        [comment] = [line for line in reference.splitlines() if f"# {kind}: " in line]
        assert row
        assert {key for key in keys if key not in comment} == set()


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ({"kind": "sfpt"}, "storage.kind: must be one of 'landing_zone', "),
        ({"kind": "sfpt"}, "did you mean 'sftp'?"),
        ({"kind": "ftp_server"}, "choose one of these"),
        (
            {"kind": "landing_zone", "path": "x"},
            "storage.path: unknown key; another kind of this section has it; remove it, or",
        ),
        (
            {"kind": "folder", "path": "x", "pth": "x"},
            "storage.pth: unknown key; did you mean 'path'",
        ),
        ({"bucket": "b"}, "storage.kind: is required and missing; add 'kind: …'"),
        ("s3", "storage: must be a mapping: a text; write keys below it"),
    ],
)
def test_a_storage_of_no_known_kind_is_refused_by_its_kind(storage: object, said: str) -> None:
    assert said in refusal(storage=storage)


@pytest.mark.parametrize("name", ["email", "E-Mail", "phoneNumber", "first_name", "postal-code"])
def test_an_attribute_that_is_personal_by_its_name_leaves_in_no_column(name: str) -> None:
    identity = refusal_of_target(identity={"namespace": "crm", "from": f"attributes.{name}"})
    column = refusal_of_target(columns=[{"name": "c", "from": f"attributes.{name}"}])

    assert "names plain personal data" in identity
    assert "names plain personal data" in column


def test_a_hashed_namespace_is_filled_from_its_own_field_alone() -> None:
    said = refusal_of_target(identity={"namespace": "email_lc_sha256", "from": "attributes.hash"})

    assert "must be email" in said


@pytest.mark.parametrize("source", ["email", "member", "attributes.", "member_id.x"])
def test_a_column_is_the_members_id_or_an_attribute(source: str) -> None:
    assert "must be member_id or attributes.NAME" in refusal_of_target(
        columns=[{"name": "c", "from": source}]
    )


@pytest.mark.parametrize("name", ["Tier", "IDENTITY"])
def test_names_of_columns_differ_by_more_than_letter_case(name: str) -> None:
    columns = [{"name": "tier", "from": "attributes.a"}, {"name": name, "from": "attributes.b"}]

    assert "name of another column" in refusal_of_target(columns=columns)


@pytest.mark.parametrize("name", ["a b", "a-b", "1a", "ä", ""])
def test_a_column_has_a_name_that_adobe_takes(name: str) -> None:
    assert "must be a name for a column" in refusal_of_target(
        columns=[{"name": name, "from": "attributes.a"}]
    )


def test_there_are_at_most_41_fields() -> None:
    columns = [{"name": f"c{number}", "from": "attributes.a"} for number in range(41)]

    assert len(target(columns=columns[:40]).columns) == 40
    assert "no more than 40 entries, and has 41" in refusal_of_target(columns=columns)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"storage": {"kind": "s3", "bucket": "b"}}, "base_connection_id: is required"),
        ({"storage": {"kind": "gcs", "bucket": "b"}}, "base_connection_id: is required"),
        ({"contract": "draft"}, "base_connection_id: is required with contract draft"),
        (
            {"storage": {"kind": "landing_zone"}, "base_connection_id": "x"},
            "base_connection_id: has no meaning",
        ),
        ({"snapshot": {"runs_per_day": 101}}, "snapshot.runs_per_day: must be at most 100"),
        ({"snapshot": {"quiet_seconds": 9, "max_wait_seconds": 8}}, "max_wait_seconds: must not"),
        ({"contract": "old"}, "contract"),
        ({"client_secret": None}, "client_secret: is required and missing"),
    ],
)
def test_settings_that_cannot_work_are_refused(keys: dict[str, object], said: str) -> None:
    assert said in refusal(**keys)


@pytest.mark.parametrize(
    ("written", "base"),
    [
        (None, "https://platform.adobe.io"),
        ("https://gateway.example/data/core/ais", "https://gateway.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://gateway.example/adobe", "https://gateway.example/adobe"),
    ],
)
def test_the_address_may_name_the_service_or_what_stands_before_it(
    written: str | None, base: str
) -> None:
    assert ADOBE_AUDIENCES.base_url(settings(api_url=written)) == base


def test_a_path_with_a_blank_is_refused() -> None:
    storage = {"kind": "s3", "bucket": "b", "prefix": "my files"}
    blank = settings(storage=storage, base_connection_id="1")
    mended = settings(storage=storage, base_connection_id="1", source_prefix="b/my-files")

    [problem] = ADOBE_AUDIENCES.problems(blank, [])
    assert problem.path == ("source_prefix",)
    assert not list(ADOBE_AUDIENCES.problems(mended, []))


def test_all_audiences_of_a_sandbox_share_one_lane() -> None:
    """
    What it is counted for in topics, metrics and the lock file; the budget of runs is one.
    """
    assert target().lane() == "snapshots"
    assert target().lane_keys() == {"destination": "adobe-prod"}
    assert target().with_audience("other").audience() == "other"


class TestFiles:
    def test_a_folder_is_told_by_its_name_and_is_the_audiences_alone(self) -> None:
        usual = folder_of(settings(), target(), "VIP / customers!")

        others = [
            folder_of(settings(), target(), "VIP / customers"),
            folder_of(settings(sandbox="stage"), target(), "VIP / customers!"),
            folder_of(settings(org_id="x@AdobeOrg"), target(), "VIP / customers!"),
            folder_of(settings(), target(destination="adobe-2"), "VIP / customers!"),
            folder_of(
                settings(),
                target(identity={"namespace": "crm", "from": "member_id"}),
                "VIP / customers!",
            ),
        ]
        assert usual.startswith("vip-customers-")
        assert len({usual, *others}) == 6
        assert all(one.isascii() and " " not in one and "/" not in one for one in others)

    def test_a_folder_stays_where_it_is_when_columns_change(self) -> None:
        """
        The partner keeps it for the life of an audience; stale rows block the audience instead.
        """
        more = target(columns=[{"name": "tier", "from": "attributes.tier"}])

        assert folder_of(settings(), more, NAME) == folder_of(settings(), target(), NAME)
        assert rendering_of(settings(), more) != rendering_of(settings(), target())

    def test_a_name_without_a_single_letter_of_a_folder_has_one_all_the_same(self) -> None:
        assert folder_of(settings(), target(), "客户").startswith("audience-")

    @pytest.mark.parametrize(
        ("keys", "path"),
        [
            ({"storage": {"kind": "folder", "path": "x"}}, "vip"),
            ({"storage": {"kind": "landing_zone"}}, "dlz-user-container/vip"),
            (
                {
                    "storage": {"kind": "s3", "bucket": "b", "prefix": "a/c/"},
                    "base_connection_id": "1",
                },
                "b/a/c/vip",
            ),
            (
                {"storage": {"kind": "gcs", "bucket": "b"}, "base_connection_id": "1"},
                "b/vip",
            ),
            (
                {
                    "storage": {"kind": "gcs", "bucket": "b"},
                    "base_connection_id": "1",
                    "source_prefix": "/other/",
                },
                "other/vip",
            ),
        ],
    )
    def test_the_partner_is_told_of_it_as_its_connection_sees_it(
        self, keys: dict[str, object], path: str
    ) -> None:
        assert source_path(settings(**keys), "vip") == path

    @pytest.mark.parametrize(
        "changed",
        [
            {"identity": {"namespace": "crm", "from": "member_id"}},
            {"columns": [{"name": "a", "from": "attributes.a"}]},
            {"columns": [{"name": "a", "from": "attributes.a", "type": "number"}]},
            {"columns": [{"name": "a", "from": "attributes.b"}]},
            {"identity": {"namespace": "email_lc_sha256", "from": "email", "column": "mail"}},
        ],
    )
    def test_whatever_changes_a_row_changes_the_name_of_the_rendering(
        self, changed: dict[str, object]
    ) -> None:
        assert rendering_of(settings(), target(**changed)) != rendering_of(settings(), target())

    def test_labels_and_life_leave_rows_as_they_are(self) -> None:
        plain = target(columns=[{"name": "a", "from": "attributes.a"}])
        labelled = target(
            columns=[{"name": "a", "from": "attributes.a", "labels": ["core/C2"]}], ttl_days=60
        )

        assert rendering_of(settings(), plain) == rendering_of(settings(), labelled)


class TestBudget:
    @pytest.mark.parametrize(
        ("audiences", "keys", "how_many", "time"),
        [
            (1000, {}, "1,000 audiences", "11 days"),
            (1, {}, "1 audience", "3 hours"),
            (10, {"runs_per_audience_and_day": 48}, "10 audiences", "3 hours"),
            (
                *(1, {"min_interval_seconds": 1800, "runs_per_audience_and_day": 90}),
                *("1 audience", "30 minutes"),
            ),
        ],
    )
    def test_it_says_in_one_sentence_what_it_comes_to(
        self, audiences: int, keys: dict[str, float], how_many: str, time: str
    ) -> None:
        found = budget_of(SnapshotSettings.model_validate(keys), audiences)

        assert found.sentence() == (
            f"{how_many}, 90 runs a day: each refreshed every {time}, removals take up to {time}"
        )

    @pytest.mark.parametrize(("audiences", "is_refused"), [(1350, False), (1351, True)])
    def test_it_is_refused_where_a_run_comes_later_than_half_of_a_life(
        self, audiences: int, is_refused: bool
    ) -> None:
        """
        30 days of life, 90 runs a day: 1350 audiences have one in 15 days.
        """
        problems = list(too_few_runs(settings(), [target()] * audiences))

        assert bool(problems) is is_refused
        assert all("more than half of the shortest ttl_days" in one.what for one in problems)

    def test_the_shortest_life_counts(self) -> None:
        targets = [target(ttl_days=90)] * 899 + [target(ttl_days=19)]

        assert list(too_few_runs(settings(), targets))

    def test_one_audience_with_long_intervals_is_refused_too(self) -> None:
        slow = settings(snapshot={"min_interval_seconds": 86_400})

        assert list(too_few_runs(slow, [target(ttl_days=1)]))
        assert not list(too_few_runs(slow, [target(ttl_days=2)]))
        assert not list(too_few_runs(slow, []))

    def test_where_it_cannot_keep_what_is_wanted_an_advice_says_so(self) -> None:
        kept, broken = [target()] * 90, [target()] * 91

        assert not list(advice(settings(), kept))
        [line] = advice(settings(), broken)
        assert line.startswith("snapshot.runs_per_day: 91 audiences, 90 runs a day")
        assert "removals_within_seconds (86400)" in line


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"api_url": "http://adobe.example"}, "api_url"),
        ({"token_url": "http://adobe.example"}, "token_url"),
        ({"org_id": "org"}, "org_id"),
        ({"consent": {"amazon_flags": "count"}}, "consent.amazon_flags"),
    ],
)
def test_what_may_not_be_meant_is_said(keys: dict[str, object], key: str) -> None:
    [line] = advice(settings(**keys), [])

    assert line.startswith(f"{key}: ")


def test_secrets_of_the_storage_come_from_the_environment_too(tmp_path: Path) -> None:
    """
    Whichever kind the storage is of: the keys of every kind are known to variables.
    """
    section = {
        "kind": "adobe_external_audiences",
        "org_id": "org@AdobeOrg",
        "client_id": "client",
        "storage": {"kind": "azure_blob", "account": "a", "container": "c"},
    }
    said = {"destination": "adobe", "identity": EMAIL, "external_audience_id": AUDIENCE}
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "sources": [{"topic": "cdp"}],
                "destinations": {"adobe": section},
                "audiences": [{"audience": NAME, "destinations": [said]}],
            }
        )
    )
    prefix = "AUDIENCE_PIPELINE__DESTINATIONS__ADOBE__"

    found = load(
        path, {f"{prefix}CLIENT_SECRET": "hush", f"{prefix}STORAGE__SAS_TOKEN": "sv=1&sig=hush"}
    )

    destination = found.destinations["adobe"]
    assert isinstance(destination, AdobeSettings)
    assert isinstance(destination.storage, AzureBlobSettings)
    assert destination.storage.sas_token is not None
    assert "hush" not in repr(found)


def test_secrets_are_shown_nowhere() -> None:
    said = settings(client_secret="p8e-hush")

    assert "hush" not in repr(said)
    assert "hush" not in repr(said.credentials())
