import { describe, expect, test } from "bun:test";
import { parseSelector, SelectorError, unmetCondition } from "./selector.ts";

const labels = {
  os: "linux",
  "gpu.vendor": "nvidia",
  "gpu.memoryMb": "24576",
  spot: "true",
  zone: "a",
  "gpu.model": "NVIDIA L4",
  odd: `a "b" \\ (c)`,
};
const versions = {
  "rocm.version": "6.4.0",
  "docker.version": "20.10.24+dfsg1",
  "cuda.version": "12.8",
  size: "8GB",
  levels: "34,35",
  "docker.apiVersion": "1.41",
  python: "3.9",
  k8s: "v1.29.3+k3s1",
  next: "2.0.0-rc1",
  py: "3.13.0rc2",
  kernel: "5.15.0-91-generic",
  ratio: "0.5",
  memoryGb: "31.5",
  zig: "0.9",
};
const unmet = (text: string) => unmetCondition(parseSelector(text), labels);

describe("a selector matches", () => {
  test.each([
    "",
    "os=linux",
    "os == linux",
    "os!=darwin",
    "nothere!=x",
    "os in (linux, darwin)",
    "os in(linux)",
    "zone notin (b,c)",
    "nothere notin (b)",
    "spot",
    'gpu.model="NVIDIA L4"',
    "gpu.model = 'NVIDIA L4' , spot",
    'gpu.model in (other,"NVIDIA L4")',
    'gpu.model!="NVIDIA L40"',
    'gpu.memoryMb>="24000"',
    `odd="a \\"b\\" \\\\ (c)"`,
    `odd='a "b" \\\\ (c)'`,
    "!nothere",
    "gpu.memoryMb>=24576",
    "gpu.memoryMb > 1e4",
    "gpu.memoryMb<=24576.0",
    " gpu.vendor=nvidia , gpu.memoryMb>=24000,os in (linux,darwin),!nothere ",
  ])("these labels: %s", (text) => {
    expect(unmet(text)).toBeUndefined();
  });
});

describe("a comparison of versions", () => {
  test.each([
    ["rocm.version>=6", true],
    ["rocm.version>=6.4", true],
    ["rocm.version<=6.4", true],
    ["rocm.version>6.4", false],
    ["rocm.version>=6.10", false],
    ["rocm.version<7", true],
    ["docker.version>20.10", true],
    ["docker.version>=20.9", true],
    ["docker.version>=23", false],
    ["cuda.version>=12.10", false],
    ["cuda.version>=12.8", true],
    ["cuda.version>12", true],
    ["cuda.version<13", true],
    ["docker.version>=20.10.24", true],
    ["docker.version>=20.10.25", false],
    ["docker.version<20.10.100", true],
    ["docker.apiVersion>=1.9", true],
    ["python>=3.10", false],
    ["python<3.10", true],
    ["python>=v3.9", true],
    ["k8s>=1.29.3", true],
    ["k8s<1.30", true],
    ["next>=2.0.0", false],
    ["next>=2.0.0-rc1", true],
    ["next>2.0.0-beta.9", true],
    ["next<2.0.0", true],
    ["py>=3.13", false],
    ["py>=3.13.0rc1", true],
    ["kernel>=5.15", true],
    ["kernel<=5.15.0", true],
    ["ratio>0.25", true],
    ["memoryGb>=31.25", true],
    ["memoryGb>=4e1", false],
    ["zig<0.10", true],
    ["size>=4", false],
    ["levels>=30", false],
  ])("goes part by part: %s is %p", (text, isMet) => {
    expect(unmetCondition(parseSelector(text), versions) === undefined).toBe(isMet);
  });
});

