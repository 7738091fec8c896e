"""Drives openstacksdk with otcextensions: signs in as Keystone's clients do and calls every operation on SWR."""

import os

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException
from otcextensions import sdk

ENDPOINT = os.environ["ENDPOINT"]
BOB, BOB_ID = "bob", os.environ["BOB_ID"]
DEFAULTS = dict(
    auth_url=f"{ENDPOINT}/v3",
    username="alice",
    password=os.environ["PASSWORD"],
    user_domain_name="alice",
)


def connect(**auth):
    auth = {**DEFAULTS, **auth}
    auth = {name: value for name, value in auth.items() if value is not None}
    connection = openstack.connect(
        load_yaml_config=False, load_envvars=False, region_name="eu-de", auth=auth,
    )
    sdk.register_otc_extensions(connection)
    return connection


class Recorder:
    """Notes which operations were called."""

    def __init__(self, of):
        self.of, self.called = of, set()

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(self.of, name)


def refused(status, call):
    try:
        result = call()
        list(result or [])
    except (ClientException, SDKException) as error:
        # Signing in tells the status in words only.
        found = getattr(error, "status_code", None) or getattr(error, "http_status", None)
        assert found == status or f"(HTTP {status})" in str(error), (found, str(error))
        return
    raise AssertionError(f"not refused with {status}")


connection = connect(project_name="eu-de", project_domain_name="alice")
assert connection.current_project_id == os.environ["ALICE_ID"]
assert connection.current_user_id == os.environ["ALICE_ID"]
swr = Recorder(connection.swr)

# Organizations and who may do what there.
swr.create_organization(namespace="group")
assert {o.name for o in swr.organizations()} == {"acme", "alice", "group", "shop"}
assert swr.get_organization("group").creator_name == "alice"
assert swr.find_organization("group").name == "group"
bob = lambda auth: [{"user_id": BOB_ID, "user_name": BOB, "user_auth": auth}]
swr.create_organization_permissions(namespace="group", permissions=bob(1))
swr.update_organization_permissions(namespace="group", permissions=bob(3))
(permissions,) = swr.organization_permissions("group")
assert [(other["user_name"], other["auth"]) for other in permissions.others_auths] == [(BOB, 3)], permissions
assert permissions.self_auth["auth"] == 7
swr.delete_organization_permissions("group", [BOB_ID])

# Repositories.
swr.create_repository(namespace="group", repository="db", category="database", description="for tests", is_public=False)
repository = swr.get_repository("group", "db")
assert (repository.name, repository.category, repository.is_public) == ("db", "database", False)
swr.update_repository(namespace="group", repository="db", category="linux", description="changed", is_public=True)
assert swr.get_repository("group", "db").description == "changed"
assert {r.name for r in swr.repositories()} == {"db", "busybox"}
assert [r.name for r in swr.repositories(namespace="shop")] == ["busybox"]
swr.create_repository_permissions(namespace="group", repository="db", permissions=bob(1))
swr.update_repository_permissions(namespace="group", repository="db", permissions=bob(7))
(permissions,) = swr.repository_permissions("group", "db")
assert [(other["user_name"], other["auth"]) for other in permissions.others_auths] == [(BOB, 7)], permissions
swr.delete_repository_permissions("group", "db", [BOB_ID])

# Sharing.
swr.create_domain(namespace="group", repository="db", access_domain=BOB, permit="read", deadline="forever", description="look")
assert [d.access_domain for d in swr.domains(namespace="group", repository="db")] == [BOB]
swr.update_domain(namespace="group", repository="db", access_domain=BOB, permit="read", deadline="2099-01-01T00:00:00Z")
domain = swr.get_domain("group", "db", BOB)
assert (domain.exist, domain.deadline, domain.status) == (True, "2099-01-01T00:00:00Z", True)
swr.delete_domain("group", "db", BOB)
assert swr.get_domain("group", "db", BOB).exist is False

swr.delete_repository("group", "db")
swr.delete_organization("group")

public = (name for name in vars(type(connection.swr)) if not name.startswith("_") and callable(getattr(connection.swr, name)))
missing = set(public) - swr.called
assert not missing, missing

# Other ways to sign in: by id, to an organization, to a domain, without a scope.
by_id = connect(username=None, user_domain_name=None, user_id=os.environ["ALICE_ID"], project_id=os.environ["SHOP_ID"])
assert by_id.current_project_id == os.environ["SHOP_ID"]
assert [o.name for o in by_id.swr.organizations()] == ["shop"]
refused(401, lambda: by_id.swr.get_organization("alice"))
of_shop = connect(project_name="shop", project_domain_name="shop")
assert [o.name for o in of_shop.swr.organizations()] == ["shop"]
domain = connect(domain_name="shop")
assert [o.name for o in domain.swr.organizations()] == ["shop"]
refused(401, lambda: connect(password="wrong", project_name="eu-de", project_domain_name="alice").swr.organizations())
refused(401, lambda: connect(project_name="other", project_domain_name="other").swr.organizations())

# A token that was ended does not work any more.
token = of_shop.session.get_token()
answer = of_shop.session.delete("/v3/auth/tokens", endpoint_override=ENDPOINT, headers={"X-Subject-Token": token})
assert answer.status_code == 204
fresh = of_shop.session.auth.get_token(of_shop.session)
answer = of_shop.session.get(
    "/v2/manage/overview", endpoint_override=ENDPOINT, headers={"X-Auth-Token": token}, authenticated=False, raise_exc=False)
assert answer.status_code == 401, answer.status_code
