import { expect, test } from "bun:test";
import {
  contextsOf,
  ExpressionProblem,
  evaluateCondition,
  evaluateExpression,
  toData,
  toValue,
} from "./evaluate.ts";
import type { Value } from "./scope.ts";
import { stepStatusFunctions } from "./status-functions.ts";

const scope = {
  contexts: contextsOf({
    github: toData({
      ref: "refs/heads/main",
      ref_name: "main",
      run_id: 12345678901,
      event: {
        number: 7,
        labels: [{ name: "Bug" }, { name: "help wanted" }, { id: 3 }, 4],
        commits: [{ author: { name: "a" } }, { author: { name: "b" } }],
        nested: [[1, 2], [3]],
        text: "it's",
        empty: "",
        none: null,
        yes: true,
      },
    }),
    matrix: toData({ os: "linux", version: 3.1, flags: ["a", "b"], "with-dash": 1 }),
    steps: toData({ build: { outputs: { "out-put": "x", constructor: "c", __proto__x: "p" } } }),
    needs: toData({}),
    env: toData(JSON.parse('{"A": "1", "constructor": "ctor", "__proto__": "proto", "toString": "t"}')),
  }),
  functions: stepStatusFunctions(() => "success"),
};

const values: [expression: string, value: Value][] = [
  // Literals
  ["null", null],
  ["true", true],
  ["711", 711],
  ["-9.2", -9.2],
  ["0xff", 255],
  ["0o17", 15],
  ["2.99e-2", 0.0299],
  ["'Mona the Octocat'", "Mona the Octocat"],
  ["'It''s open source!'", "It's open source!"],
  ["'''a'' and ''b'''", "'a' and 'b'"],
  ["'two\nlines'", "two\nlines"],
  // Access
  ["github.ref", "refs/heads/main"],
  ["GitHub.REF", "refs/heads/main"],
  ["github['ref']", "refs/heads/main"],
  ["github['event'].labels[0].name", "Bug"],
  ["github.event.labels['1'].name", "help wanted"],
  ["github.event.labels[9].name", null],
  ["github.event.labels[-1]", null],
  ["github.event.labels[0.9].name", "Bug"],
  ["github.event.labels.name", null],
  ["github.nothing.at.all", null],
  ["github.ref.deeper", null],
  ["matrix.with-dash", 1],
  ["steps.build.outputs.out-put", "x"],
  ["steps.other.outputs.x", null],
  ["vars.UNSET", null],
  ["inputs", null],
  ["env.constructor", "ctor"],
  ["env['__proto__']", "proto"],
  ["env.toString", "t"],
  ["steps.build.outputs.constructor", "c"],
  ["needs.constructor", null],
  ["matrix['__proto__']", null],
  ["github.event.labels.*.name", ["Bug", "help wanted"]],
  ["github.event.commits.*.author.name", ["a", "b"]],
  ["github.event.commits[*].author['name']", ["a", "b"]],
  ["github.event.nested.*[0]", [1, 3]],
  ["github.event.nested.*.*", [1, 2, 3]],
  ["github.event.number.*", []],
  ["matrix.*", ["linux", 3.1, ["a", "b"], 1]],
  ['fromJSON(\'{"a": {"x": 1}, "b": {"x": 2}}\').*.x', [1, 2]],
  ["(github.event).number", 7],
  // Operators
  ["1 == 1", true],
  ["1 == '1'", true],
  ["'1' == 1.0", true],
  ["'0x10' == 16", true],
  ["'' == 0", true],
  ["null == 0", true],
  ["null == ''", true],
  ["null == false", true],
  ["true == 1", true],
  ["true == 'true'", false],
  ["'a' == 0", false],
  ["'ABC' == 'abc'", true],
  ["'abc' != 'ABC'", false],
  ["NaN == NaN", false],
  ["NaN != NaN", true],
  ["'x' > 1", false],
  ["'x' < 1", false],
  ["'b' > 'A'", true],
  ["2 > '1'", true],
  ["true > false", true],
  ["null >= 0", true],
  ["1 <= 0.5", false],
  ["Infinity > 1e308", true],
  ["github.event.labels == github.event.labels", true],
  ["fromJSON('[]') == fromJSON('[]')", false],
  ["github.event == 'Object'", false],
  ["!true", false],
  ["!''", true],
  ["!'false'", false],
  ["!!0", false],
  ["!NaN", true],
  ["!fromJSON('[]')", false],
  ["true && 'value'", "value"],
  ["false && 'value'", false],
  ["'' || 'default'", "default"],
  ["0 || null || 'last'", "last"],
  ["'a' || 'b' && 'c'", "a"],
  ["('a' || 'b') && 'c'", "c"],
  ["1 < 2 == true", true],
  ["!github.event.none && github.event.yes", true],
  ["github.ref == 'refs/heads/main' && 'yes' || 'no'", "yes"],
  // contains, startsWith, endsWith
  ["contains('Hello world', 'LLO')", true],
  ["contains('Hello', 'x')", false],
  ["contains(github.event.labels.*.name, 'bug')", true],
  ["contains(github.event.labels.*.name, 'bu')", false],
  ["contains(fromJSON('[1, 2]'), '2')", true],
  ["contains(fromJSON('[\"push\", \"pull_request\"]'), 'push')", true],
  ["contains(null, '')", true],
  ["contains(github.event.none, 'x')", false],
  ["contains(123, 2)", true],
  ["contains(github.event, 'x')", false],
  ["startsWith('Hello world', 'hE')", true],
  ["startsWith(github.ref, 'refs/tags/')", false],
  ["startsWith(123, 12)", true],
  ["endsWith('Hello world', 'LD')", true],
  ["endsWith(null, '')", true],
  ["startsWith(fromJSON('[]'), 'A')", false],
  // format
  ["format('Hello {0} {1}', 'Mona', 'Cat')", "Hello Mona Cat"],
  ["format('{{Hello {0}!}}', 'Mona')", "{Hello Mona!}"],
  ["format('{1}{0}{1}', 'a', 'b')", "bab"],
  ["format('no arguments')", "no arguments"],
  ["format('{0}', null)", ""],
  ["format('{0} {1} {2}', true, 1.50, fromJSON('[1]'))", "true 1.5 Array"],
  ["format('{0}', github.event)", "Object"],
  ["format('{{{0}}}', 1)", "{1}"],
  ["format('it''s ''{0}''', 'x')", "it's 'x'"],
  // join
  ["join(github.event.labels.*.name, ', ')", "Bug, help wanted"],
  ["join(matrix.flags)", "a,b"],
  ["join('text', '-')", "text"],
  ["join(fromJSON('[1, null, true, [2]]'), '|')", "1||true|Array"],
  ["join(github.event)", ""],
  ["join(github.event.none)", ""],
  // JSON
  ["toJSON('a\"b')", '"a\\"b"'],
  ["toJSON(null)", "null"],
  ["toJSON(1.50)", "1.5"],
  ["toJSON(fromJSON('[]'))", "[]"],
  ["toJSON(fromJSON('{}'))", "{}"],
  ["toJSON(matrix.flags)", '[\n  "a",\n  "b"\n]'],
  [
    'toJSON(fromJSON(\'{"b": [1, {"c": null}], "2": {}, "a": "é"}\'))',
    '{\n  "2": {},\n  "b": [\n    1,\n    {\n      "c": null\n    }\n  ],\n  "a": "é"\n}',
  ],
  ["fromJSON('{\"constructor\": 1, \"__proto__\": 2}')['__proto__']", 2],
  ["fromJSON('{\"constructor\": 1}').constructor", 1],
  ["fromJSON('true') && 1", 1],
  ["fromJSON(toJSON(matrix)).version", 3.1],
  // case
  ["case(false, 1, true, 2, 3)", 2],
  ["case(false, 1, 3)", 3],
  ["case(true, 'yes', fromJSON('bad'))", "yes"],
  // Numbers as text
  ["format('{0}', github.run_id)", "12345678901"],
  ["format('{0}', 0.1)", "0.1"],
  ["format('{0}', -0)", "0"],
  ["format('{0}', 1e20)", "1E+20"],
  ["format('{0}', 1e-7)", "1E-07"],
  ["format('{0}', 0.30000000000000004)", "0.3"],
  ["format('{0}', 123456789.123456789)", "123456789.123457"],
  ["format('{0}', 1.0)", "1"],
  // Status
  ["success()", true],
  ["ALWAYS() && !failure() && !Cancelled()", true],
];

