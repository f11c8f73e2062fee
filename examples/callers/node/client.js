"use strict";
// A CRM's Node back end calls Hearth: REDIS_URL=redis://… node client.js TENANT
//
// celery-node writes straight to the queue it was made with (Hearth's routes do not apply to it), so make one client
// per queue: `ingest` for leads and outcomes, `inference` for scores. Left out, the queue is `celery`, which the
// inference workers also read.
const celery = require("celery-node");

const url = process.env.REDIS_URL;
if (!url) {
  console.error("set REDIS_URL to the address of Hearth's broker");
  process.exit(2);
}
const tenant = process.argv[2] || "crm-node";
const TIMEOUT = 30000;
const LOOK_EVERY = 50;

const clients = {};
function on(queue) {
  clients[queue] = clients[queue] || celery.createClient(url, url, queue);
  return clients[queue];
}

// Keyword arguments are the second parameter; a single positional object would mean the same.
function call(queue, task, kwargs) {
  const sent = on(queue).createTask(task).applyAsync([], { tenant_id: tenant, ...kwargs });
  return sent.get(TIMEOUT, LOOK_EVERY);
}

// celery-node rejects with Error("FAILURE") and puts Celery's exc_type and exc_message on it;
// Hearth's arguments are JSON: [code, [{loc, msg}]].
function refusal(error) {
  const [code, places] = error.exc_message || [error.message, []];
  return { type: error.exc_type, code, places };
}

const lead = {
  source_system: "crm",
  external_id: "CRM-2001",
  first_name: "Bram",
  last_name: "Oakridge",
  email: "bram.oakridge@example.com",
  lead_type: "buyer",
  source: "website",
  timeline: "3-6",
  listing_views: 9,
};

async function main() {
  await call("inference", "hearth.tenants.configure", { settings: { name: "Simulated CRM" } });
  const upserted = await call("ingest", "hearth.leads.upsert", { leads: [lead] });
  const leadId = upserted.data.lead_ids[0];
  const scored = await call("inference", "hearth.leads.score", { lead_id: leadId });
  const refused = await call("inference", "hearth.leads.score", { lead_id: "nobody" }).catch(refusal);
  const onDefaultQueue = await call("celery", "hearth.system.ping", { echo: "node" });
  console.log(
    JSON.stringify({
      lead_id: leadId,
      probability: scored.data.lead.probability,
      band: scored.data.lead.band,
      model: scored.model.version,
      refused,
      echo: onDefaultQueue.data.echo,
    })
  );
}

main()
  .catch((error) => {
    console.error(JSON.stringify(refusal(error)));
    process.exitCode = 1;
  })
  .finally(() => Promise.all(Object.values(clients).map((client) => client.disconnect())));
