"""``python -m tools.who_calls_what`` writes the page, with ``--check`` it fails if that would
change it.
"""

from tools import generated
from tools.who_calls_what import PAGE, page

if __name__ == "__main__":
    generated.main(PAGE, page(), "tools.who_calls_what")
