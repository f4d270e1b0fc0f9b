import { z } from "zod";
import { defineOptions, optionNumber, optionText } from "../../shared/config/options.ts";
import { parseYaml } from "../../shared/config/yaml.ts";
import {
  type TemplateFile,
  templateFile,
  templateName,
  templateRef,
} from "../../shared/template/template.ts";
import { CliError } from "../exit/failure.ts";
import { fileName, readTextFile } from "../input/read-file.ts";

export const templatePositional = { name: "NAME", help: "its name or id" };

export const fileOption = defineOptions({
  file: {
    kind: "value",
    short: "f",
    placeholder: "FILE",
    schema: optionText,
    help: "The template, as YAML or JSON; - is stdin",
  },
});

export const nameOption = defineOptions({
  name: {
    kind: "value",
    placeholder: "NAME",
    schema: () => templateName,
    help: "The new template's name",
  },
});

export const versionOption = defineOptions({
  version: {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true }),
    defaultText: "the newest",
    help: "An older version of the template",
  },
});

const pair = z.string().regex(/^[^=]+=/, { error: "must be a parameter, as NAME=VALUE" });

export const paramOption = defineOptions({
  param: {
    kind: "list",
    short: "p",
    placeholder: "NAME=VALUE",
    schema: z.array(pair).default([]),
    help: "The value of a parameter",
  },
});

/** Refuses what cannot name a template before the server is asked. */
export function checkTemplate(text: string | undefined): string {
  const result = templateRef.safeParse(text);
  if (result.success) return result.data;
  throw new CliError("usage", `${text} is not a name or id of a template`);
}

/** The values of `--param`. A parameter that is given twice is more likely a mistake than a wish. */
export function paramsOf(pairs: readonly string[]): Record<string, string> {
  const params = new Map<string, string>();
  for (const text of pairs) {
    const at = text.indexOf("=");
    const name = text.slice(0, at);
    if (params.has(name)) throw new CliError("usage", `--param ${name} is given twice`);
    params.set(name, text.slice(at + 1));
  }
  return Object.fromEntries(params);
}

/** Reads a template. An error names file, line and field. */
export async function readTemplate(file: string): Promise<TemplateFile> {
  return parseYaml(await readTextFile(file), fileName(file), templateFile);
}
