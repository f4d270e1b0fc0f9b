import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFiles } from "../../../tests/support/git-repository.ts";
import { type PlayedJob, playJob } from "../../../tests/support/played-job.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { makeRunActions } from "./builtin.ts";

setDefaultTimeout(60_000);

const ACTION = (using: string) => `
inputs:
  do: {default: everything}
  name: {default: world}
  list: {default: "a\\nb"}
  loud: {default: "true"}
runs: {using: ${using}, main: dist/index.js, pre: dist/pre.js, post: dist/post.js, post-if: "!cancelled()"}
`;
let bundle = "";

beforeAll(async () => {
  const entry = join(import.meta.dirname, "../../../tests/support/workflow/core-action.mjs");
  const directory = mkdtempSync(join(tmpdir(), "tanvrit-test-"));
  try {
    const { success, logs } = await Bun.build({ entrypoints: [entry], target: "node", outdir: directory });
    if (!success) throw new AggregateError(logs);
    bundle = readFileSync(join(directory, "core-action.js"), "utf8");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** An action for a node that no machine has yet runs in the runtime of this program. */
describe.each([
  ["node of this machine", "node16"],
  ["the runtime of this program", "node99"],
])("with %s", (_, using) => {
  test("an action with @actions/core can do all that it does on GitHub", async () => {
    const { conclusion, log, steps, annotations, job } = await play(
      using,
      `
- uses: o/core@v1
  id: core
  with: {name: me}
- run: |
    echo "text=\${{ steps.core.outputs.text }}"
    echo 'object=\${{ steps.core.outputs.object }} \${{ fromJSON(steps.core.outputs.object).a }}'
    echo "$FROM_ACTION"
    case "$PATH" in "$RUNNER_TEMP/tools:"*) echo "path first";; esac
    echo "hidden s3cr3t-value"
`,
    );
    expect(conclusion).toBe("success");
    expect(steps).toEqual([
      "Set up job: success",
      "Pre Run o/core@v1: success",
      "Run o/core@v1: success",
      expect.stringMatching(/^Run echo .*: success$/),
      "Post Run o/core@v1: success",
      "Complete job: success",
    ]);
    for (const line of [
      "pre of me",
      "a secret: ***",
      "greets me, a+b",
      "loud true",
      "text=two",
      "lines",
      'object={"a":1} 1',
      "exported",
      "path first",
      "hidden ***",
      "post of me: from pre, from main",
    ])
      expect(log).toContain(line);
    expect(annotations).toEqual(["notice: a notice", "warning: a warning", "failure: an error"]);
    expect(job.annotations[0]).toMatchObject({ title: "T", file: "a.js", line: 3 });
    expect(job.summary).toContain("<h1>Result</h1>");
  });

  test("core.setFailed fails the step, and the post part runs", async () => {
    const { conclusion, steps, annotations } = await play(using, "- uses: o/core@v1\n  with: {do: fail}");
    expect(conclusion).toBe("failure");
    expect(annotations).toEqual(["failure: it went wrong"]);
    expect(steps).toContain("Post Run o/core@v1: success");
  });

  test.each(["exit", "throw", "required"])("%s fails the step", async (what) => {
    const { conclusion, steps } = await play(using, `- uses: o/core@v1\n  with: {do: ${what}}`);
    expect(conclusion).toBe("failure");
    expect(steps).toContain("Run o/core@v1: failure");
  });

  test("core.getIDToken says what is missing", async () => {
    const { log, conclusion } = await play(using, "- uses: o/core@v1\n  with: {do: id token}");
    expect(conclusion).toBe("success");
    expect(log).toContain("refused: Error message: Unable to get ACTIONS_ID_TOKEN_REQUEST_URL env variable");
  });

  test("files of the workspace do not change how an action runs", async () => {
    const { log, conclusion } = await play(
      using,
      `
- run: |
    echo 'LEAKED=yes' > .env
    echo 'preload = ["./preload.js"]' > bunfig.toml
    echo 'console.log("preloaded")' > preload.js
    echo '{"compilerOptions": {"paths": {"*": ["./none/*"]}}}' > tsconfig.json
- uses: o/env@v1
`,
      { "o/env@v1/action.yml": `runs: {using: ${using}, main: a.js}`, "o/env@v1/a.js": SHOW },
    );
    expect(conclusion).toBe("success");
    expect(log.at(-1)).toBe("env undefined");
    expect(log).not.toContain("preloaded");
  });

  test("modules of ECMAScript and of CommonJS both run", async () => {
    const { log } = await play(using, "- uses: o/esm@v1\n- uses: o/cjs@v1\n- uses: o/mjs@v1", {
      "o/esm@v1/action.yml": `runs: {using: ${using}, main: a.js}`,
      "o/esm@v1/package.json": '{"type": "module"}',
      "o/esm@v1/a.js":
        'import { basename } from "node:path"; await 1; console.log(basename(import.meta.url));',
      "o/cjs@v1/action.yml": `runs: {using: ${using}, main: a.js}`,
      "o/cjs@v1/a.js": 'console.log("cjs", typeof require, require("path").basename(__dirname));',
      "o/mjs@v1/action.yml": `runs: {using: ${using}, main: a.mjs}`,
      "o/mjs@v1/a.mjs": 'import fs from "fs"; console.log("mjs", typeof fs.readFileSync);',
    });
    expect(log.slice(-3)).toEqual(["a.js", "cjs function v1", "mjs function"]);
  });
});

const SHOW = 'console.log("env " + process.env.LEAKED);';

test("a script that the action lacks is named", async () => {
  const { annotations, conclusion } = await play("node20", "- uses: o/a@v1", {
    "o/a@v1/action.yml": "runs: {using: node20, main: dist/none.js}",
  });
  expect(conclusion).toBe("failure");
  expect(annotations).toEqual(["failure: File not found: 'o/a@v1/dist/none.js', which the action runs."]);
});

test("the pre part of a local action does not run, as on GitHub", async () => {
  const { annotations, log } = await play(
    "node20",
    "- uses: ./a",
    {},
    {
      "a/action.yml": "runs: {using: node20, pre: b.js, main: b.js}",
      "a/b.js": 'console.log("ran")',
    },
  );
  expect(log.at(-1)).toBe("ran");
  expect(annotations).toContain("warning: `pre` execution is not supported for local action from './a'");
});

test("pre-if and post-if decide", async () => {
  const { steps } = await play("node20", "- uses: o/a@v1\n- run: exit 1", {
    "o/a@v1/action.yml":
      "runs: {using: node20, pre: b.js, pre-if: runner.os == 'Windows', main: b.js, post: b.js, post-if: success()}",
    "o/a@v1/b.js": "",
  });
  expect(steps).toEqual([
    "Set up job: success",
    "Pre Run o/a@v1: skipped",
    "Run o/a@v1: success",
    "Run exit 1: failure",
    "Post Run o/a@v1: skipped",
    "Complete job: success",
  ]);
});

test("an action can change its own files, and the next run has the old ones", async () => {
  await using scratch = await makeScratch();
  const files = {
    "o/a@v1/action.yml": "runs: {using: node20, main: a.js}",
    "o/a@v1/a.js":
      'require("fs").appendFileSync(__filename, "//x"); console.log(require("fs").statSync(__filename).size);',
  };
  writeFiles(scratch.join("store"), files);
  const before = readFileSync(scratch.join("store/o/a@v1/a.js"), "utf8");
  await playIn(scratch.path, "- uses: o/a@v1");
  expect(readFileSync(scratch.join("store/o/a@v1/a.js"), "utf8")).toBe(before);
});

/** @param files of the action store, besides o/core@v1. */
async function play(
  using: string,
  steps: string,
  files: Record<string, string> = {},
  source: Record<string, string> = {},
): Promise<PlayedJob> {
  await using scratch = await makeScratch();
  writeFiles(scratch.join("store"), {
    ...files,
    "o/core@v1/action.yml": ACTION(using),
    "o/core@v1/package.json": '{"type": "module"}',
    "o/core@v1/dist/index.js": bundle,
    "o/core@v1/dist/pre.js": 'process.env.TEST_PART = "pre"; await import("./index.js");',
    "o/core@v1/dist/post.js": 'process.env.TEST_PART = "post"; await import("./index.js");',
  });
  writeFiles(scratch.join("source"), { ".keep": "", ...source });
  return await playIn(scratch.path, steps);
}

function playIn(directory: string, steps: string): Promise<PlayedJob> {
  const plan = {
    actionStore: join(directory, "store"),
    actionsUrl: `file://${join(directory, "server")}`,
    cacheDirectory: join(directory, "cache"),
    source: join(directory, "source"),
  };
  return playJob(steps, { actions: makeRunActions(plan).actions, source: plan.source });
}
