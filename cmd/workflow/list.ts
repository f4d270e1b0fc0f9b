import { type InputDefinition, inputDefinitions } from "../../agent/workflow/syntax/inputs.ts";
import type { JobDefinition, Workflow } from "../../agent/workflow/syntax/model.ts";
import { plainOf } from "../../agent/workflow/syntax/template.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { CliError } from "../exit/failure.ts";
import { showList } from "../output/list.ts";
import { asNamed, lintPlace } from "./draft/linted.ts";
import { findOwnWorkflows, findWorkflows, readRepository } from "./draft/repository.ts";

export const command = defineCommand({
  options: defineOptions({
    repo: {
      kind: "value",
      placeholder: "DIR",
      schema: () => optionText,
      help: "The repository; absent: the one around this directory",
    },
    ...jsonOption,
  }),
  examples: [{ line: "workflow list", does: "Show the workflows of the repository around this directory" }],
  details: `Shows the workflows in .github/workflows, the events that start them, their jobs with those that they need, and the inputs of workflow_dispatch and workflow_call; * marks inputs that are required. A workflow with mistakes is listed as far as it can be read: workflow lint says what is wrong.
With --json it also prints what each job runs on, and types, defaults and options of inputs.`,
  async run({ options, output }) {
    const given = options.repo === undefined ? undefined : readRepository(options.repo);
    if (given && "url" in given)
      throw new CliError("usage", `--repo ${options.repo}: only a directory can be listed`, {
        todo: "Clone the repository, and name its directory",
      });
    const place = await (given ? findWorkflows(given.directory, given.directory) : findOwnWorkflows());
    const shown = asNamed(options.repo);
    const { workflows, problems } = await lintPlace(place, shown);
    const items = workflows.map(({ file, workflow }) => ({
      file: shown(file),
      problems: problems.filter((problem) => problem.file === shown(file)).length,
      ...detailsOf(workflow),
    }));
    return showList(output, options, items, {
      FILE: ({ file }) => file,
      NAME: ({ name }) => name,
      EVENTS: ({ events }) => events.join(", "),
      JOBS: ({ jobs }) => jobs.map(jobText).join(", "),
      INPUTS: ({ inputs }) => inputs.map(inputText).join(", "),
      PROBLEMS: (item) => (item.problems === 0 ? "" : String(item.problems)),
    });
  },
});

type Details = ReturnType<typeof detailsOf>;

function detailsOf(workflow: Workflow | undefined) {
  return {
    name: workflow?.name ?? "",
    events: Object.keys(workflow?.on ?? {}),
    jobs: [...(workflow?.jobs.values() ?? [])].map(jobOf),
    inputs: workflow
      ? (["workflow_dispatch", "workflow_call"] as const).flatMap((event) =>
          inputDefinitions(workflow.onToken, event).map((input) => inputOf(event, input)),
        )
      : [],
  };
}

function jobOf({ id, name, needs, runsOn, call }: JobDefinition) {
  return {
    id,
    name: name === undefined ? id : String(plainOf(name)),
    needs,
    ...(runsOn === undefined ? {} : { runsOn: plainOf(runsOn) }),
    ...(call === undefined ? {} : { uses: call.uses }),
  };
}

function inputOf(
  event: string,
  { name, type, required, default: value, options, description }: InputDefinition,
) {
  return {
    event,
    name,
    type,
    required,
    ...(value === undefined ? {} : { default: plainOf(value) }),
    ...(options.length === 0 ? {} : { options }),
    ...(description === undefined ? {} : { description }),
  };
}

function jobText({ id, needs }: Details["jobs"][number]): string {
  return needs.length === 0 ? id : `${id} (after ${needs.join(" and ")})`;
}

function inputText({ name, type, required, default: value }: Details["inputs"][number]): string {
  const shown = value === undefined ? "" : ` = ${value}`;
  return `${name}${required ? "*" : ""}: ${type}${shown}`;
}
