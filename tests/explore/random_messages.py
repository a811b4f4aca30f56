"""Random messages in our own topics: garbage, half-right ones, and whole ones that nobody wrote."""

import json
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from pipeline.domain.job import JOB_FORMAT, Job
from pipeline.domain.lane_record import HEADER, encode_header
from pipeline.domain.message import Origin, dead_letter
from pipeline.domain.names import Names
from pipeline.domain.pause_request import encode_pause_request, pause_request_key
from tests.explore.random_values import bent, some_bytes, some_json, some_text

FORGED = "forged"
"""What the members and the jobs of forged messages begin with."""
_HEX = "0123456789abcdef" * 4


class Forged(NamedTuple):
    """A message for one of our topics that the pipeline did not write."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None

    def __repr__(self) -> str:
        return f"<Forged for {self.topic}>"


class RandomMessages:
    """Makes them one after the other."""

    def __init__(
        self, random: Random, names: Names, *, destination: str, connections: Sequence[str]
    ) -> None:
        """`connections` are those whose lanes get forged records."""
        self._random = random
        self._names = names
        self._destination = destination
        self._connections = connections
        self._count = 0
        self._job_ids = [self._job_id()]
        self._kinds: Sequence[Callable[[], Forged]] = (
            self._lane_record,
            self._lane_record,
            self._job,
            self._job,
            self._outcome,
            self._control,
            self._dead_letter,
        )

    def next(self) -> Forged:
        self._count += 1
        return self._random.choice(self._kinds)()

    def record_of_another_version(self, topic: str) -> Forged:
        """A record of another version: its lane is blocked there."""
        headers = self._random.choice(([(HEADER, b"3;add;1;;0:0;more")], [("format", b"1")]))
        return Forged(topic, b"7|u-1", b"{}", headers, 0)

    # Lane records

    def _lane_record(self) -> Forged:
        random = self._random
        topic = self._names.lane_prefix + f"{self._destination}.{random.choice(self._connections)}"
        key, value, headers = self._whole_record()
        kind = random.randrange(8)
        if kind == 0:
            return Forged(topic, some_bytes(random), some_bytes(random), (), 0)
        if kind == 1:
            key = random.choice(
                (None, b"", b"|", b"7", b"7|", b"\xff|x", b"99999999999999999999|x")
            )
        elif kind == 2:
            value = random.choice((None, b"", b"[]", b"{", some_bytes(random), b"x" * 200_000))
        elif kind == 3:
            value = json.dumps(bent(random, json.loads(value or b"{}"))).encode()
        elif kind == 4:
            headers = [(HEADER, self._half_right_header())]
        elif kind == 5:
            headers = random.choice(([], [("formats", b"x")], [*headers, *headers]))
        return Forged(topic, key, value, headers, 0)

    def _whole_record(self) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
        member = f"{FORGED}-{self._random.randrange(50)}"
        value = json.dumps(
            {
                "externalUserId": member,
                "countryCode": "US",
                "action": "CREATE",
                "hashedPII": [{"email": _HEX}],
            }
        )
        audience = 413642381039213990 + self._random.randrange(3)
        headers = encode_header("add", int(time.time() * 1000), b"DSP", 0, 0)
        return f"{audience}|{member}".encode(), value.encode(), headers

    def _half_right_header(self) -> bytes:
        """Of this version, or of none."""
        parts = [b"2", b"add", b"1795000000000", b"DSP", b"0:0"]
        place = self._random.randrange(1, len(parts))
        odd = (b"", b"-1", b"9" * 30, b"null", b"\xff", "\u0661".encode(), some_bytes(self._random))
        parts[place] = self._random.choice(odd)
        return self._random.choice((b";".join(parts), b";".join(parts[:place]), b";", b"two;add"))

    # Jobs and how they ended

    def _job(self) -> Forged:
        random = self._random
        stored = json.loads(self._whole_job().encode())
        kind = random.randrange(6)
        if kind == 0:
            value = random.choice((None, b"", some_bytes(random), b"[" * 50_000, b"\xef\xbb\xbf{}"))
            return Forged(self._names.jobs, some_bytes(random), value)
        if kind == 1:
            stored = bent(random, stored)
        elif kind == 2:
            stored["format"] = random.choice((JOB_FORMAT + 1, 99, 1, 0, -1, 10**30))
            stored["what_comes"] = some_json(random)
        elif kind == 3:
            stored["destination"] = random.choice(("elsewhere", some_text(random)))
        elif kind == 4:
            stored["job_id"] = some_text(random)
        key = (
            random.choice((str(stored.get("job_id", "")).encode(errors="replace"), None, b"x"))
            if isinstance(stored, dict)
            else None
        )
        return Forged(self._names.jobs, key, json.dumps(stored).encode())

    def _job_id(self) -> str:
        return f"{FORGED}-job-{self._count}"

    def _whole_job(self) -> Job:
        job_id = self._job_id()
        self._job_ids.append(job_id)
        return Job(
            job_id=job_id,
            destination=self._destination,
            connection=self._random.choice((*self._connections, "elsewhere")),
            audience_id="413642381039213990",
            records=1,
            removes=0,
            first_offset=0,
            last_offset=0,
            submitted_at_ms=int(time.time() * 1000),
            oldest_changed_at_ms=0,
            carried_over=self._random.choice((0, 0, 3)),
        )

    def _outcome(self) -> Forged:
        random = self._random
        job_id = random.choice(self._job_ids)
        stored: Any = {
            **json.loads(self._whole_job().encode()),
            "job_id": job_id,
            "state": "SUCCEEDED",
            "end": "applied",
            "applied": 1,
            "invalid": 0,
            "failed": 0,
            "unknown": 0,
            "finished_at_ms": 1,
        }
        if random.random() < 0.7:
            stored = bent(random, stored)
        value = random.choice((json.dumps(stored).encode(), None, some_bytes(random)))
        key = random.choice((job_id.encode(), None, some_bytes(random)))
        return Forged(self._names.outcomes, key, value)

    # What operators write, and what we write for them

    def _control(self) -> Forged:
        random = self._random
        lane = f"{self._destination}.{random.choice((*self._connections, 'elsewhere'))}"
        audience = random.choice(("413642381039213000", "413642381039213001", some_text(random)))
        key: bytes | None = f"{lane}|{audience}".encode(errors="replace")
        asked = encode_pause_request(is_paused=random.random() < 0.5, at_ms=1)
        value = random.choice(
            (
                asked,
                asked,
                None,
                some_bytes(random),
                json.dumps(bent(random, json.loads(asked))).encode(),
            )
        )
        if random.random() < 0.2:
            key = random.choice((None, b"", b"|", some_bytes(random)))
        return Forged(self._names.controls, key, value, (), 0)

    def _dead_letter(self) -> Forged:
        random = self._random
        letter = dead_letter(
            self._names.dead_letters,
            stage="upload",
            reason="malformed",
            detail=some_text(random),
            origin=Origin("elsewhere", 0, 7),
            key=some_bytes(random),
            value=some_bytes(random),
            written_at_ms=1,
            payload="original",
        )
        headers = [
            (name, some_bytes(random) if random.random() < 0.3 else value)
            for name, value in letter.headers
            if random.random() < 0.8
        ]
        key = random.choice((None, letter.key))
        return Forged(letter.topic, key, random.choice((None, letter.value)), headers)


def running_again(names: Names, lane: str, audience_id: str) -> Forged:
    """The request that ends whatever pause was forged."""
    value = encode_pause_request(is_paused=False, at_ms=2)
    return Forged(names.controls, pause_request_key(lane, audience_id), value, (), 0)
