"""Connections to brokers on the event loop of the installed command."""

import asyncio

import pytest
import uvloop
from aiokafka import conn as library
from aiokafka import errors as kafka_errors
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.kafka.client_options import ClientOptions


def test_a_write_to_a_connection_that_is_gone_is_an_error_that_the_client_survives() -> None:
    """
    uvloop raises RuntimeError for it, of which the client's own tasks would die unseen.
    """

    async def story() -> None:
        server = await asyncio.start_server(_accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        ClientOptions(bootstrap_servers=f"127.0.0.1:{port}", client_id="test").arguments()
        connection = library.AIOKafkaConnection("127.0.0.1", port)
        connection._reader, connection._writer = await asyncio.open_connection("127.0.0.1", port)
        # Its reader has not had its turn yet since the connection went.
        connection._read_task = asyncio.get_running_loop().create_future()
        connection._versions = {3: (0, 0)}
        connection._writer.transport.abort()
        await asyncio.sleep(0.01)

        with pytest.raises(kafka_errors.KafkaConnectionError):
            await connection.send(MetadataRequest([]))

        assert not connection.connected()
        server.close()

    uvloop.run(story())


async def _accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
