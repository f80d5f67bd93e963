"""What a watcher has seen."""

from news_service.watch import Window

from .conftest import news_of


def test_a_window_forgets_the_oldest_and_tells_nothing_older() -> None:
    window = Window(None)
    events = [news_of(number).event for number in range(1, 4001)]
    assert window.fresh(list(reversed(events))) == events
    assert window.fresh([events[-1], events[0]]) == []
    late = news_of(1).event
    assert window.fresh([late]) == []
