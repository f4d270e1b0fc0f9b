import { z } from "zod";
import { defineOptions, optionNumber, optionText } from "../../shared/config/options.ts";
import { misfirePolicy, overlapPolicy } from "../../shared/schedule/schedule.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";
import type { JobDraft } from "../files/job-draft.ts";
import { completeDraft } from "../files/job-draft.ts";
import { refuseLocal } from "../files/send-inputs.ts";
import { buildManifest } from "../job/build-manifest.ts";
import { firstGiven, manifestOptions } from "../job/manifest-options.ts";
import { paramOption, paramsOf } from "../template/template-options.ts";
import { ruleOptions, zoneOf } from "./rule-options.ts";

const {
  name: _name,
  "not-before": _notBefore,
  "idempotency-key": _key,
  "no-ignore": _noIgnore,
  ...jobOptions
} = manifestOptions;
const seconds = (help: string, defaultText: string) =>
  ({
    kind: "value",
    placeholder: "SECONDS",
    schema: () => optionNumber({ min: 0, unit: "seconds" }),
    defaultText,
    help,
  }) as const;

const options = defineOptions({
  ...ruleOptions,
  overlap: {
    kind: "value",
    placeholder: "POLICY",
    schema: () =>
      z.enum(overlapPolicy.options, { error: `must be one of ${overlapPolicy.options.join(", ")}` }),
    defaultText: "allow",
    help: "If an earlier job of the schedule is not over: allow a second job, forbid it, queue one, or replace the earlier job",
  },
  misfire: {
    kind: "value",
    placeholder: "POLICY",
    schema: () =>
      z.enum(misfirePolicy.options, { error: `must be one of ${misfirePolicy.options.join(", ")}` }),
    defaultText: "once",
    help: "Fires missed while no server ran: skip them, make up for them once, or for all of them with one job each",
  },
  "misfire-window": seconds("Make up only for fires that are no older than this", "86400"),
  jitter: seconds("Delay each fire by up to this, always by the same for the same due time", "0"),
  name: { kind: "value", placeholder: "NAME", schema: () => optionText, help: "A name for people" },
  template: {
    kind: "value",
    placeholder: "TEMPLATE",
    schema: () => optionText,
    help: "Run this template, by its name or id, instead of a command",
  },
  ...paramOption,
  ...jobOptions,
  ...clientOptions,
});

export const command = defineCommand({
  options,
  rest: { name: "CMD ARG…", help: "the command that each job runs, unchanged and without a shell" },
  examples: [
    { line: "schedule create --cron '30 2 * * *' --tz Europe/Berlin -- /srv/backup.sh", does: "Every night" },
    {
      line: "schedule create --cron '*/15 * * * *' --overlap forbid -- /srv/sync.sh",
      does: "Never two at once",
    },
    {
      line: "schedule create --cron @weekly --template pytest-run --param project=/srv/app",
      does: "Run a template every week",
    },
  ],
  details: `Prints only the schedule's id on stdout. The job is described as for job submit.`,
  async run({ options, rest, env, output }) {
    const work = await workOf(options, rest);
    const compute = await connect(env, options);
    const job = work.draft && (await completeDraft(compute, work.draft, { ...options, ...notAsked }, output));
    const made = await compute.schedules.create(
      {
        cron: options.cron,
        timeZone: zoneOf(options),
        name: options.name,
        overlap: options.overlap,
        misfire: options.misfire,
        misfireWindowSeconds: options["misfire-window"],
        jitterSeconds: options.jitter,
        job,
        template: work.template,
        parameters: work.parameters,
      },
      patience(output),
    );
    for (const warning of made.warnings) await output.note(`tanvrit-compute: ${warning}`);
    if (options.json) {
      await output.json(made);
      return 0;
    }
    await output.note(
      `tanvrit-compute: ${made.words} (${made.timeZone}); the first fire is at ${made.nextFireAt}`,
    );
    await output.result(made.scheduleId);
    return 0;
  },
});

type Values = Parameters<typeof buildManifest>[0] & { template?: string; param: readonly string[] };

async function workOf(options: Omit<Values, keyof typeof notAsked>, rest?: string[]): Promise<Work> {
  const { template, param } = options;
  if (template === undefined) {
    if (param.length > 0)
      throw new CliError("usage", "--param is for a template, and no --template was given");
    if (
      rest === undefined &&
      options.file === undefined &&
      options.image === undefined &&
      options.workflow === undefined
    ) {
      throw new CliError("usage", "neither a command nor a template to run was given", {
        todo: "Put the command after --, for example: tanvrit-compute schedule create --cron '0 * * * *' -- ./hourly.sh",
      });
    }
    const draft = await buildManifest({ ...options, ...notAsked }, rest);
    refuseLocal(draft, "a schedule");
    refuseSecrets(draft);
    return { draft };
  }
  if (rest !== undefined) throw new CliError("usage", "a template and a command cannot be used together");
  const given = firstGiven(Object.keys(jobOptions), options);
  if (given !== undefined) {
    throw new CliError("usage", `a template and --${given} cannot be used together`, {
      todo: "A template describes its whole job. Make this a parameter there, or make a template that sets it with template fork",
    });
  }
  return { template, parameters: param.length > 0 ? paramsOf(param) : undefined };
}

/** A value that is sent along is only kept for days. */
function refuseSecrets({ secrets = {} }: JobDraft): void {
  const [name] = Object.keys(secrets);
  if (name === undefined) return;
  throw new CliError("usage", `--secret ${name}: a schedule needs a secret that stays on the server`, {
    todo: `Set it with tanvrit-compute secret set NAME, and use --secret-env ${name}=NAME`,
  });
}

interface Work {
  draft?: JobDraft;
  template?: string;
  parameters?: Record<string, string> | undefined;
}

/** What a schedule's job gets from its schedule. */
const notAsked = {
  name: undefined,
  "not-before": undefined,
  "idempotency-key": undefined,
  "no-ignore": false,
};
