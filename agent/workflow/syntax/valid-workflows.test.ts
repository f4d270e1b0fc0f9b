import { expect, test } from "bun:test";
import { readWorkflow } from "./read-workflow.ts";

/** Parts of workflows that GitHub takes. Each stands in a workflow that is right otherwise. */

async function problemsOf(text: string): Promise<string[]> {
  const { problems } = await readWorkflow("w.yml", text);
  return problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

const JOBS = "jobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo hi\n";
const indented = (text: string, by: string) => text.replace(/^(?=.)/gm, by);

const events = [
  "push",
  "[push, pull_request]",
  "[push, repository_dispatch, schedule]",
  "repository_dispatch",
  "{push: }",
  "{push: null, pull_request: ~}",
  "{push: {branches: main}}",
  "{push: {branches: [main, 'releases/**', 1.0, 2024]}}",
  "{push: {branches-ignore: ['wip/**'], tags-ignore: [v1]}}",
  "{push: {tags: ['v*.*.*', '!v*-rc'], paths: ['**.js', '!docs/**']}}",
  "{push: {paths-ignore: docs/**}}",
  "{pull_request: {types: [opened, synchronize, reopened, labeled, ready_for_review, closed]}}",
  "{pull_request: {types: closed, branches: [main], paths: [src/**]}}",
  "{pull_request: {types: [enqueued, dequeued, converted_to_draft, auto_merge_enabled, review_requested]}}",
  "{pull_request_target: {branches-ignore: [x]}}",
  "{pull_request_review: {types: [submitted, edited, dismissed]}}",
  "{pull_request_review_comment: {types: [created]}}",
  "{issues: {types: [opened, milestoned, demilestoned, transferred, pinned, unpinned, locked]}}",
  "{issue_comment: {types: [created, deleted]}}",
  "{release: {types: [published, released, prereleased, created, edited, deleted, unpublished]}}",
  "{check_run: {types: [created, rerequested, completed, requested_action]}}",
  "{check_suite: {types: [completed]}}",
  "{branch_protection_rule: {types: [created, edited, deleted]}}",
  "{discussion: {types: [created, answered, category_changed]}, discussion_comment: }",
  "{label: {types: [created]}, milestone: {types: [closed]}, project: , project_card: , project_column: }",
  "{create: , delete: , deployment: , deployment_status: , fork: , gollum: , page_build: , public: , status: }",
  "{merge_group: {types: [checks_requested], branches: [main]}}",
  "{registry_package: {types: [published, updated]}}",
  "{watch: {types: [started]}}",
  "{workflow_run: {workflows: [CI, Build], types: [completed, requested, in_progress], branches: [main]}}",
  "{workflow_run: {workflows: CI}}",
  "{repository_dispatch: {types: [deploy, my-event]}}",
  "{repository_dispatch: {types: deploy}}",
  "{repository_dispatch: {types: deploy}}",
  "{schedule: [{cron: '0 0 * * *'}, {cron: '*/15 2-4,8 1 JAN-DEC MON-FRI'}]}",
  "{schedule: [{cron: '30 5 * * 1,3', timezone: Europe/Berlin}]}",
  "{workflow_dispatch: }",
  "workflow_dispatch",
  "{workflow_dispatch: {inputs: {a: {}, b: {description: x, required: true, default: y, type: string}}}}",
  "{workflow_dispatch: {inputs: {a: {type: boolean, default: false}, b: {type: number, default: 3}}}}",
  "{workflow_dispatch: {inputs: {a: {type: choice, options: [x, 1.2, true], default: x}}}}",
  "{workflow_dispatch: {inputs: {a: {type: environment, description: Where}}}}",
  "{workflow_dispatch: {inputs: {a: {default: 10}, b: {default: true}, c: {type: boolean, default: 'true'}}}}",
  "{workflow_dispatch: {inputs: {logLevel: {description: 'Log level', required: true, default: 'warning', type: choice, options: [info, warning]}}}}",
  "{workflow_dispatch: {inputs: }}",
  "{workflow_dispatch: {inputs: {a: , B-c: {description: x}}}}",
  "{workflow_dispatch: {branches: [main]}}",
  "{create: {branches: [x]}, delete: {}, merge_group: {types: [destroyed]}}",
  "{workflow_call: }",
  "{workflow_call: {inputs: {a: {type: string, required: true}, b: {type: boolean, default: true}, c: {type: number, default: 5}}}}",
  "{workflow_call: {inputs: {a: {type: string, default: '${{ github.ref_name }}', description: x}}}}",
  "{workflow_call: {secrets: {token: {required: true, description: x}, other: , more: {required: false}}}}",
  "{workflow_call: {outputs: {o: {description: x, value: '${{ jobs.a.outputs.x }}'}}}}",
  "{workflow_call: {inputs: {a: {type: string}}}, workflow_dispatch: {inputs: {a: {type: string}}}, push: }",
];

test.each(events)("on: %s", async (on) => {
  expect(await problemsOf(`on: ${on}\n${JOBS}`)).toEqual([]);
});

const tops = [
  "name: CI",
  "name: 2024",
  "name: ''",
  "run-name: Deploy to ${{ inputs.target }} by @${{ github.actor }}",
  "run-name: ${{ vars.NAME || 'x' }}",
  "env: {A: 1, B: true, C: , D: 3.10, E: null, F: text, G: '${{ github.sha }}', H: '${{ secrets.X }}'}",
  "env:\n  MULTI: |\n    a\n    b ${{ vars.X }}\n  FOLDED: >-\n    a\n    b",
  "permissions: {}",
  "cache-mode: write-only",
  "permissions: read-all",
  "permissions: write-all",
  "permissions: {contents: read, id-token: write, packages: write, pull-requests: none, models: read}",
  "permissions: {actions: read, attestations: write, checks: write, deployments: write, discussions: read, issues: write, pages: write, security-events: write, statuses: write, repository-projects: read}",
  "defaults: {run: {shell: bash, working-directory: src}}",
  "defaults: {run: {shell: 'bash -euo pipefail {0}'}}",
  "concurrency: ci-${{ github.ref }}",
  "concurrency: {group: '${{ github.workflow }}-${{ github.ref }}', cancel-in-progress: true}",
  "concurrency: {group: x, cancel-in-progress: \"${{ github.ref != 'refs/heads/main' }}\"}",
  "concurrency: {group: x, queue: max}",
  "concurrency: x",
  "# a comment\nname: x # another",
  "'name': x",
  '"name": "with: colon # and hash"',
];

test.each(tops)("top: %s", async (top) => {
  expect(await problemsOf(`${top}\non: push\n${JOBS}`)).toEqual([]);
});

const jobs = [
  "runs-on: [self-hosted, linux, x64]",
  "runs-on: ${{ matrix.os }}\nstrategy: {matrix: {os: [ubuntu-latest, windows-latest]}}",
  "runs-on: ${{ fromJSON(needs.x.outputs.labels) }}",
  "runs-on: ['${{ vars.RUNNER }}', linux]",
  "runs-on: {group: my-group, labels: [a, b]}",
  "runs-on: {group: org/large}",
  "runs-on: {labels: a}",
  "name: Build ${{ matrix.os }}",
  "name: 1",
  "if: github.ref == 'refs/heads/main'",
  "if: ${{ github.event_name == 'push' && !cancelled() }}",
  "if: true",
  "if: false",
  "if: \"!contains(github.event.head_commit.message, '[skip]')\"",
  "if: always() && (success() || failure())",
  "if: |\n  github.ref == 'refs/heads/main' &&\n  vars.X != ''",
  "if: >-\n  ${{\n    github.event.pull_request.merged == true\n    || inputs.force\n  }}",
  "if: case(github.ref == 'x', true, false)",
  'if: contains(fromJSON(\'["a", "b"]\'), github.actor)',
  "if: contains(github.event.pull_request.labels.*.name, 'bug')",
  "if: success('x') && failure()",
  "permissions: {contents: write}",
  "permissions: read-all",
  "environment: production",
  "environment: {name: prod, url: 'https://x/${{ steps.a.outputs.url }}'}",
  "environment: ${{ inputs.env }}",
  "environment: {name: '${{ github.ref_name }}', url: '${{ steps.d.outputs.page_url }}', deployment: false}",
  "concurrency: {group: '${{ matrix.x }}', cancel-in-progress: false}",
  "concurrency: deploy",
  "outputs: {a: '${{ steps.x.outputs.y }}', b: text, c: \"${{ toJSON(steps) }}\"}",
  "env: {A: '${{ needs.x.outputs.y }}', B: '${{ secrets.T }}', C: 1}",
  "defaults: {run: {shell: pwsh, working-directory: '${{ matrix.dir }}'}}",
  "cache-mode: none",
  "timeout-minutes: 5",
  "timeout-minutes: 0.5",
  "timeout-minutes: ${{ fromJSON(vars.T || '10') }}",
  "timeout-minutes: ${{ matrix.slow && 60 || 10 }}",
  "continue-on-error: true",
  "continue-on-error: ${{ matrix.experimental }}",
  "strategy: {matrix: {os: [a, b], node: [18, 20.5, '22'], flag: [true, false]}}",
  "strategy: {fail-fast: false, max-parallel: 2, matrix: {x: [1]}}",
  "strategy: {fail-fast: '${{ inputs.ff }}', max-parallel: '${{ fromJSON(inputs.n) }}', matrix: {x: [1]}}",
  "strategy: {matrix: '${{ fromJSON(needs.x.outputs.matrix) }}'}",
  "strategy: {matrix: {x: '${{ fromJSON(vars.LIST) }}', y: [a]}}",
  "strategy: {matrix: {include: [{os: a, extra: {deep: [1]}}, {os: b, list: [1, 2], none: null}]}}",
  "strategy: {matrix: {x: [1, 2], include: '${{ fromJSON(vars.I) }}', exclude: [{x: 1}]}}",
  "strategy: {matrix: {x: [1, {a: b}, [c], null]}}",
  "strategy: {matrix: {x: ['${{ github.ref }}', b]}}",
  "strategy: {matrix: {constructor: [1], 1: [2]}}",
  "strategy: ${{ fromJSON(needs.x.outputs.strategy) }}",
  "strategy: {fail-fast: false}",
  "container: node:20",
  "container: ${{ matrix.image }}",
  "container: {image: 'node:20', env: {A: 1}, ports: [80, '8080:80'], volumes: ['/a:/b', v:/c], options: --cpus 1}",
  "container: {image: 'ghcr.io/x/y', credentials: {username: '${{ github.actor }}', password: '${{ secrets.T }}'}}",
  "container: {image: '${{ matrix.image }}', options: '--user ${{ vars.U }}'}",
  "services:\n  redis:\n    image: redis\n    ports: ['6379:6379', 6380]\n    options: >-\n      --health-cmd 'redis-cli ping'\n      --health-interval 10s",
  "services: {db: postgres:16, other: {image: x, env: {P: '${{ secrets.P }}'}, volumes: [a:/b]}}",
  "services: {x: {image: '${{ matrix.db }}', credentials: {username: u, password: '${{ secrets.P }}'}}}",
  "services: {x: {image: y, command: --flag, entrypoint: /bin/sh}}",
  "snapshot: my-image",
  "snapshot: {image-name: x, version: 1.*}",
];

test.each(jobs)("job: %s", async (fields) => {
  const runsOn = fields.includes("runs-on:") ? "" : "\n    runs-on: ubuntu-latest";
  const job = `  a:${runsOn}\n${indented(fields, "    ")}\n    steps:\n      - run: x\n`;
  expect(await problemsOf(`on: push\njobs:\n${job}`)).toEqual([]);
});

const calls = [
  "uses: ./.github/workflows/x.yml",
  "uses: ./.github/workflows/x.yaml",
  "uses: $/.github/workflows/x.yml",
  "uses: owner/repo/.github/workflows/x.yml@main",
  "uses: owner/repo/.github/workflows/x.yml@v1.2.3",
  "uses: owner/re.po_-/.github/workflows/x.yml@feature/branch",
  "uses: ./.github/workflows/x.yml\nwith: {a: 1, b: true, c: '${{ matrix.x }}', d: }\nsecrets: inherit",
  "uses: ./.github/workflows/x.yml\nsecrets: {a: '${{ secrets.A }}', b: x}",
  "uses: ./.github/workflows/x.yml\nstrategy: {matrix: {x: [1, 2]}}\nname: N ${{ matrix.x }}\nif: always()\npermissions: read-all\nconcurrency: x",
];

test.each(calls)("call: %s", async (fields) => {
  expect(await problemsOf(`on: push\njobs:\n  a:\n${indented(fields, "    ")}\n`)).toEqual([]);
});

const steps = [
  "uses: actions/checkout@v4",
  "uses: owner/repo/path/to/action@main",
  "uses: owner/repo@1234567890123456789012345678901234567890",
  "uses: ./local/action",
  "uses: ./",
  "uses: docker://alpine:3.20\nwith: {entrypoint: /bin/echo, args: hello world}",
  "uses: a/b@v1\nwith: {n: 1, b: true, f: 3.10, none: , list: '[1]', text: \"${{ env.X }}\"}",
  "uses: a/b@v1\nwith:\n  script: |\n    const x = `${{ toJSON(github) }}`;\n    return { a: 1 }",
  "run: echo ${{ github.event.issue.title }}",
  "run: |\n  echo '{{ not an expression }}' ${VAR} $(cmd)\n  echo ${{ matrix.os }}",
  "run: 'echo \"${{ ''quoted'' }}\"'",
  "run: \"echo \\\"${{ steps['a-b'].outputs['c d'] }}\\\"\"",
  "run: echo ${{ '{{ literal }}' }}",
  "run: echo \"}}\" and ${{ format('{{0}} {0}', 1) }}",
  "run: >\n  folded\n  ${{ env.A }}\n\n  text",
  "run: ''",
  "run: 1",
  "run: true",
  "run: x\nshell: bash",
  "run: x\nshell: perl {0}",
  "run: x\nshell: bash --noprofile --norc -eo pipefail {0}",
  "run: x\nshell: python",
  "run: x\nshell: ${{ matrix.shell }}",
  "run: x\nworking-directory: ${{ github.workspace }}/x",
  "run: x\nname: Say ${{ secrets.X && 'a' }}",
  "run: x\nname:",
  "run: x\nid: a\nbackground: true",
  "wait-all:",
  "wait-all: true\nname: Wait\ncontinue-on-error: true",
  "parallel: [{run: x, id: a}, {uses: a/b@v1, with: {c: 1}}]",
  "uses: $/actions/x",
  "run: x\nid: my_id-1",
  "run: x\nid: _x",
  "run: x\nif: failure()",
  "run: x\nif: ${{ always() }}",
  "run: x\nif: steps.a.outcome == 'failure' && job.status != 'cancelled'",
  'run: x\nif: "!cancelled()"',
  "run: x\nif: ${{ !cancelled() && hashFiles('**/x') != '' }}",
  "run: x\nif: env.A == 'b' && runner.os == 'Linux' && needs.x.result == 'success'",
  "run: x\nif: matrix.os == 'a' || inputs.b",
  "run: x\nif: github.event.inputs.flag == 'true'",
  "run: x\nif:",
  "run: x\nif: true",
  "run: x\nif: 1",
  "run: x\nif: ''",
  "run: x\nif: ${{ github.ref == 'a' }} && false",
  "run: x\nif: (github.actor == 'dependabot[bot]')",
  "run: x\nif: startsWith(github.ref, 'refs/tags/') && endsWith(github.ref, '-rc')",
  "run: x\nif: github.event.commits[0].author.name != null",
  "run: x\nif: job.services.redis.ports['6379'] != 0 && strategy.job-index == 0",
  "run: x\nif: ${{ fromJSON(steps.x.outputs.json).a.b[0] }}",
  "run: x\nif: NaN != NaN && 0xff > -1.5e3",
  "run: x\ncontinue-on-error: true",
  "run: x\ncontinue-on-error: ${{ matrix.e == 1 }}",
  "run: x\ntimeout-minutes: 5",
  "run: x\ntimeout-minutes: ${{ fromJSON(env.T) }}",
  "run: x\nenv: {A: 1, B: , C: '${{ secrets.T }}', D: '${{ env.A }}', E: \"${{ hashFiles('a', 'b') }}\", F: yes, G: on}",
  "run: x\nenv:\n  constructor: 1\n  __proto__: 2\n  1: one\n  true: t",
];

test.each(steps)("step: %s", async (fields) => {
  const step = indented(fields, "        ").replace(/^ {8}/, "      - ");
  expect(await problemsOf(`on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n${step}\n`)).toEqual([]);
});

const whole = [
  `﻿on: push\n${JOBS}`,
  `---\non: push\n${JOBS}...\n`,
  `on: push\n${JOBS}`.replaceAll("\n", "\r\n"),
  `"on": push\n${JOBS}`,
  `'on':\n  push:\n    branches: [\n      main,\n      dev\n    ]\n${JOBS}`,
  `{"on": "push", "jobs": {"a": {"runs-on": "x", "steps": [{"run": "x"}]}}}`,
  `on: push\nenv: &e\n  A: 1\njobs:\n  a: &a\n    runs-on: x\n    env: *e\n    steps: &s\n      - run: x\n        env: *e\n  b: *a\n  c: {runs-on: x, steps: *s}\n`,
  `on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n    - &checkout\n      uses: actions/checkout@v4\n    - *checkout\n`,
  `on: push\njobs:\n  a: {runs-on: x, steps: [{run: x}]}\n  b: {needs: a, runs-on: x, steps: [{run: x}]}\n  c: {needs: [a, B], runs-on: x, steps: [{run: x}]}\n`,
  `on: push\njobs:\n  constructor: {runs-on: x, steps: [{run: x}]}\n  toString: {needs: constructor, runs-on: x, steps: [{run: x}]}\n`,
  `on: push\n${JOBS}      - {id: a, run: x, background: true}\n      - wait: A\n      - wait: [a]\n      - cancel: a\n`,
  "on: push\njobs:\n  a:\n    strategy:\n      matrix:\n        ${{needs.b.outputs.c}}: |-\n          ${{fromJson(needs.b.outputs.d)}}\n        e:\n        - env:\n            f: g\n            ${{insert}}:\n              h: i\n            ${{ insert }}: ${{fromJSON('{\"j\":1}')}}\n    runs-on: x\n    steps:\n      - run: exit ${{matrix['${{needs.b.outputs.c}}'] && '1' || '0'}}\n",
  `on: push\n${JOBS}      - run: |\n\n          first line is blank\n          \${{ github.ref }}\n`,
  `on: push\n${JOBS}      - run: |2\n            indented \${{ github.ref }}\n          x\n`,
  `on: push\n${JOBS}      - run: cat <<EOF\n          multi-line plain\n          \${{ github.ref }}\n`,
];

test.each(whole)("workflow %#", async (text) => {
  expect(await problemsOf(text)).toEqual([]);
});
