"""Runs one role of one service: everything around it that every service needs.

A service's ``__main__`` names its settings and its roles; the rest is here: arguments,
configuration, logs, traces, the management port, signals, draining, and the exit code.
"""

import argparse
import asyncio
import gc
import importlib
import inspect
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeVar

import structlog

from delinkcious import logging, redaction, tracing
from delinkcious.auth import MutualAuth
from delinkcious.config import Address, ConfigurationError, PostgresAddress, ServiceSettings
from delinkcious.health import Health
from delinkcious.info import describe
from delinkcious.live import Live, LiveSettings
from delinkcious.management import ManagementServer
from delinkcious.metrics import BUILD_INFO
from delinkcious.tls import tls

if TYPE_CHECKING:
    from delinkcious.grpc.server import GrpcService

logger = structlog.get_logger()

S = TypeVar("S", bound=ServiceSettings)
Runner = Callable[[asyncio.Event], Awaitable[None]]

_EX_CONFIG: Final = 78
_EX_UNAVAILABLE: Final = 69


class StartError(Exception):
    """The process cannot start; the message is one clear line for the operator."""


@dataclass(frozen=True)
class Runtime(Generic[S]):
    """What a role is given.

    Attributes:
        health: where to report what it depends on.
        live: the settings that may change while it runs, of the type that the service has for them.
    """

    settings: S
    role: str
    health: Health
    live: Live[Any] = field(default_factory=lambda: Live(LiveSettings()))

    def serve_http(
        self,
        app: Callable[..., Any],
        *,
        threads: int,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Serves a WSGI application until the process is told to stop.

        Args:
            on_stop: called then, for what would not end by itself.
        """
        from delinkcious.http.server import WsgiServer  # workers do not pay for the server

        settings = self.settings

        def stopping() -> None:
            self._stopping()
            on_stop()

        try:
            server = WsgiServer(
                app,
                settings.bind_address,
                settings.port,
                threads=threads,
                on_start=self._listening,
                on_stop=stopping,
                drain_delay=settings.drain_delay,
                tls=tls(settings.serving_tls),
                processor=settings.server_processor,
            )
        except OSError as error:
            raise StartError(_cannot_listen("PORT", settings.port, error)) from None
        server.run()

    async def serve_grpc(self, services: "Sequence[GrpcService]", auth: MutualAuth) -> None:
        """Serves gRPC services until the process is told to stop."""
        from delinkcious.grpc.server import GrpcServer  # nobody else pays for grpcio

        settings = self.settings
        server = GrpcServer(
            services,
            Address(settings.bind_address, settings.port),
            auth=auth,
            health=self.health,
            grace_period=max(0, settings.grace_period * 0.8 - settings.drain_delay),
            drain_delay=settings.drain_delay,
            tls=tls(settings.serving_tls),
        )
        try:
            await server.start()
        except OSError as error:
            raise StartError(str(error)) from None
        logger.info("listening", host=settings.bind_address, port=settings.port)
        await self.run_until_stopped(server.run)

    def migrate(self, owner: PostgresAddress, package: str, role: str) -> None:
        """Brings a database up to date with the revisions in a package.

        Args:
            owner: the database, as the one enters it to whom everything there belongs.
            role: whom the service enters it as.
        """
        from delinkcious.migrations import migrate  # only this command pays for SQLAlchemy

        migrate(owner, importlib.import_module(package), role=role)

    async def run_until_stopped(self, *runners: Runner) -> None:
        """Runs the loops of a worker until the process is told to stop, and waits for them to end.

        A loop that fails, or ends by itself, ends the process, because what supervises it starts
        it afresh.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_runners, stop)
        self.health.started()
        try:
            async with asyncio.TaskGroup() as group:
                for runner in runners:
                    group.create_task(self._run(runner, stop))
        except ExceptionGroup:
            raise SystemExit(1) from None  # what failed has been logged

    async def _run(self, runner: Runner, stop: asyncio.Event) -> None:
        try:
            await _until_told(runner, stop)
        except Exception:
            name = getattr(runner, "__qualname__", repr(runner))
            logger.exception("worker_failed", runner=name)
            self._stopping()
            raise

    def _listening(self) -> None:
        self.health.started()
        logger.info("listening", host=self.settings.bind_address, port=self.settings.port)

    def _stop_runners(self, stop: asyncio.Event) -> None:
        self._stopping()
        stop.set()

    def _stopping(self) -> None:
        self.health.drain()
        logger.info("stopping", grace_period=self.settings.grace_period)
        _exit_after(self.settings.grace_period)


Role = Callable[[Runtime[S]], Awaitable[None] | None]


