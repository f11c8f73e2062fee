// A CRM's Node back end calls Hearth's HTTP gateway; nothing to install, Node 18 or newer:
//
//   GATEWAY_URL=http://127.0.0.1:8080 GATEWAY_KEY_ID=… GATEWAY_SECRET=hs_… node node.mjs
import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const { GATEWAY_URL: url, GATEWAY_KEY_ID: keyId, GATEWAY_SECRET: secret } = process.env;
const TRIES = 6;

/** What the gateway answers instead of a result: `code`, and for 422 the `places` to correct. */
class Refused extends Error {
  constructor(status, { code, message, errors = [] }) {
    super(message);
    Object.assign(this, { status, code, places: errors });
  }
}

/** The secret itself is never sent: a signature is good for this one request, for five minutes. */
function signed(method, target, body) {
  const at = Math.floor(Date.now() / 1000);
  const digest = createHmac("sha256", secret).update(`${at}.${method}.${target}.${body}`).digest("hex");
  return { "X-Hearth-Key": keyId, "X-Hearth-Signature": `t=${at},v1=${digest}` };
}

/** Send until there is an answer: 429 and 503 say when, what broke is tried after 1, 2, 4 … seconds and some more. */
async function send(method, target, body = "", headers = {}) {
  for (let tried = 1; ; tried++) {
    let response;
    try {
      const signal = AbortSignal.timeout(30_000);
      const sent = { method, headers: { ...signed(method, target, body), ...headers }, body: body || undefined, signal };
      response = await fetch(url + target, sent);
    } catch (error) {
      if (tried === TRIES) throw error;
    }
    if (response?.ok) return response.json();
    const again = !response || response.status === 429 || response.status > 500;
    if (!again || tried === TRIES) {
      const told = await response.json().catch(() => ({}));
      throw new Refused(response.status, told.error ?? { code: "no_json", message: "no answer of Hearth's gateway" });
    }
    await sleep(1000 * (Number(response?.headers.get("Retry-After")) || 2 ** (tried - 1)) + Math.random() * 500);
  }
}

/** What a task answers. One idempotency key for all tries: however often it is sent, the task is done once. */
export async function call(task, args, { key = randomUUID(), patience = 60 } = {}) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  const first = await send("POST", `/v1/tasks/${task}?wait=10`, JSON.stringify(args), headers);
  if (first.state !== "accepted") return first; // 200: the answer itself
  for (const end = Date.now() + 1000 * patience; Date.now() < end; ) {
    const told = await send("GET", `/v1/tasks/${first.task_id}?wait=10`); // 202: it is not lost, ask for it
    if (told.state === "done") return told.result;
    if (told.state === "failed") throw new Refused(200, told.error);
  }
  throw new Error(`${first.task_id} has not ended after ${patience} s; ask again later`);
}

if (!url || !keyId || !secret) {
  console.error("set GATEWAY_URL, GATEWAY_KEY_ID and GATEWAY_SECRET");
  process.exit(2);
}
const lead = { external_id: "CRM-5001", first_name: "Nora", email: "nora.birchwood@example.com", timeline: "3-6" };
const refusal = ({ status, code, places }) => ({ status, code, loc: places[0]?.loc });
const key = randomUUID();
const upserted = await call("hearth.leads.upsert", { leads: [lead] }, { key });
const again = await call("hearth.leads.upsert", { leads: [lead] }, { key });
const conflict = await call("hearth.leads.upsert", { leads: [{ ...lead, timeline: "0-3" }] }, { key }).catch(refusal);
const refused = await call("hearth.leads.upsert", { leads: [{ ...lead, timeline: "soon" }] }).catch(refusal);
const scored = await call("hearth.leads.score", { external_id: "CRM-5001" });
console.log(JSON.stringify({ created: upserted.data.created, again: again.task_id === upserted.task_id, conflict, refused,
  probability: scored.data.lead.probability, model: scored.model.version }));
