import { expect, test } from "bun:test";
import { commands } from "../../cmd/commands.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";

/** What bash offers for a line with the cursor at its end. */
function offered(script: string, line: string): string[] {
  const words = line.split(" ");
  const list = words.map((word) => `'${word}'`).join(" ");
  const asked = `${script}\nCOMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _tanvrit_compute; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const run = Bun.spawnSync(["bash", "-c", asked], { timeout: 10_000 });
  expect(run.stderr.toString()).toBe("");
  return run.stdout.toString().split("\n").filter(Boolean);
}

test("bash completes commands, their second words and their options", async () => {
  await using home = await makeScratch();
  const { stdout: script, exitCode } = await runProgram(home.path, ["completion", "bash"]);
  expect(exitCode).toBe(0);
  expect(offered(script, "tanvrit-compute wor")).toEqual(["workspace", "workflow"]);
  expect(offered(script, "tanvrit-compute job sub")).toEqual(["submit"]);
  expect(offered(script, "tanvrit-compute job run --max-r")).toEqual(["--max-retries"]);
  expect(offered(script, "tanvrit-compute server --reu")).toEqual(["--reuse-port"]);
  expect(offered(script, "tanvrit-compute server du --js")).toEqual(["--json"]);
  expect(offered(script, "tanvrit-compute job run -- ls --")).toEqual([]);
});

test("the scripts have every command that people type, and no hidden one", async () => {
  await using home = await makeScratch();
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await runProgram(home.path, ["completion", shell]);
    for (const { path, hidden } of commands) {
      const last = path.split(" ").at(-1) ?? "";
      if (hidden) expect(stdout).not.toContain(last);
      else expect(stdout).toContain(last);
    }
  }
  const refused = await runProgram(home.path, ["completion", "tcsh"]);
  expect(refused).toMatchObject({ exitCode: 64, stdout: "" });
  expect(refused.stderr).toContain("bash, zsh, fish");
});
