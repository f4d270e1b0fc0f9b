/** The URL for logs and errors: user, password and whatever stands behind `?` are left out. Never throws. */
export function maskedUrl(url: string): string {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is.exec(url) ?? [];
  if (!scheme) return "(not a URL)";
  // A password may hold unescaped signs: what stands before the last @ is never shown, and no @ is looked past.
  const place = rest.slice(rest.lastIndexOf("@") + 1);
  const isPlain = !rest.slice(0, rest.length - place.length).includes("?");
  return isPlain ? scheme + (place.split(/[?#]/)[0] ?? "") : `${scheme}(hidden)`;
}
