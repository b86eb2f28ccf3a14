"""Runs the flows of low-code systems that the recipes show, as those systems would.

n8n, Power Automate and Terraform cannot be installed where the tests run. What they send is written in their flow, so
it is read from there and sent. Node-RED is installed and runs its flow itself.
"""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import hcl2
import requests
import yaml as yaml_parser

TOKENS = {"HOUSTON_TOKEN": "demo-workspace-admin", "token": "demo-workspace-admin"}
SECONDS = 30


class Wrong(Exception):
    """A flow that does not do what its recipe says."""


@dataclass
class Answer:
    """What came back."""

    status: int
    text: str

    @property
    def body(self):
        return json.loads(self.text)


def send(method: str, url: str, body=None, headers=None) -> Answer:
    """Sends a request; a body goes as JSON."""
    answer = requests.request(method, url, json=body, headers=headers, timeout=SECONDS)
    return Answer(answer.status_code, answer.text)


def succeed(what: str, answer: Answer) -> Answer:
    if answer.status >= 300:
        raise Wrong(f"{what}: {answer.status} {answer.text}")
    return answer


def n8n(workflow: dict, _: str) -> None:
    """Sends what the HTTP Request nodes of a workflow send, pages included, in their order."""
    nodes = [node for node in workflow["nodes"] if node["type"] == "n8n-nodes-base.httpRequest"]
    if not nodes:
        raise Wrong("the workflow has no HTTP Request node")
    names = {node["name"] for node in workflow["nodes"]}
    for source, outputs in workflow["connections"].items():
        targets = {target["node"] for branch in outputs["main"] for target in branch}
        if not {source, *targets} <= names:
            raise Wrong(f"{source} is connected with nodes that are not there")
    for node in nodes:
        given = node["parameters"]
        headers = {each["name"]: each["value"] for each in given.get("headerParameters", {}).get("parameters", [])}
        if node.get("credentials", {}).get("httpHeaderAuth"):
            headers["X-API-Key"] = TOKENS["HOUSTON_TOKEN"]
        query = {each["name"]: each["value"] for each in given.get("queryParameters", {}).get("parameters", [])}
        url = requests.Request("GET", given["url"], params=query).prepare().url
        pages = given.get("options", {}).get("pagination", {}).get("pagination", {})
        seen: list[str] = []
        while url:
            body = json.loads(given["jsonBody"]) if given.get("sendBody") else None
            answer = succeed(node["name"], send(given.get("method", "GET"), url, body, headers))
            if pages.get("paginationMode") != "responseContainsNextURL":
                break
            if pages["nextURL"] != "={{ $response.body.nextLink }}":
                raise Wrong(f"{node['name']}: nothing here evaluates {pages['nextURL']}")
            seen += [item["id"] for item in answer.body["value"]]
            url = answer.body.get("nextLink")
        if len(seen) != len(set(seen)):
            raise Wrong(f"{node['name']}: pages overlap")


def node_red(flow: list, _: str) -> None:
    """Runs a flow in Node-RED itself, until its debug node has a message."""
    script = Path(__file__).with_name("node-red.mjs")
    done = subprocess.run(
        ["node", script],
        input=json.dumps(flow),
        env={**os.environ, **TOKENS},
        capture_output=True,
        text=True,
        timeout=90,
    )
    if done.returncode:
        raise Wrong(done.stdout + done.stderr)


def logic_apps(definition: dict, _: str) -> None:
    """Sends what the HTTP actions of a Logic Apps or Power Automate flow send."""
    actions = [each for each in definition["actions"].values() if each["type"] == "Http"]
    if not actions:
        raise Wrong("the flow has no HTTP action")
    for action in actions:
        inputs = action["inputs"]
        url = requests.Request("GET", inputs["uri"], params=inputs.get("queries")).prepare().url
        headers = {
            name: TOKENS["HOUSTON_TOKEN"] if "@" in value else value for name, value in inputs["headers"].items()
        }
        succeed(inputs["uri"], send(inputs["method"], url, inputs.get("body"), headers))


