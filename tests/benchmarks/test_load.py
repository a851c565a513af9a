import socket
import threading
from pathlib import Path

import pytest

from benchmarks import load, loads
from benchmarks.local_aws import Failed


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: text/csv", 9),
        (b"HTTP/1.1 400 Bad Request\r\ncontent-type: a\r\ncontent-length: 120", 120),
    ],
)
def test_length_of_a_response(head: bytes, length: int):
    assert load.length(head) == length


def serve(path: Path, answers: list[bytes]) -> threading.Thread:
    """Answer the requests of one connection, each in two pieces, the last one for ever."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def run() -> None:
        connection, _ = listener.accept()
        left = list(answers)
        while connection.recv(1000):
            said = left.pop(0) if len(left) > 1 else left[0]
            connection.sendall(said[:20])
            connection.sendall(said[20:])
        connection.close()
        listener.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n0.5"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"


def test_answers_are_counted_and_what_is_not_200_apart(tmp_path: Path):
    server = serve(tmp_path / "a.sock", [REFUSED, OK])
    found = load.run(str(tmp_path / "a.sock"), 1, 0.02, b"POST / HTTP/1.1\r\n\r\n")
    server.join()
    assert found["answers"] > 1
    assert found["refused"] == 1
    assert str(found["said"]).endswith("no")
    assert 0 < found["p50"] <= found["p99"] <= found["seconds"]


def test_a_rate_of_refusals_is_no_rate():
    found = {"refused": 2, "answers": 9, "said": "HTTP/1.1 424", "rate": 9.0, "p50": 0.1, "p99": 0.2}
    with pytest.raises(Failed, match=r"here did not answer 2 of 9 requests with 200; the first: HTTP/1.1 424"):
        loads.Load.of(found, "here")
