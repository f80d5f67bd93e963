"""What errors mean that a test cannot have libcurl make: with real ones see `test_checker`."""

import threading

import pycurl
import pytest

from link_checker.domain import Outcome
from link_checker.network import AddressPolicy
from link_checker.request import NoAnswer, Request


class Handle:
    """What libcurl knows after a transfer."""

    def __init__(self, **known: float) -> None:
        self._known = {getattr(pycurl, name): value for name, value in known.items()}

    def getinfo(self, what: int) -> float:
        return self._known.get(what, 0)


def failure(code: int, handle: Handle, *, of_the_web: bool = True) -> Exception:
    policy = AddressPolicy()
    with Request(policy, 1000, threading.Event(), None, of_the_web=of_the_web) as request:
        return request.failure(handle, pycurl.error(code, "trouble"))


@pytest.mark.parametrize(("seconds", "outcome"), [(0.0, Outcome.DNS), (0.001, Outcome.TIMEOUT)])
def test_name_servers_that_do_not_answer_are_no_slow_website(
    seconds: float, outcome: Outcome
) -> None:
    found = failure(pycurl.E_OPERATION_TIMEDOUT, Handle(NAMELOOKUP_TIME=seconds))
    assert isinstance(found, NoAnswer)
    assert (found.outcome, found.sent) == (outcome, False)


@pytest.mark.parametrize("code", [pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_OPERATION_TIMEDOUT])
def test_what_only_some_networks_may_have_is_forbidden_if_it_is_in_none(code: int) -> None:
    found = failure(code, Handle(), of_the_web=False)
    assert isinstance(found, NoAnswer)
    assert found.outcome is Outcome.FORBIDDEN_ADDRESS


def test_an_error_that_no_server_can_cause_is_ours_to_mend() -> None:
    assert isinstance(failure(pycurl.E_OUT_OF_MEMORY, Handle()), RuntimeError)