describe("a selector that does not match names the first condition that fails", () => {
  test.each([
    ["os=darwin", "its label is os=linux (the job asks for os=darwin)"],
    ["os=linux,zone=b", "its label is zone=a (the job asks for zone=b)"],
    ['gpu.model="NVIDIA L40"', 'its label is gpu.model=NVIDIA L4 (the job asks for gpu.model="NVIDIA L40")'],
    [`odd in ('"',b)`, 'its label is odd=a "b" \\ (c) (the job asks for odd in ("\\"",b))'],
    ["tier=1", "it has no label tier (the job asks for tier=1)"],
    ["tier", "it has no label tier (the job asks for tier)"],
    ["!spot", "it has the label spot (the job asks for !spot)"],
    ["os in (darwin,windows)", "its label is os=linux (the job asks for os in (darwin,windows))"],
    ["zone notin (a)", "its label is zone=a (the job asks for zone notin (a))"],
    ["gpu.memoryMb>24576", "its label is gpu.memoryMb=24576 (the job asks for gpu.memoryMb>24576)"],
    ["os>1", "its label is os=linux (the job asks for os>1)"],
    ["tier<1", "it has no label tier (the job asks for tier<1)"],
  ])("%s", (text, reason) => {
    expect(unmet(text)).toBe(reason);
  });
});

describe("an invalid selector is refused with the column", () => {
  test.each([
    [",", /column 1 .*expected a label key/],
    ["os=linux,", /column 10 .*expected a label key/],
    ["os=linux zone=a", /column 10 .*expected ","/],
    ["gpu.model=NVIDIA L4", /column 18 .*expected ",": put a value with blanks in quotes/],
    ['gpu.model="NVIDIA L4', /column 11 .*the quote " is not closed/],
    ['gpu.model="NVIDIA L4"x', /column 22 .*expected ","/],
    ["os in (linux", /column 13 .*expected "\)"/],
    ["-x=1", /-x is not a label key/],
    ["mem>=much", /compares numbers and versions, and "much" is neither/],
    ["os===linux", /column 5 .*= cannot begin a value/],
    ["os!==linux", /= cannot begin a value/],
    ["os=>linux", /> cannot begin a value/],
    ["os=~lin.*", /patterns are not supported/],
    ["os!~lin.*", /patterns are not supported/],
    ["os=lin*", /patterns are not supported.*in quotes, as in "lin\*"/],
    ["os=linux||os=darwin", /\| is not an operator: .*KEY in \(a,b\)/],
    ["os=linux && arch=x64", /join conditions with a comma/],
    ["os=linux&&arch=x64", /&& is not an operator/],
    ["os=linux;arch=x64", /; is not an operator/],
    ["spot and os=linux", /join conditions with a comma/],
    ["os in ()", /a value is missing/],
    ["os in (linux,)", /a value is missing/],
    ["os notin (linux,,darwin)", /a value is missing/],
    ["gpu.memoryMb>=24,000", /numbers have no commas; write 24000/],
    ["gpu.memoryMb>=1,024,000,spot", /write 1024000/],
    ["os=linux,os=darwin", /can never be met: .*os in \(linux,darwin\)/],
    ["cpuCount>=5,cpuCount<=3", /can never be met: .*cpuCount>=5 and cpuCount<=3/],
    ["python.version>3.9,python.version<3.9", /can never be met/],
    ["os in (a,b),os=c", /can never be met/],
    ["os=linux,os!=linux", /can never be met/],
    ["spot,!spot", /can never be met: spot needs the label that !spot forbids/],
    ["a=(b)", /expected ","/],
  ])("%s", (text, message) => {
    expect(() => parseSelector(text)).toThrow(SelectorError);
    expect(() => parseSelector(text)).toThrow(message);
  });
});

test("inherited properties are not labels of a node", () => {
  expect(unmet("constructor")).toBe("it has no label constructor (the job asks for constructor)");
  expect(unmet("toString")).toStartWith("it has no label toString");
  expect(unmet("!constructor")).toBeUndefined();
  expect(unmet("valueOf!=x")).toBeUndefined();
});

test("operators of other languages may be quoted, and a selector stored by an older release keeps its meaning", () => {
  expect(parseSelector('a="=b",c="x||y",d in ("","*")')).toHaveLength(3);
  expect(parseSelector("os=linux||os=darwin", { stored: true })).toEqual([
    { operator: "=", key: "os", value: "linux||os=darwin" },
  ]);
  expect(parseSelector("mem>=24,000", { stored: true })).toHaveLength(2);
});
