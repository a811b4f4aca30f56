"""The endpoint for the credentials of the storage that the partner provides."""

from collections.abc import Mapping

from pipeline.sandbox.adobe_audiences.answers import Refusal, malformed
from pipeline.sandbox.adobe_audiences.calls import Call
from pipeline.sandbox.adobe_audiences.faults import Fault
from pipeline.sandbox.adobe_audiences.violations import Violations
from pipeline.sandbox.adobe_audiences.vocabulary import NOT_FOUND
from pipeline.sandbox.any_partner.reply import Reply


class LandingZone:
    """Answers with the given credentials; it has no files itself."""

    def __init__(self, credentials: Mapping[str, object], violations: Violations) -> None:
        self._credentials = credentials
        self._violations = violations

    def show(self, call: Call, _: Fault) -> Reply:
        if call.query.get("type") != "user_drop_zone":
            raise malformed("type must be user_drop_zone")
        if not self._credentials:
            raise Refusal(404, "there is no landing zone", NOT_FOUND)
        return Reply(200, dict(self._credentials))

    def refresh(self, call: Call, fault: Fault) -> Reply:
        """Record a violation: this makes the credentials of all other users invalid."""
        self._violations.add("refreshed_credentials", "the landing zone has other users, too")
        return self.show(call, fault)
