import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { looksSecret } from "../../editing/draft.ts";
import { NumberField, SecondsField, TextField } from "../../editing/fields.tsx";
import { type Form, valueAt } from "../../editing/form.ts";
import { pairs, RowsField, records, texts } from "../../editing/rows.tsx";
import { Icon } from "../../ui/icon.tsx";
import { CommandField } from "./command-field.tsx";
import { type JobType, TypeChoice, typeOf } from "./type-choice.tsx";

/** What can be chosen on this server. */
export interface Known {
  pools: readonly string[];
  labels: readonly string[];
  /** Undefined: nobody has said. */
  secrets: readonly string[] | undefined;
}

interface PartProps {
  form: Form;
  known: Known;
}

/** A manifest as a form. What it has no control for stays in the YAML, and is named at the end. */
export function JobForm({ form, known, files }: PartProps & { files: ComponentChildren }) {
  const type = typeOf(form.fields);
  return (
    <div class="stack">
      <section class="card">
        <div class="body stack">
          <TypeChoice form={form} />
          <WhatRuns form={form} type={type} />
        </div>
      </section>
      {files}
      <Environment form={form} known={known} />
      <Machine form={form} known={known} />
      <Times form={form} />
      <Order form={form} />
      <Results form={form} />
      <Beyond form={form} />
    </div>
  );
}

function WhatRuns({ form, type }: { form: Form; type: JobType }) {
  return (
    <>
      {type === "DOCKER" && (
        <TextField form={form} path={["image"]} label="Image" placeholder="python:3.13-slim" isCode />
      )}
      {type === "GITHUB_ACTION" ? (
        <>
          <TextField
            form={form}
            path={["workflow", "path"]}
            label="Workflow file"
            placeholder=".github/workflows/ci.yml"
            isCode
          />
          <TextField
            form={form}
            path={["workflow", "clone", "url"]}
            label="Repository to clone"
            placeholder="https://github.com/owner/name.git"
            hint="Or leave this empty, and drop the folder of the repository below."
            isCode
          />
          <div class="pair">
            <TextField
              form={form}
              path={["workflow", "clone", "ref"]}
              label="Branch or tag"
              placeholder="main"
            />
            <TextField form={form} path={["workflow", "event"]} label="Event" placeholder="push" />
          </div>
        </>
      ) : (
        <CommandField form={form} isOptional={type === "DOCKER"} />
      )}
      <TextField
        form={form}
        path={["name"]}
        label="Name"
        placeholder="Optional"
        hint="How lists show the job."
      />
    </>
  );
}

function Environment({ form, known }: PartProps) {
  const env = valueAt(form.fields, ["env"]);
  const secret = typeof env === "object" && env !== null ? Object.keys(env).find(looksSecret) : undefined;
  const missing = missingSecret(form, known);
  return (
    <Part title="Environment and secrets" form={form} fields={["env", "secretEnv", "workdir"]} isOpen>
      <RowsField
        form={form}
        path={["env"]}
        label="Variables"
        add="Add a variable"
        columns={[
          { name: "Name", placeholder: "NAME" },
          { name: "Value", placeholder: "value" },
        ]}
        hint={
          secret &&
          `${secret.slice(0, 60)} looks like a secret. Everybody who may read this job can read its value; keep it as a secret instead. The draft does not keep it.`
        }
        {...pairs}
      />
      <RowsField
        form={form}
        path={["secretEnv"]}
        label="Secrets"
        add="Add a secret"
        columns={[
          { name: "Variable", placeholder: "VARIABLE" },
          { name: "Name of the secret", placeholder: "name of the secret", suggestions: known.secrets ?? [] },
        ]}
        hint={
          missing === undefined ? (
            <>
              The job gets the value; nobody can read it back. <a href="/settings/secrets">Set secrets</a>
            </>
          ) : (
            <span class="problem">
              There is no secret “{missing}”. <a href="/settings/secrets">Set it</a> before you submit.
            </span>
          )
        }
        {...pairs}
      />
      <TextField
        form={form}
        path={["workdir"]}
        label="Working directory"
        placeholder="A fresh directory of the job"
        isCode
      />
    </Part>
  );
}

function missingSecret({ fields }: Form, { secrets }: Known): string | undefined {
  const wanted = Object.values((valueAt(fields, ["secretEnv"]) ?? {}) as object).map(String);
  return secrets && wanted.find((name) => name !== "" && !secrets.includes(name));
}

function Machine({ form, known }: PartProps) {
  return (
    <Part title="Machine" form={form} fields={["resources", "pool", "labels", "selector"]} isOpen>
      <div class="triple">
        <NumberField form={form} path={["resources", "cpu"]} label="CPU cores" placeholder="Any" />
        <NumberField form={form} path={["resources", "memoryMb"]} label="Memory, MB" placeholder="Any" />
        <NumberField form={form} path={["resources", "gpuCount"]} label="GPUs" placeholder="0" />
      </div>
      <TextField form={form} path={["pool"]} label="Pool" placeholder="default" suggestions={known.pools} />
      <RowsField
        form={form}
        path={["labels"]}
        label="Labels"
        add="Add a label"
        columns={[
          { name: "Label", placeholder: "label", suggestions: known.labels },
          { name: "Value", placeholder: "value" },
        ]}
        hint="Only nodes with all of them."
        {...pairs}
      />
      <TextField
        form={form}
        path={["selector"]}
        label="Selector"
        placeholder="os == linux && gpu.memoryMb >= 16000"
        hint="A condition on the labels of a node."
        isCode
      />
    </Part>
  );
}

