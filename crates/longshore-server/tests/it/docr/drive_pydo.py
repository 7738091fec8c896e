"""Drives every operation that pydo has for registries; what it should find is pushed before by the test."""

import os
import time

import pydo
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy


class AllowHttp(SansIOHTTPPolicy):
    def on_request(self, request):
        request.context.options.setdefault("enforce_https", False)


def client(token):
    return pydo.Client(
        token, endpoint=os.environ["ENDPOINT"], per_call_policies=[AllowHttp()], retry_total=0
    )


class Recorder:
    """Notes which operations of a group were called."""

    def __init__(self, account, name):
        self.group = getattr(account, name)
        self.name = name
        before = (each.split(".") for each in os.environ["CALLED"].split())
        self.called = {operation for group, operation in before if group == name}

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(self.group, name)

    def missing(self):
        names = (name for name in dir(self.group) if not name.startswith("_"))
        return [name for name in names if callable(getattr(self.group, name)) and name not in self.called]


def refused(status, call):
    try:
        call()
    except HttpResponseError as error:
        assert error.status_code == status, (error.status_code, error.response.text())
        return
    raise AssertionError(f"not refused with {status}")


def over(group, registry, uuid):
    for _ in range(200):
        runs = group.list_garbage_collections(registry)["garbage_collections"]
        run = next(run for run in runs if run["uuid"] == uuid)
        if run["status"] in ("succeeded", "failed", "cancelled"):
            return run
        time.sleep(0.1)
    raise AssertionError("the collection does not end")


def contents(group, registry, repository, digest):
    """What both families have: repositories, tags, manifests and garbage collections."""
    page = group.list_repositories_v2(registry, per_page=1)
    assert page["meta"]["total"] == 2, page
    token = page["links"]["pages"]["next"].split("page_token=")[1].split("&")[0]
    second = group.list_repositories_v2(registry, per_page=1, page_token=token)
    names = [page["repositories"][0]["name"], second["repositories"][0]["name"]]
    assert repository in names and len(set(names)) == 2, names
    assert group.list_repositories_v2("nowhere")["id"] == "not_found"
    assert group.list_repositories_v2(registry, page_token="nonsense")["id"] == "bad_request"

    tags = group.list_repository_tags(registry, repository)["tags"]
    assert sorted(tag["tag"] for tag in tags) == ["v1", "v2"], tags
    manifests = group.list_repository_manifests(registry, repository)["manifests"]
    assert digest in [manifest["digest"] for manifest in manifests], manifests
    assert group.delete_repository_tag(registry, repository, "v1") is None
    assert group.delete_repository_tag(registry, repository, "v1")["id"] == "not_found"
    assert group.delete_repository_manifest(registry, repository, digest) is None
    assert group.delete_repository_manifest(registry, repository, digest)["id"] == "not_found"

    assert group.get_garbage_collection(registry)["id"] == "not_found"
    run = group.run_garbage_collection(registry)["garbage_collection"]
    assert run["status"] == "requested" and run["registry_name"] == registry, run
    ended = over(group, registry, run["uuid"])
    assert ended["status"] == "succeeded" and ended["blobs_deleted"] == 2, ended
    gone = group.update_garbage_collection(registry, run["uuid"], body={"cancel": True})
    assert gone["id"] == "not_found", gone


def single(account, group):
    """The older family, on an account with one registry."""
    refused(401, client("lsp_wrong").registry.get)
    assert account.account.get()["account"]["team"]["name"] == "alice"
    assert group.validate_name(body={"name": "single"})["id"] == "conflict"
    assert group.validate_name(body={"name": "another"}) is None
    options = group.get_options()["options"]
    assert [tier["slug"] for tier in options["subscription_tiers"]] == ["starter", "basic", "professional"]
    assert "nyc3" in options["available_regions"]
    refused(409, lambda: group.create(body={"name": "bob", "subscription_tier_slug": "basic"}))
    assert group.get()["registry"]["name"] == "single"
    assert group.get_subscription()["subscription"]["tier"]["slug"] == "professional"
    assert group.update_subscription(body={"tier_slug": "starter"})["id"] == "precondition_failed"
    changed = group.update_subscription(body={"tier_slug": "basic"})
    assert changed["subscription"]["tier"]["slug"] == "basic", changed
    auths = group.get_docker_credentials(read_write=True, expiry_seconds=3600)["auths"]
    assert list(auths) == [os.environ["HOST"]], auths
    second = group.list_repositories("single", per_page=1, page=2)
    assert second["repositories"][0]["name"] == "team/app", second
    contents(group, "single", "team/app", os.environ["DIGEST"])
    run = group.run_garbage_collection("single", body={"type": "untagged manifests only"})
    assert run["garbage_collection"]["type"] == "untagged manifests only", run
    over(group, "single", run["garbage_collection"]["uuid"])
    group.update_subscription(body={"tier_slug": "professional"})


def several(account, group, old):
    """The newer family, on an account with several registries."""
    assert group.update_subscription(body={"tier_slug": "professional"})["subscription"]
    made = group.create(body={"name": "spare", "region": "ams3"})
    assert made["registry"]["region"] == "ams3", made
    assert old.get()["id"] == "precondition_failed"
    assert old.delete()["id"] == "precondition_failed"
    names = [registry["name"] for registry in group.list()["registries"]]
    assert names == ["single", "several", "spare"], names
    assert group.get("spare")["registry"]["storage_usage_bytes"] == 0
    assert group.get("nowhere")["id"] == "not_found"
    assert group.get_subscription()["subscription"]["tier"]["slug"] == "professional"
    assert group.get_options()["options"]["subscription_tiers"][0]["eligible"] is False
    assert group.validate_name(body={"name": "spare"})["id"] == "conflict"
    auths = group.get_docker_credentials("spare", params={"read_write": "true"})["auths"]
    assert list(auths) == [os.environ["HOST"]], auths
    contents(group, "several", "team/app", os.environ["DIGEST"])
    assert group.delete_repository("several", "team/app") is None
    assert group.delete_repository("several", "team/app")["id"] == "not_found"
    for name in ("spare", "several"):
        assert group.delete(name) is None
    assert group.delete("spare")["id"] == "not_found"
    assert old.delete() is None
    assert old.delete()["id"] == "not_found"
    created = old.create(body={"name": "single", "subscription_tier_slug": "starter"})
    assert created["registry"]["subscription"]["tier"]["slug"] == "starter", created
    clusters = {"cluster_uuids": ["bd5f5959-5e1e-4205-a714-a914373942af"]}
    for change in (account.kubernetes.add_registry, account.kubernetes.remove_registry):
        refused(422, lambda: change(body=clusters))
    for each in (old, group):
        assert not each.missing(), (each.name, each.missing())


def main():
    account = client(os.environ["TOKEN"])
    old, new = Recorder(account, "registry"), Recorder(account, "registries")
    if os.environ["PART"] == "single":
        single(account, old)
    else:
        several(account, new, old)
    print(" ".join(f"{group.name}.{operation}" for group in (old, new) for operation in sorted(group.called)))


main()
