import { expect, test } from "bun:test";
import { conclusions, engineRun, WORKFLOW } from "../../../tests/support/workflow/engine-run.ts";

test("jobs run after those that they need, and get their outputs", async () => {
  const { exit, run, log } = await engineRun({
    files: {
      [WORKFLOW]: `
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    strategy: {matrix: {v: [1, 2]}}
    outputs: {x: "\${{ steps.o.outputs.x }}"}
    steps: [{id: o, run: "echo x=\${{ matrix.v }} >> $GITHUB_OUTPUT"}]
  b:
    needs: a
    runs-on: ubuntu-latest
    steps: [{run: "echo got \${{ needs.a.outputs.x }} \${{ needs.a.result }}"}]
  c:
    needs: b
    if: failure()
    runs-on: ubuntu-latest
    steps: [{run: exit 1}]
`,
    },
  });
  expect(conclusions(run)).toEqual({ "a (1)": "success", "a (2)": "success", b: "success", c: "skipped" });
  expect(log.filter((line) => line.startsWith("[b] got"))).toHaveLength(1);
  expect(exit).toBe(0);
});
