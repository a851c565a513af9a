"""Resource types of Service Catalog."""

import json
from typing import Any

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.types import Call, Made, Properties, ResourceType, TemplateResource, is_not_found

SERVICE = "servicecatalog"
LOOK_SECONDS = 0.2


def _quietly(call: Call, operation: str, request: dict[str, Any]) -> None:
    """Delete; what is gone already is no error."""
    try:
        call(SERVICE, operation, request)
    except ServiceError as fault:
        if not is_not_found(fault):
            raise


def _only(properties: Properties, *names: str) -> Properties:
    return {name: properties[name] for name in names if name in properties}


class Portfolio:
    """Ref is its id."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        given = _only(wanted.properties, "DisplayName", "ProviderName", "Description", "Tags")
        found = call(SERVICE, "CreatePortfolio", given)["PortfolioDetail"]
        return found["Id"], {"Id": found["Id"], "PortfolioName": found["DisplayName"]}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """See ResourceType."""
        del old
        given = _only(new, "DisplayName", "ProviderName", "Description")
        call(SERVICE, "UpdatePortfolio", {"Id": made[0]} | given)
        return made[0], made[1] | {"PortfolioName": new["DisplayName"]}

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del properties
        _quietly(call, "DeletePortfolio", {"Id": physical_id})


class Product:
    """A CloudFormation template as a product; each entry of ProvisioningArtifactParameters is a version of it."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        names = ("Name", "Owner", "Description", "Distributor", "SupportDescription", "SupportEmail", "SupportUrl")
        given = _only(wanted.properties, *names, "Tags")
        first, *more = [_artifact(entry) for entry in wanted.properties["ProvisioningArtifactParameters"]]
        request = given | {"ProductType": "CLOUD_FORMATION_TEMPLATE", "ProvisioningArtifactParameters": first}
        found = call(SERVICE, "CreateProduct", request)
        product = found["ProductViewDetail"]["ProductViewSummary"]["ProductId"]
        artifacts = [found["ProvisioningArtifactDetail"], *(self._add(product, entry, call) for entry in more)]
        return product, _product_attributes(product, given["Name"], artifacts)

    def _add(self, product: str, entry: Properties, call: Call) -> dict[str, Any]:
        request = {"ProductId": product, "Parameters": entry}
        detail: dict[str, Any] = call(SERVICE, "CreateProvisioningArtifact", request)["ProvisioningArtifactDetail"]
        return detail

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Another list of artifacts adds what is new in it; versions that people have launched stay."""
        product = made[0]
        names = ("Name", "Owner", "Description", "Distributor", "SupportDescription", "SupportEmail", "SupportUrl")
        call(SERVICE, "UpdateProduct", {"Id": product} | _only(new, *names))
        known = old["ProvisioningArtifactParameters"]
        for entry in new["ProvisioningArtifactParameters"]:
            if entry not in known:
                self._add(product, _artifact(entry), call)
        listed = call(SERVICE, "ListProvisioningArtifacts", {"ProductId": product})["ProvisioningArtifactDetails"]
        return product, _product_attributes(product, new["Name"], listed)

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del properties
        _quietly(call, "DeleteProduct", {"Id": physical_id})


def _artifact(entry: Properties) -> Properties:
    return {"Type": "CLOUD_FORMATION_TEMPLATE"} | _only(
        entry, "Name", "Description", "Info", "Type", "DisableTemplateValidation"
    )


def _product_attributes(product: str, name: str, artifacts: list[dict[str, Any]]) -> Properties:
    return {
        "Id": product,
        "ProductName": name,
        "ProvisioningArtifactIds": ",".join(found["Id"] for found in artifacts),
        "ProvisioningArtifactNames": ",".join(found.get("Name", "") for found in artifacts),
    }


class Association:
    """A portfolio with something in it: Ref is both ids, with a bar between them."""

    def __init__(self, associate: str, disassociate: str, member: str, more: tuple[str, ...] = ()) -> None:
        self._associate, self._disassociate, self._member, self._more = associate, disassociate, member, more

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        given = _only(wanted.properties, "PortfolioId", self._member, *self._more)
        call(SERVICE, self._associate, given)
        return f"{given['PortfolioId']}|{given[self._member]}", {}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Every property replaces it."""
        del old, new, call
        return made

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del physical_id
        _quietly(call, self._disassociate, _only(properties, "PortfolioId", self._member, *self._more))


