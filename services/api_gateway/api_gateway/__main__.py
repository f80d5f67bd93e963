"""Runs the gateway: ``python -m api_gateway serve``."""

from typing import Final

from api_gateway import features
from api_gateway.app import Managers, create_gateway_app
from api_gateway.audit import tell_origin
from api_gateway.client_address import site_in
from api_gateway.config import GatewaySettings
from api_gateway.cookies import LoginCookie
from api_gateway.cors import parse_origins
from api_gateway.github import GitHub
from api_gateway.limits import Limiter
from api_gateway.limits_counters import Counters, redis_storage
from api_gateway.limits_leases import Leases
from api_gateway.live import LiveGatewaySettings, live_settings
from api_gateway.news_stream import NewsStreams
from api_gateway.revocations import heed_revocations
from api_gateway.sessions import Sessions
from api_gateway.threads import Places, at_once
from delinkcious.audit import EventRecorder, Recorder
from delinkcious.audit.serving import limit_changes
from delinkcious.auth import MutualAuth
from delinkcious.clients.audit import AuditClient
from delinkcious.clients.imports import ImportClient
from delinkcious.clients.links import LinkClient
from delinkcious.clients.news import NewsClient
from delinkcious.clients.social_graph import SocialGraphClient
from delinkcious.clients.users import UserClient
from delinkcious.config import Address
from delinkcious.grpc.client import GrpcClient
from delinkcious.http.client import HttpClient
from delinkcious.http.crowds import Crowds
from delinkcious.http.slow_bodies import Bodies
from delinkcious.live import Live
from delinkcious.messaging.background import BackgroundBroker
from delinkcious.policy import Policy
from delinkcious.service import Runtime, run
from delinkcious.tls import tls

_PATIENT: Final = Policy(timeout=60)
"""For what changes many links."""


def serve(runtime: Runtime[GatewaySettings]) -> None:
    """Answer requests."""
    settings = runtime.settings
    broker = BackgroundBroker.from_settings(settings)
    runtime.health.add("nats", broker.check, required=False)
    recorder = EventRecorder(broker, settings.service_name)
    live: Live[LiveGatewaySettings] = runtime.live
    live.on_change(limit_changes(recorder, "limits."))
    managers = _managers(runtime, recorder)
    sessions = Sessions(
        managers.users, seconds=settings.session_cache_seconds, size=settings.session_cache_size
    )
    streams = NewsStreams(managers.news, sessions, settings.news_streams)
    heed_revocations(broker, sessions, streams.end_those_of)
    app = create_gateway_app(
        managers,
        sessions,
        _github(settings),
        LoginCookie(settings.secret_key.get_secret_value()),
        settings.public_url,
        streams=streams,
        transfers=max(1, settings.server_threads // 2),
        logins=max(1, settings.server_threads // 4),
        proxies=settings.proxies,
        cors_origins=parse_origins(settings.cors_origins),
        limiter=_limiter(runtime),
    )
    features.install(app, lambda: live.current.features)
    room = Places(settings.server_threads)
    bodies = Bodies(settings.port, room, site_in, total=settings.slow_requests)
    bodies.start()
    Crowds(settings.port, settings.address_connections, settings.proxies.site_behind).start()
    broker.start()
    try:
        runtime.serve_http(
            at_once(app, room, bodies),
            threads=settings.server_threads + settings.news_streams + settings.slow_requests,
            on_stop=streams.close,
        )
    finally:
        broker.close()


def _managers(runtime: Runtime[GatewaySettings], recorder: Recorder) -> Managers:
    """Returns a client of each service. Only without the user service can nobody be served."""
    settings = runtime.settings
    auth, certificates = MutualAuth.from_settings(settings), tls(settings.tls)

    def client(peer: str, address: Address, *, required: bool = False) -> HttpClient:
        told = tell_origin if peer == "user-manager" else dict
        token = auth.credential_for(peer)
        http = HttpClient(peer, address, headers=told, token=token, tls=certificates)
        runtime.health.add(peer, http.check, required=required)
        return http

    token = auth.credential_for("news-manager")
    news = GrpcClient("news-manager", settings.news_manager, token=token, tls=certificates)
    runtime.health.add("news-manager", news.check, required=False)
    links = client("link-manager", settings.link_manager)
    users = client("user-manager", settings.user_manager, required=True)
    return Managers(
        links=LinkClient(
            links,
            patient=HttpClient(
                "link-manager",
                settings.link_manager,
                token=auth.credential_for("link-manager"),
                policy=_PATIENT,
                tls=certificates,
            ),
        ),
        social_graph=SocialGraphClient(
            client("social-graph-manager", settings.social_graph_manager)
        ),
        users=UserClient(users),
        news=NewsClient(news),
        imports=ImportClient(links),
        trail=AuditClient(users),
        recorder=recorder,
    )


def _limiter(runtime: Runtime[GatewaySettings]) -> Limiter:
    """Returns what limits requests. While Redis is away, nothing does."""
    settings = runtime.settings
    key = settings.secret_key.get_secret_value().encode()
    leases = Leases(Counters(redis_storage(settings.redis), key))
    leases.start()
    runtime.health.add("redis", leases.check, required=False)
    live: Live[LiveGatewaySettings] = runtime.live
    return Limiter(leases, lambda: live.current.limits)


def _github(settings: GatewaySettings) -> GitHub:
    return GitHub(
        client_id=settings.github_client_id,
        client_secret=settings.github_client_secret.get_secret_value(),
        url=settings.github_url,
        api_url=settings.github_api_url,
        timeout=settings.github_timeout,
    )


if __name__ == "__main__":
    run(GatewaySettings, live=live_settings, roles={"serve": serve})
