import { expect, setDefaultTimeout, test } from "bun:test";
import { GitRepository, writeFiles } from "../../../tests/support/git-repository.ts";
import { type PlayedJob, type PlayOptions, playJob } from "../../../tests/support/played-job.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { makeRunActions } from "./builtin.ts";

setDefaultTimeout(30_000);

const COMPOSITE = `
name: Greet
inputs:
  name: {default: world}
  shout: {default: "\${{ github.repository }}"}
outputs:
  text: {value: "\${{ steps.say.outputs.text }}"}
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      run: |
        echo "hello \${{ inputs.name }} of \${{ inputs.shout }}"
        echo "text=said \${{ inputs.name }}" >> "$GITHUB_OUTPUT"
        test -f "$GITHUB_ACTION_PATH/action.yml" && test -f "\${{ github.action_path }}/action.yml"
`;

test("a composite action has inputs, outputs, and a path", async () => {
  const { conclusion, log, steps } = await play(
    `
- uses: o/greet@v1
  id: one
  with: {name: me}
- run: echo "\${{ steps.one.outputs.text }}"
`,
    { "o/greet@v1/action.yml": COMPOSITE },
  );
  expect(log).toContain("hello me of me/own");
  expect(log).toContain("said me");
  expect(conclusion).toBe("success");
  expect(steps).toContain("Run o/greet@v1: success");
});

test("a composite action may use another one, and fails when that one fails", async () => {
  const { conclusion, log, steps } = await play("- uses: o/outer@v1\n- run: echo never", {
    "o/outer@v1/action.yml": `
runs:
  using: composite
  steps:
    - uses: o/greet@v1
      id: inner
      with: {name: "you"}
    - run: echo "got \${{ steps.inner.outputs.text }}"
      shell: bash
    - run: exit 2
      shell: bash
    - run: echo "not here"
      shell: bash
    - run: echo "cleaning \${{ github.action_status }}"
      if: always()
      shell: bash
`,
    "o/greet@v1/action.yml": COMPOSITE,
  });
  expect(log).toContain("got said you");
  expect(log).toContain("cleaning failure");
  expect(log.join("\n")).not.toContain("not here");
  expect(conclusion).toBe("failure");
  expect(steps).toContain("Run echo never: skipped");
});

test("composite actions that use each other end with an error instead of going on forever", async () => {
  const uses = (name: string) => `runs: {using: composite, steps: [{uses: ${name}}]}`;
  const files = { "o/a@v1/action.yml": uses("o/b@v1"), "o/b@v1/action.yml": uses("o/a@v1") };
  const remote = await play("- uses: o/a@v1", files);
  expect(remote.annotations).toEqual([
    "failure: Composite action depth exceeded max depth 9: o/a@v1 uses o/b@v1 uses o/a@v1. Remove the step that leads back, or one of the levels.",
  ]);
  const local = await play("- uses: ./a", {}, { "a/action.yml": uses("./a") });
  expect(local.conclusion).toBe("failure");
  expect(local.annotations.at(-1)).toContain("Composite action depth exceeded max depth 9: ./a uses ./a");
});

test("a deep chain of nine levels is allowed", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 9 }, (_, level) => [
      `o/a${level}@v1/action.yml`,
      level === 8
        ? "runs: {using: composite, steps: [{run: echo deep, shell: bash}]}"
        : `runs: {using: composite, steps: [{uses: o/a${level + 1}@v1}]}`,
    ]),
  );
  const { log, conclusion } = await play("- uses: o/a0@v1", files);
  expect(conclusion).toBe("success");
  expect(log).toContain("deep");
});

