"""The pipeline that the sandbox starts knows only what the sandbox tells it."""

from pipeline.http.proxies import proxy_for
from pipeline.sandbox.process import environment_of


def test_neither_another_runs_settings_nor_a_proxy_reach_it() -> None:
    """The simulator is on this machine, where no proxy of a company leads."""
    environment = environment_of(
        {
            "PATH": "/bin",
            "AUDIENCE_PIPELINE__KAFKA__NAMESPACE": "other",
            "HTTP_PROXY": "http://proxy:3128",
            "NO_PROXY": "internal.example",
        }
    )

    assert environment["PATH"] == "/bin"
    assert not any(name.startswith("AUDIENCE_PIPELINE__") for name in environment)
    assert proxy_for("http://127.0.0.1:8080", environment) is None
