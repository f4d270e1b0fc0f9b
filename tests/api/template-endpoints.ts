import { expect } from "bun:test";
import { waitFor } from "../support/wait.ts";
import type { Scenarios, Stage } from "./stage.ts";

const parameters = [
  { name: "input", type: "file" as const, required: true, help: "the file to read" },
  { name: "width", type: "number" as const, default: 1280 },
];
const job = { command: ["scale", "{{input}}", "{{width}}"], labels: { never: "there" } };

/** A scenario for each template endpoint. */
export const templateScenarios = {
  "templates.list": async ({ api }) => {
    const user = await api.newUser();
    const seeded = async () =>
      (await api.call("templates.list", { builtin: true, limit: 500 }, user)).templates;
    const builtin = await waitFor("all builtin templates", async () => {
      const found = await seeded();
      return found.length >= 11 && found;
    });
    expect(builtin.map((one) => one.name)).toContain("python-script");
    expect(builtin.every((one) => one.builtin && one.version === 1 && one.description !== "")).toBe(true);
    for (const name of ["a", "b"]) await api.call("templates.create", { name, parameters, job }, user);
    const own = await api.call("templates.list", { builtin: false, limit: 1 }, user);
    expect(own.templates.map((one) => one.name)).toEqual(["b"]);
    const next = await api.call("templates.list", { builtin: false, cursor: own.nextCursor }, user);
    expect(next.templates.map((one) => one.name)).toEqual(["a"]);
    expect((await api.call("templates.list", { limit: 500 }, user)).templates).toHaveLength(
      builtin.length + 2,
    );
  },

  "templates.retrieve": async (stage) => {
    const { api, user } = stage;
    const made = await make(stage);
    expect(await api.call("templates.retrieve", { template: made.name }, user)).toEqual(made);
    const changed = { template: made.templateId, description: "new", parameters, job };
    await api.call("templates.edit", changed, user);
    const old = await api.call("templates.retrieve", { template: made.templateId, version: 1 }, user);
    expect(old).toMatchObject({ version: 1, description: "" });
    expect(
      (await api.refused("templates.retrieve", { template: made.name, version: 9 }, user)).detail,
    ).toContain("its newest is version 2");
    expect((await api.refused("templates.retrieve", { template: "nowhere" }, user)).code).toBe("not_found");
  },

  "templates.create": async (stage) => {
    const { api, user } = stage;
    const made = await make(stage);
    expect(made).toMatchObject({ builtin: false, version: 1, job });
    const again = await api.refused("templates.create", { name: made.name, job: { command: "true" } }, user);
    expect(again.code).toBe("conflict");
    const unsafe = { ...made, name: "unsafe", job: { command: "echo $(cat {{input}}) {{width}}" } };
    const refused = await api.refused(
      "templates.create",
      { name: unsafe.name, parameters, job: unsafe.job },
      user,
    );
    expect(refused.errors?.[0]).toMatchObject({
      path: "job.command",
      message: expect.stringContaining("in $(…)"),
    });
  },

  "templates.edit": async (stage) => {
    const { api, user } = stage;
    const { templateId: template, name } = await make(stage);
    const change = { template, description: "new", parameters, job };
    expect(await api.call("templates.edit", change, user)).toMatchObject({
      version: 2,
      description: "new",
      name,
    });
    expect((await api.call("templates.edit", change, user)).version).toBe(2);
    const stale = { ...change, description: "newer", expectedVersion: 1 };
    expect((await api.refused("templates.edit", stale, user)).code).toBe("conflict");
    await builtin(stage);
    const refused = await api.refused("templates.edit", { ...change, template: "python-script" }, user);
    expect(refused).toMatchObject({ code: "forbidden", detail: expect.stringContaining("Fork it first") });
  },

  "templates.fork": async (stage) => {
    const { api, user } = stage;
    const original = await builtin(stage);
    const name = newName();
    const fork = await api.call("templates.fork", { template: "python-script", name }, user);
    const { templateId, version } = original;
    expect(fork).toMatchObject({ name, builtin: false, version: 1, forkedFrom: { templateId, version } });
    expect(fork.job).toEqual(original.job);
    expect((await api.refused("templates.fork", { template: name }, user)).code).toBe("conflict");
  },

  "templates.delete": async (stage) => {
    const { api, user } = stage;
    const { templateId: template } = await make(stage);
    await api.call("templates.delete", { template }, user);
    expect((await api.refused("templates.delete", { template }, user)).code).toBe("not_found");
    await builtin(stage);
    expect((await api.refused("templates.delete", { template: "python-script" }, user)).code).toBe(
      "forbidden",
    );
  },

  "templates.versions": async (stage) => {
    const { api, user } = stage;
    const { templateId: template } = await make(stage);
    for (const description of ["two", "three"]) {
      await api.call("templates.edit", { template, description, parameters, job }, user);
    }
    const page = await api.call("templates.versions", { template, limit: 2 }, user);
    expect(page.versions.map((one) => [one.version, one.description])).toEqual([
      [3, "three"],
      [2, "two"],
    ]);
    const rest = await api.call("templates.versions", { template, cursor: page.nextCursor }, user);
    expect(rest.versions.map((one) => one.version)).toEqual([1]);
    expect((await api.refused("templates.versions", { template, cursor: "bm8" }, user)).code).toBe(
      "invalid_request",
    );
  },

  "templates.preview": async (stage) => {
    const { api, user } = stage;
    const { name: template } = await make(stage);
    const params = { input: "a 'b' $c", width: 640 };
    const { manifest } = await api.call("templates.preview", { template, params }, user);
    expect(manifest).toMatchObject({ name: template, command: ["scale", "a 'b' $c", "640"] });
    const wrong = { template, params: { ...params, width: "wide" } };
    const { errors } = await api.refused("templates.preview", wrong, user);
    expect(errors).toEqual([{ path: "params.width", message: expect.stringContaining("must be a number") }]);
    const { jobs } = await api.call("jobs.list", { name: template }, user);
    expect(jobs).toEqual([]);
  },

  "templates.run": async (stage) => {
    const { api, user } = stage;
    const { templateId, name } = await make(stage);
    const run = { template: name, params: { input: "a 'b' $c", width: 640 } };
    const headers = { "idempotency-key": crypto.randomUUID() };
    const submitted = await api.call("templates.run", run, user, headers);
    expect(submitted).toMatchObject({ templateId, name, status: "QUEUED" });
    expect(submitted.command).toEqual(["scale", "a 'b' $c", "640"]);
    expect((await api.call("templates.run", run, user, headers)).jobId).toBe(submitted.jobId);
    expect((await api.call("jobs.retrieve", { jobId: submitted.jobId }, user)).templateId).toBe(templateId);
    const wrong = { template: name, params: { input: "a\0b", width: "wide", height: 1 } };
    const { detail, errors } = await api.refused("templates.run", wrong, user);
    expect(detail).toContain(name);
    expect(errors?.map((one) => one.path).sort()).toEqual(["params.height", "params.input", "params.width"]);
    expect(errors?.find((one) => one.path === "params.input")?.message).toContain("null byte");
  },

  "templates.save-job": async ({ api, user }) => {
    const manifest = {
      command: ["docker", "ps", "--format", "{{.ID}}"],
      env: { A: "1" },
      labels: { never: "there" },
    };
    const { jobId } = await api.call("jobs.submit", manifest, user);
    const name = newName();
    const saved = await api.call("templates.save-job", { jobId, name, description: "what runs" }, user);
    expect(saved).toMatchObject({ name, parameters: [], version: 1, description: "what runs" });
    expect(Object.keys(saved.job).sort()).toEqual(["command", "env", "labels"]);
    expect(await api.call("templates.run", { template: name }, user)).toMatchObject(manifest);
  },
} satisfies Partial<Scenarios>;

function newName(): string {
  return `t-${crypto.randomUUID().slice(0, 12)}`;
}

function make({ api, user }: Stage) {
  return api.call("templates.create", { name: newName(), parameters, job }, user);
}

/** A builtin template, as soon as it is seeded. */
function builtin({ api, user }: Stage) {
  return waitFor("the builtin templates", async () => {
    const body = JSON.stringify({ template: "python-script" });
    if ((await api.send("templates.retrieve", body, user)).status !== 200) return undefined;
    return api.call("templates.retrieve", { template: "python-script" }, user);
  });
}
