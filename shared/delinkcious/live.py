"""Settings that may change while a process runs, from a file that is read again when it changes.

The environment says what holds at the start; the YAML file that ``LIVE_CONFIG_FILE`` names says
what holds instead, for as long as it says so::

    log_level: DEBUG
    features:
      imports: false

The file is looked at once a second by its content, so it does not matter how it changes: written in
place, replaced, or swapped behind symbolic links as Kubernetes does with a ConfigMap. What it says
is validated as a whole, and taken over as a whole or not at all; each value that changes is logged.
A file that is wrong at the start stops the start, as a wrong variable does; one that goes wrong
later changes nothing (ADR-0032).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

import structlog
import yaml
from prometheus_client import Counter, Gauge
from pydantic import BaseModel, ConfigDict, ValidationError

from delinkcious.config import ConfigurationError, LogLevel, ServiceSettings
from delinkcious.watched import WATCHER, changed

_MAX_BYTES: Final = 1024 * 1024

VALID: Final = Gauge(
    "delinkcious_live_configuration_valid",
    "0 while the file of live settings is wrong, so what it said before holds.",
)
READINGS: Final = Counter(
    "delinkcious_live_configuration_readings_total",
    "Changed files of live settings, by what became of them: applied, refused.",
    ["outcome"],
)

logger = structlog.get_logger()


class LiveModel(BaseModel):
    """Live settings that belong together. Unknown names are refused: they are misspelt."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LiveSettings(LiveModel):
    """What may change while any process runs; a service adds its own."""

    log_level: LogLevel = "INFO"

    @classmethod
    def of(cls, settings: ServiceSettings) -> "LiveSettings":
        """Returns what holds as long as no file says otherwise."""
        return cls(log_level=settings.log_level)


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that has another value now; its name has dots, such as ``features.imports``."""

    name: str
    old: Any
    new: Any


Listener = Callable[[Sequence[Change]], None]
T = TypeVar("T", bound=BaseModel)
V = TypeVar("V")
Varying: TypeAlias = V | Callable[[], V]
"""A value, or what returns the one that holds now: for who may be given a setting either way."""


@dataclass(frozen=True, slots=True)
class _Reading:
    content: bytes = b""
    problem: str = ""


def now(value: Varying[V]) -> V:
    """Returns the value that holds now."""
    return value() if callable(value) else value


class Live(Generic[T]):
    """The settings that hold now, in `current`.

    Reading `current` costs nothing and needs no lock, so who depends on a setting reads it each
    time. It is a context manager: until it is left, the file is looked at once a second.

    Args:
        defaults: what holds of what the file does not say; also says what there is, and of what
            type.
        file: None if nothing changes.

    Raises:
        ConfigurationError: the file is missing or wrong.
    """

    def __init__(self, defaults: T, file: Path | None = None) -> None:
        self.current = defaults
        self._defaults = defaults
        self._file = file
        self._listeners: list[Listener] = []
        self._refused = False
        self._reading = _Reading()
        VALID.set(1)
        if file is not None:
            self._reading = _read(file)
            self.current = self._understood(file, self._reading)

    def __enter__(self) -> Self:
        if self._file is not None:
            WATCHER.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        WATCHER.remove(self)

    def on_change(self, listener: Listener) -> None:
        """Has somebody called, in the thread of the file, after settings have changed."""
        self._listeners.append(listener)

    def look(self) -> None:
        """Looks at the file once, and takes over what is new in it."""
        if self._file is None:
            return
        reading = changed(partial(_read, self._file), self._reading)
        if reading is None:
            return
        self._reading = reading
        try:
            settings = self._understood(self._file, reading)
        except ConfigurationError as error:
            self._refuse(str(error))
        else:
            self._apply(settings)

    def _understood(self, file: Path, reading: _Reading) -> T:
        try:
            return _validated(self._defaults, _parsed(reading))
        except ConfigurationError as error:
            lines = (f"LIVE_CONFIG_FILE: {file}: {line}" for line in str(error).splitlines())
            raise ConfigurationError("\n".join(lines)) from None

    def _refuse(self, problem: str) -> None:
        self._refused = True
        VALID.set(0)
        READINGS.labels("refused").inc()
        logger.error("live_configuration_refused", problem=problem)

    def _apply(self, settings: T) -> None:
        if self._refused:
            self._refused = False
            logger.warning("live_configuration_valid_again")
        VALID.set(1)
        READINGS.labels("applied").inc()
        changes = list(_changes(_plain(self.current), _plain(settings)))
        self.current = _renewed(self.current, settings)
        for change in changes:
            logger.info("live_setting_changed", setting=change.name, old=change.old, new=change.new)
        if changes:
            self._tell(changes)

    def _tell(self, changes: Sequence[Change]) -> None:
        for listener in self._listeners:
            try:
                listener(changes)
            except Exception:
                logger.exception("live_listener_failed", settings=[each.name for each in changes])


def _read(file: Path) -> _Reading:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        return _Reading(problem=str(error.strerror))
    if len(content) > _MAX_BYTES:
        return _Reading(problem=f"it is larger than {_MAX_BYTES} bytes")
    return _Reading(content)


class _Loader(yaml.SafeLoader):
    """Reads plain YAML: no name twice, of which only one would count, and no references, with which
    a few lines can mean more than there is memory.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("a reference")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise ConfigurationError("it has a name twice")
        return mapping


def _parsed(reading: _Reading) -> Mapping[Any, Any]:
    if reading.problem:
        raise ConfigurationError(reading.problem)
    try:
        given = yaml.load(reading.content.decode(), _Loader)  # noqa: S506 - it is a safe one
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigurationError("it is not YAML") from None
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ConfigurationError("it must map the names of settings to values")
    return given


def _validated(defaults: T, given: Mapping[Any, Any]) -> T:
    """Returns the defaults with what is given instead.

    Strictly, in pydantic's JSON mode: ``true`` is no number, and a network is still a string.
    """
    try:
        merged = json.dumps(_overlaid(_plain(defaults), given), default=str)
    except (TypeError, ValueError, RecursionError):
        raise ConfigurationError("it holds what no setting can be") from None
    try:
        return type(defaults).model_validate_json(merged, strict=True)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(dict(e)) for e in error.errors())) from None


def _explain(mistake: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        return f"{name}: there is no such setting"
    message = str(mistake["msg"]).removeprefix("Value error, ")
    given = repr(mistake["input"])
    return f"{name}: {message[0].lower()}{message[1:]} (it is {given[:100]})"


def _plain(settings: BaseModel) -> dict[str, Any]:
    return settings.model_dump(mode="json")


def _overlaid(defaults: Mapping[str, Any], given: Mapping[Any, Any]) -> dict[Any, Any]:
    """A name without a value counts as not given, as an empty variable does."""
    merged: dict[Any, Any] = dict(defaults)
    for name, value in given.items():
        default = merged.get(name)
        if isinstance(value, dict) and isinstance(default, dict):
            merged[name] = _overlaid(default, value)
        elif value is not None or name not in merged:
            merged[name] = value
    return merged


def _renewed(old: T, new: T) -> T:
    """Returns the new settings, in which everything that has not changed is the same object as
    before: who keeps something for a value may ask whether it is still that one.
    """
    if old == new:
        return old
    kept = {}
    for name in type(new).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, BaseModel) and isinstance(after, type(before)):
            kept[name] = _renewed(before, after)
        elif before == after:
            kept[name] = before
    return new.model_copy(update=kept)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], within: str = "") -> Iterator[Change]:
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _changes(before, after, f"{within}{name}.")
        elif before != after:
            yield Change(f"{within}{name}", before, after)