class LaunchRole:
    """The role that a product is launched with."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        given = _only(wanted.properties, "PortfolioId", "ProductId", "Description")
        parameters = json.dumps(_only(wanted.properties, "RoleArn", "LocalRoleName"))
        request = given | {"Type": "LAUNCH", "Parameters": parameters}
        found = call(SERVICE, "CreateConstraint", request)["ConstraintDetail"]["ConstraintId"]
        return found, {"Id": found}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Another role is another constraint, since a product has one at a time."""
        self.delete(made[0], old, call)
        return self.create(TemplateResource(new, lambda _longest: ""), call)

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del properties
        _quietly(call, "DeleteConstraint", {"Id": physical_id})


class ProvisionedProduct:
    """A product launched by a stack."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        name = wanted.properties.get("ProvisionedProductName") or wanted.name(128)
        request = {"ProvisionedProductName": name} | _launch_properties(wanted.properties)
        record = call(SERVICE, "ProvisionProduct", request)["RecordDetail"]
        return self._wait_for_record(record, call)

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """See ResourceType."""
        del old
        request = {"ProvisionedProductId": made[0]} | _launch_properties(new)
        request.pop("Tags", None)
        return self._wait_for_record(call(SERVICE, "UpdateProvisionedProduct", request)["RecordDetail"], call)

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        del properties
        try:
            record = call(SERVICE, "TerminateProvisionedProduct", {"ProvisionedProductId": physical_id})["RecordDetail"]
        except ServiceError as fault:
            if is_not_found(fault):
                return
            raise
        self._wait_for_record(record, call)

    def _wait_for_record(self, record: dict[str, Any], call: Call) -> Made:
        while record["Status"] in ("CREATED", "IN_PROGRESS"):
            call.pause(LOOK_SECONDS)
            found = call(SERVICE, "DescribeRecord", {"Id": record["RecordId"]})
            record = found["RecordDetail"] | {"RecordOutputs": found.get("RecordOutputs", [])}
        if record["Status"] != "SUCCEEDED":
            reasons = [error.get("Description", "") for error in record.get("RecordErrors", [])]
            raise ServiceError("; ".join(reasons) or f"The product's record is {record['Status']}")
        outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in record.get("RecordOutputs", [])}
        attributes: dict[str, Any] = {"RecordId": record["RecordId"]}
        attributes |= {"ProvisionedProductId": record["ProvisionedProductId"]}
        attributes |= {"CloudformationStackArn": outputs.get("CloudformationStackARN", "")}
        return record["ProvisionedProductId"], attributes | {f"Outputs.{key}": text for key, text in outputs.items()}


def _launch_properties(properties: Properties) -> Properties:
    names = ("ProductId", "ProductName", "ProvisioningArtifactId", "ProvisioningArtifactName", "PathId", "PathName")
    return _only(properties, *names, "ProvisioningParameters", "NotificationArns", "Tags")


TYPES: dict[str, ResourceType] = {
    "AWS::ServiceCatalog::Portfolio": Portfolio(),
    "AWS::ServiceCatalog::CloudFormationProduct": Product(),
    "AWS::ServiceCatalog::PortfolioProductAssociation": Association(
        "AssociateProductWithPortfolio", "DisassociateProductFromPortfolio", "ProductId"
    ),
    "AWS::ServiceCatalog::PortfolioPrincipalAssociation": Association(
        "AssociatePrincipalWithPortfolio", "DisassociatePrincipalFromPortfolio", "PrincipalARN", ("PrincipalType",)
    ),
    "AWS::ServiceCatalog::LaunchRoleConstraint": LaunchRole(),
    "AWS::ServiceCatalog::CloudFormationProvisionedProduct": ProvisionedProduct(),
}
