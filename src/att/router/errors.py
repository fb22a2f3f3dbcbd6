"""What may go wrong at the gateway, in the shape OpenAI's clients know: status, type, code, param."""

from typing import Any


class GatewayError(Exception):
    """Base; `message` is for people, `code` is stable, `param` names the member of the request that is wrong."""

    status = 500
    type = "server_error"
    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.param = param
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """Return the JSON that a client gets."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class BadRequest(GatewayError):
    """The request is wrong."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class BadKey(GatewayError):
    """No key, or one that does not hold."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class NotThere(GatewayError):
    """No such path or model."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class WrongMethod(GatewayError):
    """The path does not take this method."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class TooSlow(GatewayError):
    """The client took too long to send its request."""

    status = 408
    type = "invalid_request_error"
    code = "timeout"


class TooBig(GatewayError):
    """The request's body passes the limit."""

    status = 413
    type = "invalid_request_error"
    code = "body_too_large"


class TooMany(GatewayError):
    """As many requests run as may."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limited"


class ProviderFailed(GatewayError):
    """The provider behind a model refused, failed, or cannot be reached."""

    status = 502
    type = "upstream_error"
    code = "provider_failed"


class ProviderSilent(GatewayError):
    """The provider did not answer in time."""

    status = 504
    type = "upstream_error"
    code = "provider_timeout"


class Stopping(GatewayError):
    """The gateway restarts: whoever asks again is answered by the next process."""

    status = 503
    code = "restarting"
