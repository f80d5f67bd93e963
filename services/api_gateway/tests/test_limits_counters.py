"""Limits counted in Redis, for all processes."""

from pathlib import Path

import pytest
import redis
from limits import RateLimitItem

from api_gateway.limits import rate
from api_gateway.limits_counters import Counters, CountersAway, redis_storage
from api_gateway.limits_leases import Leases, Spent
from delinkcious.redis import RedisAddress
from delinkcious.testing.addresses import RedisAddress as Server
from delinkcious.testing.embedded import EmbeddedRedis
from delinkcious.testing.measured import measured
from delinkcious.testing.running import running
from delinkcious.testing.waiting import free_port, wait_until
from tools.local_stack.layout import API_GATEWAY
from tools.local_stack.stack import REDIS_RULES

KEY = b"k" * 100


def counters(address: Server, user: str = "", password: str = "") -> Counters:
    redis = RedisAddress(address.host, address.port, password or address.password, user)
    return Counters(redis_storage(redis), KEY)


@pytest.mark.integration
def test_what_one_process_takes_another_cannot(redis_address: Server) -> None:
    limit = rate("10/hour")
    one, other = counters(redis_address), counters(redis_address)
    first = one.take(limit, "user", "alice", 7)
    assert first.taken == 7
    assert 3500 < first.resets_in <= 3600
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


@pytest.mark.integration
def test_it_gets_by_with_what_the_local_stack_lets_it_do(redis_address: Server) -> None:
    rules = dict(REDIS_RULES)[API_GATEWAY].split()
    limit = rate("5/second")
    with redis.Redis.from_url(redis_address.url) as admin:
        admin.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">word", *rules)
        try:
            allowed = counters(redis_address, "limited", "word")
            allowed.check()
            assert allowed.take(limit, "user", "alice", 5).taken == 5
            wait_until(lambda: allowed.take(limit, "user", "alice", 1).taken == 1)  # a window later
        finally:
            admin.execute_command("ACL", "DELUSER", "limited")


def _spends(leases: Leases, limit: RateLimitItem) -> bool:
    try:
        leases.spend("user", limit, "alice")
    except Spent:
        return False
    return True


def _is_open() -> bool:
    return measured("delinkcious_rate_limits_open") == 1


@pytest.mark.integration
@pytest.mark.parametrize("limit", [rate("5/hour"), rate("500/hour")], ids=["exact", "leased"])
def test_while_redis_is_down_nobody_is_limited_and_then_all_are_again(
    limit: RateLimitItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_gateway.limits_leases._PROBE", 0.05)
    server = EmbeddedRedis(tmp_path / "redis", free_port(), "secret", durable=False)
    with running(server, tmp_path / "log") as process:
        leases = Leases(counters(server.address))
        leases.start()
        while _spends(leases, limit):
            continue
        process.kill()
        wait_until(lambda: _spends(leases, rate("6/hour")) and _is_open())
        assert all(_spends(leases, limit) for _ in range(2 * limit.amount))
        process.start()
        wait_until(lambda: not _is_open())
        spent = sum(_spends(leases, limit) for _ in range(2 * limit.amount))
        assert 0.9 * limit.amount <= spent <= limit.amount
