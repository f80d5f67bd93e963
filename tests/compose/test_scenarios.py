"""What people do, do wrong, and do while parts are missing: tests of ``tests/e2e``, on containers.

Left out is what only a local stack can show: Ctrl-C, and what it logs; and what the tests beside
this one show of containers.
"""

from tests.e2e.test_bad_input import alice
from tests.e2e.test_bad_input import test_a_wrong_input_is_refused_and_named as test_wrong_input
from tests.e2e.test_bad_input import (
    test_oneself_cannot_be_followed_and_nobody_twice as test_follow_twice,
)
from tests.e2e.test_bad_input import test_the_same_link_twice_conflicts as test_link_twice
from tests.e2e.test_bad_input import test_without_a_good_token_nobody_gets_in as test_no_token
from tests.e2e.test_outages import (
    test_a_dead_neighbour_gives_a_clear_answer_quickly as test_dead_neighbour,
)
from tests.e2e.test_outages import (
    test_killing_any_process_heals_without_touching_the_others as test_killing_heals,
)
from tests.e2e.test_outages import (
    test_links_are_saved_and_read_while_everything_else_is_missing as test_links_alone,
)
from tests.e2e.test_outages import (
    test_whoever_needs_a_missing_server_says_so_and_recovers as test_missing_server,
)
from tests.e2e.test_scenario import (
    test_a_link_made_private_disappears_from_news as test_made_private,
)
from tests.e2e.test_scenario import test_a_private_link_is_in_nobodys_news_or_list as test_private
from tests.e2e.test_scenario import test_an_api_token_works_until_it_is_revoked as test_api_token
from tests.e2e.test_scenario import test_curl_alone_can_log_in as test_curl
from tests.e2e.test_scenario import test_everything_is_still_there_after_a_restart as test_restart
from tests.e2e.test_scenario import test_followers_read_what_an_author_does as test_followers
from tests.e2e.test_scenario import test_logging_out_ends_the_session_at_once as test_log_out
from tests.e2e.test_scenario import test_news_and_links_come_page_by_page as test_pages
from tests.e2e.test_scenario import (
    test_the_social_graph_is_seen_from_both_sides as test_social_graph,
)

__all__ = [
    "alice",
    "test_api_token",
    "test_curl",
    "test_dead_neighbour",
    "test_follow_twice",
    "test_followers",
    "test_killing_heals",
    "test_link_twice",
    "test_links_alone",
    "test_log_out",
    "test_made_private",
    "test_missing_server",
    "test_no_token",
    "test_pages",
    "test_private",
    "test_restart",
    "test_social_graph",
    "test_wrong_input",
]
