from delinkcious.testing.addresses import NatsAddress, PostgresAddress, RedisAddress
from delinkcious.testing.waiting import free_port


def test_nobody_answers_on_a_free_port() -> None:
    port = free_port()
    assert not PostgresAddress("127.0.0.1", port, "postgres", "secret").answers()
    assert not RedisAddress("127.0.0.1", port).answers()
    assert not NatsAddress("127.0.0.1", port).answers()


def test_passwords_are_quoted_in_urls() -> None:
    assert RedisAddress("h", 1, "p@s/s").url == "redis://:p%40s%2Fs@h:1"
    database = PostgresAddress("h", 1, "u", "p@s/s", "n")
    assert database.conninfo == "postgresql://u:p%40s%2Fs@h:1/n"


def test_passwords_do_not_show() -> None:
    assert "secret" not in repr(
        [PostgresAddress("h", 1, "u", "secret"), RedisAddress("h", 1, "secret")]
    )
