"""Records: what was done to provisioned products. A record is the operation on the stack."""

from typing import Any

from loopback.core.kinds import STACK_OPERATION
from loopback.core.queries import Selection, equals, member
from loopback.rows.row import view_of
from loopback.rows.stacks import StackOperationRow
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.servicecatalog.errors import InvalidParametersException, ResourceNotFoundException
from loopback.services.servicecatalog.rows import PAGE, PAGING, find, page_of

SERVICE = "servicecatalog"
_TYPES = {
    "create": "PROVISION_PRODUCT",
    "update": "UPDATE_PROVISIONED_PRODUCT",
    "delete": "TERMINATE_PROVISIONED_PRODUCT",
}
_SEARCHED = {"provisionedproduct": "record.id", "product": "record.product"}


@handles("DescribeRecord", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """The record, and the stack's ARN and outputs."""
    row = find(StackOperationRow, request["Id"], context)
    if row.record is None:
        raise ResourceNotFoundException(f"Record {request['Id']} not found")
    outputs = [_output(found) for found in row.outputs]
    if row.stack_id:
        told = "The ARN of the launched Cloudformation Stack"
        outputs.insert(0, {"OutputKey": "CloudformationStackARN", "OutputValue": row.stack_id, "Description": told})
    shown = PAGING.of_items(request, outputs, "RecordOutputs", PAGE)
    return shown | {"RecordDetail": detail(row)}


def _output(found: dict[str, Any]) -> dict[str, Any]:
    return {key: found[key] for key in ("OutputKey", "OutputValue", "Description") if key in found}


@handles("ListRecordHistory", SERVICE)
def history(request: Request, context: Context) -> Response:
    """Newest first; of all, of one provisioned product or of one product. Operations of projects are no records."""
    if (request.get("AccessLevelFilter") or {}).get("Key", "Account") != "Account":
        raise InvalidParametersException("loopback does not carry out AccessLevelFilter; every caller is the account")
    newest = Selection(STACK_OPERATION, descending=True, where=((f"{member('record.id')} > ?", ""),))
    if wanted := request.get("SearchFilter"):
        path = _SEARCHED.get(wanted.get("Key", ""))
        if path is None:
            raise InvalidParametersException(f"SearchFilter.Key must be one of {', '.join(_SEARCHED)}")
        newest = Selection(STACK_OPERATION, descending=True, equal=(equals(path, wanted.get("Value", "")),))
    return page_of(newest, view_of(StackOperationRow, detail), "RecordDetails", request, context)


def detail(row: StackOperationRow) -> dict[str, Any]:
    """RecordDetail; {} of an operation that has none, a project's."""
    record = row.record
    if record is None:
        return {}
    failed = row.status in ("FAILED", "IN_PROGRESS_IN_ERROR")
    return {
        "RecordId": row.name,
        "ProvisionedProductName": record.name,
        "Status": row.status,
        "CreatedTime": row.created,
        "UpdatedTime": row.changed,
        "ProvisionedProductType": "CFN_STACK",
        "RecordType": _TYPES[row.order.verb],
        "ProvisionedProductId": record.id,
        "ProductId": record.product,
        "ProvisioningArtifactId": record.artifact,
        "PathId": record.path,
        "RecordErrors": [{"Description": row.message}] if failed else [],
        "RecordTags": [{"Key": key, "Value": value} for key, value in record.tags.items()],
        "LaunchRoleArn": record.role or None,
    }
