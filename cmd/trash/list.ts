import { defineOptions } from "../../shared/config/options.ts";
import type { TrashEntry } from "../../shared/trash.ts";
import { defineCommand } from "../command/command.ts";
import { DEFAULT_LIST_LIMIT, limitOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { showList } from "../output/list.ts";

const options = defineOptions({
  limit: limitOption("entries", String(DEFAULT_LIST_LIMIT)),
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [{ line: "trash list", does: "What was deleted lately, and by whom" }],
  details: `Jobs, templates, schedules, secrets and artifacts that a person deleted stay in the trash for 30 days. Their names are free
meanwhile. A server that is short of room on its disk deletes for good.`,
  async run({ options, env, output }) {
    const { trash } = await connect(env, options);
    const { limit = DEFAULT_LIST_LIMIT } = options;
    const all = await Array.fromAsync(trash.list({ limit, ...patience(output) }));
    return showList(output, options, all, {
      ID: ({ trashId }) => trashId,
      WHAT: whatOf,
      BY: ({ deletedBy }) => deletedBy,
      DELETED: ({ deletedAt }) => deletedAt,
      UNTIL: ({ expiresAt }) => expiresAt,
    });
  },
});

/** `template scale-video`, or `jobs job_… and 2 more`. */
function whatOf({ kind, name, items }: TrashEntry): string {
  if (name !== undefined) return `${kind} ${name}`;
  const [first = ""] = items;
  return items.length > 1 ? `${kind} ${first} and ${items.length - 1} more` : `${kind} ${first}`;
}
