import { useEffect } from "preact/hooks";
import type { EndpointInput, JobManifestInput, Template } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { firstValues, givenValues, Parameters, type Values } from "../../editing/parameters.tsx";
import { usePreview } from "../../editing/use-preview.ts";
import { useSecretNames } from "../../editing/use-secret-names.ts";
import { manifestOf } from "../../manifest/manifest-of.ts";
import { Code, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Field } from "../../ui/field.tsx";

interface CommandWork {
  kind: "command";
  command: string;
  pool: string;
  timeoutMinutes: string;
  cpu: string;
  memoryMb: string;
}
interface TemplateWork {
  kind: "template";
  template: string;
  parameters: Values;
}
interface JobWork {
  kind: "job";
  jobId: string;
  /** Undefined until it is fetched. */
  manifest: JobManifestInput | undefined;
}
/** What a schedule is to run, as the form has it. */
export type Work = CommandWork | TemplateWork | JobWork;

const MAX_TEMPLATES = 500;
const KINDS = [
  { kind: "command", text: "A command" },
  { kind: "template", text: "A template" },
] as const;
const NO_COMMAND: CommandWork = {
  kind: "command",
  command: "",
  pool: "",
  timeoutMinutes: "",
  cpu: "",
  memoryMb: "",
};

/** The part of `schedules/create` that says what to run. Throws an error for people if something is missing. */
export function workInput(
  work: Work,
): Pick<EndpointInput<"schedules.create">, "job" | "template" | "parameters"> {
  if (work.kind === "template") {
    if (work.template === "") throw new Error("No template is chosen. Choose one");
    return { template: work.template, parameters: givenValues(work.parameters) };
  }
  if (work.kind === "job") {
    if (!work.manifest) throw new Error("The job is not there yet. Wait a moment");
    return { job: work.manifest };
  }
  const { command, pool, timeoutMinutes, cpu, memoryMb } = work;
  return {
    job: {
      command,
      ...(pool.trim() !== "" && { pool: pool.trim() }),
      ...(timeoutMinutes !== "" && { timeoutSeconds: 60 * Number(timeoutMinutes) }),
      resources: {
        ...(cpu !== "" && { cpu: Number(cpu) }),
        ...(memoryMb !== "" && { memoryMb: Number(memoryMb) }),
      },
    },
  };
}

export function WorkFields({ work, onWork }: { work: Work; onWork(work: Work): void }) {
  if (work.kind === "job") return <JobCopy work={work} onWork={onWork} />;
  return (
    <>
      <fieldset class="row wrap plain-set kinds">
        <legend class="spoken">What it runs</legend>
        {KINDS.map(({ kind, text }) => (
          <label key={kind} class="choice">
            <input
              type="radio"
              name="kind"
              checked={work.kind === kind}
              onChange={() =>
                onWork(kind === "command" ? NO_COMMAND : { kind: "template", template: "", parameters: {} })
              }
            />
            {text}
          </label>
        ))}
      </fieldset>
      {work.kind === "command" && <CommandFields work={work} onWork={onWork} />}
      {work.kind === "template" && <TemplateFields work={work} onWork={onWork} />}
    </>
  );
}

function CommandFields({ work, onWork }: { work: CommandWork; onWork(work: Work): void }) {
  const set = (more: Partial<CommandWork>) => onWork({ ...work, ...more });
  return (
    <>
      <Field label="Command" hint="Runs in sh -c on a node, in a new directory.">
        {(tied) => (
          <textarea
            {...tied}
            rows={3}
            required
            spellcheck={false}
            value={work.command}
            placeholder="/srv/backup.sh"
            onInput={(event) => set({ command: event.currentTarget.value })}
          />
        )}
      </Field>
      <div class="columns narrow">
        <Amount
          label="Time limit (minutes)"
          value={work.timeoutMinutes}
          placeholder="no limit"
          onValue={(timeoutMinutes) => set({ timeoutMinutes })}
        />
        <Amount label="Cores" value={work.cpu} placeholder="any" onValue={(cpu) => set({ cpu })} />
        <Amount
          label="Memory (MiB)"
          value={work.memoryMb}
          placeholder="any"
          onValue={(memoryMb) => set({ memoryMb })}
        />
        <Field label="Pool">
          {(tied) => (
            <input
              {...tied}
              value={work.pool}
              placeholder="default"
              autocomplete="off"
              onInput={(event) => set({ pool: event.currentTarget.value })}
            />
          )}
        </Field>
      </div>
    </>
  );
}

