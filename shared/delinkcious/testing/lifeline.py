"""No child outlives its parent, whatever way that ends. Linux only; elsewhere it does nothing."""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """For a child between fork and exec: let the kernel signal it when its parent dies.

    The parent is the thread that forks: fork from one that lives as long as the child should.
    """
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(
        None
    )  # loaded before the fork: the child of a threaded process must not load

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal))

    return ask_the_kernel
