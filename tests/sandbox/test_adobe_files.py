from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.adobe_audiences.csv_file import BadFile, read_rows
from pipeline.sandbox.adobe_audiences.definitions import Definition, Field
from pipeline.sandbox.adobe_audiences.files import FolderFiles
from pipeline.sandbox.adobe_audiences.namespaces import is_identity
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from tests.sandbox.adobe_client import csv, digest, partner

LARGEST = 10_000
ANA = digest("ana")


def definition(kind: str = "string", namespace: str = "email_lc_sha256") -> Definition:
    return Definition(
        name="vip",
        fields=[Field(name="id", type="string", namespace=namespace), _column(kind)],
        path="vip",
        is_folder=True,
        ttl_days=30,
        custom_id=None,
        said={},
    )


def _column(kind: str) -> Field:
    return Field(name="tier", type=kind, namespace=None)


def read(text: str | bytes, kind: str = "string") -> dict[str, list[str]]:
    raw = text if isinstance(text, bytes) else text.encode()
    return {name: list(row) for name, row in read_rows(raw, definition(kind), LARGEST).items()}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\n", "header"),
        ("id,level\n", "header"),
        ("tier,id\n", "header"),
        ("id,tier\n", "no row"),
        (f'id,tier\n"{ANA}"\n', "1 cells"),
        (f'id,tier\n"{ANA}",a,b\n', "3 cells"),
        (f'id,tier\n"{ANA}","a"\n\n', "0 cells"),
        (f'id,tier\n"{ANA}","a"', "last line"),
        (f'id,tier\n"{ANA}","a""b"\n', "quote"),
        (f'id,tier\n"{ANA}","a\\b"\n', "backslash"),
        (f'id,tier\n"{ANA}","a\nb"\n', "control"),
        (f'id,tier\n"{ANA}","a\n', "no CSV"),
        ('id,tier\n"ana@example.com","a"\n', "identity"),
        (f'id,tier\n"{ANA}","a"\n"","b"\n', "identity"),
        (b"\xef\xbb\xbfid,tier\n", "byte order"),
        (b"id,tier\n\xff\n", "UTF-8"),
        ("id,tier\n" + "x" * LARGEST, "bytes"),
    ],
)
def test_a_file_against_the_rules_is_refused_with_the_reason(text: str | bytes, why: str) -> None:
    """
    And no cell is quoted in it.
    """
    with pytest.raises(BadFile, match=why) as caught:
        read(text)

    assert "ana@" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("number", ["1", "1.5", "-2e3", ""], ["one", "1,5"]),
        ("integer", ["1", "-1", ""], ["1.0", "9223372036854775808", " 1", "1_0"]),
        ("long", ["9223372036854775807"], ["x"]),
        ("boolean", ["true", "false", ""], ["True", "1"]),
        ("date", ["2025-05-13", ""], ["13.05.2025", "2025-05-32"]),
        ("datetime", ["2025-05-23T20:19:00+00:00"], ["2025-05-23T20:19:00", "today"]),
        ("string", ["", "a, b"], []),
    ],
)
def test_cells_are_of_the_type_of_their_column(
    kind: str, right: list[str], wrong: list[str]
) -> None:
    """
    Empty is no value, whatever the type.
    """
    for cell in right:
        assert read(f'id,tier\n"{ANA}","{cell}"\n', kind)[ANA][1] == cell
    for cell in wrong:
        with pytest.raises(BadFile, match=f"no {kind}"):
            read(f'id,tier\n"{ANA}","{cell}"\n', kind)


@given(
    st.dictionaries(
        st.text(max_size=5).map(digest),
        st.text(st.characters(exclude_categories=["C"], exclude_characters='"\\'), max_size=9),
        min_size=1,
        max_size=9,
    )
)
def test_every_row_is_found_under_its_identity(rows: dict[str, str]) -> None:
    """
    Commas and letters of any script among the cells.
    """
    text = "id,tier\n" + "".join(f'"{name}","{cell}"\n' for name, cell in rows.items())

    assert {name: [name, cell] for name, cell in rows.items()} == {
        name: list(row) for name, row in read_rows(text.encode(), definition(), 10**6).items()
    }


@pytest.mark.parametrize(
    ("namespace", "right", "wrong"),
    [
        ("email_lc_sha256", ANA, ANA.upper()),
        ("Email", "ana@example.com", "ana"),
        ("phone_sha256_e.164", ANA, "+12065550100"),
        ("Phone", "+12065550100", "2065550100"),
        ("ECID", "1" * 38, "1" * 37),
        ("GAID", "cdda802e-fb9c-47ad-9866-0794d394c912", "cdda802e"),
        ("crm", "c-1", " c-1"),
    ],
)
def test_an_identity_has_the_form_of_its_namespace(namespace: str, right: str, wrong: str) -> None:
    """
    Customers' own namespaces take anything without blanks around it.
    """
    assert is_identity(namespace, right)
    assert not is_identity(namespace, wrong)
    assert not is_identity(namespace, "")


def test_only_files_directly_in_the_folder_are_found(tmp_path: Path) -> None:
    """
    Files of other folders are other audiences'.
    """
    (tmp_path / "vip" / "deeper").mkdir(parents=True)
    (tmp_path / "vip" / "1.csv").write_text("a")
    (tmp_path / "vip" / "deeper" / "2.csv").write_text("b")
    files = FolderFiles(tmp_path)

    assert [one.path for one in files.find("vip", is_folder=True)] == ["vip/1.csv"]
    assert [one.path for one in files.find("vip/1.csv", is_folder=False)] == ["vip/1.csv"]
    assert files.find("nobody", is_folder=True) == []


async def test_a_run_over_a_file_against_the_rules_fails_in_its_first_stage(
    tmp_path: Path,
) -> None:
    """
    The members stay, and the violation is counted.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        await running.ingested(audience, csv("ana"))
        run = await running.ingested(audience, csv("bob", header="mail,tier,age"), name="2.csv")
        members = await running.simulator.membership()
        violations = await running.violations()

    details = run["details"]
    assert isinstance(details, list)
    assert [(one["stage"], one["status"]) for one in details] == [("DATASET_INGEST", "FAILED")]
    assert run["status"] == "FAILED"
    assert list(members[audience]) == [ANA]
    assert violations == {"bad_file": 1}


async def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """
    The partner recommends ten gigabytes at most.
    """
    async with partner(tmp_path, SimulatorOptions(largest_file_bytes=10)) as running:
        audience = await running.created()
        run = await running.ingested(audience, csv("ana"))

    assert run["status"] == "FAILED"
