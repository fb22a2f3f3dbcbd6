"""Which hosts go by the site's proxy, which proxies may be, and that what is written is read again as it was."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.site.decision import (
    LoginGiven,
    Proxy,
    Site,
    is_unclear,
    no_proxy_of,
    proxy_address_problem,
    proxy_of,
    site_of,
    written,
)

PROXY = Proxy("proxy.example.org", 3128)
SITE = Site(PROXY, ("example.org", "10.0.0.0/8", "2001:db8::/32"), (base64.b64encode(b"a certificate").decode(),))


@pytest.mark.parametrize(
    ("text", "proxy", "url"),
    [
        ("http://proxy.example.org:3128", PROXY, "http://proxy.example.org:3128"),
        ("http://PROXY.example.org:3128/", PROXY, "http://proxy.example.org:3128"),
        ("http://10.1.2.3:8080", Proxy("10.1.2.3", 8080), "http://10.1.2.3:8080"),
        ("http://127.0.0.1:3128", Proxy("127.0.0.1", 3128), "http://127.0.0.1:3128"),
        ("http://[fd00::1]:3128", Proxy("fd00::1", 3128), "http://[fd00::1]:3128"),
        ("http://proxy:80", Proxy("proxy", 80), "http://proxy:80"),
    ],
)
def test_a_proxy_is_known_by_host_and_port(text: str, proxy: Proxy, url: str) -> None:
    assert proxy_of(text) == proxy
    assert proxy.url == url
    assert proxy_of(url) == proxy


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("proxy.example.org:3128", "must begin with http://"),
        ("https://proxy.example.org:3128", "must begin with http://"),
        ("socks5://proxy.example.org:1080", "must begin with http://"),
        ("http://proxy.example.org", "must name a port"),
        ("http://proxy.example.org:0", "must name a port"),
        ("http://proxy.example.org:99999", "cannot be read"),
        ("http://[::1:3128", "cannot be read"),
        ("http://proxy.example.org:3128/path", "end with its port"),
        ("http://proxy.example.org:3128?x=1", "end with its port"),
        ("http://proxy.example.org:3128#x", "end with its port"),
        ("http://:3128", "names no host"),
        ("http://127.1:3128", "names no host"),
        ("http://ex_*ample:3128", "names no host"),
        ("http://169.254.169.254:80", "no proxy lives at"),
        ("http://[fe80::1]:3128", "no proxy lives at"),
        ("http://[fe80::1%25eth0]:3128", "names no host"),
        ("http://proxy.example.org:3128 ", "characters that no address has"),
        ("http://proxy.example.org:3128\nNoProxy=x", "characters that no address has"),
        ("http://pröxy:3128", "characters that no address has"),
        (f"http://{'x' * 300}:3128", "too long"),
    ],
)
def test_what_is_no_proxy_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        proxy_of(text)
    assert not isinstance(refused.value, LoginGiven)


@pytest.mark.parametrize("text", ["http://ann:hunter2@proxy:3128", "ann:hunter2@proxy:3128", "http://ann@proxy:3128"])
def test_a_login_is_refused_and_never_quoted(text: str) -> None:
    with pytest.raises(LoginGiven) as refused:
        proxy_of(text)
    assert "ann" not in str(refused.value)


@given(st.text(max_size=40))
def test_no_text_of_a_proxy_is_quoted_whatever_is_wrong_with_it(text: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - each in its own words
        proxy_of(f"http://s3cret\x00{text}")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("93.184.215.14", True),
        ("fd00::1", True),
        ("169.254.1.1", False),
        ("::ffff:169.254.1.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("::", False),
    ],
)
def test_a_proxy_lives_at_an_address_of_a_machine(address: str, may: bool) -> None:
    assert (proxy_address_problem(address) is None) is may


@pytest.mark.parametrize(
    ("host", "proxied"),
    [
        ("api.example.net", True),
        ("notexample.org", True),
        ("93.184.215.14", True),
        ("2606:2800::1", True),
        ("example.org", False),
        ("a.b.example.org", False),
        ("10.200.3.4", False),
        ("2001:db8::7", False),
        ("localhost", False),
        ("app.localhost", False),
        ("127.0.0.9", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
    ],
)
def test_what_is_excepted_and_loopback_are_reached_without_the_proxy(host: str, proxied: bool) -> None:
    assert SITE.proxy_for(host) == (PROXY if proxied else None)
    assert Site(no_proxy=SITE.no_proxy).proxy_for(host) is None


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("Example.ORG", "example.org"),
        (".example.org", "example.org"),
        ("*.example.org.", "example.org"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("intranet", "intranet"),
    ],
)
def test_an_exception_has_one_form(text: str, one: str) -> None:
    assert no_proxy_of(text) == one == no_proxy_of(one)


@pytest.mark.parametrize("text", ["", "*", "a b", "a\nb", "10.0.0.0/33", "1.2.3", "http://example.org", "fe80::1%eth0"])
def test_what_is_no_exception_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no name, address or network"):
        no_proxy_of(text)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1.", "a.0x7f", "1.2.3.4.5", "a.1"])
def test_what_a_resolver_may_take_for_an_address_is_unclear(host: str) -> None:
    assert is_unclear(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "example.org", "1.example", "0xcafe.example", "x1"])
def test_plain_addresses_and_names_are_clear(host: str) -> None:
    assert not is_unclear(host)


def test_what_is_written_is_read_again_among_what_is_networkds() -> None:
    text = "\n".join(["[Match]", "Name=ens3", "", *written(SITE), "", "[Link]", "Proxy=http://other:1", ""])
    assert site_of(text) == SITE
    alone = Site(authorities=SITE.authorities)
    assert site_of("\n".join(written(alone))) == alone
    assert list(written(Site())) == []
    assert site_of("[Match]\nName=ens3\n") == Site()
    assert site_of("[X-ATT]\nOfAnotherRelease=7\n") == Site()


@pytest.mark.parametrize(
    "line", ["Proxy=ftp://x:1", "NoProxy=a b", "Authority=%", "Proxy=http://a:1\nProxy=http://b:1"]
)
def test_a_section_that_says_what_cannot_be_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each of them in its own words
        site_of(f"[X-ATT]\n{line}\n")


names = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,2}", fullmatch=True)


@given(names, st.integers(1, 65_535), st.lists(st.one_of(names, st.ip_addresses().map(str)), max_size=4), st.binary())
def test_every_site_survives_being_written(host: str, port: int, excepted: list[str], certificate: bytes) -> None:
    site = Site(Proxy(host, port), tuple(map(no_proxy_of, excepted)), (base64.b64encode(certificate).decode(),))
    assert site_of("\n".join(written(site))) == site
    assert all(site.proxy_for(one) is None for one in excepted)
