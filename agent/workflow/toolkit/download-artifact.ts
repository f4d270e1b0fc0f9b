import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { BuiltinAction, BuiltinCall, StepEnd } from "../job.ts";
import type { KeptArtifact } from "./artifact-shelf.ts";
import { fail, hostPath, isTrue, say, succeed, warn } from "./builtin-words.ts";
import type { Toolkit } from "./toolkit.ts";
import { unzipFiles } from "./zip-files.ts";

/** As https://github.com/actions/download-artifact, for the artifacts of the same run. */
export function downloadArtifact(toolkit: Toolkit): BuiltinAction {
  return {
    inputs: {
      name: {},
      "artifact-ids": {},
      path: {},
      pattern: {},
      "merge-multiple": { default: "false" },
      "github-token": {},
      repository: {},
      "run-id": {},
      "skip-decompress": { default: "false" },
    },
    main: (call) => download(toolkit, call),
  };
}

async function download({ artifacts }: Toolkit, call: BuiltinCall): Promise<StepEnd> {
  const { step, inputs } = call;
  if (inputs["github-token"]) {
    return fail(
      call,
      "Artifacts of other runs are not on this node: leave out github-token, and keep them in this run.",
    );
  }
  const path = hostPath(step, inputs.path ?? "");
  const name = inputs.name ?? "";
  const ids = (inputs["artifact-ids"] ?? "")
    .split(",")
    .map((id) => id.trim())
    .filter((id) => id !== "");
  if (name !== "" && ids.length > 0)
    return fail(call, "Inputs 'name' and 'artifact-ids' cannot be used together.");
  const chosen = artifacts.list().filter((artifact) => {
    if (name !== "") return artifact.name === name;
    if (ids.length > 0) return ids.includes(String(artifact.id));
    return inputs.pattern ? new Bun.Glob(inputs.pattern).match(artifact.name) : true;
  });
  if (chosen.length === 0 && (name !== "" || ids.length > 0)) {
    const known = artifacts.list().map((artifact) => artifact.name);
    const has = known.length === 0 ? "This run has no artifact yet." : `This run has ${known.join(", ")}.`;
    return fail(
      call,
      `Artifact not found for ${name === "" ? `id ${ids.join(", ")}` : `name: ${name}`}. ${has}`,
    );
  }
  if (chosen.length === 0) warn(call, "No artifact matches, so nothing was downloaded.");
  const isMerged =
    name !== "" || isTrue(inputs["merge-multiple"]) || (ids.length === 1 && chosen.length === 1);
  for (const artifact of chosen) {
    const target = isMerged ? path : join(path, artifact.name);
    await place(artifacts.pathOf(artifact), artifact, target, isTrue(inputs["skip-decompress"]));
    say(call, `Artifact ${artifact.name} was placed in ${target}.`);
  }
  step.setOutput("download-path", step.job.host.guestPath(path));
  return succeed();
}

async function place(file: string, artifact: KeptArtifact, target: string, isPacked: boolean): Promise<void> {
  await mkdir(target, { recursive: true });
  const isZip = artifact.mimeType === "application/zip";
  if (isZip && !isPacked) await unzipFiles(file, target);
  else await Bun.write(join(target, isZip ? `${artifact.name}.zip` : artifact.name), Bun.file(file));
}
