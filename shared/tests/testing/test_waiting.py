import asyncio
import socket

import pytest

from delinkcious.testing.waiting import eventually, free_port, is_free, wait_until


def test_waiting_returns_the_first_true_result() -> None:
    results = iter([None, 0, "", "here"])
    assert wait_until(lambda: next(results), interval=0) == "here"


def test_waiting_in_vain_says_what_for() -> None:
    with pytest.raises(TimeoutError, match="not within 0 s: the moon rises"):
        wait_until(lambda: False, timeout=0, message="the moon rises")


def test_an_error_of_the_condition_is_not_hidden() -> None:
    def broken() -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        wait_until(broken)


async def test_waiting_in_asyncio_lets_other_tasks_run() -> None:
    done = asyncio.Event()
    task = asyncio.create_task(asyncio.to_thread(lambda: None))
    task.add_done_callback(lambda _: done.set())
    assert await eventually(done.is_set)


async def test_an_asyncio_condition_may_be_a_coroutine() -> None:
    results = iter([None, "here"])

    async def condition() -> str | None:
        return next(results)

    assert await eventually(condition, interval=0) == "here"


async def test_waiting_in_asyncio_in_vain_names_the_condition() -> None:
    def never() -> bool:
        return False

    with pytest.raises(TimeoutError, match="never"):
        await eventually(never, timeout=0)


def test_free_ports_are_handed_out_once() -> None:
    ports = {free_port() for _ in range(50)}
    assert len(ports) == 50


def test_a_port_someone_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        assert not is_free(listener.getsockname()[1])
