import { expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseWorkspace, configPath, loadWorkspaces, updateWorkspaces } from "./workspaces.ts";

async function withHome(body: (env: { TANVRIT_HOME: string }) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "tanvrit-home-"));
  try {
    await body({ TANVRIT_HOME: home });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

test("without a file, the workspace is local at the default URL", () =>
  withHome(async (env) => {
    expect(await chooseWorkspace(env, {})).toEqual({
      name: "local",
      url: "http://127.0.0.1:7070",
      known: undefined,
    });
  }));

test("given values win over the file, and the file over the default", () =>
  withHome(async (env) => {
    const workspaces = { work: { url: "https://work.example/" }, home: { url: "https://home:1" } };
    await updateWorkspaces(env, () => ({ current: "work", workspaces }));
    expect(await chooseWorkspace(env, {})).toMatchObject({ name: "work", url: "https://work.example" });
    expect(await chooseWorkspace(env, { workspace: "home" })).toMatchObject({ url: "https://home:1" });
    expect(await chooseWorkspace(env, { url: "https://x:2" })).toMatchObject({
      name: "work",
      url: "https://x:2",
    });
    await expect(chooseWorkspace(env, { workspace: "none" })).rejects.toMatchObject({
      code: "bad_configuration",
    });
  }));

test("no sign-in is lost when several happen at the same moment, and no lock is left behind", () =>
  withHome(async (env) => {
    const names = Array.from({ length: 8 }, (_, i) => `work-${i}`);
    const signIn = (name: string) =>
      updateWorkspaces(env, ({ workspaces }) => ({
        workspaces: { ...workspaces, [name]: { url: "http://x:1" } },
      }));
    await Promise.all(names.map(signIn));
    expect(Object.keys((await loadWorkspaces(env)).workspaces).sort()).toEqual(names);
    expect(await readdir(env.TANVRIT_HOME)).toEqual(["config.json"]);
  }));

test("only the owner can read the file", () =>
  withHome(async (env) => {
    await updateWorkspaces(env, () => ({ workspaces: {} }));
    expect((await stat(configPath(env))).mode & 0o777).toBe(0o600);
  }));

test("a damaged file is named with its line, and stays unchanged", () =>
  withHome(async (env) => {
    await Bun.write(configPath(env), '{\n "current": 7\n}');
    await expect(loadWorkspaces(env)).rejects.toMatchObject({
      message: expect.stringContaining("config.json:2:2: current"),
    });
    await Bun.write(configPath(env), '{"current":');
    await expect(loadWorkspaces(env)).rejects.toMatchObject({ code: "bad_configuration" });
    await updateWorkspaces(env, (config) => config).catch(() => undefined);
    expect(await Bun.file(configPath(env)).text()).toBe('{"current":');
  }));
