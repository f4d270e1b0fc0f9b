import { expect, test } from "bun:test";
import { playJob } from "../../../tests/support/played-job.ts";
import { scriptExtension, scriptFor, shellArguments, shellOf, splitArguments } from "./shells.ts";

test("each shell gets the flags that GitHub gives it", () => {
  const words = (option: string) => shellArguments(shellOf(option).format, "/t/x y");
  expect(words("bash")).toEqual(["--noprofile", "--norc", "-e", "-o", "pipefail", "/t/x y"]);
  expect(words("sh")).toEqual(["-e", "/t/x y"]);
  expect(words("python")).toEqual(["/t/x y"]);
  expect(words("pwsh")).toEqual(["-command", ". '/t/x y'"]);
  expect(words("powershell")).toEqual(["-command", ". '/t/x y'"]);
  expect(words("cmd")).toEqual(["/D", "/E:ON", "/V:OFF", "/S", "/C", "CALL /t/x y"]);
  expect(words("perl -w {0} --flag")).toEqual(["-w", "/t/x y", "--flag"]);
  expect(shellOf("perl -w {0}").command).toBe("perl");
  for (const option of ["perl", "bash -l", "constructor"]) {
    expect(() => shellOf(option)).toThrow("Invalid shell option.");
  }
});

test("scripts get the first and last lines that GitHub gives them", () => {
  expect(scriptFor("pwsh", "Get-Date")).toBe(
    "$ErrorActionPreference = 'stop'\nGet-Date\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }",
  );
  expect(scriptFor("cmd", "dir\ncd")).toBe("@echo off\r\ndir\r\ncd");
  expect(scriptFor("bash", "a\nb")).toBe("a\nb");
  expect(["bash", "sh", "pwsh", "cmd", "python", "perl"].map(scriptExtension)).toEqual([
    ".sh",
    ".sh",
    ".ps1",
    ".cmd",
    ".py",
    "",
  ]);
});

test("arguments are split as .NET splits them", () => {
  expect(splitArguments(`a  "b c" d"e f"g`)).toEqual(["a", "b c", "de fg"]);
  expect(splitArguments(`\\\\"x y\\\\" "a\\"b" c\\d ""`)).toEqual(["\\x y\\", 'a"b', "c\\d", ""]);
  expect(splitArguments(`'a b'`)).toEqual(["'a", "b'"]);
});

test("bash, sh, python and custom shells run their scripts", async () => {
  const { log, annotations, steps } = await playJob(`
- run: false | true; echo "$- $(ps -o args= -p $$ | cut -d' ' -f2)"
- shell: bash
  continue-on-error: true
  run: |
    false | true
    echo no
- shell: sh
  run: echo "\${0##*.}"
- shell: python
  run: |
    import sys
    print("py", sys.argv[0][-3:])
- shell: awk -f {0} /dev/null
  run: |
    BEGIN { print "awk" }
`);
  expect(log).toEqual(["ehB -e", "sh", "py .py", "awk"]);
  expect(annotations).toEqual(["failure: Process completed with exit code 1."]);
  expect(steps.filter((step) => !step.endsWith("success"))).toEqual([]);
});

test("a shell that is missing or wrong fails the step, and the annotation says what to do", async () => {
  const { annotations, steps } = await playJob(`
- name: a
  shell: fish-not-there {0}
  run: echo
- name: b
  if: always()
  shell: nope
  run: echo
- name: c
  if: always()
  shell: powershell
  run: echo
- name: d
  if: always()
  working-directory: missing/dir
  run: echo
`);
  expect(steps.slice(1, 5)).toEqual(["a: failure", "b: failure", "c: failure", "d: failure"]);
  expect(annotations).toEqual([
    "failure: The shell fish-not-there was not found on this machine. Install fish-not-there on this machine, or name another shell in the step.",
    expect.stringContaining("failure: Invalid shell option."),
    expect.stringContaining("The shell powershell is only on Windows"),
    expect.stringMatching(/^failure: The working directory \S+\/workspace\/missing\/dir does not exist/),
  ]);
});

test("defaults of the job go before those of the workflow; a step's own go first", async () => {
  const { log } = await playJob(`
on: push
defaults:
  run: { shell: sh, working-directory: w }
jobs:
  a:
    runs-on: ubuntu-latest
    defaults:
      run: { working-directory: j }
    steps:
      - run: mkdir -p w j s
        working-directory: .
      - run: echo "\${PWD##*/} \${BASH_VERSION:+bash}"
      - run: echo "\${PWD##*/} \${BASH_VERSION:+bash}"
        working-directory: s
        shell: bash
`);
  expect(log).toEqual(["j ", "s bash"]);
});
