import { expect, test } from "bun:test";
import { playJob } from "../../../tests/support/played-job.ts";

test("steps run in order with what the ones before them set", async () => {
  const { conclusion, steps, log } = await playJob(`
- run: echo "NAME=world" >> "$GITHUB_ENV"
- id: greet
  run: |
    echo "hello $NAME"
    echo "text=bye" >> "$GITHUB_OUTPUT"
- name: say \${{ steps.greet.outputs.text }}
  run: echo "\${{ env.NAME }} \${{ steps.greet.outcome }}"
`);
  expect(conclusion).toBe("success");
  expect(log).toEqual(["hello world", "world success"]);
  expect(steps).toEqual([
    "Set up job: success",
    'Run echo "NAME=world" >> "$GITHUB_ENV": success',
    'Run echo "hello $NAME": success',
    "say bye: success",
    "Complete job: success",
  ]);
});

test("after a failed step only steps that ask for it run, and the job fails", async () => {
  const { conclusion, steps, annotations } = await playJob(`
- run: exit 3
- run: echo no
- name: cleanup
  if: always()
  run: echo yes
- name: report
  if: failure()
  run: echo yes
`);
  expect(conclusion).toBe("failure");
  expect(steps.slice(1, -1)).toEqual([
    "Run exit 3: failure",
    "Run echo no: skipped",
    "cleanup: success",
    "report: success",
  ]);
  expect(annotations).toEqual(["failure: Process completed with exit code 3."]);
});
