import { expect, test } from "bun:test";
import { hostileTexts } from "../../tests/support/hostile-texts.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { parsePieces } from "./placeholders.ts";
import { fillShellText, shellProblems } from "./shell-text.ts";

test("a thousand hostile values arrive unchanged, in every kind of quotes and in every shell", async () => {
  const script = `printf '%s\\0' {{v}} "{{v}}" '{{v}}' a{{v}}b "$X{{v}}$X" 'it'\\''s {{v}}' "\\"{{v}}\\\\" {{v}}{{v}}`;
  const values = hostileTexts(1_000);
  const pieces = parsePieces(script);
  const text = values.map((value) => fillShellText(pieces, () => value)).join("\n");
  const wanted = values.flatMap((v) => [v, v, v, `a${v}b`, `x${v}x`, `it's ${v}`, `"${v}\\`, v + v]);
  const shells = ["sh", "dash", "bash"].filter((shell) => Bun.which(shell));
  await using scratch = await makeScratch();
  await Bun.write(scratch.join("script"), text);
  for (const shell of shells) {
    const run = Bun.spawnSync([shell, scratch.join("script")], {
      cwd: scratch.path,
      // A shell would complain about a locale the machine lacks.
      env: { ...process.env, LC_ALL: "C", X: "x" },
      timeout: 20_000,
    });
    expect(run.stderr.toString()).toBe("");
    expect(run.stdout.toString().split("\0").slice(0, -1)).toEqual(wanted);
  }
  expect(await Bun.file(scratch.join("pwned")).exists()).toBe(false);
});

const safe = [
  "run {{v}} # a comment",
  'cd "$(dirname "$0")" && run {{v}}',
  `x="a \${HOME} b" run "{{v}}"`,
  "echo $((1 + 2)) {{v}}",
  "echo a#{{v}}",
  "if [ -n '{{v}}' ]; then echo $#; fi; echo {{v}} > {{w}}",
  "case {{v}} in a) echo {{w}};; esac",
  "echo '$(' {{v}}",
  'echo "a \\" b" {{v}}',
  "a=$(b (c)) {{v}}",
  "echo a \\\n  {{v}}",
  "(cd {{v}}; ls) | sort",
  "bash -e {{v}}",
  "python3 -c 'print(1)' {{v}}",
];

test("a placeholder is allowed wherever a value can be quoted", () => {
  for (const text of safe)
    expect({ text, found: shellProblems(parsePieces(text)) }).toEqual({ text, found: [] });
});

const unsafe: [string, string][] = [
  ["echo $(cat {{v}})", "in $(…)"],
  ['echo "$(cat "{{v}}")"', "in $(…)"],
  ["echo `cat {{v}}`", "after a `"],
  ['echo "`cat {{v}}`"', "after a `"],
  ["cat <<EOF\n{{v}}\nEOF", "here-document"],
  ["cat <<< {{v}}", "here-document"],
  ["run # {{v}}", "in a comment"],
  ["echo \\{{v}}", "after a backslash"],
  ['echo "\\{{v}}"', "after a backslash"],
  [`echo \${{v}}`, "after a $"],
  [`echo "\${{v}}"`, "after a $"],
  ["echo $'{{v}}'", "read differently"],
  ['echo $"{{v}}"', "read differently"],
  ["echo $(( {{v}} + 1 ))", "$((…))"],
  ["(( x = {{v}} ))", "(("],
  ["echo $[{{v}}]", "$["],
  [`echo \${X:-{{v}}}`, "that is not simple"],
  ["echo $(case x in x) echo ';;';; esac) {{v}}", "after a case in $(…)"],
  ["echo $\\\n(echo {{v}})", "over two lines"],
  ["sh -c 'echo {{v}}'", "another program"],
  ['cd x && sudo /bin/bash -ec "echo {{v}}"', "another program"],
  ["python3 -c \"print('{{v}}')\"", "another program"],
  ["sh $(which x) -c {{v}}", "another program"],
  ["perl -e '{{v}}'", "another program"],
  ["node --eval {{v}}", "another program"],
  ["eval echo {{v}}", "another program"],
];

test("a placeholder that cannot be quoted safely is refused, and the message says what to do instead", () => {
  for (const [text, message] of unsafe) {
    const [problem] = shellProblems(parsePieces(text));
    expect({ text, message: problem?.message }).toEqual({ text, message: expect.stringContaining(message) });
    expect(problem?.message).toContain("list");
    expect(() => fillShellText(parsePieces(text), () => "x")).toThrow("cannot be filled");
  }
});
