"""What earlier versions of loopback have stored of stacks, projects and products is read, and written the same."""

from typing import Any

import pytest

from loopback.core.store import Resource
from loopback.rows.catalog import ArtifactRow, ConstraintRow, PathRow, PortfolioRow, PrincipalRow, ProductRow
from loopback.rows.row import Row
from loopback.rows.stacks import Order, ProjectRow, ProvisionedProductRow, StackOperationRow

ORDER = {
    "verb": "update",
    "stack": "SC-1-pp-1",
    "role": "arn:aws:iam::1:role/launch",
    "template": {"TemplateBody": "{}"},
    "parameters": {"Name": "demo"},
    "tags": {"team": "churn"},
    "capabilities": ["CAPABILITY_IAM"],
}
PRODUCT = {"name": "demo", "product": "prod-1", "artifact": "pa-1", "path": "lpv3-1", "tags": {"team": "churn"}}
PRODUCT |= {"role": "arn:aws:iam::1:role/launch"}
RECORD = PRODUCT | {"id": "pp-1"}
LAUNCHED = PRODUCT | {"portfolio": "port-1", "token": "t"}
STACK = {"stack_id": "arn:aws:cloudformation:us-east-1:1:stack/s/1", "message": "CREATE_COMPLETE"}
OUTPUTS = [{"OutputKey": "Bucket", "OutputValue": "b"}]
OWNERS = [["provisioned-product", "pp-1"], ["project", "demo"]]

STORED: list[tuple[type[Row], dict[str, Any], dict[str, Any]]] = [
    (
        StackOperationRow,
        {
            "order": ORDER,
            "owners": OWNERS,
            "record": RECORD,
            "IdempotencyToken": "t",
            "after": LAUNCHED,
            "ignores": True,
        },
        STACK | {"outputs": OUTPUTS},
    ),
    (ProjectRow, {"ProjectName": "demo", "TemplateProviders": []}, STACK | {"id": "p-1", "operation": "p-1-2"}),
    (ProjectRow, {"ProjectName": "demo"}, {"id": "p-1", "operation": "rec-1", "product": "pp-1"}),
    (ProvisionedProductRow, LAUNCHED, STACK | {"last": "rec-2", "last_change": "rec-2", "last_success": "rec-1"}),
    (PortfolioRow, {"DisplayName": "ML", "ProviderName": "us", "IdempotencyToken": "t"}, {}),
    (ProductRow, {"Name": "mlops", "Owner": "us", "IdempotencyToken": "t"}, {}),
    (
        ArtifactRow,
        {"Name": "v1", "Description": "first", "IdempotencyToken": "t", "ProductId": "prod-1"},
        {"url": "https://b.s3.amazonaws.com/t.yml", "body": "{}", "digest": "00"},
    ),
    (PathRow, {"id": "lpv3-1", "product": "prod-1"}, {}),
    (PrincipalRow, {"PrincipalARN": "arn:aws:iam::1:role/user", "PrincipalType": "IAM"}, {}),
    (ConstraintRow, {"PortfolioId": "port-1", "ProductId": "prod-1", "Type": "LAUNCH", "Parameters": "{}"}, {}),
]


def stored(doc: dict[str, Any], result: dict[str, Any]) -> Resource:
    return Resource("kind", "name", "parent", "Completed", doc, result, 1.0, 2.0, None)


@pytest.mark.parametrize(("of", "doc", "result"), STORED)
def test_what_is_stored_stays_as_it_is(of: type[Row], doc: dict[str, Any], result: dict[str, Any]) -> None:
    assert of.from_row(stored(doc, result)).to_row() == (doc, result)


def test_an_operation_of_a_project_has_no_record() -> None:
    row = StackOperationRow.from_row(stored({"order": {"verb": "delete", "stack": "SP-1"}, "owners": OWNERS[1:]}, {}))
    assert (row.order, row.owners) == (Order("delete", "SP-1"), (("project", "demo"),))
    assert (row.record, row.token, row.after, row.ignores, row.message, row.outputs) == (
        None,
        None,
        None,
        False,
        "",
        [],
    )