test.each(values)("%s is %j", (expression, value) => {
  expect(toValue(evaluateExpression(expression, scope))).toEqual(value);
});

const refused: [expression: string, why: string][] = [
  ["fromJSON('')", "empty text"],
  ["fromJSON('{bad')", "not JSON: {bad"],
  ["fromJSON(github.event.none)", "empty text"],
  ["format('{0} {1}', 'a')", "references more arguments"],
  ["format('{')", "format string is invalid"],
  ["format('{a}', 1)", "format string is invalid"],
  ["format('}')", "format string is invalid"],
  ["case(1, 2, 3)", "true or false"],
  ["nope.x", "Unrecognized named-value: 'nope'"],
  ["nope()", "Unrecognized function: 'nope'"],
  ["constructor()", "Unrecognized function: 'constructor'"],
  ["1 +", "Unexpected symbol"],
  ["'open", "Unexpected symbol"],
  ["(1", "Unexpected end"],
  ['"double"', "Unexpected symbol"],
  ["contains('a')", "Too few parameters"],
  ["hashFiles('x')", "does not work in this place"],
];

test.each(refused)("%s is refused: %s", (expression, why) => {
  expect(() => evaluateExpression(expression, scope)).toThrow(ExpressionProblem);
  expect(() => evaluateExpression(expression, scope)).toThrow(why);
});

test("a condition holds for anything but false, 0, NaN, '' and null", () => {
  const all = [
    "'x'",
    "'false'",
    "1",
    "github.event",
    "fromJSON('[]')",
    "false",
    "0",
    "-0",
    "NaN",
    "''",
    "null",
  ];
  expect(all.map((one) => evaluateCondition(one, scope))).toEqual([
    ...Array(5).fill(true),
    ...Array(6).fill(false),
  ]);
});

test("10,000 evaluations of the expressions of a step take less than a second", () => {
  const startedAt = performance.now();
  for (let count = 0; count < 10_000; count++) {
    evaluateExpression("success() && (github.ref == 'refs/heads/main')", scope);
  }
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});
