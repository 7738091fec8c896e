"""Drives the vendor's SDK against every operation of SWR's basic edition; images are pushed before by the test.

Signs in with an access key and signs each request.
"""

import os
import time

from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkswr.v2 import SwrClient
from huaweicloudsdkswr.v2 import model as m

ENDPOINT = os.environ["ENDPOINT"]
os.environ["HUAWEICLOUD_SDK_IAM_ENDPOINT"] = ENDPOINT
AK, SK = os.environ["AK"], os.environ["SK"]
BOB, BOB_ID = "bob", os.environ["BOB_ID"]


def client(ak=AK, sk=SK, project=None, region=False):
    credentials = BasicCredentials(ak, sk, project)
    builder = SwrClient.new_builder().with_http_config(HttpConfig.get_default_config())
    builder = builder.with_credentials(credentials)
    if region:
        # Without a project the client asks for that of the region.
        return builder.with_region(Region("eu-de", ENDPOINT)).build()
    return builder.with_endpoint(ENDPOINT).build()


class Recorder:
    """Notes which operations were called."""

    def __init__(self, of):
        self.of, self.called = of, set()

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(self.of, name)


def refused(status, call):
    try:
        call()
    except ClientRequestException as error:
        assert error.status_code == status, (error.status_code, error.error_msg)
        return error.error_msg
    raise AssertionError(f"not refused with {status}")


c = Recorder(client(region=True))

versions = c.list_api_versions(m.ListApiVersionsRequest()).versions
assert [(v.id, v.status) for v in versions] == [("v2", "CURRENT")]
assert c.show_api_version(m.ShowApiVersionRequest(api_version="v2")).version.version == "2.26"

# Organizations and who may do what there.
c.create_namespace(m.CreateNamespaceRequest(body=m.CreateNamespaceRequestBody(namespace="group")))
refused(409, lambda: c.create_namespace(m.CreateNamespaceRequest(body=m.CreateNamespaceRequestBody(namespace="group"))))
found = c.list_namespaces(m.ListNamespacesRequest(namespace="rou")).namespaces
assert [(n.name, n.auth, n.creator_name) for n in found] == [("group", 7, "alice")]
assert {n.name for n in c.list_namespaces(m.ListNamespacesRequest(filter="mode::visible")).namespaces} == {"acme", "alice", "group", "shop"}
shown = c.show_namespace(m.ShowNamespaceRequest(namespace="group"))
assert shown.id == found[0].id
bob = lambda auth: [m.UserAuth(user_id=BOB_ID, user_name=BOB, auth=auth)]
c.create_namespace_auth(m.CreateNamespaceAuthRequest(namespace="group", body=bob(1)))
refused(409, lambda: c.create_namespace_auth(m.CreateNamespaceAuthRequest(namespace="group", body=bob(1))))
c.update_namespace_auth(m.UpdateNamespaceAuthRequest(namespace="group", body=bob(3)))
auths = c.show_namespace_auth(m.ShowNamespaceAuthRequest(namespace="group"))
assert (auths.name, auths.creator_name, auths.self_auth.user_name, auths.self_auth.auth) == ("group", "alice", "alice", 7)
assert [(a.user_name, a.user_id, a.auth) for a in auths.others_auths] == [(BOB, BOB_ID, 3)]
c.delete_namespace_auth(m.DeleteNamespaceAuthRequest(namespace="group", body=[BOB_ID]))
refused(404, lambda: c.delete_namespace_auth(m.DeleteNamespaceAuthRequest(namespace="group", body=[BOB_ID])))

# Repositories; a slash in a name is written $ in paths.
create = lambda name: c.create_repo(m.CreateRepoRequest(namespace="group", body=m.CreateRepoRequestBody(
    repository=name, is_public=False, category="database", description="for tests")))
create("team/db")
refused(409, lambda: create("team/db"))
repo = c.show_repository(m.ShowRepositoryRequest(namespace="group", repository="team$db"))
assert (repo.name, repo.category, repo.description, repo.is_public, repo.creator_name) == ("team/db", "database", "for tests", False, "alice")
assert repo.path.endswith("/group/team/db") and repo.ns_id == shown.id
c.update_repo(m.UpdateRepoRequest(namespace="group", repository="team$db", body=m.UpdateRepoRequestBody(
    is_public=True, category="linux", description="changed")))
repo = c.show_repository(m.ShowRepositoryRequest(namespace="group", repository="team$db"))
assert (repo.category, repo.description, repo.is_public) == ("linux", "changed", True)
listed = c.list_repos_details(m.ListReposDetailsRequest(
    namespace="shop", name="usy", offset="0", limit="10", order_column="updated_time", order_type="desc"))
