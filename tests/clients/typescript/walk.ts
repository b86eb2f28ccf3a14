// Creates, reads, changes, lists and deletes with a client that is typed by openapi/openapi-3.0.json. What the document
// leaves out or gets wrong does not compile here, or is found in an answer.
import createClient from "openapi-fetch";
import type { paths } from "./generated/houston.js";

declare const process: { env: Record<string, string | undefined> };

const baseUrl = process.env["GATEWAY"] ?? "http://127.0.0.1:8080";
// Lists can be had as CSV too; this client takes JSON.
const houston = createClient<paths, "application/json" | "application/problem+json">({ baseUrl, headers: { "X-API-Key": "demo-system-admin" } });

// The data of an answer, or the problem as an exception.
function good<Data>(answer: { data?: Data; error?: unknown; response: Response }): Data {
  if (answer.data === undefined) throw new Error(`${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

function same<Value>(what: string, got: Value, wanted: Value): void {
  if (got !== wanted) throw new Error(`${what}: ${String(got)}, not ${String(wanted)}`);
  console.log(`ok      ${what}`);
}

const workspace = good(await houston.POST("/workspaces", { body: { label: "TypeScript", description: "A walk" } }));
const inWorkspace = { params: { path: { workspaceId: workspace.id } } };
same("a workspace is created", workspace.label, "TypeScript");

const clusters = good(await houston.GET("/clusters", { params: { query: { limit: 1 } } }));
const cluster = clusters.value[0];
if (!cluster) throw new Error("there is no cluster");

const created = await houston.POST("/workspaces/{workspaceId}/deployments", {
  ...inWorkspace,
  body: { label: "Walk", executor: "CeleryExecutor", clusterId: cluster.id },
});
const deploymentId = good(created).id;
const path = { params: { path: { deploymentId } } };
same("Location leads to what was created", created.response.headers.get("location"), `${baseUrl}/deployments/${deploymentId}`);

same("it can be read", good(await houston.GET("/deployments/{deploymentId}", path)).label, "Walk");
good(await houston.PATCH("/deployments/{deploymentId}", { ...path, body: { description: "Changed" } }));
same("it can be changed", good(await houston.GET("/deployments/{deploymentId}", path)).description, "Changed");

const ids = new Set<string>();
let cursor: string | undefined;
do {
  const query = cursor === undefined ? { limit: 3 } : { limit: 3, cursor };
  const page = good(await houston.GET("/deployments", { params: { query } }));
  for (const deployment of page.value) {
    if (ids.has(deployment.id)) throw new Error(`${deployment.id} comes twice`);
    ids.add(deployment.id);
  }
  cursor = page.nextCursor;
} while (cursor !== undefined);
same("a list is walked page by page", ids.has(deploymentId), true);

good(await houston.DELETE("/deployments/{deploymentId}", path));
const gone = await houston.GET("/deployments/{deploymentId}", path);
same("what is deleted is gone", gone.response.status, 404);
same("and the problem says so", gone.error?.code, "NOT_FOUND");

const refused = await houston.GET("/workspaces", { params: { query: { sort: "-label" } }, headers: { "X-API-Key": "wrong" } });
same("a wrong token is refused", refused.error?.code, "UNAUTHENTICATED");

good(await houston.DELETE("/workspaces/{workspaceId}", inWorkspace));
console.log("typescript: done");
