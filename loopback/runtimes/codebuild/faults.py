"""Why a phase failed, in CodeBuild's words."""


class PhaseFault(Exception):
    """A phase cannot succeed. `code` is the status code of its context, for example CLIENT_ERROR."""

    def __init__(self, code: str, message: str, status: str = "FAILED") -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class ClientFault(PhaseFault):
    """Something that the build was told to use is not there, or may not be used."""

    def __init__(self, message: str) -> None:
        super().__init__("CLIENT_ERROR", message)