assert listed.content_range == "0-1/1", listed.content_range
(busybox,) = listed.body
assert (busybox.name, busybox.namespace, busybox.num_images, busybox.total_range) == ("busybox", "shop", 3, 1)
assert busybox.tags == ["v3", "v2", "v1"] and busybox.size > 0
listed = c.list_repos_details(m.ListReposDetailsRequest(filter="namespace::group|category::linux|is_public::true"))
assert [r.name for r in listed.body] == ["team/db"]

# Tags.
tags = c.list_repository_tags(m.ListRepositoryTagsRequest(
    namespace="shop", repository="busybox", offset="0", limit="2", order_column="updated_at", order_type="asc"))
assert tags.content_range == "0-2/3"
assert [t.tag for t in tags.body] == ["v1", "v2"]
assert tags.body[0].domain_id == os.environ["ALICE_ID"] or len(tags.body[0].domain_id) == 32
tags = c.list_repository_tags(m.ListRepositoryTagsRequest(
    namespace="shop", repository="busybox", filter="offset::0|limit::10|order_column::updated_at|order_type::desc|tag::v2"))
assert [t.tag for t in tags.body] == ["v2"] and tags.content_range == "0-1/1"
tag = c.show_repo_tag(m.ShowRepoTagRequest(namespace="shop", repository="busybox", tag="v2"))
assert (tag.tag, tag.digest, tag.size) == ("v2", tags.body[0].digest, tags.body[0].size)
assert (tag.schema, tag.tag_type) == (2, 0)
refused(400, lambda: c.list_repository_tags(m.ListRepositoryTagsRequest(namespace="shop", repository="busybox", limit="2")))
c.create_repo_tag(m.CreateRepoTagRequest(namespace="shop", repository="busybox", body=m.CreateRepoTagRequestBody(
    source_tag="v1", destination_tag="copied", override=False)))
newer = c.list_repository_tag(m.ListRepositoryTagRequest(
    namespace="shop", repository="busybox", limit=3, order_column="updated_at", order_type="asc"))
assert ([t.tag for t in newer.tags], newer.has_more, newer.next_marker) == (["v1", "v2", "v3"], True, "3"), newer
c.delete_repo_tag(m.DeleteRepoTagRequest(namespace="shop", repository="busybox", tag="copied"))
newer = c.list_repo_details(m.ListRepoDetailsRequest(namespace="shop", limit=10))
assert [(r.name, r.namespace_name) for r in newer.repos] == [("busybox", "shop")]
c.delete_repo_tag(m.DeleteRepoTagRequest(namespace="shop", repository="busybox", tag="v1"))
refused(404, lambda: c.delete_repo_tag(m.DeleteRepoTagRequest(namespace="shop", repository="busybox", tag="v1")))

# Image permissions.
where = dict(namespace="shop", repository="busybox")
c.create_user_repository_auth(m.CreateUserRepositoryAuthRequest(**where, body=bob(1)))
c.update_user_repository_auth(m.UpdateUserRepositoryAuthRequest(**where, body=bob(7)))
auths = c.show_user_repository_auth(m.ShowUserRepositoryAuthRequest(**where))
assert [(a.user_name, a.auth) for a in auths.others_auths] == [(BOB, 7)] and auths.name == "busybox"
c.delete_user_repository_auth(m.DeleteUserRepositoryAuthRequest(**where, body=[BOB_ID]))

# Sharing.
share = lambda deadline: m.CreateRepoDomainsRequestBody(access_domain=BOB, permit="read", deadline=deadline, description="look")
c.create_repo_domains(m.CreateRepoDomainsRequest(**where, body=share("forever")))
refused(409, lambda: c.create_repo_domains(m.CreateRepoDomainsRequest(**where, body=share("forever"))))
shares = c.list_repo_domains(m.ListRepoDomainsRequest(**where)).body
assert [(s.access_domain, s.permit, s.deadline, s.status, s.creator_name) for s in shares] == [(BOB, "read", "forever", True, "alice")]
c.update_repo_domains(m.UpdateRepoDomainsRequest(**where, access_domain=BOB, body=m.UpdateRepoDomainsRequestBody(
    permit="read", deadline="2099-01-01T00:00:00Z", description="look again")))