@dataclass(frozen=True)
class Command(Generic[S]):
    """A command with arguments of its own.

    Attributes:
        arguments: adds them to the command's parser.
        run: what it does; may raise `SystemExit` with an exit code. Its docstring is the help.
    """

    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Runtime[S], argparse.Namespace], Awaitable[None] | None]


Commands = Mapping[str, Role[S] | Command[S]]


def run(
    settings_type: type[S],
    *,
    live: Callable[[S], LiveSettings] = LiveSettings.of,
    roles: Mapping[str, Role[S]],
    commands: Commands[S] | None = None,
    arguments: Sequence[str] | None = None,
) -> None:
    """Runs the role or command that the command line names.

    Args:
        live: returns what may change while a role runs, as it is as long as no file says otherwise.
        roles: run until told to stop, with a management port; coroutine functions get a loop.
        commands: run to their end, without one.
    """
    gc.freeze()  # what is imported stays: to look through it takes long, most of all at the end
    commands = commands or {}
    given = _parse(settings_type.service_name, {**roles, **commands}, arguments)
    chosen, name = str(given.role), settings_type.service_name
    try:
        settings = settings_type.load()
        changing = Live(live(settings), settings.live_config_file if chosen in roles else None)
        logging.configure(name, changing.current.log_level, chosen)
        tracing.configure(name, routing_headers=settings.routing_header_names())
        runtime = Runtime(settings, chosen, Health(), changing)
        if chosen in roles:
            _run_role(runtime, roles[chosen])
        else:
            _run_command(runtime, commands[chosen], given)
    except ConfigurationError as error:
        _fail(f"{name}: configuration error", error, _EX_CONFIG)
    except StartError as error:
        _fail(name, error, _EX_UNAVAILABLE)
    except Exception:
        logger.exception("failed")
        sys.exit(1)
    finally:
        tracing.shutdown()


def _run_role(runtime: Runtime[S], role: Role[S]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the role has its own handler
    settings = runtime.settings
    info = describe(settings.service_name, runtime.role)
    BUILD_INFO.labels(settings.service_name, runtime.role, info["version"], info["revision"]).set(1)
    try:
        management = ManagementServer(
            settings.bind_address,
            settings.management_port,
            runtime.health,
            info,
            tls(settings.tls if settings.management_tls else None),
        )
    except OSError as error:
        problem = _cannot_listen("MANAGEMENT_PORT", settings.management_port, error)
        raise StartError(problem) from None
    management.start()
    live = runtime.live
    logger.info(
        "starting",
        configuration=settings.redacted(),
        live_configuration=live.current.model_dump(mode="json"),
        **info,
    )
    live.on_change(lambda _: logging.set_level(live.current.log_level))
    try:
        with live:
            _call(role, runtime)
    finally:
        management.close()
    logger.info("stopped")


def _run_command(
    runtime: Runtime[S], command: Role[S] | Command[S], given: argparse.Namespace
) -> None:
    if not isinstance(command, Command):
        _call(command, runtime)
    elif inspect.iscoroutinefunction(command.run):
        asyncio.run(command.run(runtime, given))
    else:
        command.run(runtime, given)


def _cannot_listen(name: str, port: int, error: OSError) -> str:
    reason = str(error.strerror).partition(" (")[0]  # Python may add what it tried
    return f"{name} {port}: {reason}; stop what uses it, or set {name} to another"


def _call(role: Role[S], runtime: Runtime[S]) -> None:
    if inspect.iscoroutinefunction(role):
        asyncio.run(role(runtime))
    else:
        role(runtime)


async def _until_told(runner: Runner, stop: asyncio.Event) -> None:
    await runner(stop)
    if not stop.is_set():
        raise RuntimeError("it ended by itself")


def _exit_after(seconds: float) -> None:
    """Ends the process by force if it has not ended by itself by then."""

    def give_up() -> None:
        logger.error("grace_period_over", grace_period=seconds)
        os._exit(1)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


def _parse(
    service: str,
    choices: Mapping[str, Role[S] | Command[S]],
    arguments: Sequence[str] | None,
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=service, description="Configuration comes from the environment; see the README."
    )
    subparsers = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    for name, choice in choices.items():
        function = choice.run if isinstance(choice, Command) else choice
        text = inspect.getdoc(function) or ""
        subparser = subparsers.add_parser(name, help=text.partition("\n")[0], description=text)
        if isinstance(choice, Command):
            choice.arguments(subparser)
    return parser.parse_args(arguments)


def _fail(who: str, error: Exception, status: int) -> NoReturn:
    logging.flush()  # what is said here comes last
    for line in redaction.clean(str(error)).splitlines():
        print(f"{who}: {line}", file=sys.stderr)
    sys.exit(status)
