"""Addresses: which ones a fetched URL may lead to. Pure.

Refused is what is not somebody's public server: this machine, this network, cloud metadata, and what wraps those.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_CARRIES_IPV4 = {IPv6Network("64:ff9b::/96"): 0, IPv6Network("2002::/16"): 80}
"""Networks whose addresses stand for an IPv4 one, and how far to shift to it: NAT64 (RFC 6052), 6to4 (RFC 3056)."""
_REFUSED = tuple(
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's platform and metadata address, formally public
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "2001::/23",  # Teredo, ORCHID and other special purposes (RFC 6890)
        "3fff::/20",  # documentation (RFC 9637)
    )
)


def parse(host: str) -> Address:
    """Return the address in a socket's own spelling; a zone (`%eth0`) is left out."""
    return ip_address(host.partition("%")[0])


def allowed(address: Address, allow_private: bool) -> bool:
    """Tell whether something may be fetched from the address.

    `allow_private` lets in loopback and private networks, for development. Link-local (where clouds keep their
    metadata), multicast and reserved addresses stay refused.
    """
    inner = _inner(address)
    if inner is not None:
        return allowed(inner, allow_private)
    if address.is_multicast or address.is_link_local or address.is_unspecified or _in(address, _REFUSED):
        return False
    if allow_private and (address.is_loopback or (address.is_private and not address.is_reserved)):
        return True
    return address.is_global and (address.version == 4 or address in _GLOBAL_UNICAST)


def _inner(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, shift in _CARRIES_IPV4.items():
        if address in network:
            return IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return None


def _in(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)
