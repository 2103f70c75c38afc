"""aws_codes: error codes that say the same whichever service of AWS answers with them."""

# Who asks may not do this, or is not whom it claims to be. Nothing was done.
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "NotAuthorized",
        "NotAuthorizedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
