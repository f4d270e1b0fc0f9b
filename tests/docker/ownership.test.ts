import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { hasForeignFiles } from "../../agent/executors/docker/ownership.ts";
import { testImage } from "../support/docker.ts";
import { OtherAccount } from "./other-account.ts";

const account = new OtherAccount("ownership");
afterAll(() => account.remove());

const command = "mkdir -p a/b; echo x > a/b/c; chmod 700 a/b; ls -ln /work | grep -q ' 0 ' && echo root";

test("an agent that is not root can remove files that a container wrote as root", async () => {
  const { said, left, exit } = await account.jobOf(await testImage(), { command });
  expect({ said, left, exit }).toEqual({ said: [], left: [], exit: { exitCode: 0 } });
});

test("the next agent can remove files that a container wrote before its agent was killed", async () => {
  const dir = account.newState();
  const job = { image: await testImage(), command: `${command}; echo die; sleep 600` };
  expect((await account.agentIn(dir, [JSON.stringify(job)])).signal).toBe("SIGKILL");
  const { exitCode, stdout, stderr } = await account.agentIn(dir, []);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ said: [], left: [] });
});

test("a directory that is gone needs no taking over", async () => {
  expect(await hasForeignFiles(join(account.newState(), "gone"), account.uid)).toBe(false);
});

test("taking over works even if the image has no program for it", async () => {
  const { said, left } = await account.jobOf(await testImage({ bare: true }), {
    command: "mkdir a; echo x > a/b",
  });
  expect({ said, left }).toEqual({ said: [], left: [] });
});

test("an agent that is not root gives its jobs neither other people's files nor powerful capabilities", async () => {
  const mounts = [{ type: "bind", source: "/etc", target: "/m", readOnly: true }];
  const image = await testImage();
  const mount = await account.jobOf(image, { command: "cat /m/shadow", docker: { mounts } });
  expect(JSON.stringify(mount.exit)).toMatch(/does not allow it|does not allow jobs to mount/);
  const mighty = await account.jobOf(image, { command: "true", docker: { capAdd: ["SYS_ADMIN"] } });
  expect(JSON.stringify(mighty.exit)).toMatch(/does not allow the capability SYS_ADMIN/);
});
