import { expect, test } from "bun:test";
import type { z } from "zod";
import { agentFile } from "../../agent/profile/agent-file.ts";
import { serverFile } from "../../server/compose/options.ts";
import { parseYaml } from "../../shared/config/yaml.ts";
import { jobFile } from "../../shared/manifest.ts";
import { templateFile } from "../../shared/template/template.ts";
import { pagesAndSources } from "./source.ts";

/** Finds the kind of a file by one of its fields; the first match counts. */
const kinds: [field: RegExp, schema: z.ZodType][] = [
  [/^parameters:/m, templateFile],
  [/^(command|image):/m, jobFile],
  [/^prices:/m, serverFile],
  [/^(limits|docker|registries|idleSuspendSeconds|minFreeDiskMb):/m, agentFile],
];

test("the program accepts every file on a page", () => {
  const pages = pagesAndSources().filter(({ path }) => /^(README|docs\/guides\/)/.test(path));
  const files = pages.flatMap(({ path, text }) => filesOn(text).map((file) => ({ path, file })));
  expect(files.length).toBeGreaterThan(8);
  expect(files.flatMap(({ path, file }) => whyRefused(path, file) ?? [])).toEqual([]);
});

test("a file with a wrong field is found", () => {
  const [file = ""] = filesOn("Text.\n\n    # agent.yaml\n    limits:\n      cpus: 2\n\nMore.\n");
  expect(whyRefused("x.md", file)).toContain("cpus");
});

/** The code blocks on a page that are files of ours, without their indent. */
function filesOn(text: string): string[] {
  const blocks = text.match(/(?:^ {4}.*\n)+/gm) ?? [];
  return blocks.map((block) => block.replace(/^ {4}/gm, "")).filter((block) => schemaOf(block) !== undefined);
}

function schemaOf(block: string): z.ZodType | undefined {
  return kinds.find(([field]) => field.test(block))?.[1];
}

function whyRefused(path: string, file: string): string | undefined {
  try {
    parseYaml(file, path, schemaOf(file) ?? jobFile);
  } catch (error) {
    return String(error);
  }
  return undefined;
}
