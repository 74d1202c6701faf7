"""The only module that reads the environment. It makes the frozen settings objects of the other rooms."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from sensor_platform.collect.config import SOURCES, Broker
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.ledger import check_grid, refuse_newer_home
from sensor_platform.site import Site, for_home, load_site

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a process of the platform needs to know."""

    home: Home
    site: Site
    site_folder: Path | None
    broker: Broker
    logins: dict[str, tuple[str, str]] = {}
    """User and password of sources other than MQTT, by source (`kafka`)."""
    live_token: str = ""
    uplink: Broker | None = None
    """The broker of the centre, where this site is the edge."""


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from SENSOR_PLATFORM_* variables.

    Raises:
        WrongUse: a variable or a site file is wrong, the data folder was made with another `slot_minutes`, or a newer
            version has worked on it.
    """
    home = home_of(environ)
    refuse_newer_home(home)
    folder = site_folder(environ)
    site = load_site(folder)
    check_grid(home, site.slot_minutes)
    return settings_with(site, folder, environ)


def settings_with(site: Site, folder: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of a site that was read already, from SENSOR_PLATFORM_* variables.

    Raises:
        WrongUse: a variable is wrong.
    """
    env = os.environ if environ is None else environ
    home = home_of(env)
    return Settings(
        home=home,
        site=for_home(site, home),
        site_folder=folder,
        broker=_broker(env),
        logins=_logins(env),
        uplink=_broker(env, "UPLINK") if env.get("SENSOR_PLATFORM_UPLINK_URL") else None,
        live_token=env.get("SENSOR_PLATFORM_LIVE_TOKEN", ""),
    )


def home_of(environ: Mapping[str, str] | None = None) -> Home:
    """The data folder, which no mistake in the site can hide."""
    env = os.environ if environ is None else environ
    return Home(Path(env.get("SENSOR_PLATFORM_HOME") or "data").resolve())


def site_folder(environ: Mapping[str, str] | None = None) -> Path | None:
    """The folder that was named; else the home's own `site`, for a home is never to be read by another site's rules."""
    env = os.environ if environ is None else environ
    if named := env.get("SENSOR_PLATFORM_SITE"):
        return Path(named).resolve()
    own = home_of(env).root / "site"
    return own if (own / "site.yaml").is_file() else None


def broker_from(url: str) -> Broker:
    """The broker at a URL, without certificates of our own.

    Raises:
        WrongUse: the URL is not a broker address.
    """
    return _broker({"SENSOR_PLATFORM_BROKER_URL": url})


def _broker(env: Mapping[str, str], which: str = "BROKER") -> Broker:
    prefix = f"SENSOR_PLATFORM_{which}"
    url = env.get(f"{prefix}_URL") or "mqtt://127.0.0.1:1883"
    hint = "write it as mqtt://user:password@host:port or mqtts://..."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WrongUse(f"the port in {prefix}_URL is not valid", hint) from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise WrongUse(f"{prefix}_URL is not a broker address", hint)
    return Broker(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=parts.scheme == "mqtts",
        ca_file=env.get(f"{prefix}_CA_FILE"),
        cert_file=env.get(f"{prefix}_CERT_FILE"),
        key_file=env.get(f"{prefix}_KEY_FILE"),
    )


def _logins(env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """User and password by source, from SENSOR_PLATFORM_<SOURCE>_USERNAME and _PASSWORD."""
    found: dict[str, tuple[str, str]] = {}
    for name in (source.name for source in SOURCES if source.has_login):
        prefix = f"SENSOR_PLATFORM_{name.upper()}"
        if user := env.get(f"{prefix}_USERNAME", ""):
            found[name] = (user, env.get(f"{prefix}_PASSWORD", ""))
    return found


def environ_with(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `changes`, for a child process."""
    return {**os.environ, **changes}
