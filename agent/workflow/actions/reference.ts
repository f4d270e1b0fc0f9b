import { posix } from "node:path";

/** What `uses` names. */
export type ActionReference = LocalReference | RepositoryReference | ImageReference;

export interface LocalReference {
  kind: "local";
  /** From the workspace: `.github/actions/build`; "." for the workspace itself. */
  path: string;
}

export interface RepositoryReference {
  kind: "repository";
  owner: string;
  repo: string;
  /** Inside the repository; "" for its top. */
  path: string;
  ref: string;
}

export interface ImageReference {
  kind: "image";
  /** Without `docker://`. */
  image: string;
}

const NAME = /^[\w.-]+$/;
const IMAGE = "docker://";

/** Reads the `uses` of a step. Throws an Error that says what is wrong and how to write it. */
export function readReference(uses: string): ActionReference {
  const text = uses.trim();
  if (text.startsWith(IMAGE)) return imageOf(text);
  if (isLocalUse(text)) return localOf(text);
  if (text.startsWith("../") || text.startsWith("/")) throw outside(text);
  return repositoryOf(text);
}

/** Whether a step uses an action of the workspace. */
export function isLocalUse(uses: string | undefined): boolean {
  return uses !== undefined && /^\.([\\/]|$)/.test(uses.trim());
}

/** `owner/repo@ref` as messages name it. */
export function textOfReference({ owner, repo, path, ref }: RepositoryReference): string {
  return `${posix.join(owner, repo, path)}@${ref}`;
}

function imageOf(text: string): ImageReference {
  const image = text.slice(IMAGE.length);
  if (image === "") throw new Error(`uses: ${text} names no image. Write docker://IMAGE:TAG.`);
  return { kind: "image", image };
}

function localOf(text: string): LocalReference {
  const path = posix.normalize(text.replaceAll("\\", "/")).replace(/\/$/, "");
  if (path === ".." || path.startsWith("../")) throw outside(text);
  return { kind: "local", path };
}

function outside(text: string): Error {
  return new Error(
    `uses: ${text} is outside of the repository. A local action is named by its path from the top: ./path/to/action.`,
  );
}

function repositoryOf(text: string): RepositoryReference {
  const at = text.indexOf("@");
  const [name, ref] = at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  const [owner = "", repo = "", ...inside] = name.split("/");
  const path = posix.normalize(inside.join("/") || ".");
  const isName = NAME.test(owner) && NAME.test(repo) && !/^\.+$/.test(owner) && !/^\.+$/.test(repo);
  if (!isName || !isRef(ref) || path.startsWith("..")) throw malformed(text, at === -1);
  return { kind: "repository", owner, repo, path: path === "." ? "" : path, ref };
}

/** As git has it: never a path out of a directory, never an option. */
function isRef(ref: string): boolean {
  return /^(?![-/.])[^\s~^:?*[\\]+(?<![/.])$/.test(ref) && !ref.includes("..");
}

function malformed(text: string, hasNoRef: boolean): Error {
  const format = `Expected format {owner}/{repo}[/path]@ref. Actual '${text}'.`;
  const local = text.startsWith(".") ? ` For an action of this repository write ./${text}.` : "";
  const ref = hasNoRef && local === "" ? ` Name a version: ${text}@v1, for example.` : "";
  return new Error(`${format}${local}${ref}`);
}
