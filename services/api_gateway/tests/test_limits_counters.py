"""Limits counted in Redis, for all processes."""

import pytest
import redis

from api_gateway.limits import rate
from api_gateway.limits_counters import Counters, CountersAway, redis_storage
from api_gateway.limits_leases import Leases, Spent
from delinkcious.redis import RedisAddress
from delinkcious.testing.addresses import RedisAddress as Server
from delinkcious.testing.waiting import free_port

KEY = b"k" * 100


def counters(address: Server) -> Counters:
    return Counters(redis_storage(RedisAddress(address.host, address.port, address.password)), KEY)


@pytest.mark.integration
def test_what_one_process_takes_another_cannot(redis_address: Server) -> None:
    limit = rate("10/hour")
    one, other = counters(redis_address), counters(redis_address)
    assert one.take(limit, "user", "alice", 7).taken == 7
    assert one.take(limit, "user", "bob", 1).taken == 1
    rest = other.take(limit, "user", "alice", 7)
    assert (rest.taken, rest.remaining) == (3, 0)
    nothing = one.take(limit, "user", "alice", 1)
    assert (nothing.taken, nothing.remaining) == (0, 0)
    assert 3500 < nothing.resets_in <= 3600


@pytest.mark.integration
def test_processes_that_lease_together_admit_the_limit(redis_address: Server) -> None:
    limit = rate("200/hour")
    processes = [Leases(counters(redis_address)) for _ in range(2)]
    total = 0
    for turn in range(2000):  # ten times what is allowed
        try:
            processes[turn % 2].spend("user", limit, "alice")
        except Spent:
            continue
        total += 1
    assert total == 200


@pytest.mark.integration
def test_nobody_can_read_in_redis_who_is_counted(redis_address: Server) -> None:
    counters(redis_address).take(rate("10/hour"), "address", "203.0.113.7", 1)
    with redis.Redis.from_url(redis_address.url, decode_responses=True) as client:
        (key,) = client.keys()
    assert key.startswith("delinkcious-limits:")
    assert "203.0.113.7" not in key


def test_a_redis_that_is_not_there_is_not_waited_for() -> None:
    gone = Counters(redis_storage(RedisAddress("127.0.0.1", free_port())), KEY)
    with pytest.raises(CountersAway):
        gone.take(rate("10/hour"), "user", "alice", 1)
    with pytest.raises(CountersAway):
        gone.check()