function Times({ form }: { form: Form }) {
  return (
    <Part
      title="Time limit, retries and priority"
      form={form}
      fields={["timeoutSeconds", "maxRetries", "priority"]}
    >
      <div class="triple">
        <SecondsField
          form={form}
          path={["timeoutSeconds"]}
          label="Time limit, seconds"
          placeholder="None"
          hint="90s, 30m and 2h work too."
        />
        <NumberField form={form} path={["maxRetries"]} label="Retries" placeholder="0" />
        <NumberField
          form={form}
          path={["priority"]}
          label="Priority"
          placeholder="0"
          hint="Higher runs first."
        />
      </div>
    </Part>
  );
}

const ENDS = [
  ["success", "has succeeded"],
  ["failure", "has not succeeded"],
  ["any", "has ended"],
] as const;

function Order({ form }: { form: Form }) {
  return (
    <Part
      title="When and how often it runs"
      form={form}
      fields={["array", "after", "notBefore", "queueTtlSeconds"]}
    >
      <TextField
        form={form}
        path={["array"]}
        label="Array"
        placeholder="1-100%8"
        hint="One job for each index; %8 runs at most 8 at once. A job finds its index in TANVRIT_ARRAY_INDEX."
        isCode
      />
      <RowsField
        form={form}
        path={["after"]}
        label="After other jobs"
        add="Add a job"
        columns={[
          { name: "Job", placeholder: "job_…" },
          { name: "Once it", choices: ENDS },
        ]}
        {...records("jobId", "on")}
      />
      <div class="pair">
        <TextField
          form={form}
          path={["notBefore"]}
          label="Not before"
          placeholder="+10m"
          hint="A time such as 2026-01-31T12:00:00Z, or a delay such as +10m or +2h."
          isCode
        />
        <SecondsField
          form={form}
          path={["queueTtlSeconds"]}
          label="Longest wait, seconds"
          placeholder="None"
          hint="A job that waits longer for a node ends as timed out."
        />
      </div>
    </Part>
  );
}

function Results({ form }: { form: Form }) {
  return (
    <Part title="Inputs and outputs" form={form} fields={["inputs", "outputs"]}>
      <RowsField
        form={form}
        path={["inputs"]}
        label="Inputs"
        add="Add an input"
        columns={[
          { name: "From", placeholder: "artifact:art_… or job:job_…/dist/**" },
          { name: "To", placeholder: "." },
        ]}
        hint="Files that are already on the server. Dropped files are added here when you submit."
        {...records("from", "to")}
      />
      <RowsField
        form={form}
        path={["outputs"]}
        label="Outputs"
        add="Add an output"
        columns={[{ name: "Files", placeholder: "dist/** or *.xml" }]}
        hint="Collected after the job, however it ended."
        {...texts}
      />
    </Part>
  );
}

/** Fields of the YAML without a control in the form. */
function Beyond({ form }: { form: Form }) {
  const shown = new Set(SHOWN);
  const others = Object.keys(form.fields).filter((field) => !shown.has(field));
  if (others.length === 0) return null;
  return (
    <p class="quiet">
      <Icon name="info" /> Only in the YAML:{" "}
      {others.slice(0, 12).map((field, i) => (
        <span key={field}>
          {i > 0 && ", "}
          <code>{field.slice(0, 60)}</code>
        </span>
      ))}
    </p>
  );
}

const SHOWN = [
  ...["name", "type", "image", "command", "workflow", "env", "secretEnv", "workdir", "inputs", "outputs"],
  ...["resources", "pool", "labels", "selector", "timeoutSeconds", "maxRetries", "priority"],
  ...["array", "after", "notBefore", "queueTtlSeconds"],
];

interface FoldProps {
  title: string;
  form: Form;
  fields: readonly string[];
  /** From the start; a part with values or problems is open anyway. */
  isOpen?: boolean;
  children: ComponentChildren;
}

/** A part of the form that can be folded. */
function Part({ title, form, fields, isOpen = false, children }: FoldProps) {
  const set = fields.filter((field) => form.fields[field] !== undefined).length;
  const isWrong = form.problems.some(({ path }) => fields.includes(path?.split(".")[0] ?? ""));
  const [chosen, setChosen] = useState<boolean>();
  const open = isWrong || (chosen ?? (isOpen || set > 0));
  return (
    <details class="card fold" open={open} onToggle={(event) => setChosen(event.currentTarget.open)}>
      <summary>
        <Icon name="chevronRight" />
        <h2>{title}</h2>
        {isWrong ? (
          <span class="status bad">
            <Icon name="alert" />
            Needs a change
          </span>
        ) : (
          set > 0 && <span class="quiet">{set} set</span>
        )}
      </summary>
      <div class="body stack">{children}</div>
    </details>
  );
}
