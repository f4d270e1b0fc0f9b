import type { JobManifestInput } from "../../sdk/index.ts";

/** Where a program goes on reading until a line of this. */
const END_OF_FILE = "EOF";
const PROGRAM = "tanvrit-compute job submit";
/** Longer command lines are read from a file, which a person can read too. */
const MAX_LINE = 2_000;

/**
 * The command that submits this manifest, for a POSIX shell. Options if they can say exactly the same, otherwise the whole
 * manifest on standard input.
 */
export function asCommandLine(manifest: JobManifestInput): string {
  const options = optionsOf(manifest);
  const { command } = manifest;
  if (options && typeof command !== "string") {
    const words = [...options.map(([name, value]) => optionWord(name, value))];
    if (command) words.push(`-- ${command.map(shellWord).join(" ")}`);
    const line = `${PROGRAM} ${words.join(" ")}`;
    if (line.length <= MAX_LINE) return line.length <= 80 ? line : [PROGRAM, ...words].join(" \\\n  ");
  }
  // A workflow without a name would get one from its file; a line of a batch stays as it is.
  const isNameless = manifest.type === "GITHUB_ACTION" && manifest.name === undefined;
  const [option, text] = isNameless
    ? ["--batch", JSON.stringify(manifest)]
    : ["--file", JSON.stringify(manifest, null, 2)];
  return `${PROGRAM} ${option} - <<'${END_OF_FILE}'\n${text}\n${END_OF_FILE}`;
}

/** The request that submits this manifest. The token comes from a variable; nobody should paste one into a history. */
export function asCurl(manifest: JobManifestInput, url: string): string {
  const lines = [
    `curl --fail-with-body ${shellWord(`${url}/api/compute/jobs/submit`)}`,
    `-H "Authorization: Bearer $TANVRIT_TOKEN"`,
    `-H 'Content-Type: application/json'`,
    `--data-raw ${singleQuoted(JSON.stringify(manifest, null, 2))}`,
  ];
  return lines.join(" \\\n  ");
}

/** A program that submits this manifest and waits for the end of the job. */
export function asTypeScript(manifest: JobManifestInput, url: string): string {
  return `import { createComputeClient } from "@tanvrit/compute";

const compute = createComputeClient({
  url: ${JSON.stringify(url)},
  token: process.env.TANVRIT_TOKEN ?? "",
});
const job = await compute.jobs.submit(${literalOf(manifest, "")});
const { status, exitCode } = await compute.jobs.wait(job.jobId);
console.log(job.jobId, status, exitCode);
`;
}

/** Options that say the same as the manifest without its command; undefined if there is a field without an option. */
function optionsOf(manifest: JobManifestInput): [name: string, value: string][] | undefined {
  const { command, ...fields } = manifest;
  if (command === undefined && manifest.type !== "DOCKER") return undefined;
  const all: [string, string][] = [];
  for (const [field, value] of Object.entries(fields)) {
    const options = value === undefined ? [] : optionsOfField(field, value);
    if (!options || options.some(([, text]) => text === "")) return undefined;
    all.push(...options);
  }
  return all;
}

const OPTION_OF: Readonly<Record<string, string>> = {
  name: "name",
  type: "type",
  image: "image",
  workdir: "workdir",
  pool: "pool",
  selector: "selector",
  array: "array",
  priority: "priority",
  notBefore: "not-before",
  queueTtlSeconds: "queue-ttl",
  startTimeoutSeconds: "start-timeout",
  timeoutSeconds: "timeout",
  graceSeconds: "grace",
  stopSignal: "stop-signal",
  maxRetries: "max-retries",
  maxLogMb: "max-log",
};
const PAIRS_OF: Readonly<Record<string, string>> = { env: "env", labels: "label", secretEnv: "secret-env" };
const LIST_OF: Readonly<Record<string, string>> = { outputs: "output", envFrom: "env-from" };

function optionsOfField(field: string, value: unknown): [string, string][] | undefined {
  const option = OPTION_OF[field];
  if (option !== undefined) return [[option, String(value)]];
  const pairs = PAIRS_OF[field];
  if (pairs !== undefined)
    return Object.entries(value as object).map(([key, text]) => [pairs, `${key}=${text}`]);
  const list = LIST_OF[field];
  if (list !== undefined) return (value as string[]).map((text) => [list, text]);
  if (field === "retryOn") return [["retry-on", (value as unknown[]).join(",")]];
  if (field === "resources") return resourceOptions(value as NonNullable<JobManifestInput["resources"]>);
  if (field === "concurrency") return groupOptions(value as NonNullable<JobManifestInput["concurrency"]>);
  if (field === "after")
    return (value as NonNullable<JobManifestInput["after"]>).map(({ jobId, on }) => [
      "after",
      on === undefined ? jobId : `${jobId}:${on}`,
    ]);
  return undefined;
}

function resourceOptions({ cpu, memoryMb, gpuCount }: NonNullable<JobManifestInput["resources"]>) {
  const given: [string, number | undefined][] = [
    ["cpu", cpu],
    ["memory", memoryMb],
    ["gpus", gpuCount],
  ];
  return given.flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
}

function groupOptions({ group, limit, cancelInProgress }: NonNullable<JobManifestInput["concurrency"]>) {
  // An option without a value cannot be told from an empty one here.
  if (cancelInProgress) return undefined;
  const options: [string, string][] = [["concurrency-group", group]];
  if (limit !== undefined) options.push(["concurrency-limit", String(limit)]);
  return options;
}

/** A value that begins with `-` would look like another option. */
function optionWord(name: string, value: string): string {
  return value.startsWith("-") ? `--${name}=${shellWord(value)}` : `--${name} ${shellWord(value)}`;
}

/** A word of a command line, quoted only if a POSIX shell needs it. */
function shellWord(text: string): string {
  return /^[\w@%+:,./-][\w@%+=:,./-]*$/.test(text) ? text : singleQuoted(text);
}

/** In single quotes a POSIX shell knows no special character except the quote itself. */
function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** JSON as a person writes it in TypeScript: names without quotes where they need none. */
function literalOf(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => literalOf(item, inner));
    const line = `[${items.join(", ")}]`;
    const fits = line.length + indent.length <= 90 && !line.includes("\n");
    return fits ? line : `[\n${items.map((item) => `${inner}${item},\n`).join("")}${indent}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  if (fields.length === 0) return "{}";
  const lines = fields.map(([name, one]) => `${inner}${nameOf(name)}: ${literalOf(one, inner)},\n`);
  return `{\n${lines.join("")}${indent}}`;
}

/** `__proto__: x` in a literal would be the prototype; in brackets it is a field. */
function nameOf(name: string): string {
  if (name === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
