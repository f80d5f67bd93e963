from pathlib import Path

import yaml

from tools.local_stack.layout import IDENTITY_PROVIDER, LINK, Layout
from tools.local_stack.live import live_file, prepare


def test_every_service_has_a_file_that_says_nothing_yet(tmp_path: Path) -> None:
    services = Layout().services
    prepare(tmp_path, services)
    files = sorted((tmp_path / "live").iterdir())
    assert [file.stem for file in files] == sorted(
        service.name for service in services if service != IDENTITY_PROVIDER
    )
    for file in files:
        assert f"while {file.stem} runs" in file.read_text()
        assert yaml.safe_load(file.read_text()) is None


def test_what_somebody_wrote_stays(tmp_path: Path) -> None:
    prepare(tmp_path, [LINK])
    file = live_file(tmp_path, LINK)
    assert file
    file.write_text("log_level: DEBUG")
    prepare(tmp_path, [LINK])
    assert file.read_text() == "log_level: DEBUG"
