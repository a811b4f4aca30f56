"""Answers questions about the status of a job in the partner's form."""

from dataclasses import dataclass

from pipeline.sandbox.amazon_ads.calls import Call
from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.amazon_ads.job_runs import Job, JobBook
from pipeline.sandbox.amazon_ads.members import Memberships
from pipeline.sandbox.any_partner.reply import Reply


@dataclass(frozen=True, slots=True)
class Statuses:
    """Answers questions about jobs; the answer depends on the time of the question."""

    jobs: JobBook
    memberships: Memberships

    def show(self, call: Call) -> Reply:
        job = self.jobs.find(call.path["jobRequestId"], call.now)
        if job is None:
            raise Refusal(404, "The requested job was not found")
        state = self.jobs.tell(job, call.now)
        body: dict[str, object] = {"jobRequestId": job.job_id, "jobState": state}
        if state == job.end_state and state != "PENDING":
            body |= self._ending(job)
        return Reply(200, body)

    def _ending(self, job: Job) -> dict[str, object]:
        size = self.memberships.size(job.audience)
        return {
            "successful": {"recordsProcessedRate": job.processed_percent()},
            "invalidRecords": [
                {
                    # The partner sends a string here, but a number everywhere else.
                    "audienceId": str(job.audience),
                    "externalId": record.member,
                    "error": record.error,
                }
                for record in job.invalid
            ],
            "audienceSize": {
                "dspAudienceSize": -1,
                "idResolutionCount": size,
                "receivedRecordSize": size,
            },
        }
