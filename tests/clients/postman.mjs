// Sends every request of the Postman collection that a demo gateway serves, as it is. No answer may be a fault of the
// gateway or of Houston.
//
//   GATEWAY=http://127.0.0.1:8080 node postman.mjs
import newman from "newman";

const collection = await (await fetch(`${process.env.GATEWAY}/postman.json`)).json();
// A stream does not end, and Newman waits for the end.
const ends = ({ request }) => !request || !/\/stream$/.test(request.url.raw);
const ending = (items) => items.filter(ends).map((item) => (item.item ? { ...item, item: ending(item.item) } : item));
collection.item = ending(collection.item);

const statuses = new Map();
const bad = [];
newman.run({ collection, timeoutRequest: 20_000 })
  .on("request", (error, { response, item }) => {
    const status = error ? error.message : response.code;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (error || status >= 500) bad.push(`${item.name}: ${status} ${response?.text() ?? ""}`);
  })
  .on("done", (error, summary) => {
    console.log([...statuses].sort().map(([status, count]) => `${status}: ${count}`).join(", "));
    for (const each of bad.slice(0, 20)) console.log(each);
    const sent = summary?.run.stats.requests.total ?? 0;
    if (error) console.log(error.message);
    console.log(`postman: ${sent - bad.length} passed, ${bad.length} failed`);
    process.exitCode = error || bad.length || !sent ? 1 : 0;
  });