one = c.show_access_domain(m.ShowAccessDomainRequest(**where, access_domain=BOB))
assert (one.exist, one.deadline, one.description) == (True, "2099-01-01T00:00:00Z", "look again")
assert not c.show_access_domain(m.ShowAccessDomainRequest(**where, access_domain="nobody")).exist
mine = c.list_shared_repos_details(m.ListSharedReposDetailsRequest(center="self"))
assert [r.name for r in mine.body] == ["busybox"] and mine.content_range == "0-1/1"
newer = c.list_shared_repo_details(m.ListSharedRepoDetailsRequest(shared_by="self", limit=10))
assert [r.name for r in newer.repos] == ["busybox"]
assert not c.list_shared_repos_details(m.ListSharedReposDetailsRequest(center="thirdparty")).body
theirs = client(os.environ["BOB_AK"], os.environ["BOB_SK"])
shared = theirs.list_shared_repos_details(m.ListSharedReposDetailsRequest(filter="center::thirdparty|status::true", center="thirdparty")).body
assert [(r.name, r.namespace, r.status) for r in shared] == [("busybox", "shop", True)]
assert [t.tag for t in theirs.list_repository_tags(m.ListRepositoryTagsRequest(**where)).body] == ["v3", "v2"]
refused(403, lambda: theirs.delete_repo_tag(m.DeleteRepoTagRequest(**where, tag="v2")))
c.delete_repo_domains(m.DeleteRepoDomainsRequest(**where, access_domain=BOB))
refused(404, lambda: theirs.list_repository_tags(m.ListRepositoryTagsRequest(**where)))

# Retention: the policy is applied, and says what it did.
rule = lambda num: m.Rule(template="tag_rule", params={"num": num}, tag_selectors=[m.TagSelector(kind="label", pattern="v9")])
made = c.create_retention(m.CreateRetentionRequest(**where, body=m.CreateRetentionRequestBody(algorithm="or", rules=[rule("5")])))
(policy,) = c.list_retentions(m.ListRetentionsRequest(**where)).body
assert policy.id == made.id and policy.algorithm == "or"
c.update_retention(m.UpdateRetentionRequest(**where, retention_id=made.id, body=m.UpdateRetentionRequestBody(algorithm="or", rules=[rule("1")])))
shown = c.show_retention(m.ShowRetentionRequest(**where, retention_id=made.id))
assert shown.rules[0].params == {"num": "1"}, shown.rules
for _ in range(300):
    log = c.list_retention_histories(m.ListRetentionHistoriesRequest(**where, offset="0", limit="10"))
    if log.total:
        break
    time.sleep(0.1)
assert [(e.tag, e.repo, e.namespace, e.retention_id) for e in log.retention_log] == [("v2", "busybox", "shop", made.id)], log
assert log.content_range == "0-1/1"
assert [t.tag for t in c.list_repository_tags(m.ListRepositoryTagsRequest(**where)).body] == ["v3"]
c.delete_retention(m.DeleteRetentionRequest(**where, retention_id=made.id))
refused(404, lambda: c.show_retention(m.ShowRetentionRequest(**where, retention_id=made.id)))

# Signing Docker in.
secret = c.create_secret(m.CreateSecretRequest(projectname="eu-de"))
assert secret.x_swr_dockerlogin.startswith("docker login -u eu-de@LS"), secret.x_swr_dockerlogin
(host,) = secret.auths
assert host == os.environ["HOST"]
assert c.create_authorization_token(m.CreateAuthorizationTokenRequest()).x_swr_dockerlogin

# The rest.
project = os.environ["ALICE_ID"]
(quota,) = c.list_quotas(m.ListQuotasRequest()).quotas
assert quota.quota_key == "namespace" and quota.used == 3, quota
assert c.show_share_feature_gates(m.ShowShareFeatureGatesRequest()).enable_image_scan is False
overview = c.show_domain_overview(m.ShowDomainOverviewRequest())
assert (overview.domain_name, overview.domain_id, overview.namspace_num, overview.repo_num) == ("alice", project, 4, 2), overview
report = c.show_domain_resource_reports(m.ShowDomainResourceReportsRequest(resource_type="store", frequency="daily")).body
assert len(report) == 30

refused(406, lambda: c.delete_namespaces(m.DeleteNamespacesRequest(namespace="group")))
c.delete_repo(m.DeleteRepoRequest(namespace="group", repository="team$db"))
c.delete_namespaces(m.DeleteNamespacesRequest(namespace="group"))
refused(404, lambda: c.show_namespace(m.ShowNamespaceRequest(namespace="group")))

# Keys that are wrong, or for another project.
refused(401, lambda: client(sk="A" * 40).show_domain_overview(m.ShowDomainOverviewRequest()))
refused(401, lambda: client(project="0" * 32).show_domain_overview(m.ShowDomainOverviewRequest()))
shop = client(project=os.environ["SHOP_ID"])
assert [n.name for n in shop.list_namespaces(m.ListNamespacesRequest()).namespaces] == ["shop"]
refused(401, lambda: shop.show_namespace(m.ShowNamespaceRequest(namespace="alice")))

missing = set(os.environ["OPERATIONS"].split()) - c.called
assert not missing, missing
