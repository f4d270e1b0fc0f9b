import { expect, test } from "bun:test";
import { makeScratch } from "../support/scratch.ts";
import { filesBelow } from "./source.ts";

const units = filesBelow("docs/examples", ".service");

/** Reads keys by section, as systemd does; the last value of a key wins. */
function parseUnit(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let section: Record<string, string> | undefined;
  for (const line of text.split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (heading) section = sections[heading] = {};
    else if (section && key && value !== undefined) section[key] = value;
    else throw new Error(`not a line of a unit file: ${line}`);
  }
  return sections;
}

test("there is a unit for the server and a unit for the agent, and systemd accepts both", async () => {
  expect(units).toHaveLength(2);
  for (const { path, text } of units) {
    expect(Object.keys(parseUnit(text))).toEqual(["Unit", "Service", "Install"]);
    const analyze = Bun.which("systemd-analyze");
    if (!analyze) continue; // Another test tries the calls in the units; only systemd knows its own keys.
    await using scratch = await makeScratch();
    const unit = scratch.join(path.split("/").at(-1) ?? "");
    // systemd looks for the program and the account, which may not exist on this machine.
    const here = text.replaceAll("/usr/local/bin/tanvrit-compute", process.execPath);
    await Bun.write(unit, here.replace(/^User=.*$/m, "User=root"));
    const run = Bun.spawnSync([analyze, "verify", "--man=no", unit], { timeout: 30_000 });
    const said = run.stderr.toString().split("\n");
    expect(said.filter((line) => line.includes(unit))).toEqual([]);
  }
});

test("a restart of the agent does not touch its jobs, and the server keeps its state private", () => {
  const [agent, server] = units.map(({ text }) => parseUnit(text).Service);
  expect(agent).toMatchObject({ KillMode: "process", Delegate: "yes" });
  expect(agent?.ExecStop).toContain("--keep-jobs");
  expect(agent?.NoNewPrivileges).toBeUndefined();
  expect(server).toMatchObject({ StateDirectoryMode: "0700", NoNewPrivileges: "yes" });
  expect(server?.Environment).toBe(`TANVRIT_HOME=/var/lib/${server?.StateDirectory}`);
});
