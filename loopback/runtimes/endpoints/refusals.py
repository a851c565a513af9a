"""The runtime's errors: what a caller of InvokeEndpoint sees instead of an answer.

Source: AWS, API_runtime_InvokeEndpoint.
"""

import json

from loopback.core.arn import Place
from loopback.runtimes.endpoints.http1 import Answer
from loopback.runtimes.endpoints.instances import GROUP


class Refusal(Exception):
    """An AWS error of the runtime: status, code, message and further members of the body."""

    def __init__(self, status: int, code: str, text: str, **members: str | int) -> None:
        super().__init__(text)
        self.status, self.code, self.members = status, code, members


def no_endpoint(name: str, place: Place) -> Refusal:
    """What is asked is not there, or not there any more."""
    return Refusal(400, "ValidationError", f"Endpoint {name} of account {place.account} not found.")


def model_error(answer: Answer, endpoint: str, log_stream: str, place: Place) -> Refusal:
    """What the model answered with a status that is not 2XX."""
    original = answer.body.decode(errors="replace")
    group = f"{GROUP}/{endpoint}"
    side = "client" if 400 <= answer.status < 500 else "server"
    console = f"https://{place.region}.console.aws.amazon.com/cloudwatch/home?region={place.region}#logEventViewer:group={group}"
    text = (
        f'Received {side} error ({answer.status}) from primary with message "{original}". '
        f"See {console} in account {place.account} for more information."
    )
    arn = place.arn(f"log-group:{group}:log-stream:{log_stream}", "logs")
    return Refusal(
        424, "ModelError", text, OriginalStatusCode=answer.status, OriginalMessage=original, LogStreamArn=arn
    )


def error(refusal: Refusal) -> Answer:
    """As it goes over the wire."""
    body = json.dumps({"Message": str(refusal), **refusal.members}).encode()
    headers = {b"Content-Type": b"application/json", b"x-amzn-ErrorType": refusal.code.encode()}
    return Answer(refusal.status, body, headers)
