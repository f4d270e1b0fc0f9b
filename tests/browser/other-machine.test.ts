import { expect, setDefaultTimeout, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { Chromium } from "../support/chromium.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { TestServer } from "../support/server.ts";
import { waitFor, within } from "../support/wait.ts";

setDefaultTimeout(120_000);

/** An address of this machine that others can reach, as if the person were elsewhere. */
const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

const ANNA = { "Your name here": "anna", Email: "anna@example.org", Password: "a fine long sentence" };
const LIMIT_MS = 30_000;

test.if(address !== undefined)(
  "from another machine: a code in a browser signs in over TLS, an agent runs, a job is followed; no token is copied",
  async () => {
    await using server = await TestServer.start({ TANVRIT_HOST: "0.0.0.0" });
    await using chromium = await Chromium.start();
    // The browser warns about the certificate; the person goes on.
    await using window = await chromium.window({ ignoreHTTPSErrors: true });
    const url = `https://${address}:${server.port}`;
    const [setup = ""] = /\/setup\/\S+/.exec(server.stderr) ?? [];
    await window.page.goto(url + setup);
    await window.fill({ ...ANNA, Business: "shop" }, "Create the owner");
    await window.account();

    const [fingerprint = ""] = /SHA256:\S+/.exec(server.stderr) ?? [];
    await using person = await Person.stranger();
    const args = ["auth", "login", "--device", "--workspace", "local", "--url", url];
    await using login = new Running(person.home.path, [...args, "--fingerprint", fingerprint]);
    const [, page = ""] = await login.said(/^ {4}(https\S+)$/m);
    expect(page).toStartWith(url);
    await window.page.goto(page);
    expect(await window.shows("Let this device in?")).toContain(address ?? "");
    await window.press("Allow");
    await window.shows("Device let in");
    expect(await within(LIMIT_MS, "auth login", login.process.exited)).toBe(0);

    await person.startAgent();
    const id = await person.submit(["--", "sh", "-c", "echo first; sleep 1; echo second"]);
    await using follower = new Running(person.home.path, ["job", "logs", "-f", id]);
    await waitFor("the log", () => follower.stdout.includes("second"), { timeoutMs: LIMIT_MS });
    expect((await person.run(["job", "wait", id])).exitCode).toBe(0);
    expect(await person.get(["auth", "status"])).toContain(url);
    expect((await person.run(["auth", "logout"])).exitCode).toBe(0);
    expect((await person.run(["job", "list"])).exitCode).toBe(77);
  },
);
