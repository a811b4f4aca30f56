"""Signs requests to Amazon S3 that the storage library cannot make."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

_NO_BODY = hashlib.sha256(b"").hexdigest()


def signed_headers(
    url: str, *, region: str, access_key_id: str, secret_access_key: str, now: datetime
) -> Mapping[str, str]:
    """Return the headers of a GET whose query is one bare word, as `https://host/bucket?lifecycle`.

    This is version 4 of the signature, as AWS documents it. `now` is in UTC; the server refuses a
    time that is more than 15 minutes wrong.
    """
    parts = urlsplit(url)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    headers = {
        "host": parts.netloc,
        "x-amz-content-sha256": _NO_BODY,
        "x-amz-date": moment,
    }
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    query = f"{parts.query}="
    canonical = "\n".join(["GET", quote(parts.path or "/"), query, *lines, "", names, _NO_BODY])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorisation = (
        f"AWS4-HMAC-SHA256 Credential={access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return {**headers, "Authorization": authorisation}
