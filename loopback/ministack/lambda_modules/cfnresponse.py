# ruff: noqa: BLE001, N803, PLR0913, PLR0917, S310 - the interface is AWS's, and the URL is CloudFormation's
"""Answer CloudFormation for a custom resource: what functions with inline code can import as `cfnresponse`.

`send(event, context, cfnresponse.SUCCESS, {"Name": "value"})` puts the answer to the URL that came with the event.
"""

import json
import urllib.request
from typing import Any

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(
    event: Any,
    context: Any,
    responseStatus: str,
    responseData: Any,
    physicalResourceId: Any = None,
    noEcho: bool = False,
    reason: Any = None,
) -> None:
    """Put the answer to where CloudFormation waits for it; that it cannot be put is printed."""
    stream = getattr(context, "log_stream_name", "")
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {stream}",
        "PhysicalResourceId": physicalResourceId or stream,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    body = json.dumps(answer).encode("utf-8")
    print("Answer to CloudFormation: {}".format(body.decode("utf-8")))
    headers = {"content-type": "", "content-length": str(len(body))}
    request = urllib.request.Request(event["ResponseURL"], data=body, headers=headers, method="PUT")
    try:
        with urllib.request.urlopen(request) as taken:
            print(f"CloudFormation has taken it: {taken.status}")
    except Exception as fault:
        print(f"CloudFormation could not be answered: {fault}")
