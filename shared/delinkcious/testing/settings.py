"""Addresses of servers as the environment variables of the services that use them."""

from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress


def postgres_settings(prefix: str, address: PostgresAddress) -> dict[str, str]:
    """What a service is told of its database; ``prefix`` is such as ``LINK_DB``."""
    return {
        f"{prefix}_SERVICE_HOST": address.host,
        f"{prefix}_SERVICE_PORT": str(address.port),
        f"{prefix}_NAME": address.name,
        f"{prefix}_USER": address.user,
        f"{prefix}_PASSWORD": address.password,
    }


def nats_settings(address: NatsAddress) -> dict[str, str]:
    """What a service is told of the broker."""
    return {
        "NATS_CLUSTER_SERVICE_HOST": address.host,
        "NATS_CLUSTER_SERVICE_PORT": str(address.port),
    }


def redis_settings(prefix: str, address: RedisAddress) -> dict[str, str]:
    """What a service is told of its Redis; ``prefix`` is such as ``NEWS_MANAGER_REDIS``."""
    return {
        f"{prefix}_SERVICE_HOST": address.host,
        f"{prefix}_SERVICE_PORT": str(address.port),
        f"{prefix}_PASSWORD": address.password,
    }
