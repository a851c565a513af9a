"""Resource types of IAM that the base has not."""

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.requests import tag_changes
from loopback.services.cloudformation.types import Call, Made, Properties, ResourceType, TemplateResource

SERVICE, ARN = "iam", "OpenIDConnectProviderArn"


class OIDCProvider:
    """Ref is its ARN. Without `Url` or thumbprints AWS would look them up; here the first must be given."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        given = wanted.properties
        if not given.get("Url"):
            raise ServiceError("AWS::IAM::OIDCProvider needs Url")
        request = {"Url": given["Url"]}
        for member, name in (("ClientIDList", "ClientIdList"), ("ThumbprintList", "ThumbprintList"), ("Tags", "Tags")):
            if given.get(name):
                request[member] = given[name]
        arn = call(SERVICE, "CreateOpenIDConnectProvider", request)[ARN]
        return arn, {"Arn": arn}

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """See ResourceType."""
        provider = {ARN: made[0]}
        before, after = old.get("ClientIdList") or [], new.get("ClientIdList") or []
        for client in after:
            if client not in before:
                call(SERVICE, "AddClientIDToOpenIDConnectProvider", provider | {"ClientID": client})
        for client in before:
            if client not in after:
                call(SERVICE, "RemoveClientIDFromOpenIDConnectProvider", provider | {"ClientID": client})
        if (prints := new.get("ThumbprintList") or []) != (old.get("ThumbprintList") or []):
            call(SERVICE, "UpdateOpenIDConnectProviderThumbprint", provider | {"ThumbprintList": prints})
        added, removed = tag_changes(old.get("Tags"), new.get("Tags"))
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            call(SERVICE, "TagOpenIDConnectProvider", provider | {"Tags": tags})
        if removed:
            call(SERVICE, "UntagOpenIDConnectProvider", provider | {"TagKeys": removed})
        return made

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType. IAM takes the deletion of one that is not there."""
        del properties
        try:
            call(SERVICE, "DeleteOpenIDConnectProvider", {ARN: physical_id})
        except ServiceError as fault:
            if "NoSuchEntity" not in f"{fault.code} {fault}" and "not found" not in str(fault).lower():
                raise


TYPES: dict[str, ResourceType] = {"AWS::IAM::OIDCProvider": OIDCProvider()}