function Amount(props: { label: string; value: string; placeholder: string; onValue(value: string): void }) {
  return (
    <Field label={props.label}>
      {(tied) => (
        <input
          {...tied}
          type="number"
          min={0}
          step="any"
          value={props.value}
          placeholder={props.placeholder}
          onInput={(event) => props.onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

function TemplateFields({ work, onWork }: { work: TemplateWork; onWork(work: Work): void }) {
  const all = useData("templates to schedule", (signal) =>
    compute.client.call("templates.list", { limit: MAX_TEMPLATES }, { signal }),
  );
  const templates = all.value?.templates ?? [];
  const chosen = templates.find(({ templateId, name }) => [templateId, name].includes(work.template));
  return (
    <>
      {all.error !== undefined && <Trouble error={all.error} onRetry={all.refresh} />}
      <Field label="Template" hint={chosen?.description || undefined}>
        {(tied) => (
          <select
            {...tied}
            required
            value={chosen?.templateId ?? ""}
            onChange={(event) =>
              onWork({ kind: "template", template: event.currentTarget.value, parameters: {} })
            }
          >
            <option value="">{all.isFirst ? "Loading…" : "Choose one"}</option>
            {templates.map(({ templateId, name }) => (
              <option key={templateId} value={templateId}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      {work.template !== "" && <TemplateParameters key={work.template} work={work} onWork={onWork} />}
    </>
  );
}

function TemplateParameters({ work, onWork }: { work: TemplateWork; onWork(work: Work): void }) {
  const { template } = work;
  const { value, error, refresh } = useData(`template ${template}`, (signal) =>
    compute.client.call("templates.retrieve", { template }, { signal }),
  );
  useEffect(() => {
    if (value) onWork({ ...work, parameters: firstValues(value, work.parameters) });
  }, [value?.templateId]);
  if (error !== undefined) return <Trouble error={error} onRetry={refresh} />;
  if (!value) return <Waiting lines={2} label="Loading the parameters" />;
  const change = (parameters: Values) => onWork({ ...work, parameters });
  return <CheckedParameters template={value} values={work.parameters} onChange={change} />;
}

function CheckedParameters(props: { template: Template; values: Values; onChange(values: Values): void }) {
  const { templateId, version } = props.template;
  const { problems } = usePreview(templateId, version, props.values);
  // What is still empty is not wrong yet; the server says so when the form is sent.
  const ofEntered = problems.filter(({ path }) => props.values[path?.split(".").at(-1) ?? ""] !== "");
  return <Parameters {...props} problems={ofEntered} secrets={useSecretNames()} />;
}

/** The manifest of a job, which the schedule submits again and again. */
function JobCopy({ work, onWork }: { work: JobWork; onWork(work: Work): void }) {
  const { value, error, refresh } = useData(`job ${work.jobId}`, (signal) =>
    compute.client.call("jobs.retrieve", { jobId: work.jobId }, { signal }),
  );
  useEffect(() => {
    if (value) onWork({ ...work, manifest: manifestOf(value) });
  }, [value?.jobId]);
  if (error !== undefined) return <Trouble error={error} onRetry={refresh} />;
  if (!work.manifest) return <Waiting lines={2} />;
  return (
    <>
      <p>
        Runs what <a href={`/jobs/${work.jobId}`}>{value?.name ?? work.jobId}</a> ran:
      </p>
      <Code text={JSON.stringify(work.manifest, null, 2)} />
    </>
  );
}