KINDS = {"n8n": n8n, "node-red": node_red, "logic-apps": logic_apps}


class Terraform:
    """What Terraform's restapi provider (2.x) does with the `restapi_object`s of a file."""

    def __init__(self, text: str):
        parsed = strip(hcl2.loads(text))
        self.provider = parsed["provider"][0]["restapi"]
        self.resources = [(name, body) for each in parsed["resource"] for name, body in each["restapi_object"].items()]
        self.ids: dict[str, str] = {}

    def value(self, text: str) -> str:
        """A string with its references resolved: to variables, and to the ids of other objects."""
        text = re.sub(r"\$\{restapi_object\.(\w+)\.id\}", lambda found: self.ids[found[1]], text)
        return re.sub(r"\$\{var\.(\w+)\}", lambda found: TOKENS[found[1]], text)

    def data(self, text: str):
        """The object inside `jsonencode(...)`: names without quotes and `=` are what tells it from JSON."""
        inner = re.fullmatch(r"\$\{jsonencode\((.*)\)\}", text, re.S)[1]
        return json.loads(re.sub(r"([{,]\s*)(\w+) = ", r'\1"\2": ', inner))

    def url(self, body: dict, action: str, identity: str = "") -> str:
        path = body.get(f"{action}_path", body["path"] if action == "create" else body["path"] + "/{id}")
        return self.provider["uri"] + self.value(path).replace("{id}", identity)

    def walk(self) -> None:
        headers = {name: self.value(value) for name, value in self.provider["headers"].items()}
        key = self.provider["id_attribute"]
        update = self.provider["update_method"]
        for name, body in self.resources:
            wanted = self.data(body["data"])
            made = succeed(name, send("POST", self.url(body, "create"), wanted, headers))
            self.ids[name] = made.body[key]
            read = succeed(name, send("GET", self.url(body, "read", self.ids[name]), headers=headers)).body
            # The provider calls every key that comes back otherwise a change, at each plan.
            drift = {each for each in wanted if read.get(each) != wanted[each]} - set(body.get("ignore_changes_to", []))
            if drift and not body.get("ignore_all_server_changes"):
                raise Wrong(f"{name}: Terraform would see a change of {', '.join(drift)} in {read}")
            changed = self.data(body["update_data"]) if "update_data" in body else wanted
            succeed(name, send(update, self.url(body, "update", self.ids[name]), changed, headers))
        for name, body in reversed(self.resources):
            succeed(name, send("DELETE", self.url(body, "destroy", self.ids[name]), headers=headers))
            gone = send("GET", self.url(body, "read", self.ids[name]), headers=headers)
            # Where the role went with the thing, Houston does not say whether it is there.
            if gone.status not in (403, 404):
                raise Wrong(f"{name} is still there: {gone.status}")


def strip(value):
    """A parsed document without the quotes that the parser leaves around strings."""
    if isinstance(value, dict):
        return {key.strip('"'): strip(each) for key, each in value.items()}
    if isinstance(value, list):
        return [strip(each) for each in value]
    return value[1:-1] if isinstance(value, str) and value.startswith('"') else value


def terraform(text: str, _: str) -> None:
    Terraform(text).walk()


def kubernetes(text: str, address: str) -> None:
    """Reads the manifests and asks the gateway what their probes would ask."""
    probes = [probe for manifest in yaml_parser.safe_load_all(text) for probe in find(manifest, "httpGet")]
    for probe in probes:
        succeed(probe["path"], send("GET", address + probe["path"]))
    if not probes:
        raise Wrong("there is no probe in the manifests")


def find(value, name: str) -> list:
    """Every member of this name, wherever it stands."""
    if isinstance(value, list):
        return [found for each in value for found in find(each, name)]
    if not isinstance(value, dict):
        return []
    own = [value[name]] if name in value else []
    return own + [found for each in value.values() for found in find(each, name)]
