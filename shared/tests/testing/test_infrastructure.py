import pytest

from delinkcious.testing.infrastructure import Containers, Embedded, infrastructure


def test_servers_are_embedded_unless_told_otherwise() -> None:
    assert isinstance(infrastructure({}), Embedded)
    assert isinstance(infrastructure({"TEST_INFRA": ""}), Embedded)


def test_servers_may_run_in_containers() -> None:
    assert isinstance(infrastructure({"TEST_INFRA": "containers"}), Containers)


def test_servers_may_run_already() -> None:
    external = infrastructure(
        {
            "TEST_INFRA": "external",
            "TEST_POSTGRES_URL": "postgresql://me:s%40cret@db:5433/main",
            "TEST_REDIS_URL": "redis://:word@cache",
            "TEST_NATS_URL": "nats://broker:4223",
        }
    )
    with external.postgres() as postgres, external.redis() as redis, external.nats() as nats:
        assert postgres.conninfo == "postgresql://me:s%40cret@db:5433/main"
        assert redis.url == "redis://:word@cache:6379"
        assert nats.url == "nats://broker:4223"


def test_a_missing_address_of_a_given_server_is_named() -> None:
    with (
        pytest.raises(ValueError, match="TEST_NATS_URL"),
        infrastructure({"TEST_INFRA": "external"}).nats(),
    ):
        pass


def test_an_unknown_source_of_servers_is_refused() -> None:
    with pytest.raises(ValueError, match="'dokcer', not one of embedded, containers, external"):
        infrastructure({"TEST_INFRA": "dokcer"})
