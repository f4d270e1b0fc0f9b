import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartFailedError } from "../../agent/executors/port/executor.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { testImage } from "../support/docker.ts";
import { DockerStage } from "./docker-stage.ts";
import { OtherAccount } from "./other-account.ts";

const SETUID = 0o4000;
const account = new OtherAccount("attacks");
const stage = new DockerStage();
const image = await testImage();
const volumes: string[] = [];
afterEach(() => stage.allow({}));
afterAll(async () => {
  for (const name of volumes) await stage.engine.json("DELETE", `/volumes/${name}`).catch(() => {});
  await stage.executor.close();
  stage[Symbol.dispose]();
  account.remove();
});

const bind = (source: string) => [{ type: "bind", source, target: "/m" }];
const plant = "cp /bin/busybox /m/sh; chown 0:0 /m/sh; chmod 4755 /m/sh; id -u; ls -l /m/sh";

async function refusal(docker: JobManifestInput["docker"]): Promise<string> {
  const failure = await stage.start({ image, command: "true", docker }).catch((error) => error);
  expect(failure).toBeInstanceOf(StartFailedError);
  expect(await stage.containers()).toEqual([]);
  return failure.message;
}

test("a program that a container leaves in a directory of the node does not make anyone root", async () => {
  const dir = account.newDirectory("setuid");
  const { text, exit } = await account.jobOf(
    image,
    { command: plant, docker: { mounts: bind(dir) } },
    { allow: { mounts: [dir] } },
  );
  expect(exit).toEqual({ exitCode: 0 });
  expect(text.join("")).toContain(`${account.uid}\n`);
  expect(statSync(join(dir, "sh")).uid).toBe(account.uid);
  const used = await account.run([join(dir, "sh"), "-c", "id -u"]);
  expect(used.stdout.trim()).toBe(String(account.uid));
});

test("a job that mounts a directory of the node cannot run as root or another user, unless the owner allows it", async () => {
  const dir = account.newDirectory("asked");
  const as = (user: string, file: object) =>
    account.jobOf(image, { command: plant, docker: { user, mounts: bind(dir) } }, file);
  const allow = { mounts: [dir] };
  for (const user of ["0", "root", "0:0", "1000", `${account.uid}:0`]) {
    expect(JSON.stringify((await as(user, { allow })).exit)).toMatch(
      /runs as the account of the node's jobs/,
    );
  }
  expect(readdirSync(dir)).toEqual([]);
  expect((await as(String(account.uid), { allow })).exit).toEqual({ exitCode: 0 });
  const allowed = await as("0", { allow, docker: { anyUser: true } });
  expect(allowed.exit).toEqual({ exitCode: 0 });
  expect(statSync(join(dir, "sh")).mode & SETUID).toBe(SETUID);
});

test("if the agent runs jobs as another account, a container with a directory of the node runs as that account", async () => {
  const dir = account.newDirectory("run-as");
  stage.allow({ mounts: [dir] });
  const { uid } = account;
  const other = { name: "jobs", uid, gid: uid, groups: [uid], home: "/nowhere", shell: "/bin/sh" };
  const docker = { mounts: [{ type: "bind" as const, source: dir, target: "/m" }] };
  const { text, exit } = await stage.run({ image, command: `${plant}; env`, docker }, { account: other });
  expect(exit).toEqual({ exitCode: 0 });
  expect(text.stdout).toStartWith(`${uid}\n`);
  // HOME comes from the image.
  expect(text.stdout).not.toContain("/nowhere");
  expect(statSync(join(dir, "sh")).uid).toBe(uid);
});

test("in a mounted directory, a container reads only what the agent's account may read", async () => {
  const dir = account.newDirectory("read");
  writeFileSync(join(dir, "secret"), "of root\n", { mode: 0o600 });
  writeFileSync(join(dir, "open"), "of all\n", { mode: 0o644 });
  const mounts = [{ type: "bind", source: dir, target: "/m", readOnly: true }];
  const { text } = await account.jobOf(
    image,
    { command: "cat /m/open /m/secret 2>&1", docker: { mounts } },
    { allow: { mounts: [`${dir}:ro`] } },
  );
  expect(text.join("")).toContain("of all\n");
  if (process.getuid?.() === 0) expect(text.join("")).not.toContain("of root");
});

test("a container gets no directory, network or capability of the machine unless the owner allows it", async () => {
  const dir = join(stage.root, "own");
  mkdirSync(dir);
  expect(await refusal({ mounts: [{ type: "bind", source: dir, target: "/m" }] })).toBe(
    `The owner of this node does not allow jobs to mount ${dir}: see allow.mounts in its agent.yaml.`,
  );
  expect(await refusal({ network: "host" })).toMatch(/does not allow the network host: see allow\.networks/);
  for (const name of ["NET_RAW", "MKNOD", "SYS_ADMIN", "ALL"]) {
    expect(await refusal({ capAdd: [name] })).toContain(`the capability ${name}: see allow.capabilities`);
  }
});

test("no container can create a device unless the owner allows MKNOD", async () => {
  const command = "mknod /tmp/d b 8 0; ls /tmp";
  expect((await stage.run({ image, command })).text.stdout).toBe("");
  stage.allow({ capabilities: ["MKNOD"] });
  expect((await stage.run({ image, command, docker: { capAdd: ["MKNOD"] } })).text.stdout).toBe("d\n");
});

test("jobs share the named volumes that they created, and get no others unless the owner allows it", async () => {
  const foreign = `tanvrit-test-foreign-${crypto.randomUUID()}`;
  const own = `tanvrit-test-own-${crypto.randomUUID()}`;
  volumes.push(foreign, own);
  await stage.engine.json("POST", "/volumes/create", { body: { Name: foreign } });
  const mount = (source: string) => ({ mounts: [{ type: "volume" as const, source, target: "/v" }] });
  expect(await refusal(mount(foreign))).toMatch(/it exists already, and no job of this node created it/);
  await stage.run({ image, command: "echo kept > /v/x", docker: mount(own) });
  const again = await stage.run({ image, command: "cat /v/x", docker: mount(own) });
  expect(again.text.stdout).toBe("kept\n");
  // The volumes of one agent are not available to another.
  const other = await account.jobOf(image, { command: "true", docker: mount(own) });
  expect(JSON.stringify(other.exit)).toMatch(/may not mount the volume/);
  stage.allow({ volumes: ["tanvrit-test-foreign-*"] });
  expect((await stage.run({ image, command: "ls /v", docker: mount(foreign) })).exit).toEqual({
    exitCode: 0,
  });
});

test("images and users that the owner does not list are refused before anything is pulled", async () => {
  stage.allow({ images: ["python:*"] });
  expect(await refusal({})).toMatch(/does not allow the image .*: see allow\.images/);
  stage.allow({ users: ["usr_00000000000000000000000001"] });
  expect(await refusal({})).toMatch(/see allow\.users/);
});
