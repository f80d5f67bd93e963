from tools.local_stack.layout import API_GATEWAY, IDENTITY_PROVIDER, Layout


def test_every_port_is_wanted_once() -> None:
    ports = [port for port, _ in Layout().ports()]
    assert len(ports) == len(set(ports)) == 22


def test_every_port_says_what_it_is_for() -> None:
    wanted = dict(Layout().ports())
    assert wanted[5000] == "api-gateway serve"
    assert wanted[18081] == "management of link-manager work"
    assert wanted[18222] == "nats monitoring"


def test_a_stack_on_free_ports_shares_none_with_the_usual_one() -> None:
    usual, free = Layout(), Layout().on_free_ports()
    assert not {port for port, _ in usual.ports()} & {port for port, _ in free.ports()}
    assert [purpose for _, purpose in usual.ports()] == [purpose for _, purpose in free.ports()]


def test_urls_follow_the_ports() -> None:
    layout = Layout().on_free_ports()
    assert layout.url(API_GATEWAY) == f"http://127.0.0.1:{layout.port(API_GATEWAY)}"


def test_a_service_can_be_left_out() -> None:
    names = [service.name for service in Layout().without(IDENTITY_PROVIDER).services]
    assert "identity-provider" not in names
    assert "api-gateway" in names
