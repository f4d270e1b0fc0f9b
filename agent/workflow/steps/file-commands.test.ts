import { expect, test } from "bun:test";
import { playJob } from "../../../tests/support/played-job.ts";
import { pairsIn, pathsIn } from "./file-commands.ts";

test("names have values of one line, or of several between delimiters", () => {
  const text =
    "\uFEFFA=1\n\nB=x=y\nC<<END\nfirst\n\nsecond\nEND\nD=\nE<<EOF\nEOF\nF=a<<b\nG<<X=Y\nv\nX=Y\nH <<E \n1\nE \nlast=no end";
  expect([...pairsIn(text)]).toEqual([
    ["A", "1"],
    ["B", "x=y"],
    ["C", "first\n\nsecond"],
    ["D", ""],
    ["E", ""],
    ["F", "a<<b"],
    ["G", "v"],
    ["H ", "1"],
    ["last", "no end"],
  ]);
});

test("a carriage return belongs to the value, as on GitHub's machines with Linux", () => {
  expect([...pairsIn("A=1\r\nB<<E\r\nx\r\nE\r\n")]).toEqual([
    ["A", "1\r"],
    ["B", "x\r"],
  ]);
});

test("each mistake has the message of GitHub's runner", () => {
  const mistakes: [string, string][] = [
    ["novalue", "Invalid format 'novalue'"],
    ["=x", "Invalid format '=x'. Name must not be empty"],
    ["<<E\nE", "Invalid format '<<E'. Name must not be empty and delimiter must not be empty"],
    ["A<<\n", "Invalid format 'A<<'. Name must not be empty and delimiter must not be empty"],
    ["A<<EOF\nx\nEO", "Invalid value. Matching delimiter not found 'EOF'"],
    ["A<<EOF\n", "Invalid value. Matching delimiter not found 'EOF'"],
    ["A<<EOF\nxEOF", "Invalid value. Matching delimiter not found 'EOF'"],
  ];
  for (const [text, message] of mistakes) expect(() => [...pairsIn(text)]).toThrow(message);
});

test("each line of the path file is a directory", () => {
  expect(pathsIn("\uFEFF/a\r\n\n/b c\n/d")).toEqual(["/a", "/b c", "/d"]);
});

test("a file with a mistake fails its step; what comes before it counts", async () => {
  const { conclusion, annotations, log } = await playJob(`
- run: printf 'A=1\\nbroken\\nB=2\\n' >> "$GITHUB_ENV"
- if: always()
  run: echo "$A-$B"
`);
  expect(conclusion).toBe("failure");
  expect(annotations).toEqual([
    "failure: Unable to process file command 'env' successfully.",
    "failure: Invalid format 'broken'",
  ]);
  expect(log).toEqual(["1-"]);
});

test("NODE_OPTIONS cannot be set for later steps, and that fails nothing", async () => {
  const { conclusion, annotations, log } = await playJob(`
- run: echo "NODE_OPTIONS=--x" >> "$GITHUB_ENV"
- run: echo "[$NODE_OPTIONS]"
`);
  expect(conclusion).toBe("success");
  expect(annotations).toEqual([
    "failure: Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.",
  ]);
  expect(log).toEqual(["[]"]);
});

test("the files of a step that failed count, and each step has files of its own", async () => {
  const { log } = await playJob(`
- id: a
  continue-on-error: true
  run: |
    echo "v=1" >> "$GITHUB_OUTPUT"
    echo "/first" >> "$GITHUB_PATH"
    echo "/second" >> "$GITHUB_PATH"
    exit 1
- run: |
    cat "$GITHUB_OUTPUT" "$GITHUB_ENV" "$GITHUB_STATE" "$GITHUB_PATH" "$GITHUB_STEP_SUMMARY"
    echo "\${{ steps.a.outputs.v }} \${{ steps.a.outcome }} \${{ steps.a.conclusion }} \${PATH%%:/[^fs]*}"
`);
  expect(log).toEqual(["1 failure success /second:/first"]);
});

test("summaries of steps are put together, and one that is too large is left out", async () => {
  const { job, conclusion, annotations } = await playJob(`
- run: echo "# One" >> "$GITHUB_STEP_SUMMARY"
- run: head -c 1100000 /dev/zero | tr '\\\\0' x >> "$GITHUB_STEP_SUMMARY"
- run: echo "# Two" >> "$GITHUB_STEP_SUMMARY"
`);
  expect(conclusion).toBe("success");
  expect(job.summary).toBe("# One\n\n# Two\n");
  expect(annotations[0]).toContain("supports content up to a size of 1024k, got 1074k");
});
