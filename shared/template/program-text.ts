import { basename } from "node:path/posix";

/** Programs that take a program as an argument, and the flags that say so. */
const INTERPRETERS: readonly { name: RegExp; flag: RegExp }[] = [
  { name: /^(sh|bash|dash|ash|ksh|zsh|fish|busybox)$/, flag: /^-\w*c$/ },
  { name: /^(python[\d.]*|pypy[\d.]*)$/, flag: /^-\w*c$/ },
  { name: /^(perl|ruby|lua|osascript)[\d.]*$/, flag: /^-\w*[eE]$/ },
  { name: /^(node|bun|deno)$/, flag: /^(-e|-p|-pe|--eval|--print)$/ },
  { name: /^php[\d.]*$/, flag: /^-r$/ },
  { name: /^(pwsh|powershell)$/i, flag: /^-(c|command)$/i },
  { name: /^cmd(\.exe)?$/i, flag: /^\/[ck]$/i },
];

/** Whether `args[index]` is the text of a program that another program is given, as in `sh -c TEXT`. */
export function isProgramArgument(args: readonly string[], index: number): boolean {
  if (args.slice(0, index).includes("eval")) return true;
  const flag = args[index - 1];
  if (flag === undefined) return false;
  const before = args.slice(0, index - 1).map((arg) => basename(arg));
  return INTERPRETERS.some((one) => one.flag.test(flag) && before.some((name) => one.name.test(name)));
}
