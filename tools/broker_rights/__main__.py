"""``python -m tools.broker_rights`` writes the file, with ``--check`` it fails if that would change
it.
"""

from tools import generated
from tools.broker_rights import FILE, text

if __name__ == "__main__":
    generated.main(FILE, text(), "tools.broker_rights")
