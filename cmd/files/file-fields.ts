import type { JobInput } from "../../shared/job-files.ts";

/** The fields of a job or schedule that are about files and secrets. */
interface FileFields {
  inputs?: readonly JobInput[] | undefined;
  outputs?: readonly string[] | undefined;
  secretEnv?: Readonly<Record<string, string>> | undefined;
  secretFiles?: Readonly<Record<string, string>> | undefined;
  envFrom?: readonly string[] | undefined;
}

/** The same as a person reads them. */
export function fileFields(fields: FileFields): Record<string, string | undefined> {
  const { inputs, outputs, secretEnv, secretFiles, envFrom } = fields;
  return {
    inputs: inputs?.map(inputText).join(", "),
    outputs: outputs?.join(", "),
    secretEnv: secretEnv && pairsText(secretEnv),
    secretFiles: secretFiles && pairsText(secretFiles),
    envFrom: envFrom?.join(", "),
  };
}

/** `artifact:art_… in data` */
function inputText({ from, to }: JobInput): string {
  return to === undefined || to === "." ? from : `${from} in ${to}`;
}

/** `TOKEN=deploy-token, …` */
export function pairsText(map: Readonly<Record<string, string>>): string | undefined {
  const pairs = Object.entries(map).map(([key, value]) => `${key}=${value}`);
  return pairs.length > 0 ? pairs.join(", ") : undefined;
}
