"""Each service can do with its own keys in Redis what it needs, and learns of no others."""

import re
from collections.abc import Iterator
from typing import Final

import pytest
import redis

from delinkcious.testing.addresses import RedisAddress
from tools.local_stack.layout import API_GATEWAY, NEWS, Service
from tools.local_stack.stack import REDIS_RULES

pytestmark = pytest.mark.integration

SPOIL: Final = (
    *("FLUSHALL", "FLUSHDB", "SHUTDOWN", "MONITOR", "SWAPDB 0 1", "DEBUG SLEEP 0", "SCRIPT FLUSH"),
    *("CONFIG GET *", "ACL LIST", "CLIENT LIST", "MODULE LIST", "KEYS *", "RANDOMKEY", "DBSIZE"),
    *("SET other 1", "GET other", "SORT other", "EVAL return(redis.call('get','other')) 0"),
)
OTHERS: Final = {
    NEWS: ("GET delinkcious-limits:a", "SET delinkcious-limits:a 1"),
    API_GATEWAY: ("GET feed:alice", "ZADD feed:alice 1 a", "PUBLISH news hello", "SCAN 0"),
}


@pytest.fixture(params=REDIS_RULES, ids=[service.name for service, _ in REDIS_RULES])
def service(request: pytest.FixtureRequest) -> Service:
    found: Service = request.param[0]
    return found


@pytest.fixture
def client(service: Service, redis_address: RedisAddress) -> Iterator[redis.Redis]:
    """The service, in a server where there is something of others."""
    rules = dict(REDIS_RULES)[service].split()
    with redis.Redis.from_url(redis_address.url) as admin:
        admin.set("other", "1")
        admin.execute_command("ACL", "SETUSER", service.name, "reset", "on", ">word", *rules)
        host, port = redis_address.host, redis_address.port
        with redis.Redis(host, port, username=service.name, password="word") as client:
            yield client
        admin.execute_command("ACL", "DELUSER", service.name)
        admin.delete("other")


def test_it_can_do_nothing_with_what_is_not_its_own(client: redis.Redis, service: Service) -> None:
    done = []
    for command in (*SPOIL, *OTHERS[service]):
        try:
            client.execute_command(*command.split())  # type: ignore[no-untyped-call]
        except redis.ResponseError as error:
            assert re.search("permission|can't access", str(error)), command  # noqa: PT017
        else:
            done.append(command)
    assert done == []


def test_it_can_have_its_scripts_loaded(client: redis.Redis) -> None:
    """The clients of both load a script that the server has forgotten."""
    assert client.register_script("return 1")() == 1
    client.script_exists("0" * 40)
