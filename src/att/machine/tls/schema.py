"""What `attctl tls` shows."""

from pydantic import BaseModel, Field


class TlsShown(BaseModel):
    """The certificate of the appliance port."""

    subject: str
    names: list[str] = Field(description="DNS names and addresses it is made out to")
    issuer: str
    valid_from: str
    valid_until: str
    days_left: float
    key: str = Field(description="Kind and size of its key")
    sha256: str = Field(description="Digest of the certificate, for --fingerprint and for a first look")
    self_signed: bool
    chain: list[str] = Field(description="Subjects of the certificates that come with it")
    served: bool | None = Field(description="Whether clients are given it now; nothing when the port is not open")


class TlsInstalled(BaseModel):
    """What installing a certificate did."""

    sha256: str
    names: list[str]
    valid_until: str
    replaced: str | None = Field(description="Digest of the certificate that clients were given before")
    served: bool = Field(description="Whether clients are given it now; no when the port is not open")
    warnings: list[str]
