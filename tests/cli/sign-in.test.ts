import { expect, test } from "bun:test";
import { TestPlane } from "../support/plane.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";

const NOWHERE = "http://127.0.0.1:1";
const identity = {
  userId: "usr_1",
  userName: "anna",
  businessId: "biz_1",
  businessName: "lab",
  role: "owner",
  sessionId: `ses_${"0".repeat(26)}`,
};
const signedIn = {
  current: "work",
  workspaces: { work: { url: "http://127.0.0.1:2/", credentialStore: "file", identity } },
};

test("auth logout --json says what it did, even if nobody was signed in", async () => {
  await using home = await makeScratch();
  const run = await runProgram(home.path, ["auth", "logout", "--json"], { env: { TANVRIT_URL: NOWHERE } });
  expect(run.exitCode).toBe(0);
  expect(JSON.parse(run.stdout)).toEqual({ workspace: "local", url: NOWHERE, serverTold: false });
});

test("a sign-out that names another server than the workspace's leaves the sign-in alone", async () => {
  await using home = await makeScratch();
  await Bun.write(home.join("config.json"), JSON.stringify(signedIn));
  const run = await runProgram(home.path, ["auth", "logout", "--url", NOWHERE]);
  expect(run).toMatchObject({ exitCode: 77, stdout: "" });
  expect(run.stderr).toContain(`workspace work is signed in to http://127.0.0.1:2, not to ${NOWHERE}`);
  expect(await Bun.file(home.join("config.json")).json()).toEqual(signedIn);
});

test("TANVRIT_TOKEN is used in place of the sign-in; an empty value counts as unset", async () => {
  await using home = await makeScratch();
  await Bun.write(home.join("config.json"), JSON.stringify(signedIn));
  const env = { TANVRIT_URL: NOWHERE, TANVRIT_TOKEN: " t \n" };
  const status = await runProgram(home.path, ["auth", "status"], { env });
  expect(status.exitCode).toBe(69);
  expect(status.stdout).not.toContain("anna");
  expect((await runProgram(home.path, ["auth", "print-token"], { env })).stdout).toBe("t\n");
  const none = await runProgram(home.path, ["auth", "print-token"], { env: { TANVRIT_TOKEN: " " } });
  expect(none).toMatchObject({ exitCode: 77, stdout: "" });
});

test("a job cannot get a token of the person whose machine it runs on", async () => {
  await using home = await makeScratch();
  const env = { TANVRIT_EXECUTION_ID: "exe_1", TANVRIT_TOKEN: "t" };
  const run = await runProgram(home.path, ["auth", "print-token"], { env });
  expect(run).toMatchObject({ exitCode: 77, stdout: "" });
  expect(run.stderr).toContain("a job cannot get a token");
});

test("an https:// URL of a server without TLS is reported in whole sentences", async () => {
  await using plane = await TestPlane.start();
  await using home = await makeScratch();
  const env = { TANVRIT_URL: plane.api.url.replace("http:", "https:"), TANVRIT_TOKEN: "t" };
  const run = await runProgram(home.path, ["job", "list"], { env });
  expect(run.exitCode).toBe(69);
  expect(run.stderr).toContain("it does not speak TLS there");
  expect(run.stderr).not.toMatch(/[.?!]\./);
});

test.skipIf(process.platform !== "linux")(
  "if there can be no keychain, one calm line says where the tokens are",
  async () => {
    await using plane = await TestPlane.start();
    await using home = await makeScratch();
    const url = plane.api.url.replace(/\/$/, "");
    const nowhere = { DBUS_SESSION_BUS_ADDRESS: "", DISPLAY: "", WAYLAND_DISPLAY: "" };
    const env = {
      TANVRIT_CREDENTIAL_STORE: "",
      XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? "",
      ...nowhere,
    };
    const run = await runProgram(home.path, ["auth", "login", "--url", url], { env });
    expect(run).toMatchObject({ exitCode: 0, stdout: "" });
    expect(run.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(
        /^Signed in .* The tokens are in .*credentials, in a file that only you can read\.$/,
      ),
    ]);
  },
);
