"""The routes of `proxy`: a relay of its own for each prefix.

Each route has the options of the command as defaults, except `--strip`, which is for the paths of
one service. In a configuration file a route may set options of its own.
"""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from streamserver.cli.config import read_keys
from streamserver.cli.config_file import ConfigError
from streamserver.cli.options import Option
from streamserver.cli.problem import CannotServe
from streamserver.cli.resumable import RESUMABLE
from streamserver.cli.upstream_options import (
    GROUP,
    MAX_BODY,
    POOL,
    REQUESTS,
    RESPONSES,
    UPSTREAM,
    injected,
    make_proxy,
    upstream,
)
from streamserver.cli.values import text
from streamserver.kit.service import Handler
from streamserver.proxy.proxy import Proxy
from streamserver.proxy.routes import Route, Routes

_KEYS = (
    Option("prefix", "", text, "PREFIX", ""),
    Option("to", (), upstream, "URL", "", many=True),
    *REQUESTS,
    *RESPONSES,
    *UPSTREAM,
    *POOL,
    *GROUP,
    MAX_BODY,
    *(option for option in RESUMABLE if not option.name.startswith("redis")),
)
_KEY_SOURCES = ("api_key_env", "api_key_file")


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """A prefix, its upstreams, and what the route sets in place of the options of the command."""

    prefix: str
    urls: Sequence[str]
    strip: bool | str = False
    own: Mapping[str, object] = field(default_factory=dict)
    where: str = ""
    """Its place in a configuration file."""

    def __str__(self) -> str:
        return f"{self.prefix}={','.join(self.urls)}"


@dataclass(frozen=True, slots=True)
class Relay:
    """The relay of a route, or of all paths; without wrappers such as the one that records."""

    route: Route
    proxy: Proxy
    urls: Sequence[str]
    options: Namespace

    @property
    def hosts(self) -> list[str]:
        """The hosts of the upstreams, with their ports."""
        return [urlsplit(url).netloc or url for url in self.urls]


def read_route(value: str) -> RouteOptions:
    """PREFIX=URL[,URL...]."""
    prefix, equals, urls = value.partition("=")
    if not equals:
        shown = "the value" if "@" in value else repr(value)  # a URL may contain a password
        raise ArgumentTypeError(f"{shown} is not PREFIX=URL[,URL...], as in /v1=http://a:8000")
    return RouteOptions(prefix, [upstream(url) for url in urls.split(",")])


def read_route_table(table: Mapping[str, object], where: str) -> Sequence[RouteOptions]:
    """The route of a table in a configuration file."""
    strip = table.get("strip")
    if isinstance(strip, bool):
        table = {key: value for key, value in table.items() if key != "strip"}
    own = read_keys(table, _KEYS, where)
    prefix, urls = str(own.pop("prefix", "")), own.pop("to", ())
    if not prefix or not isinstance(urls, list) or not urls:
        raise ConfigError(
            f"{where}: a route needs the keys prefix and to (a URL, or an array of URLs)"
        )
    if all(map(own.get, _KEY_SOURCES)):
        raise ConfigError(f"{where}: {' and '.join(_KEY_SOURCES)} exclude each other")
    if not isinstance(strip, bool):
        strip = str(own.pop("strip", ""))
    return [RouteOptions(prefix, urls, strip, own, where)]


ROUTE = Option(
    "route",
    (),
    read_route,
    "PREFIX=URL[,URL...]",
    "relay paths with this prefix to another upstream; may be repeated; the longest prefix is used",
    "",
    many=True,
    read_table=read_route_table,
)


def make_relays(options: Namespace, environment: Mapping[str, str]) -> list[Relay]:
    """The relays of all routes, and the one of URL as that of "/"; ValueError, ConfigError or
    CannotServe for what a relay cannot have."""
    relays = []
    if options.urls:
        relays.append(_relay(RouteOptions("/", options.urls), options, environment))
    for route in options.route:
        inherited = vars(options)
        if not route.own.keys().isdisjoint(_KEY_SOURCES):
            inherited = inherited | dict.fromkeys(_KEY_SOURCES)
        if not any(url.lower().startswith("https:") for url in route.urls):
            inherited = inherited | {"upstream_ca": None}
        own = Namespace(**inherited | {"strip": ""} | dict(route.own))
        name = route.where or f"--route {route.prefix}"
        try:
            relays.append(_relay(route, own, environment))
        except CannotServe as problem:
            raise CannotServe(f"{name}: {problem}") from problem
        except ValueError as problem:
            raise (ConfigError if route.where else ValueError)(f"{name}: {problem}") from problem
    return relays


def _relay(route: RouteOptions, options: Namespace, environment: Mapping[str, str]) -> Relay:
    options.injected = injected(options, environment)
    proxy = make_proxy(route.urls, options)
    return Relay(Route(route.prefix, proxy, route.strip), proxy, route.urls, options)


def combined(
    options: Namespace, wrap: Callable[[Relay], Handler] = lambda relay: relay.proxy
) -> Handler:
    """The handler of all relays, each of them wrapped; ValueError for two of one prefix."""
    if not options.route:
        return wrap(options.relays[0])
    return Routes([replace(relay.route, handler=wrap(relay)) for relay in options.relays])


def about(options: Namespace) -> str:
    """Which path is relayed to what."""
    relays = [f"{relay.route.prefix} to {' '.join(relay.urls)}" for relay in options.relays]
    return f"a relay of {', '.join(relays)}"


def shared_key(options: Namespace) -> list[str]:
    """A warning if the key of the command is sent to the hosts of several routes."""
    sources = [getattr(options, name) for name in _KEY_SOURCES]
    hosts = {
        ", ".join(relay.hosts): None
        for relay in options.relays
        if [getattr(relay.options, name) for name in _KEY_SOURCES] == sources
    }
    if not any(sources) or len(hosts) < 2:
        return []
    flag = "--api-key-env" if sources[0] else "--api-key-file"
    advice = "set a key for each route if these are different services"
    return [f"the key of {flag} is sent to {', '.join(hosts)}: {advice}"]
