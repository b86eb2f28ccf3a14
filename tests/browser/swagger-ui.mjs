// Uses Swagger UI as a newcomer does, in a real browser: authorize, find an operation, execute it, see the data; come
// back and be authorized still; follow a deep link. Fails on any error in the console and on any request that leaves
// the gateway. Takes the screenshot of the README.
//
//   GATEWAY=http://127.0.0.1:8080 node swagger-ui.mjs [SCREENSHOT]
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const gateway = process.env.GATEWAY;
const screenshot = process.argv[2];
const TOKEN = "demo-workspace-admin";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--force-color-profile=srgb", "--font-render-hinting=none"];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: screenshot ? 0.8 : 1 });
page.setDefaultTimeout(30_000);
const wrong = [];
page.on("console", (message) => ["error", "warning"].includes(message.type()) && wrong.push(`console: ${message.text()}`));
page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
page.on("request", (request) => {
  if (!request.url().startsWith("data:") && !request.url().startsWith(`${gateway}/`)) wrong.push(`leaves the gateway: ${request.url()}`);
});
page.on("response", (response) => response.status() >= 400 && wrong.push(`${response.status()}: ${response.url()}`));

let passed = 0;
const check = async (what, run) => {
  await run();
  assert.deepEqual(wrong.splice(0), [], what);
  console.log(`ok      ${what}`);
  passed += 1;
};

const operation = (id) => page.locator(`.opblock[id$="-${id}"]`);
const filter = page.locator(".operation-filter-input");
const opened = () => page.locator(".opblock-tag-section .opblock").count();

const execute = async (id) => {
  const answered = page.waitForResponse((response) => response.url().split("?")[0] === `${gateway}/workspaces`);
  await operation(id).locator("button.execute").click();
  return answered;
};

try {
  await check("the page shows every tag, and no operation before it is asked for", async () => {
    await page.goto(`${gateway}/docs/`);
    await page.locator(".opblock-tag").first().waitFor();
    assert.equal(await opened(), 0);
    assert.ok(await page.locator(".opblock-tag").count() > 15);
  });

  await check("a token can be given once", async () => {
    await page.locator(".auth-wrapper button.authorize").click();
    const form = page.locator(".auth-container").first();
    await form.locator("input").fill(TOKEN);
    await form.locator("button.authorize").click();
    await page.locator(".btn-done").first().click();
    await page.locator(".auth-wrapper button.authorize.locked").waitFor();
  });

  await check("words of the summary find an operation", async () => {
    await filter.fill("list workspaces caller");
    await page.locator(".opblock-tag-section").first().waitFor();
    const tags = page.locator(".opblock-tag");
    await page.waitForFunction(() => document.querySelectorAll(".opblock-tag").length < 4);
    if (await opened() === 0) await tags.first().click();
    await operation("ListWorkspaces").waitFor();
  });

  await check("executing it shows the data", async () => {
    await operation("ListWorkspaces").locator(".opblock-summary-control").click();
    const answer = await execute("ListWorkspaces");
    assert.equal(answer.status(), 200);
    assert.equal(answer.request().headers()["x-api-key"], TOKEN);
    const live = operation("ListWorkspaces").locator(".live-responses-table .response");
    assert.match(await live.locator(".response-col_status").innerText(), /^200/);
    assert.match(await live.locator(".microlight").first().innerText(), /Data Platform/);
  });

  await check("after a reload it is still authorized", async () => {
    await page.reload();
    await page.locator(".auth-wrapper button.authorize.locked").waitFor();
    await page.locator(".opblock-tag").first().waitFor();
  });

  await check("a deep link opens its operation, and the token still counts", async () => {
    await page.goto("about:blank");
    await page.goto(`${gateway}/docs/#/Workspaces/ListWorkspaces`);
    await operation("ListWorkspaces").locator("button.execute").waitFor();
    assert.equal((await execute("ListWorkspaces")).status(), 200);
  });

  await check("the other documents work too", async () => {
    for (const name of ["OpenAPI 3.1", "Swagger 2.0 (connectors)"]) {
      await page.goto(`${gateway}/docs/?urls.primaryName=${encodeURIComponent(name)}#/Workspaces/ListWorkspaces`);
      await operation("ListWorkspaces").locator("button.execute").waitFor();
      assert.equal(await page.locator(".errors-wrapper").count(), 0);
      assert.match(await filter.getAttribute("placeholder"), /^Find an operation/);
      assert.equal((await execute("ListWorkspaces")).status(), 200, name);
    }
  });

  await check("the page of a problem leads back here", async () => {
    await page.goto(`${gateway}/problems/not-found`);
    assert.match(await page.locator("h1").innerText(), /no such thing/);
    await page.getByRole("link", { name: "The API" }).click();
    await page.locator(".opblock-tag").first().waitFor();
  });
  if (screenshot) {
    // An operation that fits on one screen, with its answer; a larger page, scaled down.
    await page.setViewportSize({ width: 1600, height: 1160 });
    await page.goto("about:blank");
    await page.goto(`${gateway}/docs/#/Self/GetSelf`);
    await operation("GetSelf").locator('tr[data-param-name="fields"] input').fill("user.username,user.fullName");
    await operation("GetSelf").locator("button.execute").click();
    await operation("GetSelf").locator(".live-responses-table .microlight").first().waitFor();
    await operation("GetSelf").evaluate((block) => block.scrollIntoView({ block: "start" }));
    await page.mouse.move(0, 0);
    await page.screenshot({ path: screenshot });
  }
  console.log(`browser: ${passed} passed, 0 failed`);
} catch (error) {
  console.error(error.message, wrong);
  console.log(`browser: ${passed} passed, 1 failed`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
