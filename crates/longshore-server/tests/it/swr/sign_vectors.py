"""Writes what the vendor's SDK signs for many requests, one JSON document a line."""

import json
import random

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

chance = random.Random(6)
TEXTS = ["", "a", "a b", "a+b", "a%20b", "a/b", "a$b", "~.-_", "ä€", "a::b|c::d", "&=?#", "%", "%2F", "\"<>{}^`\\", "A", "0"]
PATHS = ["/", "/v2", "/v2/manage/namespaces", "/v2/manage/namespaces/a$b/repos/c%24d/tags/", "/v2/a%2Fb/ä", "/a b/c+d", "/a//b", "/~x"]


def request(number):
    path = PATHS[number % len(PATHS)]
    # Each parameter once: others are refused.
    query = list({chance.choice(TEXTS) or "k": chance.choice(TEXTS) for _ in range(chance.randrange(6))}.items())
    body = chance.choice([None, "", "{}", '{"namespace": "ä"}', "[1, 2]"])
    headers = {"Content-Type": "application/json"}
    for name in chance.sample(["X-Project-Id", "X-Under_Score", "Accept", "X-Blank", "X-Last"], chance.randrange(5)):
        headers[name] = chance.choice(["a", " a ", "a  b", "ä", ""])
    return SdkRequest(
        method=chance.choice(["GET", "POST", "PUT", "PATCH", "DELETE"]), schema="https", host="registry.example.org:5000",
        resource_path=path, query_params=query, header_params=headers, body=body)


for number in range(400):
    asked = request(number)
    signer = Signer(BasicCredentials("LSAAAAAAAAAAAAAAAAAA", "SECRET"))
    texts = []
    process = signer._process_string_to_sign
    signer._process_string_to_sign = lambda canonical, at: texts.append(process(canonical, at)) or texts[-1]
    signed = signer.sign(asked)
    body = signed.body or b""
    print(json.dumps({
        "method": signed.method,
        "uri": signed.uri,
        "headers": [[name, value.encode("iso-8859-1").hex()] for name, value in signed.header_params.items()],
        "body": (body if isinstance(body, bytes) else body.encode()).hex(),
        "text": texts[0],
    }))
