import { parsePieces } from "../../shared/template/placeholders.ts";
import { type JobNeeds, needsOf } from "../job/job-needs.ts";

/** What a template's job names without a placeholder. The job is valid. Pure. */
export function needsOfTemplate(job: Readonly<Record<string, unknown>>): JobNeeds {
  const { artifacts } = needsOf({ inputs: asList(job.inputs).map(literalInput) }, "job.");
  const { secretEnv, secretFiles, workflow } = job;
  const ofWorkflow = literals((workflow as { secrets?: unknown } | undefined)?.secrets);
  const { secrets } = needsOf(
    {
      secretEnv: literals(secretEnv),
      secretFiles: literals(secretFiles),
      workflow: { path: "", event: "push", secrets: ofWorkflow },
    },
    "job.",
  );
  return { artifacts, secrets };
}

/** A source with a placeholder becomes a path, which needs nothing. */
function literalInput(input: unknown): { from: string } {
  const from = typeof input === "object" && input !== null && "from" in input ? input.from : undefined;
  return { from: literal(from) ?? "." };
}

function literals(names: unknown): Record<string, string> {
  const entries = Object.entries(typeof names === "object" && names !== null ? names : {});
  return Object.fromEntries(
    entries.flatMap(([place, name]) => {
      const text = literal(name);
      return text === undefined ? [] : [[place, text]];
    }),
  );
}

/** A text as it will be in the job; undefined if it depends on a parameter. */
function literal(text: unknown): string | undefined {
  if (typeof text !== "string") return undefined;
  const pieces = parsePieces(text);
  const texts = pieces.flatMap((piece) => ("text" in piece ? [piece.text] : []));
  return texts.length === pieces.length ? texts.join("") : undefined;
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
