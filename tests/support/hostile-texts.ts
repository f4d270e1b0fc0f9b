const PIECES = [
  ...[
    "'",
    '"',
    "`",
    "\\",
    "$",
    "$(touch pwned)",
    "`touch pwned`",
    `\${HOME}`,
    "$'\\x41'",
    "'; touch pwned; '",
  ],
  ...[
    '"; touch pwned; "',
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "*",
    "?",
    "[a-z]",
    "~",
    "~root",
    "!",
    "!!",
    "#",
    "&&",
    "||",
  ],
  ...[
    ";",
    "|",
    ">pwned",
    "<",
    "(",
    ")",
    "{a,b}",
    "%s",
    "%n",
    "-",
    "--",
    "-rf",
    "--help",
    "=",
    "\\n",
    "\\'",
    '\\"',
  ],
  ...[
    "é",
    "😀",
    "👩‍👩‍👧",
    "漢字",
    "\u202e",
    "\u00a0",
    "\u0007",
    "\u001b[31m",
    "\u007f",
    "{{",
    "}}",
    "{{a}}",
    "word",
    "0",
  ],
];

/** This many different texts that trip up people and machines; the same texts on every run. */
export function hostileTexts(count: number): string[] {
  const texts = new Set<string>(["", ...PIECES, ...PIECES.map((piece) => `-${piece}`)]);
  for (let i = 0; texts.size < count; i++) {
    const at = (n: number) => PIECES[(i * n + Math.floor(i / PIECES.length)) % PIECES.length] ?? "";
    texts.add(
      at(1) +
        at(7) +
        (i % 3 === 0 ? at(11) : "") +
        (i % 5 === 0 ? at(13) : "") +
        (i % 7 === 0 ? String(i) : ""),
    );
  }
  return [...texts].slice(0, count);
}
