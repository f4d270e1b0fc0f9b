import { z } from "zod";
import {
  defineOptions,
  flagOption,
  type OptionValues,
  optionPairs,
  optionText,
} from "../../../shared/config/options.ts";
import { secretName } from "../../../shared/job-files.ts";

/** `KEY=VALUE` texts; a key that is repeated keeps all its values. */
const combinations = () =>
  z
    .array(z.string().regex(/^[^=]+=/, { error: "must be a key of the matrix and a value, as KEY=VALUE" }))
    .transform((pairs) => {
      const values = new Map<string, string[]>();
      for (const pair of pairs) {
        const at = pair.indexOf("=");
        const key = pair.slice(0, at);
        values.set(key, [...(values.get(key) ?? []), pair.slice(at + 1)]);
      }
      return Object.fromEntries(values);
    });

const storedSecrets = () =>
  z
    .array(
      z.string().regex(/^[^=]+=./, {
        error: "must be the name that the workflow uses and that of a stored secret, as ENV=NAME",
      }),
    )
    .transform((pairs) =>
      Object.fromEntries(
        pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
      ),
    )
    .pipe(z.record(z.string(), secretName()));

/** What a workflow gets: the options of `workflow run` that set a field of the manifest's `workflow`. */
export const requestOptions = defineOptions({
  event: {
    kind: "value",
    group: "What it runs",
    placeholder: "EVENT",
    schema: () =>
      optionText.regex(/^[a-z][a-z_]{0,63}$/, {
        error: "must be the name of an event, such as push or workflow_dispatch",
      }),
    defaultText: "push, or the only event of the workflow",
    help: "The event that triggers the workflow",
  },
  "event-file": {
    kind: "value",
    group: "What it runs",
    placeholder: "FILE",
    schema: () => optionText.min(1, { error: "must not be empty" }),
    help: "The payload of the event, as JSON: what expressions see as github.event; - is stdin",
  },
  job: {
    kind: "list",
    group: "What it runs",
    short: "j",
    placeholder: "ID",
    schema: () => z.array(optionText.min(1, { error: "must not be empty" })),
    help: "Run only this job and those that it needs",
  },
  input: {
    kind: "list",
    group: "What it runs",
    short: "i",
    placeholder: "KEY=VALUE",
    schema: () => optionPairs("an input"),
    help: "An input of a workflow_dispatch or workflow_call event",
  },
  matrix: {
    kind: "list",
    group: "What it runs",
    placeholder: "KEY=VALUE",
    schema: combinations,
    help: "Run only the combinations of a matrix with this value; several of one key mean any of them",
  },
  env: {
    kind: "list",
    group: "What it runs",
    short: "e",
    placeholder: "KEY=VALUE",
    schema: () => optionPairs("a variable"),
    help: "An environment variable for all steps; the workflow's own win",
  },
  var: {
    kind: "list",
    group: "What it runs",
    placeholder: "KEY=VALUE",
    schema: () => optionPairs("a variable"),
    help: "A variable of the vars context",
  },
  secret: {
    kind: "list",
    group: "Files and secrets",
    short: "s",
    placeholder: "KEY[=VALUE]",
    schema: () =>
      z.array(optionText.regex(/^[^=]+/, { error: "must be a name, or a name and a value as KEY=VALUE" })),
    help: "A secret of the workflow; without VALUE, it is taken from the environment variable KEY",
  },
  "secret-env": {
    kind: "list",
    group: "Files and secrets",
    placeholder: "ENV=NAME",
    schema: storedSecrets,
    help: "The workflow's secret ENV is the secret NAME that the server keeps",
  },
  repo: {
    kind: "value",
    group: "Files and secrets",
    placeholder: "DIR|URL[@REF]",
    schema: () => optionText.min(1, { error: "must not be empty" }),
    defaultText: "the repository around PATH",
    help: "The repository: a directory, which is sent as it is, or a git URL, which the node clones",
  },
  "action-store": {
    kind: "value",
    group: "Files and secrets",
    placeholder: "DIR",
    schema: () => optionText.min(1, { error: "must not be empty" }),
    help: "Look for actions in this directory, as OWNER/NAME@REF, before they are fetched",
  },
  actor: {
    kind: "value",
    group: "What it runs",
    placeholder: "NAME",
    schema: () => optionText.min(1, { error: "must not be empty" }),
    defaultText: "you",
    help: "github.actor",
  },
  repository: {
    kind: "value",
    group: "What it runs",
    placeholder: "OWNER/NAME",
    schema: () => optionText.regex(/^[\w.-]+\/[\w.-]+$/, { error: "must be OWNER/NAME" }),
    defaultText: "that of the git remote origin",
    help: "github.repository",
  },
  "keep-on-failure": flagOption(
    "Keep the working directory for a day if the workflow fails",
    "Output and waiting",
  ),
  "no-ignore": flagOption(
    "Also take the files that .gitignore and .tanvritignore leave out",
    "Files and secrets",
  ),
});

export type RequestValues = OptionValues<typeof requestOptions>;
