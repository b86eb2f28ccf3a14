"""Creates, reads, changes, lists and deletes with the client that openapi-python-client makes of openapi-3.0.json.

GATEWAY=http://127.0.0.1:8080 PYTHONPATH=<where the client is> python walk.py
"""

import os

from houston import AuthenticatedClient
from houston.api.clusters import list_clusters
from houston.api.deployments import (
    create_deployment,
    delete_deployment,
    get_deployment,
    list_deployments,
    update_deployment,
)
from houston.api.workspaces import create_workspace, delete_workspace
from houston.models import CreateDeploymentBody, CreateWorkspaceBody, DeploymentList, Problem, UpdateDeploymentBody
from houston.types import UNSET

GATEWAY = os.environ["GATEWAY"]


def client(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=GATEWAY, token=token, prefix="", auth_header_name="X-API-Key")


def good(answer):
    """The parsed answer, unless it is a problem."""
    if answer is None or isinstance(answer, Problem):
        raise SystemExit(f"refused: {answer}")
    return answer


def same(what: str, got, wanted) -> None:
    if got != wanted:
        raise SystemExit(f"NOT OK  {what}: {got!r}, not {wanted!r}")
    print(f"ok      {what}")


def main() -> None:
    houston = client("demo-system-admin")
    workspace = good(
        create_workspace.sync(client=houston, body=CreateWorkspaceBody(label="Python", description="A walk"))
    )
    same("a workspace is created", workspace.label, "Python")

    cluster = good(list_clusters.sync(client=houston, limit=1)).value[0]
    body = CreateDeploymentBody.from_dict({"label": "Walk", "executor": "CeleryExecutor", "clusterId": cluster.id})
    created = create_deployment.sync_detailed(workspace.id, client=houston, body=body)
    deployment = good(created.parsed)
    same("Location leads to what was created", created.headers["location"], f"{GATEWAY}/deployments/{deployment.id}")
    same("it can be read", good(get_deployment.sync(deployment.id, client=houston)).label, "Walk")

    good(update_deployment.sync(deployment.id, client=houston, body=UpdateDeploymentBody(description="Changed")))
    same("it can be changed", good(get_deployment.sync(deployment.id, client=houston)).description, "Changed")

    ids, cursor = [], UNSET
    while True:
        page = good(list_deployments.sync(client=houston, limit=3, cursor=cursor))
        if not isinstance(page, DeploymentList):
            raise SystemExit(f"NOT OK  a list is {type(page)}")
        ids += [each.id for each in page.value]
        if page.next_cursor is UNSET:
            break
        cursor = page.next_cursor
    same("a list is walked page by page", (len(ids), deployment.id in ids), (len(set(ids)), True))

    good(delete_deployment.sync(deployment.id, client=houston))
    gone = get_deployment.sync_detailed(deployment.id, client=houston)
    same("what is deleted is gone", (gone.status_code, gone.parsed.code.value), (404, "NOT_FOUND"))
    refused = get_deployment.sync(deployment.id, client=client("wrong"))
    same("a wrong token is refused", refused.code.value, "UNAUTHENTICATED")
    good(delete_workspace.sync(workspace.id, client=houston))
    print("python: done")


if __name__ == "__main__":
    main()
