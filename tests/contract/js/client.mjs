// Calls one function of @huggingface/hub and prints what it gave, as JSON.
//
//   node client.mjs FUNCTION '{"param": ...}'      HUB_URL and HUB_TOKEN in the environment
//
// {"value": ...} on success, {"error": {"status", "message"}} if the client threw. A file to
// upload is {"path", "text"} or {"path", "file"}; a blob comes back as text.
import { pathToFileURL } from "node:url";
import * as hub from "@huggingface/hub";

function contentOf({ path, text, file }) {
  return { path, content: file ? pathToFileURL(file) : new Blob([text]) };
}

async function plain(value) {
  if (value instanceof Blob) return await value.text();
  if (value && typeof value[Symbol.asyncIterator] === "function") {
    const items = [];
    for await (const item of value) items.push(item);
    return items;
  }
  return value;
}

const [name, json = "{}"] = process.argv.slice(2);
const params = JSON.parse(json);
if (params.files) params.files = params.files.map(contentOf);
const credentials = { hubUrl: process.env.HUB_URL, accessToken: process.env.HUB_TOKEN };

let answer;
try {
  answer = { value: await plain(await hub[name]({ ...credentials, ...params })) };
} catch (error) {
  answer = { error: { status: error.statusCode ?? null, message: error.message } };
}
process.stdout.write(JSON.stringify(answer, (_, value) => value ?? null));
