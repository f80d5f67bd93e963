"""Asking whether something is there, of something that may never answer.

A frozen server takes a question and says nothing, for as long as the question may take. Whoever
asks for readiness has a second.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future

Question = Callable[[], None]


class Probe:
    """Puts a question in a thread of its own, one at a time: who comes while it hangs waits for the
    same answer.

    Args:
        ask: returns when all is well, or raises.
        timeout: seconds that anybody waits for the answer.
    """

    def __init__(self, ask: Question, timeout: float) -> None:
        self._ask = ask
        self._timeout = timeout
        self._lock = threading.Lock()
        self._answer: Future[None] | None = None

    def __call__(self) -> None:
        """Returns when all is well.

        Raises:
            TimeoutError: there is no answer in time.
            Exception: what the question raises.
        """
        with self._lock:
            if self._answer is None or self._answer.done():
                self._answer = Future()
                # A thread that hangs must not keep the process from ending.
                threading.Thread(target=self._put, args=[self._answer], daemon=True).start()
            answer = self._answer
        answer.result(self._timeout)

    def _put(self, answer: Future[None]) -> None:
        try:
            self._ask()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer gets it
            answer.set_exception(error)
        else:
            answer.set_result(None)
