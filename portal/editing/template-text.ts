import type { Template } from "../../sdk/index.ts";
import { type Fields, writeDocument } from "./document.ts";

const ORDER = ["name", "description", "parameters", "job"];

/** A template as the file that makes it. */
export function textOfTemplate({ name, description, parameters, job }: Template): string {
  const shown = parameters.map(({ required, ...rest }) => (required ? { ...rest, required } : rest));
  const file: Fields = {
    name,
    description: description || undefined,
    parameters: shown.length > 0 ? shown : undefined,
    job,
  };
  return writeDocument(file, ORDER);
}

/** What a template of one's own begins with. */
export const NEW_TEMPLATE = `name: my-template
description: What it does, in a sentence.
parameters:
  - {name: who, type: string, default: world, help: whom to greet}
job: # any field of a job; {{who}} stands for the value
  command: [echo, "hello {{who}}"]
`;
