// Reads a flow from standard input and runs it in a Node-RED without editor, until a debug node gets a message.
import http from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import RED from "node-red";

const SECONDS = 30;
const folder = await mkdtemp(join(tmpdir(), "node-red-"));
await writeFile(join(folder, "flow.json"), await text(process.stdin));

const end = async (message, code) => {
  console.log(message);
  await RED.stop();
  await rm(folder, { recursive: true, force: true });
  process.exit(code);
};

setTimeout(() => end(`no debug node had a message within ${SECONDS} s`, 1), SECONDS * 1000);
RED.init(http.createServer(), {
  userDir: folder,
  flowFile: "flow.json",
  disableEditor: true,
  httpAdminRoot: false,
  httpNodeRoot: false,
  logging: { console: { level: "warn" } },
});
RED.hooks.add("onReceive.test", ({ msg, destination }) => {
  if (destination.node.type !== "debug") return;
  const failed = msg.error || msg.statusCode >= 400;
  setImmediate(() => end(JSON.stringify(msg.payload), failed ? 1 : 0));
});
await RED.start();
