import type { AuditEntry } from "../../shared/audit.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { userId } from "../../shared/ids.ts";
import { defineCommand } from "../command/command.ts";
import { DEFAULT_LIST_LIMIT, limitOption, sinceOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { showList } from "../output/list.ts";

const options = defineOptions({
  since: sinceOption("Only what happened since then"),
  event: {
    kind: "value",
    placeholder: "EVENT",
    schema: () => optionText.min(1).max(100),
    help: "Only this event, as the column EVENT shows it, such as 'signed in'",
  },
  user: {
    kind: "value",
    placeholder: "USER-ID",
    schema: () => userId,
    help: "Only what this person did, by their id",
  },
  limit: limitOption("entries", `${DEFAULT_LIST_LIMIT}, or all with --since`),
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [
    { line: "audit list", does: "The latest changes and sign-ins in this business" },
    {
      line: "audit list --event 'signed in' --since 7d",
      does: "Who signed in during the last week, and from where",
    },
    {
      line: "audit list --since 365d --json > audit.json",
      does: "A year of it, with the hashes that chain the entries",
    },
  ],
  details: `Only owners and admins can read it, and nobody can change it: each entry carries the hash of the one before it, and
the server seals the end of the chain. server check proves that nothing was changed, added or removed.`,
  async run({ options, env, output }) {
    const { audit } = await connect(env, options);
    const { since, event, user, limit = since === undefined ? DEFAULT_LIST_LIMIT : undefined } = options;
    const all = await Array.fromAsync(audit.list({ since, event, userId: user, limit }, patience(output)));
    return showList(output, options, all, {
      AT: ({ at }) => at,
      EVENT: (entry) => entry.event,
      BY: whoOf,
      FROM: ({ from }) => from ?? "",
      WHAT: whatOf,
    });
  },
});

function whoOf({ actor }: AuditEntry): string {
  const who = actor.userName ?? actor.nodeId ?? actor.kind;
  return actor.keyId === undefined ? who : `${who} (${actor.keyId})`;
}

/** What it was about, and what changed: `jobId=job_… draining false → true`. */
function whatOf({ of = {}, before = {}, after = {} }: AuditEntry): string {
  const facts = Object.entries(of).map(([name, value]) => `${name}=${shown(value)}`);
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changes = [...names].map((name) => `${name} ${shown(before[name])} → ${shown(after[name])}`);
  return [...facts, ...changes].join(" ");
}

function shown(value: unknown): string {
  if (value === undefined) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
