import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ActionDefinition } from "../syntax/model.ts";
import { readAction } from "../syntax/read-action.ts";

/** In the order in which they are looked for. */
const FILES = ["action.yml", "action.yaml"];
const DOCKERFILES = ["Dockerfile", "dockerfile"];

/** The files that make a directory an action. */
export function actionFilesOf(path: string): string[] {
  return [...FILES, ...DOCKERFILES].map((file) => join(path, file));
}

/**
 * The action in a directory; undefined: it has none. Throws an Error that lists what is wrong with its file.
 *
 * @param shown the directory as messages name it.
 */
export function readDefinition(directory: string, shown: string): ActionDefinition | undefined {
  for (const file of FILES) {
    const path = join(directory, file);
    if (!existsSync(path)) continue;
    const { action, problems } = readAction(join(shown, file), readFileSync(path, "utf8"));
    if (action) return action;
    const list = problems.map((problem) => {
      const { line, column, message, hint } = problem;
      return `${problem.file}:${line}:${column}: ${message}.${hint ? ` ${hint}` : ""}`;
    });
    throw new Error(`The action in ${shown} is not valid:\n${list.join("\n")}`);
  }
  const dockerfile = DOCKERFILES.find((file) => existsSync(join(directory, file)));
  return dockerfile === undefined ? undefined : ofDockerfile(dockerfile);
}

function ofDockerfile(image: string): ActionDefinition {
  const runs = { using: "docker", image, preIf: "always()", postIf: "always()" } as const;
  return { name: "", inputs: new Map(), outputs: new Map(), runs };
}