test("pre and post parts of actions inside a composite action run before the first and after the last step", async () => {
  const { steps, log, conclusion } = await play("- run: echo first\n- uses: o/outer@v1\n- run: echo last", {
    "o/outer@v1/action.yml": `
runs:
  using: composite
  steps:
    - uses: o/one@v1
    - uses: o/two@v1
`,
    ...javascript("o/one@v1", "one"),
    ...javascript("o/two@v1", "two"),
  });
  expect(log.filter((line) => !line.includes("'"))).toEqual([
    "one pre ",
    "two pre ",
    "first",
    "one main pre",
    "two main pre",
    "last",
    "two post pre",
    "one post pre",
  ]);
  expect(steps.filter((step) => !step.startsWith("> "))).toEqual([
    "Set up job: success",
    "Pre Run o/outer@v1: success",
    "Run echo first: success",
    "Run o/outer@v1: success",
    "Run echo last: success",
    "Post Run o/outer@v1: success",
    "Complete job: success",
  ]);
  expect(conclusion).toBe("success");
});

test("post parts run in reverse, also after a failure, and not for actions that did not start", async () => {
  const { log, conclusion } = await play(
    "- uses: o/one@v1\n- uses: o/two@v1\n- run: exit 1\n- uses: ./three",
    {
      ...javascript("o/one@v1", "one"),
      ...javascript("o/two@v1", "two"),
    },
  );
  expect(log.filter((line) => line.includes("post"))).toEqual(["two post pre", "one post pre"]);
  expect(conclusion).toBe("failure");
});

test("inputs that an action does not know or wants to get rid of are annotated", async () => {
  const { annotations, conclusion } = await play("- uses: o/a@v1\n  with: {old: x, nwe: y, New: z}", {
    "o/a@v1/action.yml": `
inputs:
  old: {deprecationMessage: use new}
  new: {required: true}
runs: {using: composite, steps: [{run: 'test "\${{ inputs.new }}" = z', shell: bash}]}
`,
  });
  expect(conclusion).toBe("success");
  expect(annotations).toEqual([
    "warning: Input 'old' has been deprecated with message: use new",
    "warning: Unexpected input(s) 'nwe', valid inputs are ['old', 'new']",
  ]);
});

test("a local action gets the working copy if the job never checks it out, with a warning", async () => {
  const { annotations, log, conclusion } = await play(
    "- run: cat file\n- uses: ./greet",
    {},
    {
      file: "here\n",
      "greet/action.yml": COMPOSITE,
    },
  );
  expect(log).toContain("here");
  expect(log).toContain("hello world of me/own");
  expect(conclusion).toBe("success");
  expect(annotations).toEqual([expect.stringContaining("on GitHub it would fail")]);
});

test("a local action that is missing asks for a checkout", async () => {
  const { annotations, conclusion } = await play("- run: 'true'\n- uses: ./none", {}, { file: "x" });
  expect(conclusion).toBe("failure");
  expect(annotations.at(-1)).toMatch(
    /^failure: Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '.*none'. Did you forget to run actions\/checkout before running your local action\?$/,
  );
});

test("an action that cannot be reached fails its step, and says what to do", async () => {
  const { steps, annotations, job } = await play(
    "- run: echo first\n- uses: o/none@v1\n- uses: o/neither@v1\n  if: false\n- uses: o/outer@v1\n  if: always()",
    { "o/outer@v1/action.yml": "runs: {using: composite, steps: [{uses: o/inside@v3}]}" },
  );
  expect(steps).toEqual([
    "Set up job: success",
    "Run echo first: success",
    "Run o/none@v1: failure",
    "Run o/neither@v1: skipped",
    "Run o/outer@v1: failure",
    "> Run o/inside@v3: failure",
    "Complete job: success",
  ]);
  expect(annotations).toEqual([
    expect.stringContaining("put it into DIR/o/none@v1 and run with --action-store DIR"),
    expect.stringContaining("put it into DIR/o/inside@v3 and run with --action-store DIR"),
  ]);
  expect(job.annotations[0]?.step).toBe(3);
});

