"""Who may use this AWS: programs of this machine. Pure."""


def refusal(host: str, origin: str | None, port: int) -> str | None:
    """Why a request with these headers does not come from a client of this machine's own, or None.

    A page in a browser can reach 127.0.0.1 through a name it controls (DNS rebinding: a foreign Host) or
    straight away (a foreign Origin). Virtual-host S3 names and the base's own execute-api names end in
    `.localhost` or are AWS's.
    """
    name = host.rsplit(":", 1)[0].lower()
    if not (name in ("127.0.0.1", "localhost", "[::1]") or name.endswith((".localhost", ".amazonaws.com"))):
        return f"Host {host!r} is not this machine; use http://127.0.0.1:{port}"
    if origin not in (None, f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
        return f"Origin {origin!r} may not use this AWS; only pages from http://127.0.0.1:{port} may"
    return None
