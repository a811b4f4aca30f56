from pathlib import Path

import pytest

from pipeline.sandbox.adobe_audiences.answers import ErrorForm
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from tests.sandbox.adobe_client import HEADERS, Answer, Partner, partner

PATH = "/external-audience/unknown/runs"
LOGIN = {
    "grant_type": "client_credentials",
    "client_id": "client",
    "client_secret": "secret",
    "scope": "openid,AdobeID",
}


async def login(running: Partner, **more: str | None) -> Answer:
    form = "&".join(f"{key}={value}" for key, value in (LOGIN | more).items() if value is not None)
    return await running.call(
        "POST",
        running.simulator.token_url,
        form.encode(),
        headers={
            "Authorization": None,
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )


async def asked(running: Partner, **headers: str | None) -> Answer:
    return await running.call(
        "GET", PATH, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def test_whoever_brings_everything_is_let_in(tmp_path: Path) -> None:
    """
    The 404 is the service's, behind the gate.
    """
    async with partner(tmp_path) as running:
        answer = await asked(running)

    assert (answer.status, answer["error_code"]) == (404, "100940-404")


@pytest.mark.parametrize("name", sorted(HEADERS))
async def test_every_header_is_required(tmp_path: Path, name: str) -> None:
    """
    Token, client, organisation and sandbox, on every call.
    """
    async with partner(tmp_path) as running:
        answer = await running.call("GET", PATH, headers={name: None})
        violations = await running.violations()

    assert (answer.status, answer["error_code"]) == (401, "100920-401")
    assert violations == {"broken_request": 1}


async def test_a_token_that_is_not_good_is_a_bad_request(tmp_path: Path) -> None:
    """
    Unlike everywhere else it is a 400; it is nobody's mistake, so it is not counted as one.
    """
    async with partner(tmp_path) as running:
        unknown = await asked(running, Authorization="Bearer other")
        basic = await asked(running, Authorization="Basic static")
        violations = await running.violations()

    assert (unknown.status, unknown["error_code"]) == (400, "100911-400")
    assert (basic.status, basic["error_code"]) == (400, "100911-400")
    assert violations == {}


@pytest.mark.parametrize(
    ("header", "code"),
    [("x-gw-ims-org-id", "100921-401"), ("x-sandbox-name", "100922-401")],
)
async def test_another_organisation_or_sandbox_is_not_let_in(
    tmp_path: Path, header: str, code: str
) -> None:
    """
    A new token would change nothing.
    """
    options = SimulatorOptions(org_id="org@AdobeOrg", sandbox="prod")
    async with partner(tmp_path, options) as running:
        right = await asked(running)
        wrong = await running.call("GET", PATH, headers={header: "other"})

    assert (right.status, wrong.status, wrong["error_code"]) == (404, 401, code)


async def test_a_token_is_good_for_its_client_and_its_time(tmp_path: Path) -> None:
    """
    Seconds are what `expires_in` says.
    """
    async with partner(tmp_path, SimulatorOptions(token_seconds=100)) as running:
        token = await login(running)
        bearer = f"Bearer {token['access_token']}"
        fresh = await asked(running, Authorization=bearer)
        other = await asked(running, Authorization=bearer, x_api_key="somebody")
        running.time.now += 100
        old = await asked(running, Authorization=bearer)

    assert token.body == {
        "access_token": token["access_token"],
        "token_type": "bearer",
        "expires_in": 100,
    }
    assert (fresh.status, other.status, old.status) == (404, 403, 400)


async def test_all_tokens_can_be_made_useless(tmp_path: Path) -> None:
    """
    For clients that have to log in anew.
    """
    async with partner(tmp_path) as running:
        token = await login(running)
        running.simulator.expire_tokens()
        answer = await asked(running, Authorization=f"Bearer {token['access_token']}")

    assert answer["error_code"] == "100911-400"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "wrong"}, "invalid_client"),
        ({"scope": None}, "invalid_request"),
        ({"client_secret": None}, "invalid_request"),
    ],
)
async def test_a_login_that_is_wrong_is_refused(
    tmp_path: Path, more: dict[str, str | None], error: str
) -> None:
    """
    In the form of OAuth.
    """
    options = SimulatorOptions(client_id="client", client_secret="secret")
    async with partner(tmp_path, options) as running:
        answer = await login(running, **more)

    assert (answer.status, answer["error"]) == (400, error)


async def test_media_types_are_checked(tmp_path: Path) -> None:
    """
    JSON where there is a body, and for the answer; the guide's samples forget it.
    """
    async with partner(tmp_path) as running:
        audience = await running.created()
        path = f"/external-audience/{audience}"
        text = await running.call("PATCH", path, {}, headers={"Content-Type": "text/plain"})
        none = await running.call("POST", f"{path}/runs", {}, headers={"Content-Type": None})
        charset = {"Content-Type": "application/json; charset=utf-8"}
        fine = await running.call("PATCH", path, {}, headers=charset)
        xml = await asked(running, Accept="text/xml")

    assert (text.status, none.status, fine.status, xml.status) == (415, 415, 200, 406)


@pytest.mark.parametrize(
    ("form", "keys"),
    [
        ("code", {"error_code", "message"}),
        ("problem", {"type", "title", "status", "detail"}),
        ("text", None),
        ("empty", None),
    ],
)
async def test_errors_come_in_every_form_that_a_client_must_understand(
    tmp_path: Path, form: ErrorForm, keys: set[str] | None
) -> None:
    """
    The partner does not say which one it is.
    """
    async with partner(tmp_path, SimulatorOptions(error_form=form)) as running:
        answer = await asked(running)

    assert answer.status == 404
    assert (set(answer.body) if isinstance(answer.body, dict) else None) == keys