test("versions that the server does not have fail the job before its first step, all of them at once", async () => {
  await using server = await makeScratch();
  for (const name of ["a", "b"]) new GitRepository(server.join("o", name)).commit({ "action.yml": "" });
  const { steps, annotations } = await play(
    "- run: echo first\n- uses: o/a@v1\n- uses: o/b@v2",
    {},
    {},
    { actionsUrl: `file://${server.path}` },
  );
  expect(steps).toEqual(["Set up job: failure", "Complete job: success"]);
  expect(annotations).toEqual([
    expect.stringContaining("`o/a@v1`: the action store does not have it; unable to find version `v1`"),
    expect.stringContaining("`o/b@v2`"),
  ]);
});

test("mistakes in action.yml are listed with their places", async () => {
  const { annotations } = await play("- uses: o/a@v1", {
    "o/a@v1/action.yml": "runs:\n  using: composite\n  steps:\n    - run: echo hi\n",
  });
  expect(annotations).toEqual([
    expect.stringContaining("o/a@v1/action.yml:4:7: Required property is missing: shell"),
  ]);
});

test("a Docker action gets its image, arguments, and variables", async () => {
  const seen: object[] = [];
  const { conclusion } = await play(
    `
- uses: o/d@v1
  env: {MODE: step}
  with: {who: me}
- uses: docker://alpine:3
  with: {entrypoint: /bin/echo, args: 'one "two three"'}
`,
    {
      "o/d@v1/action.yml": `
inputs: {who: {default: x}}
runs:
  using: docker
  image: build/Dockerfile
  entrypoint: /run.sh
  args: ["\${{ inputs.who }}", ""]
  env: {MODE: action, WHO: "\${{ inputs.who }}"}
`,
    },
    {},
    {
      containers: {
        action: ({ image, entrypoint, args, env }) => {
          seen.push({ image: image.replace(/^.*actions\//, ""), entrypoint, args, env: pick(env) });
          return Promise.resolve({ outcome: "success" });
        },
      },
    },
  );
  expect(conclusion).toBe("success");
  expect(seen).toEqual([
    {
      image: "o/d/v1/build/Dockerfile",
      entrypoint: "/run.sh",
      args: ["me", ""],
      env: { MODE: "step", WHO: "me", INPUT_WHO: "me" },
    },
    {
      image: "docker://alpine:3",
      entrypoint: "/bin/echo",
      args: ["one", "two three"],
      env: { INPUT_ENTRYPOINT: "/bin/echo", INPUT_ARGS: 'one "two three"' },
    },
  ]);
});

function pick(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => /^(MODE|WHO|INPUT_)/.test(name)));
}

/** A JavaScript action whose parts say what they are and what the part before them saved. */
function javascript(place: string, name: string): Record<string, string> {
  const script = (part: string, save: boolean) =>
    `${save ? 'require("fs").appendFileSync(process.env.GITHUB_STATE, "was=pre\\n");' : ""}
     console.log("${name} ${part} " + (process.env.STATE_was ?? ""));`;
  return {
    [`${place}/action.yml`]: "runs: {using: node20, pre: pre.js, main: main.js, post: post.js}",
    [`${place}/pre.js`]: script("pre", true),
    [`${place}/main.js`]: script("main", false),
    [`${place}/post.js`]: script("post", false),
  };
}

/** @param store files of the action store. @param source files of the working copy. */
async function play(
  steps: string,
  store: Record<string, string>,
  source: Record<string, string> = {},
  { actionsUrl, ...options }: PlayOptions & { actionsUrl?: string } = {},
): Promise<PlayedJob> {
  await using scratch = await makeScratch();
  writeFiles(scratch.join("store"), store);
  writeFiles(scratch.join("source"), { ".keep": "", ...source });
  const { actions } = makeRunActions({
    actionStore: scratch.join("store"),
    actionsUrl: actionsUrl ?? `file://${scratch.join("server")}`,
    cacheDirectory: scratch.join("cache"),
    source: scratch.join("source"),
  });
  return await playJob(steps, {
    ...options,
    actions,
    source: scratch.join("source"),
    contexts: { github: { repository: "me/own" } },
  });
}
