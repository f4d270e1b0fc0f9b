import { expect, test } from "bun:test";
import { playJob } from "../../../tests/support/played-job.ts";

test("a step in the background runs beside the next ones; what it sets counts after a wait for it", async () => {
  const { conclusion, steps, log } = await playJob(`
- id: service
  background: true
  run: |
    echo "value=from-background" >> "$GITHUB_OUTPUT"
    echo "LATER=yes" >> "$GITHUB_ENV"
    until [ -e go ]; do sleep 0.02; done
- run: |
    echo "before:\${{ steps.service.outputs.value }}:$LATER"
    touch go
- wait: SERVICE
- run: echo "after:\${{ steps.service.outputs.value }}:$LATER:\${{ steps.service.outcome }}"
`);
  expect(conclusion).toBe("success");
  expect(log.filter((line) => /^(before|after)/.test(line))).toEqual([
    "before::",
    "after:from-background:yes:success",
  ]);
  expect(steps).toContain("Wait: success");
});

test("the steps of a parallel block run at the same time, and the job goes on after all of them", async () => {
  const { conclusion, steps } = await playJob(`
- parallel:
    - name: a
      run: touch a-here; until [ -e b-here ]; do sleep 0.02; done; touch a-done
    - name: b
      run: touch b-here; until [ -e a-here ]; do sleep 0.02; done; touch b-done
- run: test -e a-done && test -e b-done
`);
  expect(conclusion).toBe("success");
  expect(steps).toContain("Parallel group: success");
});

test("a background step that is cancelled by a step does not fail the job", async () => {
  const { conclusion, steps } = await playJob(`
- name: monitor
  id: monitor
  run: touch up; exec sleep 60
  background: true
- run: until [ -e up ]; do sleep 0.02; done
- cancel: monitor
- wait-all:
`);
  expect(conclusion).toBe("success");
  expect(steps).toContain("monitor: cancelled");
  expect(steps).toContain("Cancel: success");
});

test("a failed background step fails the wait for it, and the job even if nothing waits", async () => {
  const waited = await playJob(`
- {id: bad, name: bad, run: exit 3, background: true}
- {run: echo still here}
- {wait: bad}
- {name: after, run: echo no}
`);
  expect(waited.conclusion).toBe("failure");
  expect(waited.steps).toContain("Run echo still here: success");
  expect(waited.steps).toContain("Wait: failure");
  expect(waited.steps).toContain("after: skipped");
  const alone = await playJob("- {name: bad, run: exit 3, background: true}\n- {run: echo on}");
  expect(alone.conclusion).toBe("failure");
  const tolerated = await playJob(
    "- {id: bad, run: exit 3, background: true, continue-on-error: true}\n- {wait: bad}",
  );
  expect(tolerated.conclusion).toBe("success");
});

test("more than ten take turns", async () => {
  const many = Array.from({ length: 25 }, (_, at) => `- {name: s${at}, run: "true", background: true}`);
  const { conclusion, steps } = await playJob(`${many.join("\n")}\n- wait-all:`);
  expect(conclusion).toBe("success");
  expect(steps.filter((step) => /^s\d+: success$/.test(step))).toHaveLength(25);
});
