"""The mock cluster inside librdkafka: a broker that can be told to answer with errors.

The wheel of confluent-kafka carries the library; its Python part does not reach this far.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import files

OFFSET_FETCH = 9
COORDINATOR_LOADING, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR = 14, 15, 16
_PRODUCER = 0


@dataclass(frozen=True, slots=True)
class MockCluster:
    """One broker of the mock, as far as the tests need it."""

    bootstrap_servers: str
    _library: ctypes.CDLL
    _cluster: int

    def create_topic(self, name: str, partitions: int = 1) -> None:
        code = self._library.rd_kafka_mock_topic_create(
            ctypes.c_void_p(self._cluster), name.encode(), partitions, 1
        )
        assert code == 0

    def fail_next(self, request: int, *errors: int) -> None:
        """Answer the next requests of this kind with these errors, one each."""
        codes = (ctypes.c_int * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(
            ctypes.c_void_p(self._cluster),
            ctypes.c_int16(request),
            ctypes.c_size_t(len(errors)),
            codes,
        )


@contextmanager
def mock_cluster() -> Iterator[MockCluster]:
    library = ctypes.CDLL(_library_path())
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    said = ctypes.create_string_buffer(512)
    configuration = ctypes.c_void_p(library.rd_kafka_conf_new())
    client = library.rd_kafka_new(_PRODUCER, configuration, said, ctypes.c_size_t(512))
    assert client, said.value
    cluster = library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1)
    assert cluster
    try:
        address = library.rd_kafka_mock_cluster_bootstraps(ctypes.c_void_p(cluster)).decode()
        yield MockCluster(address, library, cluster)
    finally:
        library.rd_kafka_mock_cluster_destroy(ctypes.c_void_p(cluster))
        library.rd_kafka_destroy(ctypes.c_void_p(client))


def _library_path() -> str:
    [path] = [
        file.locate()
        for file in files("confluent-kafka") or ()
        if file.name.startswith("librdkafka") and ".so" in file.name
    ]
    return str(path)
