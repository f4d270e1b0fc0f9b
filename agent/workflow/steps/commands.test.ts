import { expect, test } from "bun:test";
import { playJob } from "../../../tests/support/played-job.ts";

test("commands are carried out and do not appear in the log", async () => {
  const { log, annotations, job } = await playJob(`
- id: one
  run: |
    echo "::group::Build"
    echo inside
    echo "::endgroup::"
    echo "::error file=src/a.ts,line=3,col=7,endColumn=9,title=Bad%3A thing::first%0Asecond, 100%25"
    echo "::warning::careful"
    echo "::notice file=$GITHUB_WORKSPACE/b.txt,line=2,endLine=1::odd"
    echo "  ::debug::nobody asked"
    echo "##[warning]older form"
    echo "::set-output name=v::1"
    echo "::unknown::stays"
    echo "a ::error::not at the start"
- run: echo "\${{ steps.one.outputs.v }}"
`);
  expect(log).toEqual([
    "##[group]Build",
    "inside",
    "##[endgroup]",
    "::unknown::stays",
    "a ::error::not at the start",
    "1",
  ]);
  expect(annotations).toEqual([
    "failure: first\nsecond, 100%",
    "warning: careful",
    "notice: odd",
    "warning: older form",
    expect.stringContaining("warning: The `set-output` command is deprecated"),
  ]);
  expect(job.annotations[0]).toEqual({
    level: "failure",
    message: "first\nsecond, 100%",
    title: "Bad: thing",
    file: "src/a.ts",
    line: 3,
    column: 7,
    endColumn: 9,
    step: 2,
  });
  expect(job.annotations[2]).toMatchObject({ file: "b.txt" });
  expect(job.annotations[2]?.line).toBeUndefined();
});

test("stop-commands makes all text plain until its token", async () => {
  const { log, annotations } = await playJob(`
- run: |
    echo "::stop-commands::token-1"
    echo "::error::plain"
    echo "::token-1::"
    echo "::error::real"
`);
  expect(log).toEqual(["::stop-commands::token-1", "::error::plain", "::token-1::"]);
  expect(annotations).toEqual(["failure: real"]);
});

test("a stop token that is a command is refused, and the step fails", async () => {
  const { conclusion, annotations } = await playJob('- run: echo "::stop-commands::error"');
  expect(conclusion).toBe("failure");
  expect(annotations[0]).toStartWith("failure: Unable to process command '::stop-commands::error'");
  expect(annotations[1]).toContain("You cannot use a endToken");
});

test("what add-mask names is masked, each line of it too", async () => {
  const { log } = await playJob(`
- run: |
    echo "::add-mask::top%0Abottom"
    echo "at the top"
    echo "at the bottom"
`);
  expect(log).toEqual(["at the ***", "at the ***"]);
});

test("set-env and add-path need the switch", async () => {
  const refused = await playJob('- run: echo "::set-env name=A::1"');
  expect(refused.conclusion).toBe("failure");
  expect(refused.annotations[1]).toContain("The `set-env` command is disabled.");
  const { log } = await playJob(`
- env: { ACTIONS_ALLOW_UNSECURE_COMMANDS: true }
  run: |
    echo "::set-env name=A::1"
    echo "::add-path::/some/bin"
- run: echo "$A \${PATH%%:*} \${{ env.A }}"
`);
  expect(log).toEqual(["1 /some/bin 1"]);
});

test("echo shows commands, and debug lines appear when somebody asked for them", async () => {
  const { log } = await playJob(
    '- run: |\n    echo "::echo::on"\n    echo "::set-output name=a::1"\n    echo "::echo::off"',
  );
  expect(log).toEqual(["::set-output name=a::1", "::echo::off"]);
  const debugged = await playJob('- run: echo "::debug::x $RUNNER_DEBUG"', {
    contexts: { vars: { ACTIONS_STEP_DEBUG: "true" } },
  });
  expect(debugged.log).toContain("##[debug]x 1");
});

test("ten annotations of a level are kept for each step; the log has all", async () => {
  const { annotations, log } = await playJob(
    '- run: for i in $(seq 12); do echo "::error::$i"; echo "::warning::$i"; done',
  );
  expect(annotations).toHaveLength(20);
  expect(log).toEqual(["##[error]11", "##[warning]11", "##[error]12", "##[warning]12"]);
});

test("a command cut between two writes is one command, and CR LF ends a line", async () => {
  const { log, annotations } = await playJob(
    `- run: printf '::err'; sleep 0.05; printf 'or::cut\\r'; sleep 0.05; printf '\\nplain\\r\\nhalf'`,
  );
  expect(annotations).toEqual(["failure: cut"]);
  expect(log).toEqual(["plain", "half"]);
});

test("problem matchers make annotations of lines, with files of the workspace", async () => {
  const { job, log } = await playJob(
    `
- run: |
    echo "::add-matcher::matcher.json"
    printf '\\033[31msrc/a.c:4:2: error: no semicolon\\033[0m\\n'
    echo "gone.c:1:1: warning: old"
- run: |
    echo "src/a.c"
    echo "  7: first"
    echo "  8: second"
    echo "::remove-matcher owner=gcc::"
    echo "src/a.c:5:1: error: nobody looks"
`,
    {
      prepare: async (workspace) => {
        await Bun.write(`${workspace}/src/a.c`, "");
        await Bun.write(
          `${workspace}/matcher.json`,
          JSON.stringify({
            problemMatcher: [
              {
                owner: "gcc",
                pattern: [
                  {
                    regexp: "^(.+):(\\d+):(\\d+): (error|warning): (.*)$",
                    file: 1,
                    line: 2,
                    column: 3,
                    severity: 4,
                    message: 5,
                  },
                ],
              },
              {
                owner: "stylish",
                severity: "warning",
                pattern: [
                  { regexp: "^(\\S+\\.c)$", file: 1 },
                  { regexp: "^\\s+(\\d+): (.*)$", line: 1, message: 2, loop: true },
                ],
              },
            ],
          }),
        );
      },
    },
  );
  expect(job.annotations).toEqual([
    { level: "failure", message: "no semicolon", file: "src/a.c", line: 4, column: 2, step: 2 },
    { level: "warning", message: "old", line: 1, column: 1, step: 2 },
    { level: "warning", message: "first", file: "src/a.c", line: 7, step: 3 },
    { level: "warning", message: "second", file: "src/a.c", line: 8, step: 3 },
  ]);
  expect(log).toContain("gone.c:1:1: warning: old");
});
