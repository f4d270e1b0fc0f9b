import { rm, stat } from "node:fs/promises";
import { basename, dirname, relative, sep } from "node:path";
import { searchFiles } from "../expressions/search-files.ts";
import type { BuiltinAction, BuiltinCall, StepEnd } from "../job.ts";
import { ArtifactProblem, type KeptArtifact } from "./artifact-shelf.ts";
import { digestOf } from "./block-upload.ts";
import { fail, hostPatterns, isTrue, say, succeed, warn } from "./builtin-words.ts";
import type { Toolkit } from "./toolkit.ts";
import { zipFiles } from "./zip-files.ts";

/** As https://github.com/actions/upload-artifact. */
export function uploadArtifact(toolkit: Toolkit): BuiltinAction {
  return {
    inputs: {
      name: { default: "artifact" },
      path: {},
      "if-no-files-found": { default: "warn" },
      "retention-days": {},
      "compression-level": { default: "6" },
      overwrite: { default: "false" },
      "include-hidden-files": { default: "false" },
      archive: { default: "true" },
    },
    main: (call) => upload(toolkit, call),
  };
}

async function upload(toolkit: Toolkit, call: BuiltinCall): Promise<StepEnd> {
  const { inputs } = call;
  const patterns = inputs.path ?? "";
  if (patterns.trim() === "") return fail(call, "Input required and not supplied: path");
  const ifNone = inputs["if-no-files-found"] ?? "warn";
  if (!["warn", "error", "ignore"].includes(ifNone)) {
    return fail(call, `if-no-files-found is ${JSON.stringify(ifNone)}; it must be warn, error or ignore.`);
  }
  const { files, root } = await filesToUpload(call, patterns);
  if (files.length === 0) {
    const message = `No files were found with the provided path: ${patterns.trim()}. No artifacts will be uploaded.`;
    if (ifNone === "error") return fail(call, message);
    if (ifNone === "warn") warn(call, message);
    else say(call, message);
    return succeed();
  }
  const single = isTrue(inputs.archive) ? undefined : files[0];
  if (single !== undefined && files.length > 1) {
    return fail(call, `archive: false is for a single file, and path matches ${files.length}.`);
  }
  const name = single === undefined ? (inputs.name ?? "artifact") : basename(single);
  if (isTrue(inputs.overwrite)) toolkit.artifacts.delete(name);
  try {
    const artifact = await keep(toolkit, {
      name,
      files,
      root,
      level: levelOf(inputs["compression-level"]),
      single,
    });
    say(
      call,
      `Artifact ${name} has been kept: ${files.length} ${files.length === 1 ? "file" : "files"}, ${artifact.size} bytes.`,
    );
    call.step.setOutput("artifact-id", String(artifact.id));
    call.step.setOutput("artifact-url", "");
    call.step.setOutput("artifact-digest", artifact.digest.replace("sha256:", ""));
    return succeed();
  } catch (error) {
    if (error instanceof ArtifactProblem) return fail(call, error.message);
    throw error;
  }
}

interface Upload {
  name: string;
  files: readonly string[];
  root: string;
  level: number;
  /** The one file that is kept as it is. */
  single: string | undefined;
}

async function keep(
  { artifacts }: Toolkit,
  { name, files, root, level, single }: Upload,
): Promise<KeptArtifact> {
  artifacts.reserve(name);
  const path = artifacts.newPath();
  try {
    if (single === undefined) {
      const entries = files.map((file) => ({ name: relative(root, file).split(sep).join("/"), path: file }));
      await zipFiles(path, entries, level);
    } else await Bun.write(path, Bun.file(single));
    const mimeType = single === undefined ? "application/zip" : "application/octet-stream";
    return await artifacts.finish(name, { path, digest: await digestOf(path), mimeType });
  } catch (error) {
    artifacts.release(name);
    await rm(path, { force: true });
    throw error;
  }
}

/** The files, and the directory below which they have their names in the archive. */
async function filesToUpload(
  { step, inputs }: BuiltinCall,
  patterns: string,
): Promise<{ files: string[]; root: string }> {
  const found = await searchFiles(hostPatterns(step, patterns), step.job.plan.directories.workspace, {
    excludeHiddenFiles: !isTrue(inputs["include-hidden-files"]),
  });
  const files: string[] = [];
  for (const path of found.paths) if ((await stat(path)).isFile()) files.push(path);
  const [first = ""] = found.searchPaths;
  if (found.searchPaths.length > 1) return { files, root: commonDirectory(found.searchPaths) };
  return { files, root: files.length === 1 && files[0] === first ? dirname(first) : first };
}

function commonDirectory(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => path.split(sep));
  let length = 0;
  while (length < first.length && others.every((parts) => parts[length] === first[length])) length++;
  return first.slice(0, length).join(sep) || sep;
}

function levelOf(text: string | undefined): number {
  const level = Number(text);
  return Number.isInteger(level) && level >= 0 && level <= 9 ? level : 6;
}
