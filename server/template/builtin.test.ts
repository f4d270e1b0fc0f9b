import { expect, test } from "bun:test";
import { fillJob } from "../../shared/template/fill.ts";
import { resolveParameters } from "../../shared/template/resolve.ts";
import { builtinTemplates } from "./builtin/index.ts";

const templates = builtinTemplates();

/** The parameters that each template requires. */
const required: Record<string, Record<string, string | number>> = {
  "python-script": { script: "a.py" },
  "jupyter-notebook": { notebook: "a.ipynb", output: "b.ipynb" },
  "ffmpeg-transcode": { input: "a.mov", output: "b.mp4" },
  "blender-frames": { scene: "a.blend", output: "/out/####" },
  "pytest-run": { project: "/srv/project" },
  "pytorch-gpu-check": {},
  "docker-run": { image: "python:3.13-slim", command: "python -V" },
  "android-gradle-build": { project: "/srv/app" },
  "huggingface-batch": { model: "org/model-1.0", input: "a.txt", output: "b.jsonl" },
  "git-clone-and-run": { repository: "https://example.org/a.git", command: "make test" },
  "restic-backup": { path: "/home", repository: "/backup", passwordFile: "/etc/restic" },
};

test("there are at least ten builtin templates, each with a description and help for every parameter", () => {
  expect(templates.length).toBeGreaterThanOrEqual(10);
  expect(templates.map((one) => one.name).sort()).toEqual(Object.keys(required).sort());
  for (const { description, parameters } of templates) {
    expect(description).not.toBe("");
    for (const parameter of parameters) expect(parameter.help).toBeString();
  }
});

for (const template of templates) {
  test(`${template.name} makes a valid job from the parameters that it requires`, () => {
    const resolved = resolveParameters(template.parameters, required[template.name] ?? {});
    if ("problems" in resolved) throw new Error(JSON.stringify(resolved.problems));
    const filled = fillJob(template.job, resolved.fillings);
    expect(filled).not.toHaveProperty("issues");
    expect(JSON.stringify(filled)).not.toContain("{{");
    expect(resolveParameters(template.parameters, {})).toHaveProperty(
      template.name === "pytorch-gpu-check" ? "fillings" : "problems",
    );
  });
}
